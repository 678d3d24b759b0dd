package image

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"runtime"
	"sync"

	"github.com/klauspost/compress/zstd"
	"github.com/opencontainers/go-digest"
)

// unpacker reads what a blob decompresses to. One goroutine reads and hashes
// the blob and cuts it into frames, workers decompress them, the caller takes
// them in order. It never gives more than the layer's content size, and ends
// with io.EOF only if digest and sizes were right.
type unpacker struct {
	layer Layer
	file  *os.File
	dec   *zstd.Decoder

	cancel context.CancelFunc
	wg     sync.WaitGroup
	free   chan *frame
	jobs   chan *frame
	queue  chan *frame // in order; closed at the end

	end  error // why queue was closed; io.EOF if all was right
	cur  *frame
	rest []byte
	left int64 // content bytes still to come
}

type frame struct {
	packed, raw []byte
	err         error
	done        chan struct{}
}

func newUnpacker(ctx context.Context, file *os.File, l Layer) (*unpacker, error) {
	workers := runtime.GOMAXPROCS(0)
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(workers),
		zstd.WithDecoderMaxMemory(maxFrame), zstd.WithDecoderMaxWindow(maxFrame))
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	frames := 2*workers + 1
	u := &unpacker{layer: l, file: file, dec: dec, cancel: cancel, left: l.ContentSize,
		free: make(chan *frame, frames), jobs: make(chan *frame, frames), queue: make(chan *frame, frames)}
	for range frames {
		u.free <- &frame{}
	}
	for range workers {
		u.wg.Go(u.decompress)
	}
	u.wg.Go(func() {
		u.end = u.fetch(ctx)
		close(u.jobs)
		close(u.queue)
	})
	return u, nil
}

func (u *unpacker) decompress() {
	for f := range u.jobs {
		f.raw, f.err = u.dec.DecodeAll(f.packed, f.raw[:0])
		close(f.done)
	}
}

// fetch hands out frame after frame; it returns io.EOF after the last.
func (u *unpacker) fetch(ctx context.Context) error {
	h := digest.SHA256.Hash()
	in := &hashReader{r: u.file, h: h}
	for {
		var f *frame
		select {
		case f = <-u.free:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		err := f.read(in)
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		f.done = make(chan struct{})
		u.queue <- f
		u.jobs <- f
	}
	if in.n != u.layer.Size {
		return &sizeError{in.n, u.layer.Size}
	}
	if digest.NewDigest(digest.SHA256, h) != u.layer.Digest {
		return errDigest
	}
	return io.EOF
}

// read takes the next frame; io.EOF when there is none.
func (f *frame) read(r io.Reader) error {
	var prefix [prefixSize]byte
	if _, err := io.ReadFull(r, prefix[:]); err != nil {
		return err
	}
	magic, four := binary.LittleEndian.Uint32(prefix[0:]), binary.LittleEndian.Uint32(prefix[4:])
	size := binary.LittleEndian.Uint32(prefix[8:])
	if magic != skippableMagic || four != 4 || size > 2*maxFrame {
		return errors.New("a frame's length is not where it must be")
	}
	if cap(f.packed) < int(size) {
		f.packed = make([]byte, size)
	}
	f.packed = f.packed[:size]
	_, err := io.ReadFull(r, f.packed)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// Read implements io.Reader.
func (u *unpacker) Read(p []byte) (int, error) {
	for len(u.rest) == 0 {
		if u.cur != nil {
			u.free <- u.cur
			u.cur = nil
		}
		f, ok := <-u.queue
		if !ok {
			return 0, u.atEnd()
		}
		<-f.done
		if f.err != nil {
			return 0, fmt.Errorf("it does not decompress: %w", f.err)
		}
		if u.left -= int64(len(f.raw)); u.left < 0 {
			return 0, fmt.Errorf("it decompresses to more than the %d bytes its manifest says", u.layer.ContentSize)
		}
		u.cur, u.rest = f, f.raw
	}
	n := copy(p, u.rest)
	u.rest = u.rest[n:]
	return n, nil
}

func (u *unpacker) atEnd() error {
	switch {
	case u.end == io.EOF && u.left > 0:
		return fmt.Errorf("it decompresses to %d bytes less than its manifest says", u.left)
	case errors.Is(u.end, io.ErrUnexpectedEOF):
		return errors.New("it ends in the middle of a frame")
	}
	return u.end
}

// close ends the goroutines and waits for them.
func (u *unpacker) close() {
	u.cancel()
	for f := range u.queue { // fetch may be waiting to hand one out
		<-f.done
	}
	u.wg.Wait()
	u.dec.Close()
	_ = u.file.Close()
}

type hashReader struct {
	r io.Reader
	h hash.Hash
	n int64
}

func (r *hashReader) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	_, _ = r.h.Write(p[:n])
	r.n += int64(n)
	return n, err
}
