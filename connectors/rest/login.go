package rest

// login.go: the OAuth code flow with a person in front of a browser, as RFC 8252
// and RFC 9700 have it: an address of this machine to come back to, PKCE, and a
// state that only this login knows.

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	"golang.org/x/oauth2"
)

// LoginOptions say who logs in where.
type LoginOptions struct {
	Client

	// Redirect is the address that was registered at the platform to come back
	// to; empty is any free port of this machine. For an https one elsewhere
	// there is nothing to listen for: the code has to be pasted.
	Redirect string

	// Browser opens the address at which the user logs in. It may return
	// before the user has.
	Browser func(authorizeURL string) error

	// Pasted are texts that the user pastes, each the code or the whole address
	// that the browser was sent to; nil: there is nobody to paste. What is not
	// the answer to this login is told to Notice.
	Pasted <-chan string
	Notice func(message string)

	Patience time.Duration // how long a person may take; 0: five minutes
}

// loginPatience is how long a person may take to log in.
const loginPatience = 5 * time.Minute

// Login gets a token for a connector. Where a person has to log in, it listens on
// this machine, sends the user to the platform, takes the code that comes back
// and makes a token out of it; callbacks that are not the expected one are
// refused, and it goes on waiting.
func (e *Engine) Login(ctx context.Context, connector string, o LoginOptions) (Grant, error) {
	d, err := e.declaration(connector)
	if err != nil {
		return Grant{}, err
	}
	grant, err := e.login(ctx, d, o)
	if err != nil {
		return Grant{}, fmt.Errorf("log in to %s: %w", connector, err)
	}
	return grant, nil
}

// CheckLogin reports what is wrong with the addresses of a login, before anybody
// is asked for anything.
func CheckLogin(baseURL, redirect string) error {
	if baseURL != "" {
		if _, problem, hint := parseBaseURL(baseURL); problem != "" {
			return fmt.Errorf("%s; %s", strings.Replace(problem, "base_url", "--base-url", 1), hint)
		}
	}
	_, err := parseRedirect(redirect)
	return err
}

func (e *Engine) login(ctx context.Context, d *declaration, o LoginOptions) (Grant, error) {
	if d.auth.style != authOAuth2 {
		return Grant{}, fmt.Errorf("its tokens are handed out by the platform; set %s", TokenVariable(d.name))
	}
	if d.auth.oauth.client {
		grant, err := e.Renew(ctx, d.name, o.Client, "")
		var refused *TokenRefused
		if errors.As(err, &refused) {
			err = fmt.Errorf("%w; check the client id and secret", err)
		}
		return grant, err
	}
	asker, err := e.asker(d, o.Client)
	if err != nil {
		return Grant{}, err
	}
	place, err := parseRedirect(o.Redirect)
	if err != nil {
		return Grant{}, err
	}
	if o.Patience == 0 {
		o.Patience = loginPatience
	}
	ctx, cancel := context.WithTimeout(ctx, o.Patience)
	defer cancel()
	var listener net.Listener
	if place.listen != "" {
		if listener, err = listen(ctx, place.listen); err != nil {
			return Grant{}, err
		}
	} else if o.Pasted == nil {
		return Grant{}, fmt.Errorf("nothing can be listened for at %s, so the code has to be pasted, and stdin is not a terminal", place.address)
	}
	asker.config.RedirectURL = place.at(listener)
	cb := newCallback(d.auth.oauth, place.path, asker.config.Endpoint.AuthURL)
	options := []oauth2.AuthCodeOption{}
	verifier := []oauth2.AuthCodeOption{}
	if !d.auth.oauth.noPKCE {
		secret := oauth2.GenerateVerifier()
		options, verifier = append(options, oauth2.S256ChallengeOption(secret)), append(verifier, oauth2.VerifierOption(secret))
	}
	address := asker.config.AuthCodeURL(cb.state, options...)
	code, err := cb.await(ctx, listener, func() error { return o.Browser(address) }, o)
	if err != nil {
		return Grant{}, err
	}
	return asker.redeem(ctx, code, verifier...)
}

const callbackPath = "/callback"

// redirect is where a browser is sent back to.
type redirect struct {
	address string // as it was registered; empty: made from the listener
	listen  string // host and port on this machine; empty: it is elsewhere
	path    string
}

// parseRedirect reads the address that was registered. 127.0.0.1 is meant and not
// localhost, which may be another address than the one that is listened at (RFC
// 8252, 8.3); but what was registered so has to be sent so.
func parseRedirect(address string) (redirect, error) {
	if address == "" {
		return redirect{listen: "127.0.0.1:0", path: callbackPath}, nil
	}
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.Fragment != "":
		return redirect{}, errors.New("--redirect is not a web address; it is the one that was registered at the platform, as in http://127.0.0.1:8765/callback")
	case u.Scheme == "https":
		return redirect{address: address}, nil
	case u.Scheme != "http" || !isLoopback(u.Hostname()):
		return redirect{}, errors.New("--redirect is over http and not on this machine, so that anyone on the way could read the code; register https, or http://127.0.0.1:8765/callback")
	case u.Port() == "":
		return redirect{}, errors.New("--redirect has no port to listen at; register one that has, as in http://127.0.0.1:8765/callback")
	}
	host := u.Hostname()
	if host == "localhost" {
		host = "127.0.0.1"
	}
	path := u.EscapedPath()
	if path == "" {
		path = "/"
	}
	return redirect{address, net.JoinHostPort(host, u.Port()), path}, nil
}

// at is the address to send to the platform.
func (r redirect) at(listener net.Listener) string {
	if r.address != "" {
		return r.address
	}
	return fmt.Sprintf("http://%s%s", listener.Addr(), r.path)
}

func listen(ctx context.Context, address string) (net.Listener, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		_, port, _ := net.SplitHostPort(address)
		return nil, fmt.Errorf("port %s is taken by another program, perhaps by another login; end that one, or register a redirect address with another port and give it with --redirect", port)
	}
	if err != nil {
		return nil, fmt.Errorf("listen for the callback: %w", err)
	}
	return listener, nil
}

// newState is 256 bits that nobody can guess.
func newState() string {
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // it never fails
	return base64.RawURLEncoding.EncodeToString(secret)
}

// newCallback waits for the answer of a platform with that way of logging in.
func newCallback(flow oauthFlow, path, authorize string) *callback {
	cb := &callback{method: http.MethodGet, path: path, state: newState(), issuer: flow.issuer, authorize: authorize, result: make(chan result, 1)}
	if flow.postCallback {
		cb.method = http.MethodPost
	}
	return cb
}
