package initd

import (
	"fmt"

	"github.com/seancehq/seance/internal/supervise"
)

// States of the notices that tell how a service's log does.
const (
	logFailed supervise.State = "log-failed"
	logWorks  supervise.State = "log-works"
)

// logTrouble is told when a service's log begins to fail, and with nil when it
// works again. It runs in the writer.
func (in *Init) logTrouble(service string, err error) {
	state, message := logWorks, ""
	if err != nil {
		state, message = logFailed, firstLine(err)
	}
	in.services.Note(supervise.KindService, service, state, message)
	if in.foreground == nil {
		return
	}
	if err == nil {
		in.foreground.Say(fmt.Sprintf("the log of %s is written again", service))
		return
	}
	in.foreground.Say(fmt.Sprintf("cannot write the log of %s: %s; what it writes is not kept", service, message))
}

// checkLogs has the logs fail that will, of what has been started.
func (in *Init) checkLogs() {
	for _, s := range in.services.Status() {
		if s.Instance > 0 {
			in.logs.Check(s.Name)
		}
	}
}
