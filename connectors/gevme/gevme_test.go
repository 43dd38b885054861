package gevme

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
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
	PageSize  int64 `json:"page_size"`
	Exchanges []struct {
		Request string
		Status  int
		Header  map[string]string
		Body    json.RawMessage
	}
	Want  [][]string
	Error string
}

// player answers the calls of a recording, in their order.
type player struct {
	t *testing.T
	recording
}

func (p *player) RoundTrip(r *http.Request) (*http.Response, error) {
	if len(p.Exchanges) == 0 {
		p.t.Errorf("%s %s was not recorded", r.Method, r.URL.RequestURI())
		return nil, io.EOF
	}
	x := p.Exchanges[0]
	p.Exchanges = p.Exchanges[1:]
	if got := r.Method + " " + r.URL.RequestURI(); got != x.Request {
		p.t.Errorf("got %s, recorded is %s", got, x.Request)
	}
	if got := r.Header.Get("Authorization"); r.URL.Host != "www.gevme.com" || got != "Bearer t0ken" {
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

func TestRecordedExchanges(t *testing.T) {
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal("no recordings", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				text, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				p := &player{t: t}
				if err := json.Unmarshal(text, &p.recording); err != nil {
					t.Fatal(err)
				}
				got, err := read(t, p, pipeline.Options{"event": "25198085", "page_size": p.PageSize})
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

// read is the records of each page.
func read(t *testing.T, rt http.RoundTripper, options pipeline.Options) ([][]string, error) {
	t.Helper()
	c := Connector(rest.New())
	source, err := c.Open(t.Context(), pipeline.SourceConfig{
		Options: options, Limit: c.Limit, Connection: "acme",
		World: &pipeline.World{HTTP: rt, Token: func(string) (pipeline.Token, error) { return pipeline.Token{Value: "t0ken"}, nil }},
	})
	if err != nil {
		t.Fatal(err)
	}
	var pages [][]string
	err = source.Read(t.Context(), "", func(p *pipeline.Page) error {
		records := []string{}
		for _, r := range p.Records {
			records = append(records, string(r.Text))
		}
		pages = append(pages, records)
		return nil
	})
	return pages, err
}

func TestDeclaration(t *testing.T) {
	c := Connector(rest.New())
	if c.Name != "gevme" || !c.Remote || c.Docs != "https://www.gevme.com/apiv2/docs" || c.Limit.Rate.String() != "500/min" {
		t.Errorf("got %+v", c)
	}
	stream := c.Streams[0]
	if stream.Name != "attendees" || stream.Key != "id" || !stream.Incremental || stream.Schema.Name != "schemas/gevme.attendee.schema.json" {
		t.Errorf("got stream %+v", stream)
	}
	if wrong := c.Check(pipeline.Options{"event": "1", "page_size": int64(1001)}); len(wrong) != 1 || wrong[0].Hint != "gevme allows 1000" {
		t.Errorf("a page of 1,001 records: got %v", wrong)
	}
}

// What was changed after a time is asked for as GEVME's clients do, page by page,
// and the sandbox gives no more.
func TestChanges(t *testing.T) {
	e := rest.New()
	c := Connector(e)
	sandbox, err := e.Sandbox("gevme", rest.SandboxOptions{})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(sandbox)
	defer server.Close()
	read := func(since time.Time) (pages, records int) {
		source, err := c.Open(t.Context(), pipeline.SourceConfig{
			Options: pipeline.Options{"event": "1", "base_url": sandbox.BaseURL(server.URL)}, Limit: c.Limit, Since: since,
			World: &pipeline.World{Token: func(string) (pipeline.Token, error) { return sandbox.Token(), nil }},
		})
		if err != nil {
			t.Fatal(err)
		}
		err = source.Read(t.Context(), "", func(p *pipeline.Page) error {
			pages++
			for _, r := range p.Records {
				records++
				v, err := pipeline.Lookup(r.Text, "updated_at")
				if at, _ := time.Parse(time.RFC3339, v.Text()); err != nil || !since.IsZero() && at.Before(since) {
					t.Errorf("changed at %q, asked for after %v (%v)", v.Text(), since, err)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return pages, records
	}
	if _, all := read(time.Time{}); all != 2500 {
		t.Errorf("%d records, expected all", all)
	}
	if pages, some := read(time.Date(2026, 1, 1, 20, 0, 0, 0, time.UTC)); pages != 2 || some < 1500 || some >= 2000 {
		t.Errorf("%d records on %d pages, expected more than 1,500 on two pages", some, pages)
	}
}

// schema is what the connector says of an attendee.
func schema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Connector(rest.New()).Streams[0].Schema.Text))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	if err := compiler.AddResource("attendee.json", doc); err != nil {
		t.Fatal(err)
	}
	return compiler.MustCompile("attendee.json")
}

func TestRecordedAttendeesAreValid(t *testing.T) {
	attendee := schema(t)
	for _, file := range []string{"list", "data"} {
		text, err := os.ReadFile("testdata/" + file + ".json")
		if err != nil {
			t.Fatal(err)
		}
		var r recording
		if err := json.Unmarshal(text, &r); err != nil {
			t.Fatal(err)
		}
		for _, page := range r.Want {
			for _, record := range page {
				v, err := jsonschema.UnmarshalJSON(strings.NewReader(record))
				if err != nil {
					t.Fatal(err)
				}
				if err := attendee.Validate(v); err != nil {
					t.Errorf("%s: %v", record, err)
				}
			}
		}
	}
}

// Everybody in the sandbox is a valid attendee, nobody is there twice, and
// everything that breaks things is there.
func TestSandboxAttendees(t *testing.T) {
	e := rest.New()
	Connector(e)
	sandbox, err := e.Sandbox("gevme", rest.SandboxOptions{})
	if err != nil {
		t.Fatal(err)
	}
	attendee, ids, all := schema(t), map[string]bool{}, ""
	for offset := 0; offset < 3000; offset += 1000 {
		r := httptest.NewRequest(http.MethodGet, fmt.Sprintf("/apiv2/api/events/1/attendees?limit=1000&offset=%d", offset), nil)
		r.Header.Set("Authorization", "Bearer "+sandbox.Token().Value)
		w := httptest.NewRecorder()
		sandbox.ServeHTTP(w, r)
		all += w.Body.String()
		records, err := jsonschema.UnmarshalJSON(w.Body)
		if err != nil {
			t.Fatal(err)
		}
		for _, record := range records.([]any) {
			if err := attendee.Validate(record); err != nil {
				t.Fatalf("%v: %v", record, err)
			}
			ids[fmt.Sprint(record.(map[string]any)["id"])] = true
		}
	}
	if len(ids) != 2500 {
		t.Errorf("%d ids, expected 2,500", len(ids))
	}
	for what, text := range map[string]string{
		"an id above 2^53": `"id":9007199`, "a null": `"phone":null`, "an answer over two lines": `Halal\nno`,
		"a formula": `=HYPERLINK(`, "a plus": `"+65 Ventures"`, "Chinese": "小明", "Arabic": "محمد", "an emoji": "👩‍🚀",
		"a combining character": "Zoe\u0308", "an NBSP": "Jean\u00a0Luc", "an entity": `AT\u0026amp;T`, "another zone": "+08:00",
		"spaces around": `" Ada.`, "capitals": "@EXAMPLE.COM", "a quote": `Robert \"Bobby\"`, "an apostrophe": "O'Brien", "a comma": "Smith, Jones",
		"a long name": strings.Repeat("Wolfeschlegel", 20),
	} {
		if !strings.Contains(all, text) {
			t.Errorf("%s is not among them: %s", what, text)
		}
	}
}
