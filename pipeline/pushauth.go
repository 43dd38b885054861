package pipeline

// pushauth.go: who may push, as a mapping says it. Nothing here is compared with
// what came: that is the receiver's part.

import (
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"fmt"
	"hash"
	"regexp"
	"strings"
	"sync"
	"unicode"
)

// AuthKind is how a sender proves itself.
type AuthKind string

// The ways there are.
const (
	AuthPath     AuthKind = "secret path"
	AuthBasic    AuthKind = "basic"
	AuthBearer   AuthKind = "bearer"
	AuthHMAC     AuthKind = "hmac"
	AuthStandard AuthKind = "standard webhooks"
)

// Authenticator is what a sender has to know. It prints as its kind.
type Authenticator struct {
	Kind AuthKind

	Basic, Bearer string // user:password, or the token
	HMAC          HMACOptions
	Keys          [][]byte // of Standard Webhooks, each of which is good
}

// String hides what is secret.
func (a Authenticator) String() string { return string(a.Kind) }

// GoString hides what is secret.
func (a Authenticator) GoString() string { return string(a.Kind) }

// MarshalText hides what is secret.
func (a Authenticator) MarshalText() ([]byte, error) { return []byte(a.Kind), nil }

// Hash makes the hash that bodies are signed with.
func (h HMACOptions) Hash() func() hash.Hash {
	switch h.Algorithm {
	case "sha1":
		return sha1.New
	case "sha512":
		return sha512.New
	}
	return sha256.New
}

// The least that is a secret.
const (
	leastToken    = 16
	leastPassword = 12
)

const makeSecret = "make one with: openssl rand -hex 16; and keep it in the environment, as in ${ACME_SECRET}"

// proofs collects the ways of proving oneself that options name.
type proofs struct {
	Authenticator
	first string // the option that names the first one
	errs  []OptionError
}

func (p *proofs) wrong(option, message, hint string) {
	p.errs = append(p.errs, OptionError{Option: option, Message: message, Hint: hint})
}

// is says that an option names a way; there is one.
func (p *proofs) is(option string, kind AuthKind) {
	if p.first != "" {
		p.wrong(option, fmt.Sprintf("%s stands beside %s, and a sender proves itself in one way", option, p.first), "keep the one that the sender knows")
		return
	}
	p.first, p.Kind = option, kind
}

// authenticator is the one way of proving oneself that the options name.
func authenticator(o PushOptions) (Authenticator, []OptionError) {
	p := &proofs{Authenticator: Authenticator{Kind: AuthPath, Basic: o.Basic, Bearer: o.Bearer}}
	if o.Basic != "" {
		p.is("basic", AuthBasic)
		p.basic(o.Basic)
	}
	if o.Bearer != "" {
		p.is("bearer", AuthBearer)
		p.bearer(o.Bearer)
	}
	if o.HMAC != nil {
		p.is("hmac", AuthHMAC)
		p.hmac(*o.HMAC)
	}
	if len(o.Secret) > 0 {
		p.is("secret", AuthStandard)
	}
	for _, text := range o.Secret {
		key, message := ParseWebhookSecret(text)
		if message != "" {
			p.wrong("secret", message, "the sender shows it as whsec_…; keep it in the environment: ${WEBHOOK_SECRET}")
		}
		p.Keys = append(p.Keys, key)
	}
	return p.Authenticator, p.errs
}

func (p *proofs) basic(text string) {
	user, password, ok := strings.Cut(text, ":")
	switch {
	case !ok || user == "":
		p.wrong("basic", "basic is a user and a password with a colon between them", `as in basic: "gevme:${ACME_PASSWORD}"`)
	case len(password) < leastPassword:
		p.wrong("basic", fmt.Sprintf("the password has %d characters; at least %d are wanted", len(password), leastPassword), makeSecret)
	}
}

func (p *proofs) bearer(token string) {
	switch {
	case strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }):
		p.wrong("bearer", "the token holds a space, a line break or another character that cannot stand in a header", "a secret that was read from a file often ends in a line break")
	case len(token) < leastToken:
		p.wrong("bearer", fmt.Sprintf("the token has %d characters; at least %d are wanted", len(token), leastToken), makeSecret)
	}
}

func (p *proofs) hmac(o HMACOptions) {
	p.HMAC = o
	if len(o.Secret) < leastToken {
		p.wrong("hmac.secret", fmt.Sprintf("the secret has %d characters; at least %d are wanted", len(o.Secret), leastToken), makeSecret)
	}
	if !isHeader(o.Header) {
		p.wrong("hmac.header", fmt.Sprintf("%q is no name of a header", o.Header), "a name has letters, digits and hyphens, such as X-Signature")
	}
}

// ParseWebhookSecret reads a key of Standard Webhooks as senders and receivers
// show it. The message, empty where it is one, never holds it.
func ParseWebhookSecret(s string) (key []byte, message string) {
	text, ok := strings.CutPrefix(strings.TrimSpace(s), "whsec_")
	if !ok {
		return nil, "the secret does not begin with whsec_"
	}
	key, err := base64.StdEncoding.DecodeString(text)
	switch {
	case err != nil:
		return nil, "what follows whsec_ in the secret is not base64"
	case len(key) < 24 || len(key) > 64:
		return nil, fmt.Sprintf("the secret has %d bytes; 24 to 64 are wanted", len(key))
	}
	return key, ""
}

// isHeader reports whether s can be the name of a header.
func isHeader(s string) bool {
	return s != "" && strings.Trim(s, "-_0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}

// PushRoot is where all that is pushed comes.
const PushRoot = "/hooks/"

const maxPushPath = 200

var goodPushPath = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^/hooks(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+$`) })

// checkPushPath is what is wrong with a path. It never shows what may be secret.
func checkPushPath(path string, secret bool) []OptionError {
	wrong := func(message, hint string) []OptionError {
		return []OptionError{{Option: "path", Message: message, Hint: hint}}
	}
	last := path[strings.LastIndexByte(path, '/')+1:]
	switch {
	case !strings.HasPrefix(path, PushRoot):
		return wrong("path does not begin with "+PushRoot, "everything that is pushed comes below it, as in /hooks/acme-${ACME_HOOK}")
	case len(path) > maxPushPath:
		return wrong(fmt.Sprintf("path has %d characters; at most %d are possible", len(path), maxPushPath), "")
	case !goodPushPath().MatchString(path):
		return wrong("path holds what an address would have to escape, or two slashes, or a name that begins with a dot", "letters, digits, - _ . ~ and single slashes between names, as in /hooks/acme-${ACME_HOOK}")
	case secret && !isRandom(last):
		return wrong("whoever guesses this path can push: its last part is not a secret of 128 bits", "end it in at least 32 hexadecimal or 22 base64url characters, made with: openssl rand -hex 16; or add basic, bearer, hmac or secret")
	}
	return nil
}

// isRandom reports whether s may hold 128 random bits: 32 hexadecimal or 22
// base64url characters in a row that are not words. It is for mistakes, and
// cannot tell all that is random from what is not.
func isRandom(s string) bool {
	return longestRun(s, "0123456789abcdef", 32, 8) || longestRun(s, "0123456789ABCDEF", 32, 8) || mixed(s)
}

// longestRun reports whether s has that many of the characters in a row, so many
// of them different.
func longestRun(s, of string, length, different int) bool {
	for _, run := range strings.FieldsFunc(s, func(r rune) bool { return !strings.ContainsRune(of, r) }) {
		seen := map[rune]bool{}
		for _, r := range run {
			seen[r] = true
		}
		if len(run) >= length && len(seen) >= different {
			return true
		}
	}
	return false
}

// mixed reports whether s goes to and fro between capitals, small letters, digits
// and signs as base64url does, and words do not.
func mixed(s string) bool {
	if len(s) < 22 {
		return false
	}
	kind := func(r rune) int {
		switch {
		case unicode.IsDigit(r):
			return 1
		case unicode.IsUpper(r):
			return 2
		case unicode.IsLower(r):
			return 3
		}
		return 4
	}
	changes, last := 0, 0
	seen := map[int]bool{}
	for _, r := range s {
		k := kind(r)
		if k != last {
			changes++
		}
		last, seen[k] = k, true
	}
	return seen[2] && seen[3] && changes >= 9
}
