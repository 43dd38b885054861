package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/yeka/zip"

	"pipeline/pipeline/serve/engine"
	"pipeline/pipeline/serve/enginetest"
	"pipeline/pipeline/serve/history"
)

func TestMain(m *testing.M) {
	if os.Getenv("PIPELINE_TEST_MAIN") != "" { // a test runs this binary as the program
		main()
	}
	if file := os.Getenv("PIPELINE_TEST_PEAK"); file != "" { // the same, and it says how much memory it took
		runAndTellPeak(file)
	}
	if filepath.Base(os.Args[0]) != "pipeline" { // no test sees the logins of who runs it
		if err := os.Setenv("XDG_CONFIG_HOME", filepath.Join(os.TempDir(), "pipeline-without-logins")); err != nil {
			panic(err)
		}
	}
	testscript.Main(m, map[string]func(){
		"pipeline": func() { os.Exit(run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) },
	})
}

// TestScripts are the command line from outside, one story a file.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "../../testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       os.Getenv("UPDATE_SCRIPTS") != "",
		Cmds:                map[string]func(*testscript.TestScript, bool, []string){"exit": exitCodeIs, "sandbox": startSandbox, "login": logInScripted, "archive": makeArchive, "happen": makeHistory},
		Setup: func(env *testscript.Env) error {
			env.Setenv("NO_COLOR", "1")
			env.Setenv("XDG_STATE_HOME", filepath.Join(env.WorkDir, ".state"))
			env.Setenv("XDG_CONFIG_HOME", filepath.Join(env.WorkDir, ".config"))
			return nil
		},
	})
}

// exitCodeIs runs a command that has to end with a code: exit 3 pipeline run …
func exitCodeIs(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exit CODE COMMAND…")
	}
	got := "0"
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		got = exitText(err)
	}
	if got != args[0] {
		ts.Fatalf("exit code %s, want %s", got, args[0])
	}
}

// startSandbox runs a sandbox until the script ends, and sets $NAME to its base
// URL: sandbox gevme.
func startSandbox(ts *testscript.TestScript, _ bool, args []string) {
	cmd := exec.Command("pipeline", append([]string{"sandbox"}, args...)...)
	out, err := cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	ts.Defer(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	ts.Check(err)
	_, address, _ := strings.Cut(strings.TrimSpace(line), " is at ")
	ts.Setenv(args[0], address)
}

// logInScripted is a login with a person at a browser: login CODE FILE ARGS… runs
// pipeline auth login ARGS…, which has to end with that exit code, and writes what
// it said into FILE.
func logInScripted(ts *testscript.TestScript, _ bool, args []string) {
	cmd := exec.Command("pipeline", append([]string{"auth", "login"}, args[2:]...)...)
	cmd.Dir = ts.MkAbs(".")
	for _, name := range []string{"PATH", "HOME", "XDG_CONFIG_HOME", "PIPELINE_CREDENTIALS", "PIPELINE_PASSPHRASE", "PIPELINE_ACME_TOKEN", "PIPELINE_ACME_CLIENT_ID", "PIPELINE_ACME_CLIENT_SECRET"} {
		if value := ts.Getenv(name); value != "" {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
	}
	var said bytes.Buffer
	cmd.Stderr = &said
	got := "0"
	if err := logIn(cmd); err != nil {
		got = exitText(err)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), said.Bytes(), 0o600))
	if got != args[0] {
		ts.Fatalf("exit code %s, want %s\n%s", got, args[0], &said)
	}
}

// makeArchive packs a file as platforms do: archive ZIP PASSWORD FILE.
func makeArchive(ts *testscript.TestScript, _ bool, args []string) {
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	w, err := z.Encrypt(args[2], args[1], zip.AES256Encryption)
	ts.Check(err)
	_, err = io.WriteString(w, ts.ReadFile(args[2]))
	ts.Check(err)
	ts.Check(z.Close())
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), out.Bytes(), 0o600))
}

// makeHistory is a pipeline serve to which something happened: happen FOLDER EVENTS
// makes the history of a folder that is served from a file of events, one a line.
func makeHistory(ts *testscript.TestScript, _ bool, args []string) {
	memory := enginetest.NewMemory()
	for line := range strings.Lines(ts.ReadFile(args[1])) {
		_, err := memory.Append(context.Background(), engine.Events, "any", engine.Message{ID: line, Body: []byte(line)})
		ts.Check(err)
	}
	db, err := history.Open(filepath.Join(ts.MkAbs(args[0]), ".pipeline", "serve", "history.db"), slog.New(slog.DiscardHandler))
	ts.Check(err)
	_, err = db.CatchUp(context.Background(), memory)
	ts.Check(errors.Join(err, db.Close()))
}

func exitText(err error) string {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return strconv.Itoa(exit.ExitCode())
	}
	return err.Error()
}
