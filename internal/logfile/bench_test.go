package logfile_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
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
// bytes, until all are in its log, and in turn with it the same program straight
// to a file. What is reported are medians: the two times, their ratio, and the
// processor time of what is between the program and the file.
func BenchmarkMillionLines(b *testing.B) {
	for _, format := range []logfile.Format{logfile.CRI, logfile.JSON, logfile.Plain} {
		b.Run(string(format), func(b *testing.B) {
			var logged, straight, used []time.Duration
			for b.Loop() {
				straight = append(straight, printToFile(b))
				took, cpu := printToLog(b, format)
				logged, used = append(logged, took), append(used, cpu)
			}
			b.ReportMetric(milliseconds(median(logged)), "log-ms")
			b.ReportMetric(milliseconds(median(straight)), "file-ms")
			b.ReportMetric(milliseconds(median(used)), "cpu-ms")
			b.ReportMetric(float64(median(logged))/float64(median(straight)), "log/file")
			b.ReportMetric(0, "ns/op") // of both together: says nothing
		})
	}
}

func median(all []time.Duration) time.Duration {
	slices.Sort(all)
	return all[len(all)/2]
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func printToLog(b *testing.B, format logfile.Format) (took, used time.Duration) {
	s := logfile.NewSet(b.TempDir(), logfile.Options{})
	defer os.RemoveAll(s.Dir())
	defer s.End()
	configure(b, s, "db", logfile.Config{Format: format, Size: 1 << 30})
	if err := s.Open(); err != nil {
		b.Fatal(err)
	}
	r, w, err := logfile.Pipe()
	if err != nil {
		b.Fatal(err)
	}
	began, before := time.Now(), cpu()
	pump, err := logfile.StartPump(r, s.Log("db").Stream("stdout", 1))
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
	took, used = time.Since(began), cpu()-before
	if err := cmd.Wait(); err != nil {
		b.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(s.Dir(), "db.log"))
	if n := bytes.Count(text, bytes.Repeat([]byte("x"), 99)); err != nil || n != benchLines || bytes.Count(text, []byte("\n")) != benchLines {
		b.Errorf("%d lines are in the log, error %v", n, err)
	}
	return took, used
}

func printToFile(b *testing.B) time.Duration {
	out, err := os.Create(filepath.Join(b.TempDir(), "out"))
	if err != nil {
		b.Fatal(err)
	}
	defer os.Remove(out.Name())
	defer out.Close()
	began := time.Now()
	cmd := printer()
	cmd.Stdout = out
	if err := cmd.Run(); err != nil {
		b.Fatal(err)
	}
	return time.Since(began)
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

// BenchmarkSilentServices is what the logs of services that say nothing take:
// two pipes each, pumped. The figure is all of the process's own memory that
// is more than before, for each service.
func BenchmarkSilentServices(b *testing.B) {
	const services = 1000
	for b.Loop() {
		s := openSet(b, logfile.Options{})
		before := proportional(b)
		var pumps []*logfile.Pump
		var ends []*os.File
		for i := range services {
			log := s.Log(fmt.Sprint("service-", i))
			for _, name := range []string{"stdout", "stderr"} {
				r, w, err := logfile.Pipe()
				if err != nil {
					b.Fatal(err)
				}
				pump, err := logfile.StartPump(r, log.Stream(name, 1))
				if err != nil {
					b.Fatal(err)
				}
				pumps, ends = append(pumps, pump), append(ends, w)
			}
		}
		b.ReportMetric(float64(proportional(b)-before)/services, "B/service")
		b.ReportMetric(float64(runtime.NumGoroutine()), "goroutines")
		for _, w := range ends {
			w.Close()
		}
		for _, p := range pumps {
			<-p.Done()
		}
		s.End()
	}
	b.ReportMetric(0, "ns/op")
}

// proportional is the process's PSS, see proc_pid_smaps(5).
func proportional(b *testing.B) int64 {
	debug.FreeOSMemory()
	text, err := os.ReadFile("/proc/self/smaps_rollup")
	if err != nil {
		b.Skip("needs smaps_rollup: ", err)
	}
	_, rest, _ := bytes.Cut(text, []byte("Pss:"))
	var kib int64
	if _, err := fmt.Sscan(string(rest), &kib); err != nil {
		b.Fatal(err)
	}
	return kib << 10
}
