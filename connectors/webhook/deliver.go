package webhook

// deliver.go: one request and its repetitions.

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"pipeline/pipeline"
)

// The bounds of one delivery.
const (
	maxRetryAfter = 5 * time.Minute
	retryFor      = 5 * time.Minute // from the first try to the beginning of the last
	maxRedirects  = 5
	maxAnswer     = 2 << 10  // bytes of an answer that are kept for a reject
	maxDrain      = 64 << 10 // bytes of an answer that are read so that the connection can be used again
)

// answer is what a receiver said.
type answer struct {
	status     int
	text       []byte // cropped, and good until the next one
	retryAfter string
	location   string
}

// worker sends one request at a time. It belongs to one goroutine.
type worker struct {
	*shared
	http   http.RoundTripper
	failed <-chan struct{} // closed: nothing more is to be sent
	signer *signer
	limit  timeLimit
	head   http.Header     // of the last request; nil: there was none
	answer [maxAnswer]byte // what is read of an answer
}

// end closes the connection.
func (w *worker) end() {
	w.limit.end()
	(&http.Client{Transport: w.http}).CloseIdleConnections()
}

// errFailed is a request that was not sent, for another one ended the run.
var errFailed = errors.New("not sent, for a request before it failed")

// Delete tells the receiver that a row is gone; key is a JSON object. A
// receiver that knows no such row has what it should.
func (w *writer) Delete(ctx context.Context, key []byte) error {
	body := append(append([]byte(deletion), key...), '}')
	refusal, err := w.workers[0].bring(ctx, 0, body, [][]byte{keyOf(key)})
	switch {
	case err != nil:
		return err
	case refusal != nil && refusal.Reason != unknownRow:
		return fmt.Errorf("deliver a deletion to %s: %s", w.name, refusal.Reason)
	}
	return nil
}

// deletion is how the body of a deletion begins.
const deletion = `{"type":"delete","key":`

// unknownRow is the reason of a receiver that knows no such row.
var unknownRow = answers(http.StatusNotFound)

func answers(status int) string { return "the receiver answers " + statusWords(status) }

// deliver sends body until the receiver takes it or refuses it for good. When
// another request has failed it sends no more, and when ctx is done it also lets go
// of what it has sent. An error ends the run.
func (w *worker) deliver(ctx context.Context, id string, body []byte) (refusal *pipeline.RefusedRow, err error) {
	began := time.Now()
	for try := 0; ; try++ {
		if err := w.pace.wait(ctx, w.failed); err != nil {
			return nil, err
		}
		got, err := w.follow(ctx, id, body)
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case err != nil && !retryable(err):
			return nil, w.fault(err)
		case err == nil && w.success.has(got.status):
			return nil, nil
		case err == nil && !again(got.status):
			return w.judge(got)
		}
		wait := pipeline.Backoff(try)
		if err == nil {
			if asked := pipeline.RetryAfter(got.retryAfter, time.Now()); asked > 0 {
				wait = min(asked, maxRetryAfter)
				w.pace.pause(time.Now().Add(wait))
			}
		}
		if time.Since(began)+wait > retryFor {
			return nil, w.gaveUp(got, err, try+1, time.Since(began))
		}
		w.say(got, err, wait)
		if err := sleep(ctx, w.failed, wait); err != nil {
			return nil, err
		}
	}
}

// again reports whether a status means that the same request may be taken later.
func again(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return true
	}
	return status >= 500
}

// judge says what an answer means that is no success and will stay that way.
func (w *worker) judge(got answer) (*pipeline.RefusedRow, error) {
	switch {
	case got.status == http.StatusUnauthorized:
		return nil, fmt.Errorf("deliver to %s: the receiver answers 401 Unauthorized; check the key or token in the headers of the webhook", w.name)
	case got.status == http.StatusGone:
		return nil, fmt.Errorf("deliver to %s: the receiver says 410 Gone: it wants no more deliveries", w.name)
	case got.status >= 300 && got.status < 400:
		return nil, w.redirected(got)
	}
	return &pipeline.RefusedRow{
		Reason: answers(got.status),
		Answer: w.redact(strings.ToValidUTF8(string(got.text), "\uFFFD")),
	}, nil
}

// redact takes out of an answer what the request brought of secrets: a receiver
// may echo it.
func (w *worker) redact(text string) string {
	secrets := slices.Collect(maps.Values(w.headers))
	for _, values := range w.url.Query() {
		secrets = append(secrets, values...)
	}
	for _, secret := range secrets {
		for _, part := range append(strings.Fields(secret), secret) { // "Bearer" and what is behind it
			if len(part) >= minSecret {
				text = strings.ReplaceAll(text, part, "***")
			}
		}
	}
	return text
}

// minSecret is the length from which a text is taken for a secret.
const minSecret = 8

func (w *worker) redirected(got answer) error {
	to := linkFrom(w.url, got.location)
	if to == nil {
		return fmt.Errorf("deliver to %s: the receiver answers %d, without saying where to", w.name, got.status)
	}
	where := to.Scheme + "://" + to.Host
	if sameOrigin(to, w.url) {
		where = nameOf(to)
	}
	return fmt.Errorf("deliver to %s: the receiver answers %d and points to %s; put that into url where it is meant", w.name, got.status, where)
}

func (w *worker) fault(err error) error {
	var no *forbidden
	if errors.As(err, &no) {
		return fmt.Errorf("deliver to %s: %w", w.name, no)
	}
	return fmt.Errorf("deliver to %s: %s", w.name, faultWords(err, w.params))
}

// quiet is the least time between two lines about a receiver that does not take
// what it is given.
const quiet = 15 * time.Second

// say tells the user, now and then, that deliveries are tried again.
func (w *worker) say(got answer, err error, wait time.Duration) {
	if w.notice == nil || !w.pace.due(time.Now(), quiet) {
		return
	}
	last := "it answers " + statusWords(got.status)
	if err != nil {
		last = faultWords(err, w.params)
	}
	w.notice(fmt.Sprintf("deliver to %s: %s; trying again in %v", w.name, last, wait.Round(100*time.Millisecond)))
}

func (w *worker) gaveUp(got answer, err error, tries int, after time.Duration) error {
	last := statusWords(got.status)
	if err != nil {
		last = faultWords(err, w.params)
	}
	return fmt.Errorf("deliver to %s: given up after %d tries in %v: %s", w.name, tries, after.Round(time.Second), last)
}

// statusWords is a status with its name, where it has one.
func statusWords(status int) string {
	return strings.TrimSpace(strconv.Itoa(status) + " " + http.StatusText(status))
}

// follow sends one request, and again to where the receiver points within its
// own origin, if by a status that keeps method and body.
func (w *worker) follow(ctx context.Context, id string, body []byte) (answer, error) {
	to := w.url
	for redirects := 0; ; redirects++ {
		if redirects > 0 {
			if err := w.pace.wait(ctx, nil); err != nil { // it counts as a request of its own
				return answer{}, err
			}
		}
		got, err := w.send(ctx, to, id, body)
		if err != nil || got.status != http.StatusTemporaryRedirect && got.status != http.StatusPermanentRedirect || redirects == maxRedirects {
			return got, err
		}
		next := linkFrom(to, got.location)
		if next == nil || !sameOrigin(next, w.url) {
			return got, nil // its status says what is wrong
		}
		to = next
	}
}

// linkFrom is where an answer points to; nil where that says nothing.
func linkFrom(from *url.URL, location string) *url.URL {
	to, err := from.Parse(location)
	if err != nil || location == "" {
		return nil
	}
	return to
}

func sameOrigin(a, b *url.URL) bool {
	return a.Scheme == b.Scheme && strings.EqualFold(a.Host, b.Host) && a.User == nil
}

// send is one request.
func (w *worker) send(ctx context.Context, to *url.URL, id string, body []byte) (_ answer, err error) {
	ctx = w.limit.begin(ctx, w.timeout)
	defer func() {
		if w.limit.over() && err != nil {
			err = errSilent // rather than what it did to the connection
		}
	}()
	response, err := w.http.RoundTrip(w.request(ctx, to, id, body))
	if errors.Is(err, errStale) {
		response, err = w.http.RoundTrip(w.request(ctx, to, id, body))
	}
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = response.Body.Close() }() // what matters of it was read
	got := answer{status: response.StatusCode, retryAfter: response.Header.Get("Retry-After"), location: response.Header.Get("Location")}
	n, cut := io.ReadFull(response.Body, w.answer[:])
	got.text = w.answer[:n] // an answer that breaks off is kept as far as it came
	if cut == nil {
		_, _ = io.CopyN(io.Discard, response.Body, maxDrain) // only for the sake of the connection
	}
	return got, nil
}

func (w *worker) request(ctx context.Context, to *url.URL, id string, body []byte) *http.Request {
	return (&http.Request{
		Method: http.MethodPost, URL: to, Host: to.Host, Header: w.header(id, body),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		ContentLength: int64(len(body)),
		Body:          io.NopCloser(bytes.NewReader(body)), // a kind that net/http knows, and sends together with the headers
	}).WithContext(ctx)
}

const idempotencyKey = "Idempotency-Key"

// header is that of the next request, in the place of the last one.
func (w *worker) header(id string, body []byte) http.Header {
	if w.head == nil {
		w.head = maps.Clone(w.fixed)
	}
	h := w.head
	h[idempotencyKey] = []string{id}
	if w.signer.mac != nil {
		timestamp, signature := w.signer.sign(id, time.Now(), body)
		h["Webhook-Id"], h["Webhook-Timestamp"], h["Webhook-Signature"] = []string{id}, []string{timestamp}, []string{signature}
	}
	return h
}
