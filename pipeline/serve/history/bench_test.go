package history

import (
	"context"
	"fmt"
	"testing"
	"time"

	"pipeline/pipeline/serve/engine"
)

// tide is a log of n events, made as they are read: clients, each with runs and
// minutes.
type tide struct {
	engine.Engine
	n uint64
}

func (l *tide) Last(context.Context, engine.Log, string) (uint64, error) { return l.n, nil }

func (l *tide) Read(_ context.Context, _ engine.Log, _ string, after uint64, yield func(engine.Message) error) error {
	for seq := after + 1; seq <= l.n; seq++ {
		if err := yield(engine.Message{ID: fmt.Sprint(seq), Seq: seq, Body: l.body(seq)}); err != nil {
			return err
		}
	}
	return nil
}

// body is one of 8 kinds of events, of one of 50 clients, two seconds after the one
// before.
func (l *tide) body(seq uint64) []byte {
	e := Event{At: now.Add(-time.Duration(l.n-seq) * 2 * time.Second), Mapping: fmt.Sprintf("client-%d", seq/8%50), Run: fmt.Sprintf("run-%d", seq/8)}
	switch seq % 8 {
	case 0:
		e.Kind, e.Client = MappingLoaded, acme
	case 1:
		e.Kind, e.Trigger = RunStarted, BySchedule
	case 2:
		e.Kind, e.End = RunEnded, &End{Result: Rejected, Report: three}
	case 3:
		e.Kind, e.Sink, e.Minute = Delivered, "webhook", &Minute{Count: 9}
	default:
		e.Kind, e.At, e.Minute = Called, e.At.Add(time.Duration(seq%8)*time.Minute), &Minute{Count: 9, Limit: 500, P50: 9, P95: 99, P99: 999}
	}
	body, _ := e.encode()
	return body
}

// BenchmarkHistory projects a log of a hundred thousand events and then asks.
func BenchmarkHistory(b *testing.B) {
	const n = 100_000
	h := newHouse(b, b.TempDir())
	defer h.close()
	began := time.Now()
	if _, err := h.db.CatchUp(b.Context(), &tide{n: n}); err != nil {
		b.Fatal(err)
	}
	rate := n / time.Since(began).Seconds()
	r := h.reader()
	for name, ask := range map[string]func() error{
		"Clients": func() error { _, err := r.Clients(b.Context()); return err },
		"Runs":    func() error { _, err := r.Runs(b.Context(), RunsFilter{Mapping: "client-7"}); return err },
		"Failed":  func() error { _, err := r.Runs(b.Context(), RunsFilter{Results: []Result{Failed}}); return err },
		"Week": func() error {
			_, err := r.Series(b.Context(), "client-7", now.Add(-7*24*time.Hour), time.Hour)
			return err
		},
		"WeekOfAll": func() error { _, err := r.Series(b.Context(), "", now.Add(-7*24*time.Hour), time.Hour); return err },
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if err := ask(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("Prune", func(b *testing.B) {
		for b.Loop() {
			if err := h.db.prune(b.Context(), now.Add(-Keep)); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(rate, "events/s")
	})
}
