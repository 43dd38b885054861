package webhook

// outbox.go: deliveries that outlive their run. The run puts its requests into an
// outbox, with the id that they will always have, and a courier sends them from
// there, a try at a time.

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"time"

	"pipeline/pipeline"
)

// bring delivers a body that came in a push (0: in none), or puts it into the outbox
// where there is one.
func (w *worker) bring(ctx context.Context, push uint64, body []byte, keys [][]byte) (*pipeline.RefusedRow, error) {
	id := w.signer.id(push, body)
	if w.outbox == nil {
		return w.deliver(ctx, id, body)
	}
	return nil, w.outbox.Put(ctx, pipeline.Request{Sink: w.sink, ID: id, Keys: keys, Body: body})
}

// keysOf are the keys of rows, by which requests keep their order.
func (w *writer) keysOf(b *pipeline.Batch, from, to int) [][]byte {
	if len(w.order.key) == 0 {
		return nil
	}
	keys := make([][]byte, 0, to-from)
	for row := from; row < to; row++ {
		keys = append(keys, b.AppendKey(nil, row, w.order.key))
	}
	return keys
}

// keyOf is the key of a row out of a JSON object of its key columns.
func keyOf(object []byte) []byte {
	key := []byte{'['}
	err := pipeline.Members(object, func(_, value []byte) {
		if len(key) > 1 {
			key = append(key, ',')
		}
		key = append(key, value...)
	})
	if err != nil {
		return object // it was made by the engine, and is one
	}
	return append(key, ']')
}

// courier sends what is in the outbox of one sink.
type courier struct {
	*shared
	workers chan *worker // those that are free
	target  string
}

func newCourier(c pipeline.SinkConfig) (pipeline.Courier, error) {
	w, err := openWriter(c)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte(w.url.String()))
	by := &courier{shared: w.shared, workers: make(chan *worker, len(w.workers)), target: hex.EncodeToString(sum[:8])}
	for _, one := range w.workers {
		by.workers <- one
	}
	return by, nil
}

// Concurrency implements pipeline.Courier.
func (c *courier) Concurrency() int { return cap(c.workers) }

// Target implements pipeline.Courier.
func (c *courier) Target() string { return c.target }

// Try implements pipeline.Courier.
func (c *courier) Try(ctx context.Context, id string, body []byte) pipeline.Try {
	w := <-c.workers
	defer func() { c.workers <- w }()
	began := time.Now()
	t := w.try(ctx, id, body)
	t.Took = time.Since(began)
	return t
}

// try sends a request once and says what its answer means.
func (w *worker) try(ctx context.Context, id string, body []byte) pipeline.Try {
	if err := w.pace.wait(ctx, nil); err != nil {
		return pipeline.Try{Reason: "it was not sent"}
	}
	got, err := w.follow(ctx, id, body)
	if err != nil {
		return pipeline.Try{Reason: w.faultReason(err)}
	}
	t := pipeline.Try{Status: got.status, Reason: answers(got.status), After: pipeline.RetryAfter(got.retryAfter, time.Now())}
	switch {
	case w.success.has(got.status), got.status == http.StatusNotFound && bytes.HasPrefix(body, []byte(deletion)):
		return pipeline.Try{Verdict: pipeline.Delivered, Status: got.status}
	case got.status == http.StatusGone:
		t.Verdict = pipeline.Gone
	case got.status == http.StatusUnauthorized:
		t.Reason += "; check the key or token in the headers of the webhook"
	case got.status >= 300 && got.status < 400:
		t.Reason = w.redirected(got).Error()
	case !again(got.status):
		t.Verdict = pipeline.Refuses
	}
	if t.After > 0 {
		w.pace.pause(time.Now().Add(min(t.After, maxRetryAfter)))
	}
	return t
}

// faultReason is why there was no answer.
func (w *worker) faultReason(err error) string {
	var no *forbidden
	if errors.As(err, &no) {
		return no.Error()
	}
	return faultWords(err, w.params)
}
