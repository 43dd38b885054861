package webhook

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pipeline/pipeline"
)

// kept is an outbox in memory.
type kept struct {
	mu   sync.Mutex
	all  []pipeline.Request
	fail error
	most int // bytes of a body; 0: any
}

func (k *kept) Fits(r pipeline.Request) bool { return k.most == 0 || len(r.Body) <= k.most }

func (k *kept) Put(_ context.Context, r pipeline.Request) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.all = append(k.all, r)
	return k.fail
}

func config(rt http.RoundTripper, outbox pipeline.Outbox, options pipeline.Options) pipeline.SinkConfig {
	all := pipeline.Options{"url": address}
	for name, v := range options {
		all[name] = v
	}
	return pipeline.SinkConfig{Mapping: "acme", Name: "webhook", Options: all, Columns: people, Key: []int{0}, World: &pipeline.World{HTTP: rt, Outbox: outbox}}
}

// What goes through the outbox is what would have been sent, with the same ids.
func TestOutboxTakesWhatWouldBeSent(t *testing.T) {
	direct, out := &receiver{}, &kept{}
	for _, c := range []pipeline.SinkConfig{config(direct, nil, pipeline.Options{"batch": int64(2)}), config(nil, out, pipeline.Options{"batch": int64(2)})} {
		w, err := Connector().Open(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		err = errors.Join(w.Write(t.Context(), rows("Ada", "Bo", "Cy")), w.(pipeline.Deleter).Delete(t.Context(), []byte(`{"id":7}`)), w.Flush(t.Context()), w.Commit(t.Context()))
		if err != nil {
			t.Fatal(err)
		}
	}
	type sent struct{ id, body string }
	var want, got []sent
	for _, r := range direct.got {
		want = append(want, sent{r.header.Get("Idempotency-Key"), r.body})
	}
	for _, r := range out.all {
		got = append(got, sent{r.ID, string(r.Body)})
		if r.Sink != "webhook" {
			t.Errorf("the request is for the sink %q", r.Sink)
		}
	}
	byBody := func(a, b sent) int { return len(a.body) - len(b.body) }
	slices.SortFunc(want, byBody)
	slices.SortFunc(got, byBody)
	if !slices.Equal(got, want) || len(got) != 3 {
		t.Errorf("kept %q\nexpected %q", got, want)
	}
	keys := map[string]bool{}
	for _, r := range out.all {
		for _, key := range r.Keys {
			keys[string(key)] = true
		}
	}
	if len(keys) != 4 || !keys["[1]"] || !keys["[3]"] || !keys["[7]"] {
		t.Errorf("the keys are %v, expected [1], [2], [3] and, of the deletion, [7]", keys)
	}
}

func TestOutboxThatFailsEndsTheRun(t *testing.T) {
	w, err := Connector().Open(t.Context(), config(nil, &kept{fail: errors.New("the store is full")}, nil))
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(t.Context(), rows("Ada")); err == nil || err.Error() != "the store is full" {
		t.Errorf("Write returns %v", err)
	}
	if err := w.Abort(); err != nil {
		t.Fatal(err)
	}
}

func TestTries(t *testing.T) {
	const gone = `{"type":"delete","key":{"id":1}}`
	for _, test := range []struct {
		name   string
		answer *http.Response
		err    error
		body   string
		want   pipeline.Try
	}{
		{"taken", answered(204, ""), nil, "{}", pipeline.Try{Verdict: pipeline.Delivered, Status: 204}},
		{"down", answered(503, "", "Retry-After", "60"), nil, "{}", pipeline.Try{Verdict: pipeline.TryLater, Status: 503, After: time.Minute, Reason: "the receiver answers 503 Service Unavailable"}},
		{"refused", answered(422, "no"), nil, "{}", pipeline.Try{Verdict: pipeline.Refuses, Status: 422, Reason: "the receiver answers 422 Unprocessable Entity"}},
		{"gone", answered(410, ""), nil, "{}", pipeline.Try{Verdict: pipeline.Gone, Status: 410, Reason: "the receiver answers 410 Gone"}},
		{"wrong key", answered(401, ""), nil, "{}", pipeline.Try{Verdict: pipeline.TryLater, Status: 401, Reason: "the receiver answers 401 Unauthorized; check the key or token in the headers of the webhook"}},
		{"unknown row", answered(404, ""), nil, gone, pipeline.Try{Verdict: pipeline.Delivered, Status: 404}},
		{"unknown address", answered(404, ""), nil, "{}", pipeline.Try{Verdict: pipeline.Refuses, Status: 404, Reason: "the receiver answers 404 Not Found"}},
		{"moved", answered(301, "", "Location", "https://other.example.com/x?token=canary"), nil, "{}", pipeline.Try{Verdict: pipeline.TryLater, Status: 301, Reason: "deliver to https://hooks.example.com/v1/people: the receiver answers 301 and points to https://other.example.com; put that into url where it is meant"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := &receiver{answer: func(int, request) *http.Response { return test.answer }}
				c, err := Connector().Courier(config(r, nil, nil))
				if err != nil {
					t.Fatal(err)
				}
				got := c.Try(t.Context(), "msg_1", []byte(test.body))
				got.Took = 0
				if got != test.want {
					t.Errorf("the try is %+v\nexpected   %+v", got, test.want)
				}
				if len(r.got) != 1 || r.got[0].header.Get("Idempotency-Key") != "msg_1" {
					t.Errorf("the receiver got %+v", r.got)
				}
			})
		})
	}
}

func TestTryThatIsSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &receiver{took: func(int) time.Duration { return time.Hour }}
		c, err := Connector().Courier(config(r, nil, pipeline.Options{"timeout": int64(7)}))
		if err != nil {
			t.Fatal(err)
		}
		got := c.Try(t.Context(), "msg_1", []byte("{}"))
		if got.Verdict != pipeline.TryLater || got.Took != 7*time.Second || got.Reason == "" {
			t.Errorf("the try is %+v, expected it to end after 7s", got)
		}
		if c.Concurrency() != defaults.Concurrency || c.Target() == "" {
			t.Errorf("concurrency %d, target %q", c.Concurrency(), c.Target())
		}
	})
}

// A request that is larger than what can be kept goes as several, whole rows each, and
// the same ones whenever it is made; a row that is too large alone is a reject.
func TestRequestsAreSplitUntilTheyFit(t *testing.T) {
	var first []string
	for range 2 {
		out := &kept{most: 60}
		w, err := Connector().Open(t.Context(), config(nil, out, pipeline.Options{"batch": int64(5), "concurrency": int64(1)}))
		if err != nil {
			t.Fatal(err)
		}
		err = w.Write(t.Context(), rows("Ada", "Bo", "Cy", strings.Repeat("x", 60), "Di", "Em", "Flo"))
		refused := &pipeline.Refused{}
		want := []pipeline.RefusedRow{{Row: 3, Code: CodeRequestTooLarge, Reason: "the request of this row has 86 bytes, which is more than can be kept until it is delivered (1 MiB, compressed)"}}
		if !errors.As(err, &refused) || !slices.Equal(refused.Rows, want) {
			t.Errorf("Write refuses %+v\nwant %+v", refused.Rows, want)
		}
		if err := w.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, r := range out.all {
			got = append(got, r.ID+" "+string(r.Body))
		}
		if first == nil {
			first = got
		}
		if !slices.Equal(got, first) {
			t.Errorf("once %q\nonce %q", first, got)
		}
	}
	var bodies []string
	for _, line := range first {
		bodies = append(bodies, line[strings.Index(line, " ")+1:])
	}
	want := []string{
		`[{"id":1,"name \"x\"":"Ada"},{"id":2,"name \"x\"":"Bo"}]`,
		`[{"id":3,"name \"x\"":"Cy"}]`,
		`[{"id":5,"name \"x\"":"Di"}]`,
		`[{"id":6,"name \"x\"":"Em"},{"id":7,"name \"x\"":"Flo"}]`,
	}
	if !slices.Equal(bodies, want) {
		t.Errorf("kept %q\nwant %q", bodies, want)
	}
}
