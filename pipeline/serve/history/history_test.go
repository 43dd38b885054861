package history

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"pipeline/pipeline"
	"pipeline/pipeline/serve/engine"
	"pipeline/pipeline/serve/enginetest"
)

// house is an engine, and the history that is made from its log.
type house struct {
	testing.TB
	engine *enginetest.Memory
	path   string
	db     *DB
	said   strings.Builder
	n      int
}

func newHouse(t testing.TB, dir string) *house {
	h := &house{TB: t, engine: enginetest.NewMemory(), path: filepath.Join(dir, "history.db")}
	h.open()
	return h
}

func (h *house) open() {
	h.Helper()
	db, err := Open(h.path, slog.New(slog.NewTextHandler(&h.said, nil)))
	if err != nil {
		h.Fatal(err)
	}
	h.db = db
}

func (h *house) close() {
	h.Helper()
	if err := h.db.Close(); err != nil {
		h.Fatal(err)
	}
}

// happen adds events to the log.
func (h *house) happen(events ...Event) {
	h.Helper()
	for _, e := range events {
		h.n++
		body, err := e.encode()
		if err != nil {
			h.Fatal(err)
		}
		topic := e.Mapping
		if topic == "" {
			topic = serveTopic
		}
		if _, err := h.engine.Append(context.Background(), engine.Events, topic, engine.Message{ID: fmt.Sprint(h.n), Body: body}); err != nil {
			h.Fatal(err)
		}
	}
}

func (h *house) catchUp() {
	h.Helper()
	if _, err := h.db.CatchUp(context.Background(), h.engine); err != nil {
		h.Fatal(err)
	}
}

// dump is all that is in the file.
func (h *house) dump() string {
	h.Helper()
	var b strings.Builder
	for _, table := range []string{"clients", "problems", "runs", "causes", "deliveries", "calls", "pushes", "dead_letters", "events", "meta"} {
		rows, err := h.db.db.Query("SELECT * FROM " + table)
		if err != nil {
			h.Fatal(err)
		}
		columns, _ := rows.Columns()
		for rows.Next() {
			cells := make([]sql.NullString, len(columns))
			into := make([]any, len(columns))
			for i := range cells {
				into[i] = &cells[i]
			}
			if err := rows.Scan(into...); err != nil {
				h.Fatal(err)
			}
			fmt.Fprintln(&b, table, cells)
		}
		if err := rows.Close(); err != nil {
			h.Fatal(err)
		}
	}
	return b.String()
}

func (h *house) reader() *Reader {
	h.Helper()
	r, err := OpenReadOnly(h.path)
	if err != nil {
		h.Fatal(err)
	}
	h.Cleanup(func() { _ = r.Close() })
	return r
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

var (
	now   = time.Now().UTC().Truncate(time.Millisecond)
	acme  = &ClientInfo{File: "acme.yaml", Hash: "a1", Source: "gevme attendees", Sinks: []string{"csv", "webhook"}, Schedule: "*/15 * * * *"}
	three = pipeline.Report{Mapping: "acme", Source: "gevme attendees", Pages: 1, Read: 3, Written: 2, Rejected: 1, Targets: []string{"acme.csv"},
		Causes: []pipeline.Cause{{Code: "type", Field: "email", Reason: "it is no email", Count: 1, Page: 1, Item: 2}}, Warnings: []string{"look at this"}}
)

func ago(d time.Duration) time.Time { return now.Add(-d) }

// story is a day of two clients.
var story = []Event{
	{Kind: MappingLoaded, At: ago(5 * time.Hour), Mapping: "acme", Client: acme},
	{Kind: MappingLoaded, At: ago(5 * time.Hour), Mapping: "zebra", Client: &ClientInfo{File: "zebra.yaml", Source: "webhook", Sinks: []string{"webhook"}, Push: true}},
	{Kind: RunStarted, At: ago(4 * time.Hour), Mapping: "acme", Run: "r1", Node: "a", Trigger: BySchedule},
	{Kind: RunEnded, At: ago(4*time.Hour - time.Second), Mapping: "acme", Run: "r1", Node: "a", End: &End{Result: Rejected, TookMS: 1000, Calls: 4, Report: three}},
	{Kind: RunStarted, At: ago(3 * time.Hour), Mapping: "acme", Run: "r2", Node: "a", Trigger: ByHand},
	{Kind: TokenRefused, At: ago(3 * time.Hour), Mapping: "acme", Text: "gevme refused the token of the connection \"acme\""},
	{Kind: RunEnded, At: ago(3*time.Hour - 2*time.Second), Mapping: "acme", Run: "r2", Node: "a", Text: "401", End: &End{Result: Failed, TookMS: 2000, Calls: 1}},
	{Kind: Pushed, At: ago(2 * time.Hour).Truncate(time.Minute), Mapping: "zebra", Minute: &Minute{Count: 5, Twice: 1, Failed: 2}},
	{Kind: Called, At: ago(2 * time.Hour).Truncate(time.Minute), Mapping: "acme", Minute: &Minute{Count: 5, Limit: 500, Waited: 20, P50: 100, P95: 200, P99: 300}},
	{Kind: Called, At: ago(2 * time.Hour).Truncate(time.Minute), Mapping: "acme", Minute: &Minute{Count: 2, Limit: 500, P50: 50, P95: 400, P99: 400}},
	{Kind: Delivered, At: ago(2 * time.Hour).Truncate(time.Minute), Mapping: "zebra", Sink: "webhook", Minute: &Minute{Count: 7, Failed: 2, P95: 90}},
	{Kind: DeadLetter, At: ago(time.Hour), Mapping: "zebra", Sink: "webhook", Text: "422", Dead: &DeadInfo{ID: "dead:1", Seq: 1, Status: 422, Attempts: 3, First: ago(2 * time.Hour)}},
	{Kind: DeadLetter, At: ago(time.Hour), Mapping: "zebra", Sink: "webhook", Text: "503 at last", Dead: &DeadInfo{ID: "dead:2", Seq: 2, Status: 503, Attempts: 10}},
	{Kind: DeadDropped, At: ago(time.Minute), Mapping: "zebra", Dead: &DeadInfo{ID: "dead:2"}},
	{Kind: RunStarted, At: ago(time.Minute), Mapping: "acme", Run: "r3", Node: "b", Trigger: BySchedule},
	{Kind: Audit, At: ago(time.Minute), Text: "a copy has a hole"},
	{Kind: LeaseTaken, At: ago(time.Minute), Mapping: "acme", Node: "b", Text: "from a", More: json.RawMessage(`{"from":"a"}`)},
}

func TestStory(t *testing.T) {
	h := newHouse(t, t.TempDir())
	defer h.close()
	h.happen(story...)
	h.catchUp()
	r, ctx := h.reader(), t.Context()

	clients := must(r.Clients(ctx))(t)
	run := Run{ID: "r3", Mapping: "acme", Trigger: BySchedule, Result: Running, Node: "b", Started: ago(time.Minute)}
	want := []Client{
		{Mapping: "acme", State: Ill, ClientInfo: *acme, Loaded: ago(5 * time.Hour), Heard: ago(4*time.Hour - time.Second), Success: ago(4*time.Hour - time.Second),
			Last: &run, Running: true, Runs: 3, Rows: 2, Rejected: 1, Problems: []Problem{
				{Mapping: "acme", Kind: TokenRefused, Since: ago(3 * time.Hour), Text: "gevme refused the token of the connection \"acme\""},
				{Mapping: "acme", Kind: RunEnded, Since: ago(3*time.Hour - 2*time.Second), Text: "401"}}},
		{Mapping: "zebra", State: Ill, ClientInfo: *story[1].Client, Loaded: ago(5 * time.Hour), Heard: ago(2 * time.Hour).Truncate(time.Minute), Dead: 1,
			Problems: []Problem{{Mapping: "zebra", Kind: DeadLetter, Sink: "webhook", Since: ago(time.Hour), Text: "1 delivery was given up"}}},
	}
	same(t, want, clients)
	problems := must(r.Problems(ctx))(t)
	same(t, Problem{Kind: Audit, Since: ago(time.Minute), Text: "a copy has a hole"}, problems[0])

	runs := must(r.Runs(ctx, RunsFilter{Mapping: "acme", Results: []Result{Failed, Rejected}}))(t)
	if len(runs) != 2 || runs[0].ID != "r2" || runs[0].Error != "401" || runs[1].Read != 3 || runs[1].Calls != 4 || runs[1].Report != nil {
		t.Errorf("%+v", runs)
	}
	same(t, []Run{runs[1]}, must(r.Runs(ctx, RunsFilter{Before: "r2", Since: ago(5 * time.Hour)}))(t))
	one, found, err := r.Run(ctx, "r1")
	if err != nil || !found {
		t.Fatal(found, err)
	}
	whole := three
	whole.Took = time.Second
	same(t, &whole, one.Report)
	same(t, three.Causes, must(r.Causes(ctx, "r1"))(t))

	dead := must(r.Dead(ctx, DeadFilter{}))(t)
	same(t, []DeadEntry{{DeadInfo: *story[11].Dead, Mapping: "zebra", Sink: "webhook", Reason: "422", Died: ago(time.Hour), State: LetterOpen}}, dead)
	dead = must(r.Dead(ctx, DeadFilter{States: []DeadState{LetterDropped}, Reason: "AT LAST", Status: 503, Sink: "webhook", Before: 3}))(t)
	if len(dead) != 1 || !dead[0].Changed.Equal(ago(time.Minute)) {
		t.Errorf("%+v", dead)
	}
	entries := must(r.Entries(ctx, EntriesFilter{Kinds: []Kind{LeaseTaken}}))(t)
	same(t, []Entry{{Seq: 17, At: ago(time.Minute), Kind: LeaseTaken, Mapping: "acme", Node: "b", Text: "from a", More: json.RawMessage(`{"from":"a"}`)}}, entries)
	if until := must(r.Until(ctx))(t); !until.Equal(ago(time.Minute)) {
		t.Error(until)
	}
}

func TestSeries(t *testing.T) {
	h := newHouse(t, t.TempDir())
	defer h.close()
	h.happen(story...)
	h.catchUp()
	r := h.reader()
	begun, first := time.Now(), ago(24*time.Hour).Truncate(time.Hour)
	points := must(r.Series(t.Context(), "", ago(24*time.Hour), time.Hour))(t)
	hours := func(until time.Time) int { return 1 + int(until.Sub(first)/time.Hour) }
	if n := len(points); n < hours(begun) || n > hours(time.Now()) || !points[0].At.Equal(first) { // an hour may end meanwhile
		t.Fatalf("%d points from %s on", n, points[0].At)
	}
	var sum Point
	for _, p := range points {
		sum.Runs, sum.Failed, sum.Read, sum.Rows, sum.Rejected = sum.Runs+p.Runs, sum.Failed+p.Failed, sum.Read+p.Read, sum.Rows+p.Rows, sum.Rejected+p.Rejected
		sum.Calls, sum.Most, sum.Limit, sum.Waited, sum.P50, sum.P95, sum.P99 = sum.Calls+p.Calls, sum.Most+p.Most, sum.Limit+p.Limit, sum.Waited+p.Waited, sum.P50+p.P50, sum.P95+p.P95, sum.P99+p.P99
		sum.Pushed, sum.Refused, sum.Delivered, sum.Undone, sum.SendP95 = sum.Pushed+p.Pushed, sum.Refused+p.Refused, sum.Delivered+p.Delivered, sum.Undone+p.Undone, sum.SendP95+p.SendP95
		at := ago(2 * time.Hour).Truncate(time.Minute)
		if p.Calls > 0 && (at.Before(p.At) || !at.Before(p.At.Add(time.Hour))) {
			t.Errorf("the calls of %s are in the hour of %s", at, p.At)
		}
	}
	same(t, Point{Runs: 2, Failed: 1, Read: 3, Rows: 2, Rejected: 1, Calls: 7, Most: 7, Limit: 500, Waited: 20, P50: 100, P95: 400, P99: 400,
		Pushed: 6, Refused: 2, Delivered: 7, Undone: 2, SendP95: 90}, sum)
	for _, p := range must(r.Series(t.Context(), "zebra", ago(24*time.Hour), time.Hour))(t) {
		if p.Runs+p.Calls > 0 {
			t.Errorf("%+v is of another client", p)
		}
	}
	if _, err := r.Series(t.Context(), "", ago(Keep), time.Minute); err == nil || !strings.Contains(err.Error(), "has too many of them") {
		t.Error(err)
	}
}

// TestProblemsEnd has each problem and what ends it.
func TestProblemsEnd(t *testing.T) {
	ok := &End{Result: Done, Report: pipeline.Report{Read: 1}}
	for name, test := range map[string]struct{ begin, end Event }{
		"run":         {Event{Kind: RunEnded, Run: "1", Text: "no", End: &End{Result: Failed}}, Event{Kind: RunEnded, Run: "2", End: ok}},
		"token":       {Event{Kind: TokenRefused}, Event{Kind: RunEnded, Run: "2", End: ok}},
		"mapping":     {Event{Kind: MappingWrong, Text: "2 errors"}, Event{Kind: MappingLoaded, Client: acme}},
		"destination": {Event{Kind: DestinationDisabled, Sink: "webhook"}, Event{Kind: DestinationEnabled, Sink: "webhook"}},
		"silent run":  {Event{Kind: SourceSilent}, Event{Kind: RunEnded, Run: "2", End: ok}},
		"silent push": {Event{Kind: SourceSilent}, Event{Kind: Pushed, Minute: &Minute{Twice: 1}}},
		"dead":        {Event{Kind: DeadLetter, Sink: "webhook", Dead: &DeadInfo{ID: "d"}}, Event{Kind: DeadReplayed, Dead: &DeadInfo{ID: "d"}}},
		"gone":        {Event{Kind: DestinationDisabled, Sink: "webhook"}, Event{Kind: MappingGone}},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, t.TempDir())
			defer h.close()
			r := h.reader()
			for i, e := range []Event{{Kind: MappingLoaded, Client: acme}, test.begin, test.end} {
				e.Mapping, e.At = "acme", now.Add(time.Duration(i)*time.Minute)
				h.happen(e)
				h.catchUp()
				if problems := must(r.Problems(t.Context()))(t); (len(problems) > 0) != (i == 1) {
					t.Errorf("after %s: %+v", e.Kind, problems)
				}
			}
			h.happen(Event{Kind: Audit, Text: "a hole"}, Event{Kind: Audit})
			h.catchUp()
			if problems := must(r.Problems(t.Context()))(t); len(problems) > 0 {
				t.Errorf("%+v", problems)
			}
		})
	}
}

// TestAgain is the law of the projection: it does not matter in which parts the log
// is projected, how often it is begun again, or whether it is all made anew.
func TestAgain(t *testing.T) {
	h := newHouse(t, t.TempDir())
	defer func() { h.close() }()
	rapid.Check(t, func(rt *rapid.T) {
		h.engine, h.n = enginetest.NewMemory(), 0
		if err := h.db.Rebuild(); err != nil {
			rt.Fatal(err)
		}
		for range rapid.IntRange(1, 4).Draw(rt, "parts") {
			for range rapid.IntRange(0, 6).Draw(rt, "events") {
				e := story[rapid.IntRange(0, len(story)-1).Draw(rt, "event")]
				h.happen(e)
			}
			switch rapid.IntRange(0, 3).Draw(rt, "then") {
			case 0:
				h.catchUp()
			case 1: // it dies before the commit
				died := errors.New("died")
				err := inTransaction(context.Background(), h.db.db, func(tx *sql.Tx) error {
					m := must(readMeta(tx))(t)
					_, err := h.db.batch(context.Background(), tx, h.engine, &m)
					return errors.Join(err, died)
				})
				if !errors.Is(err, died) {
					rt.Fatal(err)
				}
			case 2:
				h.close()
				h.open()
				h.catchUp()
			}
		}
		h.catchUp()
		h.catchUp()
		before := h.dump()
		if err := h.db.Rebuild(); err != nil {
			rt.Fatal(err)
		}
		h.catchUp()
		if after := h.dump(); before != after {
			rt.Fatal(cmp.Diff(before, after))
		}
	})
}

func TestDamaged(t *testing.T) {
	for name, damage := range map[string]func(t *testing.T, path string){
		"no database": func(t *testing.T, path string) { write(t, path, strings.Repeat("this is no database ", 500)) },
		"a page": func(t *testing.T, path string) {
			f := must(os.OpenFile(path, os.O_RDWR, 0))(t)
			defer f.Close()
			if _, err := f.WriteAt([]byte(strings.Repeat("\xff", 4096)), 4096); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, t.TempDir())
			h.happen(story...)
			h.catchUp()
			before := h.dump()
			r := h.reader()
			if err := r.Check(t.Context()); err != nil {
				t.Error(err)
			}
			h.close()
			_ = r.Close() // who reads keeps the write-ahead log alive, and that is not damaged
			damage(t, h.path)
			if bad, err := OpenReadOnly(h.path); err == nil {
				if err = bad.Check(t.Context()); err == nil {
					t.Error("the damage is not found")
				}
				_ = bad.Close()
			}
			h.open()
			defer h.close()
			h.happen(story[0])
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan struct{})
			go func() { h.db.Project(ctx, h.engine); close(done) }()
			for seq := uint64(0); seq < 18; { // and the reader comes to see the new file
				entries, err := r.Entries(ctx, EntriesFilter{})
				if err != nil && !errors.Is(err, ErrNone) && !damaged(err) {
					t.Fatal(err)
				}
				if len(entries) > 0 {
					seq = entries[0].Seq
				}
			}
			cancel()
			<-done
			if after := h.dump(); !strings.Contains(after, "acme") || len(after) <= len(before)/2 {
				t.Error(after)
			}
			aside := must(filepath.Glob(h.path + ".damaged-*"))(t)
			if len(aside) == 0 || !strings.Contains(h.said.String(), "it was moved aside and is made anew") {
				t.Errorf("%q %s", aside, &h.said)
			}
		})
	}
}

func TestOtherVersion(t *testing.T) {
	h := newHouse(t, t.TempDir())
	h.happen(story...)
	h.catchUp()
	before := h.dump()
	r := h.reader()
	must(h.db.db.Exec("PRAGMA user_version = 77; DROP TABLE runs; CREATE TABLE other(x)"))(t)
	if _, err := OpenReadOnly(h.path); err == nil || !strings.Contains(err.Error(), "its tables are of version 77, this pipeline reads version 1; `pipeline serve` of this version makes it anew") {
		t.Error(err)
	}
	h.close()
	h.open()
	defer h.close()
	h.catchUp()
	same(t, before, h.dump())
	if len(must(r.Runs(t.Context(), RunsFilter{}))(t)) != 3 || !strings.Contains(h.said.String(), "its tables were of another version") {
		t.Error(h.said.String())
	}
}

func TestAnotherLog(t *testing.T) {
	for name, n := range map[string]int{"shorter": 3, "longer": 40} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, t.TempDir())
			defer h.close()
			h.happen(story...)
			h.catchUp()
			h.engine, h.n = enginetest.NewMemory(), 1000
			for i := range n {
				h.happen(Event{Kind: RunStarted, At: now, Mapping: "new", Run: fmt.Sprint(i), Trigger: ByPush})
			}
			h.catchUp()
			if got := must(h.reader().Runs(t.Context(), RunsFilter{}))(t); len(got) != n {
				t.Errorf("%d runs of %d", len(got), n)
			}
			if !strings.Contains(h.said.String(), "the engine has another log") {
				t.Error(h.said.String())
			}
		})
	}
}

func TestRetention(t *testing.T) {
	h := newHouse(t, t.TempDir())
	defer h.close()
	for i, e := range story {
		e.At = e.At.Add(-Keep + time.Duration(i)*time.Second)
		h.happen(e)
	}
	h.happen(story...)
	h.catchUp()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := h.db.prune(t.Context(), now.Add(-Keep/2)); err != nil {
		t.Fatal(err)
	}
	pruned := h.dump()
	h.db.Project(ctx, h.engine) // ends
	fresh := newHouse(t, t.TempDir())
	defer fresh.close()
	fresh.happen(story...)
	fresh.catchUp()
	for _, table := range []string{"calls ", "deliveries ", "pushes ", "events "} {
		if a, b := strings.Count(pruned, "\n"+table), strings.Count(fresh.dump(), "\n"+table); a != b {
			t.Errorf("%d %s left, not %d", a, table, b)
		}
	}
}

// TestUnreadable has an event of another version, and one that is none.
func TestUnreadable(t *testing.T) {
	h := newHouse(t, t.TempDir())
	defer h.close()
	must(h.engine.Append(t.Context(), engine.Events, "x", engine.Message{ID: "a", Body: []byte("{")}))(t)
	h.happen(Event{Kind: "moon-rose", At: now, Mapping: "acme"}, story[0])
	h.catchUp()
	if got := must(h.reader().Entries(t.Context(), EntriesFilter{}))(t); len(got) != 2 || got[1].Kind != "moon-rose" {
		t.Errorf("%+v", got)
	}
	if !strings.Contains(h.said.String(), "cannot be read; it is left out") {
		t.Error(h.said.String())
	}
}

// TestBatches has more events than one transaction takes.
func TestBatches(t *testing.T) {
	h := newHouse(t, t.TempDir())
	defer h.close()
	for i := range 2*batchSize + 1 {
		body := must(Event{Kind: RunStarted, At: now, Mapping: "m", Run: fmt.Sprint(i)}.encode())(t)
		must(h.engine.Append(t.Context(), engine.Events, fmt.Sprint(i), engine.Message{ID: "1", Body: body}))(t) // topics: Memory looks for IDs in one
	}
	h.catchUp()
	runs := must(h.reader().Runs(t.Context(), RunsFilter{Limit: 5000}))(t)
	if len(runs) != 2*batchSize+1 || slices.IndexFunc(runs, func(r Run) bool { return r.Result == Running }) < 0 {
		t.Error(len(runs))
	}
}

func TestNoHistory(t *testing.T) {
	dir := t.TempDir()
	if _, err := OpenReadOnly(filepath.Join(dir, "history.db")); !errors.Is(err, ErrNone) {
		t.Error(err)
	}
	if entries := must(os.ReadDir(dir))(t); len(entries) > 0 {
		t.Error("reading made a file")
	}
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func same(t *testing.T, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// A history that could not be made anew at first is made when it can be.
func TestMadeAnewLater(t *testing.T) {
	h := newHouse(t, t.TempDir())
	h.happen(story...)
	must(0, h.db.db.Close())(t)
	h.db.db = nil // as a renewal leaves it that cannot make the file
	if err := os.Remove(h.path); err != nil {
		t.Fatal(err)
	}
	h.catchUp()
	if after := h.dump(); !strings.Contains(after, "acme") {
		t.Error(after)
	}
	h.close()
}
