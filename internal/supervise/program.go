package supervise

import (
	"os"

	"github.com/seancehq/seance/internal/linux/reap"
)

// CanFind says whether a command's program is there and may be executed, as a
// service started by who asks would have it. env is what the manifest sets, dir where it
// runs.
func CanFind(command []string, dir string, env map[string]string) error {
	return reap.Find(reap.Spec{
		Args: command, Dir: dir, Env: environment(os.Environ(), nil, env), OwnPath: env["PATH"] != "",
	})
}
