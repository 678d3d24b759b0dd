package pidfd

import (
	"errors"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func sleeper(t *testing.T) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("sleep", "60")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _, _ = cmd.Process.Wait() })
	return cmd
}

func TestAHandleHearsOfTheEndAndSignalsNobodyElseAfterIt(t *testing.T) {
	cmd := sleeper(t)
	h, err := Open(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	select {
	case <-h.Done():
		t.Fatal("done before the process ended")
	default:
	}
	if err := h.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	select {
	case <-h.Done():
	case <-time.After(time.Minute):
		t.Fatal("the end of the process was not seen")
	}
	_ = cmd.Wait()
	if err := h.Signal(syscall.SIGKILL); !errors.Is(err, ErrGone) {
		t.Errorf("signal to an ended process: got %v, want ErrGone", err)
	}
}

func TestFindTellsAProcessFromALaterOneWithItsNumber(t *testing.T) {
	cmd := sleeper(t)
	id, err := Identify(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	h, err := Find(id)
	if err != nil {
		t.Fatal(err)
	}
	h.Close()
	id.Start--
	if _, err := Find(id); !errors.Is(err, ErrGone) {
		t.Errorf("another start time: got %v, want ErrGone", err)
	}
	id.Start++
	id.Boot = "another"
	if _, err := Find(id); !errors.Is(err, ErrGone) {
		t.Errorf("another boot: got %v, want ErrGone", err)
	}
}

func TestFindOfAnEndedProcess(t *testing.T) {
	cmd := sleeper(t)
	id, err := Identify(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	h, err := Find(id)
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	_ = h.Signal(syscall.SIGKILL)
	<-h.Done()
	if _, err := Find(id); !errors.Is(err, ErrGone) {
		t.Errorf("before anybody waited for it: got %v, want ErrGone", err)
	}
	_ = cmd.Wait()
	if _, err := Find(id); !errors.Is(err, ErrGone) {
		t.Errorf("after it was waited for: got %v, want ErrGone", err)
	}
}
