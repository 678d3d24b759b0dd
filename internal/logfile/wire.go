package logfile

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/seancehq/seance/api"
)

// QueryFor answers a query of the API from the files in a folder.
func QueryFor(dir string, asked api.LogQuery) (q Query, err error) {
	q = Query{
		Dir: dir, Services: asked.Services, Last: asked.Tail, Since: asked.Since, Until: asked.Until, Follow: asked.Follow,
		After: map[string]Mark{},
	}
	if asked.Grep != "" {
		if q.Grep, err = regexp.Compile(asked.Grep); err != nil {
			return q, fmt.Errorf("grep is no regular expression: %w", err)
		}
	}
	for service, mark := range asked.After {
		if q.After[service], err = ParseMark(mark); err != nil {
			return q, fmt.Errorf("after: %w", err)
		}
	}
	return q, nil
}

// CheckNames refuses a name that stands for none of an image's services.
func CheckNames(image string, services, asked []string) *api.Error {
	_, missing := Select(services, asked)
	if len(missing) == 0 {
		return nil
	}
	return &api.Error{Code: api.CodeNotFound, Message: fmt.Sprintf(
		"image %q has no service %q with a log; there are: %s", image, missing[0], strings.Join(services, ", "))}
}

// Wire puts a line into the API's form, without its mark.
func (l Line) Wire() api.LogLine {
	line := api.LogLine{Time: l.Time, Service: l.Service, Stream: l.Stream, Instance: l.Instance, Partial: l.Partial, Text: l.Text}
	if !utf8.ValidString(l.Text) {
		line.Text, line.Bytes = strings.ToValidUTF8(l.Text, "\ufffd"), []byte(l.Text)
	}
	return line
}
