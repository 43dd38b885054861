package webhook

// connection.go: one connection to the receiver, which a worker keeps, with one
// request at a time. The transport of net/http serves many: it hands each request
// to two goroutines more, and takes 1.6 times as long for it on a fast network
// (docs/performance.md). What stands on the wire is net/http's here as well.

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"syscall"
	"time"
)

// The bounds of one connection.
const (
	maxHandshake = 10 * time.Second // for connecting, and for the secrets of TLS
	maxIdle      = 90 * time.Second // that it is kept without a request
	trusted      = time.Second      // within it, a quick look tells whether an idle one is still open
	maxHead      = 64 << 10         // bytes of an answer before its body
	readAtOnce   = 32 << 10         // bytes of a body that the system of a receiver takes before it reads any
	headGrace    = 50 * time.Millisecond
)

// errStale is a connection that had been used before and that the receiver had
// closed: a new one may have an answer to the same request.
var errStale = errors.New("the connection was closed while no request was under way")

// errHead is an answer whose status line and headers have no end.
var errHead = errors.New("the head of the answer is too long")

// errHandshake is a host that takes connections, and does not come to terms about TLS.
var errHandshake = errors.New("no secure connection in time")

// connection is an http.RoundTripper for one request at a time, to one host. The
// body of an answer has to be closed before the next request.
type connection struct {
	open  func(context.Context) (net.Conn, error)
	host  string         // as certificates know it
	roots *x509.CertPool // who may vouch for it; nil: whom this machine trusts
	size  int            // bytes that are written at once

	conn net.Conn // nil: none is open
	wire *probe   // of the socket below it; nil: there is none
	in   *bufio.Reader
	out  *bufio.Writer
	head int         // bytes that the head of an answer may still have; below 0: it is over
	cut  bool        // the last request was not written to its end
	used time.Time   // when the last answer ended
	idle *time.Timer // closes conn when it was not used for long

	ctx  context.Context // whose end closes conn
	stop func() bool     // lets go of ctx
	body answerBody
}

// newConnection speaks HTTP/1.1, where a slow request holds up no other, and knows
// no proxy: behind one we could not tell where a request ends up. resolver is nil
// outside of tests.
func newConnection(p params, resolver *net.Resolver) *connection {
	g := guardOf(p)
	limit := min(p.timeout, maxHandshake)
	dialer := &net.Dialer{
		Timeout:   limit,
		KeepAlive: 30 * time.Second,
		Resolver:  resolver,
		Control:   func(_, address string, _ syscall.RawConn) error { return g.check(address) },
	}
	port := p.url.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[p.url.Scheme]
	}
	c := &connection{host: asciiHost(p.url), size: 4 << 10}
	address := net.JoinHostPort(c.host, port)
	if p.batch > 1 {
		c.size = 32 << 10
	}
	c.open = func(ctx context.Context) (net.Conn, error) {
		conn, err := dialer.DialContext(ctx, "tcp", address)
		if err != nil || p.url.Scheme == "http" {
			return conn, err
		}
		return secured(ctx, conn, c.roots, c.host, limit)
	}
	return c
}

// secured puts TLS over conn.
func secured(ctx context.Context, conn net.Conn, roots *x509.CertPool, host string, limit time.Duration) (net.Conn, error) {
	soon, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	secure := tls.Client(conn, &tls.Config{RootCAs: roots, ServerName: host, MinVersion: tls.VersionTLS12})
	err := secure.HandshakeContext(soon)
	if err == nil {
		return secure, nil
	}
	_ = conn.Close() // what was wrong is said
	if soon.Err() != nil && ctx.Err() == nil {
		return nil, errHandshake
	}
	return nil, err
}

// asciiHost is the host of u as certificates and resolvers know it: net/http turns
// other letters into xn--… where it writes a request.
func asciiHost(u *url.URL) string {
	host := u.Hostname()
	var wire bytes.Buffer
	if isASCII(host) || (&http.Request{Method: http.MethodGet, URL: &url.URL{Host: host}}).Write(&wire) != nil {
		return host
	}
	if r, err := http.ReadRequest(bufio.NewReader(&wire)); err == nil {
		return r.Host
	}
	return host
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// RoundTrip implements http.RoundTripper. It returns errStale instead of sending a
// request a second time. The answer, and its body, have the time of the request's
// context.
func (c *connection) RoundTrip(r *http.Request) (*http.Response, error) {
	reused := c.conn != nil && c.alive()
	if !reused {
		c.close()
		conn, err := c.open(r.Context())
		if err != nil {
			return nil, err
		}
		c.begin(conn)
	}
	c.watch(r.Context())
	response, err := c.exchange(r)
	if err == nil {
		c.body = answerBody{c: c, text: response.Body, close: response.Close || response.StatusCode == http.StatusSwitchingProtocols}
		response.Body = &c.body
		return response, nil
	}
	nothing := c.head == maxHead // of an answer
	c.close()
	if reused && nothing && r.Context().Err() == nil {
		return nil, errStale
	}
	return nil, err
}

// begin makes conn the connection.
func (c *connection) begin(conn net.Conn) {
	c.conn, c.wire, c.cut = conn, wireOf(conn), false
	c.idle = time.AfterFunc(maxIdle, func() { _ = conn.Close() }) // a later request has another one
	c.idle.Stop()
	if c.in == nil {
		c.in, c.out = bufio.NewReader(c), bufio.NewWriterSize(conn, c.size)
		return
	}
	c.in.Reset(c)
	c.out.Reset(conn)
}

// wireOf looks at the socket of a connection, with TLS or without.
func wireOf(conn net.Conn) *probe {
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	socket, ok := conn.(syscall.Conn)
	if !ok {
		return nil
	}
	wire, err := socket.SyscallConn()
	if err != nil {
		return nil // whoever uses it next is told
	}
	return newProbe(wire)
}

// Read reads from the connection, no more than the head of an answer may have.
func (c *connection) Read(p []byte) (int, error) {
	if c.head == 0 {
		return 0, errHead
	}
	if c.head > 0 && len(p) > c.head {
		p = p[:c.head]
	}
	n, err := c.conn.Read(p)
	if c.head > 0 {
		c.head -= n
	}
	return n, err
}

// watch closes the connection when ctx ends. Most requests have the context of the
// one before.
func (c *connection) watch(ctx context.Context) {
	if c.ctx == ctx {
		return
	}
	c.unwatch()
	conn := c.conn
	c.ctx, c.stop = ctx, context.AfterFunc(ctx, func() { _ = conn.Close() }) // whoever reads is told
}

func (c *connection) unwatch() {
	if c.ctx != nil {
		c.stop()
		c.ctx = nil
	}
}

// exchange writes a request and reads the head of the answer. It reads while it
// writes a long one: a receiver may refuse it, and read no further.
func (c *connection) exchange(r *http.Request) (*http.Response, error) {
	c.head = maxHead
	if r.ContentLength <= readAtOnce {
		written := c.write(r)
		return c.answer(r, func() error { return written })
	}
	wrote := make(chan error, 1)
	go func() { wrote <- c.write(r) }()
	return c.answer(r, func() error {
		_ = c.conn.SetWriteDeadline(time.Now().Add(headGrace)) // without, the context ends it
		written := <-wrote
		if written == nil {
			written = c.conn.SetWriteDeadline(time.Time{})
		}
		return written
	})
}

// write writes a request.
func (c *connection) write(r *http.Request) error {
	err := r.Write(c.out)
	if err == nil {
		err = c.out.Flush()
	}
	if err != nil {
		// it may have answered before it had read everything
		_ = c.conn.SetReadDeadline(time.Now().Add(headGrace)) // without, the context ends it
	}
	return err
}

// answer reads the head of the answer to r. written ends the writing of r, and is
// what came of it.
func (c *connection) answer(r *http.Request, written func() error) (*http.Response, error) {
	for {
		response, err := http.ReadResponse(c.in, r)
		if err != nil {
			failed := written()
			c.cut = failed != nil
			if errors.Is(err, os.ErrDeadlineExceeded) { // of write
				err = cmp.Or(failed, err)
			}
			return nil, err
		}
		if response.StatusCode/100 != 1 || response.StatusCode == http.StatusSwitchingProtocols {
			c.head = -1
			failed := written()
			c.cut = failed != nil
			response.Close = response.Close || c.cut
			return response, nil
		}
	}
}

// alive reports whether a connection that was used before can be used again: the
// receiver has neither closed it nor said anything since.
func (c *connection) alive() bool {
	if !c.idle.Stop() || c.ctx != nil && c.ctx.Err() != nil {
		return false // it is closed
	}
	wait := time.Millisecond
	if time.Since(c.used) < trusted && c.in.Buffered() == 0 && (c.wire == nil || c.wire.silent()) {
		if _, secure := c.conn.(*tls.Conn); !secure {
			return true
		}
		wait = 0 // TLS may have read more than the answer: that is looked at, and no more of the socket
	}
	if c.conn.SetReadDeadline(time.Now().Add(wait)) != nil {
		return false
	}
	c.head = maxHead
	if _, err := c.in.Peek(1); !errors.Is(err, os.ErrDeadlineExceeded) {
		return false
	}
	return c.conn.SetReadDeadline(time.Time{}) == nil
}

// close closes the connection, if there is one.
func (c *connection) close() {
	c.unwatch()
	if c.conn == nil {
		return
	}
	c.idle.Stop()
	if secure, ok := c.conn.(*tls.Conn); ok && c.cut {
		_ = secure.NetConn().Close() // the goodbye of TLS would wait behind what nobody reads
	}
	_ = c.conn.Close() // everything that matters was read
	c.conn = nil
}

// CloseIdleConnections is what http.Client calls.
func (c *connection) CloseIdleConnections() { c.close() }

// answerBody is the body of an answer. A connection is used again only where it was
// read to its end.
type answerBody struct {
	c     *connection
	text  io.Reader
	over  bool
	close bool // the receiver closes the connection behind it
}

func (b *answerBody) Read(p []byte) (int, error) {
	n, err := b.text.Read(p)
	b.over = b.over || err == io.EOF
	return n, err
}

// Close ends the answer.
func (b *answerBody) Close() error {
	if !b.over || b.close {
		b.c.close()
		return nil
	}
	b.c.used = time.Now()
	b.c.idle.Reset(maxIdle)
	return nil
}
