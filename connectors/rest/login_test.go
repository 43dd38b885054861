package rest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"pipeline/pipeline"
)

const (
	shopGet  = "name: shop\nbase_url: https://shop.example/api\nauth: {oauth2: {authorize: /authorize, token: /token, callback: get, scope: root}}\nstreams: {people: {path: /people, key: id}}\n"
	shopPost = "name: shop\nbase_url: https://shop.example/api\nauth: {oauth2: {authorize: /authorize, token: /token, callback: post, expires: never}}\nstreams: {people: {path: /people, key: id}}\n"
)

// served is an engine with a declaration and its sandbox on loopback.
func served(t *testing.T, text string) (e *Engine, base string) {
	t.Helper()
	e = New()
	declare(t, e, text)
	sandbox, err := e.Sandbox("shop", SandboxOptions{})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(sandbox)
	t.Cleanup(server.Close)
	return e, sandbox.BaseURL(server.URL)
}

// visit is a browser that is a plain HTTP client.
func visit(address string) error {
	res, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Get(address)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	if body, _ := io.ReadAll(res.Body); res.StatusCode != 200 {
		return fmt.Errorf("%s: %s", res.Status, body)
	}
	return nil
}

// A login over real HTTP ends in a token with which the list can be read.
func TestLogin(t *testing.T) {
	for name, text := range map[string]string{"get": shopGet, "post": shopPost} {
		t.Run(name, func(t *testing.T) {
			e, base := served(t, text)
			grant, err := e.Login(t.Context(), "shop", LoginOptions{Client: Client{BaseURL: base, ID: "id", Secret: "s3cret"}, Browser: visit})
			if err != nil {
				t.Fatal(err)
			}
			w := newWorld(http.DefaultTransport)
			w.Token = func(string) (pipeline.Token, error) { return grant.Token, nil }
			pages, err := readAll(t.Context(), open(t, declare(t, e, text), &w.World, pipeline.Options{"base_url": base}), "")
			if err != nil || len(pages) != 1 || len(pages[0].Records) != 100 {
				t.Errorf("got %d pages and %v, expected one of 100 records", len(pages), err)
			}
		})
	}
}

// What is not the expected callback is refused, and the login goes on waiting.
func TestCallbacksThatAreNotExpected(t *testing.T) {
	for name, text := range map[string]string{"get": shopGet, "post": shopPost} {
		t.Run(name, func(t *testing.T) {
			e, base := served(t, text)
			var statuses []int
			browser := func(address string) error {
				u, _ := url.Parse(address)
				back, state := u.Query().Get("redirect_uri"), u.Query().Get("state")
				if len(state) < 43 {
					t.Errorf("state %q has less than 256 bits", state)
				}
				good := url.Values{"state": {state}, "code": {"x"}}.Encode()
				bad := "state=wrong&code=x"
				for _, r := range []struct{ method, address, form string }{
					{"GET", back + "?" + bad, ""},
					{"POST", back, bad},
					{map[string]string{"get": "POST", "post": "GET"}[name], back + "?" + good, good},
					{"GET", strings.Replace(back, "/callback", "/other", 1) + "?" + good, ""},
					{"POST", strings.Replace(back, "/callback", "/other", 1), good},
					{"POST", back + "?" + bad, "%zz"},
				} {
					req, _ := http.NewRequest(r.method, r.address, strings.NewReader(r.form))
					req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
					req.Close = true
					res, err := http.DefaultTransport.RoundTrip(req)
					if err != nil {
						return err
					}
					_ = res.Body.Close()
					statuses = append(statuses, res.StatusCode)
				}
				return visit(address)
			}
			grant, err := e.Login(t.Context(), "shop", LoginOptions{Client: Client{BaseURL: base, ID: "id", Secret: "s"}, Browser: browser})
			if err != nil || grant.Token.Value == "" {
				t.Fatalf("the login did not go on: %v", err)
			}
			for i, status := range statuses {
				if status < 400 || status > 499 {
					t.Errorf("callback %d was answered with %d", i+1, status)
				}
			}
		})
	}
}

func TestLoginsThatAreRefused(t *testing.T) {
	e, base := served(t, shopGet)
	back := func(answer url.Values) func(string) error {
		return func(address string) error {
			u, _ := url.Parse(address)
			answer.Set("state", u.Query().Get("state"))
			_ = visit(u.Query().Get("redirect_uri") + "?" + answer.Encode()) // it is answered with 400
			return nil
		}
	}
	for _, test := range []struct {
		name string
		o    LoginOptions
		want string
	}{
		{"by the user", LoginOptions{Client: Client{ID: "id"}, Browser: back(url.Values{"error": {"access_denied"}})}, "log in to shop: the user refused access"},
		{"by the platform", LoginOptions{Client: Client{ID: "id"}, Browser: back(url.Values{"error": {"server_error"}})}, `log in to shop: the platform says "server_error"`},
		{"without a code", LoginOptions{Client: Client{ID: "id"}, Browser: back(url.Values{})}, "log in to shop: the platform sent no code"},
		{"with a bad code", LoginOptions{Client: Client{ID: "id", Secret: "s"}, Browser: back(url.Values{"code": {"stolen"}})}, "log in to shop: the platform refused the code: " + base + "/token answered 400 Bad Request (invalid_grant); a code is good once and for minutes, so start the login again"},
		{"with a bad secret", LoginOptions{Client: Client{ID: "id", Secret: "wrong"}, Browser: visit}, "log in to shop: the platform refused the code: " + base + "/token answered 401 Unauthorized (invalid_client); check the client id and secret"},
		{"without a browser", LoginOptions{Client: Client{ID: "id"}, Browser: func(string) error { return errors.New("there is none") }}, "log in to shop: open the browser: there is none"},
		{"over http", LoginOptions{Client: Client{BaseURL: "http://shop.example"}, Browser: visit}, "log in to shop: base_url is http, over which anyone could read the token"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.o.BaseURL == "" {
				test.o.BaseURL = base
			}
			_, err := e.Login(t.Context(), "shop", test.o)
			if err == nil || err.Error() != test.want {
				t.Errorf("got  %v\nwant %s", err, test.want)
			}
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := e.Login(ctx, "shop", LoginOptions{Client: Client{BaseURL: base, ID: "id"}, Browser: func(string) error { cancel(); return nil }}); !errors.Is(err, context.Canceled) {
		t.Errorf("a login that was given up: got %v", err)
	}
	if _, err := e.Login(t.Context(), "shpo", LoginOptions{}); err == nil || err.Error() != `there is no declared connector "shpo"; did you mean "shop"?` {
		t.Errorf("an unknown connector: got %v", err)
	}
	declare(t, e, shopOffset)
	if _, err := e.Login(t.Context(), "shop", LoginOptions{}); err == nil || err.Error() != "log in to shop: its tokens are handed out by the platform; set PIPELINE_SHOP_TOKEN" {
		t.Errorf("a connector without a login: got %v", err)
	}
}

// The sandbox is as strict as a platform.
func TestSandboxChecksTheLogin(t *testing.T) {
	_, base := served(t, shopGet)
	get := func(change, value string) *http.Response {
		q := url.Values{"response_type": {"code"}, "client_id": {"id"}, "redirect_uri": {"http://127.0.0.1:9/callback"}, "scope": {"root"}, "state": {"s"}}
		if change != "" {
			q.Set(change, value)
		}
		req, _ := http.NewRequest(http.MethodGet, base+"/authorize?"+q.Encode(), nil)
		res, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		return res
	}
	for change, value := range map[string]string{"response_type": "token", "client_id": "wrong-one", "redirect_uri": "https://evil.example/callback", "scope": "other"} {
		if res := get(change, value); res.StatusCode != 400 {
			t.Errorf("authorize with %s=%s: %s", change, value, res.Status)
		}
	}
	exchange := func(change, value string) int {
		to, err := get("", "").Location()
		if err != nil || to.Query().Get("state") != "s" {
			t.Fatalf("sent back to %v, %v", to, err)
		}
		form := map[string]string{"grant_type": "authorization_code", "client_id": "id", "client_secret": "s", "redirect_uri": "http://127.0.0.1:9/callback", "code": to.Query().Get("code"), "scope": "root"}
		form[change] = value
		var body strings.Builder
		m := multipart.NewWriter(&body) // as GEVME's documentation has it
		for name, v := range form {
			_ = m.WriteField(name, v)
		}
		_ = m.Close()
		status := 0
		for range 2 { // a code is good for once
			res, err := http.Post(base+"/token", m.FormDataContentType(), strings.NewReader(body.String()))
			if err != nil {
				t.Fatal(err)
			}
			_ = res.Body.Close()
			if status == 0 {
				status = res.StatusCode
			} else if res.StatusCode == 200 {
				t.Error("a code was taken twice")
			}
		}
		return status
	}
	if status := exchange("", ""); status != 200 {
		t.Errorf("a good request: %d", status)
	}
	for change, value := range map[string]string{"grant_type": "password", "client_id": "another", "client_secret": "wrong", "redirect_uri": "http://127.0.0.1:9/other", "code": "x", "scope": ""} {
		if status := exchange(change, value); status == 200 {
			t.Errorf("a token was given with %s=%s", change, value)
		}
	}
}
