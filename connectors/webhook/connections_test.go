package webhook

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"pipeline/pipeline"
)

// pipes is a network within the process: synctest has the clock only without
// sockets.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	opened atomic.Int64
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) dial(ctx context.Context) (net.Conn, error) {
	p.opened.Add(1)
	here, there := net.Pipe()
	select {
	case p.conns <- there:
		return here, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.conns:
		return conn, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	close(p.closed)
	return nil
}

func (*pipes) Addr() net.Addr { return &net.UnixAddr{} }

// TestConnections: as many as there may be requests, whatever is answered.
func TestConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var served atomic.Int64
		network := newPipes()
		server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if served.Add(1)%10 == 0 {
				w.WriteHeader(http.StatusUnprocessableEntity)
				fmt.Fprint(w, strings.Repeat("why ", 5000)) // more than is kept
			}
		})}
		go func() { _ = server.Serve(network) }() // until it is closed
		p, errs := compile(decoded(pipeline.Options{"url": address, "concurrency": int64(8)}))
		if errs != nil {
			t.Fatal(errs)
		}
		w := newWriter(p, func() http.RoundTripper {
			c := newConnection(p, nil)
			c.open = network.dial
			return c
		}, pipeline.SinkConfig{Mapping: "acme", Columns: people, World: &pipeline.World{}})
		for range 5 {
			if err := w.Write(t.Context(), numbered(200)); len(refusedRows(t, err)) != 20 {
				t.Error(err)
			}
		}
		if network.opened.Load() != 8 || served.Load() != 1000 {
			t.Errorf("%d connections for %d requests", network.opened.Load(), served.Load())
		}
		if err := w.Flush(t.Context()); err != nil {
			t.Error(err)
		}
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
}
