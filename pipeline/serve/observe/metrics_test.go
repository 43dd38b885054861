package observe

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"pipeline/pipeline"
	"pipeline/pipeline/serve/engine"
	"pipeline/pipeline/serve/enginetest"
	"pipeline/pipeline/serve/history"
)

var update = flag.Bool("update", false, "write testdata anew")

// past is a history of some events, as its writer and its reader have it.
func past(t *testing.T, memory engine.Engine, events ...history.Event) (*history.DB, *history.Reader) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "history.db")
	db, err := history.Open(path, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	happen(t, memory, db, events...)
	r, err := history.OpenReadOnly(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return db, r
}

// happen adds events to a log and the history.
func happen(t *testing.T, memory engine.Engine, db *history.DB, events ...history.Event) {
	t.Helper()
	for _, e := range events {
		body, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		seq, _ := memory.Last(t.Context(), engine.Events, "")
		if _, err := memory.Append(t.Context(), engine.Events, topicOf(e), engine.Message{ID: fmt.Sprint("test-", seq), Body: body}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := db.CatchUp(context.Background(), memory); err != nil {
		t.Fatal(err)
	}
}

// status is an engine that is in a cluster.
type status struct {
	engine.Engine
	err error
}

func (s status) Status(ctx context.Context) (engine.Status, error) {
	if ctx.Err() != nil {
		return engine.Status{}, ctx.Err()
	}
	return engine.Status{Mode: "cluster", Ready: true, Problems: []string{"a"}, Free: 1 << 30,
		Nodes: []engine.NodeStatus{{Name: "a", Here: true, Online: true}, {Name: "b"}},
		Logs:  []engine.LogStatus{{Log: engine.Inbox, Messages: 3, Bytes: 100, Most: 1 << 30, Copies: []engine.CopyStatus{{Node: "b", Missing: 2}}}}}, s.err
}

func filled(t *testing.T, e engine.Engine) *Metrics {
	at := time.Unix(1_700_000_000, 0)
	_, reader := past(t, enginetest.NewMemory(),
		history.Event{Kind: history.MappingLoaded, At: at, Mapping: "acme", Client: &history.ClientInfo{File: "acme.yaml"}},
		history.Event{Kind: history.MappingLoaded, At: at, Mapping: "new", Client: &history.ClientInfo{File: "new.yaml"}},
		history.Event{Kind: history.RunEnded, At: at, Mapping: "acme", Run: "1", End: &history.End{Result: history.Done, Report: pipeline.Report{Read: 1, Written: 1}}},
		history.Event{Kind: history.DeadLetter, At: at, Mapping: "acme", Sink: "webhook", Dead: &history.DeadInfo{ID: "x"}},
	)
	m := NewMetrics(MetricsOptions{Version: "1.2.3", Engine: e, History: reader, Recorder: func() int64 { return 2 },
		Waiting: func(context.Context) (inbox, outbox map[string]int) {
			return map[string]int{"acme": 4}, map[string]int{"acme": 5, "größe \"x\"\\\n": 1}
		}})
	m.Event(history.Event{Kind: history.RunEnded, Mapping: "acme", End: &history.End{Result: history.Rejected, TookMS: 700, Report: pipeline.Report{Read: 3, Written: 2, Rejected: 1}}})
	m.Event(history.Event{Kind: history.RunStarted, Mapping: "acme"})
	m.Call("acme", 100*time.Millisecond, 2*time.Second, 500)
	m.Call("acme", 90*time.Second, 0, 500)
	m.Delivery("acme", "webhook", time.Second, true)
	m.Delivery("acme", "webhook", time.Second, false)
	m.Push("acme", 202, false)
	m.Push("acme", 503, false)
	return m
}

func TestMetrics(t *testing.T) {
	var got bytes.Buffer
	if err := filled(t, status{}).Write(t.Context(), &got); err != nil {
		t.Fatal(err)
	}
	var ours strings.Builder
	for line := range strings.Lines(got.String()) {
		if strings.Contains(line, "pipeline_") && !strings.HasPrefix(line, "#") && !strings.Contains(line, "build_info") {
			ours.WriteString(line)
		}
	}
	if *update {
		if err := os.WriteFile("testdata/metrics.txt", []byte(ours.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("testdata/metrics.txt")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), ours.String()); diff != "" {
		t.Error(diff)
	}
	for _, name := range []string{"go_goroutines ", "process_resident_memory_bytes ", "process_max_fds "} {
		if !strings.Contains(got.String(), "\n"+name) {
			t.Errorf("%s is not there", name)
		}
	}
}

// Where what waits takes long to be counted, nothing else is said to be ill.
func TestSlowCount(t *testing.T) {
	m := filled(t, status{})
	synctest.Test(t, func(t *testing.T) {
		m.o.Waiting = func(ctx context.Context) (inbox, outbox map[string]int) {
			<-ctx.Done()
			return map[string]int{"acme": 7}, nil
		}
		var got strings.Builder
		if err := m.Write(t.Context(), &got); err != nil {
			t.Fatal(err)
		}
		for _, line := range []string{"pipeline_engine_ready 1\n", `pipeline_client_state{mapping="acme",state="ill"} 1`, `pipeline_inbox_waiting{mapping="acme"} 7`} {
			if !strings.Contains(got.String(), line) {
				t.Errorf("%s is not there:\n%s", line, got.String())
			}
		}
	})
}

// TestPromtool has the tool of Prometheus judge what it would be given. PROMTOOL is
// where it is.
func TestPromtool(t *testing.T) {
	tool := os.Getenv("PROMTOOL")
	if tool == "" {
		t.Skip("PROMTOOL is not set: nobody but TestMetrics has looked at the metrics")
	}
	for name, e := range map[string]engine.Engine{"cluster": status{}, "down": status{err: errors.New("down")}, "embedded": enginetest.NewMemory()} {
		t.Run(name, func(t *testing.T) {
			var text bytes.Buffer
			if err := filled(t, e).Write(t.Context(), &text); err != nil {
				t.Fatal(err)
			}
			cmd := exec.CommandContext(t.Context(), tool, "check", "metrics")
			cmd.Stdin = bytes.NewReader(text.Bytes())
			if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
				t.Errorf("%v\n%s\n%s", err, out, &text)
			}
		})
	}
}

// TestManySeries has more mappings than there are series.
func TestManySeries(t *testing.T) {
	m := NewMetrics(MetricsOptions{})
	for i := range 3 * maxSeries {
		m.Push(fmt.Sprint("m", i), 202, false)
	}
	var got bytes.Buffer
	if err := m.Write(t.Context(), &got); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(got.String(), "pipeline_hooks_total{"); n != maxSeries+1 || !strings.Contains(got.String(), fmt.Sprintf("pipeline_hooks_total{mapping=\"other\",status=\"other\"} %d\n", 2*maxSeries)) {
		t.Errorf("%d series\n", n)
	}
}

// topicOf is the topic of an event, as the recorder has it.
func topicOf(e history.Event) string {
	if e.Mapping == "" {
		return "serve"
	}
	return e.Mapping
}
