package supervise

// Unmark has no program marked from now on, as where a hard limit forbids it.
func (sup *Supervisor) Unmark() {
	sup.tracker.marks = false
	for _, u := range sup.tracker.units {
		u.mark = 0
	}
}
