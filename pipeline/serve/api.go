package serve

// api.go: what programs can ask of a service, and tell it.

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
)

// API answers under /api/v1/ whoever has the token, as `Authorization: Bearer`.
func (s *Service) API(token string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/status", func(w http.ResponseWriter, r *http.Request) {
		answer(w, http.StatusOK, map[string]any{"node": s.c.Node, "started": s.started.UTC(), "draining": s.Draining(), "clients": s.Clients(r.Context())})
	})
	for path, do := range map[string]func(*http.Request, string) error{
		"run":    func(r *http.Request, mapping string) error { return s.Start(r.Context(), mapping) },
		"pause":  func(r *http.Request, mapping string) error { return s.Pause(r.Context(), mapping) },
		"resume": func(r *http.Request, mapping string) error { return s.Resume(r.Context(), mapping) },
	} {
		mux.HandleFunc("POST /api/v1/mappings/{mapping}/"+path, func(w http.ResponseWriter, r *http.Request) {
			switch err := do(r, r.PathValue("mapping")); {
			case errors.Is(err, ErrNoMapping):
				answer(w, http.StatusNotFound, map[string]string{"error": err.Error()})
			case err != nil:
				answer(w, http.StatusConflict, map[string]string{"error": err.Error()})
			default:
				answer(w, http.StatusAccepted, map[string]string{"mapping": r.PathValue("mapping")})
			}
		})
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		given, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !same(given, token) {
			w.Header().Set("WWW-Authenticate", "Bearer")
			answer(w, http.StatusUnauthorized, map[string]string{"error": "the token of this serve is needed, as Authorization: Bearer"})
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// same compares secrets, in a time that says nothing about them.
func same(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return b != "" && subtle.ConstantTimeCompare(x[:], y[:]) == 1
}

func answer(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	_ = out.Encode(value) // nobody to tell
}
