package criu

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
)

// CRIU's files hold protocol buffers. What is mended in them are single
// numbers, in their place and in as many bytes as they take: nothing else of
// the file is touched, known to us or not.

var errImage = errors.New("the file is not as CRIU writes it")

// imageEntries gives the messages of one of CRIU's files: two magic numbers,
// then messages that each have their length before them.
func imageEntries(file []byte) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		if len(file) < 8 {
			yield(nil, errImage)
			return
		}
		for rest := file[8:]; len(rest) > 0; {
			if len(rest) < 4 || uint64(len(rest)-4) < uint64(binary.LittleEndian.Uint32(rest)) {
				yield(nil, errImage)
				return
			}
			n := int(binary.LittleEndian.Uint32(rest))
			if !yield(rest[4:4+n], nil) {
				return
			}
			rest = rest[4+n:]
		}
	}
}

// field is one field of a message.
type field struct {
	number int
	// bytes are the value's: of a number, as it is encoded; of a message or a
	// string, what is in it.
	bytes []byte
}

// Wire types of protocol buffers.
const (
	wireVarint = 0
	wire64     = 1
	wireBytes  = 2
	wire32     = 5
)

// fields gives the fields of a message.
func fields(message []byte) ([]field, error) {
	var all []field
	for rest := message; len(rest) > 0; {
		tag, n := binary.Uvarint(rest)
		if n <= 0 || tag>>3 > 1<<29 {
			return nil, errImage
		}
		rest = rest[n:]
		skip, size := 0, 0
		switch tag & 7 {
		case wireVarint:
			_, size = binary.Uvarint(rest)
		case wire64:
			size = 8
		case wire32:
			size = 4
		case wireBytes:
			length, n := binary.Uvarint(rest)
			if n <= 0 || length > uint64(len(rest)) {
				return nil, errImage
			}
			skip, size = n, int(length)
		default:
			return nil, fmt.Errorf("%w: wire type %d", errImage, tag&7)
		}
		if size < 0 || size == 0 && tag&7 != wireBytes || skip+size > len(rest) {
			return nil, errImage
		}
		all = append(all, field{int(tag >> 3), rest[skip : skip+size]})
		rest = rest[skip+size:]
	}
	return all, nil
}

// inner is the message that is the value of a field, nil if there is none.
func inner(message []byte, number int) ([]field, error) {
	all, err := fields(message)
	if err != nil {
		return nil, err
	}
	for _, f := range all {
		if f.number == number {
			return fields(f.bytes)
		}
	}
	return nil, nil
}

// number is the value of a field that is one.
func (f field) value() uint64 {
	v, _ := binary.Uvarint(f.bytes)
	return v
}

// set puts another number in the place of the value. It takes as many bytes:
// those that it does not need say nothing.
func (f field) set(v uint64) error {
	if minimal := len(binary.AppendUvarint(nil, v)); minimal > len(f.bytes) {
		return fmt.Errorf("cannot put %d in %d bytes", v, len(f.bytes))
	}
	last := len(f.bytes) - 1
	for i := range f.bytes {
		f.bytes[i] = byte(v&0x7f) | 0x80
		v >>= 7
	}
	f.bytes[last] &^= 0x80
	return nil
}

// find is the field of that number.
func find(all []field, number int) (field, bool) {
	for _, f := range all {
		if f.number == number {
			return f, true
		}
	}
	return field{}, false
}
