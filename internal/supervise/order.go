package supervise

import (
	"cmp"
	"slices"
	"sync"

	"github.com/seancehq/seance/manifest"
)

// startupOrder is the services of a manifest in the order of the start-up list:
// by category and priority, and in one rank as in the file, but for those that
// others need, which come before these.
func startupOrder(m *manifest.Manifest) []manifest.Service {
	category := map[string]int{}
	for i, name := range m.CategoryOrder() {
		category[name] = i
	}
	list := slices.Clone(m.Services)
	slices.SortStableFunc(list, func(a, b manifest.Service) int {
		return cmp.Or(cmp.Compare(category[a.Category], category[b.Category]), cmp.Compare(a.Priority, b.Priority))
	})
	return neededFirst(list)
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

// inOrder calls do for each service and returns when all calls have. The list is
// in start-up order: one rank begins when that before it is done, and those of
// one rank run at once, but that one waits for those in the list that it needs.
func inOrder(list []*service, do func(*service)) { walk(list, false, do) }

// inReverse is inOrder from the end, as things are stopped: what is needed waits
// for those that need it.
func inReverse(list []*service, do func(*service)) { walk(list, true, do) }

func walk(list []*service, reverse bool, do func(*service)) {
	ranks := ranksOf(list)
	if reverse {
		slices.Reverse(ranks)
	}
	for _, rank := range ranks {
		walkRank(rank, reverse, do)
	}
}

func walkRank(rank []*service, reverse bool, do func(*service)) {
	done := make(map[string]chan struct{}, len(rank))
	for _, s := range rank {
		done[s.spec().Name] = make(chan struct{})
	}
	before := map[string][]chan struct{}{} // what each one waits for
	for _, s := range rank {
		spec := s.spec()
		for _, needed := range spec.Needs {
			switch {
			case done[needed] == nil:
			case reverse:
				before[needed] = append(before[needed], done[spec.Name])
			default:
				before[spec.Name] = append(before[spec.Name], done[needed])
			}
		}
	}
	var wg sync.WaitGroup
	for _, s := range rank {
		name := s.spec().Name
		wg.Go(func() {
			defer close(done[name])
			for _, c := range before[name] {
				<-c
			}
			do(s)
		})
	}
	wg.Wait()
}

// ranksOf cuts a list in start-up order where category or priority change.
func ranksOf(list []*service) [][]*service {
	var ranks [][]*service
	for i, s := range list {
		if i == 0 || !sameRank(list[i-1].spec(), s.spec()) {
			ranks = append(ranks, nil)
		}
		last := len(ranks) - 1
		ranks[last] = append(ranks[last], s)
	}
	return ranks
}

func sameRank(a, b *manifest.Service) bool {
	return a.Category == b.Category && a.Priority == b.Priority
}
