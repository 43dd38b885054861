//go:build linux

package main

// servecluster_test.go: the runbook from outside: a store is moved from one serve into
// a cluster of three, a flipped bit on one of them is found and healed.

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"pipeline/pipeline/serve/enginetest"
)

// trio is what three nodes in one folder are started with.
type trio struct {
	t     *testing.T
	dir   string
	peers string
}

var nodeNames = []string{"a", "b", "c"}

func newTrio(t *testing.T, dir string) trio {
	t.Helper()
	var peers []string
	for i, address := range enginetest.Free(t, 3) {
		peers = append(peers, nodeNames[i]+"="+address.String())
	}
	c := trio{t, dir, strings.Join(peers, ",")}
	if code, said := c.run("engine", "certs", c.peers, "--out", "certs"); code != exitDone {
		t.Fatal(said)
	}
	return c
}

// flags make a command one about a node.
func (c trio) flags(node string) []string {
	return []string{"--cluster", c.peers, "--node", node, "--certs", "certs"}
}

func (c trio) run(args ...string) (code int, said string) {
	c.t.Helper()
	cmd, stderr := process(c.t, c.dir, args...)
	out, _ := cmd.Output()
	return cmd.ProcessState.ExitCode(), string(out) + stderr.String()
}

// serve starts nodes at the same time: each waits for the others.
func (c trio) serve(nodes ...string) []*serving {
	c.t.Helper()
	all := make([]*serving, len(nodes))
	var wg sync.WaitGroup
	for i, node := range nodes {
		wg.Go(func() { all[i] = startServe(c.t, c.dir, append(c.flags(node), "--state", node)...) })
	}
	wg.Wait()
	if c.t.Failed() {
		c.t.FailNow() // one of them does not serve
	}
	return all
}

// large is a push that fills a block of the store with eight like it.
func large(id string) string {
	return fmt.Sprintf(`{"id": %q, "name": "p", "photo": %q}`, id, strings.Repeat("x", 900<<10))
}

// pushAnywhere pushes until it is taken.
func pushAnywhere(t *testing.T, all []*serving, body string) {
	t.Helper()
	i := 0
	eventually(t, "a push is taken", func() bool {
		i++
		return all[i%len(all)].push(body) == http.StatusAccepted
	})
}

func TestServeMovesToACluster(t *testing.T) {
	enginetest.Size(t, 1, 1)
	t.Parallel()
	dir := clientsFolder(t, "csv: {path: out.csv, mode: merge}")
	s := startServe(t, dir)
	for i := range 30 {
		if status := s.push(large(fmt.Sprint("m", i))); status != http.StatusAccepted {
			t.Fatal(status)
		}
	}
	eventually(t, "all are in the file", s.has("out.csv", "\nm29,"))
	if code := s.stop(); code != exitDone {
		t.Fatalf("exit code %d\n%s", code, s.stderr)
	}
	before := countedBy(t, dir, "clients")

	c := newTrio(t, dir)
	c.move()
	if code, said := c.run("serve", "clients", "--listen", "127.0.0.1:0"); code != exitFailed || !strings.Contains(said, "moved") {
		t.Errorf("the old store can still be served: exit code %d\n%s", code, said)
	}
	nodes := c.serve(nodeNames...)
	pushAnywhere(t, nodes, `{"id": "new", "name": "p"}`)
	eventually(t, "it goes on", nodes[0].has("out.csv", "\nnew,"))
	for _, node := range nodeNames {
		// of a store that is in use it counts what its serve counted in the last minute
		if after := countedBy(t, dir, "clients", "--state", node); after != before && after != before+1 {
			t.Errorf("node %s has %d pushes, there were %d and one more", node, after, before)
		}
	}
	if rows := rowsOf(t, filepath.Join(dir, "out.csv")); len(rows) != 31 {
		t.Errorf("%d rows of 31", len(rows))
	}
	c.heal(nodes, before+1)
}

// countedBy is how many pushes the audit counts.
func countedBy(t *testing.T, dir string, args ...string) int {
	t.Helper()
	cmd, stderr := process(t, dir, append([]string{"engine", "audit"}, args...)...)
	out, _ := cmd.Output()
	found := regexp.MustCompile(`(?m)^inbox +([\d,]+) message`).FindSubmatch(out)
	if found == nil {
		t.Fatalf("the audit says %s%s", out, stderr)
	}
	n := 0
	_, _ = fmt.Sscan(strings.ReplaceAll(string(found[1]), ",", ""), &n)
	return n
}

// move is the runbook's "From one machine to three".
func (c trio) move() {
	c.t.Helper()
	var joined []*exec.Cmd
	for _, node := range nodeNames[1:] {
		cmd, _ := process(c.t, c.dir, append([]string{"engine", "join", node + "/serve/engine"}, c.flags(node)...)...)
		if err := cmd.Start(); err != nil {
			c.t.Fatal(err)
		}
		joined = append(joined, cmd)
	}
	code, said := c.run(append([]string{"engine", "migrate", "--from", "clients", "--to", "a/serve/engine"}, c.flags("a")...)...)
	if code != exitDone || !strings.Contains(said, "both stores were compared and are equal") {
		c.t.Fatalf("exit code %d\n%s", code, said)
	}
	for _, cmd := range joined {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	}
}

// heal is the runbook's "The audit found holes", for node c.
func (c trio) heal(nodes []*serving, want int) {
	t := c.t
	t.Helper()
	third := nodes[2]
	if code := third.stop(); code != exitDone {
		t.Errorf("exit code %d\n%s", code, third.stderr)
	}
	store := filepath.Join(c.dir, "c/serve/engine")
	block := flipABit(t, store)
	third = c.serve("c")[0]
	code, said := c.run("engine", "audit", "clients", "--state", "c")
	if code != exitFailed || !strings.Contains(said, "problem: ") {
		t.Errorf("a flipped bit in %s, and the audit says (exit code %d)\n%s", block, code, said)
	}
	t.Logf("found: %s", regexp.MustCompile(`(?m)^problem: .*`).FindString(said))
	pushAnywhere(t, nodes[:2], `{"id": "meanwhile", "name": "p"}`)

	if code := third.stop(); code != exitDone {
		t.Errorf("exit code %d\n%s", code, third.stderr)
	}
	if err := os.Rename(store, store+".damaged"); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	third = c.serve("c")[0]
	for code, said = c.run("engine", "audit", "clients", "--state", "c"); code != exitDone || countedBy(t, c.dir, "clients", "--state", "c") != want+1; code, said = c.run("engine", "audit", "clients", "--state", "c") {
		if time.Since(began) > 4*time.Minute { // it counts once a minute, and may have done so too soon
			t.Fatalf("not healed in four minutes: %s", said)
		}
	}
	t.Logf("healed in %v", time.Since(began).Round(time.Millisecond))
	for _, s := range []*serving{nodes[0], nodes[1], third} {
		if code := s.stop(); code != exitDone {
			t.Errorf("exit code %d\n%s", code, s.stderr)
		}
	}
}

// flipABit changes one bit in the middle of the oldest block that pushes are in.
func flipABit(t *testing.T, store string) string {
	t.Helper()
	blocks, err := filepath.Glob(filepath.Join(store, "jetstream/$G/streams/PIPELINE_INBOX_*/msgs/1.blk"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range blocks {
		f, err := os.OpenFile(name, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		info, err := f.Stat()
		if err == nil && info.Size() > 4<<20 {
			b := make([]byte, 1)
			_, err = f.ReadAt(b, info.Size()/2)
			b[0] ^= 1
			if err == nil {
				_, err = f.WriteAt(b, info.Size()/2)
			}
		}
		_ = f.Close()
		if err != nil {
			t.Fatal(err)
		}
		if info.Size() > 4<<20 {
			return name
		}
	}
	t.Fatalf("there is no sealed block in %q", blocks)
	return ""
}
