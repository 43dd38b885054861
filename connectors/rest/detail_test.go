package rest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"pipeline/pipeline"
)

const (
	shopDetail      = shop + "    detail: /events/{event}/people/{id}\n"
	shopPagedDetail = shopOffset + "    detail: /events/{event}/people/{id}\n"
)

// shopServer answers lists of people with so many, and details with what detail
// says of an id.
func shopServer(people int, detail func(w http.ResponseWriter, r *http.Request, id string)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if id, ok := strings.CutPrefix(r.URL.EscapedPath(), "/api/events/7/people/"); ok {
			detail(w, r, id)
			return
		}
		offset, _ := strconv.Atoi(r.URL.Query().Get("offset"))
		end := people
		if size, err := strconv.Atoi(r.URL.Query().Get("limit")); err == nil {
			end = min(people, offset+size)
		}
		_, _ = io.WriteString(w, list(offset, end))
	}
}

func more(w http.ResponseWriter, _ *http.Request, id string) {
	_, _ = fmt.Fprintf(w, `{"id":%s,"more":"of %s"}`, id, id)
}

// openWith is a source with so many calls in flight, and as many a second as it
// likes.
func openWith(t testing.TB, text string, w *pipeline.World, concurrency int, change func(*pipeline.SourceConfig)) pipeline.Source {
	t.Helper()
	c := declare(t, New(), text)
	cfg := pipeline.SourceConfig{
		Mapping: "m", Connector: c.Name, Options: pipeline.Options{"event": "7"}, Connection: "acme-eu", World: w,
		Limit: pipeline.Limit{Rate: pipeline.Rate{Calls: 1_000_000, Per: time.Second}, Concurrency: concurrency},
	}
	if change != nil {
		change(&cfg)
	}
	s, err := c.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// piece is a page as far as its place goes.
type piece struct{ Number, First, Records int }

// Whatever calls take and however many are made at once, the records come in
// the order of the list and in the same pieces.
func TestDetailsComeInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var want []string
		for i := range 250 {
			want = append(want, fmt.Sprintf(`{"id":%d,"more":"of %d"}`, i, i))
		}
		for _, concurrency := range []int{1, 3, 16, 200} {
			var mu sync.Mutex
			now, most := 0, 0
			w := newWorld(handled{shopServer(250, func(w http.ResponseWriter, r *http.Request, id string) {
				mu.Lock()
				now++
				most = max(most, now)
				mu.Unlock()
				time.Sleep(time.Duration(rand.IntN(50)) * time.Millisecond)
				mu.Lock()
				now--
				mu.Unlock()
				more(w, r, id)
			})})
			var got []string
			var pieces []piece
			err := openWith(t, shopDetail, &w.World, concurrency, nil).Read(t.Context(), "", func(p *pipeline.Page) error {
				pieces = append(pieces, piece{p.Number, p.First, len(p.Records)})
				for _, r := range p.Records {
					got = append(got, string(r.Text))
				}
				p.Release()
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%d at once (-want +got):\n%s", concurrency, diff)
			}
			wantPieces := []piece{{1, 0, 10}, {1, 10, 10}, {1, 20, 20}, {1, 40, 40}, {1, 80, 80}, {1, 160, 90}}
			if diff := cmp.Diff(wantPieces, pieces); diff != "" {
				t.Errorf("%d at once (-want +got):\n%s", concurrency, diff)
			}
			if most != min(concurrency, maxCallers) || w.made() != 251 {
				t.Errorf("%d calls, %d of them at once, expected 251 and %d", w.made(), most, concurrency)
			}
		}
	})
}

// A run that goes on after any piece reads what it would have read.
func TestDetailsGoOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(handled{shopServer(45, more)})
		s := openWith(t, shopPagedDetail, &w.World, 4, func(c *pipeline.SourceConfig) { c.Options["page_size"] = int64(20) })
		pages, err := readAll(t.Context(), s, "")
		if err != nil {
			t.Fatal(err)
		}
		var pieces []string
		for i, p := range pages {
			pieces = append(pieces, fmt.Sprint(p.Number, " ", len(p.Records)))
			rest, err := readAll(t.Context(), s, p.Next)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(flat(pages[i+1:]), flat(rest)); diff != "" {
				t.Errorf("after piece %d (-whole +resumed):\n%s", i+1, diff)
			}
		}
		if diff := cmp.Diff([]string{"1 10", "1 10", "2 10", "2 10", "3 5"}, pieces); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if got, want := pages[2].Next, pipeline.Position(`{"page":2,"records":20,"item":10}`); got != want {
			t.Errorf("got %s, expected %s", got, want)
		}
		// where the last page of the list is empty, and where a page was cut shorter since
		if got, err := readAll(t.Context(), s, `{"page":3,"records":40,"item":9}`); err != nil || len(got) != 1 || len(got[0].Records) != 0 {
			t.Errorf("got %v and %v, expected an empty page", got, err)
		}
	})
}

func flat(pages []got) []string {
	records := []string{}
	for _, p := range pages {
		records = append(records, p.Records...)
	}
	return records
}

func TestMerge(t *testing.T) {
	d := &details{names: map[string]bool{}}
	for _, test := range []struct{ listed, detail, want string }{
		{`{"id":1,"first":"a"}`, `{"id":1.0,"name":"b"}`, `{"first":"a","id":1.0,"name":"b"}`},
		{`{"id":1}`, `{"id":2}`, `{"id":2}`},
		{`{"id":1,"a":null}`, `{}`, `{"id":1,"a":null}`},
		{`{}`, `{}`, `{}`},
		{` { "a" : [1, {"b":2}] , "c":3 } `, " {\n \"c\" : 4 }\r\n", "{\"a\":[1, {\"b\":2}],\n \"c\" : 4 }"},
		{`{"a":9007199254740993}`, `{ }`, `{"a":9007199254740993 }`},
		{`{"a":1,"a":2,"b":1}`, `{"b":2}`, `{"a":1,"a":2,"b":2}`},
	} {
		if got := string(d.merge([]byte("x"), []byte(test.listed), []byte(test.detail))); got != "x"+test.want {
			t.Errorf("%s and %s:\ngot  %s\nwant x%s", test.listed, test.detail, got, test.want)
		}
	}
}

// A record whose detail cannot be had is kept whole, with the reason, and the
// others go on.
func TestRecordsWithoutDetail(t *testing.T) {
	long := strings.Repeat("9", 256)
	records := []struct{ listed, want string }{
		{`{"id": 1, "a": "b"}`, `{"a":"b","id":1,"more":"of 1"}`},
		{`{"a": 1}`, `detail-failed: the listed record has no "id", which the address of its detail is made of`},
		{`{"id": null}`, `detail-failed: "id" of the listed record is neither a text nor a number, and the address of its detail is made of it`},
		{`{"id": {"id": 1}}`, `detail-failed: "id" of the listed record is neither a text nor a number, and the address of its detail is made of it`},
		{`{"id": 01}`, `detail-failed: "id" of the listed record is neither a text nor a number, and the address of its detail is made of it`},
		{`{"id": 1, "id": 2}`, `detail-failed: the listed record has "id" twice, which the address of its detail is made of`},
		{`{"id": ""}`, `detail-failed: "id" of the listed record cannot stand in the address of its detail`},
		{`{"id": ".."}`, `detail-failed: "id" of the listed record cannot stand in the address of its detail`},
		{`{"id": "` + long + `"}`, `detail-failed: "id" of the listed record cannot stand in the address of its detail`},
		{`{"id": 404}`, `detail-failed: the detail call answered 404: it is not there any more`},
		{`{"id": 410}`, `detail-failed: the detail call answered 410: it is not there any more`},
		{`{"id": "a/../b é?#%2f"}`, `{"path":"a%2F..%2Fb%20%C3%A9%3F%23%252f"}`},
		{`[1]`, `[1]`}, // what it is, the mapper says
		{`{"a" 1}`, `{"a" 1}`},
		{`{"id": 2}`, `{"id":2,"more":"of 2"}`},
	}
	var text, want []string
	for _, r := range records {
		text = append(text, r.listed)
		want = append(want, r.want)
	}
	h := func(w http.ResponseWriter, r *http.Request) {
		id, ok := strings.CutPrefix(r.URL.EscapedPath(), "/api/events/7/people/")
		status, _ := strconv.Atoi(id)
		switch {
		case !ok:
			_, _ = io.WriteString(w, "["+strings.Join(text, ",")+"]")
		case status > 400:
			w.WriteHeader(status)
		case status == 0:
			_, _ = fmt.Fprintf(w, `{"path":%q}`, id)
		default:
			more(w, r, id)
		}
	}
	w := newWorld(handled{http.HandlerFunc(h)})
	var got []string
	i := 0
	err := openWith(t, shopDetail, &w.World, 3, nil).Read(t.Context(), "", func(p *pipeline.Page) error {
		for _, r := range p.Records {
			if r.Fault == nil {
				got = append(got, strings.Replace(string(r.Text), `"id":"a/../b é?#%2f",`, "", 1))
			} else {
				got = append(got, r.Fault.Code+": "+r.Fault.Reason)
				if string(r.Raw) != records[i].listed || r.Text != nil {
					t.Errorf("%s was kept as %q", records[i].listed, r.Raw)
				}
			}
			i++
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// What is wrong with a call and not with its record ends the run, and says
// where it was without saying whose.
func TestDetailFailures(t *testing.T) {
	person := func(t *testing.T, text string, h http.HandlerFunc) (*Error, *world) {
		return failure(t, text, shopServer(30, func(w http.ResponseWriter, r *http.Request, id string) {
			if id == "12" {
				h(w, r)
				return
			}
			more(w, r, id)
		}), nil)
	}
	const at = "shop: GET /api/events/7/people/{id}: "
	for _, test := range []struct {
		name, text string
		h          http.HandlerFunc
		want       string
	}{
		{"500", shopDetail, answering(500, ""), "500 Internal Server Error: item 13 of page 1: the platform has a problem; run again later (gave up after 5 tries)"},
		{"403", shopDetail, answering(403, ""), `403 Forbidden: item 13 of page 1: the user behind the token of connection "acme-eu" may not see event "7", or the organisation is not enabled for these credentials; ask for access on the platform`},
		{"404 that is said to be a failure", shopDetail + "status: {404: fail}\n", answering(404, ""), `404 Not Found: item 13 of page 1: there is no event "7"; check the id and base_url`},
		{"a list", shopDetail, answering(200, "[]"), "item 13 of page 1: the answer is not what the connector declares: an object is wanted, found a list (gave up after 5 tries)"},
		{"cut off", shopDetail, answering(200, `{"id":12`), "item 13 of page 1: the answer is not what the connector declares: it is cut off in the middle (gave up after 5 tries)"},
		{"too long", shopDetail, answering(200, `{"id":"`+strings.Repeat("x", maxDetail)+`"}`), "item 13 of page 1: the answer has more than 8 MiB"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fault, _ := person(t, test.text, test.h)
				if got := fault.Error(); got != at+test.want {
					t.Errorf("got  %s\nwant %s", got, at+test.want)
				}
			})
		})
	}
}

// However long one call takes, no more than a few others are made before it is
// answered, and however long a page is worked on, no more than a few are ahead.
func TestDetailsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := make(chan struct{})
		w := newWorld(handled{shopServer(500, func(w http.ResponseWriter, r *http.Request, id string) {
			if id == "30" {
				<-slow
			}
			more(w, r, id)
		})})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		read := 0
		next := make(chan struct{})
		done := make(chan error)
		go func() {
			done <- openWith(t, shopDetail, &w.World, 4, nil).Read(ctx, "", func(p *pipeline.Page) error {
				read += len(p.Records)
				<-next
				return nil
			})
		}()
		for _, step := range []struct{ read, calls int }{{10, 1 + 10 + 8}, {20, 1 + 20 + 8}, {20, 1 + 20 + 10 + 8}} {
			synctest.Wait()
			if read != step.read || w.made() > step.calls {
				t.Errorf("%d records and %d calls, expected %d and at most %d", read, w.made(), step.read, step.calls)
			}
			if step.calls < 1+20+10+8 {
				next <- struct{}{}
			}
		}
		close(slow)
		close(next)
		if err := <-done; err != nil || read != 500 {
			t.Errorf("%d records and %v", read, err)
		}
	})
}

func TestDetailsEnd(t *testing.T) {
	enough := errors.New("enough")
	for name, test := range map[string]struct {
		cancel bool
		want   error
	}{"with the context": {true, context.Canceled}, "with yield": {false, enough}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // which fails where a goroutine is left
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				w := newWorld(handled{shopServer(500, func(w http.ResponseWriter, r *http.Request, id string) {
					time.Sleep(time.Second)
					more(w, r, id)
				})})
				if test.cancel {
					time.AfterFunc(20500*time.Millisecond, cancel)
				}
				pages := 0
				err := openWith(t, shopPagedDetail, &w.World, 2, nil).Read(ctx, "", func(*pipeline.Page) error {
					if pages++; pages == 4 && !test.cancel {
						return enough
					}
					return nil
				})
				if !errors.Is(err, test.want) || pages != 4 {
					t.Errorf("%v after %d pages, expected %v after 4", err, pages, test.want)
				}
			})
		})
	}
}

// An empty list has no details, and a page all the same.
func TestNoDetails(t *testing.T) {
	w := newWorld(handled{answering(200, "[]")})
	pages, err := readAll(t.Context(), openWith(t, shopDetail, &w.World, 4, nil), "")
	want := []got{{Number: 1, Next: `{"page":2,"end":true}`}}
	if diff := cmp.Diff(want, pages); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func TestDeclaredDetail(t *testing.T) {
	for text, want := range map[string]string{
		"detail: /people/{id}":                "",
		"detail: /people/{event}/{other}":     "",
		"detail: /people/{evnt}/{id}":         `11:13 {evnt} is not an option of this connector (did you mean "event"?)`,
		"detail: /people/{event}":             `11:13 detail "/people/{event}" is the same for every record (name a member of the listed record in it, such as {id})`,
		"detail: 'people/{id}?x=1'":           `11:13 detail "people/{id}?x=1" is not a path below base_url (it begins with / and has no ? or #)`,
		"detail: /people/{}":                  `11:13 {} names nothing (name an option, or a member of the listed record such as {id})`,
		"incremental: {param: from, form: u}": `11:18 incremental needs "field" (the member of a record that tells when it was changed)`,
	} {
		_, diags := New().Declare("x.yaml", []byte(shop+"    "+text+"\n"), nil)
		got := ""
		if len(diags) > 0 {
			got = fmt.Sprintf("%d:%d %s (%s)", diags[0].Span.Start.Line, diags[0].Span.Start.Column, diags[0].Message, diags[0].Hint)
		}
		if got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", text, got, want)
		}
	}
}

// 20,000 records of 4 KiB, 80 MB in all, go by in the memory of a few of them.
func TestDetailsNeedLittleMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("20,000 calls")
	}
	filling := strings.Repeat("x", 4<<10)
	w := newWorld(quick{shopServer(20_000, func(w http.ResponseWriter, _ *http.Request, id string) {
		_, _ = fmt.Fprintf(w, `{"id":%s,"more":"%s"}`, id, filling)
	})})
	w.Calls = nil
	var before, now runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	read, most := 0, uint64(0)
	err := openWith(t, shopDetail, &w.World, 4, nil).Read(t.Context(), "", func(p *pipeline.Page) error {
		if read += len(p.Records); read%1000 < 100 {
			runtime.GC()
			runtime.ReadMemStats(&now)
			most = max(most, now.HeapAlloc)
		}
		p.Release()
		return nil
	})
	if err != nil || read != 20_000 {
		t.Fatalf("%d records and %v", read, err)
	}
	if grown := (int64(most) - int64(before.HeapAlloc)) >> 20; grown > 8 {
		t.Errorf("%d MiB were in use, expected at most 8: 3 for the list and a few for details", grown)
	}
}

// quick makes calls of a handler with less memory than handled.
type quick struct{ http.Handler }

func (q quick) RoundTrip(r *http.Request) (*http.Response, error) {
	w := &quickWriter{header: http.Header{}}
	q.ServeHTTP(w, r)
	return &http.Response{StatusCode: 200, Header: w.header, ContentLength: int64(w.body.Len()), Body: io.NopCloser(strings.NewReader(w.body.String()))}, nil
}

type quickWriter struct {
	header http.Header
	body   strings.Builder
}

func (w *quickWriter) Header() http.Header         { return w.header }
func (w *quickWriter) WriteHeader(int)             {}
func (w *quickWriter) Write(p []byte) (int, error) { return w.body.Write(p) }
