package manifest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// schemaURL is where editors find the schema.
const schemaURL = "https://raw.githubusercontent.com/seancehq/seance/main/manifest/schema.json"

// Starter is the text of a seance.yaml to start from, with remarks, for a
// folder. A Procfile there is made into it; from is its path then.
func Starter(folder string) (text []byte, from string, err error) {
	folder, err = filepath.Abs(folder)
	if err != nil {
		return nil, "", fmt.Errorf("cannot write a manifest for folder %q: %w", folder, err)
	}
	head := fmt.Sprintf(starterHead, schemaURL, yamlString(makeName(filepath.Base(folder))))
	procfile := filepath.Join(folder, procfileName)
	if _, err := os.Stat(procfile); errors.Is(err, fs.ErrNotExist) {
		return []byte(head + starterServices + starterTail), "", nil
	}
	m, err := Read(procfile)
	if err != nil {
		return nil, "", err
	}
	return []byte(head + fromProcfile(m) + starterTail), procfile, nil
}

// fromProcfile writes the services of a Procfile.
func fromProcfile(m *Manifest) string {
	var b strings.Builder
	b.WriteString("# From the Procfile. There, nothing is started again when it ends; on-failure, the\n# default, starts again what has failed.\nservices:\n")
	for _, s := range m.Services {
		fmt.Fprintf(&b, "  %s:\n    command: %s\n    env: {PORT: %s}\n    restart: no\n", yamlKey(s.Name), yamlString(s.Command[2]), s.Env["PORT"])
	}
	return b.String()
}

const starterHead = `# yaml-language-server: $schema=%s
# Every key is described in https://github.com/seancehq/seance/blob/main/docs/manifest.md

# The image's name, for "seance ps -i NAME" and the like.
name: %s

`

const starterServices = `# Services are long-running programs. A command that is a string is run by
# /bin/sh; a list, such as [./web, --port, "8080"], without a shell.
services:
  clock:
    command: while date; do sleep 10; done

  # web:
  #   command: [./web, --port, "${PORT:-8080}"]
  #   needs: [clock]                          # ready before this one starts
  #   ready: {tcp: "127.0.0.1:${PORT:-8080}"} # or http, command, log, notify, exit
  #   restart: always                         # or on-failure (the default), no
  #   shutdown: {signal: TERM, grace: 10s}
`

const starterTail = `
# Hooks are commands run at start-up and shut-down.
# hooks:
#   migrate: {startup: ./migrate, category: system}

# Folders whose files are saved with the memory of the programs.
# capture: [data]
`
