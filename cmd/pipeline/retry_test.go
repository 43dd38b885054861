package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// changing is a GEVME whose answers are what changed since the last run.
type changing struct {
	*httptest.Server
	mu      sync.Mutex
	records []string
	since   string        // what was asked for last
	asked   chan struct{} // where it is not nil, gets a value for each call, which has no answer
}

func newChanging(t *testing.T) *changing {
	c := &changing{}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.since = r.URL.Query().Get("modifiedFrom")
		if c.asked != nil {
			c.asked <- struct{}{}
			panic(http.ErrAbortHandler)
		}
		w.Header().Set("Content-Type", "application/json")
		if offset := r.URL.Query().Get("offset"); offset != "" && offset != "0" {
			_, _ = fmt.Fprint(w, "[]")
			return
		}
		_, _ = fmt.Fprintf(w, "[%s]", strings.Join(c.records, ","))
	}))
	t.Cleanup(c.Close)
	return c
}

func (c *changing) set(records ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.records = records
}

// hold gives no answers while it does something.
func (c *changing) hold(t *testing.T, do func()) {
	t.Helper()
	c.mu.Lock()
	c.asked = make(chan struct{}, 1000)
	c.mu.Unlock()
	do()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked = nil
}

// retryPlace is a folder with an incremental mapping.
func retryPlace(t *testing.T, c *changing, sink, rejects string) (dir string, pipeline func(want int, args ...string) string) {
	t.Helper()
	dir = t.TempDir()
	mapping := fmt.Sprintf("version: 1\nsource:\n  gevme: {event: \"1\", base_url: %q}\n  sync: incremental\nkey: [id]\nfields:\n  id: string(id)\n  email: {value: lower(email), required: true}\nrejects: {%s}\nsinks:\n  - %s\n", c.URL, rejects, sink)
	if err := os.WriteFile(filepath.Join(dir, "m.yaml"), []byte(mapping), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir, func(want int, args ...string) string {
		t.Helper()
		cmd, said := process(t, dir, args...)
		_ = cmd.Run()
		if got := cmd.ProcessState.ExitCode(); got != want {
			t.Fatalf("pipeline %v: exit code %d, want %d\n%s", args, got, want, said)
		}
		return said.String()
	}
}

func record(id int, email string) string {
	if email == "" {
		return fmt.Sprintf(`{"id": %d, "email": null}`, id)
	}
	return fmt.Sprintf(`{"id": %d, "email": %q}`, id, email)
}

// rejectedIDs are the ids in the reject file, in its order.
func rejectedIDs(t *testing.T, dir string) (ids []int) {
	t.Helper()
	src, _ := os.ReadFile(filepath.Join(dir, "m.rejects.jsonl"))
	for line := range strings.Lines(string(src)) {
		l := struct{ Record struct{ ID int } }{}
		l.Record.ID = -1 // of what is no JSON
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		ids = append(ids, l.Record.ID)
	}
	return ids
}

func assertRejected(t *testing.T, dir string, want ...int) {
	t.Helper()
	if diff := cmp.Diff(want, rejectedIDs(t, dir)); diff != "" {
		t.Errorf("open rejects: %s", diff)
	}
}

func assertRows(t *testing.T, dir string, want ...string) {
	t.Helper()
	src, _ := os.ReadFile(filepath.Join(dir, "out.csv"))
	lines := strings.Split(strings.TrimSpace(string(src)), "\n")[1:]
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Errorf("rows: %s", diff)
	}
}

// An incremental run reads only what changed: an open reject stays until its
// record is read anew, and is there once.
func TestOpenRejectsOfIncrementalRuns(t *testing.T) {
	c := newChanging(t)
	dir, pipeline := retryPlace(t, c, "csv: {path: out.csv, mode: append}", "max: 80%")
	const broken = `{"email"::}`
	c.set(record(0, "a"), record(1, ""), record(2, "c"), record(3, ""), broken)
	pipeline(3, "run", "m.yaml")
	assertRows(t, dir, "0,a", "2,c")
	assertRejected(t, dir, 1, 3, -1)

	c.set(record(1, ""), record(5, "f"), broken) // the overlap reads it again
	pipeline(3, "run", "m.yaml")
	assertRejected(t, dir, 1, -1, 3)

	c.set(record(1, "B"), record(6, "g")) // it was mended on the platform
	pipeline(0, "run", "m.yaml")
	assertRejected(t, dir, -1, 3)
	assertRows(t, dir, "0,a", "2,c", "5,f", "1,b", "6,g")

	c.set(record(7, "h"))
	pipeline(0, "run", "m.yaml")
	assertRejected(t, dir, -1, 3)

	c.set(record(8, ""), record(9, "")) // too many: nothing is published, and no reject is lost
	pipeline(1, "run", "m.yaml")
	assertRejected(t, dir, 8, 9, -1, 3)
	pipeline(1, "run", "m.yaml")
	assertRejected(t, dir, 8, 9, -1, 3)

	rewrite(t, dir, "lower(email)", `lower(email ?? "none")`)
	if said := pipeline(1, "rejects", "m.yaml", "--replay"); !strings.Contains(said, "was interrupted, and receivers may have newer copies of these records; run the mapping again first") {
		t.Error(said)
	}
	pipeline(0, "run", "m.yaml")
	assertRejected(t, dir, -1, 3)
	pipeline(3, "rejects", "m.yaml", "--replay")
	assertRejected(t, dir, -1)
	assertRows(t, dir, "0,a", "2,c", "5,f", "1,b", "6,g", "7,h", "8,none", "9,none", "3,none")
	assertNoSecret(t, dir)
}

// With retry, the next run delivers what passes by now, and a record that it reads
// anew wins over its old copy.
func TestRetry(t *testing.T) {
	c := newChanging(t)
	dir, pipeline := retryPlace(t, c, "csv: {path: out.csv, mode: append}", "retry: true, max: 90%")
	c.set(record(0, "a"), record(1, ""), record(2, ""), record(3, ""))
	pipeline(3, "run", "m.yaml")
	assertRejected(t, dir, 1, 2, 3)

	c.set(record(4, "e")) // those that fail again do not count for max: they did before
	if said := pipeline(3, "run", "m.yaml"); !strings.Contains(said, "4 read, 1 written, 0 filtered, 3 rejected") || !strings.Contains(said, "3 of the records from the reject file") {
		t.Error(said)
	}
	assertRejected(t, dir, 1, 2, 3)

	c.set(record(2, "new"), record(3, ""))
	rewrite(t, dir, "lower(email)", `'lower(id == 3 ? email : email ?? "none")'`)
	pipeline(3, "run", "m.yaml")
	assertRows(t, dir, "0,a", "4,e", "2,new", "1,none")
	assertRejected(t, dir, 3)
}

// What a run rejected for a key that came before stays rejected while both have
// that key: retried on its own it would take the other's place.
func TestRetryOfAKeyThatCameTwice(t *testing.T) {
	c := newChanging(t)
	dir, pipeline := retryPlace(t, c, "csv: {path: out.csv, mode: merge}", "retry: true")
	rewrite(t, dir, "  id: string(id)", "  id: email")
	c.set(record(1, "a"), record(2, "a"))
	pipeline(3, "run", "m.yaml")
	c.set()
	pipeline(3, "run", "m.yaml")
	pipeline(3, "rejects", "m.yaml", "--replay")
	assertRows(t, dir, "a,a")
	rewrite(t, dir, "  id: email", "  id: string(id)")
	pipeline(0, "run", "m.yaml")
	assertRejected(t, dir)
}

// Whenever a run is killed, and however often, in the end each record was
// delivered once or is an open reject.
func TestKilledRetries(t *testing.T) {
	for _, kind := range []struct {
		name, sink, rejects string
		args                []string
	}{
		{"run with append", "csv: {path: out.csv, mode: append}", "retry: true", []string{"run", "m.yaml"}},
		{"run with merge", "csv: {path: out.csv, mode: merge}", "retry: true", []string{"run", "m.yaml"}},
		{"replay with append", "csv: {path: out.csv, mode: append}", "max: 100%", []string{"rejects", "m.yaml", "--replay"}},
	} {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(1, 2))
			for range 2 {
				killedRetry(t, random, kind.sink, kind.rejects, kind.args)
			}
		})
	}
}

func killedRetry(t *testing.T, random *rand.Rand, sink, rejects string, args []string) {
	c := newChanging(t)
	dir, pipeline := retryPlace(t, c, sink, rejects)
	var first []string
	for id := range 30 {
		email := "e"
		if id%3 == 0 {
			email = ""
		}
		first = append(first, record(id, email))
	}
	c.set(first...)
	began := time.Now()
	pipeline(3, "run", "m.yaml")
	whole := time.Since(began) // of a run that is let be, on this machine
	rewrite(t, dir, "lower(email)", `'lower(id == 6 ? email : email ?? "mended")'`)
	want, nine := 30, "9,anew"
	c.set(record(9, "anew"), record(31, "e"))
	if args[0] == "rejects" {
		want, nine = 29, "9,mended"
	}
	for tries := 0; ; tries++ {
		cmd, said := process(t, dir, args...)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		kill := time.AfterFunc(whole/8+time.Duration(random.Int64N(int64(whole)*int64(8+tries)/16)), func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait()
		if kill.Stop(); cmd.ProcessState.Exited() {
			if code := cmd.ProcessState.ExitCode(); code != exitRejected {
				t.Fatalf("exit code %d\n%s", code, said)
			}
			break
		}
		src, _ := os.ReadFile(filepath.Join(dir, "out.csv"))
		if _, err := os.Stat(filepath.Join(dir, ".pipeline", "m", "unfinished.tape")); err != nil && strings.Contains(string(src), "31,e") {
			c.set() // it had come to its end: nothing has changed since
		}
	}
	assertRejected(t, dir, 6)
	src, _ := os.ReadFile(filepath.Join(dir, "out.csv"))
	rows := strings.Split(strings.TrimSpace(string(src)), "\n")[1:]
	slices.Sort(rows)
	if len(rows) != want || !slices.Contains(rows, nine) {
		t.Errorf("%d rows, want %d, with %s: %q", len(rows), want, nine, rows)
	}
	for i, row := range rows[1:] {
		if id, _, _ := strings.Cut(row, ","); strings.HasPrefix(rows[i], id+",") {
			t.Errorf("twice: %s, %s", rows[i], row)
		}
	}
}

// Whatever a source sends and in whatever order, after every incremental run a
// record is an open reject, once, exactly where its newest copy is bad.
func TestOpenRejectsAreTheNewestBadCopies(t *testing.T) {
	t.Setenv("PIPELINE_GEVME_TOKEN", "secret")
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	if checks := flag.Lookup("rapid.checks"); checks.Value.String() == checks.DefValue {
		_ = checks.Value.Set("12") // each is some runs, which wait for the disk
		t.Cleanup(func() { _ = checks.Value.Set(checks.DefValue) })
	}
	rapid.Check(t, func(rt *rapid.T) {
		c := newChanging(t)
		defer c.Close()
		dir, _ := retryPlace(t, c, "csv: {path: out.csv, mode: merge}", fmt.Sprintf("retry: %v", rapid.Bool().Draw(rt, "retry")))
		rows, bad := map[int]string{}, map[int]bool{}
		pipeline := func(args ...string) {
			var said bytes.Buffer
			if code := run(t.Context(), append(args, filepath.Join(dir, "m.yaml"), "--out", dir), nil, &said, &said); code != exitDone && code != exitRejected {
				rt.Fatalf("exit code %d\n%s", code, &said)
			}
		}
		for version := range rapid.IntRange(1, 4).Draw(rt, "runs") {
			var records []string
			for _, id := range rapid.SliceOfNDistinct(rapid.IntRange(0, 5), 0, 6, rapid.ID).Draw(rt, "changed") {
				email := ""
				if bad[id] = rapid.Bool().Draw(rt, "bad"); !bad[id] {
					email = fmt.Sprintf("v%d", version)
					rows[id] = email
				}
				records = append(records, record(id, email))
			}
			c.set(records...)
			pipeline("run")
			assertState(rt, t, dir, rows, bad)
		}
		rewrite(t, dir, "lower(email)", `lower(email ?? "mended")`)
		pipeline("rejects", "--replay")
		for id := range bad {
			if bad[id] {
				rows[id] = "mended"
			}
		}
		assertState(rt, t, dir, rows, nil)
	})
}

func assertState(rt *rapid.T, t *testing.T, dir string, rows map[int]string, bad map[int]bool) {
	var want, got []string
	for id, email := range rows {
		want = append(want, fmt.Sprintf("%d,%s", id, email))
	}
	for id := range bad {
		if bad[id] {
			want = append(want, fmt.Sprintf("%d is rejected", id))
		}
	}
	src, _ := os.ReadFile(filepath.Join(dir, "out.csv"))
	for line := range strings.Lines(string(src)) {
		if line != "id,email\n" {
			got = append(got, strings.TrimSpace(line))
		}
	}
	for _, id := range rejectedIDs(t, dir) {
		got = append(got, fmt.Sprintf("%d is rejected", id))
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		rt.Error(diff)
	}
}

// Rejects of one event are not delivered as records of another: not by --replay,
// and not by the next run. What is only fetched otherwise is the same source.
func TestRejectsOfAnotherEvent(t *testing.T) {
	for _, sync := range []string{"incremental", "full"} {
		t.Run(sync, func(t *testing.T) {
			t.Parallel()
			c := newChanging(t)
			dir, pipeline := retryPlace(t, c, "csv: {path: out.csv, mode: append}", "retry: true, max: 90%")
			rewrite(t, dir, "sync: incremental", "sync: "+sync)
			c.set(record(0, "a"), record(1, ""))
			pipeline(3, "run", "m.yaml")

			rewrite(t, dir, `event: "1"`, `event: "2"`)
			rewrite(t, dir, "lower(email)", `lower(email ?? "none")`)
			const refused = `m.rejects.jsonl has open rejects of another source: since they were rejected, this mapping's event was changed, and they must not be delivered as records of what it reads now; deliver them with the mapping as it was, or move that file away`
			commands := [][]string{{"rejects", "m.yaml", "--replay"}}
			if sync == "incremental" {
				commands = append(commands, []string{"run", "m.yaml"})
			}
			for _, args := range commands {
				if said := pipeline(1, args...); !strings.Contains(said, refused) {
					t.Errorf("%v: %s", args, said)
				}
			}
			assertRejected(t, dir, 1)
			assertRows(t, dir, "0,a")

			rewrite(t, dir, `event: "2"`, `event: "1", page_size: 10`)
			pipeline(0, "rejects", "m.yaml", "--replay")
			assertRejected(t, dir)
			assertRows(t, dir, "0,a", "1,none")
		})
	}
}

// A full run replaces the rejects of another event, and the next is of its own.
func TestRejectsReplacedByThoseOfAnotherEvent(t *testing.T) {
	c := newChanging(t)
	dir, pipeline := retryPlace(t, c, "csv: {path: out.csv, mode: append}", "max: 90%")
	rewrite(t, dir, "  sync: incremental\n", "")
	c.set(record(0, "a"), record(1, ""))
	pipeline(3, "run", "m.yaml")
	rewrite(t, dir, `event: "1"`, `event: "2"`)
	c.set(record(5, "b"), record(6, ""))
	pipeline(3, "run", "m.yaml")
	rewrite(t, dir, "lower(email)", `lower(email ?? "none")`)
	pipeline(0, "rejects", "m.yaml", "--replay")
	assertRows(t, dir, "0,a", "5,b", "6,none")
}
