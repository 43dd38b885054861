package web_test

// hostile_test.go: what somebody else wrote stays text, wherever it stands.

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/url"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pipeline/pipeline"
	"pipeline/pipeline/diag"
	"pipeline/pipeline/serve/web"
)

// payloads are what breaks out of a page that does not escape.
var payloads = []string{
	`<script>alert(1)</script>`,
	`"><script src=//evil.example/x.js></script>`,
	`'"><img src=x onerror=alert(1)>`,
	`</title><svg/onload=alert(1)>`,
	`</textarea></select></option><iframe srcdoc="<script>alert(1)</script>">`,
	`javascript:alert(1)`,
	`JaVaScRiPt&colon;alert(1)`,
	`data:text/html,<script>alert(1)</script>`,
	`" onmouseover="alert(1)" x="`,
	`' onfocus='alert(1)' autofocus='`,
	"` onload=`alert(1)",
	`{{.Form}}{{template "bottom"}}`,
	`<!--><script>alert(1)</script>-->`,
	`]]><script>alert(1)</script>`,
	`<style>*{display:none}</style>`,
	`<meta http-equiv="refresh" content="0;url=https://evil.example">`,
	`<base href="https://evil.example/">`,
	`<form action="https://evil.example"><button>`,
	`%3Cscript%3Ealert(1)%3C/script%3E`,
	`../../../etc/passwd?x=1#y`,
	"\u202e\u2066<b>gnp.exe\u2069",
	"a\x00b\x1b[31m\r\nSet-Cookie: x=y",
	"\xff\xfe<script>\xc0\xbc",
	`&lt;script&gt;&#60;script&#62;`,
	`<math><mi//xlink:href="data:x,<script>alert(4)</script>">`,
}

// ours are the elements that pages are made of.
var ours = strings.Fields(`html head meta title link script body a header main footer div p h1 h2 h3 nav ul ol li span strong bdi code pre form button input label
	select option table caption thead tbody tr th td dl dt dd time figure figcaption svg path rect text desc details summary section`)

// addresses are attributes that lead somewhere.
var addresses = []string{"href", "src", "action", "formaction", "data", "poster", "srcdoc", "background"}

func TestHostileTextStaysText(t *testing.T) {
	for i, payload := range payloads {
		f := hostile(t, payload)
		v := loggedIn(t, f)
		name := f.clients[0].Name
		pages := map[string]answer{
			"/":              v.get("/"),
			"client":         v.get("/client/" + url.PathEscape(name)),
			"run":            v.get("/run/" + url.PathEscape(f.runs[0].ID)),
			"rejects":        v.get("/client/" + url.PathEscape(name) + "/rejects"),
			"dead":           v.get("/dead"),
			"dead, filtered": v.get("/dead?" + url.Values{"client": {payload}, "sink": {payload}, "reason": {payload}}.Encode()),
			"dead, wrong":    v.get("/dead?" + url.Values{"since": {payload}}.Encode()),
			"ask":            v.get("/ask/drop?" + url.Values{"reason": {payload}}.Encode()),
			"letter":         v.get("/dead/" + url.PathEscape(name) + "/1"),
			"nothing":        v.get("/" + url.PathEscape(payload)),
			"said":           v.get("/?" + url.Values{"said": {payload}, "n": {payload}, "state": {payload}}.Encode()),
		}
		pages["letter, shown"] = v.press("/dead/"+url.PathEscape(name)+"/1", "/dead/"+url.PathEscape(name)+"/1", url.Values{})
		if link := recordLinkOf(t, pages["rejects"].body); link != "" {
			pages["reject"] = v.get(link)
			pages["reject, shown"] = v.press(link, link, url.Values{})
		} else {
			t.Errorf("payload %d: no reject is linked", i)
		}
		out := newVisit(t, web.Config{Source: f})
		pages["log in"] = out.get("/login?" + url.Values{"next": {payload}}.Encode())
		for page, got := range pages {
			harmless(t, fmt.Sprintf("%s with %q", page, payload), got.body)
			for name := range got.header {
				if name == "Set-Cookie" && page != "log in" {
					t.Errorf("%s sets a cookie", page)
				}
			}
		}
		for _, page := range []string{"/", "client", "run", "dead", "letter", "rejects"} {
			if pages[page].status != 200 {
				t.Errorf("%s with %q: %d", page, payload, pages[page].status)
			}
		}
	}
}

// harmless reports what in a page is not of ours.
func harmless(t *testing.T, where, page string) {
	t.Helper()
	walk(t, page, func(e xml.StartElement) {
		if !slices.Contains(ours, e.Name.Local) {
			t.Errorf("%s has an element %s", where, e.Name.Local)
		}
		for _, a := range e.Attr {
			name := strings.ToLower(a.Name.Local)
			if strings.HasPrefix(name, "on") || name == "style" || name == "srcdoc" {
				t.Errorf("%s has %s=%q", where, name, a.Value)
			}
			if slices.Contains(addresses, name) && !strings.HasPrefix(a.Value, "/") && !strings.HasPrefix(a.Value, "#") || strings.HasPrefix(a.Value, "//") {
				t.Errorf("%s leads to %s=%q", where, name, a.Value)
			}
			if e.Name.Local == "script" && name == "src" && !strings.HasPrefix(a.Value, "/assets/local-") {
				t.Errorf("%s runs %s", where, a.Value)
			}
			if e.Name.Local == "meta" && name == "content" && strings.Contains(a.Value, "url") {
				t.Errorf("%s goes to %s", where, a.Value)
			}
		}
	}, nil)
}

func recordLinkOf(t *testing.T, page string) (link string) {
	t.Helper()
	walk(t, page, func(e xml.StartElement) {
		for _, a := range e.Attr {
			if a.Name.Local == "href" && strings.Contains(a.Value, "/rejects/") && link == "" {
				link = a.Value
			}
		}
	}, nil)
	return link
}

// hostile is a serve in which every text is the payload.
func hostile(t *testing.T, payload string) *fake {
	t.Helper()
	f := full(t)
	f.clients, f.runs, f.letters = f.clients[:1], f.runs[:2], f.letters[:1]
	f.entries, f.destinations = f.entries[:1], f.destinations[:1]
	plan := f.clients[0].Plan
	f.clients[0].Diags = diag.List{}.Warn("x", diag.Span{File: "x", Start: diag.Pos{Line: 1, Column: 1}}, "x", "x")
	for _, of := range []any{&f.clients, &f.runs, &f.letters, &f.entries, &f.destinations} {
		poison(reflect.ValueOf(of).Elem(), payload)
	}
	f.clients[0].Plan, f.clients[0].State = plan, web.Ill
	f.letters[0].State, f.letters[0].Body = "open", poisonedRecord(t, payload)
	f.runs[0].Report.Causes[0].Field = "amount"
	f.files = diag.Files{payload: []byte(payload), planFile: []byte(strings.ReplaceAll(planText, "ticket.price", "ticket.price # "+strings.ToValidUTF8(strings.Map(oneLine, payload), "?")))}
	text, err := json.Marshal(map[string]any{"mapping": payload, "source": payload, "code": payload, "field": payload, "reason": payload, "value": payload, "key": map[string]string{payload: payload}, "record": json.RawMessage(poisonedRecord(t, payload))})
	if err == nil {
		err = os.WriteFile(f.rejectFile, append(text, '\n'), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func oneLine(r rune) rune {
	if r < ' ' {
		return ' '
	}
	return r
}

func poisonedRecord(t *testing.T, payload string) []byte {
	t.Helper()
	text, err := json.Marshal(map[string]any{payload: payload, "list": []any{payload, map[string]string{payload: payload}}})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// poison puts the payload in every text below v.
func poison(v reflect.Value, payload string) {
	switch {
	case v.Kind() == reflect.String && v.CanSet():
		v.SetString(payload)
	case v.Kind() == reflect.Pointer && !v.IsNil() && v.Type() != reflect.TypeFor[*pipeline.Plan]():
		poison(v.Elem(), payload)
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() != reflect.Uint8:
		for i := range v.Len() {
			poison(v.Index(i), payload)
		}
	case v.Kind() == reflect.Struct && v.Type() != reflect.TypeFor[time.Time]():
		for i := range v.NumField() {
			if v.Field(i).CanSet() {
				poison(v.Field(i), payload)
			}
		}
	}
}
