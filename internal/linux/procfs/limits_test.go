package procfs

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

func TestSoftLimit(t *testing.T) {
	const text = `Limit                     Soft Limit           Hard Limit           Units     
Max cpu time              unlimited            unlimited            seconds   
Max open files            1024                 524288               files     
Max realtime priority     0                    0                    
Max realtime timeout      4611686018427387905  unlimited            us        
`
	for name, want := range map[string]uint64{
		"Max cpu time": Unlimited, "Max open files": 1024, "Max realtime priority": 0, "Max realtime timeout": 1<<62 + 1,
	} {
		if got, err := parseSoftLimit([]byte(text), name); got != want || err != nil {
			t.Errorf("%s is %d, error %v, want %d", name, got, err, want)
		}
	}
	for _, name := range []string{"Max open", "Max", "Max pending signals"} {
		if got, err := parseSoftLimit([]byte(text), name); err == nil {
			t.Errorf("%s is %d", name, got)
		}
	}
}

func TestSoftLimitOfThisProcess(t *testing.T) {
	var want unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_CORE, &want); err != nil {
		t.Fatal(err)
	}
	if got, err := New("/proc").SoftLimit(os.Getpid(), "Max core file size"); got != want.Cur || err != nil {
		t.Errorf("%d, error %v, getrlimit(2) says %d", got, err, want.Cur)
	}
}
