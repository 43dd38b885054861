package rest

// callback.go: the answer to a login, which comes by a browser or is pasted. What
// is not the answer to this login is refused, and waiting goes on.

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"pipeline/pipeline/diag"
)

// callback waits for the one request that ends a login.
type callback struct {
	method, path, state string

	issuer    string // that an answer may name; empty: any at the origin of authorize
	authorize string

	result chan result // takes one
}

type result struct {
	code string
	err  error
}

// await sends the user to the platform and returns the code that comes back. It
// closes the listener, which is nil where the code has to be pasted.
func (cb *callback) await(ctx context.Context, listener net.Listener, browse func() error, o LoginOptions) (string, error) {
	if listener != nil {
		defer cb.serve(ctx, listener)()
	}
	if err := browse(); err != nil {
		return "", fmt.Errorf("open the browser: %w", err)
	}
	for {
		select {
		case r := <-cb.result:
			return r.code, r.err
		case text, open := <-o.Pasted:
			if !open {
				o.Pasted = nil // the browser may still come back
				continue
			}
			if r, problem := cb.pasted(text); problem == "" {
				return r.code, r.err
			} else if o.Notice != nil {
				o.Notice(problem)
			}
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return "", fmt.Errorf("nobody came back from the platform in %v; start the login again when you are ready", o.Patience)
			}
			return "", ctx.Err()
		}
	}
}

// serve answers at the listener until stop is called.
func (cb *callback) serve(ctx context.Context, listener net.Listener) (stop func()) {
	server := &http.Server{Handler: cb, ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second, MaxHeaderBytes: 64 << 10}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(listener) // it ends by Shutdown
	}()
	return func() {
		// the browser is still to be given its page
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		if server.Shutdown(ctx) != nil {
			_ = server.Close() // somebody keeps a connection open
		}
		<-served
	}
}

// ServeHTTP takes the callback and answers the person in front of the browser.
func (cb *callback) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.EscapedPath() != cb.path {
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
	if problem := cb.check(form); problem != "" {
		http.Error(w, problem, http.StatusBadRequest)
		return
	}
	got := outcome(form)
	select {
	case cb.result <- got:
	default: // the first one counts
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Referrer-Policy", "no-referrer") // the code is in the address
	if got.err != nil {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = fmt.Fprintln(w, "The login was refused. You can close this window.") // a browser that is gone needs no answer
		return
	}
	_, _ = fmt.Fprintln(w, "The login came back. You can close this window: the terminal says whether it was taken.") // a browser that is gone needs no answer
}

// check is what keeps an answer from being the one that is waited for.
func (cb *callback) check(form url.Values) string {
	if subtle.ConstantTimeCompare([]byte(form.Get("state")), []byte(cb.state)) != 1 {
		return "This is not the answer to the login that was begun here."
	}
	if named := form.Get("iss"); named != "" && !cb.isIssuer(named) { // RFC 9207
		return "This is the answer of another platform than the one that was asked."
	}
	return ""
}

func (cb *callback) isIssuer(named string) bool {
	if cb.issuer != "" {
		return named == cb.issuer
	}
	a, err1 := url.Parse(cb.authorize)
	b, err2 := url.Parse(named)
	return err1 == nil && err2 == nil && sameOrigin(a, b)
}

// outcome is what the platform says in a callback.
func outcome(form url.Values) result {
	switch {
	case form.Get("error") == "access_denied":
		return result{err: errors.New("the user refused access")}
	case form.Get("error") != "":
		return result{err: fmt.Errorf("the platform says %q", diag.Crop(form.Get("error"), 80))}
	case form.Get("code") == "":
		return result{err: errors.New("the platform sent no code")}
	}
	return result{code: form.Get("code")}
}

// pasted is what a person pasted: a code, or the address that the browser was
// sent to. A code alone has no state; that it is of this login is then for PKCE
// and the person to say. problem is what to tell who has pasted something else.
func (cb *callback) pasted(text string) (r result, problem string) {
	text = strings.TrimSpace(text)
	_, query, isAddress := strings.Cut(text, "?")
	if !isAddress && (strings.HasPrefix(text, "code=") || strings.Contains(text, "&code=")) {
		query, isAddress = text, true
	}
	switch {
	case text == "":
		return result{}, "paste the code, or the whole address that the browser was sent to"
	case !isAddress && (strings.Contains(text, "://") || strings.ContainsAny(text, " \t")):
		return result{}, "there is no code in what was pasted; paste the code, or the whole address that the browser was sent to"
	case !isAddress:
		return result{code: text}, ""
	}
	query, _, _ = strings.Cut(query, "#")
	form, err := url.ParseQuery(query)
	if err != nil {
		return result{}, "the address that was pasted is not whole; paste all of it"
	}
	if cb.check(form) != "" {
		return result{}, "the address that was pasted is not the answer to this login; open the address above, and paste where that leads to"
	}
	return outcome(form), ""
}
