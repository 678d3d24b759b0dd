package criu

import "github.com/seancehq/seance/internal/linux/rewind"

// Fields of core_entry, thread_info_x86 and user_x86_regs_entry in CRIU's
// criu-core.proto and core-x86.proto.
const (
	coreThread = 2
	threadRegs = 2
	regR10     = 8
	regAX      = 11
	regDX      = 13
	regSI      = 14
	regDI      = 15
	regOrigAX  = 16
	regIP      = 17
)

// rewindCore sets the registers in the file of one thread to what they were
// before its call.
func rewindCore(file []byte) (changed bool, err error) {
	for entry, err := range imageEntries(file) {
		if err != nil {
			return false, err
		}
		changed, err := rewindThread(entry)
		if err != nil || changed {
			return changed, err
		}
	}
	return false, nil
}

func rewindThread(core []byte) (changed bool, err error) {
	thread, err := inner(core, coreThread)
	if err != nil {
		return false, err
	}
	info, ok := find(thread, threadRegs)
	if !ok {
		return false, nil
	}
	regs, err := fields(info.bytes)
	if err != nil {
		return false, err
	}
	get := func(number int) uint64 {
		f, ok := find(regs, number)
		if !ok {
			return 0
		}
		return f.value()
	}
	r := rewind.Registers{
		AX: get(regAX), OrigAX: get(regOrigAX), IP: get(regIP),
		DI: get(regDI), SI: get(regSI), DX: get(regDX), R10: get(regR10),
	}
	if !r.Rewind() {
		return false, nil
	}
	for number, v := range map[int]uint64{regAX: r.AX, regIP: r.IP} {
		f, ok := find(regs, number)
		if !ok {
			return false, errImage
		}
		if err := f.set(v); err != nil {
			return false, err
		}
	}
	for number, v := range map[int]uint64{regDI: r.DI, regDX: r.DX} {
		if f, ok := find(regs, number); ok {
			_ = f.set(v) // an address that does not fit leaves the sleep its whole time
		}
	}
	return true, nil
}
