package webhook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"pipeline/pipeline"
	"pipeline/pipeline/value"
)

// request is one request as a receiver saw it.
type request struct {
	at     time.Time
	path   string
	header http.Header
	body   string
}

// receiver answers in the process, without a network, so that synctest has the
// clock. It keeps what it got.
type receiver struct {
	answer func(n int, r request) *http.Response // n counts from 1
	fail   func(n int) error                     // may be nil
	took   func(n int) time.Duration             // may be nil

	mu       sync.Mutex
	got      []request
	inFlight int
	most     int
}

func (s *receiver) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	if r.ContentLength != int64(len(body)) {
		return nil, fmt.Errorf("%d bytes are announced, %d sent", r.ContentLength, len(body))
	}
	if err := r.Body.Close(); err != nil {
		return nil, err
	}
	got := request{at: time.Now(), path: r.URL.Path, header: r.Header.Clone(), body: string(body)}
	s.mu.Lock()
	s.got = append(s.got, got)
	n := len(s.got)
	s.inFlight++
	s.most = max(s.most, s.inFlight)
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.inFlight--
		s.mu.Unlock()
	}()
	if s.took != nil {
		select {
		case <-time.After(s.took(n)):
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
	if s.fail != nil {
		if err := s.fail(n); err != nil {
			return nil, err
		}
	}
	if s.answer == nil {
		return answered(200, ""), nil
	}
	return s.answer(n, got), nil
}

// answered is an answer with some headers, name and value in turn.
func answered(status int, body string, header ...string) *http.Response {
	r := httptest.NewRecorder()
	for i := 0; i < len(header); i += 2 {
		r.Header().Set(header[i], header[i+1])
	}
	r.WriteHeader(status)
	r.Body = bytes.NewBufferString(body)
	return r.Result()
}

const address = "https://hooks.example.com/v1/people?token=canary-query"

// sink opens a writer with options over the least that is needed.
func sink(t testing.TB, rt http.RoundTripper, options pipeline.Options, key ...int) pipeline.Writer {
	t.Helper()
	all := pipeline.Options{"url": address}
	maps.Copy(all, options)
	if errs := Connector().Check(all); len(errs) > 0 {
		t.Fatal(errs)
	}
	w, err := Connector().Open(context.Background(), pipeline.SinkConfig{Mapping: "acme", Options: all, Columns: people, Key: key, World: &pipeline.World{HTTP: rt}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Abort(); err != nil {
			t.Error(err)
		}
	})
	return w
}

var people = []pipeline.Column{{Name: "id", Type: value.Type{Kind: value.Integer}}, {Name: "name \"x\"", Nullable: true}}

// rows are people by name, with ids from 1.
func rows(names ...string) *pipeline.Batch {
	b := &pipeline.Batch{Columns: people}
	for i, n := range names {
		b.Append([]value.Value{value.Int(int64(i + 1)), value.Text(n)})
	}
	return b
}

func numbered(n int) *pipeline.Batch {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprint("person ", i+1)
	}
	return rows(names...)
}

func refusedRows(t testing.TB, err error) []pipeline.RefusedRow {
	t.Helper()
	var refused *pipeline.Refused
	if !errors.As(err, &refused) {
		t.Fatalf("no row was refused: %v", err)
	}
	return refused.Rows
}
