package webhook

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pipeline/pipeline"
)

// host is a server that answers each request on a connection with the next of its
// texts, and closes the connection behind the last one; dials counts from 1.
type host struct {
	texts func(dial int) []string
	late  bool // it closes the connection only when the next request begins

	mu    sync.Mutex
	dials int
	read  []string // the bodies of the requests
}

func (h *host) open(context.Context) (net.Conn, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.dials++
	here, there := net.Pipe()
	go h.serve(there, h.texts(h.dials))
	return here, nil
}

func (h *host) serve(conn net.Conn, texts []string) {
	defer conn.Close()
	in := bufio.NewReader(conn)
	for _, text := range texts {
		r, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		h.mu.Lock()
		h.read = append(h.read, string(body))
		h.mu.Unlock()
		if _, err := io.WriteString(conn, text); err != nil {
			return
		}
	}
	if h.late {
		_, _ = in.ReadByte() // the next request
	}
}

func connected(t *testing.T, h *host) *worker {
	t.Helper()
	p, errs := compile(decoded(pipeline.Options{"url": address, "timeout": int64(7), "concurrency": int64(1)}))
	if errs != nil {
		t.Fatal(errs)
	}
	w := newWriter(p, func() http.RoundTripper {
		c := newConnection(p, nil)
		c.open = h.open
		return c
	}, pipeline.SinkConfig{Mapping: "acme", Columns: people, World: &pipeline.World{}}).workers[0]
	t.Cleanup(w.end)
	return w
}

const (
	taken    = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
	empty    = "HTTP/1.1 204 No Content\r\n\r\n"
	chunked  = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
	early    = "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + taken
	leaving  = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"
	old      = "HTTP/1.0 200 OK\r\n\r\nok"
	upgraded = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nrest"
)

// TestConnectionIsKept: two requests in turn, over as many connections as are
// needed.
func TestConnectionIsKept(t *testing.T) {
	long := "HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n" + strings.Repeat("x", 200_000)
	for name, test := range map[string]struct {
		answer, text string
		status       int
		dials        int
	}{
		"kept":                   {taken, "ok", 200, 1},
		"without a body":         {empty, "", 204, 1},
		"in chunks":              {chunked, "ok", 200, 1},
		"after an early hint":    {early, "ok", 200, 1},
		"closed behind it":       {leaving, "ok", 200, 2},
		"of HTTP/1.0":            {old, "ok", 200, 2},
		"of another protocol":    {upgraded, "", 101, 2},
		"with a body too long":   {long, strings.Repeat("x", maxAnswer), 200, 2},
		"of a status unheard of": {"HTTP/1.1 099 Odd\r\nContent-Length: 0\r\n\r\n", "", 99, 1},
		"with more than it was":  {taken + "HTTP/1.1 408 Request Timeout\r\n\r\n", "ok", 200, 2},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := &host{texts: func(int) []string { return []string{test.answer, test.answer} }}
				if strings.HasPrefix(test.answer, "HTTP/1.0") {
					h.texts = func(int) []string { return []string{test.answer} } // its end is the end of the connection
				}
				w := connected(t, h)
				for range 2 {
					got, err := w.send(t.Context(), w.url, "id", []byte("row"))
					if err != nil || got.status != test.status || string(got.text) != test.text {
						t.Errorf("got %d %.20q, %v", got.status, got.text, err)
					}
				}
				if h.dials != test.dials {
					t.Errorf("%d connections, want %d", h.dials, test.dials)
				}
				w.end()
			})
		})
	}
}

// TestConnectionIsStale: where the receiver closed a connection that it had kept,
// the request goes over a new one at once, and nobody is told.
func TestConnectionIsStale(t *testing.T) {
	for name, test := range map[string]struct {
		late bool
		idle time.Duration
	}{
		"at once":                      {},
		"while the next is under way":  {late: true},
		"seen before the next request": {idle: 2 * time.Second},
		"idle for too long":            {late: true, idle: maxIdle + time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := &host{late: test.late, texts: func(int) []string { return []string{taken} }}
				w := connected(t, h)
				for range 3 {
					if got, err := w.send(t.Context(), w.url, "id", []byte("row")); err != nil || got.status != 200 {
						t.Errorf("got %d, %v", got.status, err)
					}
					time.Sleep(test.idle)
				}
				if h.dials != 3 || len(h.read) != 3 {
					t.Errorf("%d connections, %d requests", h.dials, len(h.read))
				}
				w.end()
			})
		})
	}
}

// TestConnectionIdles: one that is idle for a while is used again.
func TestConnectionIdles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &host{texts: func(int) []string { return []string{taken, chunked, empty} }}
		w := connected(t, h)
		for range 3 {
			if _, err := w.send(t.Context(), w.url, "id", []byte("row")); err != nil {
				t.Error(err)
			}
			time.Sleep(maxIdle - time.Second)
		}
		if h.dials != 1 {
			t.Errorf("%d connections", h.dials)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if _, err := w.http.(*connection).conn.Write([]byte("x")); !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("it is kept for ever: %v", err)
		}
	})
}

// TestNoAnswer: what is no answer ends the connection, and is told in words of ours.
func TestNoAnswer(t *testing.T) {
	for name, test := range map[string]struct {
		texts []string
		want  string
	}{
		"closed":           {[]string{""}, "the connection was closed without an answer"},
		"no HTTP":          {[]string{"SSH-2.0-OpenSSH\r\n"}, "its answer is no HTTP"},
		"cut off":          {[]string{"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"}, "the connection was closed without an answer"},
		"endless head":     {[]string{"HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 2*maxHead)}, "its answer is no HTTP"},
		"endless hints":    {[]string{strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", maxHead/20)}, "its answer is no HTTP"},
		"silent":           {[]string{""}, "no answer within 7s"},
		"silent in a line": {[]string{"HTTP/1.1 2"}, "no answer within 7s"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := &host{late: strings.HasPrefix(name, "silent"), texts: func(int) []string { return test.texts }}
				w := connected(t, h)
				_, err := w.send(t.Context(), w.url, "id", []byte("row"))
				if err == nil || faultWords(err, w.params) != test.want || !retryable(err) {
					t.Errorf("got %v", err)
				}
				if h.dials != 1 {
					t.Errorf("%d connections", h.dials)
				}
				w.end()
			})
		})
	}
}

// TestConnectionEndsWithItsContext: also while the answer is read, and a later
// request has another connection.
func TestConnectionEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &host{late: true, texts: func(dial int) []string {
			return []string{[]string{"", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nsome", taken}[dial-1]}
		}}
		w := connected(t, h)
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			synctest.Wait()
			cancel()
		}()
		if _, err := w.send(ctx, w.url, "id", []byte("row")); !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("got %v", err)
		}
		got, err := w.send(t.Context(), w.url, "id", []byte("row")) // its text breaks off when the time is up
		if err != nil || string(got.text) != "some" {
			t.Errorf("got %q, %v", got.text, err)
		}
		if got, err := w.send(t.Context(), w.url, "id", []byte("row")); err != nil || string(got.text) != "ok" {
			t.Errorf("got %q, %v", got.text, err)
		}
		w.end()
	})
}

// together sends what was written when the next is read.
type together struct {
	net.Conn
	out *bufio.Writer
}

func (c together) Write(p []byte) (int, error) { return c.out.Write(p) }

func (c together) Read(p []byte) (int, error) {
	if err := c.out.Flush(); err != nil {
		return 0, err
	}
	return c.Conn.Read(p)
}

// TestUnaskedAnswer: what a receiver says beyond an answer is not taken for the
// answer to the next request, also where TLS has read both at once.
func TestUnaskedAnswer(t *testing.T) {
	certified := httptest.NewTLSServer(nil)
	defer certified.Close()
	h := &host{texts: func(int) []string { return []string{taken, taken} }}
	p, errs := compile(decoded(pipeline.Options{"url": address}))
	if errs != nil {
		t.Fatal(errs)
	}
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	c := newConnection(p, nil)
	c.open = func(ctx context.Context) (net.Conn, error) {
		here, err := net.Dial("tcp", server.Addr().String())
		if err != nil {
			return nil, err
		}
		there, err := server.Accept()
		if err != nil {
			return nil, err
		}
		h.dials++
		go func() {
			secure := tls.Server(together{there, bufio.NewWriterSize(there, 64<<10)}, certified.TLS)
			h.serve(twice{secure}, h.texts(h.dials))
		}()
		roots := certified.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
		return secured(ctx, here, roots, "example.com", time.Minute)
	}
	w := newWriter(p, func() http.RoundTripper { return c }, pipeline.SinkConfig{Mapping: "acme", Columns: people, World: &pipeline.World{}}).workers[0]
	defer w.end()
	for range 3 {
		if got, err := w.send(t.Context(), p.url, "id", []byte("row")); err != nil || got.status != 200 {
			t.Errorf("got %d, %v", got.status, err)
		}
	}
	if h.dials != 3 {
		t.Errorf("%d connections", h.dials)
	}
}

// twice says something that nobody asked for behind each answer.
type twice struct{ net.Conn }

func (c twice) Write(p []byte) (int, error) {
	if n, err := c.Conn.Write(p); err != nil {
		return n, err
	}
	_, err := io.WriteString(c.Conn, "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n")
	return len(p), err
}

// TestSecureConnection: rows over TLS, on one connection, and a host that does not
// come to terms about it.
func TestSecureConnection(t *testing.T) {
	var from []string
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		from = append(from, r.RemoteAddr+" "+r.Proto+" "+r.Host)
		_, _ = io.Copy(io.Discard, r.Body)
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	p, errs := compile(decoded(pipeline.Options{"url": strings.Replace(server.URL, "127.0.0.1", "localhost", 1)}))
	if errs != nil {
		t.Fatal(errs)
	}
	c := newConnection(p, nil)
	c.roots = server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	c.host = "example.com" // of its certificate
	w := newWriter(p, func() http.RoundTripper { return c }, pipeline.SinkConfig{Mapping: "acme", Columns: people, World: &pipeline.World{}}).workers[0]
	for range 3 {
		if got, err := w.send(t.Context(), p.url, "id", []byte("row")); err != nil || got.status != 200 {
			t.Fatalf("got %d, %v", got.status, err)
		}
	}
	w.end()
	if len(from) != 3 || from[0] != from[2] || !strings.Contains(from[0], " HTTP/1.1 localhost:") {
		t.Errorf("got %v", from)
	}
}

func TestNoTLS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there := net.Pipe()
		go func() { _, _ = io.Copy(io.Discard, there) }()
		_, err := secured(t.Context(), here, nil, "hooks.example.com", 3*time.Second)
		if !errors.Is(err, errHandshake) || faultWords(err, params{timeout: 3 * time.Second}) != "no secure connection within 3s" {
			t.Errorf("got %v", err)
		}
	})
}

func TestASCIIHost(t *testing.T) {
	for in, want := range map[string]string{
		"https://hooks.example.com/x": "hooks.example.com",
		"https://münchen.example:1":   "xn--mnchen-3ya.example",
		"https://[::1]:8080":          "::1",
	} {
		u, err := url.Parse(in)
		if err != nil {
			t.Fatal(err)
		}
		if got := asciiHost(u); got != want {
			t.Errorf("%s is %s, want %s", in, got, want)
		}
	}
}
