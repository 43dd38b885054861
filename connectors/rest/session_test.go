package rest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"pipeline/pipeline"
)

// reel is a tape in memory.
type reel struct {
	mu   sync.Mutex
	text map[string]string
	full int // Puts that there is room for; 0: no end
}

func newReel() *reel { return &reel{text: map[string]string{}} }

func (r *reel) Get(_ context.Context, request string, dst []byte) ([]byte, bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	text, ok := r.text[request]
	return append(dst, text...), ok, nil
}

var errFull = errors.New("no space left on device")

func (r *reel) Pack(request string, body []byte) func() error {
	text := string(body)
	return func() error { return r.put(request, text) }
}

func (r *reel) put(request, text string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.full > 0 && len(r.text) == r.full {
		return errFull
	}
	r.text[request] = text
	return nil
}

func (r *reel) keys() map[string]bool {
	keys := map[string]bool{}
	for k := range r.text {
		keys[k] = true
	}
	return keys
}

func taped(tape pipeline.Tape, offline bool) func(*pipeline.SourceConfig) {
	return func(c *pipeline.SourceConfig) { c.Tape, c.Offline = tape, offline }
}

// whole is a run's records and faults.
func whole(t *testing.T, s pipeline.Source) ([]string, error) {
	t.Helper()
	var all []string
	err := s.Read(t.Context(), "", func(p *pipeline.Page) error {
		for i, r := range p.Records {
			line := fmt.Sprintf("%d.%d %s", p.Number, p.First+i+1, r.Text)
			if r.Fault != nil {
				line = fmt.Sprintf("%d.%d %s %s %s", p.Number, p.First+i+1, r.Fault.Code, r.Fault.Reason, r.Raw)
			}
			all = append(all, line)
		}
		return nil
	})
	return all, err
}

// Of every style of paging, a run is read again from its tape without a call,
// a token or the limit, and a run that died goes on with what is missing.
func TestTape(t *testing.T) {
	details := func(w http.ResponseWriter, r *http.Request, id string) {
		if id == "13" {
			http.NotFound(w, r)
			return
		}
		more(w, r, id)
	}
	for _, test := range []struct {
		name, text string
		h          func(*Sandbox) http.Handler
		calls      int
		keys       []string
	}{
		{"offset", shopOffset, nil, 3, []string{"GET /events/7/people?limit=10&offset=0", "GET /events/7/people?limit=10&offset=10", "GET /events/7/people?limit=10&offset=20"}},
		{"cursor", shopCursor, nil, 3, nil},
		{"link header", shopLink, nil, 3, nil},
		{"link in the answer", shopNext, nil, 3, nil},
		{"skip", shopNone + "status: {404: skip}\n", func(*Sandbox) http.Handler { return answering(404, "") }, 1, []string{"GET /events/7/people"}},
		{"details", shopDetail, func(*Sandbox) http.Handler { return shopServer(25, details) }, 26, nil},
		{"paged details", shopPagedDetail, func(*Sandbox) http.Handler { return shopServer(25, details) }, 28, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := New()
				declare(t, e, test.text)
				sandbox, err := e.Sandbox("shop", SandboxOptions{Records: 25})
				if err != nil {
					t.Fatal(err)
				}
				h := http.Handler(sandbox)
				if test.h != nil {
					h = test.h(sandbox)
				}
				fresh := func() *world {
					w := newWorld(handled{h})
					w.Token = func(string) (pipeline.Token, error) { return sandbox.Token(), nil }
					return w
				}
				tape, w := newReel(), fresh()
				first, err := whole(t, openWith(t, test.text, &w.World, 2, taped(tape, false)))
				if err != nil || w.made() != test.calls {
					t.Fatalf("%d calls and %v", w.made(), err)
				}
				if len(tape.text) != test.calls {
					t.Errorf("%d answers are on the tape, expected %d", len(tape.text), test.calls)
				}
				for _, key := range test.keys {
					if _, ok := tape.text[key]; !ok {
						t.Errorf("%s is not on the tape: %v", key, tape.keys())
					}
				}

				again, err := whole(t, openWith(t, test.text, &pipeline.World{HTTP: stuck{}}, 2, taped(tape, true)))
				if diff := cmp.Diff(first, again); diff != "" || err != nil {
					t.Errorf("replay: %v (-first +replay):\n%s", err, diff)
				}

				part := newReel()
				for key, text := range tape.text {
					if part.text[key] = text; len(part.text) > test.calls/2 {
						break
					}
				}
				had := len(part.text)
				w = fresh()
				again, err = whole(t, openWith(t, test.text, &w.World, 2, taped(part, false)))
				if diff := cmp.Diff(first, again); diff != "" || err != nil {
					t.Errorf("went on: %v (-first +second):\n%s", err, diff)
				}
				if w.made() != test.calls-had {
					t.Errorf("%d calls were made where %d answers of %d were there", w.made(), had, test.calls)
				}
				if diff := cmp.Diff(tape.text, part.text); diff != "" {
					t.Errorf("the tapes differ:\n%s", diff)
				}
			})
		})
	}
}

func TestTapeMisses(t *testing.T) {
	tape := newReel()
	for _, test := range []struct{ text, want string }{
		{shopOffset, "shop: the tape has no answer for GET /events/7/people?limit=10&offset=0; run without --replay"},
		{shopDetail, "shop: the tape has no answer for GET /events/7/people/{id}; run without --replay"},
	} {
		if test.text == shopDetail {
			tape.text["GET /events/7/people"] = list(0, 3)
		}
		_, err := whole(t, openWith(t, test.text, &pipeline.World{HTTP: stuck{}}, 2, taped(tape, true)))
		if err == nil || err.Error() != test.want {
			t.Errorf("got  %v\nwant %s", err, test.want)
		}
	}
	// of a connector that was changed since
	tape.text["GET /events/7/people"] = `{"data":[]}`
	_, err := whole(t, openWith(t, shopDetail, &pipeline.World{HTTP: stuck{}}, 2, taped(tape, false)))
	if want := `shop: GET /api/events/7/people: the answer on the tape is not what the connector declares: a list is wanted, found an object with the names data; run with --fresh`; err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

// A tape that is full ends the run, and what is not on it is not used.
func TestFullTape(t *testing.T) {
	for text, want := range map[string]int{shopOffset: 2, shopPagedDetail: 1} {
		tape := newReel()
		tape.full = want
		w := newWorld(handled{shopServer(35, more)})
		records, err := whole(t, openWith(t, text, &w.World, 2, taped(tape, false)))
		if !errors.Is(err, errFull) || !strings.HasPrefix(err.Error(), "shop: keep an answer on the tape: ") {
			t.Errorf("got %v, expected that the disk is full", err)
		}
		if text == shopOffset && len(records) > 20 || text != shopOffset && len(records) > 0 {
			t.Errorf("%d records were passed on", len(records))
		}
	}
}

// A run that is not done with its answer is not asked again, and a failure is
// not kept.
func TestFailuresAreNotOnTheTape(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tape := newReel()
		w := newWorld(handled{inTurn(answering(500, ""), answering(200, "<html>"), answering(403, "no"))})
		if _, err := whole(t, openWith(t, shopOffset, &w.World, 2, taped(tape, false))); err == nil {
			t.Error("a run that failed did not say so")
		}
		if len(tape.text) > 0 {
			t.Errorf("on the tape: %v", tape.text)
		}
	})
}

// A long answer is made ready for the tape while it is looked at: it is there
// before anybody uses it, and one that is refused is not.
func TestTapeOfLongAnswers(t *testing.T) {
	good := `{"data":[{"id":1,"name":"` + strings.Repeat("x", 2*packBeside) + `"}]}`
	broken := answering(200, good[:len(good)-2])
	for _, test := range []struct {
		name string
		h    http.Handler
		want string
	}{
		{"taken", answering(200, good), good},
		{"refused, and then taken", inTurn(broken, answering(200, good)), good},
		{"refused, and then there is none", inTurn(broken, answering(404, "")), "HTTP 404 \n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tape := newReel()
				w := newWorld(handled{test.h})
				s := openWith(t, shopNone+"status: {404: skip}\n", &w.World, 2, taped(tape, false))
				pages := 0
				err := s.Read(t.Context(), "", func(p *pipeline.Page) error {
					pages++
					if got := tape.text["GET /events/7/people"]; got != test.want {
						t.Errorf("%.40q… is on the tape when the page is used, expected %.40q…", got, test.want)
					}
					return nil
				})
				if err != nil || pages != 1 {
					t.Errorf("%d pages, %v", pages, err)
				}
			})
		})
	}
}

// A platform that echoes the token does not get it onto the tape.
func TestTapeHoldsNoToken(t *testing.T) {
	const secret = "a-token-of-some-length"
	tape := newReel()
	h := inTurn(
		answering(200, `{"data":[{"id":1}],"links":{"next":"/api/x?access_token=`+secret+`&n=2"}}`),
		func(w http.ResponseWriter, r *http.Request) {
			if r.URL.RawQuery != "n=2" {
				t.Errorf("the second call has the query %q", r.URL.RawQuery)
			}
			_, _ = io.WriteString(w, `{"data":[{"id":2}],"links":{"next":null}}`)
		})
	w := newWorld(handled{h})
	w.Token = func(string) (pipeline.Token, error) { return pipeline.Token{Value: secret}, nil }
	first, err := whole(t, openWith(t, shopNext, &w.World, 2, taped(tape, false)))
	if err != nil || len(first) != 2 {
		t.Fatal(first, err)
	}
	for key, text := range tape.text {
		if strings.Contains(key+text, secret) {
			t.Errorf("%s: %s", key, text)
		}
	}
	again, err := whole(t, openWith(t, shopNext, &pipeline.World{HTTP: stuck{}}, 2, taped(tape, true)))
	if diff := cmp.Diff(first, again); diff != "" || err != nil {
		t.Errorf("%v (-first +replay):\n%s", err, diff)
	}
}

func TestRequestKey(t *testing.T) {
	for address, want := range map[string]string{
		"https://x.example/api/a%2Fb?b=2&a=1&a=0": "GET /a%2Fb?a=1&a=0&b=2",
		"https://x.example/api/":                  "GET /",
		"https://x.example/apis":                  "GET https://x.example/apis",
		"https://x.example/other?a=1":             "GET https://x.example/other?a=1",
	} {
		base, _ := url.Parse("https://x.example/api")
		u, _ := url.Parse(address)
		if got := requestKey(base, u); got != want {
			t.Errorf("%s: got %s, expected %s", address, got, want)
		}
	}
}

func FuzzUnpack(f *testing.F) {
	for _, text := range []string{"", "[]", "HTTP 404 \n", "HTTP 200 /x?a=b\n{}", "HTTP x\n", "HTTP 200"} {
		f.Add([]byte(text))
	}
	c := &caller{session: &session{}}
	f.Fuzz(func(t *testing.T, text []byte) {
		if ans := unpack(text); strings.HasPrefix(ans.next, "/") && !strings.ContainsAny(ans.next, " \n") {
			again := unpack(c.pack(ans))
			if again.status != ans.status || again.next != ans.next || string(again.body) != string(ans.body) {
				t.Errorf("%q became %q", text, c.pack(ans))
			}
		}
	})
}

func TestChanges(t *testing.T) {
	const incremental = "    incremental: {param: changedAfter, form: unix_ms, field: updated_at}\n    schema: s.json\n"
	schema := `{"type":"object","required":["id","updated_at"],"properties":{"id":{"type":"integer"},"updated_at":{"type":"string","format":"date-time"}}}`
	read := func(t *testing.T, text string, since time.Time) ([]string, []string, error) {
		e := New()
		c, diags := e.Declare("shop.yaml", []byte(text), func(string) ([]byte, error) { return []byte(schema), nil })
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		if c.Streams[0].Incremental != strings.Contains(text, "incremental") {
			t.Error("the stream does not say whether it is incremental")
		}
		sandbox, err := e.Sandbox("shop", SandboxOptions{Records: 250})
		if err != nil {
			t.Fatal(err)
		}
		var asked []string
		w := newWorld(handled{http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			asked = append(asked, r.URL.Query().Get("changedAfter"))
			sandbox.ServeHTTP(w, r)
		})})
		w.Token = func(string) (pipeline.Token, error) { return sandbox.Token(), nil }
		s, err := c.Open(t.Context(), pipeline.SourceConfig{Options: pipeline.Options{"event": "7", "page_size": int64(20)}, Limit: c.Limit, World: &w.World, Since: since})
		if err != nil {
			return nil, nil, err
		}
		records, err := whole(t, s)
		return records, asked, err
	}
	synctest.Test(t, func(t *testing.T) {
		all, asked, err := read(t, shopOffset+incremental, time.Time{})
		if err != nil || len(all) != 250 || asked[0] != "" {
			t.Fatalf("without a time: %d records, asked for %q, %v", len(all), asked[0], err)
		}
		// who is number n was made n minutes into the year, and changed ten hours later
		since := time.Date(2026, 1, 1, 13, 0, 0, 0, time.UTC)
		some, asked, err := read(t, shopOffset+incremental, since)
		if err != nil || len(some) != 70 {
			t.Fatalf("%d records and %v, expected the last 70", len(some), err)
		}
		if want := []string{"1767272400000", "1767272400000", "1767272400000", "1767272400000"}; !cmp.Equal(want, asked) {
			t.Errorf("asked for %q, expected %q", asked, want)
		}
		for i, record := range some {
			_, text, _ := strings.Cut(record, " ")
			if _, want, _ := strings.Cut(all[180+i], " "); text != want {
				t.Fatalf("got %s, expected %s", text, want)
			}
		}
		_, _, err = read(t, shopOffset+"    schema: s.json\n", since)
		if want := "open shop: stream people cannot be asked for changes alone"; err == nil || err.Error() != want {
			t.Errorf("got %v, expected %s", err, want)
		}
	})
}

func TestTimeForms(t *testing.T) {
	at := time.Date(2026, 3, 1, 8, 30, 15, 999_999_999, time.FixedZone("", 8*3600))
	for form, want := range map[timeForm]string{formUnix: "1772325015", formUnixMS: "1772325015999", formRFC3339: "2026-03-01T00:30:15Z"} {
		text := form.text(at)
		if text != want {
			t.Errorf("%s: got %s, expected %s", form, text, want)
		}
		if back, ok := form.time(text); !ok || back.After(at) || at.Sub(back) > time.Second {
			t.Errorf("%s: %s is read as %v", form, text, back)
		}
		if _, ok := form.time("yesterday"); ok {
			t.Errorf("%s takes any text", form)
		}
	}
}

// An option that only some streams have a use for is needed by them alone.
func TestNeeds(t *testing.T) {
	text := strings.Replace(shop, "required: true", "type: integer", 1) + "  all: {path: /all}\n"
	c := declare(t, New(), text)
	if diff := cmp.Diff([][]string{{"event"}, nil}, [][]string{c.Streams[0].Needs, c.Streams[1].Needs}); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	_, err := c.Open(t.Context(), pipeline.SourceConfig{Options: pipeline.Options{}, World: &pipeline.World{}})
	if want := "open shop: stream people needs the option event: id"; err == nil || err.Error() != want {
		t.Errorf("got %v, expected %s", err, want)
	}
	if _, err := c.Open(t.Context(), pipeline.SourceConfig{Options: pipeline.Options{}, Stream: "all", World: &pipeline.World{}}); err != nil {
		t.Error(err)
	}
}
