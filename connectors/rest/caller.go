package rest

// caller.go is the one way by which a source asks its platform: limit, then
// credentials, then the call, then again where that is safe and may help.

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	"pipeline/pipeline"
	"pipeline/pipeline/diag"
)

// How calls are repeated.
const (
	maxTries     = 5
	maxPatience  = 5 * time.Minute // of all tries and the waits between them, without waiting for the limit
	maxRedirects = 5
)

// caller makes calls of one Read, one at a time. What callers beside each other
// share is in the session.
type caller struct {
	*session

	shown  string                // the path in messages, where the real one holds what a record says; empty: the real one
	absent func(status int) bool // tells the statuses that are an answer too: there is nothing
	within int                   // bytes that an answer may have
	linked bool                  // what is on the tape of an answer is only known when it was looked at

	buf  []byte // memory for the next answer
	size int    // bytes of the last answer: the next one is likely as long
}

// get asks for u until there is an answer that accept takes: from the tape where
// it is there, else from the platform, and then it is on the tape before get
// returns. An answer that accept does not take is asked for again. Where the
// answer is that there is nothing, accept is not asked and empty reports it.
func (c *caller) get(ctx context.Context, u *url.URL, accept func(*answer) error) (*answer, error) {
	request := requestKey(c.base, u)
	if ans, err := c.recall(ctx, u, request, accept); ans != nil || err != nil {
		return ans, err
	}
	var put func() error
	ans, err := c.ask(ctx, u, func(ans *answer) error {
		packed := c.packing(request, ans)
		err := accept(ans)
		if put = packed(); err != nil {
			put = nil
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return ans, c.keep(request, ans, put)
}

// ask asks the platform for u until there is an answer.
func (c *caller) ask(ctx context.Context, u *url.URL, accept func(*answer) error) (*answer, error) {
	var spent time.Duration
	renewed := false
	for try := 0; ; try++ {
		header, token, err := c.login(ctx)
		if err != nil {
			return nil, err
		}
		began := time.Now()
		ans, waited, err := c.follow(ctx, u, header, try, accept)
		spent += time.Since(began) - waited
		var fault *Error
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case err == nil:
			return ans, nil
		case !errors.As(err, &fault):
			return nil, err
		case c.absent(fault.Status):
			return &answer{url: u, status: fault.Status, body: c.buf[:0]}, nil
		case fault.Reason == LoginAgain && !renewed:
			if renewed, err = c.renew(ctx, token); err != nil {
				return nil, err
			}
			if renewed {
				try-- // it was not the platform that failed
				continue
			}
		}
		fault.Tries = try + 1
		pause := pipeline.Backoff(try)
		if fault.after > 0 {
			pause = fault.after
		}
		if !fault.retry || fault.Tries == maxTries {
			return nil, fault
		}
		if spent+pause > maxPatience {
			if fault.after > 0 {
				fault.Message = fmt.Sprintf("the platform asks to wait %v before the next call, and a run waits %v in all; run again after that", fault.after, maxPatience)
			}
			return nil, fault
		}
		spent += pause
		c.report(pipeline.Call{WaitFor: time.Now().Add(pause), Retry: fault.Tries, Err: fault.brief()})
		if err := sleep(ctx, pause); err != nil {
			return nil, err
		}
	}
}

// follow is one try: a call, and those to which it is redirected on the same
// host. waited is how long it waited for the limit.
func (c *caller) follow(ctx context.Context, u *url.URL, header http.Header, try int, accept func(*answer) error) (_ *answer, waited time.Duration, _ error) {
	for range maxRedirects + 1 {
		ans, w, err := c.call(ctx, u, header, try, accept)
		waited += w
		if err != nil || ans.status < 300 {
			return ans, waited, err
		}
		next, err := u.Parse(ans.header.Get("Location"))
		if err != nil || !sameOrigin(u, next) {
			e := c.fault(u, Refused, "the platform sends us to another address, which is not followed with a token; is base_url right?")
			e.Status = ans.status
			return nil, waited, e
		}
		u = next
	}
	return nil, waited, c.fault(u, Refused, fmt.Sprintf("the platform sent us on more than %d times", maxRedirects))
}

// call is one call. It is reported, however it ends.
func (c *caller) call(ctx context.Context, u *url.URL, header http.Header, try int, accept func(*answer) error) (*answer, time.Duration, error) {
	slot, waited, err := c.budget.wait(ctx, c.limits, func(until time.Time) { c.report(pipeline.Call{WaitFor: until}) })
	if err != nil {
		return nil, waited, err
	}
	began := time.Now()
	res, body, err := exchange(ctx, c.http, u, header.Clone(), c.buf, c.size, c.within) //nolint:bodyclose // exchange reads and closes it
	if booked := c.budget.answered(slot, res != nil); booked != nil {
		return nil, waited, booked
	}
	done := pipeline.Call{Took: time.Since(began), Waited: waited, Retry: try, Bytes: int64(len(body))}
	var ans *answer
	if err != nil {
		err = c.exchangeFault(u, err)
	} else {
		done.Status = res.StatusCode
		ans, err = c.judge(u, res, body, accept)
	}
	var fault *Error
	if errors.As(err, &fault) {
		done.Err = fault.Message
		if fault.after > 0 {
			// whoever shares the budget would be told the same; nobody is held
			// for longer than a run waits, or one odd header would hang them all
			if err := c.budget.book.pause(time.Now().Add(min(fault.after, maxPatience))); err != nil {
				return nil, waited, err
			}
		}
	}
	c.report(done)
	return ans, waited, err
}

// judge is what an answer is worth.
func (c *caller) judge(u *url.URL, res *http.Response, body []byte, accept func(*answer) error) (*answer, error) {
	ans := &answer{url: u, status: res.StatusCode, header: res.Header, body: body}
	switch {
	case isRedirect(res.StatusCode) && res.Header.Get("Location") != "":
		return ans, nil
	case res.StatusCode < 200 || res.StatusCode > 299:
		return nil, c.statusFault(u, res)
	}
	c.size = len(body) + len(body)/8
	err := accept(ans)
	if err == nil {
		return ans, nil
	}
	var fault *Error
	if errors.As(err, &fault) {
		return nil, fault
	}
	bad := c.fault(u, BadAnswer, fmt.Sprintf("the answer is not what the connector declares: %v", err))
	if kind := res.Header.Get("Content-Type"); strings.Contains(kind, "html") || bytes.HasPrefix(bytes.TrimSpace(body), []byte("<")) {
		bad.Message = fmt.Sprintf("the answer looks like an HTML page (%q), not JSON; check base_url, and that no login page or proxy stands in between", diag.Crop(kind, 60))
	}
	bad.Status, bad.Err, bad.retry = res.StatusCode, err, true
	return nil, bad
}

// exchangeFault is a call without a usable answer.
func (c *caller) exchangeFault(u *url.URL, err error) error {
	var large tooLarge
	if errors.As(err, &large) {
		e := c.fault(u, TooLarge, large.Error())
		if c.d.sizeOption() {
			e.Message += "; set page_size lower"
		}
		return e
	}
	e := c.fault(u, Unavailable, connectionWords(err, u.Host))
	e.Err, e.retry = err, true
	return e
}

// connectionWords says in plain words why there was no answer.
func connectionWords(err error, host string) string {
	var dns *net.DNSError
	var certificate *tls.CertificateVerificationError
	var noTLS tls.RecordHeaderError
	var timeout net.Error
	switch {
	case errors.As(err, &dns) && dns.IsNotFound:
		return fmt.Sprintf("there is no host %s; check base_url and the network", host)
	case errors.As(err, &dns):
		return fmt.Sprintf("the name %s cannot be looked up; is this machine online?", host)
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH):
		return fmt.Sprintf("there is no way to %s; is this machine online?", host)
	case errors.As(err, &certificate):
		return fmt.Sprintf("the certificate of %s is not to be trusted (%v); check base_url; behind a proxy that has its own, set SSL_CERT_FILE to the file with its certificate", host, certificate.Err)
	case errors.As(err, &noTLS):
		return fmt.Sprintf("%s does not speak TLS; should base_url begin with http://, or name another port?", host)
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Sprintf("nothing answers at %s", host)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "the answer was cut off in the middle"
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET):
		return fmt.Sprintf("%s closed the connection without an answer", host)
	case errors.As(err, &timeout) && timeout.Timeout():
		return fmt.Sprintf("no answer from %s in time", host)
	}
	return fmt.Sprintf("no answer: %v", err)
}

func isRedirect(status int) bool {
	return status == 301 || status == 302 || status == 303 || status == 307 || status == 308
}

func sameOrigin(a, b *url.URL) bool {
	return a.Scheme == b.Scheme && strings.EqualFold(a.Host, b.Host) && b.User == nil
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
