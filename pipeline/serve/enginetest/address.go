package enginetest

// address.go: where the nodes of a test listen.

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"testing"
)

// Free is where nobody listens on this machine, for nodes that are told before they
// start where each of them will be found.
func Free(t testing.TB, n int) []netip.AddrPort {
	t.Helper()
	host := freshHost(t)
	var free []netip.AddrPort
	for range n {
		l := listen(t, host)
		defer func() { _ = l.Close() }()
		free = append(free, l.Addr().(*net.TCPAddr).AddrPort())
	}
	return free
}

func listen(t testing.TB, host string) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// given counts the hosts that freshHost gave.
var given atomic.Uint32

// freshHost is an address of this machine that nobody else is given, where it has more
// than one: at 127.0.0.1 a connection of anybody can take the port of a node that is
// dead, so that it cannot be started again.
func freshHost(t testing.TB) string {
	t.Helper()
	pid := os.Getpid()
	host := fmt.Sprintf("127.%d.%d.%d", 1+pid/250%250, 1+pid%250, 1+given.Add(1)%250)
	if l, err := net.Listen("tcp", net.JoinHostPort(host, "0")); err != nil {
		return "127.0.0.1" // not Linux
	} else if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return host
}
