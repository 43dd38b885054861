package observe

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"pipeline/pipeline"
	"pipeline/pipeline/serve/history"
)

// collector is a collector of traces that takes what the protocol allows, and
// nothing else.
type collector struct {
	mu     sync.Mutex
	spans  map[string]span // by ID
	header http.Header
	path   string
	about  map[string]string // the resource
	wrong  []string
	refuse bool
}

type span struct {
	trace, id, parent, name string
	kind, status            int
	message                 string
	start, end              int64
	attributes              map[string]string
	links                   []string // IDs of spans
}

func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.refuse {
		http.Error(w, "no", http.StatusServiceUnavailable)
		return
	}
	c.header, c.path = r.Header, r.URL.Path
	body, err := io.ReadAll(r.Body)
	if err == nil {
		err = c.take(body)
	}
	if err != nil {
		c.wrong = append(c.wrong, err.Error())
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	fmt.Fprint(w, "{}")
}

// take reads a message strictly: unknown names and numbers where texts have to be
// are mistakes.
func (c *collector) take(body []byte) error {
	type id string // hex
	type attributes []struct {
		Key   string `json:"key"`
		Value struct {
			S *string `json:"stringValue"`
			I *string `json:"intValue"`
			B *bool   `json:"boolValue"`
		} `json:"value"`
	}
	var m struct {
		ResourceSpans []struct {
			Resource struct {
				Attributes attributes `json:"attributes"`
			} `json:"resource"`
			ScopeSpans []struct {
				Scope struct {
					Name    string `json:"name"`
					Version string `json:"version"`
				} `json:"scope"`
				Spans []struct {
					TraceID           id         `json:"traceId"`
					SpanID            id         `json:"spanId"`
					ParentSpanID      id         `json:"parentSpanId"`
					TraceState        string     `json:"traceState"`
					Flags             uint32     `json:"flags"`
					Name              string     `json:"name"`
					Kind              int        `json:"kind"`
					StartTimeUnixNano string     `json:"startTimeUnixNano"`
					EndTimeUnixNano   string     `json:"endTimeUnixNano"`
					Attributes        attributes `json:"attributes"`
					Links             []struct {
						TraceID    id     `json:"traceId"`
						SpanID     id     `json:"spanId"`
						TraceState string `json:"traceState"`
					} `json:"links"`
					Status struct {
						Message string `json:"message"`
						Code    int    `json:"code"`
					} `json:"status"`
				} `json:"spans"`
			} `json:"scopeSpans"`
		} `json:"resourceSpans"`
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(&m); err != nil {
		return err
	}
	read := func(list attributes) map[string]string {
		out := map[string]string{}
		for _, a := range list {
			switch v := a.Value; {
			case v.S != nil && v.I == nil && v.B == nil:
				out[a.Key] = *v.S
			case v.I != nil && v.S == nil && v.B == nil:
				if _, err := strconv.ParseInt(*v.I, 10, 64); err != nil {
					c.wrong = append(c.wrong, err.Error())
				}
				out[a.Key] = *v.I
			default:
				c.wrong = append(c.wrong, "the value of "+a.Key+" is not one of its kinds")
			}
		}
		return out
	}
	hexed := func(what id, bytes int) string {
		if raw, err := hex.DecodeString(string(what)); err != nil || len(raw) != bytes || strings.ToLower(string(what)) != string(what) {
			c.wrong = append(c.wrong, fmt.Sprintf("%q is no ID of %d bytes", what, bytes))
		}
		return string(what)
	}
	for _, r := range m.ResourceSpans {
		c.about = read(r.Resource.Attributes)
		for _, s := range r.ScopeSpans {
			for _, sp := range s.Spans {
				one := span{trace: hexed(sp.TraceID, 16), id: hexed(sp.SpanID, 8), parent: string(sp.ParentSpanID), name: sp.Name, kind: sp.Kind, status: sp.Status.Code, message: sp.Status.Message, attributes: read(sp.Attributes)}
				if one.parent != "" {
					hexed(sp.ParentSpanID, 8)
				}
				var err error
				if one.start, err = strconv.ParseInt(sp.StartTimeUnixNano, 10, 64); err != nil {
					return err
				}
				if one.end, err = strconv.ParseInt(sp.EndTimeUnixNano, 10, 64); err != nil {
					return err
				}
				if one.end < one.start || one.kind < 1 || one.kind > 5 || one.status > 2 || sp.Name == "" || s.Scope.Name != "pipeline" {
					return fmt.Errorf("%+v", one)
				}
				for _, l := range sp.Links {
					hexed(l.TraceID, 16)
					one.links = append(one.links, hexed(l.SpanID, 8))
				}
				c.spans[one.id] = one
			}
		}
	}
	return nil
}

// named is the one span of a name.
func (c *collector) named(t *testing.T, name string) span {
	t.Helper()
	var found []span
	for _, s := range c.spans {
		if s.name == name {
			found = append(found, s)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d spans are named %s: %+v", len(found), name, c.spans)
	}
	return found[0]
}

func environment(pairs ...string) func(string) string {
	return func(name string) string {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1]
			}
		}
		return ""
	}
}

const senders = "4bf92f3577b34da6a3ce929d0e0e4736"

func TestTraces(t *testing.T) {
	c := &collector{spans: map[string]span{}}
	server := httptest.NewServer(c)
	defer server.Close()
	traces, err := NewTraces(environment("OTEL_EXPORTER_OTLP_ENDPOINT", server.URL+"/otlp", "OTEL_EXPORTER_OTLP_HEADERS", "api-key=a%20b, x-other=1", "OTEL_SERVICE_NAME", "ours"), "1.2", "node-a", server.Client(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	stored := map[string]string{}
	ctx, end := traces.Hook(t.Context(), http.Header{"Traceparent": {"00-" + senders + "-00f067aa0ba902b7-01"}}, "acme")
	traces.Keep(ctx, stored)
	end(503)

	runContext, run := traces.Run(t.Context(), "acme", "r1", history.ByPush, stored, map[string]string{}, map[string]string{"traceparent": "nonsense"})
	run.Call(pipeline.Call{Status: 200, Took: time.Millisecond, Waited: time.Second, Bytes: 1 << 40, Err: "gone"})
	run.Call(pipeline.Call{WaitFor: time.Now()}) // a wait is no call
	run.Page(pipeline.Report{Pages: 1, Read: 10})
	run.Page(pipeline.Report{Pages: 1, Read: 10})
	out := map[string]string{}
	traces.Keep(runContext, out)
	run.End(history.Failed, pipeline.Report{Read: 10, Written: 9, Rejected: 1}, errors.New("too bad\nand more"))
	_, arrived := traces.Delivery(t.Context(), "acme", "webhook", 2, out)
	arrived(0, errors.New("refused"))
	if err := traces.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(c.wrong) > 0 || len(c.spans) != 6 {
		t.Fatal(c.wrong, c.spans)
	}
	if c.path != "/otlp/v1/traces" || c.header.Get("Api-Key") != "a b" || c.header.Get("X-Other") != "1" || c.header.Get("Content-Type") != "application/json" || c.about["service.name"] != "ours" || c.about["service.instance.id"] != "node-a" {
		t.Error(c.path, c.header, c.about)
	}
	hook, r, page, commit, call, deliver := c.named(t, "hook"), c.named(t, "run"), c.named(t, "read page"), c.named(t, "commit"), c.named(t, "call"), c.named(t, "deliver")
	if hook.trace != senders || hook.parent != "00f067aa0ba902b7" || hook.kind != 2 || hook.status != 2 || hook.attributes["http.response.status_code"] != "503" {
		t.Errorf("%+v", hook)
	}
	if len(r.links) != 1 || r.links[0] != hook.id || r.trace == hook.trace || r.kind != 1 || r.message != "too bad" || r.attributes["pipeline.trigger"] != "push" || r.attributes["pipeline.written"] != "9" {
		t.Errorf("%+v", r)
	}
	for _, child := range []span{page, commit, call} {
		if child.parent != r.id || child.trace != r.trace {
			t.Errorf("%+v is not of the run", child)
		}
	}
	if call.kind != 3 || call.end-call.start != int64(time.Millisecond) || call.attributes["http.response.body.size"] != "1099511627776" || call.attributes["pipeline.waited_ms"] != "1000" {
		t.Errorf("%+v", call)
	}
	if len(deliver.links) != 1 || deliver.links[0] != r.id || deliver.message != "refused" || deliver.attributes["http.request.resend_count"] != "1" {
		t.Errorf("%+v", deliver)
	}
}

// TestNoTraces costs nothing: no allocation, no change of what is stored.
func TestNoTraces(t *testing.T) {
	traces, err := NewTraces(environment("OTEL_SERVICE_NAME", "ours"), "1", "a", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	header := map[string]string{}
	ctx := t.Context()
	if n := testing.AllocsPerRun(100, func() {
		c, run := traces.Run(ctx, "acme", "r", history.ByPush)
		run.Call(pipeline.Call{Status: 200})
		run.Page(pipeline.Report{Pages: 1})
		run.End(history.Done, pipeline.Report{}, nil)
		traces.Keep(c, header)
		_, end := traces.Delivery(ctx, "acme", "webhook", 1, header)
		end(200, nil)
	}); n > 1 || len(header) > 0 {
		t.Error(n, header)
	}
	if err := traces.Close(ctx); err != nil {
		t.Error(err)
	}
}

func TestTracesWrong(t *testing.T) {
	for _, test := range []struct{ name, value, want string }{
		{"OTEL_EXPORTER_OTLP_ENDPOINT", "localhost:4318", "OTEL_EXPORTER_OTLP_ENDPOINT has to be the URL of a collector, such as http://localhost:4318"},
		{"OTEL_EXPORTER_OTLP_HEADERS", "secret", "OTEL_EXPORTER_OTLP_HEADERS has to be name=value, with a comma between two of them, and values as in URLs"},
		{"OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "OTEL_EXPORTER_OTLP_PROTOCOL is grpc; pipeline sends OTLP over HTTP, which collectors take at port 4318: set it to http/json"},
		{"OTEL_EXPORTER_OTLP_TIMEOUT", "10s", `OTEL_EXPORTER_OTLP_TIMEOUT has to be milliseconds, such as 10000, not "10s"`},
	} {
		_, err := NewTraces(environment(test.name, test.value, "OTEL_EXPORTER_OTLP_ENDPOINT", "http://x"), "", "", nil, nil)
		if err == nil || err.Error() != test.want {
			t.Errorf("%v, not %s", err, test.want)
		}
	}
}

// TestCollectorDown says once that traces are lost, and once that they are not any
// more, without the address.
func TestCollectorDown(t *testing.T) {
	c := &collector{spans: map[string]span{}, refuse: true}
	server := httptest.NewServer(c)
	var said bytes.Buffer
	traces, err := NewTraces(environment("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", server.URL), "", "", server.Client(), slog.New(slog.NewTextHandler(&said, nil)))
	if err != nil {
		t.Fatal(err)
	}
	send := func() {
		_, end := traces.Hook(context.Background(), http.Header{}, "acme")
		end(202)
		if err := traces.provider.ForceFlush(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	send()
	send()
	c.refuse = false
	send()
	server.Close()
	send()
	text := said.String()
	if strings.Count(text, "traces are lost") != 2 || strings.Count(text, "takes traces again") != 1 || strings.Contains(text, strings.TrimPrefix(server.URL, "http://")+"/") || c.path != "/" {
		t.Error(text)
	}
}
