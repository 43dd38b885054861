package rest

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"pipeline/pipeline"
)

// Each way in which a call can fail, in the words that people read.
func TestFailures(t *testing.T) {
	const call = "shop: GET /api/events/7/people: "
	html := "<!doctype html><p>Log in"
	for _, test := range []struct {
		name  string
		h     http.Handler
		tries int
		want  string
	}{
		{"401", answering(401, ""), 1, `401 Unauthorized: the token of connection "acme-eu" is not accepted any more; log in again: set PIPELINE_ACME_EU_TOKEN to a fresh token`},
		{"403", answering(403, `{"secret":"x"}`), 1, `403 Forbidden: the user behind the token of connection "acme-eu" may not see event "7", or the organisation is not enabled for these credentials; ask for access on the platform`},
		{"404", answering(404, ""), 1, `404 Not Found: there is no event "7"; check the id and base_url`},
		{"418", answering(418, ""), 1, "418 I'm a teapot: the platform refused the call"},
		{"429", answering(429, "", "Retry-After", "1"), 5, "429 Too Many Requests: the platform's own limit was reached; lower rate in the mapping, or see who else uses these credentials (gave up after 5 tries)"},
		{"500", answering(500, html), 5, "500 Internal Server Error: the platform has a problem; run again later (gave up after 5 tries)"},
		{"503 for long", answering(503, "", "Retry-After", "301"), 1, "503 Service Unavailable: the platform asks to wait 5m1s before the next call, and a run waits 5m0s in all; run again after that"},
		{"503 again and again", answering(503, "", "Retry-After", "100"), 4, "503 Service Unavailable: the platform asks to wait 1m40s before the next call, and a run waits 5m0s in all; run again after that (gave up after 4 tries)"},
		{"HTML", answering(200, html, "Content-Type", "text/html; charset=utf-8"), 5, `the answer looks like an HTML page ("text/html; charset=utf-8"), not JSON; check base_url, and that no login page or proxy stands in between (gave up after 5 tries)`},
		{"HTML as JSON", answering(200, html), 5, `the answer looks like an HTML page ("application/json"), not JSON; check base_url, and that no login page or proxy stands in between (gave up after 5 tries)`},
		{"cut off", answering(200, `[{"id":1},{"id`), 5, "the answer is not what the connector declares: it is cut off in the middle (gave up after 5 tries)"},
		{"empty", answering(200, ""), 5, "the answer is not what the connector declares: the answer is empty (gave up after 5 tries)"},
		{"packed oddly", answering(200, "x", "Content-Encoding", "br"), 5, `no answer: the answer is packed as "br", which was not asked for (gave up after 5 tries)`},
		{"not gzip", answering(200, "xxxxxxxxxxxxxxx", "Content-Encoding", "gzip"), 5, "no answer: unpack the answer: gzip: invalid header (gave up after 5 tries)"},
		{"redirect to another host", answering(302, "", "Location", "https://evil.example/login"), 1, "302 Found: the platform sends us to another address, which is not followed with a token; is base_url right?"},
		{"redirect to http", answering(302, "", "Location", "http://shop.example/api"), 1, "302 Found: the platform sends us to another address, which is not followed with a token; is base_url right?"},
		{"redirect for ever", answering(307, "", "Location", "/api/events/7/people"), 1, "the platform sent us on more than 5 times"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fault, w := failure(t, shopOffset, test.h, nil)
				if got := fault.Error(); got != call+test.want {
					t.Errorf("got  %s\nwant %s", got, call+test.want)
				}
				if fault.Tries != test.tries {
					t.Errorf("%d tries, expected %d", fault.Tries, test.tries)
				}
				if last := w.calls[len(w.calls)-1]; last.Err == "" && !isRedirect(last.Status) || last.Status != fault.Status && fault.Status != 0 {
					t.Errorf("the last call was reported as %+v", last)
				}
			})
		})
	}
}

func TestWhatAStatusMeans(t *testing.T) {
	text := shopOffset + "status: {404: skip, 419: login again, 409: retry, 500: fail}\n"
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(handled{answering(404, "")})
		pages, err := readAll(t.Context(), open(t, declare(t, New(), text), &w.World, nil), "")
		if err != nil || len(pages) != 1 || len(pages[0].Records) != 0 {
			t.Errorf("skip: got %v and %v, expected an empty page", pages, err)
		}
		for status, want := range map[int]Reason{419: LoginAgain, 409: Unavailable, 500: Refused} {
			fault, _ := failure(t, text, answering(status, ""), nil)
			if fault.Reason != want || (fault.Tries == 5) != (status == 409) {
				t.Errorf("%d: %s after %d tries, expected %s", status, fault.Reason, fault.Tries, want)
			}
		}
	})
}

// A platform that recovers is asked again when it says so, by everybody who
// shares the budget.
func TestRetryAfter(t *testing.T) {
	for name, header := range map[string]func() string{
		"seconds": func() string { return "90" },
		"date":    func() string { return time.Now().Add(90 * time.Second).UTC().Format(http.TimeFormat) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var mu sync.Mutex
				var at []time.Duration
				start := time.Now()
				h := func(w http.ResponseWriter, r *http.Request) {
					mu.Lock()
					defer mu.Unlock()
					at = append(at, time.Since(start))
					if len(at) == 1 {
						w.Header().Set("Retry-After", header())
						w.WriteHeader(429)
						return
					}
					_, _ = io.WriteString(w, list(0, 3))
				}
				w := newWorld(handled{http.HandlerFunc(h)})
				c := declare(t, New(), shopOffset)
				done := make(chan error)
				for range 2 {
					go func() {
						_, err := readAll(t.Context(), open(t, c, &w.World, nil), "")
						done <- err
					}()
					synctest.Wait()
				}
				if err := errors.Join(<-done, <-done); err != nil {
					t.Fatal(err)
				}
				if len(at) != 3 || at[1] < 90*time.Second || at[2] < 90*time.Second || at[2] > 92*time.Second {
					t.Errorf("calls at %v, expected one, and two more a minute and a half later", at)
				}
			})
		})
	}
}

func TestBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		w := newWorld(handled{inTurn(answering(500, ""), answering(502, ""), answering(503, ""), answering(504, ""), answering(200, list(0, 2)))})
		if _, err := readAll(t.Context(), open(t, declare(t, New(), shopOffset), &w.World, nil), ""); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took == 0 || took > 7500*time.Millisecond {
			t.Errorf("five tries took %v, expected at most the sum of 0.5, 1, 2 and 4 seconds", took)
		}
	})
}

func TestRedirectsCountAsCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		text := strings.Replace(shopOffset, "100/min", "1/min", 1)
		h := inTurn(answering(308, "", "Location", "https://shop.example/v2/people"), answering(200, list(0, 2)))
		w := newWorld(handled{h})
		start := time.Now()
		if _, err := readAll(t.Context(), open(t, declare(t, New(), text), &w.World, nil), ""); err != nil {
			t.Fatal(err)
		}
		if w.made() != 2 || time.Since(start) < time.Minute {
			t.Errorf("%d calls in %v with a limit of one a minute", w.made(), time.Since(start))
		}
	})
}

// trickle is a body that gives a byte in a while.
type trickle struct {
	ctx   context.Context
	every time.Duration
	text  string
}

func (b *trickle) Read(p []byte) (int, error) {
	if b.text == "" {
		return 0, io.EOF
	}
	select {
	case <-time.After(b.every):
	case <-b.ctx.Done():
		return 0, b.ctx.Err()
	}
	p[0], b.text = b.text[0], b.text[1:]
	return 1, nil
}

func (*trickle) Close() error { return nil }

type slowly time.Duration

func (s slowly) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: 200, ContentLength: -1, Header: http.Header{}, Body: &trickle{r.Context(), time.Duration(s), `[{"id":1}]`}}, nil
}

func TestSilence(t *testing.T) {
	for _, test := range []struct {
		name string
		rt   http.RoundTripper
		took time.Duration // at least
		want string
	}{
		{"no answer", stuck{}, 5 * time.Minute, "no answer: the platform did not answer for 1m0s"},
		{"a body that stops", slowly(time.Minute), 150 * time.Second, "no answer: the platform fell silent in the middle of an answer for 30s"},
		{"a slow body", slowly(29 * time.Second), 290 * time.Second, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				w := newWorld(test.rt)
				_, err := readAll(t.Context(), open(t, declare(t, New(), shopOffset), &w.World, nil), "")
				var fault *Error
				errors.As(err, &fault)
				if test.want == "" && err != nil || test.want != "" && (fault == nil || fault.Message != test.want) {
					t.Errorf("got %v, expected %q", err, test.want)
				}
				if took := time.Since(start); took < test.took || took > test.took+10*time.Second {
					t.Errorf("took %v, expected %v", took, test.took)
				}
			})
		})
	}
}

func TestTokens(t *testing.T) {
	w := newWorld(handled{answering(200, "[]")})
	c := declare(t, New(), shopOffset)
	for _, test := range []struct {
		token pipeline.Token
		err   error
		want  string
	}{
		{err: errors.New("looked here and there"), want: `shop: looked here and there`},
		{want: `shop: the token of connection "acme-eu": it is empty; set PIPELINE_ACME_EU_TOKEN`},
		{token: pipeline.Token{Value: "t0ken\nx"}, want: `shop: the token of connection "acme-eu": it holds a line break or another character that no token has; copy it again`},
	} {
		w.Token = func(string) (pipeline.Token, error) { return test.token, test.err }
		if _, err := readAll(t.Context(), open(t, c, &w.World, nil), ""); err == nil || err.Error() != test.want {
			t.Errorf("got  %v\nwant %s", err, test.want)
		}
	}
	if w.made() != 0 {
		t.Errorf("%d calls were made without a token", w.made())
	}
}

func TestAuthStyles(t *testing.T) {
	for auth, want := range map[string]string{
		"bearer":                      "Authorization: Bearer t0ken-secret",
		"basic":                       "Authorization: Basic dDBrZW4tc2VjcmV0",
		`{header: {name: X-API-Key}}`: "X-Api-Key: t0ken-secret",
		`{header: {name: X-Key, prefix: "Key "}}`: "X-Key: Key t0ken-secret",
		"none": "",
	} {
		var got bytes.Buffer
		h := func(w http.ResponseWriter, r *http.Request) {
			_ = r.Header.WriteSubset(&got, map[string]bool{"Accept": true, "Accept-Encoding": true, "User-Agent": true})
			_, _ = io.WriteString(w, "[]")
		}
		w := newWorld(handled{http.HandlerFunc(h)})
		c := declare(t, New(), strings.Replace(shopOffset, "auth: bearer", "auth: "+auth, 1))
		if _, err := readAll(t.Context(), open(t, c, &w.World, nil), ""); err != nil {
			t.Fatal(err)
		}
		if strings.TrimSpace(got.String()) != want {
			t.Errorf("%s: got %q, expected %q", auth, got.String(), want)
		}
	}
}

// overWire reads from a real server.
func overWire(t *testing.T, h http.HandlerFunc) (*world, error) {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	transport := newTransport()
	t.Cleanup(transport.CloseIdleConnections)
	w := newWorld(transport)
	s := open(t, declare(t, New(), shopOffset), &w.World, pipeline.Options{"base_url": server.URL})
	_, err := readAll(t.Context(), s, "")
	return w, err
}

func TestAnswersThatAreTooLarge(t *testing.T) {
	zeros := make([]byte, 1<<20)
	for _, test := range []struct {
		name string
		h    http.HandlerFunc
		want string
	}{
		{"announced", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", strconv.Itoa(2<<30))
			w.WriteHeader(200)
		}, "the answer has 2048 MiB; at most 64 MiB are read; set page_size lower"},
		{"endless", func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				if _, err := w.Write(zeros); err != nil {
					return
				}
			}
		}, "the answer has more than 64 MiB; set page_size lower"},
		{"gzip bomb", func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Accept-Encoding") != "gzip" {
				t.Errorf("gzip was not asked for")
			}
			w.Header().Set("Content-Encoding", "gzip")
			z, _ := gzip.NewWriterLevel(w, gzip.BestCompression)
			for range 8 {
				_, _ = z.Write(zeros)
			}
			_ = z.Close()
		}, "the answer unpacks to more than 200 times its size, as no list of records does; set page_size lower"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			w, err := overWire(t, test.h)
			runtime.ReadMemStats(&after)
			var fault *Error
			if !errors.As(err, &fault) || fault.Message != test.want || fault.Reason != TooLarge {
				t.Fatalf("got %v, expected %s", err, test.want)
			}
			if w.made() != 1 {
				t.Errorf("%d calls, expected that it is not asked for again", w.made())
			}
			if grown := (after.TotalAlloc - before.TotalAlloc) >> 20; grown > 80 {
				t.Errorf("%d MiB were allocated", grown)
			}
		})
	}
}

func TestGzipIsRead(t *testing.T) {
	w, err := overWire(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		_, _ = io.WriteString(z, list(0, 9))
		_ = z.Close()
	})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := w.calls[0].Bytes, int64(len(list(0, 9))); got != want {
		t.Errorf("%d bytes were reported, expected the %d that were unpacked", got, want)
	}
}

func TestConnectionWords(t *testing.T) {
	server := httptest.NewServer(nil)
	address := server.Listener.Addr().String()
	server.Close()
	_, err := newTransport().RoundTrip(httptest.NewRequest(http.MethodGet, "http://"+address, nil))
	if got, want := connectionWords(err, address), "nothing answers at "+address; got != want {
		t.Errorf("got %q, expected %q", got, want)
	}
	for err, want := range map[error]string{
		io.EOF:                                    "shop.example closed the connection without an answer",
		fmt.Errorf("x: %w", io.ErrUnexpectedEOF):  "the answer was cut off in the middle",
		&net.DNSError{IsNotFound: true}:           "there is no host shop.example; check base_url and the network",
		&net.DNSError{IsTemporary: true}:          "the name shop.example cannot be looked up; is this machine online?",
		&net.OpError{Err: syscall.ENETUNREACH}:    "there is no way to shop.example; is this machine online?",
		&net.OpError{Err: os.ErrDeadlineExceeded}: "no answer from shop.example in time",
		tls.RecordHeaderError{}:                   "shop.example does not speak TLS; should base_url begin with http://, or name another port?",
		&tls.CertificateVerificationError{Err: errors.New("x509: it has expired")}: "the certificate of shop.example is not to be trusted (x509: it has expired); check base_url; behind a proxy that has its own, set SSL_CERT_FILE to the file with its certificate",
	} {
		if got := connectionWords(err, "shop.example"); got != want {
			t.Errorf("got %q, expected %q", got, want)
		}
	}
}
