package webhook

// connection_long_test.go: bodies that are longer than what a receiver reads of them.

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"pipeline/pipeline"
)

// meeting is a worker for a receiver that meets one connection, over a socket.
func meeting(t *testing.T, meets func(net.Conn)) *worker {
	t.Helper()
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	go func() {
		if conn, err := server.Accept(); err == nil {
			meets(conn)
		}
	}()
	p, errs := compile(decoded(pipeline.Options{"url": "http://" + server.Addr().String()}))
	if errs != nil {
		t.Fatal(errs)
	}
	w := newWriter(p, func() http.RoundTripper { return newConnection(p, nil) }, pipeline.SinkConfig{Mapping: "acme", Columns: people, World: &pipeline.World{}}).workers[0]
	t.Cleanup(w.end)
	return w
}

// TestAnswerBeforeTheEnd: a receiver may refuse a body before it has read it.
func TestAnswerBeforeTheEnd(t *testing.T) {
	w := meeting(t, func(conn net.Conn) {
		_, _ = http.ReadRequest(bufio.NewReaderSize(conn, 16))
		fmt.Fprint(conn, "HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n")
		_ = conn.(*net.TCPConn).CloseWrite()
		_, _ = io.CopyN(io.Discard, conn, 1<<20) // a part of it, so that the answer arrives before the reset
		conn.Close()
	})
	got, err := w.send(t.Context(), w.url, "id", make([]byte, 64<<20))
	if err == nil && got.status != http.StatusRequestEntityTooLarge || err != nil && faultWords(err, w.params) != "the connection was closed without an answer" {
		t.Errorf("got %d, %v", got.status, err) // a reset may overtake the answer
	}
}

// TestRefusedUnread: a receiver may answer a long body, read no further, and keep
// the connection. Nobody waits for it, with TLS or without.
func TestRefusedUnread(t *testing.T) {
	certified := httptest.NewTLSServer(nil)
	defer certified.Close()
	for _, scheme := range []string{"http", "https"} {
		t.Run(scheme, func(t *testing.T) {
			server, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer server.Close()
			if scheme == "https" {
				server = tls.NewListener(server, certified.TLS)
			}
			go refuseUnread(t.Context(), server)
			p, errs := compile(decoded(pipeline.Options{"url": scheme + "://" + server.Addr().String(), "timeout": int64(60)}))
			if errs != nil {
				t.Fatal(errs)
			}
			c := newConnection(p, nil)
			c.roots = certified.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
			w := newWriter(p, func() http.RoundTripper { return c }, pipeline.SinkConfig{Mapping: "acme", Columns: people, World: &pipeline.World{}}).workers[0]
			defer w.end()
			for range 3 {
				got, err := w.send(t.Context(), p.url, "id", make([]byte, 64<<20))
				if err != nil || got.status != http.StatusRequestEntityTooLarge { // who waits gets no answer in time
					t.Fatalf("got %d, %v", got.status, err)
				}
				if c.conn != nil {
					t.Fatal("the connection is kept, with most of a body unsent")
				}
			}
		})
	}
}

// refuseUnread answers one request of each connection without reading its body.
func refuseUnread(ctx context.Context, server net.Listener) {
	for {
		conn, err := server.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			_, _ = http.ReadRequest(bufio.NewReaderSize(conn, 16))
			fmt.Fprint(conn, "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n")
			<-ctx.Done()
		}()
	}
}

// TestHungUp: a receiver that says that there will be no answer, and reads no
// further, is not waited for.
func TestHungUp(t *testing.T) {
	w := meeting(t, func(conn net.Conn) {
		defer conn.Close()
		_ = conn.(*net.TCPConn).CloseWrite()
		<-t.Context().Done()
	})
	if _, err := w.send(t.Context(), w.url, "id", make([]byte, 64<<20)); err == nil || faultWords(err, w.params) != "the connection was closed without an answer" {
		t.Errorf("got %v", err)
	}
}

// TestLongBodies: they go over one connection as well, also behind an early hint.
func TestLongBodies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &host{texts: func(int) []string { return []string{early, taken, chunked} }}
		w := connected(t, h)
		for range 3 {
			if got, err := w.send(t.Context(), w.url, "id", make([]byte, 1<<20)); err != nil || string(got.text) != "ok" {
				t.Errorf("got %q, %v", got.text, err)
			}
			time.Sleep(2 * headGrace) // no deadline is left
		}
		if h.dials != 1 || len(h.read) != 3 {
			t.Errorf("%d connections, %d requests", h.dials, len(h.read))
		}
		w.end()
	})
}
