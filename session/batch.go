package session

// batch is a stretch of a list: its handlers run one after the other, or all at once.
type batch struct {
	from, to int
	atOnce   bool
}

// batches cuts a list where the manner of running changes. Handlers alone in their rank are put
// together, so that they share a lane.
func batches(list []*entry, concurrent bool) []batch {
	if len(list) == 0 {
		return nil
	}
	if !concurrent {
		return []batch{{0, len(list), false}}
	}
	var out []batch
	for from := 0; from < len(list); {
		to := from + 1
		for to < len(list) && sameRank(list[from], list[to]) {
			to++
		}
		alone := to == from+1
		if n := len(out) - 1; alone && n >= 0 && !out[n].atOnce {
			out[n].to = to
		} else {
			out = append(out, batch{from, to, !alone})
		}
		from = to
	}
	return out
}

func sameRank(a, b *entry) bool { return a.category == b.category && a.priority == b.priority }
