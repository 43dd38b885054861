package rest

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"pipeline/pipeline"
)

// grant is a code that was handed out and not used yet.
type grant struct {
	client, redirect string
	challenge        string // of PKCE; empty: the client sent none
	until            time.Time
}

const (
	codeLife = 10 * time.Minute
	maxCodes = 1000 // handed out and not used
)

// authorize is the page on which people log in; here they always do.
func (s *Sandbox) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	redirect, err := url.Parse(q.Get("redirect_uri"))
	switch {
	case r.Method != http.MethodGet:
		refuse(w, http.StatusMethodNotAllowed, "people come here with GET")
	case q.Get("response_type") != "code":
		refuse(w, http.StatusBadRequest, "response_type must be code")
	case !knownClient(q.Get("client_id")):
		refuse(w, http.StatusBadRequest, "client_id is not known")
	case err != nil || redirect.Scheme != "http" || !isLoopback(redirect.Hostname()) || redirect.Fragment != "":
		refuse(w, http.StatusBadRequest, "redirect_uri must be an http address of this machine")
	case q.Get("scope") != s.d.auth.oauth.scope:
		refuse(w, http.StatusBadRequest, "scope must be "+s.d.auth.oauth.scope)
	case q.Has("code_challenge") && q.Get("code_challenge_method") != "S256":
		refuse(w, http.StatusBadRequest, "code_challenge_method must be S256")
	default:
		s.sendBack(w, r, redirect, url.Values{"code": {s.newCode(q)}, "state": {q.Get("state")}})
	}
}

func knownClient(id string) bool { return id != "" && !strings.HasPrefix(id, "wrong") }

func (s *Sandbox) newCode(q url.Values) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for code, g := range s.codes {
		if len(s.codes) >= maxCodes || time.Now().After(g.until) {
			delete(s.codes, code)
		}
	}
	code := rand.Text()
	s.codes[code] = grant{q.Get("client_id"), q.Get("redirect_uri"), q.Get("code_challenge"), time.Now().Add(codeLife)}
	return code
}

// sendBack brings the code to the redirect address: in its query, or by POST. A
// browser posts a form; for a client that is none the sandbox posts it itself.
func (s *Sandbox) sendBack(w http.ResponseWriter, r *http.Request, redirect *url.URL, answer url.Values) {
	if !s.d.auth.oauth.postCallback {
		q := redirect.Query()
		for name := range answer {
			q.Set(name, answer.Get(name))
		}
		redirect.RawQuery = q.Encode()
		http.Redirect(w, r, redirect.String(), http.StatusFound)
		return
	}
	if strings.Contains(r.Header.Get("Accept"), "text/html") {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = fmt.Fprintf(w, postPage, html.EscapeString(redirect.String()), html.EscapeString(answer.Get("code")), html.EscapeString(answer.Get("state"))) // a client that is gone needs no answer
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, redirect.String(), strings.NewReader(answer.Encode()))
	if err != nil {
		refuse(w, http.StatusBadRequest, "redirect_uri is not an address")
		return
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Close = true
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		refuse(w, http.StatusBadGateway, "nothing answers at redirect_uri")
		return
	}
	_ = res.Body.Close() // its answer is for a browser
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write([]byte(`{"posted": true}` + "\n")) // a client that is gone needs no answer
}

const postPage = `<!doctype html>
<title>Sandbox</title>
<form method="post" action="%s">
<input type="hidden" name="code" value="%s"><input type="hidden" name="state" value="%s">
<button>Continue</button>
</form>
<script>document.forms[0].submit()</script>
`

// exchange makes a token out of a code. Its errors are those of RFC 6749.
func (s *Sandbox) exchange(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	if r.Method != http.MethodPost {
		refuse(w, http.StatusMethodNotAllowed, "invalid_request")
		return
	}
	if err := r.ParseMultipartForm(64 << 10); err != nil && r.PostForm == nil {
		refuse(w, http.StatusBadRequest, "invalid_request")
		return
	}
	form := r.PostForm // a secret in the query does not count
	s.mu.Lock()
	g, ok := s.codes[form.Get("code")]
	delete(s.codes, form.Get("code")) // good for one try
	s.mu.Unlock()
	client := form.Get("client_id")
	switch {
	case form.Get("grant_type") != s.d.auth.oauth.grantType():
		refuse(w, http.StatusBadRequest, "unsupported_grant_type")
	case !knownClient(client) || !knownClient(form.Get("client_secret")):
		refuse(w, http.StatusUnauthorized, "invalid_client")
	case s.d.auth.oauth.client && form.Get("scope") == s.d.auth.oauth.scope:
		s.give(w, client)
	case !ok || g.client != client || g.redirect != form.Get("redirect_uri") || time.Now().After(g.until):
		refuse(w, http.StatusBadRequest, "invalid_grant")
	case g.challenge != "" && oauth2.S256ChallengeFromVerifier(form.Get("code_verifier")) != g.challenge:
		refuse(w, http.StatusBadRequest, "invalid_grant")
	case form.Get("scope") != s.d.auth.oauth.scope:
		refuse(w, http.StatusBadRequest, "invalid_scope")
	default:
		s.give(w, client)
	}
}

// grantType is how a token request names the flow.
func (f oauthFlow) grantType() string {
	if f.client {
		return "client_credentials"
	}
	return "authorization_code"
}

// give answers with the token of a client.
func (s *Sandbox) give(w http.ResponseWriter, client string) {
	body, err := json.Marshal(map[string]string{"access_token": s.token(client), "token_type": "Bearer"})
	if err != nil {
		panic(err) // a map of texts
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(body) // a client that is gone needs no answer
}

// LoginSandbox logs in to a sandbox that answers at base, over HTTP as a person
// with a browser would, where its platform has a login.
func (e *Engine) LoginSandbox(ctx context.Context, s *Sandbox, base string) (pipeline.Token, error) {
	if s.d.auth.style != authOAuth2 {
		return s.Token(), nil
	}
	grant, err := e.Login(ctx, s.d.name, LoginOptions{Client: Client{BaseURL: base, ID: "sandbox", Secret: "sandbox"}, Browser: follow})
	return grant.Token, err
}

// follow is a browser that goes where it is sent.
func follow(address string) error {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}
	res, err := client.Get(address)
	if err != nil {
		return err
	}
	_ = res.Body.Close() // where it was sent is what counts
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("the login answers %s", res.Status)
	}
	return nil
}
