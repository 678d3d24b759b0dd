package rewind

import "golang.org/x/sys/unix"

// syscallSize is how long the instruction is that makes a call: SYSCALL.
const syscallSize = 2

func setBack(tid int) error {
	var regs unix.PtraceRegs
	if err := unix.PtraceGetRegs(tid, &regs); err != nil {
		return err
	}
	r := Registers{
		AX: regs.Rax, OrigAX: regs.Orig_rax, IP: regs.Rip,
		DI: regs.Rdi, SI: regs.Rsi, DX: regs.Rdx, R10: regs.R10,
	}
	if !r.Rewind() {
		return nil
	}
	regs.Rax, regs.Rip, regs.Rdi, regs.Rdx = r.AX, r.IP, r.DI, r.DX
	// The kernel is to see no call here that it might set back once more.
	regs.Orig_rax = ^uint64(0)
	return unix.PtraceSetRegs(tid, &regs)
}

// Registers are those of a thread on amd64 that tell how its last call went.
type Registers struct {
	AX     uint64 // what the call has returned
	OrigAX uint64 // its number; negative: the thread is in no call
	IP     uint64 // of the instruction after it
	// Its arguments: the first, the second, the third and the fourth.
	DI, SI, DX, R10 uint64
}

// Rewind sets the registers to what they were before the call, if that has
// failed with EINTR, and says whether it did.
func (r *Registers) Rewind() bool {
	if int64(r.AX) != -int64(unix.EINTR) || int64(r.OrigAX) < 0 {
		return false
	}
	r.AX = r.OrigAX
	r.IP -= syscallSize
	switch r.OrigAX {
	case unix.SYS_NANOSLEEP: // (request, remaining)
		if r.SI != 0 {
			r.DI = r.SI
		}
	case unix.SYS_CLOCK_NANOSLEEP: // (clock, flags, request, remaining)
		if r.SI&unix.TIMER_ABSTIME == 0 && r.R10 != 0 {
			r.DX = r.R10
		}
	}
	return true
}
