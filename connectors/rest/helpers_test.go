package rest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"pipeline/pipeline"
)

// shop is a connector whose paging and more a test says.
const shop = `name: shop
base_url: https://shop.example/api
options:
  event: {doc: id, required: true}
auth: bearer
limit: {rate: 100/min, concurrency: 4}
streams:
  people:
    path: /events/{event}/people
    key: id
`

const (
	shopOffset = shop + "    page: {style: offset, param: offset, size: {param: limit, default: 10, max: 20}}\n"
	shopPage   = shop + "    page: {style: page, param: page, size: {param: per_page, default: 10, max: 20}}\n"
	shopCursor = shop + "    records: data\n    page: {style: cursor, param: after, next: meta.next, size: {param: limit, default: 10, max: 20}}\n"
	shopLink   = shop + "    page: {style: link, size: {param: limit, default: 10, max: 20}}\n"
	shopNext   = shop + "    records: data\n    page: {style: link, next: links.next, total: total, size: {param: limit, default: 10, max: 20}}\n"
	shopTotal  = shop + "    records: data\n    page: {style: offset, param: offset, total: total, size: {param: limit, default: 10, max: 20}}\n"
	shopNone   = shop + "    records: [data]\n"
)

// handled makes calls of a handler, without a network.
type handled struct{ http.Handler }

func (h handled) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	if r.Body == nil {
		r.Body = http.NoBody
	}
	h.ServeHTTP(w, r)
	return w.Result(), r.Context().Err()
}

// answering is a handler that says the same each time.
func answering(status int, body string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// inTurn gives one answer after another, and the last one for ever.
func inTurn(list ...http.HandlerFunc) http.HandlerFunc {
	var mu sync.Mutex
	n := 0
	return func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		h := list[min(n, len(list)-1)]
		n++
		mu.Unlock()
		h(w, r)
	}
}

// world is a world with a token, whose calls go to a handler and are counted.
type world struct {
	pipeline.World
	mu    sync.Mutex
	calls []pipeline.Call
}

func newWorld(rt http.RoundTripper) *world {
	w := &world{}
	w.HTTP = rt
	w.Token = func(string) (pipeline.Token, error) { return pipeline.Token{Value: "t0ken-secret"}, nil }
	w.Calls = func(c pipeline.Call) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.calls = append(w.calls, c)
	}
	return w
}

// made is how many calls were made.
func (w *world) made() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for _, c := range w.calls {
		if c.WaitFor.IsZero() {
			n++
		}
	}
	return n
}

// declare is a connector that must be right.
func declare(t testing.TB, e *Engine, text string) pipeline.SourceConnector {
	t.Helper()
	c, diags := e.Declare("shop.yaml", []byte(text), func(name string) ([]byte, error) {
		return nil, fmt.Errorf("no schema %s", name)
	})
	for _, d := range diags {
		t.Fatalf("%d:%d: %s (%s)", d.Span.Start.Line, d.Span.Start.Column, d.Message, d.Hint)
	}
	return c
}

// open is a source over a world.
func open(t testing.TB, c pipeline.SourceConnector, w *pipeline.World, options pipeline.Options) pipeline.Source {
	t.Helper()
	if options == nil {
		options = pipeline.Options{}
	}
	if options["event"] == nil {
		options["event"] = "7"
	}
	s, err := c.Open(t.Context(), pipeline.SourceConfig{
		Mapping: "m", Connector: c.Name, Options: options, Limit: c.Limit, Connection: "acme-eu", World: w,
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// got is one page as a test compares it.
type got struct {
	Number  int
	Records []string
	Next    pipeline.Position
}

// readAll reads to the end.
func readAll(ctx context.Context, s pipeline.Source, from pipeline.Position) ([]got, error) {
	var pages []got
	err := s.Read(ctx, from, func(p *pipeline.Page) error {
		g := got{Number: p.Number, Next: p.Next}
		for _, r := range p.Records {
			g.Records = append(g.Records, string(r.Text))
		}
		pages = append(pages, g)
		return nil
	})
	return pages, err
}

// failure reads from a handler and returns what went wrong.
func failure(t *testing.T, text string, h http.Handler, options pipeline.Options) (*Error, *world) {
	t.Helper()
	w := newWorld(handled{h})
	_, err := readAll(t.Context(), open(t, declare(t, New(), text), &w.World, options), "")
	var fault *Error
	if !errors.As(err, &fault) {
		t.Fatalf("got %v, expected an *Error", err)
	}
	if strings.Contains(err.Error(), "t0ken") {
		t.Errorf("the token is in the error: %v", err)
	}
	return fault, w
}

// list is records from a up to, not including, b as a JSON list.
func list(a, b int) string {
	var parts []string
	for i := a; i < b; i++ {
		parts = append(parts, fmt.Sprintf(`{"id":%d}`, i))
	}
	return "[" + strings.Join(parts, ",") + "]"
}
