//go:build amd64

package rewind

import (
	"testing"

	"golang.org/x/sys/unix"
)

func TestRewind(t *testing.T) {
	interrupted := ^uint64(unix.EINTR) + 1
	for _, tt := range []struct {
		name    string
		before  Registers
		rewound bool
		after   Registers
	}{
		{"poll is called again with what it was called with",
			Registers{AX: interrupted, OrigAX: unix.SYS_POLL, IP: 102, DI: 1, SI: 2, DX: 3, R10: 4}, true,
			Registers{AX: unix.SYS_POLL, OrigAX: unix.SYS_POLL, IP: 100, DI: 1, SI: 2, DX: 3, R10: 4}},
		{"a sleep goes on for what is left of it",
			Registers{AX: interrupted, OrigAX: unix.SYS_NANOSLEEP, IP: 102, DI: 1000, SI: 2000}, true,
			Registers{AX: unix.SYS_NANOSLEEP, OrigAX: unix.SYS_NANOSLEEP, IP: 100, DI: 2000, SI: 2000}},
		{"a sleep that was told nowhere to leave the rest begins anew",
			Registers{AX: interrupted, OrigAX: unix.SYS_NANOSLEEP, IP: 102, DI: 1000}, true,
			Registers{AX: unix.SYS_NANOSLEEP, OrigAX: unix.SYS_NANOSLEEP, IP: 100, DI: 1000}},
		{"a sleep by a clock goes on for what is left of it",
			Registers{AX: interrupted, OrigAX: unix.SYS_CLOCK_NANOSLEEP, IP: 102, DX: 1000, R10: 2000}, true,
			Registers{AX: unix.SYS_CLOCK_NANOSLEEP, OrigAX: unix.SYS_CLOCK_NANOSLEEP, IP: 100, DX: 2000, R10: 2000}},
		{"a sleep until some time stays one",
			Registers{AX: interrupted, OrigAX: unix.SYS_CLOCK_NANOSLEEP, IP: 102, SI: unix.TIMER_ABSTIME, DX: 1000, R10: 2000}, true,
			Registers{AX: unix.SYS_CLOCK_NANOSLEEP, OrigAX: unix.SYS_CLOCK_NANOSLEEP, IP: 100, SI: unix.TIMER_ABSTIME, DX: 1000, R10: 2000}},
		{"a call that has returned something else has returned",
			Registers{AX: 1, OrigAX: unix.SYS_POLL, IP: 102}, false, Registers{AX: 1, OrigAX: unix.SYS_POLL, IP: 102}},
		{"a thread in no call is left alone",
			Registers{AX: interrupted, OrigAX: ^uint64(0), IP: 102}, false, Registers{AX: interrupted, OrigAX: ^uint64(0), IP: 102}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := tt.before
			if got := r.Rewind(); got != tt.rewound || r != tt.after {
				t.Errorf("Rewind() = %v, registers %+v; want %v, %+v", got, r, tt.rewound, tt.after)
			}
		})
	}
}
