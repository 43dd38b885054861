package rest

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"go.yaml.in/yaml/v4"

	"pipeline/pipeline"
)

// auth is how a call says on whose behalf it is made. The zero auth says
// nothing.
type auth struct {
	style authStyle
	oauth oauthFlow

	header, prefix string // of style header: its name and what stands before the token
}

type authStyle string

const (
	authNone   authStyle = ""
	authOAuth2 authStyle = "oauth2" // a bearer token that a login gave
	authBearer authStyle = "bearer" // a bearer token that a person was given
	authBasic  authStyle = "basic"  // the token is user:password
	authHeader authStyle = "header" // the token in a header of its own
)

// oauthFlow is how a platform gives tokens by OAuth 2: to a person who logs in
// and comes back with a code, or to the client itself.
type oauthFlow struct {
	client           bool   // the client credentials grant: nobody logs in
	authorize, token string // paths below base_url, or addresses
	scope            string // sent to both; empty: none
	issuer           string // what a callback that names one has to name; empty: the origin of authorize
	postCallback     bool   // the code comes to the redirect address by POST
	neverExpires     bool   // a token is good until it is withdrawn
	noPKCE           bool   // the platform refuses parameters that it does not know
	multipart        bool   // tokens are asked for with multipart/form-data
}

// auth reads `auth:`, a word or one key with its settings.
func (r *reader) auth(n *yaml.Node) auth {
	if n == nil {
		return auth{}
	}
	if n.Kind == yaml.ScalarNode {
		switch style := r.word(n, "auth", "none", string(authBearer), string(authBasic)); style {
		case "none":
			return auth{}
		default:
			return auth{style: authStyle(style)}
		}
	}
	o, ok := r.object(n, "auth", string(authOAuth2), string(authHeader))
	if !ok {
		return auth{}
	}
	if len(o.entries) != 1 {
		r.error(n, "invalid-value", "auth needs one way to log in", "one of oauth2, header, bearer, basic, none")
		return auth{}
	}
	if e := o.entries[0]; e.name == string(authHeader) {
		return r.headerAuth(e.value)
	}
	return r.oauth2(o.entries[0].value)
}

func (r *reader) headerAuth(n *yaml.Node) auth {
	o, ok := r.object(n, "header", "name", "prefix")
	if !ok {
		return auth{}
	}
	a := auth{style: authHeader, prefix: o.text("prefix")}
	name, at := o.need("name", "the header that takes the token, as in X-API-Key")
	if name != "" && (strings.Trim(name, headerChars) != "" || !plainText(a.prefix)) {
		r.error(at, "invalid-value", fmt.Sprintf("%q cannot be the name of a header", name), "letters, digits and -")
	}
	a.header = name
	return a
}

const headerChars = "-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"

func (r *reader) oauth2(n *yaml.Node) auth {
	o, ok := r.object(n, "oauth2", "grant", "authorize", "token", "scope", "callback", "expires", "issuer", "pkce", "body")
	if !ok {
		return auth{}
	}
	// word reports whether a key has the second of its two words
	word := func(key, usual, other string) bool {
		n := o.get(key)
		return n != nil && r.word(n, key, usual, other) == other
	}
	f := oauthFlow{scope: o.text("scope"), issuer: o.text("issuer")}
	if f.client = word("grant", "code", "client_credentials"); f.client {
		for _, key := range []string{"authorize", "callback", "issuer", "pkce"} {
			if at := o.get(key); at != nil {
				r.error(at, "invalid-value", key+" says nothing here: with client_credentials nobody logs in", "remove it")
			}
		}
	} else {
		f.authorize = r.endpoint(o, "authorize", "where people log in")
	}
	f.token = r.endpoint(o, "token", "where a code becomes a token")
	f.postCallback = word("callback", "get", "post")
	if n := o.get("expires"); n != nil {
		f.neverExpires = r.word(n, "expires", "never") == "never"
	}
	f.noPKCE = word("pkce", "on", "off")
	f.multipart = word("body", "form", "multipart")
	return auth{style: authOAuth2, oauth: f}
}

// endpoint is a path below base_url or an https address.
func (r *reader) endpoint(o *object, name, hint string) string {
	text, at := o.need(name, hint)
	if text == "" || strings.HasPrefix(text, "/") && !strings.HasPrefix(text, "//") && !strings.ContainsAny(text, "?#{") {
		return text
	}
	if _, problem, _ := parseBaseURL(text); problem != "" {
		r.error(at, "invalid-value", fmt.Sprintf("%s is %q", name, text), "a path below base_url such as /oauth/token, or an https address")
	}
	return text
}

// resolve is the address of an endpoint.
func resolve(base *url.URL, endpoint string) string {
	if strings.HasPrefix(endpoint, "/") {
		return base.String() + endpoint
	}
	return endpoint
}

// apply puts the token into a request.
func (a auth) apply(h http.Header, token pipeline.Token) {
	switch a.style {
	case authOAuth2, authBearer:
		h.Set("Authorization", "Bearer "+token.Value)
	case authBasic:
		h.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(token.Value)))
	case authHeader:
		h.Set(a.header, a.prefix+token.Value)
	}
}

// plainText reports whether s can stand in a header.
func plainText(s string) bool {
	return strings.IndexFunc(s, func(c rune) bool { return c < ' ' || c > '~' }) < 0
}

// TokenVariable is the environment variable that holds a connection's token:
// PIPELINE_ACME_EU_TOKEN for acme-eu.
func TokenVariable(connection string) string { return variable(connection, "TOKEN") }

// ClientVariables are the environment variables that hold the client id and
// secret with which somebody logs in to a connection.
func ClientVariables(connection string) (id, secret string) {
	return variable(connection, "CLIENT_ID"), variable(connection, "CLIENT_SECRET")
}

func variable(connection, what string) string {
	name := strings.Map(func(c rune) rune {
		switch {
		case c >= 'a' && c <= 'z':
			return c - 'a' + 'A'
		case c >= 'A' && c <= 'Z' || c >= '0' && c <= '9':
			return c
		}
		return '_'
	}, connection)
	return "PIPELINE_" + name + "_" + what
}
