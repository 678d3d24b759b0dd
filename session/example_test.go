package session_test

import (
	"context"
	"fmt"

	"github.com/seancehq/seance/session"
)

func Example() {
	say := func(what string) func(context.Context, bool) error {
		return func(_ context.Context, told bool) error {
			fmt.Println(what, told)
			return nil
		}
	}
	m := session.New()
	m.Register(session.Func("web", say("start web, booting:"), say("stop web, quitting:")), session.InCategory(session.Network))
	m.Register(session.Func("db", say("start db, booting:"), say("stop db, quitting:")), session.InCategory(session.System))

	if _, err := m.Boot(context.Background()); err != nil {
		fmt.Println(err)
	}
	if _, err := m.Snapshot(context.Background(), false, true); err != nil {
		fmt.Println(err)
	}
	// Output:
	// start db, booting: true
	// start web, booting: true
	// stop web, quitting: true
	// stop db, quitting: true
}

func ExampleManager_CreateCategoryAfter() {
	m := session.New()
	data, err := m.CreateCategoryAfter("data", session.System)
	if err != nil {
		fmt.Println(err)
		return
	}
	data.Register(session.Func("postgres", nil, nil))
	data.Register(session.Func("volumes", nil, nil), session.AtPriority(10))
	m.Register(session.Func("clock", nil, nil), session.InCategory(session.System))
	fmt.Print(m.Plan())
	// Output:
	// STEP  CATEGORY  PRIORITY  HANDLER   LIMIT
	// 1     system    100       clock     30s
	// 2     data      10        volumes   30s
	// 3     data      100       postgres  30s
}

func ExampleSession_Defer() {
	m := session.New()
	m.Register(session.Func("mail", func(ctx context.Context, _ bool) error {
		s, _ := session.FromContext(ctx)
		return s.Defer("send what waits", func(_ context.Context, booting bool) error {
			fmt.Println("everything is up, booting:", booting)
			return nil
		})
	}, nil))
	m.Register(session.Func("web", func(context.Context, bool) error { fmt.Println("web is up"); return nil }, nil))
	m.Boot(context.Background())
	// Output:
	// web is up
	// everything is up, booting: true
}
