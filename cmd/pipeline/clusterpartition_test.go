//go:build linux

package main

// clusterpartition_test.go: three serves of which one cannot hear the others, or is
// stopped for a while and goes on as if nothing had been. It takes minutes, so that only
// .ci/reliability runs it.

import (
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"pipeline/pipeline/serve/enginetest"
)

func TestClusterIsCut(t *testing.T) {
	if os.Getenv("PIPELINE_CRASH") == "" {
		t.Skip("it takes minutes: set PIPELINE_CRASH, or run .ci/reliability")
	}
	times := enginetest.Size(t, 1, 20)
	t.Parallel()
	network := enginetest.NewNetwork(t, 3)
	l := newClusterLoad(t, network.Address)
	for i := range 2 * times {
		mapping, paused := []string{"globex", "acme"}[i/2%2], i%2 == 1
		n := l.holder(mapping)
		began, how := time.Now(), "cut off"
		if paused {
			how = "stopped"
			_ = n.cmd.Process.Signal(syscall.SIGSTOP)
		} else {
			network.Isolate(slices.Index(l.nodes, n), enginetest.Silent)
			l.refuses(n)
		}
		time.Sleep(time.Until(began.Add(9 * time.Second))) // by then its work has ended, and what others call is theirs
		l.pushed(fmt.Sprint("cut", i), slices.DeleteFunc(slices.Clone(l.nodes), func(o *clusterNode) bool { return o == n }))
		delivered, pulled := l.back(began, fmt.Sprint("cut", i))
		time.Sleep(time.Until(began.Add(15 * time.Second))) // longer than leases and elections take
		if paused {
			_ = n.cmd.Process.Signal(syscall.SIGCONT)
		} else {
			network.Mend()
		}
		mended := time.Now()
		eventually(t, n.name+" is back", func() bool { return l.ready(n) })
		ready := time.Since(mended)
		eventually(t, "it knows who works for "+mapping, func() bool { return l.holder(mapping) != nil })
		t.Logf("%s was %s, which worked for %s: the others delivered after %.1f s and pulled after %.1f s; ready %.1f s after its end",
			n.name, how, mapping, delivered.Seconds(), pulled.Seconds(), ready.Seconds())
	}
	l.extra = 2 * times
	l.verify(2 * times)
}

// pushed pushes to one of these nodes, until it is taken.
func (c *testCluster) pushed(id string, nodes []*clusterNode) {
	c.Helper()
	i := 0
	eventually(c.T, "a push is taken", func() bool {
		i++
		answer, err := nodes[i%len(nodes)].client.Post(nodes[i%len(nodes)].url+hookPath, "application/json", strings.NewReader(fmt.Sprintf(`{"id": %q, "name": "Cut"}`, id)))
		if err != nil {
			return false
		}
		_ = answer.Body.Close()
		return answer.StatusCode == http.StatusAccepted
	})
}

// refuses pushes to a node that is cut off, which has to say that it stores nothing.
func (c *testCluster) refuses(n *clusterNode) {
	c.Helper()
	answer, err := http.Post(n.url+hookPath, "application/json", strings.NewReader(`{"id": "cut", "name": "Cut"}`))
	if err != nil {
		c.Errorf("%s, which is cut off, does not answer: %v", n.name, err)
		return
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusServiceUnavailable || answer.Header.Get("Retry-After") == "" {
		c.Errorf("%s, which is cut off, answers %s", n.name, answer.Status)
	}
}
