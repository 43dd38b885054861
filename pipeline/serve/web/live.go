package web

// live.go: the Source that a serve is.

import (
	"cmp"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"pipeline/pipeline"
	"pipeline/pipeline/diag"
	"pipeline/pipeline/serve"
	"pipeline/pipeline/serve/deliver"
	"pipeline/pipeline/serve/history"
)

// Live asks a service, its deliveries and its history.
type Live struct {
	*history.Reader
	Service    *serve.Service
	Deliveries *deliver.Deliveries
	Recorder   *history.Recorder
}

var _ Source = Live{}

// Unready asks the service.
func (l Live) Unready(ctx context.Context) string { return l.Service.Unready(ctx) }

// Clients are those of the service, with what only the history knows of them.
func (l Live) Clients(ctx context.Context) ([]Client, error) {
	known, err := l.Reader.Clients(ctx)
	if err != nil {
		return nil, err
	}
	past := map[string]history.Client{}
	for _, c := range known {
		past[c.Mapping] = c
	}
	var out []Client
	for _, c := range l.Service.Clients(ctx) {
		out = append(out, clientOf(c, past[c.Name]))
	}
	return out, nil
}

func clientOf(c serve.Client, past history.Client) Client {
	out := Client{
		Name: cmp.Or(c.Name, filepath.Base(c.File)), File: c.File, State: State(c.State), Why: c.Why, Next: c.Next, Since: c.Since,
		Schedule: c.Schedule, Reconcile: c.Reconcile, Node: c.Node, Running: c.Running, Began: c.Began, Due: c.Due, Retry: c.Retry,
		Last: past.Last, Rejects: c.Rejects, Pushes: c.Pushes, Undelivered: c.Deliveries, Dead: past.Dead, Diags: c.Diags,
	}
	if m := c.Mapping; m != nil {
		out.Plan, out.PushOnly = m.Plan, m.PushOnly
		if p := m.Plan.Push(); p != nil {
			out.PushPath = p.Shown
		}
	}
	if c.Reading != nil {
		out.Read = c.Reading.Read
	}
	if c.Last != nil {
		out.Last = lastOf(out.Name, c.Last)
	}
	for _, p := range past.Problems { // what is wrong outside of runs
		state := State(p.State())
		if (p.Kind == history.DestinationDisabled || p.Kind == history.SourceSilent) && state.rank() < out.State.rank() {
			out.State, out.Why, out.Since = state, p.Text, p.Since
			if p.Sink != "" {
				out.Why = p.Sink + ": " + p.Text
			}
		}
	}
	return out
}

// lastOf is a run as the history has it.
func lastOf(mapping string, r *serve.LastRun) *history.Run {
	return &history.Run{
		ID: r.ID, Mapping: mapping, Trigger: r.Trigger, Result: r.Result, Started: r.Started, Ended: r.Ended, TookMS: r.Ended.Sub(r.Started).Milliseconds(),
		Read: r.Report.Read, Written: r.Report.Written, Filtered: r.Report.Filtered, Unchanged: r.Report.Unchanged, Deleted: r.Report.Deleted, Rejected: r.Report.Rejected,
		Late: r.Report.Late, Doubled: r.Report.Doubled, Missed: r.Report.Missed, Error: r.Error,
	}
}

// mapping is the one of that name that runs.
func (l Live) mapping(name string) (serve.Mapping, bool) {
	for _, m := range l.Service.Mappings() {
		if m.Plan != nil && m.Plan.Name() == name {
			return m, true
		}
	}
	return serve.Mapping{}, false
}

// Destinations are the receivers of rows of a client.
func (l Live) Destinations(ctx context.Context, client string) (out []Destination, err error) {
	m, found := l.mapping(client)
	if !found || l.Deliveries == nil {
		return nil, nil
	}
	for _, s := range m.Plan.Sinks() {
		if !s.Rows {
			continue
		}
		status, err := l.Deliveries.Status(ctx, client, s.Name)
		if err != nil {
			return nil, err
		}
		out = append(out, Destination{Sink: s.Name, Target: s.Target, Waiting: status.Waiting, Disabled: status.Disabled})
	}
	return out, nil
}

// maxFile is the bound on a file whose lines are shown: that of a mapping.
const maxFile = 1 << 20

// Files are those that diagnostics and columns of a client stand in.
func (l Live) Files(c Client) diag.Files {
	out := diag.Files{}
	read := func(name string) {
		if _, done := out[name]; done || name == "" {
			return
		}
		f, err := os.Open(name)
		if err != nil {
			return // the place is shown without its line
		}
		defer func() { _ = f.Close() }() // only read
		if text, err := io.ReadAll(io.LimitReader(f, maxFile)); err == nil {
			out[name] = text
		}
	}
	for _, d := range c.Diags {
		read(d.Span.File)
		for _, n := range d.Notes {
			read(n.Span.File)
		}
	}
	if c.Plan != nil {
		for _, f := range c.Plan.Fields() {
			read(f.Span.File)
		}
	}
	return out
}

// Rejects gives those of the client's reject file.
func (l Live) Rejects(_ context.Context, client string, see func(*pipeline.RejectLine) error) error {
	m, found := l.mapping(client)
	if !found {
		return nil
	}
	err := pipeline.ReadRejects(m.Plan.RejectsPath(m.OutDir), see)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// Run is a run, whole.
func (l Live) Run(ctx context.Context, id string) (history.Run, error) {
	run, found, err := l.Reader.Run(ctx, id)
	if err == nil && !found {
		err = ErrNone
	}
	return run, err
}

// Letter is a letter with its body, which the history has not.
func (l Live) Letter(ctx context.Context, client string, seq uint64) (Letter, error) {
	found, err := l.letter(ctx, client, seq)
	if err != nil {
		return Letter{}, err
	}
	entry, known, err := l.DeadLetter(ctx, found.Name())
	if err != nil {
		return Letter{}, err
	}
	if !known { // the history comes a moment later
		entry.State = history.LetterOpen
	}
	entry.DeadInfo = history.DeadInfo{ID: found.Name(), Seq: found.Seq, Status: found.Status, Attempts: found.Tries, First: found.First}
	entry.Mapping, entry.Sink, entry.Reason = found.Mapping, found.Sink, found.Reason
	return Letter{DeadEntry: entry, Key: found.ID, Body: found.Body}, nil
}

func (l Live) letter(ctx context.Context, client string, seq uint64) (deliver.Letter, error) {
	if l.Deliveries == nil {
		return deliver.Letter{}, ErrNone
	}
	found, err := l.Deliveries.Letter(ctx, client, seq)
	if errors.Is(err, deliver.ErrNoLetter) {
		err = ErrNone
	}
	return found, err
}

// Start asks for a run.
func (l Live) Start(ctx context.Context, client string) error { return l.Service.Start(ctx, client) }

// Pause lets a client run no more by itself.
func (l Live) Pause(ctx context.Context, client string) error { return l.Service.Pause(ctx, client) }

// Resume is the end of Pause.
func (l Live) Resume(ctx context.Context, client string) error { return l.Service.Resume(ctx, client) }

// Enable lets requests be sent to a receiver again.
func (l Live) Enable(ctx context.Context, client, sink string) error {
	m, found := l.mapping(client)
	if found && l.Deliveries != nil {
		for _, s := range m.Plan.Sinks() {
			if s.Rows && s.Name == sink {
				return l.Deliveries.Enable(ctx, client, sink)
			}
		}
	}
	return errors.New(client + " delivers rows to no sink of that name")
}

// Replay puts a letter into the outbox again.
func (l Live) Replay(ctx context.Context, client string, seq uint64) error {
	found, err := l.letter(ctx, client, seq)
	if err != nil {
		return err
	}
	return l.Deliveries.Replay(ctx, found)
}

// Drop says that a letter needs nothing any more.
func (l Live) Drop(ctx context.Context, client string, seq uint64) error {
	found, err := l.letter(ctx, client, seq)
	if err == nil {
		l.Deliveries.Drop(found)
	}
	return err
}

// Note keeps an event.
func (l Live) Note(e history.Event) { l.Recorder.Add(e) }
