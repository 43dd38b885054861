package serve_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pipeline/connectors"
	"pipeline/connectors/rest"
	"pipeline/pipeline"
)

// told is a GEVME that is pulled from and pushes, and the mapping of it.
type told struct {
	t    *testing.T
	dir  string
	plan *pipeline.Plan
	list []string // what a pull finds
	now  time.Time

	store string // where the pushes are
	after uint64 // how far that store says that they were mapped
	said  string // by the last run that said something
}

// at is a moment, in minutes since noon.
func at(minutes int) string {
	return time.Date(2026, 3, 1, 12, minutes, 0, 0, time.UTC).Format(time.RFC3339)
}

func registration(id string, minutes int, name string) string {
	return fmt.Sprintf(`{"id": %q, "first_name": %q, "updated_at": %q}`, id, name, at(minutes))
}

func newTold(t *testing.T) *told {
	g := &told{t: t, dir: t.TempDir(), now: time.Date(2026, 3, 1, 13, 0, 0, 0, time.UTC)}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.URL.Query().Get("offset") > "0" {
			_, _ = fmt.Fprint(w, "[]")
			return
		}
		_, _ = fmt.Fprintf(w, "[%s]", strings.Join(g.list, ","))
	}))
	t.Cleanup(server.Close)
	src := fmt.Sprintf("version: 1\nname: m\nsource:\n  gevme: {event: \"1\", base_url: %q, push: {path: /hooks/m-0123456789abcdef0123456789abcdef}}\n  reconcile: 1h\nkey: [id]\nfields:\n  id: string(id)\n  name: first_name ?? \"\"\nsinks: [csv: {path: out.csv, mode: merge}]\n", server.URL)
	parsed, diags := pipeline.Parse("m.yaml", []byte(src))
	if !diags.HasErrors() {
		g.plan, diags = parsed.Compile(pipeline.Setup{Registry: connectors.All(rest.New()), Files: &pipeline.Files{Read: os.ReadFile}})
	}
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	return g
}

// options are those of a run.
func (g *told) options(push bool) pipeline.RunOptions {
	o := pipeline.RunOptions{State: filepath.Join(g.dir, "state"), Notice: func(said string) { g.said = said }, World: &pipeline.World{
		Now: g.now, OutDir: g.dir, Token: func(string) (pipeline.Token, error) { return pipeline.Token{Value: "t"}, nil },
	}}
	g.now = g.now.Add(time.Minute)
	if push {
		o.Pushed, o.PushedStore, o.PushedAfter = fileInbox(filepath.Join(g.dir, "inbox")), g.store, g.after
	}
	return o
}

func (g *told) run(push bool) pipeline.Report {
	g.t.Helper()
	report, err := g.plan.Run(g.t.Context(), g.options(push))
	if err != nil {
		g.t.Fatal(err)
	}
	return report
}

// push pushes records, and maps them until there are none left.
func (g *told) push(records ...string) (all pipeline.Report) {
	g.t.Helper()
	inbox, err := os.OpenFile(filepath.Join(g.dir, "inbox"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = inbox.WriteString(strings.Join(records, "\n") + "\n")
		err = errors.Join(err, inbox.Close())
	}
	if err != nil {
		g.t.Fatal(err)
	}
	for {
		r := g.run(true)
		if r.PushedTo == 0 {
			return all
		}
		all.Late, all.Doubled, all.Read, all.Written, all.Filtered = all.Late+r.Late, all.Doubled+r.Doubled, all.Read+r.Read, all.Written+r.Written, all.Filtered+r.Filtered
	}
}

func (g *told) assert(what string, got, want pipeline.Report, rows string) {
	g.t.Helper()
	counts := func(r pipeline.Report) string {
		return fmt.Sprintf("read %d, written %d, filtered %d, late %d, doubled %d, missed %d", r.Read, r.Written, r.Filtered, r.Late, r.Doubled, r.Missed)
	}
	if diff := cmp.Diff(counts(want), counts(got)); diff != "" {
		g.t.Errorf("%s (-want +got)\n%s", what, diff)
	}
	src, _ := os.ReadFile(filepath.Join(g.dir, "out.csv"))
	if out := strings.ReplaceAll(strings.TrimSpace(strings.TrimPrefix(string(src), "id,name\n")), "\n", " "); out != rows {
		g.t.Errorf("%s: the file has %q, want %q", what, out, rows)
	}
}

// Of a record the newest version counts, whether it was pushed or pulled, and what
// the pushes were worth is counted.
func TestVersions(t *testing.T) {
	g := newTold(t)
	g.list = []string{registration("a", 0, "A"), registration("b", 0, "B")}
	g.assert("the first pull: nobody could have told", g.run(false), pipeline.Report{Read: 2, Written: 2}, "a,A b,B")

	got := g.push(registration("a", 5, "A5"), registration("a", 5, "A5"), registration("c", 6, "C"))
	g.assert("a change, again, and a new one", got, pipeline.Report{Read: 3, Written: 3, Doubled: 1}, "b,B a,A5 c,C")
	got = g.push(registration("a", 3, "A3"))
	g.assert("one that comes late", got, pipeline.Report{Read: 1, Filtered: 1, Late: 1}, "b,B a,A5 c,C")

	g.list = []string{registration("a", 4, "A4"), registration("b", 7, "B7"), registration("c", 6, "C"), registration("d", 70, "D")}
	g.assert("a pull: a is behind, nobody told of b, and perhaps will of d", g.run(false), pipeline.Report{Read: 4, Written: 3, Filtered: 1, Late: 1, Missed: 1}, "a,A5 b,B7 c,C d,D")

	got = g.push(registration("d", 70, "D"), registration("b", 7, "B7"))
	g.assert("both are told of in the end", got, pipeline.Report{Read: 2, Written: 2}, "a,A5 c,C d,D b,B7")
	g.assert("and nothing is missed twice", g.run(false), pipeline.Report{Read: 4, Written: 3, Filtered: 1, Late: 1}, "a,A5 b,B7 c,C d,D")
}

// A run that is done again finds what it found the first time.
func TestVersionsOfARunAgain(t *testing.T) {
	g := newTold(t)
	g.push(registration("a", 1, "A1"))
	state := filepath.Join(g.dir, "state")
	before, err := os.ReadFile(filepath.Join(state, "pushed.json"))
	check(t, err)
	inbox := registration("a", 1, "A1") + "\n" + registration("a", 3, "A3") + "\n" + registration("b", 3, "B3") + "\n"
	check(t, os.WriteFile(filepath.Join(g.dir, "inbox"), []byte(inbox), 0o600))
	going := []byte(`{"started": "2030-01-01T00:00:00Z", "after": 1, "up_to": 3}`)
	check(t, os.WriteFile(filepath.Join(state, "pushing.json"), going, 0o600))
	g.assert("the first time", g.run(true), pipeline.Report{Read: 2, Written: 2}, "a,A3 b,B3")
	check(t, os.WriteFile(filepath.Join(state, "pushing.json"), going, 0o600))
	check(t, os.WriteFile(filepath.Join(state, "pushed.json"), before, 0o600))
	g.assert("once more", g.run(true), pipeline.Report{Read: 2, Written: 2}, "a,A3 b,B3")
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
