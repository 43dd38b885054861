package jetstream

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pipeline/pipeline/serve/engine"
)

// BenchmarkAppend is durable messages of 1 KB, by how many are on their way at a
// time, and what the slowest one in a hundred takes.
func BenchmarkAppend(b *testing.B) {
	for _, inFlight := range []int{1, 32, 256} {
		b.Run(fmt.Sprintf("alone/%d", inFlight), func(b *testing.B) {
			benchmarkAppend(b, open(b, Config{}), inFlight)
		})
	}
	b.Run("cluster", func(b *testing.B) {
		all := openAll(b, nodes(b))
		for _, inFlight := range []int{1, 32, 256} {
			b.Run(fmt.Sprint(inFlight), func(b *testing.B) { benchmarkAppend(b, all[0], inFlight) })
		}
	})
}

var benchmarkRun atomic.Int64

func benchmarkAppend(b *testing.B, e *Engine, inFlight int) {
	body := []byte(strings.Repeat("x", 1<<10))
	run := benchmarkRun.Add(1)
	took := make([]time.Duration, b.N)
	var next atomic.Int64
	var wg sync.WaitGroup
	b.ResetTimer()
	for w := range inFlight {
		topic := fmt.Sprint("t", w)
		wg.Go(func() {
			for i := next.Add(1) - 1; i < int64(b.N); i = next.Add(1) - 1 {
				begin := time.Now()
				if _, err := e.Append(b.Context(), engine.Inbox, topic, engine.Message{ID: fmt.Sprint(run, "-", i), Body: body}); err != nil {
					b.Error(err)
					return
				}
				took[i] = time.Since(begin)
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	slices.Sort(took)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "appends/s")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
}

// BenchmarkRead is messages of 1 KB, read one by one from the leader.
func BenchmarkRead(b *testing.B) {
	e := open(b, Config{})
	const n = 1000
	fill(b, e, engine.Events, "acme", n)
	for b.Loop() {
		if got := readIDs(b, e, engine.Events, "acme"); len(got) != n {
			b.Fatal(len(got))
		}
	}
	b.ReportMetric(float64(b.N*n)/b.Elapsed().Seconds(), "messages/s")
}
