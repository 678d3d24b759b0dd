package bench

import (
	"os"
	"os/exec"
	"testing"
)

func TestParsePSS(t *testing.T) {
	const rollup = "00400000-7ffd [rollup]\nRss:  9000 kB\nPss:     4321 kB\nPss_Dirty: 1 kB\n"
	if got, err := parsePSS(rollup); err != nil || got != 4321 {
		t.Errorf("parsePSS = %v, %v; want 4321", got, err)
	}
	if _, err := parsePSS("Rss: 1 kB\n"); err == nil {
		t.Error("parsePSS found a Pss where there is none")
	}
}

func TestProportionalMiBOfThisProcess(t *testing.T) {
	if got, err := proportionalMiB(os.Getpid()); err != nil || got < 0.5 || got > 1000 {
		t.Errorf("proportionalMiB = %v, %v; want some megabytes", got, err)
	}
}

func TestEndProcess(t *testing.T) {
	sleep := exec.Command("sleep", "1000")
	if err := sleep.Start(); err != nil {
		t.Fatal(err)
	}
	defer sleep.Wait()
	if !running(sleep.Process.Pid) {
		t.Fatal("a process that was just started does not count as running")
	}
	// Nobody waits for it yet, so that it stays a zombie.
	if err := endProcess(sleep.Process.Pid); err != nil {
		t.Fatal(err)
	}
	if running(sleep.Process.Pid) {
		t.Error("a zombie counts as running")
	}
}
