package monitor

import (
	"bytes"
	"os"
	"slices"
	"strings"

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

// cpuFeatures are the features of this machine's first CPU, sorted; nil when
// the kernel does not tell (proc_cpuinfo(5)).
func cpuFeatures() []string {
	raw, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return nil
	}
	for line := range bytes.Lines(raw) {
		key, value, _ := strings.Cut(string(line), ":")
		if key = strings.TrimSpace(key); key == "flags" || key == "Features" {
			flags := strings.Fields(value)
			slices.Sort(flags)
			return flags
		}
	}
	return nil
}
