package bench

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// bare is what the same takes without a supervisor.
func (b *peerBench) bare(found map[string]figures) error {
	const name = "nobody"
	if found[name] == nil {
		found[name] = figures{}
	}
	f := found[name]
	err := launches(f, nil, func() (time.Duration, error) {
		took, _, err := b.shellLoop(1)
		return took, err
	})
	if err != nil {
		return err
	}
	for _, n := range []int{100, 1000} {
		took, cpu, err := b.shellLoop(n)
		if err != nil {
			return err
		}
		f.add(sleepsOf(n)+": start", milliseconds(took))
		f.add(sleepsOf(n)+": CPU until started", milliseconds(cpu))
	}
	began := time.Now()
	out := filepath.Join(b.dir, "straight")
	defer os.Remove(out)
	if err := exec.Command("/bin/sh", "-c", printLines+" >"+out).Run(); err != nil {
		return err
	}
	f.add("1,000,000 lines: until all are logged", milliseconds(time.Since(began)))
	return nil
}

// shellLoop has a shell start n sleeps in a pen.
func (b *peerBench) shellLoop(n int) (took, cpu time.Duration, err error) {
	loop := fmt.Sprintf("i=0; while [ $i -lt %d ]; do sleep infinity & i=$((i+1)); done; wait", n)
	began := time.Now()
	p, err := enclose(b.root, []string{"/bin/sh", "-c", loop}, nil)
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	if err := p.await("sleep", n, time.Minute); err != nil {
		return 0, 0, err
	}
	took = time.Since(began)
	cpu, err = p.cpu()
	return took, cpu, err
}
