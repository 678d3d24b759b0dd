package api

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// values puts a query into a URL.
func (q LogQuery) values() url.Values {
	v := url.Values{"tail": {strconv.Itoa(q.Tail)}, "follow": {strconv.FormatBool(q.Follow)}}
	for _, s := range q.Services {
		v.Add("service", s)
	}
	for name, t := range map[string]time.Time{"since": q.Since, "until": q.Until} {
		if !t.IsZero() {
			v.Set(name, t.UTC().Format(time.RFC3339Nano))
		}
	}
	if q.Grep != "" {
		v.Set("grep", q.Grep)
	}
	if q.Marks {
		v.Set("marks", "true")
	}
	for service, mark := range q.After {
		v.Add("after", service+":"+mark)
	}
	return v
}

// ParseLogQuery reads what [Client.Logs] puts into a URL.
func ParseLogQuery(v url.Values) (q LogQuery, err error) {
	q = LogQuery{Services: v["service"], Tail: -1, Grep: v.Get("grep")}
	if s := v.Get("tail"); s != "" {
		if q.Tail, err = strconv.Atoi(s); err != nil {
			return q, fmt.Errorf("tail is %q, and must be a number", s)
		}
	}
	for name, into := range map[string]*bool{"follow": &q.Follow, "marks": &q.Marks} {
		if s := v.Get(name); s != "" {
			if *into, err = strconv.ParseBool(s); err != nil {
				return q, fmt.Errorf("%s is %q, and must be true or false", name, s)
			}
		}
	}
	for name, into := range map[string]*time.Time{"since": &q.Since, "until": &q.Until} {
		if s := v.Get(name); s != "" {
			if *into, err = time.Parse(time.RFC3339Nano, s); err != nil {
				return q, fmt.Errorf("%s is %q, and must be a time such as 2026-01-31T15:04:05Z", name, s)
			}
		}
	}
	for _, s := range v["after"] {
		service, mark, ok := strings.Cut(s, ":")
		if !ok {
			return q, fmt.Errorf("after is %q, and must be SERVICE:MARK", s)
		}
		if q.After == nil {
			q.After = map[string]string{}
		}
		q.After[service] = mark
	}
	return q, nil
}
