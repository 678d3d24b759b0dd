package image

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
)

// Host is what a machine must have in common with an image to boot it.
type Host struct {
	Architecture, OS string
	// CPUFeatures are the flags of /proc/cpuinfo; nil when unknown.
	CPUFeatures []string
}

// ThisHost describes the machine the program was built for and runs on.
func ThisHost(cpuFeatures []string) Host {
	return Host{runtime.GOARCH, runtime.GOOS, cpuFeatures}
}

// HostError says why an image cannot boot on a machine.
type HostError struct {
	Image, Host Host
	// MissingFeatures are CPU features that the image has seen and the
	// machine lacks.
	MissingFeatures []string
}

func (e *HostError) Error() string {
	if len(e.MissingFeatures) > 0 {
		return fmt.Sprintf("image was frozen on a CPU with %s, which this machine's lacks: boot it on a machine that has them",
			strings.Join(e.MissingFeatures, ", "))
	}
	return fmt.Sprintf("image was frozen on %s/%s, this machine is %s/%s: boot it on a machine of its own kind",
		e.Image.OS, e.Image.Architecture, e.Host.OS, e.Host.Architecture)
}

// CheckHost says whether h can boot the image; if not, with a *HostError.
// CPU features matter to frozen memory only: programs choose code by what
// they found when they started.
func (c *Config) CheckHost(h Host) error {
	own := Host{c.Architecture, c.OS, c.CPUFeatures}
	if c.Architecture != h.Architecture || c.OS != h.OS {
		return &HostError{Image: own, Host: h}
	}
	if c.Freezer != FreezerCRIU || h.CPUFeatures == nil {
		return nil
	}
	var missing []string
	for _, f := range c.CPUFeatures {
		if !slices.Contains(h.CPUFeatures, f) {
			missing = append(missing, f)
		}
	}
	if len(missing) > 0 {
		return &HostError{Image: own, Host: h, MissingFeatures: missing}
	}
	return nil
}
