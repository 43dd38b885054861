package floktu

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"pipeline/connectors/rest"
	"pipeline/pipeline"
)

// recording is calls and answers that were written down, and what a reader
// makes of them.
type recording struct {
	Stream    string
	Exchanges []exchange
	Want      []string
	Error     string
}

type exchange struct {
	Request string
	Status  int
	Header  map[string]string
	Body    json.RawMessage
}

// player answers the calls of a recording. Details are asked for beside each
// other: only answers to the same request have an order.
type player struct {
	t  *testing.T
	mu sync.Mutex
	recording
}

func (p *player) RoundTrip(r *http.Request) (*http.Response, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	request := r.Method + " " + r.URL.RequestURI()
	i := slices.IndexFunc(p.Exchanges, func(x exchange) bool { return x.Request == request })
	if i < 0 {
		p.t.Errorf("%s was not recorded", request)
		return nil, io.EOF
	}
	x := p.Exchanges[i]
	p.Exchanges = slices.Delete(p.Exchanges, i, i+1)
	if got := r.Header.Get("Authorization"); r.URL.Host != "floktu.com" || got != "Bearer t0ken" {
		p.t.Errorf("a call to %s with %q", r.URL.Host, got)
	}
	header := http.Header{}
	for name, value := range x.Header {
		header.Set(name, value)
	}
	body := []byte(x.Body)
	var text string
	if json.Unmarshal(body, &text) == nil {
		body = []byte(text)
	}
	return &http.Response{StatusCode: x.Status, Header: header, ContentLength: int64(len(body)), Body: io.NopCloser(bytes.NewReader(body))}, nil
}

func load(t *testing.T, file string) recording {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var r recording
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestRecordedExchanges(t *testing.T) {
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal("no recordings", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &player{t: t, recording: load(t, file)}
				got, err := read(t, p, p.Stream)
				if diff := cmp.Diff(p.Want, got); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
				if err == nil && p.Error != "" || err != nil && err.Error() != p.Error {
					t.Errorf("got  %v\nwant %s", err, p.Error)
				}
				if len(p.Exchanges) > 0 {
					t.Errorf("%d calls were not made", len(p.Exchanges))
				}
			})
		})
	}
}

// read is the records of a stream, or why there is none.
func read(t *testing.T, rt http.RoundTripper, stream string) (records []string, err error) {
	t.Helper()
	c := Connector(rest.New())
	options := pipeline.Options{}
	if stream == "orders" {
		options["event"] = int64(12345)
	}
	source, err := c.Open(t.Context(), pipeline.SourceConfig{
		Options: options, Stream: stream, Limit: c.Limit, Connection: "acme",
		World: &pipeline.World{HTTP: rt, Token: func(string) (pipeline.Token, error) { return pipeline.Token{Value: "t0ken"}, nil }},
	})
	if err != nil {
		t.Fatal(err)
	}
	err = source.Read(t.Context(), "", func(p *pipeline.Page) error {
		for _, r := range p.Records {
			if r.Fault != nil {
				records = append(records, fmt.Sprintf("%s: %s: %s", r.Fault.Code, r.Fault.Reason, r.Raw))
				continue
			}
			records = append(records, string(r.Text))
		}
		return nil
	})
	return records, err
}

func TestDeclaration(t *testing.T) {
	c := Connector(rest.New())
	if c.Name != "floktu" || !c.Remote || c.Limit.Rate.String() != "300/min" || c.Limit.Concurrency != 4 {
		t.Errorf("got %+v", c)
	}
	var got []string
	for _, s := range c.Streams {
		got = append(got, fmt.Sprint(s.Name, " ", s.Key, " ", s.Schema.Name, " ", s.Needs, " ", s.Incremental))
	}
	want := []string{"orders id schemas/floktu.order.schema.json [event] false", "events id schemas/floktu.event.schema.json [] false"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	_, err := c.Open(t.Context(), pipeline.SourceConfig{Options: pipeline.Options{}, World: &pipeline.World{}})
	if want := "open floktu: stream orders needs the option event: numeric id of the event, of which the orders are"; err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

// schema is what the connector says of the records of a stream.
func schema(t *testing.T, stream int) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Connector(rest.New()).Streams[stream].Schema.Text))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("record.json", doc); err != nil {
		t.Fatal(err)
	}
	return compiler.MustCompile("record.json")
}

func TestRecordedRecordsAreValid(t *testing.T) {
	for stream, file := range []string{"orders", "events"} {
		s, n := schema(t, stream), 0
		for _, record := range load(t, "testdata/"+file+".json").Want {
			v, err := jsonschema.UnmarshalJSON(strings.NewReader(record))
			if err != nil {
				continue // the one that is gone
			}
			if err := s.Validate(v); err != nil {
				t.Errorf("%s: %v", record, err)
			}
			n++
		}
		if n < 2 {
			t.Errorf("%d of %s were looked at", n, file)
		}
	}
}

// What Floktu documents is in the sandbox, over HTTP: the list says little, the
// details the rest, of the same people, and everything that may be missing is.
func TestSandboxOrders(t *testing.T) {
	e := rest.New()
	c := Connector(e)
	sandbox, err := e.Sandbox("floktu", rest.SandboxOptions{})
	if err != nil {
		t.Fatal(err)
	}
	ask := func(path string) any {
		r := httptest.NewRequest(http.MethodGet, "/api/v2"+path, nil)
		r.Header.Set("Authorization", "Bearer "+sandbox.Token().Value)
		w := httptest.NewRecorder()
		sandbox.ServeHTTP(w, r)
		v, err := jsonschema.UnmarshalJSON(w.Body)
		if err != nil || w.Code != 200 {
			t.Fatalf("%s: %d %v", path, w.Code, err)
		}
		return v
	}
	events, event, order := ask("/events").([]any), schema(t, 1), schema(t, 0)
	for _, v := range events {
		if err := event.Validate(v); err != nil {
			t.Errorf("%v: %v", v, err)
		}
	}
	seen, attendees := map[string]int{}, map[int]int{}
	orders := ask("/events/12345/orders").([]any)
	for _, l := range orders {
		listed := l.(map[string]any)
		one := ask(fmt.Sprintf("/events/12345/orders/%v", listed["id"])).(map[string]any)
		if err := order.Validate(one); err != nil {
			t.Errorf("%v: %v", one, err)
		}
		if len(listed) != 4 || listed["email"] != one["email"] || one["name"] != listed["first_name"].(string)+" "+listed["last_name"].(string) {
			t.Errorf("listed as %v, and in detail %v", listed, one)
		}
		seen[one["status"].(string)]++
		list, there := one["attendees"].([]any)
		if !there {
			seen["no attendees"]++
			continue
		}
		attendees[len(list)]++
		for _, a := range list {
			answers, there := a.(map[string]any)["attendee_data"].([]any)
			if !there {
				seen["no answers"]++
			}
			for _, answer := range answers {
				if _, there := answer.(map[string]any)["answer"]; !there {
					seen["no answer"]++
				}
			}
			if _, there := a.(map[string]any)["check_in_date"]; !there {
				seen["not checked in"]++
			}
		}
	}
	if len(orders) != 40 || len(events) != 40 {
		t.Errorf("%d orders and %d events, expected 40 of each", len(orders), len(events))
	}
	for n := range 5 {
		if attendees[n] == 0 {
			t.Errorf("no order has %d attendees: %v", n, attendees)
		}
	}
	for _, what := range []string{"confirmed", "unconfirmed", "cancelled", "no attendees", "no answers", "no answer", "not checked in"} {
		if seen[what] == 0 {
			t.Errorf("there is none that is %s: %v", what, seen)
		}
	}

	// and a reader reads them all
	server := httptest.NewServer(sandbox)
	defer server.Close()
	limit := pipeline.Limit{Rate: pipeline.Rate{Calls: 100, Per: time.Second}, Concurrency: 4}
	source, err := c.Open(t.Context(), pipeline.SourceConfig{
		Options: pipeline.Options{"event": int64(12345), "base_url": sandbox.BaseURL(server.URL)}, Limit: limit,
		World: &pipeline.World{Token: func(string) (pipeline.Token, error) { return sandbox.Token(), nil }},
	})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	err = source.Read(t.Context(), "", func(p *pipeline.Page) error {
		n += len(p.Records)
		return nil
	})
	if err != nil || n != 40 {
		t.Errorf("%d records and %v", n, err)
	}
}
