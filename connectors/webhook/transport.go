package webhook

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"time"
)

// timeLimit ends a request that takes too long. A context with a deadline for each
// request would cost as much as making the request does.
type timeLimit struct {
	parent context.Context // of ctx
	ctx    context.Context
	cancel context.CancelFunc
	timer  *time.Timer
	ran    bool // the timer did
}

// begin is a context that ends with ctx, and when the time is up before over is
// called.
func (l *timeLimit) begin(ctx context.Context, after time.Duration) context.Context {
	if l.parent == ctx && !l.ran {
		l.timer.Reset(after)
		return l.ctx
	}
	l.end()
	l.parent, l.ran = ctx, false
	l.ctx, l.cancel = context.WithCancel(ctx)
	l.timer = time.AfterFunc(after, l.cancel)
	return l.ctx
}

// over stops the clock, and reports whether the time was up before.
func (l *timeLimit) over() bool {
	l.ran = !l.timer.Stop()
	return l.ran
}

// end lets go of the context.
func (l *timeLimit) end() {
	if l.cancel != nil {
		l.cancel()
	}
	l.parent = nil
}

// errSilent is a request that took longer than the timeout.
var errSilent = errors.New("did not answer in time")

// faultWords says why there was no answer, without anything the receiver sent
// and without the url.
func faultWords(err error, p params) string {
	var (
		dns     *net.DNSError
		unknown x509.UnknownAuthorityError
		host    x509.HostnameError
		invalid x509.CertificateInvalidError
		alert   tls.AlertError
		op      *net.OpError
	)
	switch {
	case errors.Is(err, errSilent):
		return fmt.Sprintf("no answer within %v", p.timeout)
	case errors.As(err, &dns) && dns.IsNotFound:
		return "there is no host of that name"
	case errors.Is(err, errHandshake):
		return fmt.Sprintf("no secure connection within %v", min(p.timeout, maxHandshake))
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nothing listens there"
	case errors.As(err, &unknown), errors.As(err, &host), errors.As(err, &invalid):
		return "its certificate is not to be trusted: " + err.Error()
	case errors.As(err, &alert):
		return "no secure connection: " + alert.Error()
	case errors.Is(err, errStale), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "the connection was closed without an answer"
	case errors.As(err, &op):
		return op.Error()
	default:
		return "its answer is no HTTP"
	}
}

// retryable reports whether a request that had no answer may have one the next
// time. A certificate does not change within minutes, nor does what we forbid or
// the spelling of a host.
func retryable(err error) bool {
	var (
		no      *forbidden
		dns     *net.DNSError
		unknown x509.UnknownAuthorityError
		host    x509.HostnameError
		invalid x509.CertificateInvalidError
	)
	if errors.As(err, &dns) && dns.IsNotFound {
		return false
	}
	return !errors.As(err, &no) && !errors.As(err, &unknown) && !errors.As(err, &host) && !errors.As(err, &invalid)
}
