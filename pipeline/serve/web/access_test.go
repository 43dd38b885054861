package web_test

// access_test.go: who sees something, and what others are answered.

import (
	"bytes"
	"crypto/tls"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"pipeline/pipeline/serve/web"
)

// everyPage is one address of each kind.
var everyPage = []string{
	"/", "/?state=ill", "/client/acme", "/client/acme?span=24h", "/client/hooli.yaml", "/client/acme/rejects", "/client/acme/rejects/1", "/run/run02abcdefg",
	"/dead", "/dead?client=acme", "/dead/acme/1", "/ask/replay", "/ask/drop?client=acme", "/nothing", "/client/nobody",
}

var everyAct = []string{
	"/client/acme/run", "/client/acme/pause", "/client/acme/resume", "/client/acme/enable", "/client/acme/rejects/1", "/dead/acme/1", "/dead/acme/1/replay", "/dead/acme/1/drop",
	"/ask/replay", "/ask/drop", "/refresh", "/logout",
}

func TestNobodySeesAnythingWithoutLoggingIn(t *testing.T) {
	f := full(t)
	v := newVisit(t, web.Config{Source: f})
	for _, path := range everyPage {
		got := v.get(path)
		if to := got.header.Get("Location"); got.status != http.StatusSeeOther || !strings.HasPrefix(to, "/login") {
			t.Errorf("%s: %d, to %q", path, got.status, to)
		}
		if path != "/" { // where one comes to anyway
			if next, _ := url.Parse(got.header.Get("Location")); next.Query().Get("next") != path {
				t.Errorf("%s leads back to %q", path, next.Query().Get("next"))
			}
		}
		lacks(t, path, strings.ReplaceAll(got.body, url.QueryEscape(path), ""), "globex", person)
	}
	for _, path := range everyAct {
		if got := v.post(path, url.Values{"until": {"2026-11-22T09:30:00Z"}}); got.status != http.StatusSeeOther || got.header.Get("Location") != "/login" {
			t.Errorf("%s: %d, to %q", path, got.status, got.header.Get("Location"))
		}
	}
	if len(f.told) > 0 {
		t.Errorf("serve was told %q", f.told)
	}
	login := v.get("/login?next=/client/globex")
	lacks(t, "the page to log in", login.body, "acme", "initech", "Log out", "Dead letters")
}

func TestLogIn(t *testing.T) {
	var log bytes.Buffer
	v := newVisit(t, web.Config{Source: full(t), Log: slog.New(slog.NewTextHandler(&log, nil))})
	wrong := v.post("/login", url.Values{"token": {secret[1:]}, "next": {"/dead"}})
	contains(t, "a wrong token", textOf(t, wrong.body), "This is not the token.")
	if wrong.status != http.StatusUnauthorized || wrong.header.Get("Set-Cookie") != "" {
		t.Errorf("a wrong token: %d, %s", wrong.status, wrong.header.Get("Set-Cookie"))
	}
	lacks(t, "a wrong token", wrong.body, secret[1:])
	lacks(t, "the log", log.String(), secret[1:])
	contains(t, "the log", log.String(), "wrong token", "from=192.0.2.7")

	got := v.post("/login", url.Values{"token": {" " + secret + "\n"}, "next": {"/dead"}}) // as it is copied from the file
	if got.status != http.StatusSeeOther || got.header.Get("Location") != "/dead" {
		t.Fatalf("the token: %d, to %q", got.status, got.header.Get("Location"))
	}
	cookie := got.header.Get("Set-Cookie")
	contains(t, "the cookie", cookie, "; Path=/; Max-Age=43200; HttpOnly; SameSite=Strict")
	lacks(t, "the cookie", cookie, secret, "Secure", "Domain")
	v.see("/dead")
	if again := v.get("/login?next=/dead"); again.header.Get("Location") != "/dead" {
		t.Errorf("who is logged in is shown the log-in: %d", again.status)
	}

	out := v.press("/", "/logout", url.Values{})
	contains(t, "the cookie", out.header.Get("Set-Cookie"), "Max-Age=0")
	if got := v.get("/"); got.status != http.StatusSeeOther {
		t.Errorf("after the log-out: %d", got.status)
	}
}

func TestLogInLeadsNowhereElse(t *testing.T) {
	for _, next := range []string{"https://evil.example/", "//evil.example", `/\evil.example`, "javascript:alert(1)", "/\tevil", "evil", "/login?next=/login", "http:/evil", "///evil.example"} {
		v := newVisit(t, web.Config{Source: full(t)})
		lacks(t, next, v.get("/login?"+url.Values{"next": {next}}.Encode()).body, "evil", "alert")
		if to := v.post("/login", url.Values{"token": {secret}, "next": {next}}).header.Get("Location"); to != "/" {
			t.Errorf("%q leads to %q", next, to)
		}
	}
}

func TestSessionEnds(t *testing.T) {
	at := now
	v := newVisit(t, web.Config{Source: full(t), Now: func() time.Time { return at }})
	v.post("/login", url.Values{"token": {secret}})
	for _, step := range []struct {
		after  time.Duration
		status int
	}{{0, 200}, {12*time.Hour - time.Second, 200}, {12 * time.Hour, 303}} {
		at = now.Add(step.after)
		if got := v.get("/"); got.status != step.status {
			t.Errorf("after %s: %d", step.after, got.status)
		}
	}
}

func TestForgedSessions(t *testing.T) {
	v := newVisit(t, web.Config{Source: full(t)})
	v.post("/login", url.Values{"token": {secret}})
	good := v.cookies["pipeline_session"].Value
	parts := strings.Split(good, ".")
	for name, value := range map[string]string{
		"longer":       "9" + good,
		"other nonce":  parts[0] + ".AAAA." + parts[2],
		"no signature": parts[0] + "." + parts[1] + ".",
		"one part":     parts[2],
		"empty":        "",
		"long":         strings.Repeat("9.", 5000),
		"of a form":    parts[0] + "." + parts[1] + "." + formField.FindStringSubmatch(v.get("/").body)[1],
	} {
		v.cookies["pipeline_session"] = &http.Cookie{Name: "pipeline_session", Value: value}
		if got := v.get("/"); got.status != http.StatusSeeOther {
			t.Errorf("%s: %d", name, got.status)
		}
	}
	// another serve has another token
	other := &visit{t: t, handler: web.New(web.Config{Source: full(t), Token: "another", Now: clock}).Page(), peer: v.peer, cookies: map[string]*http.Cookie{"pipeline_session": {Name: "pipeline_session", Value: good}}}
	if got := other.get("/"); got.status != http.StatusSeeOther {
		t.Errorf("the cookie of another serve: %d", got.status)
	}
}

// Without a token nobody gets in, not even with none.
func TestNoToken(t *testing.T) {
	s := web.New(web.Config{Source: full(t), Now: clock})
	v := &visit{t: t, handler: s.Page(), peer: "192.0.2.7:1", cookies: map[string]*http.Cookie{}}
	if got := v.post("/login", url.Values{"token": {""}}); got.status != http.StatusUnauthorized {
		t.Errorf("an empty token: %d", got.status)
	}
	v.handler, v.header = s.API(), http.Header{"Authorization": {"Bearer "}}
	if got := v.get("/api/v1/clients"); got.status != http.StatusUnauthorized {
		t.Errorf("an empty token: %d", got.status)
	}
}

func TestGuessingIsSlow(t *testing.T) {
	at := now
	v := newVisit(t, web.Config{Source: full(t), Now: func() time.Time { return at }})
	guess := func(token string) answer { return v.post("/login", url.Values{"token": {token}}) }
	for range 4 {
		if got := guess("wrong"); got.status != http.StatusUnauthorized {
			t.Fatalf("an early try: %d", got.status)
		}
	}
	got := guess(secret) // too early, even if it is right
	if got.status != http.StatusTooManyRequests || got.header.Get("Retry-After") != "2" {
		t.Errorf("the fifth try: %d, %s", got.status, got.header.Get("Retry-After"))
	}
	contains(t, "the fifth try", textOf(t, got.body), "There were too many tries. Wait 1 second, then try again.")

	tries := 0
	for end := at.Add(time.Hour); at.Before(end); at = at.Add(time.Second) {
		if guess("wrong").status == http.StatusUnauthorized {
			tries++
		}
	}
	if tries < 50 || tries > 70 {
		t.Errorf("in an hour there were %d tries", tries)
	}
	elsewhere := *v
	elsewhere.peer, elsewhere.cookies = "192.0.2.8:1", map[string]*http.Cookie{}
	if got := elsewhere.post("/login", url.Values{"token": {secret}}); got.status != http.StatusSeeOther {
		t.Errorf("from elsewhere: %d", got.status)
	}
	for i, peer := range []string{"[2001:db8::1]:1", "[2001:db8::2]:1", "[2001:db8::3]:1", "[2001:db8::ffff:1]:1", "[2001:db8::5]:1"} { // one household
		v.peer = peer
		if got := guess("wrong"); (got.status == http.StatusTooManyRequests) != (i == 4) {
			t.Errorf("%s: %d", peer, got.status)
		}
	}
	at = at.Add(11 * time.Minute)
	v.peer = "192.0.2.7:9"
	if got := guess(secret); got.status != http.StatusSeeOther {
		t.Errorf("afterwards: %d", got.status)
	}
}

func TestTheHeaderOfAProxy(t *testing.T) {
	f := full(t)
	c := web.Config{Source: f, AuthHeader: "X-Forwarded-User", TrustProxy: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}}
	v := newVisit(t, c)
	for _, test := range []struct {
		peer   string
		users  []string
		status int
	}{
		{"10.1.2.3:80", []string{"ana"}, 200},
		{"[fd00::7]:80", []string{"ana"}, 200},
		{"[::ffff:10.1.2.3]:80", []string{"ana"}, 200},
		{"10.1.2.3:80", nil, 303},
		{"10.1.2.3:80", []string{" "}, 303},
		{"10.1.2.3:80", []string{"ana", "root"}, 303}, // one of them is not the proxy's
		{"192.0.2.7:80", []string{"ana"}, 303},
		{"@", []string{"ana"}, 303},
	} {
		v.peer, v.header = test.peer, http.Header{"X-Forwarded-User": test.users}
		if got := v.get("/"); got.status != test.status {
			t.Errorf("%s as %q: %d", test.peer, test.users, got.status)
		}
	}
	v.peer, v.header = "10.1.2.3:80", http.Header{"X-Forwarded-User": {"ana"}}
	contains(t, "the page", v.see("/"), "ana")
	lacks(t, "the page", v.see("/"), "Log out") // the proxy does that
	if got := v.press("/client/acme", "/client/acme/run", url.Values{}); got.status != http.StatusSeeOther {
		t.Errorf("a button: %d", got.status)
	}
	v.press("/dead/acme/1", "/dead/acme/1", url.Values{})
	contains(t, "the history", strings.Join(f.told, "\n"), "a dead letter, 1, was shown to ana")

	form := formField.FindStringSubmatch(v.get("/client/acme").body)[1]
	v.header = http.Header{"X-Forwarded-User": {"bob"}}
	if got := v.post("/client/acme/run", url.Values{"form": {form}}); got.status != http.StatusForbidden {
		t.Errorf("the form of somebody else: %d", got.status)
	}

	// without --auth-header the name says nothing
	c.AuthHeader = ""
	v = newVisit(t, c)
	v.peer, v.header = "10.1.2.3:80", http.Header{"X-Forwarded-User": {"ana"}, "": {"ana"}}
	if got := v.get("/"); got.status != http.StatusSeeOther {
		t.Errorf("without --auth-header: %d", got.status)
	}
}

func TestSecureCookie(t *testing.T) {
	c := web.Config{Source: full(t), Token: secret, Now: clock, TrustProxy: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}
	for _, test := range []struct {
		name, peer, proto string
		tls, secure       bool
	}{
		{"plain", "192.0.2.7:1", "", false, false},
		{"TLS", "192.0.2.7:1", "", true, true},
		{"a proxy with TLS", "10.0.0.7:1", "https", false, true},
		{"a proxy without", "10.0.0.7:1", "http", false, false},
		{"somebody who says so", "192.0.2.7:1", "https", false, false},
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/login", strings.NewReader("token="+secret))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("X-Forwarded-Proto", test.proto)
		if r.RemoteAddr = test.peer; test.tls {
			r.TLS = &tls.ConnectionState{}
		}
		w := httptest.NewRecorder()
		web.New(c).Page().ServeHTTP(w, r)
		if got := strings.Contains(w.Header().Get("Set-Cookie"), "; Secure"); got != test.secure {
			t.Errorf("%s: secure is %v", test.name, got)
		}
	}
}

func TestForms(t *testing.T) {
	f := full(t)
	v := loggedIn(t, f)
	form := formField.FindStringSubmatch(v.get("/client/acme").body)[1]
	for _, path := range everyAct {
		for name, send := range map[string]func() answer{
			"no token":    func() answer { return v.post(path, url.Values{}) },
			"wrong token": func() answer { return v.post(path, url.Values{"form": {strings.Repeat("0", 64)}}) },
			"in the address": func() answer {
				return v.post(path+"?form="+form, url.Values{})
			},
			"from another site": func() answer {
				v.header = http.Header{"Sec-Fetch-Site": {"cross-site"}}
				return v.post(path, url.Values{"form": {form}})
			},
			"of another origin": func() answer {
				v.header = http.Header{"Origin": {"https://evil.example"}}
				return v.post(path, url.Values{"form": {form}})
			},
		} {
			if got := send(); got.status != http.StatusForbidden {
				t.Errorf("%s, %s: %d", path, name, got.status)
			}
			v.header = http.Header{}
		}
	}
	if len(f.told) > 0 {
		t.Errorf("serve was told %q", f.told)
	}
	v.header = http.Header{"Sec-Fetch-Site": {"cross-site"}}
	if got := v.post("/login", url.Values{"token": {secret}}); got.status != http.StatusForbidden {
		t.Errorf("a log-in from another site: %d", got.status)
	}
	v.header = http.Header{}
	if got := v.post("/client/acme/run", url.Values{"form": {form}, "x": {strings.Repeat("x", 100<<10)}}); got.status != http.StatusForbidden {
		t.Errorf("a form of 100 KB: %d", got.status)
	}
	for _, method := range []string{http.MethodPut, http.MethodDelete, http.MethodPatch} {
		if got := v.do(method, "/client/acme/run", nil); got.status != http.StatusMethodNotAllowed {
			t.Errorf("%s: %d", method, got.status)
		}
	}
}

func TestHeaders(t *testing.T) {
	v := loggedIn(t, full(t))
	out := newVisit(t, web.Config{Source: full(t)})
	answers := map[string]answer{"/login": out.get("/login"), "a wrong token": out.post("/login", url.Values{"token": {"x"}}), "not logged in": out.get("/dead")}
	for _, path := range everyPage {
		answers[path] = v.get(path)
	}
	for name, got := range answers {
		for header, want := range map[string]string{
			"Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
			"X-Frame-Options":         "DENY", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store",
		} {
			if got.header.Get(header) != want {
				t.Errorf("%s: %s is %q", name, header, got.header.Get(header))
			}
		}
		// what a strict policy would not let through
		lacks(t, name, got.body, " style=", "<style", "onclick", "javascript:", "http://", "https://cdn")
	}
}

func TestAssets(t *testing.T) {
	v := newVisit(t, web.Config{Source: full(t)})
	for name, kind := range map[string]string{"style": "text/css; charset=utf-8", "local": "text/javascript; charset=utf-8", "icon": "image/svg+xml"} {
		_, path, _ := strings.Cut(v.get("/login").body, `"/assets/`+name)
		path, _, _ = strings.Cut(path, `"`)
		got := v.get("/assets/" + name + path)
		if got.status != 200 || got.header.Get("Content-Type") != kind || !strings.Contains(got.header.Get("Cache-Control"), "immutable") {
			t.Errorf("%s: %d %s", name, got.status, got.header)
		}
	}
	for _, path := range []string{"/assets/", "/assets/style.css", "/assets/../web.go", "/assets/%2e%2e/web.go"} {
		if got := v.get(path); got.status == 200 {
			t.Errorf("%s is there", path)
		}
	}
}
