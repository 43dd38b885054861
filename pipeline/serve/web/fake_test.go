package web_test

// fake_test.go: a serve that is only its answers.

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pipeline/pipeline"
	"pipeline/pipeline/diag"
	"pipeline/pipeline/serve/history"
	"pipeline/pipeline/serve/web"
)

// now is when all that the fake has happened before.
var now = time.Date(2026, 11, 22, 9, 30, 0, 0, time.UTC)

const (
	secret = "correct-horse-battery-staple"
	person = "Zoë Null" // somebody whom no page shows unasked
)

// fake answers what its fields hold, and remembers what it was told.
type fake struct {
	clients      []web.Client
	runs         []history.Run
	points       func(i int) history.Point
	entries      []history.Entry
	letters      []web.Letter
	destinations []web.Destination
	rejectFile   string
	files        diag.Files
	unready      string
	err          error // of everything

	mu   sync.Mutex
	told []string
}

func (f *fake) tell(format string, args ...any) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.told = append(f.told, fmt.Sprintf(format, args...))
	return f.err
}

func (f *fake) Clients(context.Context) ([]web.Client, error) { return slices.Clone(f.clients), f.err }
func (f *fake) Unready(context.Context) string                { return f.unready }
func (f *fake) Files(web.Client) diag.Files                   { return f.files }
func (f *fake) Destinations(context.Context, string) ([]web.Destination, error) {
	return f.destinations, f.err
}

func (f *fake) Rejects(_ context.Context, _ string, see func(*pipeline.RejectLine) error) error {
	if f.rejectFile == "" {
		return f.err
	}
	return errors.Join(f.err, pipeline.ReadRejects(f.rejectFile, see))
}

func (f *fake) Runs(_ context.Context, q history.RunsFilter) (out []history.Run, err error) {
	before := q.Before == ""
	for _, r := range f.runs {
		if before && (q.Mapping == "" || r.Mapping == q.Mapping) && len(out) < max(q.Limit, 1) {
			out = append(out, r)
		}
		before = before || r.ID == q.Before
	}
	return out, f.err
}

func (f *fake) Run(_ context.Context, id string) (history.Run, error) {
	for _, r := range f.runs {
		if r.ID == id {
			return r, f.err
		}
	}
	return history.Run{}, web.ErrNone
}

func (f *fake) Causes(_ context.Context, id string) ([]pipeline.Cause, error) {
	for _, r := range f.runs {
		if r.ID == id && r.Report != nil {
			return r.Report.Causes, f.err
		}
	}
	return nil, f.err
}

func (f *fake) Series(_ context.Context, _ string, since time.Time, step time.Duration) (out []history.Point, err error) {
	for at, i := since.Truncate(step), 0; !at.After(now); at, i = at.Add(step), i+1 {
		p := history.Point{}
		if f.points != nil {
			p = f.points(i)
		}
		p.At = at
		out = append(out, p)
	}
	return out, f.err
}

func (f *fake) Entries(context.Context, history.EntriesFilter) ([]history.Entry, error) {
	return f.entries, f.err
}

func (f *fake) Dead(_ context.Context, q history.DeadFilter) (out []history.DeadEntry, err error) {
	states := q.States
	if len(states) == 0 {
		states = []history.DeadState{history.LetterOpen}
	}
	for i := len(f.letters) - 1; i >= 0; i-- {
		l := f.letters[i]
		if (q.Mapping == "" || l.Mapping == q.Mapping) && (q.Sink == "" || l.Sink == q.Sink) && (q.Status == 0 || l.Status == q.Status) &&
			strings.Contains(l.Reason, q.Reason) && slices.Contains(states, l.State) && !l.Died.Before(q.Since) && (q.Before == 0 || l.Seq < q.Before) && len(out) < q.Limit {
			out = append(out, l.DeadEntry)
		}
	}
	return out, f.err
}

func (f *fake) find(client string, seq uint64) int {
	return slices.IndexFunc(f.letters, func(l web.Letter) bool { return l.Mapping == client && l.Seq == seq })
}

func (f *fake) Letter(_ context.Context, client string, seq uint64) (web.Letter, error) {
	if i := f.find(client, seq); i >= 0 {
		return f.letters[i], f.err
	}
	return web.Letter{}, web.ErrNone
}

func (f *fake) Start(_ context.Context, c string) error     { return f.tell("run %s", c) }
func (f *fake) Pause(_ context.Context, c string) error     { return f.tell("pause %s", c) }
func (f *fake) Resume(_ context.Context, c string) error    { return f.tell("resume %s", c) }
func (f *fake) Enable(_ context.Context, c, s string) error { return f.tell("enable %s %s", c, s) }

func (f *fake) Replay(_ context.Context, c string, seq uint64) error {
	return f.settle("replay", c, seq, history.LetterReplayed)
}

func (f *fake) Drop(_ context.Context, c string, seq uint64) error {
	return f.settle("drop", c, seq, history.LetterDropped)
}

func (f *fake) settle(do, c string, seq uint64, state history.DeadState) error {
	i := f.find(c, seq)
	if i < 0 {
		return web.ErrNone
	}
	err := f.tell("%s %s %d", do, c, seq)
	f.mu.Lock()
	f.letters[i].State, f.letters[i].Changed = state, now
	f.mu.Unlock()
	return err
}

func (f *fake) Note(e history.Event) { _ = f.tell("note %s %s: %s", e.Kind, e.Mapping, e.Text) }

// ago is a time before now.
func ago(d time.Duration) time.Time { return now.Add(-d) }

// full is a serve with clients in every state, and something of everything.
func full(t *testing.T) *fake {
	t.Helper()
	f := &fake{}
	plan := compiled(t)
	last := func(result history.Result, at time.Duration) *history.Run {
		return &history.Run{ID: "k3f9x2abqz0p", Mapping: "acme", Trigger: history.BySchedule, Result: result, Started: ago(at), Ended: ago(at - 3*time.Second), TookMS: 3200, Calls: 12, Read: 1204, Written: 1202, Rejected: 2}
	}
	f.clients = []web.Client{
		{Name: "acme", File: "mappings/acme.yaml", State: web.Healthy, Schedule: "*/15 * * * * (Asia/Singapore)", Due: now.Add(15 * time.Minute), Last: last(history.Rejected, 5*time.Minute), Rejects: 2, Dead: 3, Undelivered: 40, PushPath: "/hooks/acme-…", Reconcile: pipeline.Period(time.Hour), Node: "a", Plan: plan},
		{Name: "globex", File: "mappings/globex.yaml", State: web.Ill, Why: "GEVME refused the token of connection globex (status 401)", Next: "pipeline auth login gevme --connection globex", Since: ago(3 * time.Hour), Schedule: "@hourly", Due: now.Add(30 * time.Minute), Last: last(history.Failed, 3*time.Hour), Retry: now.Add(4 * time.Minute), Plan: plan},
		{Name: "hooli.yaml", File: "mappings/hooli.yaml", State: web.Wrong, Why: `14:10: unknown name "emial"`, Diags: diag.List{}.Error("unknown-name", diag.Span{File: "mappings/hooli.yaml", Start: diag.Pos{Line: 2, Column: 10}, End: diag.Pos{Line: 2, Column: 15}}, `unknown name "emial"`, `did you mean "email"?`)},
		{Name: "initech", File: "mappings/initech.yaml", State: web.Late, Why: "the run of 2026-11-22 09:00 has not begun", Schedule: "0 * * * *", Due: ago(30 * time.Minute), Plan: plan},
		{Name: "umbrella", File: "mappings/umbrella.yaml", State: web.Running, Running: history.ByPush, Began: ago(12 * time.Second), Read: 4200, PushPath: "/hooks/umbrella-…", PushOnly: true, Last: last(history.Done, time.Hour), Plan: plan},
		{Name: "wayne", File: "mappings/wayne.yaml", State: web.Paused, Why: "it was paused by hand", Schedule: "@daily", Last: last(history.Done, 26*time.Hour), Plan: plan},
	}
	f.points = func(i int) history.Point {
		p := history.Point{Runs: 1, Read: 40 + i*13%97, Rows: 40 + i*13%97, Calls: 12, Most: 100 + i*37%380, Limit: 500, P50: 120, P95: int64(300 + i*29%200), P99: int64(700 + i*53%600), Pushed: i % 5, Delivered: 30 + i%7, SendP95: int64(90 + i%40)}
		if i%9 == 4 {
			p.Rejected, p.Refused, p.Undone = i%4+1, 1, 3
		}
		if i%11 == 7 {
			return history.Point{}
		}
		return p
	}
	for i := range 45 {
		r := *last([]history.Result{history.Done, history.Rejected, history.Failed, history.Lost, history.Stopped}[i%5], time.Duration(i)*15*time.Minute+5*time.Minute)
		r.ID = fmt.Sprintf("run%02dabcdefg", i)
		if r.Result == history.Failed {
			r.Error = "call 3: GEVME answered 503 five times; it is tried again in 4 minutes"
		}
		r.Report = &pipeline.Report{Source: "gevme/attendees", Targets: []string{"acme.csv", "https://api.example.com/[hidden]"}, Warnings: []string{"the token ends in 3 days"}, FromTape: 4, Causes: []pipeline.Cause{
			{Code: "conversion", Field: "amount", Reason: "ticket.price is a text, which is no decimal(10,2)", Count: 2, Page: 3, Item: 17},
			{Code: "duplicate-name", Reason: "the record has the same name twice", Count: 1, Page: 4, Item: 1},
		}}
		f.runs = append(f.runs, r)
	}
	f.runs[0].Result, f.runs[0].Ended, f.runs[0].Trigger = history.Running, time.Time{}, history.ByHand
	f.entries = []history.Entry{
		{Seq: 9, At: ago(time.Hour), Kind: history.DestinationDisabled, Mapping: "acme", Sink: "webhook", Text: "it answered 410 Gone", Node: "a"},
		{Seq: 4, At: ago(8 * time.Hour), Kind: history.MappingLoaded, Mapping: "acme"},
	}
	f.destinations = []web.Destination{
		{Sink: "webhook", Target: "https://api.example.com/[hidden]", Waiting: 7, Disabled: "it answered 410 Gone"},
		{Sink: "webhook-2", Target: "https://crm.example.org/in", Waiting: 0},
	}
	for i := range 3 {
		f.letters = append(f.letters, web.Letter{
			DeadEntry: history.DeadEntry{DeadInfo: history.DeadInfo{ID: fmt.Sprint("webhook k", i), Seq: uint64(i + 1), Status: []int{410, 400, 0}[i], Attempts: 3 + i, First: ago(30 * time.Hour)},
				Mapping: []string{"acme", "acme", "globex"}[i], Sink: "webhook", Reason: []string{"it answered 410 Gone", "it answered 400 Bad Request three times", "no answer within 15 s"}[i], Died: ago(time.Duration(20-i) * time.Hour), State: history.LetterOpen},
			Key: fmt.Sprintf("9f86d081884c7d65-%d", i), Body: []byte(`{"attendee_id":"A-17","full_name":"` + person + `","tags":["vip",""],"age":41,"ok":true,"none":null,"at":{}}`),
		})
	}
	f.rejectFile = t.TempDir() + "/rejects.jsonl"
	lines := `{"mapping":"acme","source":"gevme/attendees","page":3,"item":17,"key":{"attendee_id":"A-17"},"code":"conversion","field":"amount","reason":"ticket.price is a text, which is no decimal(10,2)","value":"` + person + `","record":{"id":"A-17","first_name":"` + person + `","ticket":{"price":"free"},"tags":["x"]}}
{"mapping":"acme","source":"gevme/attendees","page":4,"item":1,"code":"duplicate-name","reason":"the record has the same name twice","raw":"{\"a\":1,\"a\":\"` + person + `\"}"}
{"mapping":"acme","source":"gevme/attendees","push":12,"code":"conversion","field":"amount","reason":"ticket.price is a text","record":{"id":"A-18"}}
this line is damaged
`
	if err := os.WriteFile(f.rejectFile, []byte(lines), 0o600); err != nil {
		t.Fatal(err)
	}
	f.files = diag.Files{"mappings/hooli.yaml": []byte("fields:\n  email: emial\n")}
	for name, text := range planFiles(t) {
		f.files[name] = text
	}
	return f
}

func clock() time.Time { return now }
