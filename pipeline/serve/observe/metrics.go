// Package observe is what others see of `pipeline serve`: metrics for Prometheus,
// traces for OpenTelemetry, log lines, and alerts. None of it holds a person's data
// or a secret: labels and fields are names of mappings, sinks, kinds and counts.
// None of it can stop or slow the work that it tells of.
package observe

import (
	"context"
	"io"
	"net/http"
	"strconv"
	"time"

	"pipeline/pipeline/serve/engine"
	"pipeline/pipeline/serve/history"
)

// metrics.go: what is counted as it happens, and what is looked up when somebody
// asks. docs/operations.md lists all of it.

// MetricsOptions is what Metrics look up. What is nil is left out.
type MetricsOptions struct {
	Version  string // of pipeline
	Engine   engine.Engine
	History  *history.Reader
	Recorder func() int64 // how many events were lost
	// Waiting is how many pushes and deliveries wait, by mapping.
	Waiting func(context.Context) (inbox, outbox map[string]int)
}

// Metrics counts what happens. It is a history.Meter.
type Metrics struct {
	o MetricsOptions

	runs, runSeconds, records        *family
	calls, callSeconds, waited, most *family
	hooks                            *family
	deliveries, deliverySeconds      *family
}

var _ history.Meter = (*Metrics)(nil)

// NewMetrics is Metrics that have counted nothing.
func NewMetrics(o MetricsOptions) *Metrics {
	m := &Metrics{
		o:               o,
		runs:            newFamily(counter, "pipeline_runs_total", "Runs that ended, by what became of them.", "mapping", "result"),
		runSeconds:      newFamily(histogram, "pipeline_run_seconds", "How long runs took.", "mapping"),
		records:         newFamily(counter, "pipeline_records_total", "What became of records: read, filtered and rejected ones; rows that were written, unchanged or deleted.", "mapping", "outcome"),
		calls:           newFamily(counter, "pipeline_calls_total", "Calls to the source.", "mapping"),
		callSeconds:     newFamily(histogram, "pipeline_call_seconds", "How long answers of the source took, without the wait for its limit.", "mapping"),
		waited:          newFamily(counter, "pipeline_calls_waited_seconds_total", "How long calls waited for the limit of the source.", "mapping"),
		most:            newFamily(gauge, "pipeline_calls_limit", "Calls that the source allows in a minute.", "mapping"),
		hooks:           newFamily(counter, "pipeline_hooks_total", "Pushes, by the status of the answer.", "mapping", "status"),
		deliveries:      newFamily(counter, "pipeline_deliveries_total", "Attempts to deliver, arrived or failed.", "mapping", "sink", "outcome"),
		deliverySeconds: newFamily(histogram, "pipeline_delivery_seconds", "How long attempts to deliver took.", "mapping", "sink"),
	}
	m.callSeconds.buckets = []float64{.05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}
	m.deliverySeconds.buckets = m.callSeconds.buckets
	m.runSeconds.buckets = []float64{.1, .5, 1, 5, 15, 60, 300, 900, 3600, 4 * 3600}
	return m
}

// Event implements history.Meter.
func (m *Metrics) Event(e history.Event) {
	if e.Kind != history.RunEnded || e.End == nil {
		return
	}
	m.runs.add(1, e.Mapping, string(e.End.Result))
	m.runSeconds.observe(float64(e.End.TookMS)/1000, e.Mapping)
	r := e.End.Report
	for _, count := range []struct {
		outcome string
		n       int
	}{
		{"read", r.Read}, {"written", r.Written}, {"filtered", r.Filtered}, {"unchanged", r.Unchanged}, {"deleted", r.Deleted}, {"rejected", r.Rejected},
	} {
		m.records.add(float64(count.n), e.Mapping, count.outcome)
	}
}

// Call implements history.Meter.
func (m *Metrics) Call(mapping string, took, waited time.Duration, limit int) {
	m.calls.add(1, mapping)
	m.callSeconds.observe(took.Seconds(), mapping)
	m.waited.add(waited.Seconds(), mapping)
	if limit > 0 {
		m.most.set(float64(limit), mapping)
	}
}

// Delivery implements history.Meter.
func (m *Metrics) Delivery(mapping, sink string, took time.Duration, arrived bool) {
	outcome := "failed"
	if arrived {
		outcome = "arrived"
	}
	m.deliveries.add(1, mapping, sink, outcome)
	m.deliverySeconds.observe(took.Seconds(), mapping, sink)
}

// Push implements history.Meter.
func (m *Metrics) Push(mapping string, status int, _ bool) {
	m.hooks.add(1, mapping, strconv.Itoa(status))
}

// lookTime is how long what is looked up may take.
const lookTime = 5 * time.Second

// Write writes all metrics as Prometheus reads them. What cannot be looked up now
// is left out.
func (m *Metrics) Write(ctx context.Context, w io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	engine, clients := m.engine(ctx), m.clients(ctx) // before what waits is counted, which may take all the time there is
	families := []*family{m.runs, m.runSeconds, m.records, m.calls, m.callSeconds, m.waited, m.most, m.hooks, m.deliveries, m.deliverySeconds}
	families = append(families, m.waiting(ctx)...)
	families = append(families, clients...)
	families = append(families, engine...)
	families = append(families, process(m.o.Version)...)
	return writeAll(w, families)
}

// ServeHTTP answers a scrape. Who may ask is not decided here.
func (m *Metrics) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	_ = m.Write(r.Context(), w) // who asked is gone
}

// waiting is how much waits.
func (m *Metrics) waiting(ctx context.Context) []*family {
	inbox := newFamily(gauge, "pipeline_inbox_waiting", "Pushes that are stored and not yet part of a run.", "mapping")
	outbox := newFamily(gauge, "pipeline_outbox_waiting", "Deliveries that are stored and not yet made.", "mapping")
	lost := newFamily(counter, "pipeline_events_lost_total", "Events that are not in the history, because the engine could not store them.")
	if m.o.Waiting != nil {
		pushes, deliveries := m.o.Waiting(ctx)
		for mapping, n := range pushes {
			inbox.set(float64(n), mapping)
		}
		for mapping, n := range deliveries {
			outbox.set(float64(n), mapping)
		}
	}
	if m.o.Recorder != nil {
		lost.set(float64(m.o.Recorder()))
	}
	return []*family{inbox, outbox, lost}
}

// clients is how clients are.
func (m *Metrics) clients(ctx context.Context) []*family {
	state := newFamily(gauge, "pipeline_client_state", "1 for the state that the client is in.", "mapping", "state")
	dead := newFamily(gauge, "pipeline_dead_letters", "Deliveries that were given up and wait for somebody.", "mapping")
	heard := newFamily(gauge, "pipeline_source_heard_timestamp_seconds", "When the source last sent something.", "mapping")
	success := newFamily(gauge, "pipeline_run_success_timestamp_seconds", "When a run last delivered.", "mapping")
	families := []*family{state, dead, heard, success}
	if m.o.History == nil {
		return families
	}
	clients, err := m.o.History.Clients(ctx)
	if err != nil {
		return nil
	}
	for _, c := range clients {
		for _, s := range history.States {
			if s == history.Gone {
				continue
			}
			is := 0.0
			if c.State == s {
				is = 1
			}
			state.set(is, c.Mapping, string(s))
		}
		dead.set(float64(c.Dead), c.Mapping)
		if !c.Heard.IsZero() {
			heard.set(seconds(c.Heard), c.Mapping)
		}
		if !c.Success.IsZero() {
			success.set(seconds(c.Success), c.Mapping)
		}
	}
	return families
}

func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

// engine is how the engine is.
func (m *Metrics) engine(ctx context.Context) []*family {
	if m.o.Engine == nil {
		return nil
	}
	ready := newFamily(gauge, "pipeline_engine_ready", "1 where the engine can store.")
	problems := newFamily(gauge, "pipeline_engine_problems", "What the audit of the engine has found and is still so.")
	free := newFamily(gauge, "pipeline_engine_free_bytes", "Bytes left on the disk of this node.")
	messages := newFamily(gauge, "pipeline_engine_messages", "Messages in a log.", "log")
	bytes := newFamily(gauge, "pipeline_engine_bytes", "Bytes in a log.", "log")
	most := newFamily(gauge, "pipeline_engine_limit_bytes", "Bytes that a log may hold.", "log")
	missing := newFamily(gauge, "pipeline_engine_missing_messages", "Holes in a node's copy of a log, which are damage.", "log", "node")
	online := newFamily(gauge, "pipeline_engine_node_online", "1 where this node hears of the other.", "node")
	status, err := m.o.Engine.Status(ctx)
	ready.set(0)
	if err != nil {
		return []*family{ready}
	}
	if status.Ready {
		ready.set(1)
	}
	problems.set(float64(len(status.Problems)))
	if status.Free > 0 {
		free.set(float64(status.Free))
	}
	for _, l := range status.Logs {
		messages.set(float64(l.Messages), string(l.Log))
		bytes.set(float64(l.Bytes), string(l.Log))
		most.set(float64(l.Most), string(l.Log))
		for _, c := range l.Copies {
			missing.set(float64(c.Missing), string(l.Log), c.Node)
		}
	}
	for _, n := range status.Nodes {
		is := 0.0
		if n.Online {
			is = 1
		}
		online.set(is, n.Name)
	}
	return []*family{ready, problems, free, messages, bytes, most, missing, online}
}
