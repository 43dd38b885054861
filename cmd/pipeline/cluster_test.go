package main

// cluster_test.go: three serves on one machine, as three machines would be, of which
// some are killed while others push and pull. PIPELINE_CRASH=full makes it long.

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pipeline/pipeline/serve/enginetest"
)

// clusterNode is one of the three.
type clusterNode struct {
	name, dir, url string
	args           []string

	cmd    *exec.Cmd
	stderr *bytes.Buffer
	client http.Client // of its own: a node that dies takes its connections with it
}

// testCluster are three nodes that serve copies of one folder.
type testCluster struct {
	*testing.T
	nodes []*clusterNode
}

// newTestCluster starts three nodes, each in a folder of its own, with a copy of
// these files in clients.
func newTestCluster(t *testing.T, files map[string]string) *testCluster {
	free := enginetest.Free(t, 3)
	return startTestCluster(t, files, func(_, to int) netip.AddrPort { return free[to] })
}

// startTestCluster is newTestCluster where it is said at which address a node finds
// another one.
func startTestCluster(t *testing.T, files map[string]string, address func(from, to int) netip.AddrPort) *testCluster {
	base, c := t.TempDir(), &testCluster{T: t}
	listen, names := enginetest.Free(t, 3), []string{"a", "b", "c"}
	host := address(0, 1).Addr()
	if cmd, said := process(t, base, "engine", "certs", fmt.Sprintf("a=%s,b=%[1]s,c=%[1]s", host), "--out", "certs"); cmd.Run() != nil {
		t.Fatalf("certs: %s", said)
	}
	for i, name := range names {
		var peers []string
		for to, other := range names {
			peers = append(peers, fmt.Sprintf("%s=%s", other, address(i, to)))
		}
		n := &clusterNode{name: name, dir: filepath.Join(base, name), url: "http://" + listen[i].String(), client: http.Client{Timeout: 15 * time.Second}}
		n.args = []string{"serve", "clients", "--listen", listen[i].String(), "--cluster", strings.Join(peers, ","), "--node", name, "--certs", "../certs"}
		for file, text := range files {
			putFile(t, n.dir, "clients/"+file, text)
		}
		c.nodes = append(c.nodes, n)
		c.start(n)
	}
	t.Cleanup(c.end)
	for _, n := range c.nodes {
		eventually(t, n.name+" is ready", func() bool { return c.ready(n) })
	}
	return c
}

func (c *testCluster) start(n *clusterNode) {
	c.Helper()
	n.cmd, n.stderr = process(c.T, n.dir, n.args...)
	if err := n.cmd.Start(); err != nil {
		c.Fatal(err)
	}
}

func (c *testCluster) ready(n *clusterNode) bool {
	answer, err := n.client.Get(n.url + "/readyz")
	if err != nil {
		return false
	}
	_ = answer.Body.Close()
	return answer.StatusCode == http.StatusOK
}

// kill ends a node as a power cut would.
func (c *testCluster) kill(n *clusterNode) {
	_ = n.cmd.Process.Kill()
	_ = n.cmd.Wait()
}

func (c *testCluster) end() {
	for _, n := range c.nodes {
		_ = n.cmd.Process.Signal(os.Interrupt)
	}
	for _, n := range c.nodes {
		_ = n.cmd.Wait()
		if c.Failed() {
			c.Logf("%s said:\n%s", n.name, n.stderr)
		}
	}
}

// api asks a node, and reports whether it has answered well.
func (n *clusterNode) api(method, path string, into any) bool {
	token, _ := os.ReadFile(filepath.Join(n.dir, "clients/.pipeline/serve/token"))
	r, _ := http.NewRequest(method, n.url+"/api/v1/"+path, nil)
	r.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	answer, err := n.client.Do(r)
	if err != nil {
		return false
	}
	defer func() { _ = answer.Body.Close() }()
	if into != nil && json.NewDecoder(answer.Body).Decode(into) != nil {
		return false
	}
	return answer.StatusCode < 300
}

// holder is the node that works for a mapping, by what it says itself.
func (c *testCluster) holder(mapping string) (found *clusterNode) {
	c.Helper()
	eventually(c.T, "somebody works for "+mapping, func() bool {
		for _, n := range c.nodes {
			var status struct {
				Clients []struct {
					Name string
					Here bool
				}
			}
			if n.cmd.ProcessState != nil || !n.api("GET", "status", &status) {
				continue
			}
			for _, one := range status.Clients {
				if one.Name == mapping && one.Here {
					found = n
				}
			}
		}
		return found != nil
	})
	return found
}

// pusher pushes people, each until it is taken, whoever takes it.
type pusher struct {
	cluster *testCluster
	acked   atomic.Int64
	again   atomic.Int64 // tries that were not taken
	over    chan struct{}
	workers sync.WaitGroup
}

func (c *testCluster) push(workers int) *pusher {
	p := &pusher{cluster: c, over: make(chan struct{})}
	var next atomic.Int64
	for range workers {
		p.workers.Go(func() {
			for {
				select {
				case <-p.over:
					return
				case <-time.After(20 * time.Millisecond): // the load: some hundred a second
					p.one(next.Add(1) - 1)
				}
			}
		})
	}
	return p
}

func (p *pusher) one(i int64) {
	body := fmt.Sprintf(`{"id": "p%d", "name": "Person %d"}`, i, i)
	for try := i; ; try++ {
		n := p.cluster.nodes[try%3]
		r, _ := http.NewRequest(http.MethodPost, n.url+hookPath, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Webhook-Id", fmt.Sprintf("push-%d", i))
		answer, err := n.client.Do(r)
		if err == nil {
			_, _ = io.Copy(io.Discard, answer.Body)
			_ = answer.Body.Close()
			if answer.StatusCode == http.StatusAccepted {
				p.acked.Add(1)
				return
			}
		}
		p.again.Add(1)
		time.Sleep(20 * time.Millisecond) // as one does who was told to come back
	}
}

// end stops pushing, and returns how many pushes were taken.
func (p *pusher) end() int {
	close(p.over)
	p.workers.Wait()
	return int(p.acked.Load())
}

// receiver counts what is delivered, by idempotency key.
type receiver struct {
	*httptest.Server
	mu       sync.Mutex
	rows     map[string]map[string]bool // by id: the keys that it came with
	repeated int                        // deliveries whose key was known
	last     time.Time
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{rows: map[string]map[string]bool{}}
	r.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		var row struct{ ID string }
		_ = json.NewDecoder(req.Body).Decode(&row)
		key := req.Header.Get("Idempotency-Key")
		r.mu.Lock()
		defer r.mu.Unlock()
		r.last = time.Now()
		if r.rows[row.ID] == nil {
			r.rows[row.ID] = map[string]bool{}
		}
		if r.rows[row.ID][key] {
			r.repeated++
		}
		r.rows[row.ID][key] = true
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.rows)
}

// has reports whether a row has arrived.
func (r *receiver) has(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.rows[id]) > 0
}

// clock notes when calls came.
type clock struct {
	mu    sync.Mutex
	calls []time.Time
}

func (c *clock) note(int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls = append(c.calls, time.Now())
}

func (c *clock) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.calls)
}

// worst is how many calls there were at most in any such time.
func (c *clock) worst(window time.Duration) (most int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	slices.SortFunc(c.calls, time.Time.Compare)
	first := 0
	for i, at := range c.calls {
		for at.Sub(c.calls[first]) >= window {
			first++
		}
		most = max(most, i-first+1)
	}
	return most
}

// clusterLoad is a cluster under load: it is pushed to, and somebody asks for pulls all
// the time. What arrives and what is called is counted.
type clusterLoad struct {
	*testCluster
	target *receiver
	source *platform
	calls  *clock
	pushes *pusher
	extra  int // rows that are not of pushes
}

// loadLimit is how many calls of the platform are allowed in loadPer.
const loadLimit, loadPer = 50, 6 * time.Second

// newClusterLoad begins the load; where nodes find each other is as in startTestCluster,
// and nil is without anything between them.
func newClusterLoad(t *testing.T, address func(from, to int) netip.AddrPort) *clusterLoad {
	l := &clusterLoad{target: newReceiver(t), source: newPlatform(t, 10_000_000, 100), calls: &clock{}}
	l.source.hook(l.calls.note, nil)
	files := map[string]string{
		".env":        "ACME_HOOK=0123456789abcdef0123456789abcdef\n",
		"acme.yaml":   fmt.Sprintf("version: 1\nsource:\n  webhook: {path: \"/hooks/acme-${ACME_HOOK}\", content: json}\nkey: [id]\nfields: {id: id, name: name}\nsinks:\n  - webhook: {url: %q, concurrency: 4}\n", l.target.URL),
		"globex.yaml": fmt.Sprintf("version: 1\nsource:\n  gevme: {event: \"1\", base_url: %q, page_size: 100}\n  rate: %d/6s\nfields: {id: string(id)}\nsinks:\n  - csv: {path: globex.csv}\n", l.source.URL, loadLimit),
	}
	if address == nil {
		l.testCluster = newTestCluster(t, files)
	} else {
		l.testCluster = startTestCluster(t, files, address)
	}
	asking, ended := make(chan struct{}), make(chan struct{})
	go func() { // whoever is there, for a pull
		defer close(ended)
		for i := 0; ; i++ {
			select {
			case <-asking:
				return
			case <-time.After(200 * time.Millisecond):
				_ = l.nodes[i%3].api("POST", "mappings/globex/run", nil)
			}
		}
	}()
	t.Cleanup(func() { close(asking); <-ended })
	l.pushes = l.push(3)
	eventually(t, "what is pushed is delivered, and what is asked for is pulled", func() bool {
		return l.target.count() > 100 && l.calls.count() > loadLimit/2
	})
	return l
}

// back waits until a row is delivered and the platform is called, by others than before,
// and returns how long after begin that was.
func (l *clusterLoad) back(begin time.Time, row string) (delivered, pulled time.Duration) {
	l.Helper()
	called := l.calls.count()
	eventually(l.T, "it is delivered and pulled again", func() bool {
		if delivered == 0 && l.target.has(row) {
			delivered = time.Since(begin)
		}
		if pulled == 0 && l.calls.count() > called+4 {
			pulled = time.Since(begin)
		}
		return delivered > 0 && pulled > 0
	})
	return delivered, pulled
}

// verify ends the load after so many interruptions, and says what became of it.
func (l *clusterLoad) verify(interruptions int) {
	l.Helper()
	acked := l.pushes.end()
	eventually(l.T, "everything arrives", func() bool { return l.target.count() >= acked+l.extra })
	l.target.mu.Lock()
	defer l.target.mu.Unlock()
	lost, doubled := 0, 0
	for i := range acked {
		switch n := len(l.target.rows[fmt.Sprint("p", i)]); {
		case n == 0:
			lost++
		case n > 1:
			doubled++
		}
	}
	l.Logf("acked %d (after %d tries that were not taken), lost %d, doubled %d; %d came again with their key; worst window %d of %d calls",
		acked, l.pushes.again.Load(), lost, doubled, l.target.repeated, l.calls.worst(loadPer), loadLimit)
	_, twice := l.source.counts()
	l.Logf("%d of %d calls were made twice", len(twice), l.calls.count())
	if len(twice) > 10*interruptions {
		l.Errorf("%d calls were made again: what another node had fetched was lost", len(twice))
	}
	if lost > 0 || doubled > 0 || l.calls.worst(loadPer) > loadLimit {
		l.Errorf("lost %d, doubled %d, worst window %d of %d", lost, doubled, l.calls.worst(loadPer), loadLimit)
	}
}

func TestClusterLosesNodes(t *testing.T) {
	if testing.Short() {
		t.Skip("three nodes are started, and two of them killed")
	}
	t.Parallel()
	kills, between := 2, time.Second
	if os.Getenv("PIPELINE_CRASH") == "full" {
		kills, between = 30, 15*time.Second
	}
	l := newClusterLoad(t, nil)
	for i := range kills {
		time.Sleep(between) // the load between two kills
		mapping := []string{"acme", "globex"}[i%2]
		n := l.holder(mapping)
		killed := time.Now()
		l.kill(n)
		acked := l.pushes.acked.Load()
		eventually(t, "a push is taken again", func() bool { return l.pushes.acked.Load() > acked+4 })
		taken := time.Since(killed)
		l.start(n)
		// what was on its way may arrive still; what is pushed from now on needs another node
		delivered, pulled := l.back(killed, fmt.Sprint("p", l.pushes.acked.Load()+20))
		t.Logf("%s was killed, which worked for %s: pushes taken again after %.1f s, delivered after %.1f s, pulled after %.1f s",
			n.name, mapping, taken.Seconds(), delivered.Seconds(), pulled.Seconds())
		eventually(t, n.name+" is back", func() bool { return l.ready(n) })
	}
	l.verify(kills)
}
