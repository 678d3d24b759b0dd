package process

import (
	"encoding/binary"
	"fmt"
)

// The binary form of a State is a sequence of unsigned varints, in the order of the
// fields of the types. Numbers that are near one another are given as differences,
// zigzag-encoded, so most take a byte: a SID against the SID before, a PGID and a PID
// against the one before in the same list, and against the SID or PGID at its start;
// a PPID against the PID; a TID against the number before. A bit set at the head of
// each session and process says which of the optional fields follow.

// binaryMagic starts the binary form; the version follows.
const binaryMagic = "pst"

// What follows in a session.
const (
	encTerminal = 1 << iota // device, name, foreground
	encForegroundGone
	encHungUp
)

// What follows in a process, or is true of it.
const (
	encPlace = 1 << iota
	encStatus
	encStopped
	encThreads
	encCommand
	encZombie
	encExiting
	encUnwaited
	encSubreaper
	encExeced
	encLeader
	encTerminalToo
	encMainEnded
	encEnd
)

// MarshalBinary encodes the state in some five bytes a process.
func (st State) MarshalBinary() ([]byte, error) { return st.AppendBinary(nil) }

// AppendBinary is MarshalBinary into a buffer.
func (st State) AppendBinary(b []byte) ([]byte, error) {
	e := encoder{append(b, binaryMagic...)}
	e.uint(uint64(st.Version))
	e.number(st.Init, 0)
	e.number(st.Last, 0)
	e.number(st.Limit, 0)
	e.bool(st.GlobalInit)
	e.uint(uint64(len(st.Sessions)))
	last := PID(0)
	for i := range st.Sessions {
		e.session(&st.Sessions[i], last)
		last = st.Sessions[i].SID
	}
	return e.b, nil
}

type encoder struct{ b []byte }

func (e *encoder) uint(n uint64) { e.b = binary.AppendUvarint(e.b, n) }

// number encodes a number that is likely to be near another.
func (e *encoder) number(n, near PID) { e.b = binary.AppendVarint(e.b, int64(n)-int64(near)) }

func (e *encoder) bool(v bool) { e.uint(bit(v, 1)) }

func (e *encoder) string(s string) {
	e.uint(uint64(len(s)))
	e.b = append(e.b, s...)
}

func bit(v bool, mask uint64) uint64 {
	if v {
		return mask
	}
	return 0
}

func (e *encoder) session(s *SessionState, last PID) {
	has := bit(s.Terminal != 0, encTerminal) | bit(s.ForegroundGone, encForegroundGone) |
		bit(s.HungUp != 0, encHungUp)
	e.number(s.SID, last)
	e.uint(has)
	if has&encTerminal != 0 {
		e.uint(uint64(s.Terminal))
		e.string(s.TerminalName)
		e.number(s.Foreground, s.SID)
	}
	if has&encHungUp != 0 {
		e.number(s.HungUp, s.SID)
	}
	e.uint(uint64(len(s.Groups)))
	near := s.SID
	for i := range s.Groups {
		g := &s.Groups[i]
		e.number(g.PGID, near)
		near = g.PGID
		e.uint(uint64(len(g.Processes)))
		nearPID := g.PGID
		for j := range g.Processes {
			e.process(&g.Processes[j], nearPID)
			nearPID = g.Processes[j].PID
		}
	}
}

func (p *ProcessState) encoded() uint64 {
	return bit(p.Place != 0, encPlace) | bit(p.Status != 0, encStatus) | bit(p.Stopped != 0, encStopped) |
		bit(len(p.Threads) > 0, encThreads) | bit(p.Command != nil, encCommand) |
		bit(p.Zombie, encZombie) | bit(p.Exiting, encExiting) | bit(p.Unwaited, encUnwaited) |
		bit(p.Subreaper, encSubreaper) | bit(p.Execed, encExeced) | bit(p.Leader, encLeader) |
		bit(p.Terminal, encTerminalToo) | bit(p.MainEnded, encMainEnded)
}

func (e *encoder) process(p *ProcessState, near PID) {
	has := p.encoded()
	e.number(p.PID, near)
	e.number(p.PPID, p.PID)
	e.uint(has)
	if has&encPlace != 0 {
		e.uint(uint64(p.Place))
	}
	if has&encStatus != 0 {
		e.uint(uint64(p.Status))
	}
	if has&encStopped != 0 {
		e.uint(uint64(p.Stopped))
	}
	if has&encThreads != 0 {
		e.uint(uint64(len(p.Threads)))
		last := p.PID
		for _, tid := range p.Threads {
			e.number(tid, last)
			last = tid
		}
	}
	if has&encCommand != 0 {
		e.string(p.Command.Comm)
		e.string(p.Command.Letter)
		e.uint(uint64(len(p.Command.Args)))
		for _, arg := range p.Command.Args {
			e.string(arg)
		}
	}
}

// UnmarshalBinary decodes what MarshalBinary made. Any other input is an error, of
// ErrBadState or ErrVersion. Whether the state makes sense is for Restore to see.
func (st *State) UnmarshalBinary(b []byte) error {
	d := decoder{b: b}
	decoded, err := d.state()
	if err != nil {
		return fmt.Errorf("cannot decode process table: %w", err)
	}
	*st = decoded
	return nil
}

// decoder keeps the first thing that was wrong; after that it gives zeroes.
type decoder struct {
	b   []byte
	err error
}

func (d *decoder) fail(format string, args ...any) {
	if d.err == nil {
		d.err = bad(format, args...)
	}
	d.b = nil
}

func (d *decoder) state() (State, error) {
	var st State
	if len(d.b) < len(binaryMagic) || string(d.b[:len(binaryMagic)]) != binaryMagic {
		return st, bad("it does not start with %q", binaryMagic)
	}
	d.b = d.b[len(binaryMagic):]
	version := d.uint(1<<31 - 1)
	if d.err == nil && version != StateVersion {
		return st, fmt.Errorf("version %d, want %d: %w", version, StateVersion, ErrVersion)
	}
	st.Version = int(version)
	st.Init, st.Last, st.Limit = d.number(0), d.number(0), d.number(0)
	st.GlobalInit = d.uint(1) == 1
	st.Sessions = make([]SessionState, d.count(7))
	last := PID(0)
	for i := range st.Sessions {
		d.session(&st.Sessions[i], last)
		last = st.Sessions[i].SID
	}
	if len(d.b) != 0 {
		d.fail("%d bytes are left", len(d.b))
	}
	return st, d.err
}

// uint decodes a number up to a bound.
func (d *decoder) uint(bound uint64) uint64 {
	n, size := binary.Uvarint(d.b)
	if size <= 0 || n > bound {
		d.fail("a number is cut off or larger than %d", bound)
		return 0
	}
	d.b = d.b[size:]
	return n
}

// count decodes how many elements of at least so many bytes follow, so that no
// input makes us allocate much more than its own length.
func (d *decoder) count(size int) int {
	n := d.uint(uint64(len(d.b)))
	if n > uint64(len(d.b)/size) {
		d.fail("%d elements do not fit into %d bytes", n, len(d.b))
		return 0
	}
	return int(n)
}

func (d *decoder) number(near PID) PID {
	n, size := binary.Varint(d.b)
	sum := n + int64(near)
	if size <= 0 || sum < 0 || sum > int64(DefaultLimit) || n > int64(DefaultLimit) {
		d.fail("a process number is cut off or out of range")
		return 0
	}
	d.b = d.b[size:]
	return PID(sum)
}

func (d *decoder) string() string {
	n := d.count(1)
	s := string(d.b[:n])
	d.b = d.b[n:]
	return s
}

func (d *decoder) session(s *SessionState, last PID) {
	s.SID = d.number(last)
	has := d.uint(encTerminal | encForegroundGone | encHungUp)
	if has&encTerminal != 0 {
		s.Terminal = Device(d.uint(1<<32 - 1))
		s.TerminalName = d.string()
		s.Foreground = d.number(s.SID)
	}
	s.ForegroundGone = has&encForegroundGone != 0
	if has&encHungUp != 0 {
		s.HungUp = d.number(s.SID)
	}
	s.Groups = make([]GroupState, d.count(5))
	near := s.SID
	for i := range s.Groups {
		g := &s.Groups[i]
		g.PGID = d.number(near)
		near = g.PGID
		g.Processes = make([]ProcessState, d.count(3))
		nearPID := g.PGID
		for j := range g.Processes {
			d.process(&g.Processes[j], nearPID)
			nearPID = g.Processes[j].PID
		}
	}
}

func (d *decoder) process(p *ProcessState, near PID) {
	p.PID = d.number(near)
	p.PPID = d.number(p.PID)
	has := d.uint(encEnd - 1)
	p.Zombie, p.Exiting, p.Unwaited = has&encZombie != 0, has&encExiting != 0, has&encUnwaited != 0
	p.Subreaper, p.Execed, p.Leader = has&encSubreaper != 0, has&encExeced != 0, has&encLeader != 0
	p.Terminal, p.MainEnded = has&encTerminalToo != 0, has&encMainEnded != 0
	if has&encPlace != 0 {
		p.Place = uint32(d.uint(1<<32 - 1))
	}
	if has&encStatus != 0 {
		p.Status = ExitStatus(d.uint(1<<16 - 1))
	}
	if has&encStopped != 0 {
		p.Stopped = Signal(d.uint(1<<8 - 1))
	}
	if has&encThreads != 0 {
		p.Threads = make([]PID, d.count(1))
		last := p.PID
		for i := range p.Threads {
			p.Threads[i] = d.number(last)
			last = p.Threads[i]
		}
	}
	if has&encCommand != 0 {
		p.Command = &Command{Comm: d.string(), Letter: d.string()}
		if n := d.count(1); n > 0 {
			p.Command.Args = make([]string, n)
		}
		for i := range p.Command.Args {
			p.Command.Args[i] = d.string()
		}
	}
}
