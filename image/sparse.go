package image

import (
	"archive/tar"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// A file with holes is stored as its data alone, one segment after the other,
// with two PAX records that say where they go. archive/tar reads GNU's form of
// this but does not write it, and would write out the holes when reading.
const (
	paxSparseSize = "SEANCE.sparse.size"
	paxSparseMap  = "SEANCE.sparse.map"
	// maxSegments bounds a file's map; with more, the smallest holes are
	// stored as zeros. archive/tar reads no record larger than 1 MiB.
	maxSegments = 16 << 10
)

// segment is a part of a file that has data.
type segment struct{ off, len int64 }

// dataSegments finds where a file has data, nil when it has no holes. It
// relies on SEEK_DATA, see lseek(2); a file system without it has no holes
// to show.
func dataSegments(f *os.File, st *syscall.Stat_t) ([]segment, error) {
	if st.Blocks*512 >= st.Size {
		return nil, nil
	}
	segments := []segment{}
	for pos := int64(0); pos < st.Size; {
		start, err := unix.Seek(int(f.Fd()), pos, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) {
			break // nothing but a hole to the end
		}
		if err != nil {
			return nil, err
		}
		end, err := unix.Seek(int(f.Fd()), start, unix.SEEK_HOLE)
		if err != nil {
			return nil, err
		}
		end = min(end, st.Size)
		if end <= start {
			break
		}
		segments = append(segments, segment{start, end - start})
		pos = end
	}
	return joinSegments(segments), nil
}

// joinSegments closes holes, doubling the size of those that are closed, until
// there are few enough segments.
func joinSegments(in []segment) []segment {
	for hole := int64(64 << 10); len(in) > maxSegments; hole *= 2 {
		out := in[:1]
		for _, s := range in[1:] {
			last := &out[len(out)-1]
			if s.off-(last.off+last.len) <= hole {
				last.len = s.off + s.len - last.off
			} else {
				out = append(out, s)
			}
		}
		in = out
	}
	return in
}

// setSparse notes segments in the header, and makes its size that of the data.
func setSparse(h *tar.Header, segments []segment) {
	if segments == nil {
		return
	}
	var text strings.Builder
	var data int64
	for i, s := range segments {
		if i > 0 {
			text.WriteByte(',')
		}
		fmt.Fprintf(&text, "%d+%d", s.off, s.len)
		data += s.len
	}
	setPAX(h, paxSparseSize, strconv.FormatInt(h.Size, 10))
	setPAX(h, paxSparseMap, text.String())
	h.Size = data
}

func setPAX(h *tar.Header, key, value string) {
	if h.PAXRecords == nil {
		h.PAXRecords = make(map[string]string)
	}
	h.PAXRecords[key] = value
}

// sparseOf reads a header's segments and the file's full size. Without the
// records the file is one segment.
func sparseOf(h *tar.Header) ([]segment, int64, error) {
	sizeText, sparse := h.PAXRecords[paxSparseSize]
	if !sparse {
		return []segment{{0, h.Size}}, h.Size, nil
	}
	size, err := strconv.ParseInt(sizeText, 10, 64)
	if err != nil {
		return nil, 0, errors.New("its full size is no number")
	}
	var segments []segment
	var pos, data int64
	for text := range strings.SplitSeq(h.PAXRecords[paxSparseMap], ",") {
		if text == "" {
			continue
		}
		off, n, ok := parseSegment(text)
		if !ok || off < pos || n <= 0 || n > size-off {
			return nil, 0, fmt.Errorf("its map of data is not possible at %q", text)
		}
		segments = append(segments, segment{off, n})
		pos, data = off+n, data+n
	}
	if size < 0 || data != h.Size {
		return nil, 0, fmt.Errorf("its map has %d bytes of data, its header %d", data, h.Size)
	}
	return segments, size, nil
}

func parseSegment(text string) (off, n int64, ok bool) {
	a, b, ok := strings.Cut(text, "+")
	if !ok {
		return 0, 0, false
	}
	off, errA := strconv.ParseInt(a, 10, 64)
	n, errB := strconv.ParseInt(b, 10, 64)
	return off, n, errA == nil && errB == nil
}
