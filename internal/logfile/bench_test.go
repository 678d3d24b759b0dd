package logfile_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seancehq/seance/internal/logfile"
)

const benchLines = 1_000_000

// printer is a program that prints benchLines lines of 100 bytes.
func printer() *exec.Cmd {
	text := string(bytes.Repeat([]byte("x"), 99))
	return exec.Command("/bin/sh", "-c", "yes "+text+" | head -n 1000000")
}

func cpu() time.Duration {
	var usage unix.Rusage
	_ = unix.Getrusage(unix.RUSAGE_SELF, &usage) // cannot fail with these arguments
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// BenchmarkMillionLines is one service that prints 1,000,000 lines of 100
// bytes, until all are in its log.
func BenchmarkMillionLines(b *testing.B) {
	for b.Loop() {
		s := logfile.NewSet(b.TempDir(), logfile.Options{})
		if err := s.Open(); err != nil {
			b.Fatal(err)
		}
		r, w, err := logfile.Pipe()
		if err != nil {
			b.Fatal(err)
		}
		before := cpu()
		pump, err := logfile.StartPump(r, s.Log("db").Stream("stdout", 0))
		if err != nil {
			b.Fatal(err)
		}
		cmd := printer()
		cmd.Stdout = w
		if err := cmd.Start(); err != nil {
			b.Fatal(err)
		}
		w.Close()
		<-pump.Done()
		b.ReportMetric(float64((cpu() - before).Milliseconds()), "cpu-ms")
		b.StopTimer()
		if err := cmd.Wait(); err != nil {
			b.Fatal(err)
		}
		n := 0
		err = logfile.Read(context.Background(), logfile.Query{Dir: s.Dir(), Last: logfile.All}, func(l logfile.Line) error {
			if len(l.Text) == 99 {
				n++
			}
			return nil
		})
		if err != nil || n != benchLines {
			b.Errorf("%d lines are in the log, error %v", n, err)
		}
		s.End()
		os.RemoveAll(s.Dir())
		b.StartTimer()
	}
}

// BenchmarkMillionLinesToFile is the same program straight to a file, for
// comparison.
func BenchmarkMillionLinesToFile(b *testing.B) {
	for b.Loop() {
		out, err := os.Create(filepath.Join(b.TempDir(), "out"))
		if err != nil {
			b.Fatal(err)
		}
		cmd := printer()
		cmd.Stdout = out
		if err := cmd.Run(); err != nil {
			b.Fatal(err)
		}
		out.Close()
		os.Remove(out.Name())
	}
}

// BenchmarkFormat is the cost of formatting and writing alone, a block of 64
// KiB at a time.
func BenchmarkFormat(b *testing.B) {
	block := bytes.Repeat(append(bytes.Repeat([]byte("x"), 99), '\n'), 655)
	s := openSet(b, logfile.Options{MaxSize: 10 << 20, MaxFiles: 2})
	stream := s.Log("db").Stream("stdout", 0)
	b.SetBytes(int64(len(block)))
	for b.Loop() {
		stream.Write(block)
	}
}

func BenchmarkParse(b *testing.B) {
	entry := []byte(stamp + " stdout F " + string(bytes.Repeat([]byte("x"), 99)))
	b.SetBytes(int64(len(entry)))
	for b.Loop() {
		if _, err := logfile.Parse(entry); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRead(b *testing.B) {
	s := openSet(b, logfile.Options{})
	stream := s.Log("db").Stream("stdout", 0)
	for range 100 {
		stream.Write(bytes.Repeat(append(bytes.Repeat([]byte("x"), 99), '\n'), 1000))
	}
	for b.Loop() {
		n := 0
		err := logfile.Read(context.Background(), logfile.Query{Dir: s.Dir(), Last: logfile.All}, func(logfile.Line) error {
			n++
			return nil
		})
		if err != nil || n != 100_000 {
			b.Fatal(n, err)
		}
	}
}
