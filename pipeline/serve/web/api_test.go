package web_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pipeline/pipeline/serve/web"
)

func newProgram(t *testing.T, f *fake) *visit {
	t.Helper()
	rest := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte("the service has " + r.URL.Path)) })
	s := web.New(web.Config{Source: f, Token: secret, Now: clock, Status: rest})
	return &visit{t: t, handler: s.API(), peer: "192.0.2.7:1", header: http.Header{"Authorization": {"Bearer " + secret}}, cookies: map[string]*http.Cookie{}}
}

// data is a JSON answer.
func (v *visit) data(method, path string, status int) map[string]any {
	v.t.Helper()
	got := v.do(method, path, nil)
	if got.status != status || got.header.Get("Content-Type") != "application/json" || got.header.Get("Cache-Control") != "no-store" {
		v.t.Fatalf("%s %s: %d, %v\n%s", method, path, got.status, got.header, got.body)
	}
	var out map[string]any
	if err := json.Unmarshal([]byte(got.body), &out); err != nil {
		v.t.Fatalf("%s: %v\n%s", path, err, got.body)
	}
	return out
}

func list(t *testing.T, of map[string]any, name, member string) (out []any) {
	t.Helper()
	all, ok := of[name].([]any)
	if !ok {
		t.Fatalf("there is no list %s: %v", name, of)
	}
	for _, one := range all {
		out = append(out, one.(map[string]any)[member])
	}
	return out
}

func TestAPI(t *testing.T) {
	f := full(t)
	v := newProgram(t, f)
	if got := list(t, v.data("GET", "/api/v1/clients", 200), "clients", "state"); !slices.Equal(got, []any{"healthy", "ill", "wrong", "late", "running", "paused"}) {
		t.Errorf("states: %v", got)
	}
	acme := v.data("GET", "/api/v1/clients/acme", 200)
	if acme["client"] != "acme" || acme["rejects"] != 2.0 || acme["push_path"] != "/hooks/acme-…" || acme["reconcile"] != "1h" || !slices.Equal(list(t, acme, "destinations", "disabled"), []any{"it answered 410 Gone", nil}) {
		t.Errorf("acme: %v", acme)
	}
	if got := list(t, v.data("GET", "/api/v1/clients/hooli.yaml", 200), "diagnostics", "hint"); !slices.Equal(got, []any{`did you mean "email"?`}) {
		t.Errorf("diagnostics: %v", got)
	}
	if got := list(t, v.data("GET", "/api/v1/runs?client=acme&limit=2", 200), "runs", "run"); !slices.Equal(got, []any{"run00abcdefg", "run01abcdefg"}) {
		t.Errorf("runs: %v", got)
	}
	if got := list(t, v.data("GET", "/api/v1/runs/run01abcdefg", 200), "causes", "code"); !slices.Equal(got, []any{"conversion", "duplicate-name"}) {
		t.Errorf("causes: %v", got)
	}
	if got := list(t, v.data("GET", "/api/v1/dead?status=410", 200), "dead", "seq"); !slices.Equal(got, []any{1.0}) {
		t.Errorf("dead: %v", got)
	}
	if got := list(t, v.data("GET", "/api/v1/dead?client=nobody", 200), "dead", "seq"); len(got) != 0 {
		t.Errorf("dead: %v", got)
	}

	hidden := v.do("GET", "/api/v1/dead/acme/1", nil)
	contains(t, "a letter", hidden.body, `{"name":"full_name","kind":"text, 8 characters"}`, `"key":"9f86d081884c7d65-0"`)
	lacks(t, "a letter", hidden.body, "body", base64.StdEncoding.EncodeToString([]byte(`{"attendee_id"`))[:12], "vip")
	shown := v.data("GET", "/api/v1/dead/acme/1?data=shown", 200)
	if body, err := base64.StdEncoding.DecodeString(shown["body"].(string)); err != nil || !strings.Contains(string(body), person) {
		t.Errorf("the body is %q, %v", body, err)
	}

	v.data("POST", "/api/v1/mappings/acme/run", 202)
	v.data("POST", "/api/v1/mappings/acme/enable/webhook", 202)
	v.data("POST", "/api/v1/dead/acme/1/replay", 202)
	if got := v.data("POST", "/api/v1/dead/drop?client=acme", 409)["error"]; got != "the filter shows 1 letter that are open; say expect=1, and they are dealt with" {
		t.Errorf("without a number: %v", got)
	}
	if got := v.data("POST", "/api/v1/dead/drop?client=acme&expect=1", 202)["count"]; got != 1.0 {
		t.Errorf("dropped: %v", got)
	}
	want := []string{"note data-shown acme: a dead letter, 1, was shown to a program with the token", "run acme", "enable acme webhook", "replay acme 1", "drop acme 2"}
	if !slices.Equal(f.told, want) {
		t.Errorf("told was %q", f.told)
	}
	contains(t, "what the service answers", v.get("/api/v1/status").body, "the service has /api/v1/status")
}

func TestAPIRefuses(t *testing.T) {
	f := full(t)
	v := newProgram(t, f)
	for path, want := range map[string]string{
		"/api/v1/clients/nobody":            "404 there is none of that name here; it may have been removed since",
		"/api/v1/runs?limit=1001":           `400 limit is a number from 1 to 1000, not "1001"`,
		"/api/v1/runs?result=good":          `400 result is one of done, rejected, failed, stopped, running, lost, not "good"`,
		"/api/v1/runs?since=x":              `400 since is a time such as 24h, 7d or 2026-11-22, not "x"`,
		"/api/v1/dead?status=1":             `400 status is that of an answer, such as 410, not "1"`,
		"/api/v1/dead/acme/77":              "404 there is none of that name here; it may have been removed since",
		"/api/v1/dead/acme/1?data=all":      `400 data is shown or left out, not "all"`,
		"POST /api/v1/dead/acme/1/burn":     "404 there is no such page",
		"POST /api/v1/dead/burn":            "404 there is no such page",
		"POST /api/v1/mappings/nobody/run":  "404 there is none of that name here; it may have been removed since",
		"POST /api/v1/dead/drop?status=abc": `409 status is that of an answer, such as 410, not "abc"`,
	} {
		method, path, post := strings.Cut(path, " ")
		if !post {
			method, path = "GET", method
		}
		status, text, _ := strings.Cut(want, " ")
		got := v.do(method, path, nil)
		var said struct{ Error string }
		if err := json.Unmarshal([]byte(got.body), &said); err != nil || said.Error != text || status != strconv.Itoa(got.status) {
			t.Errorf("%s: %d %q, %v", path, got.status, said.Error, err)
		}
	}
	f.err = errors.New("acme cannot be pulled: it is pushed to")
	f.clients = f.clients[:1]
	if got := v.data("GET", "/api/v1/clients", 500)["error"]; got != "acme cannot be pulled: it is pushed to; the log of serve has more" {
		t.Errorf("a failure: %v", got)
	}
}

func TestAPIWithoutToken(t *testing.T) {
	f := full(t)
	v := newProgram(t, f)
	page := loggedIn(t, f)
	v.cookies = page.cookies // of no use here
	for _, given := range []string{"", "Bearer ", "Bearer wrong", "Basic " + secret, secret} {
		v.header = http.Header{"Authorization": {given}}
		for _, path := range []string{"/api/v1/status", "/api/v1/clients", "/api/v1/nothing"} {
			got := v.get(path)
			if got.status != http.StatusUnauthorized && got.status != http.StatusTooManyRequests {
				t.Errorf("%s as %q: %d", path, given, got.status)
			}
			lacks(t, path, got.body, "acme", "service")
		}
	}
	v.header = http.Header{"Authorization": {"Bearer " + secret}}
	if got := v.get("/api/v1/clients"); got.status != http.StatusTooManyRequests || got.header.Get("Retry-After") == "" {
		t.Errorf("after wrong ones: %d", got.status)
	}
}
