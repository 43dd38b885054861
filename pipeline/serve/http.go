package serve

// http.go: the one port of serve.

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"strings"
	"time"
)

// Handlers answer what the service itself does not. Each may be nil: its paths
// are not there then.
type Handlers struct {
	Hooks   http.Handler // /hooks/…
	Metrics http.Handler // /metrics
	API     http.Handler // /api/v1/…
	Page    http.Handler // everything else
}

// The bounds of requests. A handler may have tighter ones.
const (
	headerTime  = 10 * time.Second
	readTime    = 30 * time.Second
	writeTime   = 60 * time.Second
	idleTime    = 2 * time.Minute
	headerBytes = 64 << 10
	lookTime    = 5 * time.Second // for a look at the engine
)

// Handler is all that serve answers.
func (s *Service) Handler(h Handlers) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { say(w, http.StatusOK, "ok") })
	mux.HandleFunc("GET /readyz", s.ready)
	for path, handler := range map[string]http.Handler{"/metrics": h.Metrics, "/api/v1/": h.API, "/": h.Page} {
		mux.Handle(path, orNotFound(handler))
	}
	hooks := orNotFound(s.hooks(h.Hooks))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// before the mux, which answers /hooks//x and /hooks/../x with a redirect:
		// the path of a hook is a secret, and another one is nobody's
		if strings.HasPrefix(r.URL.Path, "/hooks/") {
			hooks.ServeHTTP(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

func orNotFound(handler http.Handler) http.Handler {
	if handler == nil {
		return http.HandlerFunc(notFound)
	}
	return handler
}

// notFound says nothing about what there is, in the words of receive for the path
// of no hook.
func notFound(w http.ResponseWriter, _ *http.Request) {
	say(w, http.StatusNotFound, "404 page not found")
}

func say(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = fmt.Fprintln(w, text) // nobody to tell
}

// hooks refuses pushes while the service ends: whoever sent them sends them again.
func (s *Service) hooks(next http.Handler) http.Handler {
	if next == nil {
		return nil
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.Draining() {
			w.Header().Set("Retry-After", "5")
			w.Header().Set("Connection", "close")
			say(w, http.StatusServiceUnavailable, "stopping")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// ready reports whether pushes can be taken and mappings run.
func (s *Service) ready(w http.ResponseWriter, r *http.Request) {
	// a checker that closes its half of the connection is still there to be answered
	if why := s.Unready(context.WithoutCancel(r.Context())); why != "" {
		why, _, _ = strings.Cut(why, ":") // anybody may ask, and how full a disk is, is nobody's business
		say(w, http.StatusServiceUnavailable, why)
		return
	}
	say(w, http.StatusOK, "ready")
}

// Unready is why pushes cannot be taken or mappings run, and behind a colon what is
// known of the cause; empty: they can.
func (s *Service) Unready(ctx context.Context) string {
	switch {
	case s.Draining():
		return "stopping"
	case !s.loaded.Load():
		return "the mappings are not loaded yet"
	}
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	status, err := s.c.Engine.Status(ctx)
	switch {
	case err != nil:
		return fmt.Sprintf("the store cannot store: %v", err)
	case !status.Ready: // which of the problems is the cause, nobody says
		return strings.TrimSuffix("the store cannot store: "+strings.Join(status.Problems, "; "), ": ")
	}
	return ""
}

// Listen answers on a listener until ctx is done, and lets the requests that are
// under way come to an end. config may be nil: then it speaks plain HTTP.
func (s *Service) Listen(ctx context.Context, listener net.Listener, handler http.Handler, config *tls.Config) error {
	server := &http.Server{
		Handler: handler, TLSConfig: config, MaxHeaderBytes: headerBytes,
		DisableGeneralOptionsHandler: true, // it says 200 to OPTIONS *, and there is nothing to say of all of it
		ReadHeaderTimeout:            headerTime, ReadTimeout: readTime, WriteTimeout: writeTime, IdleTimeout: idleTime,
		ErrorLog: log.New(discard{}, "", 0), // it would tell what strangers send
	}
	ended := make(chan error, 1)
	go func() {
		if config != nil {
			ended <- server.ServeTLS(listener, "", "")
			return
		}
		ended <- server.Serve(listener)
	}()
	select {
	case err := <-ended:
		return fmt.Errorf("answer on %s: %w", listener.Addr(), err)
	case <-ctx.Done():
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), readTime)
	defer cancel()
	err := server.Shutdown(last)
	if errors.Is(err, context.DeadlineExceeded) {
		err = server.Close()
	}
	return err
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }
