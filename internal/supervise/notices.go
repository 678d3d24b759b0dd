package supervise

import (
	"context"
	"sync"
	"time"
)

// keptNotices is how many notices are remembered.
const keptNotices = 4096

// Notice is something that happened: a service or hook changed its state, or
// what [Supervisor.Note] was told.
type Notice struct {
	// Seq numbers the notices from 1 without a gap.
	Seq  uint64
	Time time.Time
	Kind Kind
	// Name is that of the service or hook, State what it does now.
	Name     string
	State    State
	Ready    bool
	Instance int
	PID      int
	// Message says why, such as how a program ended; it is one line.
	Message string
}

// Notices gives the notices with a Seq greater than after, oldest first, at
// most max of them when that is not 0. When there is none it waits for one; it
// gives none, and no error, when ctx ends before that. The oldest are forgotten
// in time: that is seen by a gap in Seq.
func (sup *Supervisor) Notices(ctx context.Context, after uint64, max int) ([]Notice, error) {
	for {
		found, more := sup.notices.since(after, max)
		if len(found) > 0 {
			return found, nil
		}
		select {
		case <-more:
		case <-ctx.Done():
			return nil, nil
		case <-sup.ctx.Done():
			return nil, ErrClosed
		}
	}
}

// Note adds a notice of the caller's own.
func (sup *Supervisor) Note(kind Kind, name string, state State, message string) {
	sup.notices.add(Notice{Time: time.Now(), Kind: kind, Name: name, State: state, Message: message})
}

// noticeOf is what is remembered of an event.
func noticeOf(e Event) Notice {
	n := Notice{Time: e.Time, Kind: e.Kind, Name: e.Name, State: e.State, Ready: e.Ready, Instance: e.Instance, PID: e.PID}
	if e.Err != nil {
		n.Message = firstLine(e.Err) // the lines that follow are in the log
	}
	return n
}

// notices remembers the last keptNotices. Its memory grows with what happens,
// and no further.
type notices struct {
	mu   sync.Mutex // guards all below
	ring []Notice   // that numbered n stands at (n-1) % keptNotices
	last uint64     // the number of the newest, 0 when there is none
	more chan struct{}
}

func (n *notices) add(one Notice) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.last++
	one.Seq = n.last
	if len(n.ring) < keptNotices {
		n.ring = append(n.ring, one)
	} else {
		n.ring[(n.last-1)%keptNotices] = one
	}
	if n.more != nil {
		close(n.more)
		n.more = nil
	}
}

// since gives what has come after a notice, or a channel that is closed when
// something does.
func (n *notices) since(after uint64, max int) (found []Notice, more <-chan struct{}) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if after >= n.last {
		if n.more == nil {
			n.more = make(chan struct{})
		}
		return nil, n.more
	}
	from := after + 1
	if oldest := n.last + 1 - uint64(len(n.ring)); from < oldest {
		from = oldest
	}
	count := n.last + 1 - from
	if max > 0 {
		count = min(count, uint64(max))
	}
	found = make([]Notice, 0, count)
	for seq := from; seq < from+count; seq++ {
		found = append(found, n.ring[(seq-1)%keptNotices])
	}
	return found, nil
}
