package supervise

import (
	"cmp"
	"slices"
	"sync"

	"github.com/seancehq/seance/manifest"
)

// startupOrder is services in the order of the start-up list:
// by category and priority, and in one rank as in the file, but for those that
// others need, which come before these.
func startupOrder(categories []string, services []manifest.Service) []manifest.Service {
	category := positions(categories)
	list := slices.Clone(services)
	slices.SortStableFunc(list, func(a, b manifest.Service) int {
		return cmp.Or(cmp.Compare(category[a.Category], category[b.Category]), cmp.Compare(a.Priority, b.Priority))
	})
	return neededFirst(list)
}

func positions(names []string) map[string]int {
	at := make(map[string]int, len(names))
	for i, name := range names {
		at[name] = i
	}
	return at
}

// neededFirst moves what a service needs before it, and leaves the rest in
// order. What is needed stands in the same rank or an earlier one, and nothing
// needs itself over others: the manifest was checked.
func neededFirst(list []manifest.Service) []manifest.Service {
	at := make(map[string]int, len(list))
	for i, s := range list {
		at[s.Name] = i
	}
	ordered := make([]manifest.Service, 0, len(list))
	placed := make([]bool, len(list))
	var place func(i int)
	place = func(i int) {
		if placed[i] {
			return
		}
		placed[i] = true
		for _, name := range list[i].Needs {
			if j, ok := at[name]; ok {
				place(j)
			}
		}
		ordered = append(ordered, list[i])
	}
	for i := range list {
		place(i)
	}
	return ordered
}

// step is something to do for one service or hook at its place in the start-up
// list.
type step struct {
	name     string
	category string
	priority int
	needs    []string
	do       func()
}

// inOrder calls do for each service and returns when all calls have. The list is
// in start-up order: one rank begins when that before it is done, and those of
// one rank run at once, but that one waits for those in the list that it needs.
func inOrder(list []*service, do func(*service)) { walk(stepsOf(list, do), false) }

// inReverse is inOrder from the end, as things are stopped: what is needed waits
// for those that need it.
func inReverse(list []*service, do func(*service)) { walk(stepsOf(list, do), true) }

func stepsOf(list []*service, do func(*service)) []step {
	steps := make([]step, 0, len(list))
	for _, s := range list {
		spec := s.spec()
		steps = append(steps, step{spec.Name, spec.Category, spec.Priority, spec.Needs, func() { do(s) }})
	}
	return steps
}

func walk(list []step, reverse bool) {
	ranks := ranksOf(list)
	if reverse {
		slices.Reverse(ranks)
	}
	for _, rank := range ranks {
		walkRank(rank, reverse)
	}
}

func walkRank(rank []step, reverse bool) {
	done := make(map[string]chan struct{}, len(rank))
	for _, s := range rank {
		done[s.name] = make(chan struct{})
	}
	before := map[string][]chan struct{}{} // what each one waits for
	for _, s := range rank {
		for _, needed := range s.needs {
			switch {
			case done[needed] == nil:
			case reverse:
				before[needed] = append(before[needed], done[s.name])
			default:
				before[s.name] = append(before[s.name], done[needed])
			}
		}
	}
	var wg sync.WaitGroup
	for _, s := range rank {
		wg.Go(func() {
			defer close(done[s.name])
			for _, c := range before[s.name] {
				<-c
			}
			s.do()
		})
	}
	wg.Wait()
}

// ranksOf cuts a list in start-up order where category or priority change.
func ranksOf(list []step) [][]step {
	var ranks [][]step
	for i, s := range list {
		if i == 0 || list[i-1].category != s.category || list[i-1].priority != s.priority {
			ranks = append(ranks, nil)
		}
		last := len(ranks) - 1
		ranks[last] = append(ranks[last], s)
	}
	return ranks
}
