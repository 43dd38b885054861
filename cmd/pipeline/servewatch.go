package main

// servewatch.go: what serve keeps and shows of what it does: history, metrics,
// traces and alerts.

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"pipeline/pipeline"
	srv "pipeline/pipeline/serve"
	"pipeline/pipeline/serve/deliver"
	"pipeline/pipeline/serve/engine"
	"pipeline/pipeline/serve/history"
	"pipeline/pipeline/serve/observe"
	"pipeline/pipeline/serve/receive"
)

// watching is all that is told what serve does.
type watching struct {
	engine   engine.Engine
	db       *history.DB
	reader   *history.Reader
	recorder *history.Recorder
	metrics  *observe.Metrics
	traces   *observe.Traces
	alerts   *observe.Alerts // nil: nobody wants any
	log      *slog.Logger
	working  sync.WaitGroup

	service atomic.Pointer[srv.Service] // what metrics ask how much waits
}

// historyFile is the file of the history of serve in its folder.
func historyFile(place string) string { return filepath.Join(place, "history.db") }

// watch begins to keep what serve does, until end.
func (a *app) watch(f serveFlags, e engine.Engine, log *slog.Logger) (_ *watching, err error) {
	w := &watching{engine: e, log: log}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.close())
		}
	}()
	if w.db, err = history.Open(historyFile(f.place()), log); err != nil {
		return nil, err
	}
	if w.reader, err = history.OpenReadOnly(historyFile(f.place())); err != nil {
		return nil, err
	}
	w.metrics = observe.NewMetrics(observe.MetricsOptions{
		Version: version(), Engine: e, History: w.reader, Recorder: func() int64 { return w.recorder.Lost() },
		Waiting: w.waiting,
	})
	w.recorder = history.NewRecorder(e, history.RecorderOptions{Node: f.node(), Log: log, Meter: w.metrics})
	if w.traces, err = observe.NewTraces(os.Getenv, version(), f.node(), &http.Client{Timeout: 10 * time.Second}, log); err != nil {
		return nil, usage("%v", err)
	}
	if url := cmp.Or(f.alertURL, os.Getenv("PIPELINE_ALERT_URL")); url != "" {
		w.alerts, err = observe.NewAlerts(observe.AlertOptions{
			URL: url, Secret: os.Getenv("PIPELINE_ALERT_SECRET"), Silent: f.silentAfter, Node: f.node(),
			Client: &http.Client{Timeout: 15 * time.Second}, Log: log,
		}, e, w.reader, w.recorder)
		if err != nil {
			return nil, usage("--alert-url: %v", err)
		}
	}
	return w, nil
}

// waiting is how many pushes and deliveries of each mapping wait, for the metrics.
func (w *watching) waiting(ctx context.Context) (inbox, outbox map[string]int) {
	inbox, outbox = map[string]int{}, map[string]int{}
	if s := w.service.Load(); s != nil {
		for _, c := range s.Clients(ctx) {
			if c.Mapping != nil {
				inbox[c.Name], outbox[c.Name] = c.Pushes, c.Deliveries
			}
		}
	}
	return inbox, outbox
}

// begin lets it work until ctx is done.
func (w *watching) begin(ctx context.Context) {
	w.working.Go(func() { w.recorder.Run(ctx) })
	w.working.Go(func() { w.db.Project(ctx, w.engine) })
	w.working.Go(func() { w.audit(ctx) })
	if w.alerts != nil {
		w.working.Go(func() { w.alerts.Run(ctx) })
	}
}

// end waits for the work, whose ctx is done.
func (w *watching) end() error {
	w.working.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if _, err := w.db.CatchUp(ctx, w.engine); err != nil { // the next start does it
		w.log.Info("the history is behind", "error", err.Error())
	}
	if err := w.traces.Close(ctx); err != nil {
		w.log.Warn("some traces were not sent", "error", err.Error())
	}
	return w.close()
}

func (w *watching) close() (err error) {
	if w.reader != nil {
		err = w.reader.Close()
	}
	if w.db != nil {
		err = errors.Join(err, w.db.Close())
	}
	return err
}

// auditEvery is how often it is looked what the engine's own audit has found.
const auditEvery = time.Minute

// audit keeps in the history what is wrong with the engine, when that changes.
func (w *watching) audit(ctx context.Context) {
	said := ""
	for {
		status, err := w.engine.Status(ctx)
		found := strings.Join(status.Problems, "; ")
		if err != nil {
			found = "it does not say how it is: " + err.Error()
		}
		if ctx.Err() != nil {
			return
		}
		if found != said {
			w.recorder.Add(history.Event{Kind: history.Audit, Text: found})
			said = found
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(auditEvery):
		}
	}
}

// pushed is told of every request to a hook.
func (w *watching) pushed(o receive.Outcome) {
	if o.Mapping == "" {
		return
	}
	w.recorder.Push(o.Mapping, o.Status, o.Received.Duplicate)
	if o.Problem != "" {
		w.log.Error("a push was not stored", "mapping", o.Mapping, "status", o.Status, "problem", o.Problem, "tries", o.Tries)
	}
}

// deliveries are the outbox, and what brings requests from there.
type deliveries struct {
	*deliver.Deliveries
	log *slog.Logger
}

func (w *watching) deliveries() *deliveries {
	return &deliveries{&deliver.Deliveries{Engine: w.engine, Notes: deliveryNotes{w.recorder, w.log}}, w.log}
}

// couriers are those of a mapping.
func (d *deliveries) couriers(m srv.Mapping) (map[string]pipeline.Courier, error) {
	if len(m.Plan.RowTargets()) == 0 {
		return nil, nil
	}
	return m.Plan.Couriers(m.World())
}

// Work implements serve.Deliveries.
func (d *deliveries) Work(ctx context.Context, m srv.Mapping) error {
	couriers, err := d.couriers(m)
	if err != nil {
		return err
	}
	if len(couriers) == 0 {
		<-ctx.Done() // until there is another mapping
		return nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var all sync.WaitGroup
	failed := make(chan error, len(couriers))
	for sink, c := range couriers {
		all.Go(func() {
			if err := d.Deliveries.Work(ctx, m.Plan.Name(), sink, c); err != nil {
				failed <- fmt.Errorf("deliver to %s: %w", sink, err)
				cancel()
			}
		})
	}
	all.Wait()
	close(failed)
	for each := range failed {
		err = errors.Join(err, each)
	}
	return err
}

// maxWaiting is up to how many deliveries are counted: it is for people to look at.
const maxWaiting = 1000

// Waiting implements serve.Deliveries.
func (d *deliveries) Waiting(ctx context.Context, m srv.Mapping) (int, error) {
	waiting := 0
	for _, sink := range m.Plan.RowSinks() {
		n, err := d.Undelivered(ctx, m.Plan.Name(), sink, maxWaiting)
		if err != nil {
			return 0, err
		}
		waiting += n
	}
	return waiting, nil
}

// deliveryNotes tells the history and the log what becomes of deliveries.
type deliveryNotes struct {
	recorder *history.Recorder
	log      *slog.Logger
}

// Tried implements deliver.Notes.
func (n deliveryNotes) Tried(mapping, sink string, t pipeline.Try) {
	n.recorder.Delivery(mapping, sink, t.Took, t.Verdict == pipeline.Delivered)
}

// GivenUp implements deliver.Notes.
func (n deliveryNotes) GivenUp(mapping, sink string, l deliver.Letter) {
	if l.Seq != 0 { // else there is nothing of it left to be replayed
		n.recorder.Add(history.Event{
			ID: fmt.Sprint("dead ", l.Seq), Kind: history.DeadLetter, Mapping: mapping, Sink: sink, Text: l.Reason,
			Dead: &history.DeadInfo{ID: l.Name(), Seq: l.Seq, Status: l.Status, Attempts: l.Tries, First: l.First},
		})
	}
	n.log.Error("a delivery was given up", "mapping", mapping, "sink", sink, "status", l.Status, "tries", l.Tries, "reason", l.Reason)
}

// Disabled implements deliver.Notes.
func (n deliveryNotes) Disabled(mapping, sink, reason string) {
	n.recorder.Add(history.Event{Kind: history.DestinationDisabled, Mapping: mapping, Sink: sink, Text: reason})
	n.log.Error("nothing is sent to this destination any more", "mapping", mapping, "sink", sink, "reason", reason)
}

// Enabled implements deliver.Notes.
func (n deliveryNotes) Enabled(mapping, sink string) {
	n.recorder.Add(history.Event{Kind: history.DestinationEnabled, Mapping: mapping, Sink: sink})
}

// Replayed implements deliver.Notes.
func (n deliveryNotes) Replayed(mapping string, l deliver.Letter) {
	n.recorder.Add(history.Event{Kind: history.DeadReplayed, Mapping: mapping, Sink: l.Sink, Dead: &history.DeadInfo{ID: l.Name(), Seq: l.Seq}})
}

// Dropped implements deliver.Notes.
func (n deliveryNotes) Dropped(mapping string, l deliver.Letter) {
	n.recorder.Add(history.Event{Kind: history.DeadDropped, Mapping: mapping, Sink: l.Sink, Dead: &history.DeadInfo{ID: l.Name(), Seq: l.Seq}})
}
