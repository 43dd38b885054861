package jetstream

import (
	"net/netip"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"pipeline/pipeline/serve/engine"
	"pipeline/pipeline/serve/enginetest"
)

// freePeers are three nodes on this machine.
func freePeers(t testing.TB) []Peer {
	t.Helper()
	var peers []Peer
	for i, address := range enginetest.Free(t, 3) {
		peers = append(peers, peerAt(string(rune('a'+i)), address))
	}
	return peers
}

func peerAt(name string, address netip.AddrPort) Peer {
	return Peer{Name: name, Host: address.Addr().String(), Port: int(address.Port())}
}

// nodes is what each of three nodes is opened with.
func nodes(t testing.TB) []Config {
	t.Helper()
	dir, peers := t.TempDir(), freePeers(t)
	certs := filepath.Join(dir, "certs")
	if _, err := MakeCertificates(certs, peers, time.Now()); err != nil {
		t.Fatal(err)
	}
	var all []Config
	for _, p := range peers {
		all = append(all, Config{
			Dir: filepath.Join(dir, p.Name), Node: p.Name, Peers: peers,
			TLS: TLS{filepath.Join(certs, p.Name+".pem"), filepath.Join(certs, p.Name+".key"), filepath.Join(certs, "ca.pem")},
		})
	}
	return all
}

// openAll opens nodes at the same time: each waits for the others.
func openAll(t testing.TB, configs []Config) []*Engine {
	t.Helper()
	all := make([]*Engine, len(configs))
	errs := make([]error, len(configs))
	var wg sync.WaitGroup
	for i, c := range configs {
		wg.Go(func() { all[i], errs[i] = Open(t.Context(), c) })
	}
	wg.Wait()
	for i, e := range all {
		if errs[i] != nil {
			t.Fatalf("node %s: %v", configs[i].Node, errs[i])
		}
		t.Cleanup(func() { _ = e.Close(t.Context()) })
	}
	return all
}

// TestCluster has one cluster for all that a cluster has to do: three servers are
// what takes the time.
func TestCluster(t *testing.T) {
	if testing.Short() {
		t.Skip("three servers")
	}
	t.Parallel()
	configs := nodes(t)
	all := openAll(t, configs)
	t.Run("takes over a store", func(t *testing.T) { migrateKeepsEveryPlace(t, all) })
	t.Run("heals a flipped bit", func(t *testing.T) { healsAFlippedBit(t, configs, all) })
	t.Run("is an engine", func(t *testing.T) {
		enginetest.Run(t, func(*testing.T) engine.Engine { return all[1] })
	})
}
