package api

import "fmt"

// Busy is the error of a snapshot that is asked of an image which is doing
// something else.
func Busy(name string, doing State, asked SnapshotRequest) *Error {
	if asked.Save {
		return busy("save", name, doing)
	}
	return busy("quit", name, doing)
}

// BusyReload is the error of a reload that is asked of an image which is doing
// something else.
func BusyReload(name string, doing State) *Error { return busy("reload", name, doing) }

func busy(verb, name string, doing State) *Error {
	why := "it is " + string(doing) + "; try again later"
	switch doing {
	case StateBooting:
		why = "it is still booting; try again when it is up"
	case StateSaving:
		why = "it is being saved; try again when that is done"
	case StateReloading:
		why = "its manifest is being reloaded; try again when that is done"
	case StateQuitting:
		why = "it is quitting already"
	case StateLost:
		why = "its init does not answer"
	}
	return &Error{Code: CodeBusy, Message: fmt.Sprintf("cannot %s image %q: %s", verb, name, why)}
}
