package main

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// statePlace is a folder with an incremental mapping that has a file and a
// webhook, and its state.
func statePlace(t *testing.T) (dir string, c *changing, a *clientApp, pipeline func(want int, args ...string) string) {
	c, a = newChanging(t), newClientApp(t)
	dir, pipeline = retryPlace(t, c, "csv: {path: out.csv, mode: merge}", "max: 90%")
	rewrite(t, dir, "sinks:\n", fmt.Sprintf("sinks:\n  - webhook: {url: %q}\n", a.URL+"/people?token=hidden"))
	c.set(record(1, "a"), record(2, "b"), record(3, ""))
	return dir, c, a, pipeline
}

// answer runs the program and gives what it says on stdout.
func answer(t *testing.T, dir string, want int, args ...string) string {
	t.Helper()
	cmd, said := process(t, dir, args...)
	out, _ := cmd.Output()
	if got := cmd.ProcessState.ExitCode(); got != want {
		t.Fatalf("pipeline %v: exit code %d, want %d\n%s%s", args, got, want, out, said)
	}
	return string(out)
}

func TestStateShow(t *testing.T) {
	dir, _, a, pipeline := statePlace(t)
	if said := answer(t, dir, 0, "state", "show", "m.yaml"); said != "m: 0 bytes in .pipeline/m\n  position  none: the next run fetches all\n" {
		t.Errorf("%q", said)
	}
	pipeline(3, "run", "m.yaml")
	said := answer(t, dir, 0, "state", "show", "m.yaml")
	for _, want := range []string{
		"  tape      complete, of ", ": 1 answer, ", "  position  the next run fetches what changed since ",
		"  ledger    2 rows at " + a.URL + "/people, 1 run; written ", "  rejects   1 open in m.rejects.jsonl: pipeline rejects m.yaml",
	} {
		if !strings.Contains(said, want) {
			t.Errorf("%q is not said:\n%s", want, said)
		}
	}
	if strings.Contains(said, "hidden") {
		t.Error("a secret is said")
	}
	var shown struct {
		Position  time.Time
		Receivers []struct{ Rows int }
		Rejects   struct{ Open int }
	}
	if err := json.Unmarshal([]byte(answer(t, dir, 0, "state", "show", "m.yaml", "--json")), &shown); err != nil || shown.Position.IsZero() || shown.Receivers[0].Rows != 2 || shown.Rejects.Open != 1 {
		t.Errorf("%v: %+v", err, shown)
	}
}

func TestStateRewind(t *testing.T) {
	dir, c, _, pipeline := statePlace(t)
	if said := pipeline(1, "state", "rewind", "m.yaml", "--to", "24h"); !strings.Contains(said, "m has no position yet: the next run fetches all") {
		t.Error(said)
	}
	pipeline(3, "run", "m.yaml")
	position, _ := os.ReadFile(filepath.Join(dir, ".pipeline/m/position.json"))
	if said := pipeline(2, "state", "rewind", "m.yaml", "--to", "2020-01-31"); !strings.Contains(said, "nothing was changed; add --yes to make this change") {
		t.Error(said)
	}
	if now, _ := os.ReadFile(filepath.Join(dir, ".pipeline/m/position.json")); !bytes.Equal(now, position) {
		t.Error("the position was changed without a yes")
	}
	for _, wrong := range []struct {
		to, want string
		code     int
	}{
		{"soon", `or how long ago (24h, 7d), not "soon"`, 2},
		{"-3h", `not "-3h"`, 2},
		{"2200-01-01T00:00:00Z", "is not before the position", 2},
		{"", "rewind needs --to TIME", 2},
	} {
		if said := pipeline(wrong.code, "state", "rewind", "m.yaml", "--yes", "--to="+wrong.to); !strings.Contains(said, wrong.want) {
			t.Errorf("%q: %s", wrong.to, said)
		}
	}
	if said := answer(t, dir, 0, "state", "rewind", "m.yaml", "--yes", "--to", "2020-01-31T00:00:00Z"); !strings.Contains(said, "  position  ") || !strings.Contains(said, " -> 2020-01-31 ") {
		t.Error(said)
	}
	c.hold(t, func() {
		second, _ := process(t, dir, "run", "m.yaml")
		if err := second.Start(); err != nil {
			t.Fatal(err)
		}
		<-c.asked
		if said := pipeline(1, "state", "rewind", "m.yaml", "--yes", "--to", "2019-01-31"); !strings.Contains(said, "another run of this mapping is going on") {
			t.Error(said)
		}
		_ = second.Process.Kill()
		_ = second.Wait()
	})
	if said := pipeline(3, "run", "m.yaml"); strings.Contains(said, "starting over") {
		t.Error(said)
	}
	c.Close() // waits for what the killed process asked
	if want := fmt.Sprint(time.Date(2020, 1, 31, 0, 0, 0, 0, time.UTC).UnixMilli()); c.since != want {
		t.Errorf("the run after it asked for what changed since %s, want %s", c.since, want)
	}
	rewrite(t, dir, "  sync: incremental\n", "")
	rewrite(t, dir, ", mode: merge", "")
	if said := pipeline(2, "state", "rewind", "m.yaml", "--to", "24h"); !strings.Contains(said, "m.yaml reads everything in every run") {
		t.Error(said)
	}
}

// An interrupted run goes on with what it asked for, and would undo a rewind.
func TestStateRewindOfAnInterruptedRun(t *testing.T) {
	dir, _, _, pipeline := statePlace(t)
	pipeline(3, "run", "m.yaml")
	rewrite(t, dir, "max: 90%", "max: 1%")
	pipeline(1, "run", "m.yaml")
	if said := pipeline(1, "state", "rewind", "m.yaml", "--yes", "--to", "24h"); !strings.Contains(said, "was interrupted: it goes on first, and would undo the change; run the mapping again, then change its state") {
		t.Error(said)
	}
}

// A run that got no answer, as where nobody was logged in, gave nobody anything:
// it is in the way of nothing, and the one after it asks anew.
func TestStateAfterARunThatGotNothing(t *testing.T) {
	dir, c, _, pipeline := statePlace(t)
	pipeline(3, "run", "m.yaml")
	c.hold(t, func() {
		cmd, _ := process(t, dir, "run", "m.yaml")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		<-c.asked
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	pipeline(3, "run", "m.yaml", "--replay")
	pipeline(0, "state", "rewind", "m.yaml", "--yes", "--to", "2020-01-31T00:00:00Z")
	pipeline(3, "run", "m.yaml")
	c.Close() // waits for what the killed process asked
	if want := fmt.Sprint(time.Date(2020, 1, 31, 0, 0, 0, 0, time.UTC).UnixMilli()); c.since != want {
		t.Errorf("the run asked for what changed since %s, want %s", c.since, want)
	}
}

func TestStateExportImport(t *testing.T) {
	dir, c, a, pipeline := statePlace(t)
	if said := pipeline(1, "state", "export", "m.yaml"); !strings.Contains(said, "nothing is kept for m") {
		t.Error(said)
	}
	pipeline(3, "run", "m.yaml")
	archive := answer(t, dir, 0, "state", "export", "m.yaml")
	if names := tarNames(t, archive); strings.Join(names, " ") != "state.json position.json ledger.db" {
		t.Errorf("%q", names)
	}
	if names := tarNames(t, answer(t, dir, 0, "state", "export", "--tapes", "m.yaml")); len(names) != 4 {
		t.Errorf("with tapes: %q", names)
	}

	other := t.TempDir()
	mapping, _ := os.ReadFile(filepath.Join(dir, "m.yaml"))
	for name, text := range map[string]string{"m.yaml": string(mapping), "state.tar": archive, "none.tar": "hello"} {
		if err := os.WriteFile(filepath.Join(other, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	said := answer(t, other, 2, "state", "import", "m.yaml", "state.tar")
	for _, want := range []string{"  position  none -> 20", "  ledger    " + a.URL + "/people: 0 rows -> 2 rows"} {
		if !strings.Contains(said, want) {
			t.Errorf("%q is not said:\n%s", want, said)
		}
	}
	if said := answer(t, other, 0, "state", "show", "m.yaml"); !strings.Contains(said, "none: the next run fetches all") {
		t.Error(said)
	}
	answer(t, other, 0, "state", "import", "m.yaml", "state.tar", "--yes")
	a.reset()
	c.set(record(1, "a"), record(2, "changed"))
	answer(t, other, 0, "run", "m.yaml")
	if bodies := a.reset(); len(bodies) != 1 || !strings.Contains(bodies[0], "changed") {
		t.Errorf("the other machine sent %q", bodies)
	}
	if c.since == "" {
		t.Error("the other machine fetched all")
	}
	evil := filepath.Join(other, "evil.tar")
	if err := os.WriteFile(evil, withFile(t, archive, "../../m.yaml"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"evil.tar": `the archive has "../../m.yaml", which no export has`, "none.tar": "this is no archive of `pipeline state export`", "missing.tar": "cannot read missing.tar: there is no such file"} {
		cmd, said := process(t, other, "state", "import", "m.yaml", name, "--yes")
		if _ = cmd.Run(); !strings.Contains(said.String(), want) {
			t.Errorf("%s: %s", name, said)
		}
	}
	if err := os.WriteFile(filepath.Join(other, "o.yaml"), mapping, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd, text := process(t, other, "state", "import", "o.yaml", "state.tar", "--yes")
	if _ = cmd.Run(); !strings.Contains(text.String(), `this is the state of the mapping "m", and the mapping is "o"`) {
		t.Error(text)
	}
	if left, _ := filepath.Glob(filepath.Join(other, ".pipeline/*/*.tmp")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	assertNoSecret(t, dir)
	if strings.Contains(archive, "hidden") {
		t.Error("the archive has a secret")
	}
}

func tarNames(t *testing.T, archive string) (names []string) {
	t.Helper()
	in := tar.NewReader(strings.NewReader(archive))
	for {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return names
		}
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, h.Name)
	}
}

// withFile is an archive with one more file.
func withFile(t *testing.T, archive, name string) []byte {
	t.Helper()
	var out bytes.Buffer
	in, w := tar.NewReader(strings.NewReader(archive)), tar.NewWriter(&out)
	for {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = w.WriteHeader(h)
		}
		if err == nil {
			_, err = io.Copy(w, in)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.WriteHeader(&tar.Header{Name: name, Mode: 0o600}), w.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
