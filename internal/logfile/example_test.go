package logfile_test

import (
	"context"
	"fmt"
	"os"

	"github.com/seancehq/seance/internal/logfile"
)

func Example() {
	dir, err := os.MkdirTemp("", "logs")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)

	logs := logfile.NewSet(dir, logfile.Options{})
	if err := logs.Open(); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Fprintln(logs.Log("db").Stream(logfile.StreamStdout, 0), "ready to accept connections")
	logs.End()

	query := logfile.Query{Dir: dir, Last: logfile.All}
	err = logfile.Read(context.Background(), query, func(l logfile.Line) error {
		fmt.Println(l.Service, l.Stream, l.Text)
		return nil
	})
	fmt.Println(err)
	// Output:
	// db stdout ready to accept connections
	// <nil>
}
