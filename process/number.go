package process

import (
	"iter"
	"sync/atomic"
)

// PID is a process, thread, group or session number.
type PID int32

const (
	// DefaultLimit is what /proc/sys/kernel/pid_max is at most: every number is less.
	DefaultLimit PID = 1 << 22
	// reservedPIDs are never given out again once the numbers have wrapped, as in
	// Linux's alloc_pid.
	reservedPIDs PID = 300
)

// numbers says what carries a number. One number can be carried by a process or
// thread, a group and a session at the same time, and is free when none does.
type numbers struct {
	dir   atomic.Pointer[[]atomic.Pointer[numberPage]]
	pages []*numberPage
	limit PID // all numbers are less

	_ cacheLine

	spare *numberPage
	last  PID // the number given out last
	used  int // numbers carried by something
	_     cacheLine
}

const (
	numberBits = 8
	numberMask = 1<<numberBits - 1
)

type numberPage struct {
	used    int32
	carrier [1 << numberBits]carrier
}

// carrier holds slots, 0 for none.
type carrier struct {
	task    atomic.Uint32 // of a process, or of a thread if threadBit is set
	group   atomic.Uint32
	session atomic.Uint32
}

const threadBit = 1 << 31

func (c *carrier) free() bool {
	return c.task.Load()|c.group.Load()|c.session.Load() == 0
}

// find returns what carries the number, nil if nothing ever near it did. It needs
// no lock.
func (ns *numbers) find(n PID) *carrier {
	dir := ns.dir.Load()
	i := int(n >> numberBits)
	if n < 0 || dir == nil || i >= len(*dir) {
		return nil
	}
	page := (*dir)[i].Load()
	if page == nil {
		return nil
	}
	return &page.carrier[n&numberMask]
}

func (ns *numbers) task(n PID) uint32 {
	if c := ns.find(n); c != nil {
		return c.task.Load()
	}
	return 0
}

func (ns *numbers) group(n PID) uint32 {
	if c := ns.find(n); c != nil {
		return c.group.Load()
	}
	return 0
}

func (ns *numbers) session(n PID) uint32 {
	if c := ns.find(n); c != nil {
		return c.session.Load()
	}
	return 0
}

func (ns *numbers) isFree(n PID) bool {
	i := int(n >> numberBits)
	if i >= len(ns.pages) || ns.pages[i] == nil {
		return true
	}
	return ns.pages[i].carrier[n&numberMask].free()
}

// setTask makes a process or thread carry number n, or none if slot is 0.
func (ns *numbers) setTask(n PID, slot uint32) {
	page := ns.page(int(n >> numberBits))
	c := &page.carrier[n&numberMask]
	before, others := c.task.Load() == 0, c.group.Load()|c.session.Load() == 0
	c.task.Store(slot)
	ns.count(n, page, before && others, slot == 0 && others)
}

// setGroup makes a group carry number n, or none if slot is 0.
func (ns *numbers) setGroup(n PID, slot uint32) {
	page := ns.page(int(n >> numberBits))
	c := &page.carrier[n&numberMask]
	before, others := c.group.Load() == 0, c.task.Load()|c.session.Load() == 0
	c.group.Store(slot)
	ns.count(n, page, before && others, slot == 0 && others)
}

// setSession makes a session carry number n, or none if slot is 0.
func (ns *numbers) setSession(n PID, slot uint32) {
	page := ns.page(int(n >> numberBits))
	c := &page.carrier[n&numberMask]
	before, others := c.session.Load() == 0, c.task.Load()|c.group.Load() == 0
	c.session.Store(slot)
	ns.count(n, page, before && others, slot == 0 && others)
}

// count keeps the counts of numbers that are carried.
func (ns *numbers) count(n PID, page *numberPage, before, after bool) {
	switch {
	case before == after:
		return
	case before:
		page.used++
		ns.used++
		return
	}
	page.used--
	ns.used--
	// The page from which numbers are given out is likely to be needed at once.
	if page.used == 0 && n>>numberBits != ns.last>>numberBits {
		ns.drop(int(n >> numberBits))
	}
}

func (ns *numbers) page(i int) *numberPage {
	if i < len(ns.pages) && ns.pages[i] != nil {
		return ns.pages[i]
	}
	return ns.addPage(i)
}

func (ns *numbers) addPage(i int) *numberPage {
	fresh := ns.spare
	ns.spare = nil
	if fresh == nil {
		fresh = new(numberPage)
	}
	for i >= len(ns.pages) {
		ns.pages = append(ns.pages, nil)
	}
	ns.pages[i] = fresh
	if dir := ns.dir.Load(); dir == nil || i >= len(*dir) {
		ns.grow(max(4, 2*len(ns.pages)))
	}
	(*ns.dir.Load())[i].Store(fresh)
	return fresh
}

// drop gives an empty page back. The last one is kept for the next page that is
// needed: numbers are given out in a circle, so pages come and go all the time.
func (ns *numbers) drop(i int) {
	ns.spare, ns.pages[i] = ns.pages[i], nil
	(*ns.dir.Load())[i].Store(nil)
}

func (ns *numbers) grow(size int) {
	dir := make([]atomic.Pointer[numberPage], size)
	for i, page := range ns.pages {
		dir[i].Store(page)
	}
	ns.dir.Store(&dir)
}

// next gives out the number after the last one that is free, starting again from
// below when it comes to the limit.
func (ns *numbers) next() (PID, error) {
	if n := ns.search(ns.last+1, ns.limit); n != 0 {
		ns.setLast(n)
		return n, nil
	}
	from := PID(1)
	if ns.last >= reservedPIDs {
		from = reservedPIDs
	}
	if n := ns.search(from, min(ns.last+1, ns.limit)); n != 0 {
		ns.setLast(n)
		return n, nil
	}
	return 0, ErrExhausted
}

// setLast notes the number given out last, and gives back the page from which
// numbers were given out before if nothing is left in it.
func (ns *numbers) setLast(n PID) {
	from := int(ns.last >> numberBits)
	ns.last = n
	if from == int(n>>numberBits) || from >= len(ns.pages) {
		return
	}
	if page := ns.pages[from]; page != nil && page.used == 0 {
		ns.drop(from)
	}
}

// search finds the first free number in [from, to), 0 if there is none.
func (ns *numbers) search(from, to PID) PID {
	for n := from; n < to; n++ {
		i := int(n >> numberBits)
		if i >= len(ns.pages) || ns.pages[i] == nil {
			return n
		}
		page := ns.pages[i]
		if page.used == numberMask+1 {
			n |= numberMask // all of this page is in use
			continue
		}
		if page.carrier[n&numberMask].free() {
			return n
		}
	}
	return 0
}

// all goes through the numbers that something carries, in ascending order. It
// needs no lock; what carries a number must be checked to be of that number,
// because a page may come to stand for other numbers at any moment.
func (ns *numbers) all() iter.Seq2[PID, *carrier] {
	return func(yield func(PID, *carrier) bool) {
		for i := 0; ; i++ {
			dir := ns.dir.Load()
			if dir == nil || i >= len(*dir) {
				return
			}
			page := (*dir)[i].Load()
			if page == nil {
				continue
			}
			for j := range page.carrier {
				c := &page.carrier[j]
				if !c.free() && !yield(PID(i<<numberBits|j), c) {
					return
				}
			}
		}
	}
}
