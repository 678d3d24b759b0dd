package process

import (
	"math/bits"
	"sync/atomic"
)

// An arena keeps the records of one kind in pages, addressed by slot number. The
// records hold no Go pointers, so the garbage collector never looks into them,
// and a million processes cost it nothing. A record never moves, so a reader
// without the lock may load its atomic fields at any time; the serial number in
// the record tells it whether the slot is still the one it knew.
//
// A page is given back as soon as it is empty (one is kept as a spare), so a
// table that was once large does not stay large.
//
// Slot 0 is never given out: it means "none" in every link.
type arena[T any] struct {
	dir   atomic.Pointer[[]atomic.Pointer[page[T]]] // for readers without the lock
	pages []*page[T]                                // the same, for those who hold it
	heads []pageHead                                // of the pages

	_ cacheLine // what readers look at is not next to what writers change

	partial uint32   // head of the list of pages with free slots, number+1
	spare   uint32   // the one page kept without a record, number+1
	live    int      // records in use
	holes   []uint32 // numbers of pages given back

	_ cacheLine
}

// cacheLine keeps what stands before it and after it out of one cache line.
type cacheLine [64]byte

const (
	slotBits = 6 // 64 records a page: a bitmap of the free ones fits a word
	pageSize = 1 << slotBits
	slotMask = pageSize - 1
)

// page holds nothing but records, so that those of 64 bytes have a cache line each.
type page[T any] [pageSize]T

type pageHead struct {
	free       uint64 // bit i: record i is free
	prev, next uint32 // list of pages with free slots, number+1
}

// at returns the record of a slot that is known to be in use.
func (a *arena[T]) at(slot uint32) *T {
	return &a.pages[slot>>slotBits][slot&slotMask]
}

// peek returns the record of a slot for a reader that does not hold the lock,
// and nil if its page has been given back.
func (a *arena[T]) peek(slot uint32) *T {
	dir := a.dir.Load()
	if dir == nil || int(slot>>slotBits) >= len(*dir) {
		return nil
	}
	page := (*dir)[slot>>slotBits].Load()
	if page == nil {
		return nil
	}
	return &page[slot&slotMask]
}

// alloc takes a free slot. The record is as its last owner left it: the caller
// sets every field.
func (a *arena[T]) alloc() uint32 {
	if a.partial == 0 {
		a.addPage()
	}
	n := a.partial - 1
	head := &a.heads[n]
	if a.spare == n+1 {
		a.spare = 0
	}
	bit := bits.TrailingZeros64(head.free)
	head.free &= head.free - 1
	if head.free == 0 {
		a.unlink(n)
	}
	a.live++
	return n<<slotBits | uint32(bit)
}

// release gives a slot back. Its serial number must already be cleared.
func (a *arena[T]) release(slot uint32) {
	n := slot >> slotBits
	head := &a.heads[n]
	if head.free == 0 {
		a.link(n)
	}
	head.free |= 1 << (slot & slotMask)
	a.live--
	if head.free != ^uint64(0) {
		return
	}
	if a.spare == 0 {
		a.spare = n + 1
		return
	}
	// The higher one goes, so that the directory can shrink.
	drop := max(n, a.spare-1)
	a.spare = min(n+1, a.spare)
	a.dropPage(drop)
}

func (a *arena[T]) addPage() {
	n := uint32(len(a.pages))
	if last := len(a.holes) - 1; last >= 0 {
		n, a.holes = a.holes[last], a.holes[:last]
	} else {
		a.pages = append(a.pages, nil)
		a.heads = append(a.heads, pageHead{})
	}
	fresh := new(page[T])
	a.heads[n].free = ^uint64(0)
	if n == 0 {
		a.heads[n].free &^= 1 // slot 0 is never given out
	}
	a.pages[n] = fresh
	a.publish(n, fresh)
	a.link(n)
}

func (a *arena[T]) dropPage(n uint32) {
	a.unlink(n)
	a.pages[n] = nil
	a.publish(n, nil)
	a.holes = append(a.holes, n)
	if len(a.pages) > 64 && len(a.holes) > len(a.pages)*3/4 {
		a.shrink()
	}
}

// shrink cuts off the end of the directory when half of it is no longer used.
func (a *arena[T]) shrink() {
	end := len(a.pages)
	for a.pages[end-1] == nil {
		end--
	}
	if end > len(a.pages)/2 {
		return
	}
	a.pages = append([]*page[T](nil), a.pages[:end]...)
	a.heads = append([]pageHead(nil), a.heads[:end]...)
	kept := make([]uint32, 0, end)
	for _, n := range a.holes {
		if int(n) < end {
			kept = append(kept, n)
		}
	}
	a.holes = kept
	a.replaceDir(end)
}

// publish makes a page known to the readers without the lock.
func (a *arena[T]) publish(n uint32, page *page[T]) {
	if dir := a.dir.Load(); dir == nil || int(n) >= len(*dir) {
		a.replaceDir(max(4, 2*len(a.pages)))
	}
	(*a.dir.Load())[n].Store(page)
}

func (a *arena[T]) replaceDir(size int) {
	dir := make([]atomic.Pointer[page[T]], size)
	for i, page := range a.pages {
		if page != nil {
			dir[i].Store(page)
		}
	}
	a.dir.Store(&dir)
}

func (a *arena[T]) link(n uint32) {
	head := &a.heads[n]
	head.prev, head.next = 0, a.partial
	if a.partial != 0 {
		a.heads[a.partial-1].prev = n + 1
	}
	a.partial = n + 1
}

func (a *arena[T]) unlink(n uint32) {
	head := &a.heads[n]
	if head.prev != 0 {
		a.heads[head.prev-1].next = head.next
	} else {
		a.partial = head.next
	}
	if head.next != 0 {
		a.heads[head.next-1].prev = head.prev
	}
	head.prev, head.next = 0, 0
}
