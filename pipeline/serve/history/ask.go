package history

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"pipeline/pipeline"
	"pipeline/pipeline/diag"
)

// ask.go: the questions that history answers.

// Clients are all mappings that are there, those that need somebody first.
func (r *Reader) Clients(ctx context.Context) ([]Client, error) {
	at := map[string]*Client{}
	var names []string
	err := r.rows(ctx, func(rows *sql.Rows) error {
		var c Client
		var sinks string
		if err := rows.Scan(&c.Mapping, &c.File, &c.Hash, &c.Source, &sinks, &c.Schedule, &c.Push, instant{&c.Loaded}, instant{&c.Heard}, instant{&c.Success}); err != nil {
			return err
		}
		at[c.Mapping], names = &c, append(names, c.Mapping)
		return json.Unmarshal([]byte(sinks), &c.Sinks)
	}, `SELECT mapping, file, hash, source, sinks, schedule, push, loaded, heard, success FROM clients WHERE gone IS NULL ORDER BY mapping`)
	if err != nil {
		return nil, err
	}
	if err := r.lastRuns(ctx, at); err != nil {
		return nil, err
	}
	if err := r.lastDay(ctx, at); err != nil {
		return nil, err
	}
	problems, err := r.Problems(ctx)
	if err != nil {
		return nil, err
	}
	for _, p := range problems {
		if c := at[p.Mapping]; c != nil {
			c.Problems = append(c.Problems, p)
		}
	}
	clients := make([]Client, 0, len(names))
	for _, name := range names {
		c := at[name]
		c.State = stateOf(c)
		clients = append(clients, *c)
	}
	slices.SortStableFunc(clients, func(a, b Client) int { return cmp.Compare(b.State.rank(), a.State.rank()) })
	return clients, nil
}

// stateOf is the worst that is known of a client.
func stateOf(c *Client) State {
	state := Healthy
	if c.Last == nil && c.Heard.IsZero() {
		state = New
	}
	for _, p := range c.Problems {
		if p.State().rank() > state.rank() {
			state = p.State()
		}
	}
	return state
}

func (s State) rank() int { return slices.Index(States, s) }

// Client is one mapping, also one that is gone, or false where there never was one.
func (r *Reader) Client(ctx context.Context, mapping string) (Client, bool, error) {
	clients, err := r.Clients(ctx)
	if err != nil {
		return Client{}, false, err
	}
	if i := slices.IndexFunc(clients, func(c Client) bool { return c.Mapping == mapping }); i >= 0 {
		return clients[i], true, nil
	}
	gone := Client{Mapping: mapping, State: Gone}
	found := false
	err = r.rows(ctx, func(rows *sql.Rows) error {
		found = true
		return rows.Scan(&gone.File, &gone.Source, instant{&gone.Loaded}, instant{&gone.Heard}, instant{&gone.Success})
	}, `SELECT file, source, loaded, heard, success FROM clients WHERE mapping = ?`, mapping)
	return gone, found, err
}

// lastRuns adds the newest run of each client.
func (r *Reader) lastRuns(ctx context.Context, at map[string]*Client) error {
	return r.rows(ctx, func(rows *sql.Rows) error {
		run, err := scanRun(rows)
		if c := at[run.Mapping]; c != nil {
			c.Last, c.Running = &run, run.Result == Running
		}
		return err
	}, `SELECT `+runColumns+` FROM clients c JOIN runs ON runs.id = (SELECT id FROM runs WHERE mapping = c.mapping ORDER BY started DESC LIMIT 1)`)
}

// lastDay adds what the runs of the last 24 hours did, and the dead letters.
func (r *Reader) lastDay(ctx context.Context, at map[string]*Client) error {
	err := r.rows(ctx, func(rows *sql.Rows) error {
		var name string
		var c Client
		err := rows.Scan(&name, &c.Runs, &c.Rows, &c.Rejected)
		if known := at[name]; known != nil {
			known.Runs, known.Rows, known.Rejected = c.Runs, c.Rows, c.Rejected
		}
		return err
	}, `SELECT mapping, count(*), sum(written), sum(rejected) FROM runs WHERE started >= ? GROUP BY mapping`, time.Now().Add(-24*time.Hour).UnixMilli())
	if err != nil {
		return err
	}
	return r.rows(ctx, func(rows *sql.Rows) error {
		var name string
		var n int
		err := rows.Scan(&name, &n)
		if known := at[name]; known != nil {
			known.Dead = n
		}
		return err
	}, `SELECT mapping, count(*) FROM dead_letters WHERE state = 'open' GROUP BY mapping`)
}

// Problems are what is wrong now, by mapping, the worst and the oldest first; those
// of serve as a whole have none. Open dead letters are a problem of their sink.
func (r *Reader) Problems(ctx context.Context) (problems []Problem, err error) {
	err = r.rows(ctx, func(rows *sql.Rows) error {
		var p Problem
		err := rows.Scan(&p.Mapping, &p.Kind, &p.Sink, instant{&p.Since}, &p.Text)
		problems = append(problems, p)
		return err
	}, `SELECT mapping, kind, sink, since, text FROM problems`)
	if err != nil {
		return nil, err
	}
	err = r.rows(ctx, func(rows *sql.Rows) error {
		p, n := Problem{Kind: DeadLetter}, 0
		err := rows.Scan(&p.Mapping, &p.Sink, instant{&p.Since}, &n)
		p.Text = diag.Count(n, "delivery was") + " given up"
		if n != 1 {
			p.Text = diag.Thousands(n) + " deliveries were given up"
		}
		problems = append(problems, p)
		return err
	}, `SELECT d.mapping, d.sink, min(d.died), count(*) FROM dead_letters d JOIN clients c ON c.mapping = d.mapping AND c.gone IS NULL
		WHERE d.state = 'open' GROUP BY d.mapping, d.sink`)
	slices.SortFunc(problems, func(a, b Problem) int {
		return cmp.Or(strings.Compare(a.Mapping, b.Mapping), cmp.Compare(b.State().rank(), a.State().rank()), a.Since.Compare(b.Since), strings.Compare(string(a.Kind), string(b.Kind)), strings.Compare(a.Sink, b.Sink))
	})
	return problems, err
}

const runColumns = `runs.id, runs.mapping, trigger, result, node, started, ended, took_ms, calls, read, written, filtered, unchanged, deleted, rejected, late, doubled, missed, error`

func scanRun(rows *sql.Rows, more ...any) (run Run, err error) {
	err = rows.Scan(append([]any{&run.ID, &run.Mapping, &run.Trigger, &run.Result, &run.Node, instant{&run.Started}, instant{&run.Ended}, &run.TookMS, &run.Calls,
		&run.Read, &run.Written, &run.Filtered, &run.Unchanged, &run.Deleted, &run.Rejected, &run.Late, &run.Doubled, &run.Missed, &run.Error}, more...)...)
	return run, err
}

// Runs are runs, the newest first, without their reports.
func (r *Reader) Runs(ctx context.Context, f RunsFilter) (runs []Run, err error) {
	var w where
	w.equal("mapping", f.Mapping)
	w.oneOf("result", texts(f.Results))
	if !f.Since.IsZero() {
		w.add("started >= ?", f.Since.UnixMilli())
	}
	if f.Before != "" {
		w.add("(started, id) < (SELECT started, id FROM runs WHERE id = ?)", f.Before)
	}
	query := `SELECT ` + runColumns + ` FROM runs` + w.text() + ` ORDER BY started DESC, id DESC LIMIT ?`
	err = r.rows(ctx, func(rows *sql.Rows) error {
		run, err := scanRun(rows)
		runs = append(runs, run)
		return err
	}, query, append(w.args, limit(f.Limit))...)
	return runs, err
}

// Run is one run with its report, or false.
func (r *Reader) Run(ctx context.Context, id string) (run Run, found bool, err error) {
	var report string
	err = r.rows(ctx, func(rows *sql.Rows) (err error) {
		found = true
		run, err = scanRun(rows, &report)
		return err
	}, `SELECT `+runColumns+`, report FROM runs WHERE id = ?`, id)
	if err != nil || !found || run.Result == Running || run.Result == Lost {
		return run, found, err
	}
	run.Report = &pipeline.Report{}
	if err := json.Unmarshal([]byte(report), run.Report); err != nil {
		return run, true, errorf(r.path, fmt.Errorf("the report of the run %s: %w", id, err))
	}
	run.Report.Took = time.Duration(run.TookMS) * time.Millisecond
	return run, true, nil
}

// Causes are why records of a run were rejected, the most frequent first.
func (r *Reader) Causes(ctx context.Context, run string) (causes []pipeline.Cause, err error) {
	err = r.rows(ctx, func(rows *sql.Rows) error {
		var c pipeline.Cause
		err := rows.Scan(&c.Code, &c.Field, &c.Reason, &c.Count, &c.Page, &c.Item, &c.Line)
		causes = append(causes, c)
		return err
	}, `SELECT code, field, reason, count, page, item, line FROM causes WHERE run = ? ORDER BY count DESC, n`, run)
	return causes, err
}

// Dead are dead letters, the newest first.
func (r *Reader) Dead(ctx context.Context, f DeadFilter) (dead []DeadEntry, err error) {
	if len(f.States) == 0 {
		f.States = []DeadState{LetterOpen}
	}
	var w where
	w.oneOf("state", texts(f.States))
	w.equal("mapping", f.Mapping)
	w.equal("sink", f.Sink)
	if f.Status != 0 {
		w.add("status = ?", f.Status)
	}
	if f.Reason != "" {
		w.add("instr(lower(reason), lower(?)) > 0", f.Reason)
	}
	if !f.Since.IsZero() {
		w.add("died >= ?", f.Since.UnixMilli())
	}
	if f.Before != 0 {
		w.add("seq < ?", f.Before)
	}
	query := `SELECT id, mapping, sink, seq, status, attempts, first, died, reason, state, changed FROM dead_letters` + w.text() + ` ORDER BY seq DESC LIMIT ?`
	err = r.rows(ctx, func(rows *sql.Rows) error {
		var d DeadEntry
		err := rows.Scan(&d.ID, &d.Mapping, &d.Sink, &d.Seq, &d.Status, &d.Attempts, instant{&d.First}, instant{&d.Died}, &d.Reason, &d.State, instant{&d.Changed})
		dead = append(dead, d)
		return err
	}, query, append(w.args, limit(f.Limit))...)
	return dead, err
}

// DeadLetter is one dead letter, or false.
func (r *Reader) DeadLetter(ctx context.Context, id string) (d DeadEntry, found bool, err error) {
	err = r.rows(ctx, func(rows *sql.Rows) error {
		found = true
		return rows.Scan(&d.ID, &d.Mapping, &d.Sink, &d.Seq, &d.Status, &d.Attempts, instant{&d.First}, instant{&d.Died}, &d.Reason, &d.State, instant{&d.Changed})
	}, `SELECT id, mapping, sink, seq, status, attempts, first, died, reason, state, changed FROM dead_letters WHERE id = ?`, id)
	return d, found, err
}

// Entries are events, the newest first.
func (r *Reader) Entries(ctx context.Context, f EntriesFilter) (entries []Entry, err error) {
	var w where
	w.equal("mapping", f.Mapping)
	w.equal("run", f.Run)
	w.oneOf("kind", texts(f.Kinds))
	if !f.Since.IsZero() {
		w.add("at >= ?", f.Since.UnixMilli())
	}
	if f.Before != 0 {
		w.add("seq < ?", f.Before)
	}
	query := `SELECT seq, at, kind, mapping, run, node, sink, text, more FROM events` + w.text() + ` ORDER BY seq DESC LIMIT ?`
	err = r.rows(ctx, func(rows *sql.Rows) error {
		var e Entry
		var more sql.NullString
		err := rows.Scan(&e.Seq, instant{&e.At}, &e.Kind, &e.Mapping, &e.Run, &e.Node, &e.Sink, &e.Text, &more)
		if more.Valid {
			e.More = json.RawMessage(more.String)
		}
		entries = append(entries, e)
		return err
	}, query, append(w.args, limit(f.Limit))...)
	return entries, err
}

// where is the conditions of a question.
type where struct {
	conditions []string
	args       []any
}

func (w *where) add(condition string, args ...any) {
	w.conditions, w.args = append(w.conditions, condition), append(w.args, args...)
}

// equal adds that a column is value, where that is said.
func (w *where) equal(column, value string) {
	if value != "" {
		w.add(column+" = ?", value)
	}
}

// oneOf adds that a column is one of values, where there are any.
func (w *where) oneOf(column string, values []any) {
	if len(values) > 0 {
		w.add(column+" IN (?"+strings.Repeat(", ?", len(values)-1)+")", values...)
	}
}

func (w *where) text() string {
	if len(w.conditions) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(w.conditions, " AND ")
}

func texts[T ~string](values []T) []any {
	out := make([]any, len(values))
	for i, v := range values {
		out[i] = string(v)
	}
	return out
}

// limit is how many rows there may be in an answer.
func limit(n int) int {
	if n <= 0 {
		return 100
	}
	return n
}
