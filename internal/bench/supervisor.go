package bench

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// supervisor is a program that runs services: seance, or a peer.
type supervisor struct {
	name string
	// program is what it needs; a peer that is not here is left out.
	program string
	// prepare writes into dir what has it run n times the same command. log says
	// that it is to keep the output of each in the files that logs names.
	prepare func(dir string, command []string, n int, log bool) error
	// start is the command that runs it in the foreground.
	start func(dir string) []string
	// stop is the command that has it stop; none: it is sent the signal.
	stop   func(dir string) []string
	signal syscall.Signal
	env    func(dir string) []string
	logs   func(dir string) string // a pattern, see filepath.Glob
	// parts are the files that it is made of, but for what everything else is made of
	// too, such as the C library.
	parts func() ([]string, error)
}

func seanceRun(p Programs) supervisor {
	return supervisor{
		name: "seance", program: p.Seance,
		prepare: prepareSeance,
		start: func(dir string) []string {
			return []string{p.Seance, "run", "-f", filepath.Join(dir, "seance.yaml"), "--name", "bench"}
		},
		signal: syscall.SIGTERM,
		env:    func(dir string) []string { return []string{"SEANCE_HOME=" + filepath.Join(dir, "home")} },
		logs:   func(dir string) string { return filepath.Join(dir, "home", "live", "bench", "log", "*.log*") },
		parts:  partsOf(p.Seance),
	}
}

func prepareSeance(dir string, command []string, n int, _ bool) error {
	var m strings.Builder
	m.WriteString("services:\n")
	words, err := json.Marshal(command)
	if err != nil {
		return err
	}
	for i := range n {
		fmt.Fprintf(&m, "  s%d: {command: %s}\n", i, words)
	}
	return os.WriteFile(filepath.Join(dir, "seance.yaml"), []byte(m.String()), 0o666)
}

// peers are the supervisors that Debian and npm have.
func peers() []supervisor {
	return []supervisor{s6(), runit(), supervisord(), pm2()}
}

func s6() supervisor {
	return supervisor{
		name: "s6", program: "s6-svscan",
		prepare: func(dir string, command []string, n int, log bool) error {
			return prepareFolders(dir, command, n, log, "exec s6-log n9 s99999999 T \"$0.kept\"")
		},
		start: func(dir string) []string { return []string{"s6-svscan", "-c", "2000", filepath.Join(dir, "scan")} },
		stop:  func(dir string) []string { return []string{"s6-svscanctl", "-t", filepath.Join(dir, "scan")} },
		logs:  func(dir string) string { return filepath.Join(dir, "scan", "s0", "log", "run.kept", "*") },
		parts: partsOf(onPath("s6-svscan"), onPath("s6-supervise"), "/usr/lib/*/libskarnet.so.*"),
	}
}

func runit() supervisor {
	return supervisor{
		name: "runit", program: "runsvdir",
		prepare: func(dir string, command []string, n int, log bool) error {
			err := prepareFolders(dir, command, n, log, "mkdir -p \"$0.kept\"; printf 's99999999\\nn9\\n' >\"$0.kept/config\"; exec svlogd -ttt \"$0.kept\"")
			// runsvdir waits a second when the folder has just changed.
			past := time.Now().Add(-time.Minute)
			return errors.Join(err, os.Chtimes(filepath.Join(dir, "scan"), past, past))
		},
		start:  func(dir string) []string { return []string{"runsvdir", "-P", filepath.Join(dir, "scan")} },
		signal: syscall.SIGHUP,
		logs:   func(dir string) string { return filepath.Join(dir, "scan", "s0", "log", "run.kept", "*") },
		parts:  partsOf(onPath("runsvdir"), onPath("runsv")),
	}
}

// onPath is where a program is.
func onPath(program string) string {
	path, err := exec.LookPath(program)
	if err != nil {
		return program
	}
	return path
}

// prepareFolders writes the folders of s6 and runit: one a service, with a
// script that runs it, and one below it for its logger.
func prepareFolders(dir string, command []string, n int, log bool, logger string) error {
	run := "exec " + quoted(command)
	for i := range n {
		folder := filepath.Join(dir, "scan", fmt.Sprintf("s%d", i))
		if err := writeScript(filepath.Join(folder, "run"), run); err != nil {
			return err
		}
		if !log {
			continue
		}
		if err := writeScript(filepath.Join(folder, "log", "run"), logger); err != nil {
			return err
		}
	}
	return nil
}

func writeScript(path, text string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return err
	}
	return os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o777)
}

// quoted writes a command for a shell.
func quoted(command []string) string {
	words := make([]string, len(command))
	for i, word := range command {
		words[i] = "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
	}
	return strings.Join(words, " ")
}

func supervisord() supervisor {
	return supervisor{
		name: "supervisord", program: "supervisord",
		prepare: func(dir string, command []string, n int, log bool) error {
			var conf strings.Builder
			fmt.Fprintf(&conf, "[supervisord]\nnodaemon=true\nminfds=16384\nlogfile=/dev/null\nlogfile_maxbytes=0\npidfile=%s/pid\nchildlogdir=%s\n", dir, dir)
			for i := range n {
				fmt.Fprintf(&conf, "[program:s%d]\ncommand=%s\n", i, strings.ReplaceAll(quoted(command), "%", "%%"))
				if log {
					fmt.Fprintf(&conf, "stdout_logfile=%s/out.log\nstdout_logfile_maxbytes=0\n", dir)
				}
			}
			return os.WriteFile(filepath.Join(dir, "conf"), []byte(conf.String()), 0o666)
		},
		start:  func(dir string) []string { return []string{"supervisord", "-n", "-c", filepath.Join(dir, "conf")} },
		signal: syscall.SIGTERM,
		logs:   func(dir string) string { return filepath.Join(dir, "out.log") },
		parts:  partsOf(onPath("supervisord"), "/usr/bin/python3", "/usr/lib/python3", "/usr/lib/python3.*"),
	}
}

func pm2() supervisor {
	program, _ := filepath.Abs("build/peers/node_modules/.bin/pm2")
	return supervisor{
		name: "pm2", program: program,
		prepare: func(dir string, command []string, n int, log bool) error {
			type app map[string]any
			var apps []app
			for i := range n {
				a := app{"name": fmt.Sprintf("s%d", i), "script": command[0], "args": command[1:], "interpreter": "none"}
				if log {
					a["out_file"] = filepath.Join(dir, "out.log")
				}
				apps = append(apps, a)
			}
			text, err := json.Marshal(app{"apps": apps})
			if err != nil {
				return err
			}
			return os.WriteFile(filepath.Join(dir, "apps.json"), text, 0o666)
		},
		start: func(dir string) []string {
			return []string{program, "start", "--silent", filepath.Join(dir, "apps.json")}
		},
		stop:  func(string) []string { return []string{program, "kill", "--silent"} },
		env:   func(dir string) []string { return []string{"PM2_HOME=" + filepath.Join(dir, "pm2")} },
		logs:  func(dir string) string { return filepath.Join(dir, "out*.log") },
		parts: partsOf(onPath("node"), filepath.Join(filepath.Dir(program), "..")),
	}
}
