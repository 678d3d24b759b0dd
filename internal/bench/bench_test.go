package bench

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const goOutput = `goos: linux
goarch: amd64
pkg: example.org/x
cpu: Some CPU
BenchmarkFork/threads=1-2         	 1000	       500.0 ns/op	      64 B/op	       2 allocs/op
BenchmarkFork/threads=1-2         	 1000	       700.0 ns/op	      64 B/op	       2 allocs/op
BenchmarkFork/threads=1-2         	 1000	       400.0 ns/op	      64 B/op	       2 allocs/op
BenchmarkBoot/handlers=100-2      	   10	    120000 ns/op	        12.0 B/handler	      1200 ns/handler
PASS
ok  	example.org/x	4.2s
`

func TestGoBenchmarksBecomeFigures(t *testing.T) {
	all, err := parseGoBench(strings.NewReader(goOutput))
	if err != nil {
		t.Fatal(err)
	}
	recorded := []record{{"Fork/threads=1", "ns/op", Reference{"other", 1000, true}}}
	figures := figuresOf("hierarchy", all, recorded)
	var got []string
	for _, f := range figures {
		got = append(got, f.Name+" "+number(f.Value)+" "+f.Unit)
	}
	want := []string{"Fork/threads=1 500 ns/op", "Boot/handlers=100 12.0 B/handler", "Boot/handlers=100 1200 ns/handler"}
	if !slices.Equal(got, want) {
		t.Errorf("figures are\n%q, want\n%q", got, want)
	}
	if f := figures[0]; f.Reference == nil || !f.Reference.Recorded || f.Ratio != 0.5 || f.Runs != 3 {
		t.Errorf("first figure is %+v; want 3 runs, and half of a recorded reference", f)
	}
	if figures[1].Reference != nil {
		t.Errorf("a figure without a record has the reference %+v", figures[1].Reference)
	}
}

func TestARecordWithoutItsBenchmarkIsAnError(t *testing.T) {
	all := []series{{"Fork", "ns/op", []float64{1}}}
	if err := unmatched([]record{{"Fork", "ns/op", Reference{}}}, all); err != nil {
		t.Errorf("a record that has its benchmark: %v", err)
	}
	for _, r := range []record{{"Fork", "B/op", Reference{}}, {"Frok", "ns/op", Reference{}}} {
		if unmatched([]record{r}, all) == nil {
			t.Errorf("no error for %s in %s", r.benchmark, r.unit)
		}
	}
}

func TestCasesAreInterleavedWithTheirReferences(t *testing.T) {
	var order []string
	measures := func(name string, values ...float64) func(context.Context) (float64, error) {
		return func(context.Context) (float64, error) {
			order = append(order, name)
			v := values[0]
			values = values[1:]
			return v, nil
		}
	}
	cases := []Case{
		{Name: "a", Unit: "ms", Run: measures("a", 30, 10, 20), Reference: "ref", RunReference: measures("ref", 5, 90, 10)},
		{Name: "b", Unit: "ms", Run: measures("b", 1, 2, 3), Recorded: &Reference{"old", 4, true}},
	}
	figures, err := measureCases(t.Context(), "images", cases, 3)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(order, " "); got != "a ref b a ref b a ref b" {
		t.Errorf("the order of the runs is %s", got)
	}
	if f := figures[0]; f.Value != 20 || f.Reference.Value != 10 || f.Reference.Recorded || f.Ratio != 2 {
		t.Errorf("a is %+v with reference %+v; want median 20, reference's median 10, ratio 2", f, f.Reference)
	}
	if f := figures[1]; f.Value != 2 || f.Ratio != 0.5 || !f.Reference.Recorded {
		t.Errorf("b is %+v; want median 2 and half of the recorded reference", f)
	}
}

func TestAFailedRunIsReportedByName(t *testing.T) {
	boom := errors.New("boom")
	cases := []Case{{Name: "boot", Run: func(context.Context) (float64, error) { return 0, boom }}}
	_, err := measureCases(t.Context(), "images", cases, 1)
	if !errors.Is(err, boom) || !strings.Contains(err.Error(), `"boot"`) {
		t.Errorf("error is %v; want the cause and the case's name", err)
	}
}

func TestTable(t *testing.T) {
	figures := []Figure{
		{Name: "fork", Value: 412.4, Unit: "ns", Reference: &Reference{"axprocess", 475, true}, Ratio: 0.868},
		{Name: "tear it all down", Value: 3.14159, Unit: "ms"},
	}
	var b strings.Builder
	if err := WriteTable(&b, "hierarchy", figures); err != nil {
		t.Fatal(err)
	}
	const want = `hierarchy         figure  unit  reference                        ratio
fork                 412  ns          475  axprocess (recorded)   0.87
tear it all down    3.14  ms            -
`
	if b.String() != want {
		t.Errorf("the table is\n%s\nwant\n%s", b.String(), want)
	}
}

func TestSelect(t *testing.T) {
	areas := []Area{{Name: "a"}, {Name: "b"}}
	if got, err := Select(areas, nil); err != nil || len(got) != 2 {
		t.Errorf("without a name: %v, %v; want both", got, err)
	}
	if got, err := Select(areas, []string{"b"}); err != nil || len(got) != 1 || got[0].Name != "b" {
		t.Errorf("b: %v, %v", got, err)
	}
	if _, err := Select(areas, []string{"c"}); err == nil || !strings.Contains(err.Error(), "a, b") {
		t.Errorf("an unknown name: error %v; want one that lists the areas", err)
	}
}

func TestReportIsReadBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "bench.json")
	want := Report{Machine: ThisMachine(), Figures: []Figure{{Area: "a", Name: "n", Value: 1.5, Unit: "ms", Runs: 5}}}
	if err := want.Write(path); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var got Report
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if got.Machine != want.Machine || len(got.Figures) != 1 || got.Figures[0] != want.Figures[0] {
		t.Errorf("read back: %+v, want %+v", got, want)
	}
}
