package reap

import "math/rand/v2"

// Marks are the marks that one process has to give. Those of another, below it
// or above it, are others. 0: none.
type Marks uint64

// marksBits is how many of a mark's bits tell the programs of one process apart.
const marksBits = 24

// NewMarks draws marks at random, out of so many (2^32) that two processes do not
// have the same in practice.
func NewMarks() Marks { return Marks(MinMark + uint64(rand.Uint32())<<marksBits) }

// mayLive is set in the marks of programs that may outlive whoever started them.
const mayLive = 1 << (marksBits - 1)

// MayLive makes of a mark one that says that its programs may live on, and
// LivesOn tells. Both marks are the same program's, see [Same].
func MayLive(mark uint64) uint64 { return mark | mayLive }

// LivesOn says whether programs of a mark may live on.
func LivesOn(mark uint64) bool { return mark&mayLive != 0 }

// Same is what a mark is with or without that.
func Same(mark uint64) uint64 { return mark &^ mayLive }

// First is the first of them; the others are those that follow.
func (m Marks) First() uint64 { return uint64(m) }

// Has says whether a mark is one of them.
func (m Marks) Has(mark uint64) bool { return m != 0 && mark>>marksBits == uint64(m)>>marksBits }
