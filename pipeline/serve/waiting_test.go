package serve

import (
	"context"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"pipeline/pipeline/serve/engine"
	"pipeline/pipeline/serve/enginetest"
)

// TestBacklogCounts holds counts against those from the start, and each push is read
// for them once, but where the place of the runs went back.
func TestBacklogCounts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := &enginetest.Readings{Engine: enginetest.NewMemory()}
		var b backlog
		var seqs []uint64
		place, pushed, again := 0, 0, 0 // of seqs; again is how many may be read once more
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			switch rapid.IntRange(0, 3).Draw(t, "step") {
			case 0:
				for range rapid.IntRange(1, 5).Draw(t, "pushes") {
					for _, topic := range []string{"acme", "zebra"} { // one log has more than one mapping
						got, err := r.Append(context.Background(), engine.Inbox, topic, engine.Message{ID: fmt.Sprint(pushed)})
						if err != nil {
							t.Fatal(err)
						}
						if topic == "acme" {
							seqs = append(seqs, got.Seq)
						}
					}
					pushed++
				}
			case 1:
				place = rapid.IntRange(place, len(seqs)).Draw(t, "place")
			case 2:
				after := uint64(0)
				if place > 0 {
					after = seqs[place-1]
				}
				if n, err := b.count(context.Background(), r, "acme", after); n != len(seqs)-place || err != nil {
					t.Fatalf("%d wait (%v), want %d", n, err, len(seqs)-place)
				}
				if r.N > len(seqs)+again {
					t.Fatalf("%d pushes were read to count %d", r.N, len(seqs))
				}
			case 3:
				if rapid.IntRange(0, 9).Draw(t, "rarely") == 0 { // an older state is taken over
					place, again = 0, again+len(seqs)
				}
			}
		}
	})
}
