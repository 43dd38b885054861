package rest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"pipeline/pipeline"
)

const shopSchema = `{
  "$defs": {"money": {"type": "number", "minimum": 0, "maximum": 99.5}},
  "type": "object", "required": ["id", "email", "lines"],
  "properties": {
    "id": {"type": "string"},
    "email": {"type": "string", "format": "email"},
    "day": {"type": "string", "format": "date"},
    "at": {"type": ["string", "null"], "format": "date-time"},
    "site": {"type": "string", "format": "uri"},
    "uid": {"type": "string", "format": "uuid"},
    "short_name": {"type": "string", "maxLength": 3},
    "price": {"$ref": "#/$defs/money"},
    "count": {"type": "integer", "minimum": 5, "maximum": 7},
    "kind": {"enum": ["a", "b", null]},
    "fixed": {"const": 7},
    "any": true,
    "either": {"anyOf": [{"type": "boolean"}, {"type": "null"}]},
    "lines": {"type": "array", "items": {"type": "object", "required": ["line_id"], "properties": {"line_id": {"type": "integer"}}}}
  }
}`

// shopWith is the engine and sandbox of a shop with a schema.
func shopWith(t testing.TB, schema string, o SandboxOptions) (pipeline.SourceConnector, *Sandbox) {
	t.Helper()
	e := New()
	c, diags := e.Declare("shop.yaml", []byte(shopOffset+"    schema: shop.json\n"), func(string) ([]byte, error) { return []byte(schema), nil })
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	sandbox, err := e.Sandbox("shop", o)
	if err != nil {
		t.Fatal(err)
	}
	return c, sandbox
}

// ask is the answer of a sandbox to one call.
func ask(s *Sandbox, path string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.Header.Set("Authorization", "Bearer "+s.Token().Value)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

func TestSandboxRecordsAreValid(t *testing.T) {
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(shopSchema))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	if err := compiler.AddResource("shop.json", doc); err != nil {
		t.Fatal(err)
	}
	schema := compiler.MustCompile("shop.json")
	_, sandbox := shopWith(t, shopSchema, SandboxOptions{Records: 20})
	keys := map[string]bool{}
	for seed := range 30 {
		sandbox.seed = uint64(seed)
		body := ask(sandbox, "/api/events/7/people?limit=20").Body
		records, err := jsonschema.UnmarshalJSON(body)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range records.([]any) {
			if err := schema.Validate(r); err != nil {
				t.Fatalf("%v: %v", r, err)
			}
			for name := range r.(map[string]any) {
				keys[name] = true
			}
		}
		sandbox.times = nil
	}
	if len(keys) != 14 {
		t.Errorf("of the 14 names of the schema, %d were made", len(keys))
	}
}

func TestSandboxIsTheSameEachTime(t *testing.T) {
	read := func(seed uint64, path string) string {
		_, s := shopWith(t, shopSchema, SandboxOptions{Seed: seed})
		return ask(s, path).Body.String()
	}
	const page = "/api/events/7/people?offset=10"
	if a, b := read(1, page), read(1, page); a != b {
		t.Error("the same seed gave other bytes")
	}
	if a, b := read(1, page), read(2, page); a == b {
		t.Error("another seed gave the same bytes")
	}
	if a, b := read(1, page), read(1, "/api/events/8/people?offset=10"); a == b {
		t.Error("another event gave the same bytes")
	}
}

// Whatever the way to log in is, the sandbox takes its own token and no other.
func TestSandboxTakesItsToken(t *testing.T) {
	for _, auth := range []string{"bearer", "basic", "{header: {name: X-API-Key, prefix: \"Key \"}}", "none"} {
		e := New()
		c := declare(t, e, strings.Replace(shopOffset, "auth: bearer", "auth: "+auth, 1))
		s, err := e.Sandbox("shop", SandboxOptions{Records: 3})
		if err != nil {
			t.Fatal(err)
		}
		for _, token := range []pipeline.Token{s.Token(), {Value: "other"}} {
			w := newWorld(handled{s})
			w.Token = func(string) (pipeline.Token, error) { return token, nil }
			_, err := readAll(t.Context(), open(t, c, &w.World, nil), "")
			if good := token == s.Token() || auth == "none"; good != (err == nil) {
				t.Errorf("%s with the token %q: got %v", auth, token.Value, err)
			}
		}
	}
}

func TestSandboxRefuses(t *testing.T) {
	_, s := shopWith(t, "", SandboxOptions{})
	for _, test := range []struct {
		path   string
		header []string
		status int
		want   string
	}{
		{"/api/events/7/people", nil, 200, ""},
		{"/api/events/7/people", []string{"Authorization", ""}, 401, `{"error":"the token is missing or not known"}`},
		{"/api/events/7/people", []string{"Authorization", "Bearer nobody"}, 401, `{"error":"the token is missing or not known"}`},
		{"/api/events/missing-1/people", nil, 404, `{"error":"there is no such event"}`},
		{"/api/events/7/peeple", nil, 404, `{"error":"there is no such list"}`},
		{"/other", nil, 404, `{"error":"nothing here; this API is below /api"}`},
		{"/api/events/7/people?limit=21", nil, 400, `{"error":"limit must be a number from 1 to 20"}`},
		{"/api/events/7/people?limit=0", nil, 400, `{"error":"limit must be a number from 1 to 20"}`},
		{"/api/events/7/people?offset=-1", nil, 400, `{"error":"offset is not known"}`},
		{"/api/events/7/people?offset=x", nil, 400, `{"error":"offset is not known"}`},
	} {
		w := ask(s, test.path, test.header...)
		if w.Code != test.status || test.want != "" && strings.TrimSpace(w.Body.String()) != test.want {
			t.Errorf("%s %v: got %d %s, expected %d %s", test.path, test.header, w.Code, w.Body, test.status, test.want)
		}
	}
}

func TestSandboxKeepsTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, s := shopWith(t, "", SandboxOptions{})
		for i := range 100 {
			if w := ask(s, "/api/events/7/people"); w.Code != 200 {
				t.Fatalf("call %d: %d", i+1, w.Code)
			}
			time.Sleep(100 * time.Millisecond)
		}
		if w := ask(s, "/api/events/7/people"); w.Code != 429 || w.Header().Get("Retry-After") != "50" {
			t.Errorf("got %d with Retry-After %q, expected 429 with 50", w.Code, w.Header().Get("Retry-After"))
		}
		time.Sleep(50 * time.Second)
		if w := ask(s, "/api/events/7/people"); w.Code != 200 {
			t.Errorf("after the wait: %d", w.Code)
		}
	})
}

func TestSandboxWithAnotherLimit(t *testing.T) {
	_, s := shopWith(t, "", SandboxOptions{Rate: pipeline.Rate{Calls: 2, Per: time.Hour}})
	for i, want := range []int{200, 200, 429} {
		if w := ask(s, "/api/events/7/people"); w.Code != want {
			t.Errorf("call %d: got %d, expected %d", i+1, w.Code, want)
		}
	}
}

// A reader gets over every fault, and reads what it would have read without.
func TestFaults(t *testing.T) {
	read := func(faults ...string) ([]got, *world) {
		c, s := shopWith(t, shopSchema, SandboxOptions{Records: 45, Faults: faults})
		server := httptest.NewServer(s)
		defer server.Close()
		transport := newTransport()
		defer transport.CloseIdleConnections()
		w := newWorld(transport)
		w.Token = func(string) (pipeline.Token, error) { return s.Token(), nil }
		pages, err := readAll(t.Context(), open(t, c, &w.World, pipeline.Options{"base_url": s.BaseURL(server.URL)}), "")
		if err != nil {
			t.Fatal(err)
		}
		return pages, w
	}
	whole, _ := read()
	faulty, w := read("cut@2", "html@4", "500@6")
	if diff := cmp.Diff(whole, faulty); diff != "" {
		t.Errorf("(-without +with faults):\n%s", diff)
	}
	var statuses []string
	for _, c := range w.calls {
		if c.WaitFor.IsZero() {
			statuses = append(statuses, strconv.Itoa(c.Status)+" "+c.Err)
		}
	}
	want := []string{
		"200 ", "0 the answer was cut off in the middle",
		"200 ", `200 the answer looks like an HTML page ("text/html; charset=utf-8"), not JSON; check base_url, and that no login page or proxy stands in between`,
		"200 ", "500 the platform has a problem; run again later", "200 ", "200 ",
	}
	if diff := cmp.Diff(want, statuses); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestParseFaults(t *testing.T) {
	got, err := parseFaults([]string{"429@3, 500@2-6", "slow@1"})
	if err != nil || fmt.Sprint(got) != "[{429 3 3} {500 2 6} {slow 1 1}]" {
		t.Errorf("got %v and %v", got, err)
	}
	for _, text := range []string{"", "429", "429@", "429@0", "429@3-2", "200@1", "oops@1", "429@x"} {
		if _, err := parseFaults([]string{text}); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
}

func TestSlowAndRepeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, s := shopWith(t, "", SandboxOptions{Faults: []string{"slow@1", "repeat@2"}})
		start := time.Now()
		first := ask(s, "/api/events/7/people").Body.String()
		if time.Since(start) != slowness {
			t.Errorf("a slow answer took %v", time.Since(start))
		}
		if again := ask(s, "/api/events/7/people?offset=10").Body.String(); again != first {
			t.Error("the first page was not repeated")
		}
	})
}

// Records without a schema have their key, so that paging can be tried.
func TestSandboxWithoutSchema(t *testing.T) {
	_, s := shopWith(t, "", SandboxOptions{Records: 2})
	if got, want := ask(s, "/api/events/7/people").Body.String(), "[\n{\"id\":100001},\n{\"id\":100002}\n]\n"; got != want {
		t.Errorf("got %q, expected %q", got, want)
	}
}

func TestShapesThatCannotBeRead(t *testing.T) {
	for _, text := range []string{"[1]", "{", `{"properties": []}`, `{"$ref": "#/nope"}`, `{"$ref": "other.json"}`, `{"properties": {"a": {"type": "string", "required": true}}}`} {
		if _, err := parseShape([]byte(text)); err == nil {
			t.Errorf("%s was taken", text)
		}
	}
	if s, err := parseShape([]byte(`{"properties": {"a": {"$ref": "#"}}}`)); err != nil || s == nil {
		t.Errorf("a schema that refers to itself: %v", err)
	}
}

func FuzzSandbox(f *testing.F) {
	_, s := shopWith(f, shopSchema, SandboxOptions{Records: 25})
	for _, query := range []string{"", "limit=5&offset=20", "limit=%zz", "offset=99999999999999999999"} {
		f.Add("/api/events/7/people", query)
	}
	f.Fuzz(func(t *testing.T, path, query string) {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.URL.Path, r.URL.RawPath, r.URL.RawQuery = path, "", query
		r.Header.Set("Authorization", "Bearer "+s.Token().Value)
		w := httptest.NewRecorder()
		s.times = nil
		s.ServeHTTP(w, r)
		if body, _ := io.ReadAll(w.Body); !json.Valid(bytes.TrimSpace(body)) {
			t.Errorf("%d: %s", w.Code, body)
		}
	})
}

// Whoever is in a list is the same person in the detail.
func TestSandboxDetails(t *testing.T) {
	text := shopOffset + "    detail: /events/{event}/people/{id}\n    listed: [id, email]\n    schema: shop.json\n"
	e := New()
	schema := strings.Replace(shopSchema, `"id": {"type": "string"}`, `"id": {"type": "integer"}`, 1)
	if _, diags := e.Declare("shop.yaml", []byte(text), func(string) ([]byte, error) { return []byte(schema), nil }); diags.HasErrors() {
		t.Fatal(diags)
	}
	s, err := e.Sandbox("shop", SandboxOptions{Records: 60})
	if err != nil {
		t.Fatal(err)
	}
	var listed []map[string]any
	for _, offset := range []string{"0", "20", "40"} {
		var page []map[string]any
		d := json.NewDecoder(ask(s, "/api/events/a%2Fb/people?limit=20&offset="+offset).Body)
		d.UseNumber()
		if err := d.Decode(&page); err != nil {
			t.Fatal(err)
		}
		listed = append(listed, page...)
	}
	ids := map[string]bool{}
	for _, l := range listed {
		id := l["id"].(json.Number).String()
		ids[id] = true
		w := ask(s, "/api/events/a%2Fb/people/"+id)
		var one map[string]any
		d := json.NewDecoder(w.Body)
		d.UseNumber()
		if err := d.Decode(&one); err != nil || w.Code != 200 {
			t.Fatalf("%s: %d %v", id, w.Code, err)
		}
		if one["id"] != l["id"] || one["email"] != l["email"] || len(l) != 2 || len(one) < 3 {
			t.Errorf("listed as %v, and in detail %v", l, one)
		}
	}
	if len(ids) != 60 {
		t.Errorf("%d ids, expected 60", len(ids))
	}
	for _, id := range []string{"100061", "100000", "x", "missing", "100042", "-1"} { // 100042 has 2^53 added
		if w := ask(s, "/api/events/7/people/"+id); w.Code != 404 {
			t.Errorf("%s: got %d %s", id, w.Code, w.Body)
		}
	}
}
