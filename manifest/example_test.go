package manifest_test

import (
	"errors"
	"fmt"

	"github.com/seancehq/seance/manifest"
)

func ExampleParse() {
	m, err := manifest.Parse("/srv/shop/seance.yaml", []byte(`
services:
  db:
    command: [redis-server, --port, "7001"]
    category: system
    ready: {tcp: 127.0.0.1:7001}
`))
	if err != nil {
		fmt.Println(err)
		return
	}
	db := m.Services[0]
	fmt.Println(m.Name, db.Name, db.Command, db.Workdir, db.Ready.Timeout, db.Shutdown.Signal)
	// Output: shop db [redis-server --port 7001] /srv/shop 30s TERM
}

func ExampleError() {
	_, err := manifest.Parse("seance.yaml", []byte("services:\n  web:\n    comand: ./web\n"))
	fmt.Println(err)
	var first *manifest.Error
	if errors.As(err, &first) {
		fmt.Println(first.Line, first.Hint)
	}
	// Output:
	// seance.yaml:3:5: unknown key "comand" in service "web"; did you mean "command"?
	//    3 |     comand: ./web
	//      |     ^
	// 3 did you mean "command"?
}
