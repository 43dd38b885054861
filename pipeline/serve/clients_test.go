package serve

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pipeline/pipeline/serve/engine"
)

// readCounter counts what is read of the inbox.
type readCounter struct {
	engine.Engine
	read atomic.Int64
}

// Read implements engine.Engine.
func (e *readCounter) Read(ctx context.Context, log engine.Log, topic string, after uint64, yield func(engine.Message) error) error {
	return e.Engine.Read(ctx, log, topic, after, func(m engine.Message) error {
		if log == engine.Inbox {
			e.read.Add(1)
		}
		return yield(m)
	})
}

// What was pushed and is mapped is not read again, neither by a start nor by those who
// ask how the clients are while it goes on.
func TestAStartReadsNothingThatIsMapped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.mapping("a", "pushed only")
		for i := range 50 {
			h.push("a", fmt.Sprint(i))
		}
		_, end := h.serve(nil)
		time.Sleep(10 * time.Second)
		check(t, end())
		if len(h.rows) != 50 {
			t.Fatalf("%d rows", len(h.rows))
		}

		counter := &readCounter{Engine: h.engine}
		h.engine = counter
		begun, looked := make(chan *Service, 1), make(chan []Client, 1)
		s, end := h.serve(func(c *Config) {
			c.Changed = func([]Mapping) { looked <- (<-begun).Clients(t.Context()) }
		})
		begun <- s
		if all := <-looked; len(all) != 1 || all[0].Pushes != 0 {
			t.Errorf("at the start: %+v", all)
		}
		if all := s.Served(); len(all) != 1 || all[0].Name != "a" || !all[0].Pushed {
			t.Errorf("served: %+v", all)
		}
		time.Sleep(10 * time.Second)
		if c := h.client(s, "a.yaml"); c.Pushes != 0 || c.State != Healthy {
			t.Errorf("later: %+v", c)
		}
		check(t, end())
		if n := counter.read.Load(); n != 0 {
			t.Errorf("%d messages are read", n)
		}
	})
}
