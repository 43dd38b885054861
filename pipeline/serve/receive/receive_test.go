package receive

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"pipeline/pipeline"
	"pipeline/pipeline/serve/engine"
	"pipeline/pipeline/serve/enginetest"
)

func TestTaken(t *testing.T) {
	b := newBench(t, nil)
	r := b.post(secretPath, `{"id": 1}`, "Content-Type", "application/json", "Webhook-Id", "msg_1", "X-Forwarded-For", "203.0.113.7")
	if got := text(t, r); r.StatusCode != 202 || got != `{"id":"msg_1","seq":1,"duplicate":false}`+"\n" || r.Header.Get("Content-Type") != "application/json" {
		t.Errorf("got %d %s", r.StatusCode, got)
	}
	r = b.post(secretPath, `{"id": 1, "changed": true}`, "Webhook-Id", "msg_1")
	if got := text(t, r); r.StatusCode != 202 || got != `{"id":"msg_1","seq":1,"duplicate":true}`+"\n" {
		t.Errorf("the second time: %d %s", r.StatusCode, got)
	}
	got := b.stored(t)
	if len(got) != 1 || string(got[0].Body) != `{"id": 1}` || got[0].ContentType != "application/json" || got[0].ID != "msg_1" || time.Since(got[0].Received) > time.Minute {
		t.Errorf("stored: %+v", got)
	}
	_ = b.store.Read(t.Context(), engine.Inbox, "acme", 0, func(m engine.Message) error {
		for name, text := range m.Header {
			if strings.Contains(text, "203.0.113.7") {
				t.Errorf("the header %s holds the sender's address", name)
			}
		}
		return nil
	})
	if b.seen[0].Result != Stored || b.seen[1].Result != Duplicate || b.seen[0].Mapping != "acme" || b.seen[0].Bytes != 9 {
		t.Errorf("seen: %+v", b.seen)
	}
}

// What is refused, before anything is stored.
func TestRefused(t *testing.T) {
	for name, tt := range map[string]struct {
		options      pipeline.Options
		method, path string
		body         string
		headers      []string
		want         string
		result       Result
	}{
		"unknown path":        {path: "/hooks/nobody", want: "404 404 page not found", result: UnknownPath},
		"a path too many":     {path: secretPath + "/", want: "404 404 page not found", result: UnknownPath},
		"half of a secret":    {path: secretPath[:len(secretPath)-1], want: "404 404 page not found", result: UnknownPath},
		"two slashes":         {path: "/" + secretPath, want: "404 404 page not found", result: UnknownPath},
		"a slash escaped":     {path: strings.Replace(secretPath, "/hooks/", "/hooks%2f", 1), want: "404 404 page not found", result: UnknownPath},
		"a letter escaped":    {path: strings.Replace(secretPath, "acme", "%61cme", 1), want: "404 404 page not found", result: UnknownPath},
		"dots":                {path: "/hooks/x/.." + strings.TrimPrefix(secretPath, "/hooks"), want: "404 404 page not found", result: UnknownPath},
		"a NUL":               {path: secretPath + "%00", want: "404 404 page not found", result: UnknownPath},
		"unknown and GET":     {method: "GET", path: "/hooks/nobody", want: "404 404 page not found", result: UnknownPath},
		"GET":                 {method: "GET", want: "405 send it with POST", result: WrongMethod},
		"HEAD":                {method: "HEAD", want: "405 ", result: WrongMethod},
		"too large":           {options: pipeline.Options{"max_bytes": int64(10)}, body: "12345678901", want: "413 the body is too large", result: TooLarge},
		"another encoding":    {headers: []string{"Content-Encoding", "br"}, want: "415 send it as it is, or with Content-Encoding: gzip", result: Encoding},
		"two encodings":       {headers: []string{"Content-Encoding", "gzip, gzip"}, want: "415 send it as it is, or with Content-Encoding: gzip", result: Encoding},
		"no gzip":             {headers: []string{"Content-Encoding", "gzip"}, body: "{}", want: "400 the body is cut off or damaged", result: CutOff},
		"no user":             {options: pipeline.Options{"path": openPath, "basic": "gevme:correct horse"}, path: openPath, want: "401 this sender is not known here", result: Refused},
		"wrong password":      {options: pipeline.Options{"path": openPath, "basic": "gevme:correct horse"}, path: openPath, headers: []string{"Authorization", "Basic Z2V2bWU6d3Jvbmc="}, want: "401 this sender is not known here", result: Refused},
		"no base64":           {options: pipeline.Options{"path": openPath, "basic": "gevme:correct horse"}, path: openPath, headers: []string{"Authorization", "Basic gevme:correct horse"}, want: "401 this sender is not known here", result: Refused},
		"wrong token":         {options: pipeline.Options{"path": openPath, "bearer": "0123456789abcdef"}, path: openPath, headers: []string{"Authorization", "Bearer 0123456789abcdee"}, want: "401 this sender is not known here", result: Refused},
		"another scheme":      {options: pipeline.Options{"path": openPath, "bearer": "0123456789abcdef"}, path: openPath, headers: []string{"Authorization", "Token 0123456789abcdef"}, want: "401 this sender is not known here", result: Refused},
		"no signature":        {options: signedOptions(), path: openPath, want: "401 this sender is not known here", result: Refused},
		"wrong signature":     {options: signedOptions(), path: openPath, headers: []string{"X-Signature", "sha256=00"}, want: "401 this sender is not known here", result: Refused},
		"signature, no hex":   {options: signedOptions(), path: openPath, headers: []string{"X-Signature", "sha256=xyz"}, want: "401 this sender is not known here", result: Refused},
		"too large, unproven": {options: pipeline.Options{"path": openPath, "bearer": "0123456789abcdef", "max_bytes": int64(1)}, path: openPath, body: "12", want: "413 the body is too large", result: TooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, tt.options)
			method, path := tt.method, tt.path
			if method == "" {
				method = "POST"
			}
			if path == "" {
				path = secretPath
			}
			r := b.send(method, path, strings.NewReader(tt.body), tt.headers...)
			if got := fmt.Sprint(r.StatusCode, " ", strings.TrimSuffix(text(t, r), "\n")); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if len(b.stored(t)) > 0 {
				t.Error("something was stored")
			}
			if b.seen[0].Result != tt.result {
				t.Errorf("seen as %s, want %s", b.seen[0].Result, tt.result)
			}
		})
	}
}

func signedOptions() pipeline.Options {
	return pipeline.Options{"path": openPath, "hmac": pipeline.Options{"secret": "0123456789abcdef", "header": "X-Signature", "prefix": "sha256="}}
}

// A path that is nobody's is answered as any address that there is not.
func TestUnknownPathTellsNothing(t *testing.T) {
	b := newBench(t, nil)
	got := b.post(secretPath+"0", "{}")
	w := httptest.NewRecorder()
	http.NotFound(w, httptest.NewRequest(http.MethodPost, "/", nil))
	if diff := cmp.Diff(w.Header(), got.Header); diff != "" || text(t, got) != w.Body.String() {
		t.Errorf("headers (-any, +ours):\n%s", diff)
	}
}

func TestGoodSenders(t *testing.T) {
	for name, tt := range map[string]struct {
		options pipeline.Options
		headers []string
	}{
		"basic":       {pipeline.Options{"basic": "gevme:correct: horse"}, []string{"Authorization", "Basic Z2V2bWU6Y29ycmVjdDogaG9yc2U="}},
		"bearer":      {pipeline.Options{"bearer": "0123456789abcdef"}, []string{"Authorization", "bearer 0123456789abcdef"}},
		"hmac":        {signedOptions(), []string{"X-Signature", ""}},
		"hmac base64": {pipeline.Options{"hmac": pipeline.Options{"secret": "0123456789abcdef", "header": "X-Signature", "algorithm": "sha1", "encoding": "base64"}}, []string{"X-Signature", ""}},
	} {
		t.Run(name, func(t *testing.T) {
			tt.options["path"] = openPath
			b := newBench(t, tt.options)
			if strings.HasPrefix(name, "hmac") {
				tt.headers[1] = signatureOf(tt.options, `{"id": 1}`)
			}
			if r := b.post(openPath, `{"id": 1}`, tt.headers...); r.StatusCode != 202 {
				t.Errorf("got %d %s", r.StatusCode, text(t, r))
			}
			if strings.HasPrefix(name, "hmac") {
				if r := b.post(openPath, `{"id": 2}`, tt.headers...); r.StatusCode != 401 {
					t.Errorf("another body with that signature: %d", r.StatusCode)
				}
				if r := b.post(openPath, `{"id": 1}`, append(tt.headers, "X-Signature", "second")...); r.StatusCode != 401 {
					t.Errorf("two signatures: %d", r.StatusCode)
				}
			}
		})
	}
}

// A mapping that changes takes effect with the next request, whole.
func TestSet(t *testing.T) {
	b := newBench(t, nil)
	other := hookOf(t, pipeline.Options{"path": openPath, "bearer": "0123456789abcdef"})
	other.Mapping = "other"
	b.Set([]Hook{other})
	if r := b.post(secretPath, "{}"); r.StatusCode != 404 {
		t.Errorf("a path that is gone: %d", r.StatusCode)
	}
	if r := b.post(openPath, "{}", "Authorization", "Bearer 0123456789abcdef"); r.StatusCode != 202 {
		t.Errorf("the new one: %d", r.StatusCode)
	}
	if got := b.Mappings(); !reflect.DeepEqual(got, []string{"other"}) {
		t.Errorf("mappings: %v", got)
	}
}

func TestRate(t *testing.T) {
	b := newBench(t, pipeline.Options{"rate": "3/min"})
	now := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	b.at(now)
	send := func() *http.Response { return b.post(secretPath, fmt.Sprint(len(b.seen))) }
	for range 3 {
		if r := send(); r.StatusCode != 202 {
			t.Fatalf("got %d", r.StatusCode)
		}
	}
	r := send()
	if r.StatusCode != 429 || r.Header.Get("Retry-After") != "20" {
		t.Errorf("the fourth: %d, Retry-After %s", r.StatusCode, r.Header.Get("Retry-After"))
	}
	b.Set([]Hook{hookOf(t, pipeline.Options{"rate": "3/min", "content": "json"})})
	if r := send(); r.StatusCode != 429 {
		t.Errorf("after another change of the mapping: %d", r.StatusCode)
	}
	b.at(now.Add(20 * time.Second))
	if r := send(); r.StatusCode != 202 {
		t.Errorf("20 seconds later: %d", r.StatusCode)
	}
	if r := send(); r.StatusCode != 429 {
		t.Errorf("and one more: %d", r.StatusCode)
	}
}

// A stranger does not use up what a sender may send.
func TestRateCountsWhoIsKnown(t *testing.T) {
	b := newBench(t, pipeline.Options{"path": openPath, "bearer": "0123456789abcdef", "rate": "1/h"})
	for range 5 {
		b.post(openPath, "{}", "Authorization", "Bearer guess")
	}
	if r := b.post(openPath, "{}", "Authorization", "Bearer 0123456789abcdef"); r.StatusCode != 202 {
		t.Errorf("got %d", r.StatusCode)
	}
}

// gzipped is a text as gzip has it.
func gzipped(text []byte) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write(text)
	_ = z.Close()
	return b.Bytes()
}

func TestGzip(t *testing.T) {
	b := newBench(t, nil)
	body := []byte(`{"id": 1}`)
	if r := b.send("POST", secretPath, bytes.NewReader(gzipped(body)), "Content-Encoding", "gzip"); r.StatusCode != 202 {
		t.Errorf("got %d %s", r.StatusCode, text(t, r))
	}
	if got := b.stored(t); len(got) != 1 || !bytes.Equal(got[0].Body, body) {
		t.Errorf("stored: %+v", got)
	}
	if r := b.post(secretPath, string(body)); !strings.Contains(text(t, r), `"duplicate":true`) {
		t.Error("the same body without gzip is taken for another one")
	}
	for name, bomb := range map[string][]byte{"too large": gzipped(make([]byte, 2<<20)), "a ratio": gzipped(make([]byte, 900<<10)), "in another": gzipped(gzipped(make([]byte, 64<<20)))} {
		r := b.send("POST", secretPath, bytes.NewReader(bomb), "Content-Encoding", "gzip")
		if name != "in another" && r.StatusCode != 413 {
			t.Errorf("a bomb, %s: %d", name, r.StatusCode)
		}
		if stored := b.stored(t); len(stored[len(stored)-1].Body) > 1<<20 {
			t.Errorf("a bomb, %s: %d bytes were stored", name, len(stored[len(stored)-1].Body))
		}
	}
	if r := b.send("POST", secretPath, bytes.NewReader(gzipped(body)[:20]), "Content-Encoding", "gzip"); r.StatusCode != 400 {
		t.Errorf("cut off: %d", r.StatusCode)
	}
}

// However a body is cut on its way, the same bytes are stored, under the same id.
func TestAnySplitStoresTheSame(t *testing.T) {
	b := newBench(t, nil)
	rapid.Check(t, func(t *rapid.T) {
		body := rapid.SliceOfN(rapid.Byte(), 0, 2000).Draw(t, "body")
		cuts := rapid.SliceOfN(rapid.IntRange(1, 700), 1, 5).Draw(t, "cuts")
		var first string
		for i := range 2 {
			in := io.Reader(bytes.NewReader(body))
			if i == 1 {
				in = &choppy{rest: body, cuts: cuts}
			}
			r := httptest.NewRequest("POST", secretPath, in)
			w := httptest.NewRecorder()
			b.ServeHTTP(w, r)
			if w.Code != 202 {
				t.Fatalf("got %d", w.Code)
			}
			got := strings.Split(w.Body.String(), ",")[0]
			if first != "" && got != first {
				t.Fatalf("in pieces it is %s, whole %s", got, first)
			}
			first = got
		}
		var last []byte
		_ = b.store.Read(context.Background(), engine.Inbox, "acme", 0, func(m engine.Message) error {
			if strings.Contains(first, m.ID) {
				last = m.Body
			}
			return nil
		})
		if !bytes.Equal(last, body) {
			t.Fatalf("stored %q, sent %q", last, body)
		}
	})
}

// choppy gives a text in pieces of these sizes, again and again.
type choppy struct {
	rest []byte
	cuts []int
	n    int
}

func (c *choppy) Read(p []byte) (int, error) {
	if len(c.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(p, c.rest[:min(c.cuts[c.n%len(c.cuts)], len(c.rest))])
	c.n++
	c.rest = c.rest[n:]
	return n, nil
}

// The store is tried for twelve seconds with the same id, and nothing is said to
// be taken without a receipt.
func TestStoreThatFails(t *testing.T) {
	for name, tt := range map[string]struct {
		times  int
		err    error
		status int
		tries  int
		took   time.Duration
	}{
		"once":      {1, errors.New("no leader"), 202, 2, 500 * time.Millisecond},
		"for long":  {20, errors.New("no leader"), 202, 21, 10 * time.Second},
		"for good":  {1000, errors.New("no leader"), 503, 24, 11500 * time.Millisecond},
		"full":      {1000, engine.ErrFull, 503, 1, 0},
		"too large": {1000, engine.ErrTooLarge, 413, 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, nil)
				b.failing(tt.times, tt.err)
				r := b.post(secretPath, `{"id": 1}`)
				got := b.seen[0]
				if r.StatusCode != tt.status || got.Tries != tt.tries || got.Took != tt.took {
					t.Errorf("got %d after %d tries and %v; want %d, %d, %v", r.StatusCode, got.Tries, got.Took, tt.status, tt.tries, tt.took)
				}
				if stored := len(b.stored(t)); stored != map[bool]int{true: 1}[tt.status == 202] {
					t.Errorf("%d are stored", stored)
				}
				if tt.status == 503 && r.Header.Get("Retry-After") != "5" {
					t.Errorf("Retry-After is %q", r.Header.Get("Retry-After"))
				}
			})
		})
	}
}

// hanging is a store that stores, and does not say so.
type hanging struct {
	engine.Engine
	times int
}

func (h *hanging) Append(ctx context.Context, log engine.Log, topic string, m engine.Message) (engine.Receipt, error) {
	receipt, err := h.Engine.Append(ctx, log, topic, m)
	if h.times--; h.times >= 0 {
		<-ctx.Done()
		return engine.Receipt{}, ctx.Err()
	}
	return receipt, err
}

// A store that answers too late has the push all the same: the next try is told
// so, and nothing is stored twice.
func TestStoreThatAnswersTooLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		b.engine = &hanging{b.store, 1}
		r := b.post(secretPath, `{"id": 1}`)
		if r.StatusCode != 202 || len(b.stored(t)) != 1 || b.seen[0].Tries != 2 || b.seen[0].Took != 4500*time.Millisecond {
			t.Errorf("got %d, %+v", r.StatusCode, b.seen)
		}
	})
}

func TestAtOnce(t *testing.T) {
	b := newBench(t, nil)
	b.slots = make(chan struct{}, 1)
	in, out := io.Pipe()
	var first sync.WaitGroup
	first.Go(func() {
		if r := b.send("POST", secretPath, in); r.StatusCode != 202 {
			t.Errorf("the first: %d", r.StatusCode)
		}
	})
	_, _ = out.Write([]byte("{")) // now it is being read
	r := b.post(secretPath, "{}")
	if r.StatusCode != 503 || r.Header.Get("Retry-After") != "1" {
		t.Errorf("the second at once: %d", r.StatusCode)
	}
	_, _ = out.Write([]byte("}"))
	_ = out.Close()
	first.Wait()
	if r := b.post(secretPath, "{}"); r.StatusCode != 202 {
		t.Errorf("after it: %d", r.StatusCode)
	}
}

// Before the hooks are known nobody is told that there is none: a sender would not
// send again.
func TestStarting(t *testing.T) {
	b := &bench{store: enginetest.NewMemory()}
	b.Handler = New(Options{Engine: b.store})
	if r := b.post(secretPath, "{}"); r.StatusCode != 503 || r.Header.Get("Retry-After") != "5" {
		t.Errorf("got %d, %v", r.StatusCode, r.Header)
	}
	b.Set(nil)
	if r := b.post(secretPath, "{}"); r.StatusCode != 404 {
		t.Errorf("with hooks, and none of that path: %d", r.StatusCode)
	}
}

func TestDrain(t *testing.T) {
	b := newBench(t, nil)
	in, out := io.Pipe()
	var first sync.WaitGroup
	first.Go(func() {
		if r := b.send("POST", secretPath, in); r.StatusCode != 202 {
			t.Errorf("what had begun: %d", r.StatusCode)
		}
	})
	_, _ = out.Write([]byte("{"))
	b.Drain()
	if r := b.post(secretPath, "{}"); r.StatusCode != 503 || r.Header.Get("Connection") != "close" || r.Header.Get("Retry-After") != "5" {
		t.Errorf("got %d, %v", r.StatusCode, r.Header)
	}
	_, _ = out.Write([]byte("}"))
	_ = out.Close()
	first.Wait()
	if r := b.post("/hooks/nobody", "{}"); r.StatusCode != 404 {
		t.Errorf("nobody's path: %d", r.StatusCode)
	}
}

// served is a server that has the handler.
func served(t *testing.T, b *bench) string {
	t.Helper()
	s := httptest.NewServer(b.Handler)
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// raw sends bytes, and returns all that comes back until the connection ends.
func raw(t *testing.T, address string, sent io.Reader) string {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	go func() { _, _ = io.Copy(c, sent) }()
	got, _ := io.ReadAll(c) // a server that closes with bytes unread resets
	return string(got)
}

// forever is a body without an end.
type forever struct{ sent atomic.Int64 }

func (f *forever) Read(p []byte) (int, error) {
	f.sent.Add(int64(len(p)))
	return len(p), nil
}

func TestOverTheWire(t *testing.T) {
	b := newBench(t, nil)
	address := served(t, b)
	head := "POST " + secretPath + " HTTP/1.1\r\nHost: x\r\n"
	for name, tt := range map[string]struct{ sent, want string }{
		"in chunks":          {head + "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n3\r\n{\"a\r\n5\r\n\": 1}\r\n0\r\n\r\n", "HTTP/1.1 202"},
		"a length that lies": {head + "Content-Length: 3\r\nContent-Length: 5\r\nConnection: close\r\n\r\n{}   ", "HTTP/1.1 400"},
		"2 GB announced":     {head + "Content-Length: 2147483648\r\n\r\n", "HTTP/1.1 413"},
		"2 GB and 100":       {head + "Content-Length: 2147483648\r\nExpect: 100-continue\r\n\r\n", "HTTP/1.1 413"},
		"a NUL in a header":  {head + "X-A: \x00\r\n\r\n", "HTTP/1.1 400"},
	} {
		if got := raw(t, address, strings.NewReader(tt.sent)); !strings.HasPrefix(got, tt.want) {
			t.Errorf("%s: %.80q, want %s", name, got, tt.want)
		}
	}
	got := raw(t, address, strings.NewReader(head+"Content-Length: 2\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n{}"))
	if !strings.HasPrefix(got, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 202") {
		t.Errorf("100-continue: %q", got)
	}
	endless := &forever{}
	if got := raw(t, address, io.MultiReader(strings.NewReader(head+"Transfer-Encoding: chunked\r\n\r\n40000000\r\n"), endless)); got != "" && !strings.HasPrefix(got, "HTTP/1.1 413") || endless.sent.Load() > 64<<20 {
		t.Errorf("a body without end: %.80q after %d bytes", got, endless.sent.Load())
	}
	if stored := b.stored(t); len(stored) != 2 || string(stored[0].Body)+string(stored[1].Body) != `{"a": 1}{}` && string(stored[1].Body)+string(stored[0].Body) != `{"a": 1}{}` {
		t.Errorf("stored: %v", stored)
	}
}

// A sender that goes away in the middle has sent nothing.
func TestSenderGoesAway(t *testing.T) {
	b := newBench(t, nil)
	done := make(chan Outcome, 1)
	b.Handler.seen = func(o Outcome) { done <- o }
	c, err := net.Dial("tcp", served(t, b))
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{\"half\":", secretPath)
	_ = c.Close()
	if got := <-done; got.Result != CutOff || len(b.stored(t)) != 0 {
		t.Errorf("seen: %+v", got)
	}
}

// slowWriter is for a body that comes as fast as its deadline allows, and no faster.
type slowWriter struct {
	http.ResponseWriter
	deadline time.Time
}

func (w *slowWriter) SetReadDeadline(t time.Time) error {
	if !t.IsZero() {
		w.deadline = t
	}
	return nil
}

type slowBody struct{ w *slowWriter }

func (s slowBody) Read([]byte) (int, error) {
	time.Sleep(time.Until(s.w.deadline))
	return 0, &net.OpError{Op: "read", Err: timeoutError{}}
}

type timeoutError struct{}

func (timeoutError) Error() string   { return "i/o timeout" }
func (timeoutError) Timeout() bool   { return true }
func (timeoutError) Temporary() bool { return true }

func TestSlowSender(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		rec := httptest.NewRecorder()
		w := &slowWriter{ResponseWriter: rec}
		b.ServeHTTP(w, httptest.NewRequest("POST", secretPath, slowBody{w}))
		if got := b.seen[0]; rec.Code != 408 || got.Result != TooSlow || got.Took != 10*time.Second || rec.Header().Get("Connection") != "close" {
			t.Errorf("got %d, %+v", rec.Code, got)
		}
	})
}
