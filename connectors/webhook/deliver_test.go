package webhook

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"pipeline/pipeline"
	"pipeline/pipeline/value"
)

func TestBodies(t *testing.T) {
	b := rows("Zoë \"Z\"\n<&>", "b")
	b.Append([]value.Value{value.NumberText("9007199254740993"), {}})
	for _, test := range []struct {
		batch int64
		want  []string
	}{
		{1, []string{`{"id":1,"name \"x\"":"Zoë \"Z\"\n<&>"}`, `{"id":2,"name \"x\"":"b"}`, `{"id":9007199254740993,"name \"x\"":null}`}},
		{2, []string{`[{"id":1,"name \"x\"":"Zoë \"Z\"\n<&>"},{"id":2,"name \"x\"":"b"}]`, `[{"id":9007199254740993,"name \"x\"":null}]`}},
		{100, []string{`[{"id":1,"name \"x\"":"Zoë \"Z\"\n<&>"},{"id":2,"name \"x\"":"b"},{"id":9007199254740993,"name \"x\"":null}]`}},
	} {
		r := &receiver{}
		w := sink(t, r, pipeline.Options{"batch": test.batch, "concurrency": int64(1), "headers": map[string]string{"authorization": "Bearer x", "Content-Type": "application/vnd.acme+json"}})
		for range 2 { // the second time as a run that is repeated
			if err := w.Write(t.Context(), b); err != nil {
				t.Fatal(err)
			}
		}
		var bodies []string
		for i := range r.got {
			if again := r.got[(i+len(test.want))%len(r.got)].header.Get("Idempotency-Key"); again != r.got[i].header.Get("Idempotency-Key") {
				t.Errorf("batch %d: the same rows have different keys", test.batch)
			}
		}
		for _, got := range r.got {
			bodies = append(bodies, got.body)
			id := got.header.Get("Idempotency-Key")
			if !regexp.MustCompile(`^msg_[A-Za-z0-9_-]{32}$`).MatchString(id) {
				t.Errorf("Idempotency-Key: %s", id)
			}
			got.header.Del("Idempotency-Key")
			want := http.Header{"Authorization": {"Bearer x"}, "Content-Type": {"application/vnd.acme+json"}, "User-Agent": {"pipeline"}}
			if diff := cmp.Diff(want, got.header); diff != "" {
				t.Errorf("headers: -want +got:\n%s", diff)
			}
		}
		if diff := cmp.Diff(append(test.want, test.want...), bodies); diff != "" {
			t.Errorf("batch %d: -want +got:\n%s", test.batch, diff)
		}
	}
}

func TestIdempotencyKeys(t *testing.T) {
	base := newSigner("acme", "https://a", nil).id(0, []byte("x"))
	for name, other := range map[string]string{
		"mapping":  newSigner("acmf", "https://a", nil).id(0, []byte("x")),
		"url":      newSigner("acme", "https://b", nil).id(0, []byte("x")),
		"boundary": newSigner("acmeh", "ttps://a", nil).id(0, []byte("x")),
		"body":     newSigner("acme", "https://a", nil).id(0, []byte("y")),
		"push":     newSigner("acme", "https://a", nil).id(1, []byte("x")),
	} {
		if other == base {
			t.Errorf("another %s has the same key", name)
		}
	}
}

// TestOrder: rows of one key come in order, however long each takes; rows of
// others do not wait.
func TestOrder(t *testing.T) {
	for _, batch := range []int64{1, 3} {
		synctest.Test(t, func(t *testing.T) {
			r := &receiver{took: func(n int) time.Duration { return time.Duration(n*7919%50+1) * time.Millisecond }}
			w := sink(t, r, pipeline.Options{"concurrency": int64(16), "batch": batch}, 1)
			b := &pipeline.Batch{Columns: people}
			for i := range 400 {
				key := fmt.Sprint("key ", i*i%40)
				if i%3 > 0 {
					key = fmt.Sprint("alone ", i)
				}
				b.Append([]value.Value{value.Int(int64(i)), value.Text(key)})
			}
			if err := w.Write(t.Context(), b); err != nil {
				t.Fatal(err)
			}
			last := map[string]int{}
			seen := 0
			for _, got := range r.got {
				for _, m := range regexp.MustCompile(`"id":(\d+),"name \\"x\\"":"([^"]+)"`).FindAllStringSubmatch(got.body, -1) {
					id := 0
					fmt.Sscan(m[1], &id)
					if before, ok := last[m[2]]; ok && before >= id {
						t.Errorf("row %d of %q came after row %d", id, m[2], before)
					}
					last[m[2]] = id
					seen++
				}
			}
			if seen != 400 || r.most > 16 || r.most < 8 {
				t.Errorf("%d rows came, %d requests were under way at once", seen, r.most)
			}
		})
	}
}

// TestRetries is what is tried again, when, and with what end.
func TestRetries(t *testing.T) {
	date := func() *http.Response {
		return answered(503, "", "Retry-After", time.Now().Add(90*time.Second).UTC().Format(http.TimeFormat))
	}
	const soon = 35 * time.Second // most that the backoff waits once, and a bit
	for _, test := range []struct {
		name     string
		answers  func(n int) *http.Response
		fail     func(n int) error
		tries    int
		min, max time.Duration
		want     string // error; "" is delivered
	}{
		{name: "503 twice", answers: inTurn(503, 503, 200), tries: 3, max: 2 * soon},
		{name: "408, 425, 429, 500, 504", answers: inTurn(408, 425, 429, 500, 504, 201), tries: 6, max: 5 * soon},
		{name: "Retry-After in seconds", answers: func(n int) *http.Response {
			if n < 3 {
				return answered(429, "", "Retry-After", "60")
			}
			return answered(200, "")
		}, tries: 3, min: 2 * time.Minute, max: 2 * time.Minute},
		{name: "Retry-After as a date", answers: func(n int) *http.Response {
			if n == 1 {
				return date()
			}
			return answered(204, "")
		}, tries: 2, min: 89 * time.Second, max: 90 * time.Second},
		{name: "a huge Retry-After", answers: func(int) *http.Response { return answered(503, "", "Retry-After", "99999999999") }, tries: 2, min: 5 * time.Minute, max: 5 * time.Minute,
			want: "deliver to https://hooks.example.com/v1/people: given up after 2 tries in 5m0s: 503 Service Unavailable"},
		{name: "no end", answers: inTurn(500), tries: -1, min: 4 * time.Minute, max: 5 * time.Minute, want: "given up after"},
		{name: "resets", fail: failing(3, syscall.ECONNRESET), answers: inTurn(200), tries: 4, max: 3 * soon},
		{name: "nobody there", fail: failing(1000, &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}), tries: -1, max: 5 * time.Minute, want: "nothing listens there"},
		{name: "cut off", fail: failing(1, io.ErrUnexpectedEOF), answers: inTurn(200), tries: 2, max: soon},
		{name: "forbidden", fail: failing(9, &forbidden{host: "hooks.example.com", what: "in a private network"}), tries: 1, want: "deliver to https://hooks.example.com/v1/people: hooks.example.com is in a private network; add allow_private: true where that is meant"},
		{name: "a host that is misspelt", fail: failing(9, &net.OpError{Op: "dial", Err: &net.DNSError{IsNotFound: true}}), tries: 1, want: "deliver to https://hooks.example.com/v1/people: there is no host of that name"},
		{name: "gone", answers: inTurn(503, 410), tries: 2, max: soon, want: "deliver to https://hooks.example.com/v1/people: the receiver says 410 Gone: it wants no more deliveries"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := &receiver{fail: test.fail}
				if test.answers != nil {
					r.answer = func(n int, _ request) *http.Response { return test.answers(n) }
				}
				w := sink(t, r, pipeline.Options{"secret": testSecret})
				began := time.Now()
				err := w.Write(t.Context(), rows("canary-person"))
				took := time.Since(began)
				switch {
				case test.want == "" && err != nil, test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
					t.Errorf("got %v, want %q", err, test.want)
				case took < test.min || took > test.max:
					t.Errorf("it took %v, %v to %v are wanted", took, test.min, test.max)
				case test.tries > 0 && len(r.got) != test.tries || test.tries < 0 && len(r.got) < 12:
					t.Errorf("%d tries, %d are wanted", len(r.got), test.tries)
				}
				for i := range r.got[1:] {
					if a, b := r.got[i].header.Get("webhook-id"), r.got[i+1].header.Get("webhook-id"); a != b || a == "" || r.got[i].body != r.got[i+1].body {
						t.Errorf("tries differ: %q, %q", a, b)
					}
				}
			})
		})
	}
}

func inTurn(statuses ...int) func(n int) *http.Response {
	return func(n int) *http.Response { return answered(statuses[min(n, len(statuses))-1], "canary-answer") }
}

func failing(times int, err error) func(int) error {
	return func(n int) error {
		if n <= times {
			return err
		}
		return nil
	}
}

// TestRetryAfterHoldsForAll: who is asked to wait waits for the others too.
func TestRetryAfterHoldsForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &receiver{answer: func(n int, _ request) *http.Response {
			if n == 1 {
				return answered(429, "", "Retry-After", "30")
			}
			return answered(200, "")
		}, took: func(n int) time.Duration { return time.Duration(n) * time.Second }}
		w := sink(t, r, pipeline.Options{"concurrency": int64(2)})
		if err := w.Write(t.Context(), numbered(20)); err != nil {
			t.Fatal(err)
		}
		for i, got := range r.got {
			if after := got.at.Sub(r.got[0].at); after > 0 && after < 31*time.Second {
				t.Errorf("request %d came %v after the first, though 30 s were asked for", i, after)
			}
		}
	})
}

func TestTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &receiver{took: func(n int) time.Duration {
			if n == 1 {
				return time.Hour
			}
			return 6 * time.Second
		}}
		w := sink(t, r, pipeline.Options{"timeout": int64(7)})
		if err := w.Write(t.Context(), rows("a")); err != nil {
			t.Fatal(err)
		}
		if gap := r.got[1].at.Sub(r.got[0].at); gap < 7*time.Second || gap > 8*time.Second {
			t.Errorf("the second try came after %v", gap)
		}
		r.took = func(int) time.Duration { return time.Hour }
		if err := w.Write(t.Context(), rows("a")); err == nil || !strings.HasSuffix(err.Error(), ": no answer within 7s") {
			t.Errorf("got %v", err)
		}
	})
}

// TestRefused: what a receiver refuses for good is told by row; the rest is
// delivered.
func TestRefused(t *testing.T) {
	long := strings.Repeat("x", maxAnswer-1) + "é" // cut in the middle of a character
	for _, test := range []struct {
		batch int64
		want  []int
	}{{1, []int{2, 6}}, {3, []int{0, 1, 2, 6, 7, 8}}} {
		r := &receiver{answer: func(_ int, r request) *http.Response {
			if strings.Contains(r.body, "person 3") || strings.Contains(r.body, "person 7") {
				return answered(422, long)
			}
			return answered(200, "")
		}}
		err := sink(t, r, pipeline.Options{"batch": test.batch, "concurrency": int64(8)}).Write(t.Context(), numbered(10))
		var at []int
		for _, row := range refusedRows(t, err) {
			at = append(at, row.Row)
			if row.Reason != "the receiver answers 422 Unprocessable Entity" || row.Answer != strings.Repeat("x", maxAnswer-1)+"\uFFFD" {
				t.Errorf("row %d: %s: %d bytes %q", row.Row, row.Reason, len(row.Answer), row.Answer[len(row.Answer)-5:])
			}
		}
		if !slices.Equal(at, test.want) {
			t.Errorf("batches of %d: rows %v are refused, want %v", test.batch, at, test.want)
		}
		if want := (10 + int(test.batch) - 1) / int(test.batch); len(r.got) != want {
			t.Errorf("%d requests, want %d", len(r.got), want)
		}
	}
}

func TestSuccess(t *testing.T) {
	for _, test := range []struct {
		success string
		status  int
		ok      bool
	}{
		{"2xx", 200, true}, {"2xx", 299, true}, {"200", 202, false}, {"200, 409", 409, true}, {"200,409", 204, false}, {"2xx", 400, false}, {"2xx", 403, false}, {"429,200", 429, true},
	} {
		r := &receiver{answer: func(int, request) *http.Response { return answered(test.status, "") }}
		err := sink(t, r, pipeline.Options{"success": test.success}).Write(t.Context(), rows("a"))
		if (err == nil) != test.ok {
			t.Errorf("success: %s, answer %d: %v", test.success, test.status, err)
		}
		if !test.ok && len(refusedRows(t, err)) != 1 {
			t.Errorf("success: %s, answer %d: %v", test.success, test.status, err)
		}
	}
}

func TestRedirects(t *testing.T) {
	for _, test := range []struct {
		status   int
		location string
		tries    int
		want     string
	}{
		{307, "/v2/people?token=canary", 2, ""},
		{308, "https://HOOKS.example.com/v2/people", 2, ""},
		{307, "https://elsewhere.example.net/x?token=canary", 1, "deliver to https://hooks.example.com/v1/people: the receiver answers 307 and points to https://elsewhere.example.net; put that into url where it is meant"},
		{307, "http://hooks.example.com/v2", 1, "deliver to https://hooks.example.com/v1/people: the receiver answers 307 and points to http://hooks.example.com; put that into url where it is meant"},
		{307, "https://hooks.example.com:8443/v2", 1, "deliver to https://hooks.example.com/v1/people: the receiver answers 307 and points to https://hooks.example.com:8443; put that into url where it is meant"},
		{307, "https://canary:x@hooks.example.com/v2", 1, "deliver to https://hooks.example.com/v1/people: the receiver answers 307 and points to https://hooks.example.com; put that into url where it is meant"},
		{301, "/v2/people?token=canary", 1, "deliver to https://hooks.example.com/v1/people: the receiver answers 301 and points to https://hooks.example.com/v2/people; put that into url where it is meant"},
		{302, "", 1, "deliver to https://hooks.example.com/v1/people: the receiver answers 302, without saying where to"},
		{307, "/v1/people", 6, "deliver to https://hooks.example.com/v1/people: the receiver answers 307 and points to https://hooks.example.com/v1/people; put that into url where it is meant"},
	} {
		r := &receiver{answer: func(_ int, r request) *http.Response {
			if r.path == "/v2/people" {
				return answered(200, "")
			}
			return answered(test.status, "", "Location", test.location)
		}}
		err := sink(t, r, nil).Write(t.Context(), rows("a"))
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != test.want || len(r.got) != test.tries {
			t.Errorf("%d to %s: %d tries\n got %s\nwant %s", test.status, test.location, len(r.got), got, test.want)
		}
		for _, one := range r.got {
			if one.body != r.got[0].body || one.header.Get("Idempotency-Key") != r.got[0].header.Get("Idempotency-Key") {
				t.Errorf("%d to %s: another request", test.status, test.location)
			}
		}
	}
}

// TestFailureStopsTheRest: after an error nothing new is sent, what is under way
// comes to its end, and what was refused before is still told.
func TestFailureStopsTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &receiver{took: func(n int) time.Duration { return time.Duration(n) * time.Second }, answer: func(n int, _ request) *http.Response {
			return answered([]int{0, 400, 410, 503, 200}[min(n, 4)], "")
		}}
		w := sink(t, r, pipeline.Options{"concurrency": int64(4)})
		began := time.Now()
		err := w.Write(t.Context(), numbered(100))
		if err == nil || !strings.Contains(err.Error(), "410 Gone") || len(refusedRows(t, err)) != 1 {
			t.Errorf("got %v", err)
		}
		if took := time.Since(began); len(r.got) != 5 || took != 6*time.Second {
			t.Errorf("%d requests in %v", len(r.got), took)
		}
	})
}

func TestCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		for name, r := range map[string]*receiver{
			"under way": {took: func(int) time.Duration { return time.Hour }},
			"waiting":   {answer: func(int, request) *http.Response { return answered(503, "", "Retry-After", "100") }},
		} {
			if err := sink(t, r, nil, 1).Write(ctx, rows("a", "a", "b")); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if took := time.Since(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)); took != 3*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

func TestRateHoldsInEveryWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &receiver{took: func(n int) time.Duration { return time.Duration(n%7) * 10 * time.Millisecond }}
		w := sink(t, r, pipeline.Options{"rate": "10/s", "concurrency": int64(8)})
		began := time.Now()
		for range 3 {
			if err := w.Write(t.Context(), numbered(35)); err != nil {
				t.Fatal(err)
			}
			time.Sleep(300 * time.Millisecond)
		}
		for i := 10; i < len(r.got); i++ {
			if window := r.got[i].at.Sub(r.got[i-10].at); window < time.Second {
				t.Fatalf("11 requests in %v", window)
			}
		}
		if took := time.Since(began); took > 12*time.Second {
			t.Errorf("105 requests at 10/s took %v", took)
		}
	})
}

// A wrong key is not the fault of the rows: nothing more is sent, and no row is a
// reject.
func TestWrongKeyEndsTheRun(t *testing.T) {
	r := &receiver{answer: func(int, request) *http.Response { return answered(http.StatusUnauthorized, "who are you") }}
	err := sink(t, r, pipeline.Options{"concurrency": 1}).Write(t.Context(), rows("a", "b", "c"))
	want := "deliver to https://hooks.example.com/v1/people: the receiver answers 401 Unauthorized; check the key or token in the headers of the webhook"
	if err == nil || err.Error() != want || len(r.got) != 1 {
		t.Errorf("after %d requests: %v", len(r.got), err)
	}
}
