package monitor

import (
	"bytes"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/seancehq/seance/image"
	"github.com/seancehq/seance/internal/version"
)

// versions are those of the programs that make an image.
func (m *Monitor) versions() image.Versions {
	v := image.Versions{Seance: version.String(), Kernel: kernelRelease()}
	if m.criu != nil {
		v.CRIU = m.criu.Version
	}
	return v
}

func kernelRelease() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return ""
	}
	return unix.ByteSliceToString(u.Release[:])
}

// cpuFeatures are the features of this machine's first CPU that programs can
// use, sorted; nil when the kernel does not tell (proc_cpuinfo(5)).
func cpuFeatures() []string {
	raw, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return nil
	}
	return parseCPUFeatures(raw)
}

func parseCPUFeatures(cpuinfo []byte) []string {
	for line := range bytes.Lines(cpuinfo) {
		key, value, _ := strings.Cut(string(line), ":")
		flags := strings.Fields(value)
		switch strings.TrimSpace(key) {
		case "flags": // x86
			flags = slices.DeleteFunc(flags, func(f string) bool { return !instructions().MatchString(f) })
		case "Features": // Arm: what programs find in AT_HWCAP
		default:
			continue
		}
		slices.Sort(flags)
		return flags
	}
	return nil
}

// instructions are the x86 flags that stand for instructions a program may
// have chosen to use. The others tell of the machine or of what the kernel
// makes of it, and change with the kernel on one and the same CPU. Only a monitor
// needs them, and every seance process starts with this package.
var instructions = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(mmx|3dnow.*|cmov|cx8|cx16|fxsr|sse.*|ssse3|pni|avx.*|fma4?|f16c|aes|vaes|v?pclmulqdq|gfni|sha_ni|sha512|sm3|sm4|` +
		`bmi[12]|abm|popcnt|movbe|adx|lahf_lm|rdrand|rdseed|rdtscp|rdpid|fsgsbase|xsave.*|clflush.*|clwb|erms|fsrm|amx.*|movdir.*|serialize|waitpkg|` +
		`enqcmd|cldemote|rtm|hle|tsxldtrk|pku|xop|tbm|lwp|monitorx|mwaitx|prefetch.*)$`)
})
