package monitor

import "github.com/seancehq/seance/internal/linux/netlock"

// A network lock holds the TCP connections of an image to the world outside
// while it is frozen. CRIU makes it, and removes it when the image goes on or
// boots. What is left to the monitor: to remove it when CRIU was killed, and
// to keep its name with an image that quit, so that it can be removed when
// that image is, without ever having been booted.

// noteLock keeps the name of the lock with an image that is about to quit.
func (s *save) noteLock() error {
	names, err := netlock.Find(s.locked)
	if err == nil && len(names) > 0 {
		s.config.NetworkLock = names[0]
	}
	return err
}

// unlock removes the locks on connections of an image that goes on.
func (m *Monitor) unlock(connections []netlock.Connection) {
	if err := netlock.RemoveFor(connections); err != nil {
		m.log.Error("connections of the image may stay locked", "error", err)
	}
}

// unlockAfterFailure removes what a CRIU has left that may have been killed at
// any moment: with sockets in repair, or in the middle of making the lock. The
// sockets come first, so that no program finds one out of order.
func (s *save) unlockAfterFailure() {
	if err := netlock.EndRepair(s.m.record.Init.PID); err != nil {
		s.m.log.Error("connections of the image may be broken", "error", err)
	}
	if len(s.locked) == 0 {
		return
	}
	s.m.unlock(s.locked)
	if err := netlock.RemoveEmpty(s.before.locks); err != nil {
		s.m.log.Error("a network lock is left", "error", err)
	}
}

// removeLock removes the lock of a saved image that nobody can boot any more.
func (m *Monitor) removeLock(name string) {
	if err := netlock.Remove(name); err != nil {
		m.log.Error("a network lock is left", "error", err)
	}
}
