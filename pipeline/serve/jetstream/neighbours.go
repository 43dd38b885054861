package jetstream

// neighbours.go: which of the other nodes are there, for those who read the log. The
// server says each time that it did not reach one, and not which one; here it is said
// once that a node is gone, and once that it is back.

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

const (
	neighboursEvery = time.Second
	// firstSeen is how long a node may take to come, where all are started by hand.
	firstSeen = 15 * time.Second
	// pingNodes is how often a node is asked whether it is there, where nothing else
	// was heard of it: three times without an answer, and it is connected to anew.
	pingNodes = 3 * time.Second
)

// neighbours are the other nodes of a cluster.
type neighbours struct {
	log     *slog.Logger
	peers   []string
	began   time.Time
	there   map[string]bool
	missing map[string]bool // it was said that they are

	mu  sync.Mutex
	why string // a connection failed last
}

func newNeighbours(c Config) *neighbours {
	n := &neighbours{log: c.Log, began: time.Now(), there: map[string]bool{}, missing: map[string]bool{}}
	for _, p := range c.Peers {
		if p.Name != c.Node {
			n.peers = append(n.peers, p.Name)
		}
	}
	return n
}

// watch looks who is there, until ctx is done.
func (n *neighbours) watch(ctx context.Context, s *server.Server) {
	tick := time.NewTicker(neighboursEvery)
	defer tick.Stop()
	for {
		if routes, err := s.Routez(nil); err == nil {
			now := map[string]bool{}
			for _, r := range routes.Routes {
				now[r.RemoteName] = true
			}
			n.look(now, time.Since(n.began))
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// look says what has changed, some time after the start.
func (n *neighbours) look(now map[string]bool, after time.Duration) {
	for _, peer := range n.peers {
		switch was := n.there[peer]; {
		case now[peer] && n.missing[peer]:
			n.log.Info("engine: the other node is back", "node", peer)
			n.missing[peer] = false
		case now[peer] && !was:
			n.log.Info("engine: the other node is there", "node", peer)
		case was && !now[peer]:
			n.log.Warn("engine: the other node is gone: this one goes on as long as more than half of them are there", "node", peer)
			n.missing[peer] = true
		case !now[peer] && !n.missing[peer] && after >= firstSeen:
			n.log.Warn("engine: the other node is not there yet: is pipeline serve running on it, and can it be reached?", "node", peer, "error", n.reason())
			n.missing[peer] = true
		}
		n.there[peer] = now[peer]
	}
}

// routeErrors are how the server begins to say, again and again, that it did not
// reach another node.
var routeErrors = []string{"Error trying to connect to route", "TLS route handshake error"}

// hears reports whether something that the server says is about a connection that
// failed, and keeps the reason.
func (n *neighbours) hears(text string) bool {
	for _, begin := range routeErrors {
		if i := strings.Index(text, begin); i >= 0 {
			n.mu.Lock()
			defer n.mu.Unlock()
			_, n.why, _ = strings.Cut(text[i:], ": ")
			return true
		}
	}
	return false
}

func (n *neighbours) reason() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.why
}
