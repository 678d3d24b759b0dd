package logfile

import (
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Sizes of blocks.
const (
	// smallBlock is enough for what a program says now and then.
	smallBlock = 4 << 10
	// largeBlock is for a program that writes as fast as it can: twice what a
	// grown pipe holds, since entries are longer than lines.
	largeBlock = 1 << 20
	// largeRead is how much is read at once: what a grown pipe holds.
	largeRead = 512 << 10
	// smallOut is for the entries of a small block.
	smallOut = 16 << 10
)

// idleBlocks is how long large blocks are kept that nobody uses.
const idleBlocks = time.Second

// blocks lends blocks of memory. Large ones come from mmap(2) and are given
// back when they have been idle for a while: a garbage collector does that only
// when there is garbage, and a supervisor at rest makes none.
type blocks struct {
	small sync.Pool // *[]byte of smallOut

	mu    sync.Mutex // guards all below
	free  []*[]byte  // of largeBlock
	used  bool       // since the timer was set
	timer *time.Timer
}

// get lends a block with a length of its own.
func (b *blocks) get(large bool) *[]byte {
	if large {
		return b.getLarge()
	}
	if block, ok := b.small.Get().(*[]byte); ok {
		return block
	}
	block := make([]byte, smallOut)
	return &block
}

func (b *blocks) getLarge() *[]byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.used = true
	if n := len(b.free); n > 0 {
		block := b.free[n-1]
		b.free = b.free[:n-1]
		return block
	}
	block, err := unix.Mmap(-1, 0, largeBlock, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		block = make([]byte, smallOut) // at the limit of memory, all goes more slowly
	}
	return &block
}

// put takes a block back.
func (b *blocks) put(block *[]byte) {
	if len(*block) != largeBlock {
		b.small.Put(block)
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.free = append(b.free, block)
	if b.timer == nil {
		b.used = false
		b.timer = time.AfterFunc(idleBlocks, b.idle)
	}
}

// idle frees the blocks, if none was used of late. The timer is set only while
// there are any.
func (b *blocks) idle() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.used {
		b.used = false
		b.timer.Reset(idleBlocks)
		return
	}
	b.timer = nil
	b.freeLocked()
}

// release frees all blocks that are not lent.
func (b *blocks) release() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.freeLocked()
}

func (b *blocks) freeLocked() {
	for _, block := range b.free {
		_ = unix.Munmap(*block) // cannot fail for what mmap gave
	}
	b.free = nil
}
