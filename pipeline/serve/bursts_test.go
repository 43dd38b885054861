package serve_test

// bursts_test.go: many pushes in one run are what they are in a run each.

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pipeline/connectors"
	"pipeline/connectors/rest"
	"pipeline/pipeline"
)

// burstMapping takes what has an n that is a number.
const burstMapping = `
version: 1
name: m
source:
  gevme: {event: "1", push: {path: /hooks/m-0123456789abcdef0123456789abcdef}}
  reconcile: 1h
key: [id]
fields:
  id: string(id)
  n: {value: first_name, type: integer}
sinks:
  - csv: {path: out.csv, mode: merge}
  - webhook: {url: %q, concurrency: 3}
`

// burst is what came of pushes.
type burst struct {
	Runs    int `json:"-"`
	Counts  pipeline.Report
	File    string
	Rejects map[string]string   // of each record, as it was rejected last: only a later run takes the place of a reject
	Told    map[string][]string // by key, what a receiver was told in order
}

// mapPushes maps pushes, at most so many in a run; each run again where that is said,
// as one that died before it was noted that it is over.
func mapPushes(t *testing.T, mapping string, pushes []string, atOnce int, again bool) burst {
	t.Helper()
	var mu sync.Mutex
	got, seen := burst{Told: map[string][]string{}}, map[string]bool{}
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var row struct {
			ID string
			N  json.Number
		}
		body, _ := io.ReadAll(r.Body)
		_ = json.Unmarshal(body, &row)
		mu.Lock()
		defer mu.Unlock()
		if id := r.Header.Get("Idempotency-Key"); !seen[id] {
			seen[id] = true
			got.Told[row.ID] = append(got.Told[row.ID], row.N.String())
		}
	}))
	defer receiver.Close()
	dir := t.TempDir()
	plan := compiled(t, fmt.Sprintf(mapping, receiver.URL))
	now := time.Date(2026, 3, 1, 13, 0, 0, 0, time.UTC)
	for end := min(atOnce, len(pushes)); ; end = min(end+atOnce, len(pushes)) {
		check(t, os.WriteFile(filepath.Join(dir, "inbox"), []byte(strings.Join(pushes[:end], "\n")+"\n"), 0o600))
		now = now.Add(time.Minute)
		run := func() pipeline.Report {
			r, err := plan.Run(t.Context(), pipeline.RunOptions{
				State: filepath.Join(dir, "state"), World: &pipeline.World{Now: now, OutDir: dir}, Pushed: fileInbox(filepath.Join(dir, "inbox")),
			})
			check(t, err)
			return r
		}
		before, _, err := pipeline.PushedIn(filepath.Join(dir, "state"), "")
		check(t, err)
		r := run()
		if r.PushedTo == 0 {
			break
		}
		if again {
			forgetEnd(t, filepath.Join(dir, "state"), before)
			if r := run(); r.PushedTo == 0 {
				t.Fatal("the run is not made again")
			}
		}
		c := &got.Counts
		c.Read, c.Written, c.Filtered, c.Rejected = c.Read+r.Read, c.Written+r.Written, c.Filtered+r.Filtered, c.Rejected+r.Rejected
		c.Late, c.Doubled, c.Unchanged = c.Late+r.Late, c.Doubled+r.Doubled, c.Unchanged+r.Unchanged
		got.Runs++
	}
	file, err := os.ReadFile(filepath.Join(dir, "out.csv"))
	check(t, err)
	got.File = string(file)
	rejects, err := os.ReadFile(filepath.Join(dir, "m.rejects.jsonl"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	got.Rejects = lastRejects(t, rejects)
	return got
}

// forgetEnd makes the last push run one that was interrupted when all was done.
func forgetEnd(t *testing.T, state string, before uint64) {
	t.Helper()
	var end struct {
		Started time.Time
		Seq     uint64
	}
	name := filepath.Join(state, "pushed.json")
	src, err := os.ReadFile(name)
	check(t, err)
	check(t, json.Unmarshal(src, &end))
	write := func(name, format string, args ...any) {
		check(t, os.WriteFile(filepath.Join(state, name), fmt.Appendf(nil, format, args...), 0o600))
	}
	write("pushed.json", `{"started": %q, "seq": %d}`, end.Started.Add(-time.Second).Format(time.RFC3339Nano), before)
	write("pushing.json", `{"started": %q, "after": %d, "up_to": %d}`, end.Started.Format(time.RFC3339Nano), before, end.Seq)
}

// lastRejects is, of each record, what was rejected of the last push that had it.
func lastRejects(t *testing.T, file []byte) map[string]string {
	t.Helper()
	last, lines := map[string]uint64{}, map[string]string{}
	for line := range strings.Lines(string(file)) {
		var reject struct {
			Push   uint64
			Record struct{ ID string }
		}
		check(t, json.Unmarshal([]byte(line), &reject))
		switch id := reject.Record.ID; {
		case reject.Push > last[id]:
			last[id], lines[id] = reject.Push, line
		case reject.Push == last[id]:
			lines[id] += line
		}
	}
	return lines
}

func compiled(t *testing.T, src string) *pipeline.Plan {
	t.Helper()
	parsed, diags := pipeline.Parse("m.yaml", []byte(src))
	var plan *pipeline.Plan
	if !diags.HasErrors() {
		plan, diags = parsed.Compile(pipeline.Setup{Registry: connectors.All(rest.New()), Files: &pipeline.Files{Read: os.ReadFile}})
	}
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	return plan
}

// Whatever is pushed, and however much of it is mapped at once: the same file, the
// same rejects, the same changes for a receiver, the same counts; and once more changes
// nothing.
func TestBurstsAreRunsOfOnePush(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(seed, 1))
			record := func() string {
				return registration(string("abc"[random.IntN(3)]), random.IntN(6), []string{"0", "1", "1", "x"}[random.IntN(4)])
			}
			pushes := make([]string, 16)
			for i := range pushes {
				pushes[i] = record()
				if random.IntN(4) == 0 {
					pushes[i] = "[" + record() + "," + record() + "]" // maybe of one key
				}
			}
			pushes = append(pushes, registration("a", 9, "7"))
			want := mapPushes(t, burstMapping, pushes, 1, false)
			for _, atOnce := range []int{3, len(pushes)} {
				got := mapPushes(t, burstMapping, pushes, atOnce, atOnce > 3)
				got.Runs = want.Runs
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%d at once (-want +got)\n%s\n%s", atOnce, diff, strings.Join(pushes, "\n"))
				}
			}
		})
	}
}

// One who changes to and fro: every change is told, in one run.
func TestBurst(t *testing.T) {
	var pushes, want []string
	for i := range 1000 {
		pushes = append(pushes, fmt.Sprintf(`{"id": "a", "first_name": "%d"}`, i%2))
		want = append(want, fmt.Sprint(i%2))
	}
	got := mapPushes(t, burstMapping, pushes, len(pushes), true)
	if diff := cmp.Diff(burst{Runs: 1, Counts: pipeline.Report{Read: 1000, Written: 1000}, File: "id,n\na,1\n", Told: map[string][]string{"a": want}, Rejects: map[string]string{}}, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// What the next push of a record says of it takes the place of its reject, wherever
// the mapping stopped, and whatever comes of the push.
func TestBurstsCloseRejects(t *testing.T) {
	bad, good := registration("a", 1, "x"), registration("a", 2, "1")
	last := func(old, text string) string { return strings.Replace(burstMapping, old, text, 1) }
	for name, tt := range map[string]struct {
		mapping string
		pushes  []string
	}{
		"rejected before its key is known": {last("  id: string(id)\n  n: {value: first_name, type: integer}\n", "  n: {value: first_name, type: integer}\n  id: string(id)\n"), []string{bad, good}},
		"filtered":                         {last("fields:", "where: first_name != \"1\"\nfields:"), []string{bad, good}},
		"of many rows":                     {last("key: [id]\n", "each: {x: \"[1, 2]\"}\nkey: [id, x]\n"), []string{bad, good}},
	} {
		t.Run(name, func(t *testing.T) {
			mapping := tt.mapping
			if name == "of many rows" {
				mapping = strings.Replace(mapping, "fields:\n", "fields:\n  x: x\n", 1)
			}
			want, got := mapPushes(t, mapping, tt.pushes, 1, false), mapPushes(t, mapping, tt.pushes, 9, true)
			got.Runs = want.Runs
			if len(want.Rejects) > 0 {
				t.Fatalf("one by one, these rejects stay: %v", want.Rejects)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// A push may hold more than is mapped at once, and a record that was rejected anywhere
// in it.
func TestBurstOfLongPushes(t *testing.T) {
	long := func(n int, a string) string {
		records := make([]string, n, n+1)
		for i := range records {
			records[i] = registration(fmt.Sprint(i), 1, "1")
		}
		return "[" + strings.Join(append(records, a), ",") + "]"
	}
	pushes := []string{long(10, registration("a", 1, "x")), long(6000, registration("a", 2, "2")), registration("a", 3, "3")}
	want, got := mapPushes(t, burstMapping, pushes, 1, false), mapPushes(t, burstMapping, pushes, 9, true)
	if got.Runs != 2 {
		t.Errorf("%d runs", got.Runs)
	}
	got.Runs = want.Runs
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// Of a record that was pushed and rejected twice in one run, what was pushed last is
// delivered when the rejects are mapped again.
func TestReplayOfBurst(t *testing.T) {
	for name, source := range map[string]string{
		"a record's own key": "gevme: {event: \"1\", push: {path: /hooks/m-0123456789abcdef0123456789abcdef}}\n  reconcile: 1h",
		"a key of rows":      "webhook: {path: /hooks/m-0123456789abcdef0123456789abcdef}",
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			mapping := "version: 1\nname: m\nsource:\n  " + source + "\nkey: [id]\nfields:\n  id: string(id)\n  n: {value: first_name, type: %s}\nsinks: [csv: {path: out.csv, mode: merge}]\n"
			o := pipeline.RunOptions{State: filepath.Join(dir, "state"), World: &pipeline.World{Now: time.Date(2026, 3, 1, 13, 0, 0, 0, time.UTC), OutDir: dir}}
			check(t, os.WriteFile(filepath.Join(dir, "inbox"), []byte(registration("a", 1, "x")+"\n"+registration("b", 1, "z")+"\n"+registration("a", 2, "y")+"\n"), 0o600))
			pushed := o
			pushed.Pushed = fileInbox(filepath.Join(dir, "inbox"))
			_, err := compiled(t, fmt.Sprintf(mapping, "integer")).Run(t.Context(), pushed)
			check(t, err)
			o.Rejects = true
			report, err := compiled(t, fmt.Sprintf(mapping, "string")).Run(t.Context(), o)
			check(t, err)
			file, err := os.ReadFile(filepath.Join(dir, "out.csv"))
			check(t, err)
			if want := "id,n\nb,z\na,y\n"; string(file) != want || report.Rejected != 0 {
				t.Errorf("the file has %q, want %q; %d rejected", file, want, report.Rejected)
			}
		})
	}
}

// What comes late does not take the place of the reject of what is newer.
func TestLateClosesNoReject(t *testing.T) {
	pushes := []string{registration("a", 2, "x"), registration("a", 1, "1")}
	for _, atOnce := range []int{1, 2} {
		got := mapPushes(t, burstMapping, pushes, atOnce, true)
		if got.Counts.Late != 1 || !strings.Contains(got.Rejects["a"], `"push":1,`) {
			t.Errorf("%d at once: %d late, rejected %v", atOnce, got.Counts.Late, got.Rejects)
		}
	}
}
