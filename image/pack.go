package image

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash"
	"io"
	"os"
	"runtime"
	"sync"

	"github.com/klauspost/compress/zstd"
	"github.com/opencontainers/go-digest"
	"golang.org/x/sys/unix"
)

// A layer's blob is a row of zstd frames, each with a skippable frame before
// it that gives its length, as pzstd(1) writes them. So frames can be packed
// and unpacked beside each other, and every zstd still reads the whole.
const (
	skippableMagic = 0x184D2A50
	prefixSize     = 12
	// chunkSize is how much goes into a frame: larger ones gain under 2% of
	// size and nothing in speed, and cost memory. maxFrame is how much a
	// reader takes from one.
	chunkSize = 256 << 10
	maxFrame  = 4 << 20
	// writeback is how much is written before the kernel is told to begin
	// with putting it on disk, so that the sync at the end has little to do.
	writeback = 8 << 20
)

// packer compresses what is written to it into a blob. Three kinds of
// goroutine work on it: the caller fills chunks, workers compress them, one
// writes them in order and hashes the result. close ends them all.
type packer struct {
	ctx  context.Context
	enc  *zstd.Encoder
	out  *os.File
	hash hash.Hash

	cur   *chunk
	free  chan *chunk
	jobs  chan *chunk
	queue chan *chunk // in order
	wg    sync.WaitGroup

	failed  chan struct{} // closed when err is set
	err     error         // set by the writing goroutine before failed
	size    int64         // written, owned by the writing goroutine until it ends
	content int64         // filled, owned by the caller
}

// newEncoder is chosen by measurement on the memory of Python and Go programs:
// beside SpeedFastest alone, leaving literals as they are takes a sixth less
// time and gives blobs a tenth larger; the default level takes a third more
// time for 2%. Storing as it is takes no less than this, since more has to be
// hashed and synced. The digest makes zstd's own checksum needless.
func newEncoder() (*zstd.Encoder, error) {
	return zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithNoEntropyCompression(true),
		zstd.WithEncoderCRC(false), zstd.WithSingleSegment(true), zstd.WithWindowSize(chunkSize))
}

type chunk struct {
	raw    []byte
	packed []byte
	done   chan struct{}
}

func newPacker(ctx context.Context, enc *zstd.Encoder, out *os.File) *packer {
	workers := runtime.GOMAXPROCS(0)
	chunks := 2*workers + 1
	p := &packer{
		ctx: ctx, enc: enc, out: out, hash: digest.SHA256.Hash(),
		free: make(chan *chunk, chunks), jobs: make(chan *chunk, chunks), queue: make(chan *chunk, chunks),
		failed: make(chan struct{}),
	}
	for range chunks {
		p.free <- &chunk{}
	}
	for range workers {
		p.wg.Go(p.compress)
	}
	p.wg.Go(p.write)
	return p
}

func (p *packer) compress() {
	for c := range p.jobs {
		c.packed = p.enc.EncodeAll(c.raw, c.packed[:prefixSize])
		binary.LittleEndian.PutUint32(c.packed[0:], skippableMagic)
		binary.LittleEndian.PutUint32(c.packed[4:], 4)
		binary.LittleEndian.PutUint32(c.packed[8:], uint32(len(c.packed)-prefixSize))
		close(c.done)
	}
}

func (p *packer) write() {
	var begun int64
	for c := range p.queue {
		<-c.done
		if p.err == nil {
			if err := p.writeChunk(c.packed); err != nil {
				p.err = err
				close(p.failed)
			}
		}
		if p.size-begun >= writeback {
			// Only a hint: a file system without it has more to do later.
			_ = unix.SyncFileRange(int(p.out.Fd()), begun, p.size-begun, unix.SYNC_FILE_RANGE_WRITE)
			begun = p.size
		}
		p.free <- c
	}
}

func (p *packer) writeChunk(data []byte) error {
	n, err := p.out.Write(data)
	p.size += int64(n)
	_, _ = p.hash.Write(data)
	return err
}

// room returns the unfilled rest of the current chunk; fill says how much of
// it the caller filled.
func (p *packer) room() ([]byte, error) {
	if p.cur == nil {
		select {
		case p.cur = <-p.free:
		case <-p.failed:
			return nil, p.err
		case <-p.ctx.Done():
			return nil, context.Cause(p.ctx)
		}
		if p.cur.raw == nil {
			p.cur.raw = make([]byte, 0, chunkSize)
			p.cur.packed = make([]byte, 0, chunkSize+chunkSize/64)
		}
		p.cur.raw = p.cur.raw[:0]
		p.cur.done = make(chan struct{})
	}
	return p.cur.raw[len(p.cur.raw):chunkSize], nil
}

func (p *packer) fill(n int) {
	p.cur.raw = p.cur.raw[:len(p.cur.raw)+n]
	p.content += int64(n)
	if len(p.cur.raw) == chunkSize {
		p.submit()
	}
}

func (p *packer) submit() {
	c := p.cur
	p.cur = nil
	p.queue <- c
	p.jobs <- c
}

// Write implements io.Writer.
func (p *packer) Write(data []byte) (int, error) {
	total := len(data)
	for len(data) > 0 {
		room, err := p.room()
		if err != nil {
			return total - len(data), err
		}
		n := copy(room, data)
		p.fill(n)
		data = data[n:]
	}
	return total, nil
}

// readExactly takes n bytes of r, straight into chunks.
func (p *packer) readExactly(r io.Reader, n int64) error {
	for n > 0 {
		room, err := p.room()
		if err != nil {
			return err
		}
		got, err := r.Read(room[:min(int64(len(room)), n)])
		p.fill(got)
		n -= int64(got)
		if err == io.EOF && n > 0 {
			return fmt.Errorf("it became shorter while it was being saved")
		}
		if err != nil && err != io.EOF {
			return err
		}
	}
	return nil
}

// close packs what is left, waits for the goroutines to end, and returns the
// blob's digest and size. It must be called exactly once.
func (p *packer) close() (digest.Digest, int64, error) {
	if p.cur != nil && len(p.cur.raw) > 0 {
		p.submit()
	}
	close(p.jobs)
	close(p.queue)
	p.wg.Wait()
	if p.err != nil {
		return "", 0, p.err
	}
	return digest.NewDigest(digest.SHA256, p.hash), p.size, nil
}
