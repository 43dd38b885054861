package webhook

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pipeline/pipeline"
	"pipeline/pipeline/value"
)

// TestAllConnections: there are as many as concurrency says, also where rows come one
// by one, and none is left.
func TestAllConnections(t *testing.T) {
	var opened, closed atomic.Int64
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if _, err := w.Write([]byte("thanks")); err != nil {
			t.Error(err)
		}
	}))
	done := make(chan struct{}, 100)
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			opened.Add(1)
		case http.StateClosed:
			closed.Add(1)
			done <- struct{}{}
		}
	}
	server.Start()
	defer server.Close()
	w := sink(t, nil, pipeline.Options{"url": server.URL, "concurrency": int64(5)})
	for range 40 {
		if err := w.Write(t.Context(), rows("a")); err != nil {
			t.Fatal(err)
		}
	}
	if n := opened.Load(); n != 5 || closed.Load() != 0 {
		t.Errorf("%d connections were opened, %d closed", n, closed.Load())
	}
	if err := w.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		<-done
	}
}

// TestBodiesAreBounded: of huge rows fewer are under way than might be.
func TestBodiesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &receiver{took: func(int) time.Duration { return time.Second }}
		w := sink(t, r, pipeline.Options{"concurrency": int64(16)})
		b := &pipeline.Batch{Columns: people}
		for id, size := range []int{3 << 20, 3 << 20, 3 << 20, 9 << 20, 10, 10, 3 << 20} {
			b.Append([]value.Value{value.Int(int64(id)), value.Text(strings.Repeat("x", size))})
		}
		if err := w.Write(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		if len(r.got) != 7 || r.most != 3 {
			t.Errorf("%d requests, %d at once", len(r.got), r.most)
		}
	})
}

// TestSend: each request has its answer, with its rows by their place in the batch.
func TestSend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &receiver{answer: func(_ int, r request) *http.Response {
			if strings.Contains(r.body, "person 3") {
				return answered(422, "no")
			}
			return answered(200, "")
		}, took: func(n int) time.Duration { return time.Duration(10-n) * time.Second }}
		w := sink(t, r, pipeline.Options{"concurrency": int64(3), "batch": int64(2)}, 0).(pipeline.Sender)
		var got [3]error
		from := 0
		for i := range got {
			from += w.Send(t.Context(), numbered(5), from, func(err error) { got[i] = err })
		}
		if err := w.Flush(t.Context()); err != nil || from != 5 {
			t.Errorf("%d rows were sent, %v", from, err)
		}
		if got[0] != nil || got[2] != nil {
			t.Errorf("got %v", got)
		}
		if refused := refusedRows(t, got[1]); len(refused) != 2 || refused[0].Row != 2 || refused[1].Row != 3 {
			t.Errorf("got %v", refused)
		}
	})
}

// TestCancelledSend: nothing waits for a place any more, and all have an answer.
func TestCancelledSend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		r := &receiver{took: func(int) time.Duration { return time.Minute }}
		w := sink(t, r, pipeline.Options{"concurrency": int64(2), "timeout": int64(300)}).(pipeline.Sender)
		var answers atomic.Int64
		b := numbered(9)
		for from := 0; from < 9; {
			from += w.Send(ctx, b, from, func(err error) {
				if !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("got %v", err)
				}
				answers.Add(1)
			})
		}
		if err := w.Abort(); err != nil || answers.Load() != 9 || len(r.got) != 2 {
			t.Errorf("%d answers, %d requests, %v", answers.Load(), len(r.got), err)
		}
	})
}
