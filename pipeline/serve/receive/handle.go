package receive

// handle.go: a request, from its path to its answer.

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"pipeline/pipeline/serve/engine"
)

// answer is what a sender is told.
type answer struct {
	status int
	result Result
	body   string
	wait   string // Retry-After
	close  bool   // the connection is of no use any more
}

// The answers there are. That a request was refused does not say why: it would
// tell how near somebody came who tries.
var (
	notFound    = answer{status: http.StatusNotFound, result: UnknownPath, body: "404 page not found\n"}
	wrongMethod = answer{status: http.StatusMethodNotAllowed, result: WrongMethod, body: "send it with POST\n"}
	refused     = answer{status: http.StatusUnauthorized, result: Refused, body: "this sender is not known here\n"}
	tooLarge    = answer{status: http.StatusRequestEntityTooLarge, result: TooLarge, body: "the body is too large\n", close: true}
	tooSlow     = answer{status: http.StatusRequestTimeout, result: TooSlow, body: "the body took too long\n", close: true}
	cutOff      = answer{status: http.StatusBadRequest, result: CutOff, body: "the body is cut off or damaged\n", close: true}
	encoding    = answer{status: http.StatusUnsupportedMediaType, result: Encoding, body: "send it as it is, or with Content-Encoding: gzip\n", close: true}
	busy        = answer{status: http.StatusServiceUnavailable, result: Busy, body: "too many requests at once\n", wait: "1", close: true}
	starting    = answer{status: http.StatusServiceUnavailable, result: Starting, body: "this process is about to begin\n", wait: retryAfter, close: true}
	draining    = answer{status: http.StatusServiceUnavailable, result: Draining, body: "this process is about to end\n", wait: retryAfter, close: true}
	notStored   = answer{status: http.StatusServiceUnavailable, result: NotStored, body: "it could not be stored\n", wait: retryAfter}
)

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began := h.now()
	// Also what is refused unread has a body that the server reads over. A writer
	// without deadlines has no slow senders: it is a test's.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTime))
	out := Outcome{}
	a := h.answer(w, r, &out)
	out.Status, out.Result, out.Took = a.status, a.result, h.now().Sub(began)
	a.write(w, r)
	h.seen(out)
}

// answer looks at a request, in the order in which it costs least to refuse one.
func (h *Handler) answer(w http.ResponseWriter, r *http.Request, out *Outcome) answer {
	hooks := h.all()
	if hooks == nil {
		return starting
	}
	k := hooks[sha256.Sum256([]byte(r.URL.EscapedPath()))]
	if k == nil {
		return notFound
	}
	out.Mapping = k.Mapping
	switch {
	case h.draining.Load():
		return draining
	case r.Method != http.MethodPost:
		return wrongMethod
	case r.ContentLength > int64(k.Push.MaxBytes):
		return tooLarge
	case !named(k.Push.Auth, r.Header):
		return refused
	}
	select {
	case h.slots <- struct{}{}:
		defer func() { <-h.slots }()
	default:
		return busy
	}
	sent, body, failed := h.read(w, r, k)
	if failed != nil {
		return *failed
	}
	out.Bytes = len(body)
	if !signed(k.Push.Auth, r.Header, sent, h.now()) {
		return refused
	}
	// Behind the proof, so that nobody else can use a sender's rate up.
	if wait := k.rate.take(h.now()); wait > 0 {
		return answer{status: http.StatusTooManyRequests, result: TooMany, body: "too many pushes\n", wait: strconv.Itoa(int((wait + time.Second - 1) / time.Second))}
	}
	return h.store(r, k, body, out)
}

// read is the body as it was sent, and without its encoding.
func (h *Handler) read(w http.ResponseWriter, r *http.Request, k *hook) (sent, body []byte, failed *answer) {
	packed := false
	switch strings.ToLower(strings.TrimSpace(strings.Join(r.Header.Values("Content-Encoding"), ","))) {
	case "", "identity":
	case "gzip":
		packed = true
	default:
		return nil, nil, &encoding
	}
	sent, err := io.ReadAll(http.MaxBytesReader(w, r.Body, int64(k.Push.MaxBytes)))
	if err == nil && packed {
		body, err = unpack(sent, k.Push.MaxBytes)
	} else {
		body = sent
	}
	var large *http.MaxBytesError
	var timeout interface{ Timeout() bool }
	switch {
	case err == nil:
		_ = http.NewResponseController(w).SetReadDeadline(time.Time{}) // storing may take longer
		return sent, body, nil
	case errors.As(err, &large), errors.Is(err, errTooLarge):
		return nil, nil, &tooLarge
	case errors.As(err, &timeout) && timeout.Timeout():
		return nil, nil, &tooSlow
	}
	return nil, nil, &cutOff
}

// store keeps a body, and answers only then. The sender may be gone by now: what
// came whole is stored all the same, and is a duplicate where it is sent again.
func (h *Handler) store(r *http.Request, k *hook, body []byte, out *Outcome) answer {
	m := message(r, k, body, h.now())
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), storeTime)
	defer cancel()
	for {
		out.Tries++
		try, done := context.WithTimeout(ctx, tryTime)
		receipt, err := h.engine.Append(try, engine.Inbox, k.Mapping, m)
		done()
		if err == nil {
			out.Received = receipt
			return taken(m.ID, receipt)
		}
		out.Problem = err.Error()
		if errors.Is(err, engine.ErrTooLarge) {
			return tooLarge
		}
		if errors.Is(err, engine.ErrFull) || !pause(ctx, tryPause) {
			return notStored
		}
	}
}

// pause waits, and reports whether there is time for another try.
func pause(ctx context.Context, d time.Duration) bool {
	if end, ok := ctx.Deadline(); ok && time.Until(end) <= d {
		return false
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// taken is the answer to what is stored.
func taken(id string, receipt engine.Receipt) answer {
	text, err := json.Marshal(struct {
		ID        string `json:"id"`
		Seq       uint64 `json:"seq"`
		Duplicate bool   `json:"duplicate"`
	}{id, receipt.Seq, receipt.Duplicate})
	if err != nil {
		panic(err) // texts and numbers
	}
	a := answer{status: http.StatusAccepted, result: Stored, body: string(text) + "\n"}
	if receipt.Duplicate {
		a.result = Duplicate
	}
	return a
}

func (a answer) write(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Content-Type", "text/plain; charset=utf-8")
	header.Set("X-Content-Type-Options", "nosniff")
	if a.status == http.StatusAccepted {
		header.Set("Content-Type", "application/json")
	}
	if a.status == http.StatusMethodNotAllowed {
		header.Set("Allow", http.MethodPost)
	}
	if a.wait != "" {
		header.Set("Retry-After", a.wait)
	}
	if a.close {
		header.Set("Connection", "close")
	}
	w.WriteHeader(a.status)
	if r.Method != http.MethodHead {
		_, _ = io.WriteString(w, a.body) // a sender that is gone needs no answer
	}
}

// The headers of a stored push.
const (
	HeaderContentType = "content-type"
	HeaderReceived    = "received-at"
	headerID          = "webhook-id"
	headerTimestamp   = "webhook-timestamp"
)

// message is a push as it is stored. Where it came from is not kept: it may be a
// person's.
func message(r *http.Request, k *hook, body []byte, now time.Time) engine.Message {
	m := engine.Message{ID: identify(r, k, body), Body: body, Header: map[string]string{HeaderReceived: now.UTC().Format(time.RFC3339Nano)}}
	for name, header := range map[string]string{HeaderContentType: "Content-Type", headerID: "Webhook-Id", headerTimestamp: "Webhook-Timestamp"} {
		if text := r.Header.Get(header); text != "" && len(text) <= maxID && isPlain(text) {
			m.Header[name] = text
		}
	}
	return m
}

// identify is what tells the push from others: what the mapping says, the header
// webhook-id, or the whole body.
func identify(r *http.Request, k *hook, body []byte) string {
	contentType := r.Header.Get("Content-Type")
	switch id := k.Push.ID; {
	case id == nil:
		if text := r.Header.Get("Webhook-Id"); text != "" {
			return short(text)
		}
	case id.Header != "":
		if text := r.Header.Get(id.Header); text != "" {
			return short(text)
		}
	default:
		if text, ok := id.Of(contentType, body, k.Push.Content); ok {
			return "id:" + hash(k.Mapping, []byte(text))
		}
	}
	return "sha256:" + hash(k.Mapping, body)
}

// short is an id that a sender names, or a hash of one that cannot be stored.
func short(text string) string {
	if len(text) <= maxID && isPlain(text) && !strings.Contains(text, " ") {
		return text
	}
	return "sha256:" + hash("", []byte(text))
}

// isPlain reports whether a text has nothing but characters that can be seen.
func isPlain(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' })
}

// hash is a hash of a mapping's name and a text.
func hash(mapping string, text []byte) string {
	sum := sha256.New()
	sum.Write([]byte(mapping))
	sum.Write([]byte{0})
	sum.Write(text)
	return hex.EncodeToString(sum.Sum(nil))
}
