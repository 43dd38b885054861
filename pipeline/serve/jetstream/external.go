package jetstream

// external.go: a NATS cluster that somebody else runs. It is used only if what it
// acknowledges is safe, and what cannot be seen from here has to be said by whoever
// runs it: a client is not told whether a server syncs, so that each server's
// monitoring address is asked.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// oldestServer is the first one whose SyncAlways has no known hole.
const oldestServer = "2.15.2"

// ErrUnsafe says that an external cluster may lose what it has acknowledged.
var ErrUnsafe = errors.New("the NATS cluster may lose what it acknowledged")

// checkServers refuses a cluster that is not safe, and names every reason.
func (e *Engine) checkServers(ctx context.Context) error {
	if v := e.conn.ConnectedServerVersion(); !atLeast(v, oldestServer) {
		return fmt.Errorf("%w: it runs version %s, and before %s not everything was synced that should be. Upgrade it", ErrUnsafe, v, oldestServer)
	}
	var reasons []string
	if len(e.config.Monitor) == 0 {
		reasons = append(reasons, "it is not known whether its servers sync what they acknowledge: name the monitoring address of each with --nats-monitor http://HOST:8222,…")
	}
	names := map[string]bool{}
	for _, address := range e.config.Monitor {
		name, wrong := askMonitor(ctx, address)
		names[name] = true
		reasons = append(reasons, wrong...)
	}
	delete(names, "")
	if n := len(names); len(e.config.Monitor) > 0 && n < 3 {
		reasons = append(reasons, fmt.Sprintf("--nats-monitor reaches %d of its servers, and at least 3 have to have a copy of everything", n))
	}
	if len(reasons) == 0 {
		return nil
	}
	if e.config.AcceptLazySync {
		for _, r := range reasons {
			e.log.Warn("engine: used although it may lose what it acknowledged", "reason", r)
		}
		return nil
	}
	return fmt.Errorf("%w:\n  - %s\nTo use it in spite of this, say --accept-lazy-fsync", ErrUnsafe, strings.Join(reasons, "\n  - "))
}

// askMonitor is a server's name, and what is wrong with its settings.
func askMonitor(ctx context.Context, address string) (name string, wrong []string) {
	var vars struct {
		Name    string `json:"server_name"`
		Version string `json:"version"`
	}
	var js server.JSInfo
	if err := errors.Join(getJSON(ctx, address+"/varz", &vars), getJSON(ctx, address+"/jsz?config=true", &js)); err != nil {
		return "", []string{fmt.Sprintf("%s does not say how it keeps data: %v", address, err)}
	}
	if !atLeast(vars.Version, oldestServer) {
		wrong = append(wrong, fmt.Sprintf("server %s runs version %s, and has to run %s or newer", vars.Name, vars.Version, oldestServer))
	}
	switch {
	case js.Disabled:
		wrong = append(wrong, fmt.Sprintf("server %s has no JetStream", vars.Name))
	case !js.Config.SyncAlways:
		wrong = append(wrong, fmt.Sprintf("server %s syncs every %s and not before it acknowledges: set sync_interval: always in its jetstream block", vars.Name, js.Config.SyncInterval))
	}
	return vars.Name, wrong
}

func getJSON(ctx context.Context, url string, into any) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("it answered %s", answer.Status)
	}
	return json.NewDecoder(io.LimitReader(answer.Body, 1<<20)).Decode(into)
}

// atLeast compares versions; one that cannot be read is too old.
func atLeast(have, want string) bool {
	h, w := strings.SplitN(strings.SplitN(have, "-", 2)[0], ".", 3), strings.Split(want, ".")
	if len(h) != len(w) {
		return false
	}
	for i := range w {
		x, err := strconv.Atoi(h[i])
		y, _ := strconv.Atoi(w[i])
		if err != nil || x != y {
			return err == nil && x > y
		}
	}
	return true
}

// auditExternal is what the leaders of an external cluster say: other copies cannot
// be seen from here.
func (e *Engine) auditExternal(ctx context.Context, r *Report) error {
	n := NodeReport{Node: External, Version: e.conn.ConnectedServerVersion(), At: r.At}
	for _, s := range streams() {
		info, err := e.info(ctx, s)
		if err != nil {
			return err
		}
		c := copyOf(s, info.State, nil)
		n.Streams = append(n.Streams, c)
		if c.Missing > 0 {
			r.Problems = append(r.Problems, fmt.Sprintf("%s misses %d messages: its leader's copy is damaged. Ask who runs the cluster", s.name, c.Missing))
		}
		if info.Cluster == nil {
			continue
		}
		for _, p := range info.Cluster.Replicas {
			if p.Offline {
				r.Problems = append(r.Problems, fmt.Sprintf("server %s, which has a copy of %s, cannot be reached", p.Name, s.name))
			}
		}
	}
	r.Nodes = []NodeReport{n}
	r.Logs = logStatuses(r.Nodes, e.config.Most)
	e.last.Store(r)
	return nil
}
