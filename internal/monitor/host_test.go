package monitor

import (
	"slices"
	"testing"
)

func TestParseCPUFeatures(t *testing.T) {
	for _, c := range []struct {
		name, cpuinfo string
		want          []string
	}{
		{"x86: what the kernel adds or hides does not count", "processor\t: 0\nflags\t\t: fpu sse4_2 avx2 ibrs_enhanced md_clear constant_tsc pni\n", []string{"avx2", "pni", "sse4_2"}},
		{"Arm", "processor\t: 0\nFeatures\t: fp asimd aes\n", []string{"aes", "asimd", "fp"}},
		{"nothing said", "processor\t: 0\n", nil},
	} {
		if got := parseCPUFeatures([]byte(c.cpuinfo)); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
}
