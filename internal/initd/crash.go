package initd

import (
	"os"
	"runtime/debug"
)

// openCrash has what the Go runtime says of a crash of this process written to
// a file that the monitor, whom nothing else tells, finds. Init in the foreground
// says it on standard error. Without the file the image runs as well.
func (in *Init) openCrash() {
	if in.foreground != nil {
		return
	}
	f, err := os.OpenFile(in.place.InitLog(), os.O_CREATE|os.O_TRUNC|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return
	}
	defer f.Close() // the runtime has its own descriptor
	_ = debug.SetCrashOutput(f, debug.CrashOptions{})
}

// closeCrash removes that file, for none of it is to be in a saved image.
func (in *Init) closeCrash() {
	if in.foreground != nil {
		return
	}
	_ = debug.SetCrashOutput(nil, debug.CrashOptions{})
	_ = os.Remove(in.place.InitLog())
}
