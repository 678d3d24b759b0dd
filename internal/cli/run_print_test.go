package cli

import (
	"bytes"
	"strings"
	"testing"

	"github.com/seancehq/seance/internal/logfile"
	"github.com/seancehq/seance/manifest"
)

func TestEachLineIsPrintedAfterItsService(t *testing.T) {
	many := strings.Repeat("another line of web\n", 10_000)
	long := strings.Repeat("x", 3*printBlock)
	out := func(service, stream, text string) logfile.Output {
		return logfile.Output{Service: service, Stream: stream, Text: []byte(text)}
	}
	for name, test := range map[string]struct {
		written []logfile.Output
		skipped int
		want    string
	}{
		"lines":            {[]logfile.Output{out("web", "stdout", "a\n\nb\n"), out("worker", "stdout", "c\n")}, 0, "web    | a\nweb    | \nweb    | b\nworker | c\n"},
		"many lines":       {[]logfile.Output{out("web", "stdout", many)}, 0, strings.ReplaceAll(many, "another", "web    | another")},
		"a long line":      {[]logfile.Output{out("web", "stdout", "a\n"+long+"\nb\n")}, 0, "web    | a\nweb    | " + long + "\nweb    | b\n"},
		"a line in parts":  {[]logfile.Output{out("web", "stdout", "a\nb"), out("web", "stdout", "c\nd\n")}, 0, "web    | a\nweb    | bc\nweb    | d\n"},
		"a line broken":    {[]logfile.Output{out("web", "stdout", "a"), out("web", "stderr", "b\nc\n")}, 0, "web    | a\nweb    | b\nweb    | c\n"},
		"a line not ended": {[]logfile.Output{out("web", "stdout", "a\nb")}, 0, "web    | a\nweb    | b\n"},
		"seance's own":     {[]logfile.Output{out("web", "seance", "ready\ngone\n"), out("web", "stdout", "a\n")}, 0, "web    | [ready]\nweb    | [gone]\nweb    | a\n"},
		"lines skipped":    {[]logfile.Output{out("web", "stdout", "a\nb")}, 7, "web    | a\nweb    | b\n[7 lines were not shown: this output did not take them; they are in the logs]\n"},
	} {
		t.Run(name, func(t *testing.T) {
			oneByOne := printedBy(func(p *runPrinter) {
				for i := range test.written {
					p.written(test.written[i:i+1], 0)
				}
				p.written(nil, test.skipped)
			})
			atOnce := printedBy(func(p *runPrinter) { p.written(test.written, test.skipped) })
			if oneByOne != test.want {
				t.Errorf("one by one: printed %.200q, want %.200q", oneByOne, test.want)
			}
			if atOnce != test.want {
				t.Errorf("at once: printed %.200q, want %.200q", atOnce, test.want)
			}
		})
	}
}

// printedBy is what a printer for web and worker prints.
func printedBy(print func(*runPrinter)) string {
	var printed bytes.Buffer
	a := &app{stdout: &printed, stderr: &printed, env: func(string) string { return "" }}
	p := a.newRunPrinter(&manifest.Manifest{Services: []manifest.Service{{Name: "web"}, {Name: "worker"}}}, false)
	print(p)
	p.end()
	return printed.String()
}
