package manifest

// The tables are never written.
var readyFields = []field[Ready]{
	{"tcp", func(d *decoder, p place, n *node, r *Ready) { d.tcp(p, n, &r.TCP) }},
	{"http", func(d *decoder, p place, n *node, r *Ready) { d.nonEmpty(p, n, &r.HTTP) }},
	{"command", func(d *decoder, p place, n *node, r *Ready) { r.Command = d.command(p, n) }},
	{"log", func(d *decoder, p place, n *node, r *Ready) { d.nonEmpty(p, n, &r.Log) }},
	{"notify", func(d *decoder, p place, n *node, r *Ready) { d.onlyTrue(p, n, &r.Notify) }},
	{"exit", func(d *decoder, p place, n *node, r *Ready) { d.onlyTrue(p, n, &r.Exit) }},
	{"status", func(d *decoder, p place, n *node, r *Ready) { r.Status = d.status(p, n) }},
	{"timeout", func(d *decoder, p place, n *node, r *Ready) { d.duration(p, n, &r.Timeout) }},
}

var probeFields = []field[Probe]{
	{"tcp", func(d *decoder, p place, n *node, r *Probe) { d.tcp(p, n, &r.TCP) }},
	{"http", func(d *decoder, p place, n *node, r *Probe) { d.nonEmpty(p, n, &r.HTTP) }},
	{"command", func(d *decoder, p place, n *node, r *Probe) { r.Command = d.command(p, n) }},
	{"notify", func(d *decoder, p place, n *node, r *Probe) { d.onlyTrue(p, n, &r.Notify) }},
	{"status", func(d *decoder, p place, n *node, r *Probe) { r.Status = d.status(p, n) }},
	{"interval", func(d *decoder, p place, n *node, r *Probe) { d.duration(p, n, &r.Interval) }},
	{"timeout", func(d *decoder, p place, n *node, r *Probe) { d.duration(p, n, &r.Timeout) }},
	{"failures", func(d *decoder, p place, n *node, r *Probe) { d.integer(p, n, &r.Failures) }},
}

func (d *decoder) ready(p place, n *node) *Ready {
	r := &Ready{Timeout: DefaultReadyTimeout}
	decodeFields(d, p, n, "write {tcp: 127.0.0.1:PORT}, or one of http, command, log, notify, exit", readyFields, r)
	return r
}

func (d *decoder) probe(p place, n *node) *Probe {
	r := &Probe{Interval: DefaultProbeInterval, Timeout: DefaultProbeTimeout, Failures: DefaultProbeFailures}
	decodeFields(d, p, n, "write {tcp: 127.0.0.1:PORT}, or one of http, command, notify", probeFields, r)
	return r
}

// refused stands for a value that was reported already: that it is given counts
// in what contradicts what.
const refused = "refused"

func (d *decoder) nonEmpty(p place, n *node, v *string) {
	*v = refused
	switch text, ok := d.text(p, n); {
	case !ok:
	case text == "":
		d.fail(p, n.at, "", "%s is empty", p)
	default:
		*v = text
	}
}

func (d *decoder) tcp(p place, n *node, v *string) {
	*v = refused
	switch n.kind {
	case kindNumber:
		d.wrongType(p, n, "host:port", "write 127.0.0.1:"+n.text)
	case kindList:
		d.wrongType(p, n, "host:port", `"quote" an address in brackets`)
	default:
		d.nonEmpty(p, n, v)
	}
}

// onlyTrue takes a key that says something by being there.
func (d *decoder) onlyTrue(p place, n *node, v *bool) {
	before := d.found
	d.boolean(p, n, v)
	if d.found == before && !*v {
		d.fail(p, n.at, "remove the key", "%s can only be true", p)
	}
	*v = true
}

// status takes one HTTP status or a list of them. It never returns nil: nil is
// a key that is not given.
func (d *decoder) status(p place, n *node) []int {
	items := []*node{n}
	if n.kind == kindList {
		items = n.items
	}
	list := make([]int, 0, len(items))
	for i, item := range items {
		c := p
		if n.kind == kindList {
			c = p.item(i)
			d.at[c.path] = item.at
		}
		code := 200 // of one that is no number nothing more is to be told
		d.integer(c, item, &code)
		list = append(list, code)
	}
	return list
}
