package cli

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/seancehq/seance/api"
)

// servicesWithUsage are the services with what they use; without, when the image
// cannot tell. One that was saved by an earlier seance has an init that does not
// know the question.
func (t *target) servicesWithUsage(ctx context.Context) ([]api.Service, error) {
	services, err := t.ServicesWithUsage(ctx)
	if errors.As(err, new(*api.Error)) {
		return t.Services(ctx)
	}
	return services, err
}

// cpuSinceStart is the share of one processor that a service has used since it
// was started; "" when that is not known.
func cpuSinceStart(s api.Service) string {
	if s.Usage == nil || s.PID == 0 || s.UptimeMS <= 0 {
		return ""
	}
	return percent(s.Usage.CPUSeconds / (s.UptimeMS / 1000))
}

// percent gives a share in percent, with as many digits as tell something.
func percent(share float64) string {
	if share >= 0.9995 {
		return fmt.Sprintf("%.0f%%", 100*share)
	}
	return fmt.Sprintf("%.1f%%", 100*share)
}

// memory is what a service's processes have in memory, without a blank; "" when
// that is not known or none runs.
func memory(s api.Service) string {
	if s.Usage == nil || s.Usage.Processes == 0 {
		return ""
	}
	return strings.ReplaceAll(size(s.Usage.Memory), " ", "")
}

// portsShown is how many of a service's ports have a place in a table.
const portsShown = 3

// ports are those that a service listens on: the number alone when on all
// addresses.
func ports(s api.Service) string {
	if s.Usage == nil {
		return ""
	}
	var all []string
	for _, p := range s.Usage.Ports {
		if short := shortPort(p); !slices.Contains(all, short) {
			all = append(all, short)
		}
	}
	if more := len(all) - portsShown; more > 0 {
		return fmt.Sprintf("%s,+%d", strings.Join(all[:portsShown], ","), more)
	}
	return strings.Join(all, ",")
}

// shortPort shortens "tcp 0.0.0.0:80" to "80"; "udp 127.0.0.1:53" becomes
// "127.0.0.1:53/udp".
func shortPort(p string) string {
	network, address, ok := strings.Cut(p, " ")
	if !ok {
		return p
	}
	if at, err := netip.ParseAddrPort(address); err == nil && at.Addr().IsUnspecified() {
		address = fmt.Sprint(at.Port())
	}
	if network == "tcp" {
		return address
	}
	return address + "/" + network
}
