// Package web is the page of `pipeline serve`, and its API: how clients are, what
// their runs did, what was rejected or could not be delivered, and the few things
// that one tells serve by hand.
//
// The page is HTML that the server writes: it needs no script to be read or acted
// on, and keeps nothing between two requests. Whoever is not logged in sees the
// page to log in and nothing else. What people wrote into records is shown as kind
// and length until somebody asks for one record; that is noted in the history.
package web

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Config is what a Site works with. Source and Token are needed.
type Config struct {
	Source Source
	Token  string // who has it may see and do everything

	// AuthHeader names who is logged in, where the request comes from TrustProxy.
	// From anywhere else it means nothing.
	AuthHeader string
	TrustProxy []netip.Prefix

	// Status answers /api/v1/status. It may be nil.
	Status http.Handler

	Log *slog.Logger     // nil: nobody is told
	Now func() time.Time // nil: time.Now
}

// Site is the page and the API.
type Site struct {
	c      Config
	key    []byte // of everything that is signed
	slow   *throttle
	origin *http.CrossOriginProtection
}

// New makes a Site.
func New(c Config) *Site {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	mac := hmac.New(sha256.New, []byte(c.Token))
	mac.Write([]byte("pipeline serve: page"))
	return &Site{c: c, key: mac.Sum(nil), slow: newThrottle(c.Now), origin: http.NewCrossOriginProtection()}
}

// reader answers a page that is looked at.
type reader func(r *http.Request) (view, error)

// actor does what a form asks for, and says where to go then.
type actor func(r *http.Request) (to string, err error)

// Page answers every path that is not the API's.
func (s *Site) Page() http.Handler {
	inside := http.NewServeMux()
	for path, see := range map[string]reader{
		"GET /{$}":                             s.glance,
		"GET /client/{client}":                 s.client,
		"GET /client/{client}/rejects":         s.rejects,
		"GET /client/{client}/rejects/{line}":  s.reject,
		"POST /client/{client}/rejects/{line}": s.reject, // with the data of people
		"GET /run/{run}":                       s.run,
		"GET /dead":                            s.dead,
		"GET /dead/{client}/{seq}":             s.letter,
		"POST /dead/{client}/{seq}":            s.letter, // with the data of people
		"GET /ask/{do}":                        s.ask,
		"GET /":                                func(*http.Request) (view, error) { return view{}, errNone },
	} {
		inside.Handle(path, s.seen(see))
	}
	for path, do := range map[string]actor{
		"POST /client/{client}/{do}":     s.tell,
		"POST /dead/{client}/{seq}/{do}": s.settle,
		"POST /ask/{do}":                 s.settleAll,
		"POST /refresh":                  s.refresh,
		"POST /logout":                   func(*http.Request) (string, error) { return "/login", nil },
	} {
		inside.Handle(path, s.done(do))
	}
	outside := http.NewServeMux()
	outside.Handle("GET /assets/", http.HandlerFunc(assets))
	outside.HandleFunc("GET /login", s.loginPage)
	outside.HandleFunc("POST /login", s.login)
	outside.Handle("/", s.inside(inside))
	return guarded(s.origin.Handler(outside))
}

// guarded says to browsers what pages of ours may do: next to nothing.
func guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, value := range map[string]string{
			"Content-Security-Policy":      "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
			"X-Frame-Options":              "DENY",
			"X-Content-Type-Options":       "nosniff",
			"Referrer-Policy":              "no-referrer",
			"Cross-Origin-Opener-Policy":   "same-origin",
			"Cross-Origin-Resource-Policy": "same-origin",
			"Permissions-Policy":           "camera=(), geolocation=(), microphone=()",
			"Cache-Control":                "no-store",
			"X-Robots-Tag":                 "noindex",
		} {
			w.Header().Set(name, value)
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		next.ServeHTTP(w, r)
	})
}

const (
	maxForm  = 64 << 10
	lookTime = 20 * time.Second // to gather what a page shows
)

// What may be wrong with a request. Everything else is our own fault.
var (
	errNone  = errors.New("there is no such page")
	errStale = errors.New("this form is too old: log in again, and go back to where you were")
)

// badRequest is what is wrong with what was asked for, for people.
type badRequest struct{ error }

func (b badRequest) Unwrap() error { return b.error }

// seen answers with a page.
func (s *Site) seen(see reader) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), lookTime)
		defer cancel()
		if r.Method == http.MethodPost && !s.ours(r) {
			s.fail(w, r, errStale)
			return
		}
		v, err := see(r.WithContext(ctx))
		if err != nil {
			s.fail(w, r, err)
			return
		}
		s.show(w, r, http.StatusOK, v)
	})
}

// done does what a form asks for.
func (s *Site) done(do actor) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.ours(r) {
			s.fail(w, r, errStale)
			return
		}
		to, err := do(r)
		if err != nil {
			s.fail(w, r, err)
			return
		}
		switch r.URL.Path {
		case "/logout":
			s.forget(w, r)
		case "/refresh":
			s.setRefresh(w, r)
		}
		http.Redirect(w, r, to, http.StatusSeeOther)
	})
}

// show writes a page. It is made whole before the first byte is sent.
func (s *Site) show(w http.ResponseWriter, r *http.Request, status int, v view) {
	var page bytes.Buffer
	if err := templates().ExecuteTemplate(&page, v.template, s.frame(r, v)); err != nil {
		s.c.Log.Error("a page could not be written", "page", v.template, "error", err.Error())
		http.Error(w, "this page could not be written; the log of serve says why", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, strings.Map(printable, page.String())) // nobody to tell
}

// printable lets no page hold what steers a terminal, or is no character.
func printable(r rune) rune {
	if unicode.IsControl(r) && r != '\n' && r != '\t' {
		return utf8.RuneError
	}
	return r
}

// fail says why there is no page.
func (s *Site) fail(w http.ResponseWriter, r *http.Request, err error) {
	status, title, text := s.blame(r, err)
	s.show(w, r, status, view{template: "failure", Title: title, Page: text})
}

// blame is whose fault an error is, in words for people.
func (s *Site) blame(r *http.Request, err error) (status int, title, text string) {
	var bad badRequest
	switch {
	case errors.Is(err, errNone), errors.Is(err, ErrNone):
		return http.StatusNotFound, "Not here", err.Error()
	case errors.Is(err, errStale):
		return http.StatusForbidden, "Not done", err.Error()
	case errors.As(err, &bad) && r.Method == http.MethodPost:
		return http.StatusConflict, "Not done", err.Error()
	case errors.As(err, &bad):
		return http.StatusBadRequest, "Not understood", err.Error()
	case r.Context().Err() != nil: // it is nobody's fault, and not the log's matter
		return http.StatusServiceUnavailable, "Not shown", "who asked went away before it was answered"
	}
	s.c.Log.Error("a page could not be shown", "path", r.URL.Path, "error", err.Error())
	return http.StatusInternalServerError, "Something is wrong with serve", err.Error() + "; the log of serve has more"
}

// local is a path of this page; "/" for anything that may lead elsewhere.
func local(to string) string {
	u, err := url.Parse(to)
	if err != nil || u.IsAbs() || u.Host != "" || u.User != nil || u.Opaque != "" ||
		!strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") || strings.ContainsAny(to, "\\\r\n\t") || strings.HasPrefix(to, "/login") {
		return "/"
	}
	return to
}
