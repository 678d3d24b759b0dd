package supervise

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestParseMessage(t *testing.T) {
	text := func(s string) *string { return &s }
	tests := []struct {
		text string
		want message
	}{
		{"READY=1", message{ready: true}},
		{"READY=0\nSTOPPING=1\nRELOADING=1\n", message{stopping: true, reloading: true}},
		{"STATUS=a=b\nMAINPID=42", message{status: text("a=b"), mainPID: 42}},
		{"STATUS=", message{status: text("")}},
		{"MAINPID=-1\nEXTEND_TIMEOUT_USEC=x\nWATCHDOG_USEC=99999999999999999999", message{}},
		{"EXTEND_TIMEOUT_USEC=9223372036854775807", message{}},
		{"WATCHDOG=1\nWATCHDOG_USEC=1500\nEXTEND_TIMEOUT_USEC=2000000", message{alive: true, watchdog: 1500 * time.Microsecond, extend: 2 * time.Second}},
		{"WATCHDOG=trigger", message{trigger: true}},
		{"READY=1=1\nready=1\n\n=\nX-OWN=1\nBARRIER=1", message{}},
	}
	for _, test := range tests {
		if got := parseMessage(test.text); !reflect.DeepEqual(got, test.want) {
			t.Errorf("%q: %+v, want %+v", test.text, got, test.want)
		}
	}
	if got := *parseMessage("STATUS=" + strings.Repeat("ä", maxStatus)).status; len(got) > maxStatus || strings.ToValidUTF8(got, "?") != got {
		t.Errorf("a long status: %d bytes, %q", len(got), got)
	}
	if got := *parseMessage("STATUS=a\x1b[31mb\tc\xff").status; got != "a [31mb c�" {
		t.Errorf("%q", got)
	}
}
