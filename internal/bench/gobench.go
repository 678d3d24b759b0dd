package bench

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// goBenchmarks is an area whose figures are the Go benchmarks of a package.
func goBenchmarks(area, pkg string, recorded []record) Area {
	return Area{area, func(ctx context.Context, runs int) ([]Figure, error) {
		out, err := goTest(ctx, pkg, runs)
		if err != nil {
			return nil, err
		}
		series, err := parseGoBench(bytes.NewReader(out))
		if err != nil {
			return nil, fmt.Errorf("cannot read the benchmarks of %s: %w", pkg, err)
		}
		return figuresOf(area, series, recorded), unmatched(recorded, series)
	}}
}

func goTest(ctx context.Context, pkg string, runs int) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-bench", ".", "-benchtime", "300ms",
		"-timeout", "30m", "-count", strconv.Itoa(runs), pkg)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("cannot run the benchmarks of %s: %w\n%s%s", pkg, err, tail(out), stderr.Bytes())
	}
	return out, nil
}

// tail is the end of an output, where its error stands.
func tail(out []byte) []byte {
	lines := bytes.SplitAfter(out, []byte("\n"))
	return bytes.Join(lines[max(0, len(lines)-10):], nil)
}

// series is what one benchmark measured in one unit, a value for each run.
type series struct {
	name, unit string
	values     []float64
}

// figuresOf turns series into figures. Where a benchmark says how long one of
// many things in an operation takes (ns/handler), the time of the whole
// operation (ns/op) only repeats it and is left out.
func figuresOf(area string, all []series, recorded []record) []Figure {
	finer := map[string]bool{}
	for _, s := range all {
		if strings.HasPrefix(s.unit, "ns/") && s.unit != "ns/op" {
			finer[s.name] = true
		}
	}
	var figures []Figure
	for _, s := range all {
		if s.unit == "B/op" || s.unit == "allocs/op" || s.unit == "ns/op" && finer[s.name] {
			continue
		}
		f := Figure{Area: area, Name: s.name, Value: median(s.values), Unit: s.unit, Runs: len(s.values)}
		f.compare(findRecord(recorded, s.name, s.unit))
		figures = append(figures, f)
	}
	return figures
}

// benchLine is a benchmark's name without the number of CPUs that go test
// appends to it, its iterations, and its metrics.
var benchLine = regexp.MustCompile(`^Benchmark(\S+?)(?:-\d+)?\s+\d+\s+(.*)$`)

// parseGoBench reads what go test -bench prints. The series are in the order
// in which their names and units appear first.
func parseGoBench(r io.Reader) ([]series, error) {
	var all []series
	for scanner := bufio.NewScanner(r); ; {
		if !scanner.Scan() {
			return all, scanner.Err()
		}
		m := benchLine.FindStringSubmatch(scanner.Text())
		if m == nil {
			continue
		}
		metrics := strings.Fields(m[2])
		for i := 0; i+1 < len(metrics); i += 2 {
			v, err := strconv.ParseFloat(metrics[i], 64)
			if err != nil {
				return nil, fmt.Errorf("%q is no number in %q", metrics[i], scanner.Text())
			}
			all = add(all, m[1], metrics[i+1], v)
		}
	}
}

func add(all []series, name, unit string, v float64) []series {
	i := slices.IndexFunc(all, func(s series) bool { return s.name == name && s.unit == unit })
	if i < 0 {
		return append(all, series{name, unit, []float64{v}})
	}
	all[i].values = append(all[i].values, v)
	return all
}
