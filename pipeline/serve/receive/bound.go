package receive

// bound.go: what is packed, and how often somebody sends.

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"sync"
	"time"

	"pipeline/pipeline"
)

var errTooLarge = errors.New("the body is too large without its encoding")

// unpack is a body that was sent as gzip: at most max bytes, and at most maxRatio
// of them for each that was sent.
func unpack(sent []byte, max int) ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(sent))
	if err != nil {
		return nil, err
	}
	most := min(max, len(sent)*maxRatio)
	body, err := io.ReadAll(io.LimitReader(z, int64(most)+1))
	if err != nil {
		return nil, err
	}
	if len(body) > most {
		return nil, errTooLarge
	}
	return body, z.Close()
}

// rate lets so many pushes through in a time, evenly, but as many at once as long
// as none came before. It is the generic cell rate algorithm: one time is all that
// it keeps.
type rate struct {
	per  time.Duration // between pushes
	most time.Duration // that they may be ahead of that

	mu  sync.Mutex
	due time.Time // when the next one would come evenly
}

// newRate is a rate; nil lets all through.
func newRate(r pipeline.Rate) *rate {
	if r.Calls == 0 {
		return nil
	}
	return &rate{per: r.Per / time.Duration(r.Calls), most: r.Per}
}

// take counts a push, or says how long it comes too early.
func (r *rate) take(now time.Time) (wait time.Duration) {
	if r == nil {
		return 0
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	due := r.due
	if due.Before(now) {
		due = now
	}
	due = due.Add(r.per)
	if wait := due.Sub(now) - r.most; wait > 0 {
		return wait
	}
	r.due = due
	return 0
}
