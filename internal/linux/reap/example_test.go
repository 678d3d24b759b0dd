package reap_test

import (
	"context"
	"fmt"
	"os"

	"github.com/seancehq/seance/internal/linux/reap"
)

func Example() {
	r, err := reap.New(reap.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer r.Close()
	p, err := r.Start(reap.Spec{Args: []string{"sh", "-c", "exit 7"}, Env: os.Environ()})
	if err != nil {
		fmt.Println(err)
		return
	}
	exit, err := p.Wait(context.Background())
	fmt.Println(exit, err)
	// Output: exit status 7 <nil>
}
