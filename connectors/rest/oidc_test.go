package rest

import (
	"bufio"
	"context"
	"errors"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"pipeline/pipeline"
)

// oidcProvider starts an OAuth server that we did not write.
func oidcProvider(t *testing.T) (issuer string) {
	t.Helper()
	modules := os.Getenv("PIPELINE_NODE_MODULES")
	if modules == "" {
		t.Skip("PIPELINE_NODE_MODULES does not name a node_modules folder with oidc-provider; .ci/run sets it")
	}
	cmd := exec.CommandContext(t.Context(), "node", "testdata/oidc.mjs", modules)
	var said strings.Builder
	cmd.Stderr = &said
	stdin, err1 := cmd.StdinPipe()
	stdout, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2, cmd.Start()); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(stdout)
	line, err := lines.ReadString('\n')
	go func() { _, _ = io.Copy(io.Discard, lines) }() // it warns that it is not for production
	t.Cleanup(func() { _ = stdin.Close(); _ = cmd.Wait() })
	if err != nil {
		t.Fatalf("%v\n%s", err, &said)
	}
	return strings.TrimSpace(line)
}

var (
	formAction = regexp.MustCompile(`<form[^>]* action="([^"]*)"`)
	formInput  = regexp.MustCompile(`<input[^>]* name="([^"]*)" value="([^"]*)"`)
)

// person is a browser with cookies, whose user agrees to all. A form that submits
// itself is submitted.
func person(t *testing.T, more string) func(string) error {
	return func(address string) error {
		jar, err := cookiejar.New(nil)
		if err != nil {
			return err
		}
		client := &http.Client{Jar: jar, Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 20 * time.Second}
		res, err := client.Get(address + more)
		if err != nil {
			return err
		}
		defer res.Body.Close()
		page, err := io.ReadAll(res.Body)
		if action := formAction.FindSubmatch(page); err == nil && action != nil {
			form := url.Values{}
			for _, input := range formInput.FindAllSubmatch(page, -1) {
				form.Set(html.UnescapeString(string(input[1])), html.UnescapeString(string(input[2])))
			}
			if res, err = client.PostForm(html.UnescapeString(string(action[1])), form); err == nil {
				defer res.Body.Close()
			}
		}
		if err == nil && res.StatusCode != http.StatusOK {
			t.Errorf("the browser ends at %s with %s: %s", res.Request.URL.Path, res.Status, page)
		}
		return err
	}
}

// TestOIDCProvider goes through a login, its end, and its renewal at a server that
// is certified for what it does: PKCE is required, the answer names its issuer,
// refresh tokens are good for once.
func TestOIDCProvider(t *testing.T) {
	issuer := oidcProvider(t)
	for name, test := range map[string]struct{ callback, more string }{
		"by GET":  {"get", ""},
		"by POST": {"post", "&response_mode=form_post"},
	} {
		t.Run(name, func(t *testing.T) {
			e := New()
			c := declare(t, e, "name: shop\nbase_url: "+issuer+"\nauth: {oauth2: {authorize: /auth, token: /token, scope: openid, callback: "+test.callback+", issuer: '"+issuer+"'}}\nlimit: {rate: 1000/min, concurrency: 1}\noptions: {event: {doc: id}}\nstreams: {people: {path: /people, key: id}}\n")
			client := Client{ID: "acme", Secret: "s3cret"}
			grant, err := e.Login(t.Context(), "shop", LoginOptions{Client: client, Browser: person(t, test.more)})
			if err != nil {
				t.Fatal(err)
			}
			if life := time.Until(grant.Expires); grant.Refresh.Value == "" || life < 59*time.Minute || life > time.Hour {
				t.Fatalf("a token for %v; can it be renewed? %v", life, grant.Refresh.Value != "")
			}
			first, renewed := grant, 0
			w := newWorld(http.DefaultTransport)
			w.Token = func(string) (pipeline.Token, error) { return grant.Token, nil }
			w.Renew = func(ctx context.Context, _ string, _ pipeline.Token) (_ pipeline.Token, err error) {
				renewed++
				grant, err = e.Renew(ctx, "shop", client, grant.Refresh.Value)
				return grant.Token, err
			}
			read := func() {
				t.Helper()
				pages, err := readAll(t.Context(), open(t, c, &w.World, nil), "")
				if err != nil || records(pages) != 2 {
					t.Fatalf("%d records, %v", records(pages), err)
				}
			}
			read()
			if renewed != 0 {
				t.Error("a good token was renewed")
			}
			if err := visit(issuer + "/withdraw"); err != nil {
				t.Fatal(err)
			}
			read()
			if renewed != 1 || grant.Refresh.Value == first.Refresh.Value || grant.Token.Value == first.Token.Value {
				t.Errorf("renewed %d times, or not rotated", renewed)
			}
			// the old refresh token again: somebody has stolen it, and all is over
			var refused *TokenRefused
			for _, refresh := range []string{first.Refresh.Value, grant.Refresh.Value} {
				if _, err := e.Renew(t.Context(), "shop", client, refresh); !errors.As(err, &refused) || refused.Code != "invalid_grant" {
					t.Errorf("a refresh token that was used: %v", err)
				}
			}
			if _, err := e.Login(t.Context(), "shop", LoginOptions{Client: Client{ID: "acme", Secret: "wrong"}, Browser: person(t, test.more)}); err == nil || !strings.Contains(err.Error(), "401 Unauthorized (invalid_client); check the client id and secret") {
				t.Errorf("a wrong secret: %v", err)
			}
		})
	}
	t.Run("without a person", func(t *testing.T) {
		e := New()
		declare(t, e, "name: shop\nbase_url: "+issuer+"\nauth: {oauth2: {grant: client_credentials, token: /token}}\nstreams: {people: {path: /people, key: id}}\n")
		if grant, err := e.Login(t.Context(), "shop", LoginOptions{Client: Client{ID: "acme", Secret: "s3cret"}}); err != nil || grant.Token.Value == "" || grant.Expires.IsZero() {
			t.Errorf("%v until %v", err, grant.Expires)
		}
	})
}
