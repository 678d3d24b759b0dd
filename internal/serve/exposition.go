package serve

import (
	"bytes"
	"strconv"
	"strings"
)

// The types of metrics that there are here.
const (
	gauge   = "gauge"
	counter = "counter"
	summary = "summary"
)

// family is one metric with all its samples.
type family struct {
	name, kind, help string
	samples          []sample
}

type sample struct {
	suffix string // of the name, such as _sum
	labels []label
	value  float64
}

type label struct{ name, value string }

// exposition writes metrics in the text format of Prometheus, version 0.0.4.
func exposition(all []family) []byte {
	var b bytes.Buffer
	for _, f := range all {
		if len(f.samples) == 0 {
			continue
		}
		b.WriteString("# HELP " + f.name + " " + helpEscapes.Replace(f.help) + "\n")
		b.WriteString("# TYPE " + f.name + " " + f.kind + "\n")
		for _, s := range f.samples {
			b.WriteString(f.name + s.suffix)
			s.writeLabels(&b)
			b.WriteString(" " + strconv.FormatFloat(s.value, 'g', -1, 64) + "\n")
		}
	}
	return b.Bytes()
}

func (s sample) writeLabels(b *bytes.Buffer) {
	sep := "{"
	for _, l := range s.labels {
		b.WriteString(sep + l.name + `="` + labelEscapes.Replace(strings.ToValidUTF8(l.value, "\ufffd")) + `"`)
		sep = ","
	}
	if len(s.labels) > 0 {
		b.WriteString("}")
	}
}

var (
	helpEscapes  = strings.NewReplacer(`\`, `\\`, "\n", `\n`)
	labelEscapes = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)
)
