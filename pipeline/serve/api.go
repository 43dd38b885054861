package serve

import (
	"encoding/json"
	"net/http"
)

// Status answers with how the service and its clients are, as JSON. Who may ask is
// not decided here.
func (s *Service) Status() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cache-Control", "no-store")
		out := json.NewEncoder(w)
		out.SetEscapeHTML(false)
		_ = out.Encode(map[string]any{"node": s.c.Node, "started": s.started.UTC(), "draining": s.Draining(), "clients": s.Clients(r.Context())}) // nobody to tell
	})
}
