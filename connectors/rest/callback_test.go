package rest

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

// redirectOf is where an authorize address has the browser sent back to, and the
// state.
func redirectOf(t *testing.T, address string) (back, state string) {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u.Query().Get("redirect_uri"), u.Query().Get("state")
}

// freePort is a port of this machine that nobody listens at.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

// A registered address is sent as it was registered, to the letter, and is what
// is listened at.
func TestRegisteredRedirect(t *testing.T) {
	e, base := served(t, shopGet)
	login := func(address string) (Grant, error) {
		return e.Login(t.Context(), "shop", LoginOptions{Client: Client{BaseURL: base, ID: "id", Secret: "s"}, Redirect: address, Browser: func(at string) error {
			if back, _ := redirectOf(t, at); back != address {
				t.Errorf("the platform is told %s, want %s", back, address)
			}
			return visit(at)
		}})
	}
	for _, form := range []string{"http://127.0.0.1:%s/oauth/back", "http://localhost:%s", "http://127.0.0.1:%s/?app=1"} {
		grant, err := login(fmt.Sprintf(form, freePort(t)))
		for tries := 1; tries < 10 && err != nil && strings.Contains(err.Error(), " is taken by another program"); tries++ {
			grant, err = login(fmt.Sprintf(form, freePort(t))) // a connection of anybody took the port meanwhile
		}
		if err != nil || grant.Token.Value == "" {
			t.Errorf("%s: %v", form, err)
		}
	}
}

func TestRedirectsThatAreRefused(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	_, port, _ := net.SplitHostPort(taken.Addr().String())
	e, base := served(t, shopGet)
	for address, want := range map[string]string{
		"http://127.0.0.1:" + port + "/callback": "port " + port + " is taken by another program, perhaps by another login; end that one, or register a redirect address with another port and give it with --redirect",
		"http://127.0.0.1/callback":              "--redirect has no port to listen at; register one that has, as in http://127.0.0.1:8765/callback",
		"http://acme.example/callback":           "--redirect is over http and not on this machine, so that anyone on the way could read the code; register https, or http://127.0.0.1:8765/callback",
		"8765":                                   "--redirect is not a web address; it is the one that was registered at the platform, as in http://127.0.0.1:8765/callback",
		"https://acme.example/callback":          "nothing can be listened for at https://acme.example/callback, so the code has to be pasted, and stdin is not a terminal",
	} {
		_, err := e.Login(t.Context(), "shop", LoginOptions{Client: Client{BaseURL: base, ID: "id"}, Redirect: address, Browser: func(string) error { t.Error("the browser was opened"); return nil }})
		if err == nil || err.Error() != "log in to shop: "+want {
			t.Errorf("%s: got  %v\nwant %s", address, err, want)
		}
	}
}

// Nobody comes back: there is a clear end.
func TestNobodyComesBack(t *testing.T) {
	e, base := served(t, shopPost)
	_, err := e.Login(t.Context(), "shop", LoginOptions{Client: Client{BaseURL: base, ID: "id"}, Patience: time.Millisecond, Browser: func(string) error { return nil }})
	if want := "log in to shop: nobody came back from the platform in 1ms; start the login again when you are ready"; err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
}

// Where the browser is on another machine, what it ends at is pasted.
func TestPastedAnswers(t *testing.T) {
	e, base := served(t, shopGet)
	var told []string
	pasted := make(chan string, 20)
	address := "https://acme.example/back"
	login := func(redirect string, paste func(back, code, state string) []string) (Grant, error) {
		return e.Login(t.Context(), "shop", LoginOptions{
			Client: Client{BaseURL: base, ID: "id", Secret: "s"}, Redirect: redirect, Pasted: pasted,
			Notice: func(m string) { told = append(told, m) },
			Browser: func(at string) error {
				back, state := redirectOf(t, at)
				req, _ := http.NewRequest(http.MethodGet, at, nil)
				res, err := http.DefaultTransport.RoundTrip(req)
				if err != nil {
					return err
				}
				_ = res.Body.Close()
				to, _ := res.Location() // nobody follows it: the browser is elsewhere
				code := ""
				if to != nil {
					code = to.Query().Get("code")
				}
				for _, text := range paste(back, code, state) {
					pasted <- text
				}
				return nil
			},
		})
	}
	for name, paste := range map[string]func(back, code, state string) []string{
		"the code": func(_, code, _ string) []string { return []string{"  " + code + "\r"} },
		"the address": func(back, code, state string) []string {
			return []string{back + "?code=" + code + "&state=" + state + "#_"}
		},
		"its query":    func(_, code, state string) []string { return []string{"state=" + state + "&code=" + code} },
		"after others": func(_, code, _ string) []string { return []string{"", "not a code", code} },
	} {
		if grant, err := login("", paste); err != nil || grant.Token.Value == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(told) != 2 || !strings.HasPrefix(told[1], "there is no code in what was pasted") {
		t.Errorf("told %q", told)
	}
	told = nil
	_, err := login(address, func(back, _, state string) []string {
		if back != address {
			t.Errorf("the platform is told %s", back)
		}
		return []string{back + "?code=x&state=forged", back + "?error=access_denied&state=" + state}
	})
	if err == nil || err.Error() != "log in to shop: the user refused access" || len(told) != 1 || !strings.Contains(told[0], "is not the answer to this login") {
		t.Errorf("got %v, told %q", err, told)
	}
}

// An answer that names another platform than the one that was asked is not taken
// (RFC 9207).
func TestIssuer(t *testing.T) {
	for _, test := range []struct {
		declared, named string
		taken           bool
	}{
		{"", "", true},
		{"", "https://shop.example", true},
		{"", "https://evil.example", false},
		{"", "http://shop.example", false},
		{"https://id.example/realm", "https://id.example/realm", true},
		{"https://id.example/realm", "https://id.example", false},
		{"https://id.example/realm", "https://shop.example", false},
	} {
		cb := newCallback(oauthFlow{issuer: test.declared}, callbackPath, "https://shop.example/authorize")
		w := httptest.NewRecorder()
		cb.ServeHTTP(w, httptest.NewRequest(http.MethodGet, callbackPath+"?"+url.Values{"code": {"c"}, "state": {cb.state}, "iss": {test.named}}.Encode(), nil))
		if taken := w.Code == http.StatusOK; taken != test.taken {
			t.Errorf("declared %q, named %q: %d", test.declared, test.named, w.Code)
		}
	}
}

// The client shows that it is the one that began the login.
func TestPKCE(t *testing.T) {
	for declared, want := range map[string]bool{"": true, ", pkce: off": false} {
		text := strings.Replace(shopGet, "scope: root", "scope: root"+declared, 1)
		e, base := served(t, text)
		_, err := e.Login(t.Context(), "shop", LoginOptions{Client: Client{BaseURL: base, ID: "id", Secret: "s"}, Browser: func(at string) error {
			u, _ := url.Parse(at)
			if sent := u.Query().Get("code_challenge_method") == "S256" && len(u.Query().Get("code_challenge")) == 43; sent != want {
				t.Errorf("%q: %s", declared, at)
			}
			return visit(at)
		}})
		if err != nil {
			t.Error(err)
		}
		// who has the code, and not the secret behind the challenge, gets nothing
		_, err = e.Login(t.Context(), "shop", LoginOptions{Client: Client{BaseURL: base, ID: "id", Secret: "s"}, Browser: func(at string) error {
			u, _ := url.Parse(at)
			q := u.Query()
			q.Set("code_challenge_method", "S256")
			q.Set("code_challenge", "of-another-login")
			u.RawQuery = q.Encode()
			return visit(u.String())
		}})
		if err == nil || !strings.Contains(err.Error(), "invalid_grant") {
			t.Errorf("a code of another login: %v", err)
		}
	}
}

// What a platform answers is never shown: it may repeat what it was sent.
func TestTokenEndpointsThatAreBroken(t *testing.T) {
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		want   string
	}{
		"html":      {answering(200, "<html>s3cret</html>", "Content-Type", "text/html"), "what BASE/token answers is not a token"},
		"no token":  {answering(200, `{"client_secret":"s3cret"}`), "what BASE/token answers is not a token"},
		"a page":    {answering(400, "client_secret=s3cret is wrong"), "the platform refused the code: BASE/token answered 400 Bad Request; check the client id and secret"},
		"elsewhere": {answering(307, "", "Location", "https://evil.example/token"), "the platform refused the code: BASE/token answered 307 Temporary Redirect; check the client id and secret"},
	} {
		t.Run(name, func(t *testing.T) {
			mux := http.NewServeMux()
			mux.HandleFunc("/token", test.answer)
			mux.HandleFunc("/authorize", func(w http.ResponseWriter, r *http.Request) {
				q := r.URL.Query()
				http.Redirect(w, r, q.Get("redirect_uri")+"?"+url.Values{"code": {"c"}, "state": {q.Get("state")}}.Encode(), http.StatusFound)
			})
			server := httptest.NewServer(mux)
			defer server.Close()
			e := New()
			declare(t, e, shopGet)
			_, err := e.Login(t.Context(), "shop", LoginOptions{Client: Client{BaseURL: server.URL, ID: "id", Secret: "s3cret"}, Browser: visit})
			if want := "log in to shop: " + strings.ReplaceAll(test.want, "BASE", server.URL); err == nil || err.Error() != want {
				t.Errorf("got  %v\nwant %s", err, want)
			}
		})
	}
}

// A client without a person gets its token by its id and secret, as a form of
// either kind.
func TestClientCredentials(t *testing.T) {
	for _, body := range []string{"form", "multipart"} {
		text := "name: shop\nbase_url: https://shop.example/api\nauth: {oauth2: {grant: client_credentials, token: /token, scope: root, body: " + body + "}}\nstreams: {people: {path: /people, key: id}}\n"
		e, base := served(t, text)
		var kind string
		watched := roundTrip(func(r *http.Request) (*http.Response, error) {
			kind, _, _ = strings.Cut(r.Header.Get("Content-Type"), ";")
			return http.DefaultTransport.RoundTrip(r)
		})
		grant, err := e.Login(t.Context(), "shop", LoginOptions{Client: Client{BaseURL: base, ID: "id", Secret: "s", HTTP: watched}})
		if want := map[string]string{"form": "application/x-www-form-urlencoded", "multipart": "multipart/form-data"}[body]; err != nil || grant.Token.Value == "" || kind != want {
			t.Errorf("%s: %v, sent as %s", body, err, kind)
		}
		var refused *TokenRefused
		if _, err := e.Renew(t.Context(), "shop", Client{BaseURL: base, ID: "id", Secret: "wrong"}, ""); !errors.As(err, &refused) || refused.Status != 401 || refused.Code != "invalid_client" {
			t.Errorf("a wrong secret: %v", err)
		}
		if _, err := e.Login(t.Context(), "shop", LoginOptions{Client: Client{BaseURL: base, ID: "id", Secret: "wrong"}}); err == nil || !strings.HasSuffix(err.Error(), "answered 401 Unauthorized (invalid_client); check the client id and secret") {
			t.Errorf("a wrong secret: %v", err)
		}
		if auth, err := e.Auth("shop"); err != nil || !auth.Client || auth.Login {
			t.Errorf("%+v, %v", auth, err)
		}
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestLoginCommand(t *testing.T) {
	e := New()
	declare(t, e, shopGet)
	for _, test := range []struct{ connection, base, want string }{
		{"acme-eu", "", "pipeline auth login shop.yaml --connection acme-eu"},
		{"acme", "https://shop.example/api", "pipeline auth login shop.yaml --connection acme"},
		{"acme", "http://127.0.0.1:8080/api", "pipeline auth login shop.yaml --connection acme --base-url http://127.0.0.1:8080/api"},
		{"Zoë's; rm", "", `pipeline auth login shop.yaml --connection 'Zoë'\''s; rm'`},
	} {
		if got := e.LoginCommand("shop", test.connection, test.base); got != test.want {
			t.Errorf("got %s, want %s", got, test.want)
		}
	}
}

// FuzzCallback: whatever comes, it is not taken for the answer without the state
// of this login.
func FuzzCallback(f *testing.F) {
	f.Add("GET", "/callback?code=c&state=s", "")
	f.Add("POST", "/callback", "code=c&state=s&error=x")
	f.Add("POST", "/callback?state=%zz", "a;b")
	f.Add("GET", "/callback", "0code=")
	f.Fuzz(func(t *testing.T, method, target, body string) {
		for _, post := range []bool{false, true} {
			cb := newCallback(oauthFlow{postCallback: post}, callbackPath, "https://shop.example/authorize")
			r, err := http.NewRequest(method, "http://127.0.0.1:1"+target, strings.NewReader(body))
			if err != nil {
				return
			}
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			w := httptest.NewRecorder()
			cb.ServeHTTP(w, r)
			_, problem := cb.pasted(body)
			pasted := strings.TrimSpace(body)
			// "0code=" is a code: they may end in =
			isForm := strings.HasPrefix(pasted, "code=") || strings.Contains(pasted, "&code=")
			isCode := !strings.ContainsAny(pasted, "? \t") && !strings.Contains(pasted, "://") && !isForm
			if w.Code < 400 || len(cb.result) > 0 || problem == "" && !isCode {
				t.Errorf("%s %s %q was taken: %d", method, target, body, w.Code)
			}
		}
	})
}
