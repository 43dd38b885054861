package enginetest

// network.go: the network between the nodes of a cluster, for tests that cut it. Each
// node reaches each other one through a proxy of its own, which passes on what it is
// sent, or keeps it until the cut is mended, or closes connections and takes none.

import (
	"io"
	"net"
	"net/netip"
	"sync"
	"testing"
)

// Network is all that is between the nodes. These listen at another host than the one
// where they reach each other, so that nodes that tell each other where somebody listens
// do not find a way around the proxies.
type Network struct {
	nodes []netip.AddrPort // where they listen
	ways  [][]way          // from a node to another one

	mu      sync.Mutex
	closed  bool
	changed chan struct{} // closed when a cut changes
	pairs   map[net.Conn]pair
}

// way is what leads from one node to another.
type way struct {
	listener net.Listener // what the one dials to reach the other; nil: it is the same one
	cut      Cut
}

// pair is who is at the two ends of a connection.
type pair struct{ dialer, other int }

// Cut is what becomes of what is sent.
type Cut int

// The ways to be cut off.
const (
	Whole   Cut = iota // it arrives
	Silent             // nothing arrives before the cut is mended, and nobody is told
	Refused            // connections are closed, and none is made
)

// NewNetwork makes a network for n nodes that are not there yet. It ends with the test.
func NewNetwork(t testing.TB, n int) *Network {
	t.Helper()
	host := freshHost(t)
	w := &Network{nodes: Free(t, n), changed: make(chan struct{}), pairs: map[net.Conn]pair{}}
	if w.nodes[0].Addr().String() == host {
		t.Skip("SKIPPED: this machine has one address for itself, and nodes would find a way around the cuts")
	}
	t.Cleanup(w.close)
	for from := range n {
		w.ways = append(w.ways, make([]way, n))
		for to := range n {
			if from != to {
				w.ways[from][to].listener = listen(t, host)
			}
		}
	}
	// only when all is there: a stranger may dial a port that was another one's before
	for from, ways := range w.ways {
		for to, way := range ways {
			if way.listener != nil {
				go w.accept(way.listener, pair{from, to})
			}
		}
	}
	return w
}

// accept carries connections until the network is closed.
func (w *Network) accept(l net.Listener, p pair) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		go w.carry(conn, p)
	}
}

// Address is where node from finds node to, or listens itself. Certificates are for the
// host at which nodes find others.
func (w *Network) Address(from, to int) netip.AddrPort {
	if from == to {
		return w.nodes[to]
	}
	return w.ways[from][to].listener.Addr().(*net.TCPAddr).AddrPort()
}

// Set cuts the way of what one node sends to another, or mends it.
func (w *Network) Set(from, to int, c Cut) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ways[from][to].cut = c
	if c == Refused {
		for conn, p := range w.pairs {
			if p == (pair{from, to}) || p == (pair{to, from}) {
				_ = conn.Close()
			}
		}
	}
	close(w.changed)
	w.changed = make(chan struct{})
}

// Isolate cuts a node off from all others.
func (w *Network) Isolate(node int, c Cut) {
	for other := range w.ways {
		if other != node {
			w.Set(node, other, c)
			w.Set(other, node, c)
		}
	}
}

// Mend lets everything through, also what was kept.
func (w *Network) Mend() {
	for node := range w.ways {
		w.Isolate(node, Whole)
	}
}

// carry connects a connection of dialer with the other node.
func (w *Network) carry(conn net.Conn, p pair) {
	defer w.drop(conn)
	if !w.add(conn, p) {
		return
	}
	there, err := net.Dial("tcp", w.nodes[p.other].String())
	if err != nil {
		return
	}
	defer w.drop(there)
	if !w.add(there, p) {
		return
	}
	var both sync.WaitGroup
	both.Go(func() { w.pump(there, conn, p.dialer, p.other) })
	both.Go(func() { w.pump(conn, there, p.other, p.dialer) })
	both.Wait()
}

// add notes a connection, unless there can be none now.
func (w *Network) add(conn net.Conn, p pair) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed || w.ways[p.dialer][p.other].cut == Refused || w.ways[p.other][p.dialer].cut == Refused {
		return false
	}
	w.pairs[conn] = p
	return true
}

func (w *Network) drop(conn net.Conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.pairs, conn)
	_ = conn.Close()
}

// pump passes on what one node sends to another, until a connection ends.
func (w *Network) pump(to io.WriteCloser, from io.ReadCloser, sender, receiver int) {
	defer func() { _ = to.Close(); _ = from.Close() }()
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		w.pass(sender, receiver)
		if n > 0 {
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// pass waits while the way is cut in silence. The end of a connection is kept as well.
func (w *Network) pass(sender, receiver int) {
	for {
		w.mu.Lock()
		silent, changed := w.ways[sender][receiver].cut == Silent && !w.closed, w.changed
		w.mu.Unlock()
		if !silent {
			return
		}
		<-changed
	}
}

func (w *Network) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	close(w.changed)
	w.changed = make(chan struct{})
	for _, to := range w.ways {
		for _, way := range to {
			if way.listener != nil {
				_ = way.listener.Close()
			}
		}
	}
	for conn := range w.pairs {
		_ = conn.Close()
	}
}
