package initd

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/seancehq/seance/api"
	"github.com/seancehq/seance/internal/link"
	"github.com/seancehq/seance/internal/serve"
)

// call answers one call, with its request undecoded.
type call func(ctx context.Context, body json.RawMessage) (any, error)

// calls are all that init answers, for the monitor and for programs inside.
// They may come at any time and side by side: those that change what a snapshot
// is about to save wait for it or are refused.
func (in *Init) calls() map[string]call {
	return map[string]call{
		link.CallImage:     plain(func() (any, error) { return in.describe(), nil }),
		link.CallServices:  plain(func() (any, error) { return in.listServices(), nil }),
		link.CallHandlers:  plain(func() (any, error) { return in.listHandlers(), nil }),
		link.CallManifest:  plain(func() (any, error) { return in.source(), nil }),
		link.CallUsage:     func(ctx context.Context, _ json.RawMessage) (any, error) { return in.listUsage(ctx) },
		link.CallHierarchy: func(ctx context.Context, _ json.RawMessage) (any, error) { return in.hierarchy(ctx) },
		link.CallMetrics:   func(ctx context.Context, _ json.RawMessage) (any, error) { return in.metrics(ctx) },
		link.CallSnapshot:  with(in.beginSnapshot),

		link.CallChange:  with(in.changeServices),
		link.CallWait:    with(in.waitService),
		link.CallNotices: with(in.listNotices),
		link.CallReload:  with(in.reload),

		link.CallAddHandler:     withAlone(in.addHandler),
		link.CallRemoveHandler:  withAlone(in.removeHandler),
		link.CallAddCategory:    withAlone(in.addCategory),
		link.CallRemoveCategory: withAlone(in.removeCategory),
	}
}

func plain(f func() (any, error)) call {
	return func(context.Context, json.RawMessage) (any, error) { return f() }
}

// with decodes the request.
func with[T any](f func(context.Context, T) (any, error)) call {
	return func(ctx context.Context, body json.RawMessage) (any, error) {
		var req T
		if err := json.Unmarshal(body, &req); err != nil {
			return nil, serve.Bad("cannot read the request: %v", err)
		}
		return f(ctx, req)
	}
}

// withAlone is with for what takes no time.
func withAlone[T any](f func(T) (any, error)) call {
	return with(func(_ context.Context, req T) (any, error) { return f(req) })
}

// answer answers a call. It implements [link.Calls].
func (in *Init) answer(ctx context.Context, method string, body json.RawMessage) (any, error) {
	answer := in.calls()[method]
	if answer == nil {
		return nil, serve.Bad("the image's init does not know the call %q: it may be of an older seance than its monitor", method)
	}
	return answer(ctx, body)
}

func refused(code, format string, args ...any) error {
	return &api.Error{Code: code, Message: fmt.Sprintf(format, args...)}
}
