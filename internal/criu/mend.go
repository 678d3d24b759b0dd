package criu

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// mend corrects, in what CRIU has written and while all processes still stand
// still, what would come back wrong. threads are those whose calls were cut
// short.
func mend(dir string, threads []int) error {
	if err := mendCalls(dir, threads); err != nil {
		return fmt.Errorf("cannot have interrupted calls begin again: %w", err)
	}
	if err := mendTimers(dir); err != nil {
		return fmt.Errorf("cannot have timers go on: %w", err)
	}
	return nil
}

var cutShort = regexp.MustCompile(`Will restore (\d+) with interrupted system call`)

// interrupted are the threads whose call CRIU has cut short, from its log. They
// are numbered as the caller sees them.
func interrupted(log string) ([]int, error) {
	text, err := os.ReadFile(log)
	if err != nil {
		return nil, err
	}
	var tids []int
	for _, m := range cutShort.FindAllSubmatch(text, -1) {
		if tid, err := strconv.Atoi(string(m[1])); err == nil {
			tids = append(tids, tid)
		}
	}
	return tids, nil
}

// mendCalls sets the saved registers of threads to what they were before the
// call that was cut short.
func mendCalls(dir string, threads []int) error {
	for _, tid := range threads {
		inside, err := numberInside(tid)
		if err != nil {
			return err
		}
		err = edit(filepath.Join(dir, fmt.Sprintf("core-%d.img", inside)), rewindCore)
		if err != nil {
			return err
		}
	}
	return nil
}

// numberInside is a thread's number in the innermost PID namespace that it is
// in, by which CRIU calls its file: NSpid of proc_pid_status(5).
func numberInside(tid int) (int, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", tid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if numbers, ok := strings.CutPrefix(line, "NSpid:"); ok {
			fields := strings.Fields(numbers)
			if len(fields) > 0 {
				return strconv.Atoi(fields[len(fields)-1])
			}
		}
	}
	return 0, fmt.Errorf("thread %d: its status has no NSpid", tid)
}

// Fields of file_entry and timerfd_entry in CRIU's fdinfo.proto and
// timerfd.proto.
const (
	fileTimer      = 12
	timerTicks     = 5
	timerNextSec   = 7
	timerNextNsec  = 8
	timerEverySec  = 9
	timerEveryNsec = 10
)

// mendTimers has periodic timers go on that were due while all stood still:
// the kernel says of such a one that nothing is left of its time, which to set
// it with would stop it.
func mendTimers(dir string) error {
	return edit(filepath.Join(dir, "files.img"), func(file []byte) (changed bool, err error) {
		for entry, err := range imageEntries(file) {
			if err != nil {
				return false, err
			}
			timer, err := inner(entry, fileTimer)
			if err != nil {
				return false, err
			}
			if !overdue(timer) {
				continue
			}
			next, _ := find(timer, timerNextNsec)
			if err := next.set(1); err != nil {
				return false, err
			}
			changed = true
		}
		return changed, nil
	})
}

// overdue says that a timer is periodic, has expired, and was not set again by
// being read. One that was stopped has not expired since.
func overdue(timer []field) bool {
	value := func(number int) uint64 {
		f, ok := find(timer, number)
		if !ok {
			return 0
		}
		return f.value()
	}
	return len(timer) > 0 && value(timerTicks) > 0 &&
		value(timerNextSec) == 0 && value(timerNextNsec) == 0 &&
		(value(timerEverySec) != 0 || value(timerEveryNsec) != 0)
}

// edit changes one of CRIU's files. One that is not there needs no change.
func edit(path string, change func(file []byte) (changed bool, err error)) error {
	file, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	changed, err := change(file)
	if err != nil {
		return fmt.Errorf("%s: %w", filepath.Base(path), err)
	}
	if !changed {
		return nil
	}
	return os.WriteFile(path, file, 0o600)
}
