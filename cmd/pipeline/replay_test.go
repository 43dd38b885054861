package main

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Rejects that are replayed to a webhook come there once, or again with the same
// idempotency key.
func TestKilledReplayToAWebhook(t *testing.T) {
	for at := 1; at <= 4; at++ {
		t.Run(fmt.Sprint(at), func(t *testing.T) {
			t.Parallel()
			a := newClientApp(t)
			dir := t.TempDir()
			records := ""
			for id := range 4 {
				records += fmt.Sprintf("{\"id\": \"%d\", \"name\": null}\n", id)
			}
			webhookMapping(t, dir, fmt.Sprintf("url: %q, concurrency: 1", a.URL), records)
			rewrite(t, dir, "Name: name", "Name: lower(name)")
			if cmd, said := process(t, dir, "run", "m.yaml"); cmd.Run() == nil || a.requests > 0 {
				t.Fatal(said)
			}
			rewrite(t, dir, "lower(name)", `lower(name ?? "x")`)
			cmd, _ := process(t, dir, "rejects", "m.yaml", "--replay")
			first := newVictim(cmd)
			a.hook(func(request int) {
				if request == at {
					first.signal(os.Kill)
				}
			})
			_ = first.run(t)
			a.hook(nil)
			if second, said := process(t, dir, "rejects", "m.yaml", "--replay"); second.Run() != nil {
				t.Fatal(said)
			}
			want := map[string]string{"0": "x;", "1": "x;", "2": "x;", "3": "x;"}
			if diff := cmp.Diff(want, a.has); diff != "" {
				t.Error(diff)
			}
			assertRejected(t, dir)
		})
	}
}

// A file that is written whole takes all records: those on the tape, without a
// call, and it is the file that a full run makes.
func TestReplayOfRejectsFromTheTape(t *testing.T) {
	c := newChanging(t)
	dir, pipeline := retryPlace(t, c, "csv: {path: out.csv}", "max: 90%")
	rewrite(t, dir, "  sync: incremental\n", "")
	c.set(record(0, "a"), record(1, ""), record(2, "c"))
	pipeline(3, "run", "m.yaml")
	rewrite(t, dir, "lower(email)", `lower(email ?? "none")`)
	c.set() // a call would find nothing
	if said := pipeline(0, "rejects", "m.yaml", "--replay"); !strings.Contains(said, "m: out.csv is written whole, so all records are mapped again, from the tape, without a call") || !strings.Contains(said, "0 calls, 1 answer from the tape") {
		t.Error(said)
	}
	assertRows(t, dir, "0,a", "1,none", "2,c")
	assertRejected(t, dir)
	rewrite(t, dir, "max: 90%", "max: 1%")
	c.set(record(0, "a"), record(1, "b"), `{"id": 2, "email": 2}`)
	pipeline(1, "run", "m.yaml")
	if said := pipeline(1, "rejects", "m.yaml", "--replay"); !strings.Contains(said, "the last run of m did not come to its end, and these are its rejects; run it again, and it goes on with the mapping as it is now: pipeline run m.yaml") {
		t.Error(said)
	}
	assertRows(t, dir, "0,a", "1,none", "2,c")
}

// A replay that died may have appended its rows: a run before it is finished could
// not tell them from others.
func TestRunAfterAnInterruptedReplay(t *testing.T) {
	dir := t.TempDir()
	rejects := []byte(`{"mapping":"m","source":"file","line":1,"code":"c","reason":"r","record":{"id":1}}` + "\n")
	sum := sha256.Sum256(rejects)
	for name, text := range map[string]string{
		"m.yaml":                     "version: 1\nsource:\n  file: {path: in.jsonl}\nfields:\n  id: {value: id, type: integer}\nsinks:\n  - csv: {path: out.csv, mode: append}\n",
		"in.jsonl":                   `{"id":2}`,
		"m.rejects.jsonl":            string(rejects),
		".pipeline/m/replaying.json": fmt.Sprintf(`{"started":"2026-11-20T00:00:00Z","rejects":"%x"}`, sum),
	} {
		if err := os.MkdirAll(filepath.Join(dir, ".pipeline/m"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd, said := process(t, dir, "run", "m.yaml")
	if _ = cmd.Run(); cmd.ProcessState.ExitCode() != exitFailed || !strings.Contains(said.String(), "mapping the rejects again was interrupted, and some of their rows may be in the file already; finish that first, with `pipeline rejects --replay`") {
		t.Error(said)
	}
	for _, args := range [][]string{{"rejects", "m.yaml", "--replay"}, {"run", "m.yaml"}} {
		if cmd, said := process(t, dir, args...); cmd.Run() != nil {
			t.Errorf("%v: %s", args, said)
		}
	}
	assertRows(t, dir, "1", "2")
}
