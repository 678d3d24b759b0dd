package criu

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// numbers and below are fields of a message that the tests write.
func numbers(all ...uint64) (out []byte) { // number, value, number, value …
	for i := 0; i < len(all); i += 2 {
		out = binary.AppendUvarint(out, all[i]<<3|wireVarint)
		out = binary.AppendUvarint(out, all[i+1])
	}
	return out
}

func below(number uint64, message []byte) []byte {
	out := binary.AppendUvarint(nil, number<<3|wireBytes)
	return append(binary.AppendUvarint(out, uint64(len(message))), message...)
}

// imageFile is a file of CRIU's with these messages.
func imageFile(messages ...[]byte) []byte {
	out := []byte("magicnum")
	for _, m := range messages {
		out = append(binary.LittleEndian.AppendUint32(out, uint32(len(m))), m...)
	}
	return out
}

func TestAnOverdueTimerIsSetToGoOn(t *testing.T) {
	timer := func(ticks, next, every uint64) []byte {
		return numbers(1, 7, 4, 1, timerTicks, ticks, 6, 0, timerNextSec, 0, timerNextNsec, next, timerEverySec, 0, timerEveryNsec, every)
	}
	for _, tt := range []struct {
		name   string
		timer  []byte
		want   uint64 // its next expiration in ns
		change bool
	}{
		{"overdue", timer(3, 0, 5_000_000), 1, true},
		{"running", timer(3, 40, 5_000_000), 40, false},
		{"expired for good", timer(1, 0, 0), 0, false},
		{"stopped", timer(0, 0, 5_000_000), 0, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "files.img")
			other := append(numbers(1, 2), below(3, []byte("a regular file"))...)
			before := imageFile(other, append(numbers(1, 12, 2, 1), below(fileTimer, tt.timer)...), other)
			if err := os.WriteFile(path, before, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := mendTimers(dir); err != nil {
				t.Fatal(err)
			}
			after, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if len(after) != len(before) || bytes.Equal(after, before) == tt.change {
				t.Errorf("the file has changed: %v, want %v", !bytes.Equal(after, before), tt.change)
			}
			for entry, err := range imageEntries(after) {
				if err != nil {
					t.Fatal(err)
				}
				timer, err := inner(entry, fileTimer)
				if err != nil {
					t.Fatal(err)
				}
				if next, ok := find(timer, timerNextNsec); ok && next.value() != tt.want {
					t.Errorf("the timer expires in %d ns, want %d", next.value(), tt.want)
				}
			}
		})
	}
}

func TestANumberIsReplacedInItsPlace(t *testing.T) {
	for _, tt := range []struct {
		old, new uint64
		fits     bool
	}{
		{^uint64(3), 7, true}, {300, 1, true}, {300, 16383, true}, {300, 16384, false}, {0, 127, true}, {0, 128, false},
	} {
		before := numbers(4, tt.old, 5, 99)
		b := bytes.Clone(before)
		all, err := fields(b)
		if err != nil {
			t.Fatal(err)
		}
		if err := all[0].set(tt.new); (err == nil) != tt.fits {
			t.Errorf("set(%d) in the place of %d: %v", tt.new, tt.old, err)
		}
		if !tt.fits {
			if !bytes.Equal(b, before) {
				t.Errorf("a number that does not fit has changed the message")
			}
			continue
		}
		again, err := fields(b)
		if err != nil || len(b) != len(before) || again[0].value() != tt.new || again[1].value() != 99 {
			t.Errorf("after set(%d): %d bytes, fields %v, %v", tt.new, len(b), again, err)
		}
	}
}

func TestInterruptedThreadsAreFoundInTheLog(t *testing.T) {
	log := filepath.Join(t.TempDir(), DumpLog)
	text := "(00.01) Warn  (compel/arch/x86/src/lib/infect.c:419): Will restore 24321 with interrupted system call\nelse\n" +
		"(00.01) Warn  (compel/arch/x86/src/lib/infect.c:419): Will restore 7 with interrupted system call\n"
	if err := os.WriteFile(log, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	tids, err := interrupted(log)
	if err != nil || fmt.Sprint(tids) != "[24321 7]" {
		t.Errorf("interrupted() = %v, %v", tids, err)
	}
}

func TestNumberInsideIsThatOfTheInnermostNamespace(t *testing.T) {
	n, err := numberInside(os.Getpid())
	if err != nil || n != os.Getpid() {
		t.Errorf("numberInside(%d) = %d, %v", os.Getpid(), n, err)
	}
}

func FuzzImageFile(f *testing.F) {
	f.Add(imageFile(append(numbers(1, 12, 2, 1), below(fileTimer, numbers(timerTicks, 1, timerNextSec, 0, timerNextNsec, 0, timerEverySec, 1))...)))
	f.Add(imageFile(below(2, below(2, numbers(11, ^uint64(3), 16, 7, 17, 100)))))
	f.Add([]byte("magicnum\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, file []byte) {
		size := len(file)
		_, err := rewindCore(file)
		if err != nil && !errors.Is(err, errImage) {
			t.Errorf("%v", err)
		}
		for entry, err := range imageEntries(file) {
			if err != nil {
				return
			}
			if timer, err := inner(entry, fileTimer); err == nil {
				overdue(timer)
			}
		}
		if len(file) != size {
			t.Error("the file has another size")
		}
	})
}
