package history

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pipeline/pipeline"
	"pipeline/pipeline/serve/engine"
	"pipeline/pipeline/serve/enginetest"
)

// logged are the events in a log.
func logged(t *testing.T, e engine.Engine) (events []Event) {
	t.Helper()
	err := e.Read(context.Background(), engine.Events, "", 0, func(m engine.Message) error {
		var event Event
		err := json.Unmarshal(m.Body, &event)
		events = append(events, event)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return events
}

// meter keeps what it is told of events.
type meter struct {
	nobody
	kinds []Kind
}

func (m *meter) Event(e Event) { m.kinds = append(m.kinds, e.Kind) }

func TestRecorder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		memory := enginetest.NewMemory()
		var seen meter
		r := NewRecorder(memory, RecorderOptions{Node: "a", Meter: &seen})
		var down atomic.Bool
		down.Store(true)
		memory.Fail = func(what string) error {
			if what == "append" && down.Load() {
				return errors.New("down")
			}
			return nil
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { r.Run(ctx); close(done) }()
		r.Add(Event{Kind: RunStarted, Mapping: "acme", Run: "1", Trigger: ByPush})
		impatient, leave := context.WithTimeout(t.Context(), 20*time.Second)
		if err := r.Store(impatient, Event{Kind: RunEnded, Mapping: "acme", Run: "1", End: &End{Result: Done}}); !errors.Is(err, context.DeadlineExceeded) {
			t.Error("the engine is down, and the event is stored:", err)
		}
		leave()
		down.Store(false)
		if err := r.Store(t.Context(), Event{ID: "mine", Kind: SourceSilent, Mapping: "acme"}); err != nil {
			t.Error(err)
		}
		if err := r.Store(t.Context(), Event{ID: "mine", Kind: SourceSilent, Mapping: "acme"}); err != nil {
			t.Error(err)
		}
		r.Add(Event{Kind: Audit, Text: "last words"})
		cancel()
		<-done
		got := logged(t, memory)
		if len(got) != 4 || got[0].Kind != RunStarted || got[1].Kind != RunEnded || got[2].Kind != SourceSilent || got[3].Text != "last words" || got[0].Node != "a" || got[0].At.IsZero() {
			t.Errorf("%+v", got)
		}
		if err := r.Store(t.Context(), Event{Kind: Audit}); !errors.Is(err, ErrEnded) {
			t.Error(err)
		}
		if len(seen.kinds) != 6 || r.Lost() != 0 {
			t.Error(seen.kinds, r.Lost())
		}
	})
}

// TestRecorderNeverWaits has an engine that is down for good.
func TestRecorderNeverWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		memory := enginetest.NewMemory()
		memory.Fail = func(string) error { return errors.New("down") }
		r := NewRecorder(memory, RecorderOptions{})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { r.Run(ctx); close(done) }()
		began := time.Now()
		for range queueLength + 10 {
			r.Add(Event{Kind: Audit})
		}
		if d := time.Since(began); d != 0 || r.Lost() == 0 {
			t.Error(d, r.Lost())
		}
		cancel()
		<-done
		if d := time.Since(began); d > drainTime || r.Lost() != queueLength+10 {
			t.Error(d, r.Lost())
		}
	})
}

func TestMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		memory := enginetest.NewMemory()
		r := NewRecorder(memory, RecorderOptions{})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { r.Run(ctx); close(done) }()
		minute := time.Now().Truncate(time.Minute)
		for i := 1; i <= 100; i++ {
			r.Call("acme", time.Duration(i)*time.Millisecond, 2*time.Millisecond, 500)
		}
		r.Delivery("acme", "webhook", 3*time.Millisecond, true)
		r.Delivery("acme", "webhook", 9*time.Millisecond, false)
		r.Push("acme", 202, false)
		r.Push("acme", 202, true)
		r.Push("acme", 401, false)
		time.Sleep(time.Minute)
		synctest.Wait()
		got := logged(t, memory)
		r.Push("acme", 202, false)
		cancel()
		<-done
		all := logged(t, memory)
		if len(got) != 3 || len(all) != 4 {
			t.Fatalf("%+v", all)
		}
		same(t, []Event{
			{Kind: Called, At: minute.UTC(), Mapping: "acme", Minute: &Minute{Count: 100, Limit: 500, Waited: 200, P50: 50, P95: 95, P99: 99}},
			{Kind: Delivered, At: minute.UTC(), Mapping: "acme", Sink: "webhook", Minute: &Minute{Count: 1, Failed: 1, P50: 3, P95: 9, P99: 9}},
			{Kind: Pushed, At: minute.UTC(), Mapping: "acme", Minute: &Minute{Count: 1, Failed: 1, Twice: 1}},
		}, got)
	})
}

// TestEventsFit has a report that is larger than a message may be.
func TestEventsFit(t *testing.T) {
	r := pipeline.Report{Read: 7}
	for range 5000 {
		r.Warnings = append(r.Warnings, strings.Repeat("ü", 9000))
		r.Drift = append(r.Drift, pipeline.Drift{What: strings.Repeat("x", 9000)})
	}
	e := Event{Kind: RunEnded, Mapping: "acme", Text: strings.Repeat("ü", 1<<20), End: &End{Result: Failed, Report: r}}
	body, err := e.encode()
	if err != nil || len(body) > engine.MaxBody {
		t.Fatal(len(body), err)
	}
	var back Event
	if err := json.Unmarshal(body, &back); err != nil || back.End.Report.Read != 7 || strings.Contains(back.Text, "\ufffd") {
		t.Error(err)
	}
	if len(e.End.Report.Warnings) != 5000 {
		t.Error("encode changed the event")
	}
}
