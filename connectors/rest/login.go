package rest

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/oauth2"

	"pipeline/pipeline"
)

// LoginOptions say who logs in where.
type LoginOptions struct {
	BaseURL      string // empty: the connector's
	ClientID     string
	ClientSecret string
	Port         int               // of the callback on this machine, where one was registered; 0: any
	HTTP         http.RoundTripper // nil: the engine's

	// Browser opens the address at which the user logs in. It may return
	// before the user has.
	Browser func(authorizeURL string) error
}

// loginPatience is how long a person may take to log in.
const loginPatience = 5 * time.Minute

// Login does the OAuth code flow of a connector: it listens on this machine,
// sends the user to the platform, takes the code that comes back and makes a
// token out of it. Callbacks that are not the expected one are refused, and it
// goes on waiting.
func (e *Engine) Login(ctx context.Context, connector string, o LoginOptions) (pipeline.Token, error) {
	d, err := e.declaration(connector)
	if err != nil {
		return pipeline.Token{}, err
	}
	fail := func(err error) (pipeline.Token, error) {
		return pipeline.Token{}, fmt.Errorf("log in to %s: %w", connector, err)
	}
	if d.auth.style != authOAuth2 {
		return fail(fmt.Errorf("its tokens are handed out by the platform; set %s", TokenVariable(connector)))
	}
	base, problem, _ := parseBaseURL(cmp.Or(o.BaseURL, d.baseURL))
	if problem != "" {
		return fail(errors.New(problem))
	}
	ctx, cancel := context.WithTimeout(ctx, loginPatience)
	defer cancel()
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", o.Port))
	if err != nil {
		return fail(fmt.Errorf("listen for the callback: %w", err))
	}
	config := &oauth2.Config{
		ClientID:     o.ClientID,
		ClientSecret: o.ClientSecret,
		Endpoint:     oauth2.Endpoint{AuthURL: resolve(base, d.auth.oauth.authorize), TokenURL: resolve(base, d.auth.oauth.token), AuthStyle: oauth2.AuthStyleInParams},
		RedirectURL:  fmt.Sprintf("http://%s%s", listener.Addr(), callbackPath),
	}
	if d.auth.oauth.scope != "" {
		config.Scopes = []string{d.auth.oauth.scope}
	}
	code, err := awaitCode(ctx, listener, config, d.auth.oauth.postCallback, o.Browser)
	if err != nil {
		return fail(err)
	}
	rt := o.HTTP
	if rt == nil {
		rt = e.roundTripper()
	}
	token, err := redeem(ctx, rt, config, code)
	if err != nil {
		return fail(err)
	}
	return token, nil
}

const callbackPath = "/callback"

// callback waits for the one request that ends a login.
type callback struct {
	method, state string
	result        chan result // takes one
}

type result struct {
	code string
	err  error
}

// awaitCode sends the user to the platform and returns the code that comes
// back. It closes the listener.
func awaitCode(ctx context.Context, listener net.Listener, config *oauth2.Config, post bool, browser func(string) error) (string, error) {
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // it never fails
	cb := &callback{method: http.MethodGet, state: base64.RawURLEncoding.EncodeToString(secret), result: make(chan result, 1)}
	if post {
		cb.method = http.MethodPost
	}
	server := &http.Server{Handler: cb, ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second, MaxHeaderBytes: 64 << 10}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(listener) // it ends by Shutdown
	}()
	defer func() {
		// the browser is still to be given its page
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		if server.Shutdown(ctx) != nil {
			_ = server.Close() // somebody keeps a connection open
		}
		<-served
	}()
	if err := browser(config.AuthCodeURL(cb.state)); err != nil {
		return "", fmt.Errorf("open the browser: %w", err)
	}
	select {
	case r := <-cb.result:
		return r.code, r.err
	case <-ctx.Done():
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return "", fmt.Errorf("nobody came back from the platform in %v", loginPatience)
		}
		return "", ctx.Err()
	}
}

// ServeHTTP takes the callback and answers the person in front of the browser.
func (cb *callback) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != callbackPath {
		http.NotFound(w, r)
		return
	}
	if r.Method != cb.method {
		w.Header().Set("Allow", cb.method)
		http.Error(w, "This login comes back by "+cb.method+".", http.StatusMethodNotAllowed)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	form := r.URL.Query()
	if cb.method == http.MethodPost {
		if err := r.ParseForm(); err != nil {
			http.Error(w, "This is not the form of a login.", http.StatusBadRequest)
			return
		}
		form = r.PostForm
	}
	if subtle.ConstantTimeCompare([]byte(form.Get("state")), []byte(cb.state)) != 1 {
		http.Error(w, "This is not the answer to the login that was begun here.", http.StatusBadRequest)
		return
	}
	got := outcome(form)
	select {
	case cb.result <- got:
	default: // the first one counts
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	if got.err != nil {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = fmt.Fprintln(w, "The login was refused. You can close this window.") // a browser that is gone needs no answer
		return
	}
	_, _ = fmt.Fprintln(w, "You are logged in. You can close this window.") // a browser that is gone needs no answer
}

// outcome is what the platform says in a callback.
func outcome(form url.Values) result {
	switch {
	case form.Get("error") == "access_denied":
		return result{err: errors.New("the user refused access")}
	case form.Get("error") != "":
		return result{err: fmt.Errorf("the platform says %q", shorten(form.Get("error"), 80))}
	case form.Get("code") == "":
		return result{err: errors.New("the platform sent no code")}
	}
	return result{code: form.Get("code")}
}

// redeem makes a token out of a code.
func redeem(ctx context.Context, rt http.RoundTripper, config *oauth2.Config, code string) (pipeline.Token, error) {
	client := &http.Client{
		Transport: rt,
		Timeout:   firstByteTimeout,
		// the request holds the secret: it goes where it was meant for
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	var more []oauth2.AuthCodeOption
	for _, scope := range config.Scopes {
		// not in the standard, but asked for by platforms; others pass over it
		more = append(more, oauth2.SetAuthURLParam("scope", scope))
	}
	token, err := config.Exchange(context.WithValue(ctx, oauth2.HTTPClient, client), code, more...)
	var refused *oauth2.RetrieveError
	switch {
	case errors.As(err, &refused) && refused.ErrorCode != "":
		return pipeline.Token{}, fmt.Errorf("%s refused the code: %s (%s); check the client id and secret", config.Endpoint.TokenURL, statusWords(refused.Response.StatusCode), shorten(refused.ErrorCode, 80))
	case errors.As(err, &refused):
		// its own message shows the whole answer
		return pipeline.Token{}, fmt.Errorf("%s refused the code: %s; check the client id and secret", config.Endpoint.TokenURL, statusWords(refused.Response.StatusCode))
	case err != nil:
		return pipeline.Token{}, fmt.Errorf("get a token: %w", err)
	}
	return pipeline.Token{Value: token.AccessToken}, nil
}
