package receive

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"pipeline/connectors"
	"pipeline/connectors/rest"
	"pipeline/pipeline"
	"pipeline/pipeline/serve/engine"
)

// planned is the hook of a mapping whose source says this.
func planned(t testing.TB, source string) Hook {
	t.Helper()
	m, diags := pipeline.Parse("acme.yaml", []byte("version: 1\nsource: "+source+"\nfields: {id: {value: id, type: string}}\nsinks: [{csv: {path: a.csv, mode: append}}]\n"))
	if len(diags) > 0 {
		t.Fatal(diags)
	}
	plan, diags := m.Compile(pipeline.Setup{Registry: connectors.All(rest.New()), Files: &pipeline.Files{}})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	return Hook{Mapping: plan.Name(), Push: plan.Push()}
}

// What tells pushes apart: each pair is told to be the same, or not.
func TestIdentity(t *testing.T) {
	type push struct{ body, kind, header string }
	json := func(body string) push { return push{body: body, kind: "application/json"} }
	for name, tt := range map[string]struct {
		id   string
		a, b push
		same bool
	}{
		"the whole body":         {"", json(`{"id": 1}`), json(`{"id": 1}`), true},
		"another body":           {"", json(`{"id": 1}`), json(`{"id":1}`), false},
		"its header":             {"", push{body: "a", header: "msg_1"}, push{body: "b", header: "msg_1"}, true},
		"another header":         {"", push{body: "a", header: "msg_1"}, push{body: "a", header: "msg_2"}, false},
		"a header, too long":     {"", push{body: "a", header: strings.Repeat("x", 5000)}, push{body: "b", header: strings.Repeat("x", 5000)}, true},
		"longer":                 {"", push{body: "a", header: strings.Repeat("x", 5000)}, push{body: "b", header: strings.Repeat("x", 5001)}, false},
		"a named header":         {"id: X-Request-Id", push{body: "a", header: "r1"}, push{body: "b", header: "r1"}, true},
		"a named header, none":   {"id: X-Request-Id", push{body: "a"}, push{body: "b"}, false},
		"an expression":          {"id: id", json(`{"id": 1, "a": 1}`), json(`{"id": 1, "a": 2}`), true},
		"two names":              {"id: string(id) + updated_at", json(`{"id": 1, "updated_at": "a"}`), json(`{"id": 1, "updated_at": "b"}`), false},
		"an expression, missing": {"id: id", json(`{"ID": 1, "a": 1}`), json(`{"ID": 1, "a": 2}`), false},
		"an expression, no JSON": {"id: id", json(`{"id": 1, "a": `), json(`{"id": 1, "b": `), false},
		"deeper":                 {"id: data.id", json(`{"data": {"id": 1}, "n": 1}`), json(`{"data": {"id": 1}, "n": 2}`), true},
		"of a form":              {"id: id", push{body: "id=1&a=1", kind: "application/x-www-form-urlencoded"}, push{body: "id=1&a=2", kind: "application/x-www-form-urlencoded; charset=utf-8"}, true},
		"a number and a text":    {"id: id", json(`{"id": 1}`), json(`{"id": "1"}`), false},
	} {
		t.Run(name, func(t *testing.T) {
			options := "path: " + secretPath
			if tt.id != "" {
				options += ", " + tt.id
			}
			k := &hook{Hook: planned(t, "{webhook: {"+options+"}}")}
			idOf := func(p push) string {
				r := httptest.NewRequest("POST", "/", nil)
				r.Header.Set("Content-Type", p.kind)
				if p.header != "" {
					r.Header.Set("Webhook-Id", p.header)
					r.Header.Set("X-Request-Id", p.header)
				}
				return identify(r, k, []byte(p.body))
			}
			a, b := idOf(tt.a), idOf(tt.b)
			if (a == b) != tt.same {
				t.Errorf("%s and %s", a, b)
			}
			if len(a) > maxID || !isPlain(a) || a == "" {
				t.Errorf("%q cannot be stored", a)
			}
		})
	}
}

// FuzzReceive: no request is answered with anything but what is documented, and a
// 2xx means that exactly its bytes are stored.
func FuzzReceive(f *testing.F) {
	f.Add(secretPath, "", `{"id": 1}`, "application/json", "msg_1", "", "")
	f.Add(openPath, "", vector.body, "", vector.id, vector.timestamp, vector.signature)
	f.Add("/hooks//x", "gzip", string(gzipped([]byte("{}"))), "application/x-www-form-urlencoded", "\x00", "-1", "v1,")
	f.Add("/hooks/%2e%2e/x", "gzip, gzip", "", "multipart/form-data; boundary=x", "é", "9223372036854775807", " v1, ,v1 ")
	expression := planned(f, "{webhook: {path: "+secretPath+", id: string(id) + name}}")
	standard := hookOf(f, pipeline.Options{"path": openPath, "secret": []string{testSecret}})
	standard.Mapping = "standard"
	f.Fuzz(func(t *testing.T, path, encoding, body, kind, id, timestamp, signature string) {
		if !strings.HasPrefix(path, "/") {
			path = "/" + path
		}
		u, err := http.NewRequest(http.MethodPost, "http://example.com", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		u.URL.Path = path
		for name, text := range map[string]string{"Content-Encoding": encoding, "Content-Type": kind, "Webhook-Id": id, "Webhook-Timestamp": timestamp, "Webhook-Signature": signature} {
			u.Header.Set(name, text)
		}
		b := newBench(t, nil)
		b.Set([]Hook{expression, standard})
		b.at(vector.at)
		w := httptest.NewRecorder()
		b.ServeHTTP(w, u)
		stored := 0
		for _, topic := range []string{"acme", "standard"} {
			_ = b.store.Read(t.Context(), engine.Inbox, topic, 0, func(m engine.Message) error {
				if stored++; encoding == "" && string(m.Body) != body {
					t.Errorf("stored %q, sent %q", m.Body, body)
				}
				return nil
			})
		}
		if (w.Code == 202) != (stored == 1) {
			t.Errorf("answered %d, stored %d", w.Code, stored)
		}
		switch w.Code {
		case 202, 400, 401, 404, 413, 415:
		default:
			t.Errorf("answered %d", w.Code)
		}
		if w.Code == 202 && path != secretPath && path != openPath {
			t.Errorf("%q is nobody's path", path)
		}
	})
}
