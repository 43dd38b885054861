package rest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"pipeline/pipeline"
)

// Every style reads every record once, in as many calls as there are pages, and
// goes on after any page as if nothing had happened.
func TestPaging(t *testing.T) {
	for _, test := range []struct {
		name, text    string
		records, want int // calls
	}{
		{"offset ends with a short page", shopOffset, 25, 3},
		{"offset ends with an empty page", shopOffset, 20, 3},
		{"offset of an empty list", shopOffset, 0, 1},
		{"offset ends with the total", shopTotal, 20, 2},
		{"page", shopPage, 25, 3},
		{"cursor", shopCursor, 20, 2},
		{"link header", shopLink, 25, 3},
		{"link in the answer", shopNext, 30, 3},
		{"none", shopNone, 12, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := New()
				c := declare(t, e, test.text)
				sandbox, err := e.Sandbox("shop", SandboxOptions{Records: max(1, test.records)})
				if err != nil {
					t.Fatal(err)
				}
				sandbox.records = test.records
				w := newWorld(handled{sandbox})
				w.Token = func(string) (pipeline.Token, error) { return sandbox.Token(), nil }
				s := open(t, c, &w.World, nil)
				pages, err := readAll(t.Context(), s, "")
				if err != nil {
					t.Fatal(err)
				}
				if w.made() != test.want || len(pages) != test.want {
					t.Errorf("%d calls and %d pages, expected %d", w.made(), len(pages), test.want)
				}
				n := 0
				for i, p := range pages {
					n += len(p.Records)
					if p.Number != i+1 {
						t.Errorf("page %d has the number %d", i+1, p.Number)
					}
					rest, err := readAll(t.Context(), s, p.Next)
					if err != nil {
						t.Fatal(err)
					}
					if diff := cmp.Diff(pages[i+1:], rest, cmpEmpty); diff != "" {
						t.Errorf("after page %d (-whole +resumed):\n%s", i+1, diff)
					}
				}
				if n != test.records {
					t.Errorf("%d records, expected %d", n, test.records)
				}
			})
		})
	}
}

var cmpEmpty = cmp.Transformer("empty", func(p []got) []got { return append([]got{}, p...) })

func TestRequestsOfOffsetPaging(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked []string
		h := func(w http.ResponseWriter, r *http.Request) {
			asked = append(asked, r.URL.String()+" "+r.Header.Get("Authorization"))
			offset, _ := strconv.Atoi(r.URL.Query().Get("offset"))
			_, _ = io.WriteString(w, list(offset, min(offset+5, 12)))
		}
		w := newWorld(handled{http.HandlerFunc(h)})
		c := declare(t, New(), strings.Replace(shopOffset, "    key: id", "    query: {expand: \"a&b\", of: \"{event}\"}\n    key: id", 1))
		if _, err := readAll(t.Context(), open(t, c, &w.World, pipeline.Options{"event": "../../x y/é", "page_size": int64(5)}), ""); err != nil {
			t.Fatal(err)
		}
		const at = "https://shop.example/api/events/..%2F..%2Fx%20y%2F%C3%A9/people?expand=a%26b&limit=5&of=..%2F..%2Fx+y%2F%C3%A9&offset="
		want := []string{at + "0 Bearer t0ken-secret", at + "5 Bearer t0ken-secret", at + "10 Bearer t0ken-secret"}
		if diff := cmp.Diff(want, asked); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// A page is asked for while the one before is worked on, and no second one.
func TestOnePageAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int64
		h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			calls.Add(1)
			offset, _ := strconv.Atoi(r.URL.Query().Get("offset"))
			_, _ = io.WriteString(w, list(offset, offset+10))
		})
		w := newWorld(handled{h})
		s := open(t, declare(t, New(), shopOffset), &w.World, nil)
		enough := errors.New("enough")
		err := s.Read(t.Context(), "", func(p *pipeline.Page) error {
			time.Sleep(time.Hour)
			if n := int(calls.Load()); n != p.Number+1 {
				t.Errorf("%d calls while page %d was worked on, expected %d", n, p.Number, p.Number+1)
			}
			if p.Number == 3 {
				return enough
			}
			return nil
		})
		if !errors.Is(err, enough) {
			t.Errorf("got %v, expected what yield returned", err)
		}
	})
}

// stuck is a platform that never answers.
type stuck struct{}

func (stuck) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, context.Cause(r.Context())
}

func TestReadEndsWithItsContext(t *testing.T) {
	for name, rt := range map[string]http.RoundTripper{
		"in a call":             stuck{},
		"in a wait for a retry": handled{answering(503, "", "Retry-After", "200")},
		"in a wait for the limit": handled{http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			offset, _ := strconv.Atoi(r.URL.Query().Get("offset"))
			_, _ = io.WriteString(w, list(offset, offset+10))
		})},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // which fails where a goroutine is left
				ctx, cancel := context.WithCancel(t.Context())
				time.AfterFunc(5*time.Second, cancel)
				w := newWorld(rt)
				start := time.Now()
				_, err := readAll(ctx, open(t, declare(t, New(), shopOffset), &w.World, nil), "")
				if !errors.Is(err, context.Canceled) || time.Since(start) > 6*time.Second {
					t.Errorf("%v after %v, expected an end within a second of the fifth", err, time.Since(start))
				}
			})
		})
	}
}

// What an API does that its declaration does not say ends the run, and not
// never.
func TestListsThatGoRoundInCircles(t *testing.T) {
	same := answering(200, list(0, 10))
	cursor := func(next string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			n := len(r.URL.Query().Get("after"))
			_, _ = fmt.Fprintf(w, `{"data":%s,"meta":{"next":%s}}`, list(n*7, n*7+10), next)
		}
	}
	for _, test := range []struct {
		name, text string
		h          http.Handler
		want       string
	}{
		{"offset ignored", shopOffset, same, `page 2 has the same records as page 1; the API seems to ignore the parameter "offset"`},
		{"page ignored", shopPage, same, `page 2 has the same records as page 1; the API seems to ignore the parameter "page"`},
		{"size ignored", shopOffset, answering(200, list(0, 25)), `page 1 has 25 records where at most 10 were asked for; the API does not take the page size as declared (parameter "limit")`},
		{"cursor repeats", shopCursor, inTurn(cursor(`"a"`), cursor(`"bb"`), cursor(`"a"`)), "page 3 names a next page that was read already; the list would never end"},
		{"cursor is an object", shopCursor, cursor(`{}`), "the answer is not what the connector declares: meta.next is neither a text nor a number"},
		{"link to another host", shopLink, answering(200, list(0, 10), "Link", `<https://evil.example/api>; rel="next"`), "page 1 names a next page on another host, which is not followed with a token"},
		{"link with another scheme", shopLink, answering(200, list(0, 10), "Link", `<http://shop.example/api>; rel="next"`), "page 1 names a next page on another host, which is not followed with a token"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fault, _ := failure(t, test.text, test.h, nil)
				if fault.Message != test.want {
					t.Errorf("got  %s\nwant %s", fault.Message, test.want)
				}
			})
		})
	}
}

func TestNextLink(t *testing.T) {
	for header, want := range map[string]string{
		`</a?page=2>; rel="next"`:                       "/a?page=2",
		`</a>; rel=prev, </b,c;d>; title="x"; rel=next`: "/b,c;d",
		`</a>; rel="prev"`:                              "",
		`rel="next"`:                                    "",
		`</a; rel="next"`:                               "",
		"":                                              "",
		`<` + strings.Repeat("a", 10) + `>; Rel = "NEXT"`: strings.Repeat("a", 10),
	} {
		if got := nextLink([]string{header}); got != want {
			t.Errorf("%s: got %q, expected %q", header, got, want)
		}
	}
}

// A platform that puts the token into its links does not get it into a position.
func TestPositionHoldsNoToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := inTurn(answering(200, list(0, 10), "Link", `</api/x?access_token=t0ken-secret&n=2>; rel="next"`), answering(200, list(10, 12)))
		w := newWorld(handled{h})
		pages, err := readAll(t.Context(), open(t, declare(t, New(), shopLink), &w.World, nil), "")
		if err != nil {
			t.Fatal(err)
		}
		if got, want := pages[0].Next, pipeline.Position(`{"page":2,"records":10,"cursor":"/api/x?n=2"}`); got != want {
			t.Errorf("got %s, expected %s", got, want)
		}
	})
}

func TestPositionsThatAreNotOurs(t *testing.T) {
	c := declare(t, New(), shopPage)
	w := newWorld(handled{answering(200, "[]")})
	for from, want := range map[pipeline.Position]string{
		"page 3":                  `shop people: cannot go on from position "page 3", which this connector did not make`,
		`{"page":0}`:              `shop people: cannot go on from position "{\"page\":0}", which this connector did not make`,
		`{"page":3,"size":5}`:     "shop people: cannot go on from page 3 with 10 records a page: the pages before had 5",
		`{"page":1,"records":-1}`: `shop people: cannot go on from position "{\"page\":1,\"records\":-1}", which this connector did not make`,
	} {
		if _, err := readAll(t.Context(), open(t, c, &w.World, nil), from); err == nil || err.Error() != want {
			t.Errorf("%s: got  %v\nwant %s", from, err, want)
		}
	}
	s := open(t, declare(t, New(), shopLink), &w.World, nil)
	if _, err := readAll(t.Context(), s, `{"page":2,"cursor":"https://evil.example/x"}`); err == nil || err.Error() != "shop people: the next page has no address on shop.example" {
		t.Errorf("a position on another host: got %v", err)
	}
	if w.made() != 0 {
		t.Errorf("%d calls were made", w.made())
	}
}

func TestCheck(t *testing.T) {
	c := declare(t, New(), shopOffset)
	for _, test := range []struct {
		options pipeline.Options
		want    []pipeline.OptionError
	}{
		{pipeline.Options{"event": "1", "base_url": "https://eu.shop.example", "page_size": int64(20)}, nil},
		{pipeline.Options{"base_url": "http://127.0.0.1:80/x"}, nil},
		{pipeline.Options{"base_url": "http://[::1]:80/x"}, nil},
		{pipeline.Options{"base_url": "http://localhost"}, nil},
		{pipeline.Options{"base_url": "http://10.0.0.1"}, []pipeline.OptionError{{Option: "base_url", Message: "base_url is http, over which anyone could read the token", Hint: "use https; http is for addresses of this machine (127.0.0.1, localhost)"}}},
		{pipeline.Options{"base_url": "http://localhost.evil.example"}, []pipeline.OptionError{{Option: "base_url", Message: "base_url is http, over which anyone could read the token", Hint: "use https; http is for addresses of this machine (127.0.0.1, localhost)"}}},
		{pipeline.Options{"base_url": "https://u:p@shop.example"}, []pipeline.OptionError{{Option: "base_url", Message: "base_url has a user name in it", Hint: "credentials belong to the connection, not into an address"}}},
		{pipeline.Options{"base_url": "https://shop.example?x"}, []pipeline.OptionError{{Option: "base_url", Message: "base_url has a part after ? or #", Hint: "leave it out"}}},
		{pipeline.Options{"base_url": "shop.example"}, []pipeline.OptionError{{Option: "base_url", Message: "base_url is not a web address", Hint: "as in https://api.example.com/v1"}}},
		{pipeline.Options{"base_url": "ftp://shop.example"}, []pipeline.OptionError{{Option: "base_url", Message: `base_url begins with "ftp:"`, Hint: "use https"}}},
		{pipeline.Options{"page_size": int64(0)}, []pipeline.OptionError{{Option: "page_size", Message: "page_size is 0", Hint: "it must be at least 1"}}},
		{pipeline.Options{"page_size": int64(21)}, []pipeline.OptionError{{Option: "page_size", Message: "page_size is 21", Hint: "shop allows 20"}}},
		{pipeline.Options{"event": ".."}, []pipeline.OptionError{{Option: "event", Message: `event is ".."`, Hint: "it is part of an address, in which dots alone mean a folder"}}},
		{pipeline.Options{"event": ""}, []pipeline.OptionError{{Option: "event", Message: "event is empty", Hint: "it is part of an address"}}},
	} {
		if diff := cmp.Diff(test.want, c.Check(test.options)); diff != "" {
			t.Errorf("%v (-want +got):\n%s", test.options, diff)
		}
	}
	_, err := c.Open(t.Context(), pipeline.SourceConfig{Options: pipeline.Options{"event": ".."}, World: &pipeline.World{}})
	if err == nil {
		t.Error("a source was opened with an option that is wrong")
	}
}

func TestOptions(t *testing.T) {
	c := declare(t, New(), shopOffset)
	want := []pipeline.Option{
		{Name: "event", Doc: "id", Type: pipeline.TypeString, Required: true},
		{Name: "base_url", Doc: "where the API is; https, or http on this machine", Type: pipeline.TypeString, Default: "https://shop.example/api"},
		{Name: "page_size", Tuning: true, Doc: "records per call, at most 20", Type: pipeline.TypeInteger, Default: int64(10), Max: 20},
	}
	if diff := cmp.Diff(want, c.Options); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got, want := c.Limit, (pipeline.Limit{Rate: pipeline.Rate{Calls: 100, Per: time.Minute}, Concurrency: 4}); got != want {
		t.Errorf("limit %v, expected %v", got, want)
	}
}

func TestUnknownStream(t *testing.T) {
	c := declare(t, New(), shopOffset)
	_, err := c.Open(t.Context(), pipeline.SourceConfig{Stream: "poeple", World: &pipeline.World{}})
	if want := `open shop: there is no stream "poeple"; did you mean "people"?`; err == nil || err.Error() != want {
		t.Errorf("got %v, expected %s", err, want)
	}
}

func TestTokenVariable(t *testing.T) {
	for connection, want := range map[string]string{"acme": "PIPELINE_ACME_TOKEN", "acme-eu.2": "PIPELINE_ACME_EU_2_TOKEN", "é": "PIPELINE___TOKEN"} {
		if got := TokenVariable(connection); connection != "é" && got != want {
			t.Errorf("%s: got %s, expected %s", connection, got, want)
		}
	}
}

func TestTemplate(t *testing.T) {
	tmpl := template{pieces: []string{"/events/", "/people/", ""}, names: []string{"event", "id"}}
	for _, value := range []string{"7", "a/b", "..%2f", "x y", "é?#"} {
		path := tmpl.path(segments(pipeline.Options{"event": value, "id": int64(3)}))
		if strings.Count(path, "/") != 4 {
			t.Errorf("%q changes the path: %s", value, path)
		}
		u, err := url.Parse("https://x" + path)
		if err != nil {
			t.Fatal(err)
		}
		got, ok := tmpl.match(u.EscapedPath())
		if want := map[string]string{"event": value, "id": "3"}; !ok || !cmp.Equal(got, want) {
			t.Errorf("%s: got %v, expected %v", path, got, want)
		}
	}
	for _, path := range []string{"/events/7/people/", "/events//people/1", "/events/7/people/1/x", "/x"} {
		if got, ok := tmpl.match(path); ok {
			t.Errorf("%s matches with %v", path, got)
		}
	}
}

// A record that is longer than one may be is a reject, and the others of its page
// go on.
func TestRecordThatIsTooLong(t *testing.T) {
	long := `{"id":2,"photo":"` + strings.Repeat("x", maxRecord) + `"}`
	w := newWorld(handled{answering(200, `[{"id":1}, `+long+`,{"id":3}]`)})
	s := open(t, declare(t, New(), "name: shop\nsummary: x\nbase_url: https://shop.example\nauth: none\nstreams:\n  all: {path: /all, records: [.]}\n"), &w.World, nil)
	var got []string
	err := s.Read(t.Context(), "", func(p *pipeline.Page) error {
		for _, r := range p.Records {
			if r.Fault == nil {
				got = append(got, string(r.Text))
				continue
			}
			got = append(got, fmt.Sprintf("%s: %s, at %d, %d bytes, %t", r.Fault.Code, r.Fault.Reason, r.Fault.Offset, r.Fault.Bytes,
				r.Fault.SHA256 == fmt.Sprintf("%x", sha256.Sum256([]byte(long)))))
		}
		p.Release()
		return nil
	})
	want := []string{`{"id":1}`, "too-large: the record is 16777235 bytes long, and a record may have 16777216, at 11, 16777235 bytes, true", `{"id":3}`}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v\nwant %q", got, err, want)
	}
}
