package rest

// grant.go: asking a platform for tokens: for a code, for the client itself, and
// for the next token in place of one that runs out.

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"pipeline/pipeline"
	"pipeline/pipeline/diag"
)

// Grant is what a platform gave.
type Grant struct {
	Token   pipeline.Token
	Refresh pipeline.Token // makes the next one; without a value a person has to log in again
	Expires time.Time      // of the token; zero: not said
}

// Client is who asks for tokens, and where.
type Client struct {
	BaseURL string // empty: the connector's
	ID      string
	Secret  string
	HTTP    http.RoundTripper // nil: the engine's
}

// Auth is how one gets tokens for a connector.
type Auth struct {
	Login        bool   // a person logs in, in a browser
	Client       bool   // the client id and secret are enough
	BaseURL      string // of the platform
	NeverExpires bool   // a token is good until it is withdrawn
}

// Auth tells how one gets tokens for a connector. Where neither a login nor the
// client is enough, the platform hands tokens to people.
func (e *Engine) Auth(connector string) (Auth, error) {
	d, err := e.declaration(connector)
	if err != nil {
		return Auth{}, err
	}
	oauth := d.auth.style == authOAuth2
	return Auth{oauth && !d.auth.oauth.client, oauth && d.auth.oauth.client, d.baseURL, d.auth.oauth.neverExpires}, nil
}

// LoginCommand is what a person types to log in.
func (e *Engine) LoginCommand(connector, connection, baseURL string) string {
	d, err := e.declaration(connector)
	if err != nil {
		d = &declaration{name: connector}
	}
	return d.loginCommand(connection, baseURL)
}

func (d *declaration) loginCommand(connection, baseURL string) string {
	command := fmt.Sprintf("pipeline auth login %s --connection %s", diag.ShellWord(cmp.Or(d.file, d.name)), diag.ShellWord(connection))
	if baseURL != "" && baseURL != d.baseURL {
		command += " --base-url " + diag.ShellWord(baseURL)
	}
	return command
}

// TokenRefused is a token that a platform does not give.
type TokenRefused struct {
	Address string
	Status  int
	Code    string // of RFC 6749, such as invalid_grant; may be empty
}

// Error names the address, the status and the code. The answer itself is not
// shown: platforms repeat in it what they were sent.
func (r *TokenRefused) Error() string {
	if r.Code == "" {
		return fmt.Sprintf("%s answered %s", r.Address, statusWords(r.Status))
	}
	return fmt.Sprintf("%s answered %s (%s)", r.Address, statusWords(r.Status), r.Code)
}

// OfGrant reports whether it was the code or the refresh token that was refused,
// and not the client.
func (r *TokenRefused) OfGrant() bool { return r.Code == "invalid_grant" }

// Renew gets a fresh token: by the refresh token of the last grant, or for a
// connector whose client is enough, by its id and secret.
func (e *Engine) Renew(ctx context.Context, connector string, client Client, refresh string) (Grant, error) {
	d, err := e.declaration(connector)
	if err != nil {
		return Grant{}, err
	}
	asker, err := e.asker(d, client)
	if err != nil {
		return Grant{}, err
	}
	return asker.patiently(ctx, func(ctx context.Context) (*oauth2.Token, error) {
		if d.auth.oauth.client {
			config := clientcredentials.Config{ClientID: client.ID, ClientSecret: client.Secret, TokenURL: asker.config.Endpoint.TokenURL, Scopes: asker.config.Scopes, AuthStyle: oauth2.AuthStyleInParams}
			return config.Token(ctx)
		}
		return asker.config.TokenSource(ctx, &oauth2.Token{RefreshToken: refresh}).Token()
	})
}

// asker asks one platform for tokens.
type asker struct {
	config *oauth2.Config
	http   *http.Client
}

func (e *Engine) asker(d *declaration, client Client) (*asker, error) {
	base, problem, _ := parseBaseURL(cmp.Or(client.BaseURL, d.baseURL))
	if problem != "" {
		return nil, errors.New(problem)
	}
	flow := d.auth.oauth
	config := &oauth2.Config{
		ClientID:     client.ID,
		ClientSecret: client.Secret,
		Endpoint:     oauth2.Endpoint{AuthURL: resolve(base, flow.authorize), TokenURL: resolve(base, flow.token), AuthStyle: oauth2.AuthStyleInParams},
	}
	if flow.scope != "" {
		config.Scopes = []string{flow.scope}
	}
	rt := client.HTTP
	if rt == nil {
		rt = e.roundTripper()
	}
	if flow.multipart {
		rt = asMultipart{rt}
	}
	return &asker{config, &http.Client{
		Transport: namesJSON{rt},
		Timeout:   firstByteTimeout,
		// the request holds the secret: it goes where it was meant for
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// redeem makes a token out of a code, which is good for one try.
func (a *asker) redeem(ctx context.Context, code string, more ...oauth2.AuthCodeOption) (Grant, error) {
	for _, scope := range a.config.Scopes {
		// not in the standard, but asked for by platforms; others pass over it
		more = append(more, oauth2.SetAuthURLParam("scope", scope))
	}
	grant, err := a.ask(ctx, func(ctx context.Context) (*oauth2.Token, error) {
		return a.config.Exchange(ctx, code, more...)
	})
	var refused *TokenRefused
	if errors.As(err, &refused) {
		hint := "check the client id and secret"
		if refused.OfGrant() {
			hint = "a code is good once and for minutes, so start the login again"
		}
		return Grant{}, fmt.Errorf("the platform refused the code: %w; %s", err, hint)
	}
	return grant, err
}

// tokenTries is how often a token is asked for where the platform has a problem.
const tokenTries = 3

// patiently asks again where the platform says that it has a problem. It does not
// where an answer got lost: a refresh token may be used up by then.
func (a *asker) patiently(ctx context.Context, question func(context.Context) (*oauth2.Token, error)) (Grant, error) {
	for try := 0; ; try++ {
		grant, err := a.ask(ctx, question)
		var refused *TokenRefused
		if !errors.As(err, &refused) || refused.Status < 500 && refused.Status != http.StatusTooManyRequests || try+1 == tokenTries {
			return grant, err
		}
		if err := sleep(ctx, pipeline.Backoff(try)); err != nil {
			return Grant{}, err
		}
	}
}

// ask asks once.
func (a *asker) ask(ctx context.Context, question func(context.Context) (*oauth2.Token, error)) (Grant, error) {
	token, err := question(context.WithValue(ctx, oauth2.HTTPClient, a.http))
	var refused *oauth2.RetrieveError
	var network *url.Error
	switch {
	case ctx.Err() != nil:
		return Grant{}, ctx.Err()
	case errors.As(err, &refused): // its own message shows the whole answer
		return Grant{}, &TokenRefused{a.config.Endpoint.TokenURL, refused.Response.StatusCode, plainCode(refused.ErrorCode)}
	case errors.As(err, &network):
		return Grant{}, fmt.Errorf("ask for a token: %s", connectionWords(network.Err, hostOf(a.config.Endpoint.TokenURL)))
	case err != nil:
		return Grant{}, fmt.Errorf("what %s answers is not a token", a.config.Endpoint.TokenURL) // the cause may show some of it
	}
	return Grant{pipeline.Token{Value: token.AccessToken}, pipeline.Token{Value: token.RefreshToken}, token.Expiry}, nil
}

// plainCode is an error code as it can be shown.
func plainCode(code string) string {
	if !plainText(code) {
		code = strconv.QuoteToASCII(code)
	}
	return diag.Crop(code, 80)
}

func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	return u.Host
}

// namesJSON calls an answer JSON that is JSON, for platforms that call it text:
// x/oauth2 reads text as a form.
type namesJSON struct{ http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (n namesJSON) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := n.RoundTripper.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	body := bufio.NewReader(res.Body)
	if first, _ := body.Peek(1); string(first) == "{" {
		res.Header.Set("Content-Type", "application/json")
	}
	res.Body = struct {
		io.Reader
		io.Closer
	}{body, res.Body}
	return res, nil
}

// asMultipart sends forms as multipart/form-data, for platforms that take no
// other.
type asMultipart struct{ http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (m asMultipart) RoundTrip(r *http.Request) (*http.Response, error) {
	text, err := io.ReadAll(r.Body)
	if err = errors.Join(err, r.Body.Close()); err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(text))
	if err != nil {
		return nil, err
	}
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	for name := range form {
		if err := w.WriteField(name, form.Get(name)); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	r = r.Clone(r.Context())
	r.Header.Set("Content-Type", w.FormDataContentType())
	r.Body, r.ContentLength = io.NopCloser(&body), int64(body.Len())
	return m.RoundTripper.RoundTrip(r)
}
