package supervise

// turns lets only some programs be started at once. Programs are forked one by
// one; what many goroutines prepare meanwhile would only keep the one that forks
// from the processor, for the runtime lets each have its turn. A nil turns is
// for any number.
type turns chan struct{}

// atOnce is enough to have the next program prepared when one is forked.
const atOnce = 4

func newTurns() turns { return make(turns, atOnce) }

// take waits for a turn. The function returned ends it.
func (t turns) take() (done func()) {
	if t == nil {
		return func() {}
	}
	t <- struct{}{}
	return func() { <-t }
}
