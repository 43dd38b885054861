package receive

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"pipeline/pipeline"
	"pipeline/pipeline/serve/engine"
	"pipeline/pipeline/serve/enginetest"
)

const (
	secretPath = "/hooks/acme-3f9c2b7a4e1d8056cafe91b2d3e4f507"
	openPath   = "/hooks/acme"
	testSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
)

// hookOf is a hook with these options; what is wrong with them fails the test.
func hookOf(t testing.TB, options pipeline.Options) Hook {
	t.Helper()
	if options == nil {
		options = pipeline.Options{}
	}
	if options["path"] == nil {
		options["path"] = secretPath
	}
	push, wrong := pipeline.NewPush(options, pipeline.Stream{})
	if len(wrong) > 0 {
		t.Fatal(wrong)
	}
	return Hook{Mapping: "acme", Push: push}
}

// bench is a handler over a store in memory, and what became of its requests.
type bench struct {
	*Handler
	store *enginetest.Memory

	mu   sync.Mutex
	seen []Outcome
}

func newBench(t testing.TB, options pipeline.Options) *bench {
	t.Helper()
	b := &bench{store: enginetest.NewMemory()}
	b.Handler = New(Options{Engine: b.store, Seen: func(o Outcome) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.seen = append(b.seen, o)
	}})
	b.Set([]Hook{hookOf(t, options)})
	return b
}

// post sends a body, with headers as name, value, name, value.
func (b *bench) post(path, body string, headers ...string) *http.Response {
	return b.send(http.MethodPost, path, strings.NewReader(body), headers...)
}

func (b *bench) send(method, path string, body io.Reader, headers ...string) *http.Response {
	r := httptest.NewRequest(method, "http://example.com"+path, body)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	b.ServeHTTP(w, r)
	return w.Result()
}

// stored is what lies in the inbox.
func (b *bench) stored(t testing.TB) []pipeline.Pushed {
	t.Helper()
	var all []pipeline.Pushed
	in := Inbox(b.store, "acme")
	last, err := in.Last(t.Context())
	if err == nil {
		err = in.Read(t.Context(), 0, last, func(m pipeline.Pushed) error { all = append(all, m); return nil })
	}
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func text(t testing.TB, r *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// failing is a store that says err so many times.
func (b *bench) failing(times int, err error) {
	b.store.Fail = func(what string) error {
		if what != "append" || times <= 0 {
			return nil
		}
		times--
		return err
	}
}

func (b *bench) at(now time.Time) { b.now = func() time.Time { return now } }

// nowhere is a store that keeps nothing, to measure what receiving takes.
type nowhere struct{ engine.Engine }

func (nowhere) Append(context.Context, engine.Log, string, engine.Message) (engine.Receipt, error) {
	return engine.Receipt{Seq: 1}, nil
}
