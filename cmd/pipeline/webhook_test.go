package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// clientApp is a client's app that takes people over a webhook, and recognises what
// it got before by the idempotency key.
type clientApp struct {
	*httptest.Server
	mu       sync.Mutex
	bodies   []string
	seen     map[string]bool // idempotency keys
	has      map[string]string
	doubled  int
	requests int
	during   func(request int) // is told of each request before it is answered
}

func newClientApp(t *testing.T) *clientApp {
	a := &clientApp{seen: map[string]bool{}, has: map[string]string{}}
	a.Server = httptest.NewServer(http.HandlerFunc(a.serve))
	t.Cleanup(a.Close)
	return a
}

func (a *clientApp) serve(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	a.mu.Lock()
	a.requests++
	request, during := a.requests, a.during
	a.bodies = append(a.bodies, string(body))
	if id := r.Header.Get("Idempotency-Key"); a.seen[id] {
		a.doubled++
	} else {
		a.seen[id] = true
		a.take(body)
	}
	a.mu.Unlock()
	if strings.Contains(string(body), "unacceptable") {
		http.Error(w, "no such person", http.StatusUnprocessableEntity)
	}
	if during != nil {
		during(request)
	}
}

func (a *clientApp) take(body []byte) {
	var row struct{ ID, Name string }
	if json.Unmarshal(body, &row) == nil && row.ID != "" {
		a.has[row.ID] += row.Name + ";"
	}
}

// hook sets what is told of requests.
func (a *clientApp) hook(during func(request int)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.during = during
}

func (a *clientApp) reset() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	bodies := a.bodies
	a.bodies = nil
	return bodies
}

func webhookMapping(t *testing.T, dir, options, records string) {
	t.Helper()
	for name, text := range map[string]string{
		"m.yaml":       "version: 1\nsource:\n  file: {path: people.jsonl}\nkey: [ID]\nfields:\n  ID: id\n  Name: name\nsinks:\n  - webhook: {" + options + "}\n",
		"people.jsonl": records,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestWebhook(t *testing.T) {
	a := newClientApp(t)
	dir := t.TempDir()
	run := func(want int, args ...string) string {
		t.Helper()
		cmd, said := process(t, dir, append([]string{"run", "m.yaml"}, args...)...)
		_ = cmd.Run()
		if got := cmd.ProcessState.ExitCode(); got != want {
			t.Fatalf("exit code %d, want %d\n%s", got, want, said)
		}
		return said.String()
	}
	options := fmt.Sprintf(`url: "%s/people?token=hidden", concurrency: 1, deletes: send`, a.URL)
	three := "{\"id\": \"1\", \"name\": \"Ada\"}\n{\"id\": \"2\", \"name\": \"Zo\u00eb\"}\n{\"id\": \"3\", \"name\": \"unacceptable\"}\n"
	webhookMapping(t, dir, options, three)
	said := run(3)
	if diff := cmp.Diff([]string{`{"ID":"1","Name":"Ada"}`, `{"ID":"2","Name":"Zoë"}`, `{"ID":"3","Name":"unacceptable"}`}, a.reset()); diff != "" {
		t.Error(diff)
	}
	for _, want := range []string{"3 read, 2 written, 0 filtered, 1 rejected", "to       " + a.URL + "/people\n", "refused: " + a.URL + "/people: the receiver answers 422 Unprocessable Entity (first: line 3)"} {
		if !strings.Contains(said, want) {
			t.Errorf("%q is not said:\n%s", want, said)
		}
	}
	rejects, _ := os.ReadFile(filepath.Join(dir, "m.rejects.jsonl"))
	if !strings.Contains(string(rejects), `"value":"no such person\n"`) || strings.Contains(said+string(rejects), "hidden") {
		t.Errorf("%s", rejects)
	}

	// Nothing has changed: only what was refused is tried again.
	if said := run(3); !strings.Contains(said, "2 unchanged and not sent again") {
		t.Error(said)
	}
	if diff := cmp.Diff([]string{`{"ID":"3","Name":"unacceptable"}`}, a.reset()); diff != "" {
		t.Error(diff)
	}

	// One is gone: of two that is half.
	webhookMapping(t, dir, options, "{\"id\": \"1\", \"name\": \"Ada\"}\n")
	if said := run(1); !strings.Contains(said, "1 of the 2 rows that "+a.URL+"/people has are gone from the source, more than 20%") {
		t.Error(said)
	}
	run(0, "--allow-deletes")
	if diff := cmp.Diff([]string{`{"type":"delete","key":{"ID":"2"}}`}, a.reset()); diff != "" {
		t.Error(diff)
	}

	// Batches in an envelope.
	webhookMapping(t, dir, options+`, batch: 2, body: "{people: rows}"`, "{\"id\": \"7\", \"name\": \"A\"}\n{\"id\": \"8\", \"name\": \"B\"}\n{\"id\": \"9\", \"name\": \"C\"}\n{\"id\": \"1\", \"name\": \"Ada\"}\n")
	run(0)
	if diff := cmp.Diff([]string{`{"people":[{"ID":"7","Name":"A"},{"ID":"8","Name":"B"}]}`, `{"people":[{"ID":"9","Name":"C"}]}`}, a.reset()); diff != "" {
		t.Error(diff)
	}
}

// A delivery that is killed goes on: every person arrives, and the app sees
// none twice that it cannot recognise.
func TestKilledDeliveriesGoOn(t *testing.T) {
	for _, test := range []struct {
		people  int
		note    string // of each person: pages are full sooner
		options string
		kill    []int // at these requests
		again   int   // most that the app is sent a second time: under way, or not yet recorded
	}{
		{people: 40, kill: []int{1, 2, 17, 39, 40}, again: 40},
		{people: 900, note: strings.Repeat("x", 1000), options: ", concurrency: 16", kill: []int{400, 700}, again: 2*16 + 256},
	} {
		var records strings.Builder
		for i := range test.people {
			fmt.Fprintf(&records, "{\"id\": \"%d\", \"name\": \"n\", \"note\": %q}\n", i, test.note)
		}
		for _, at := range test.kill {
			t.Run(fmt.Sprintf("%d of %d", at, test.people), func(t *testing.T) {
				t.Parallel()
				a := newClientApp(t)
				dir := t.TempDir()
				webhookMapping(t, dir, fmt.Sprintf(`url: "%s/"%s`, a.URL, test.options), records.String())
				cmd, _ := process(t, dir, "run", "m.yaml")
				first := newVictim(cmd)
				a.hook(func(request int) {
					if request == at {
						first.signal(os.Kill)
					}
				})
				_ = first.run(t)
				a.hook(nil)
				second, said := process(t, dir, "run", "m.yaml")
				if err := second.Run(); err != nil {
					t.Fatalf("%v\n%s", err, said)
				}
				third, said := process(t, dir, "run", "m.yaml")
				if err := third.Run(); err != nil || !strings.Contains(said.String(), strconv.Itoa(test.people)+" unchanged and not sent again") {
					t.Fatalf("%v\n%s", err, said)
				}
				a.Close() // waits for what the killed process asked: it may be answered only now
				if len(a.has) != test.people || a.doubled > test.again {
					t.Errorf("%d people arrived, want %d; %d came again", len(a.has), test.people, a.doubled)
				}
				for id, names := range a.has {
					if names != "n;" {
						t.Errorf("%s was taken as %q", id, names)
					}
				}
			})
		}
	}
}
