//go:build linux

package jetstream

// partition_test.go: nodes that cannot hear each other, in silence or with connections
// that break, both ways or one way, and a node that is stopped and goes on when
// everybody has given it up. Clients reach all of them the whole time, so that a node
// that is cut off is asked to store something, and must not say that it has.

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"pipeline/pipeline/serve/enginetest"
)

// apart are three nodes with a network between them that can be cut.
type apart struct {
	*load
	t       *testing.T
	network *enginetest.Network
	values  *changes
}

func newApart(t *testing.T) *apart {
	network, dir := enginetest.NewNetwork(t, 3), t.TempDir()
	var reached []Peer
	for i, name := range []string{"a", "b", "c"} {
		reached = append(reached, peerAt(name, network.Address((i+1)%3, i)))
	}
	if _, err := MakeCertificates(dir, reached, time.Now()); err != nil {
		t.Fatal(err)
	}
	a := &apart{load: &load{}, t: t, network: network}
	for here, p := range reached {
		c := child{Dir: filepath.Join(dir, "store-"+p.Name), Node: p.Name, HTTP: enginetest.Free(t, 1)[0].String()}
		c.TLS = TLS{filepath.Join(dir, p.Name+".pem"), filepath.Join(dir, p.Name+".key"), filepath.Join(dir, "ca.pem")}
		for there, other := range reached {
			c.Peers = append(c.Peers, peerAt(other.Name, network.Address(here, there)))
		}
		a.nodes = append(a.nodes, &process{child: c, t: t})
	}
	startAll(t, a.nodes)
	a.load.start()
	a.values = newChanges(a.nodes)
	a.more(t, 50)
	return a
}

func (a *apart) index(p *process) int { return slices.Index(a.nodes, p) }

// refuses asks nodes that are cut off to store something, which they must not say they
// have.
func (a *apart) refuses(nodes []*process) {
	a.t.Helper()
	client := &http.Client{Timeout: 20 * time.Second}
	var all sync.WaitGroup
	for _, p := range nodes {
		for i := range a.topics {
			all.Go(func() {
				r, err := client.Post(p.url(fmt.Sprintf("/append?topic=probe%d&id=cut-%d", i, time.Now().UnixNano())), "", strings.NewReader("x"))
				if err != nil {
					a.t.Errorf("node %s, which is cut off, does not say that it stores nothing: %v", p.Node, err)
					return
				}
				text, _ := io.ReadAll(r.Body)
				_ = r.Body.Close()
				if r.StatusCode != http.StatusServiceUnavailable {
					a.t.Errorf("node %s, which is cut off, says %s: %s", p.Node, r.Status, text)
				}
			})
		}
	}
	all.Wait()
}

// takes waits until each of the shards takes something at one of the nodes.
func (a *apart) takes(nodes []*process) {
	a.t.Helper()
	client := &http.Client{Timeout: 8 * time.Second}
	left := &load{nodes: nodes}
	begin := time.Now()
	var all sync.WaitGroup
	for i := range a.topics {
		all.Go(func() {
			id := fmt.Sprint("x-", time.Now().UnixNano())
			for !left.try(client, fmt.Sprint("probe", i), id) {
				if time.Since(begin) > 3*time.Minute {
					a.t.Errorf("the shard of probe%d takes nothing", i)
					return
				}
				time.Sleep(20 * time.Millisecond)
			}
		})
	}
	all.Wait()
}

// interruption begins, and returns which nodes are without the others, and its end.
type interruption struct {
	name  string
	once  int  // in so many of the test's size: CI has the first one only
	asks  bool // nodes that are cut off can be asked
	begin func(a *apart, leader int) (without []*process, end func())
}

// isolated cuts nodes off from all others.
func isolated(cut enginetest.Cut, which ...int) func(*apart, int) ([]*process, func()) {
	return func(a *apart, leader int) (without []*process, end func()) {
		for _, i := range which {
			a.network.Isolate((leader+i)%3, cut)
			without = append(without, a.nodes[(leader+i)%3])
		}
		if len(which) == 2 {
			without = a.nodes // nobody has anybody
		}
		return without, a.network.Mend
	}
}

// deaf lets a leader send and not hear, mute lets it hear and not send.
func deaf(a *apart, leader int) ([]*process, func()) {
	a.network.Set((leader+1)%3, leader, enginetest.Silent)
	a.network.Set((leader+2)%3, leader, enginetest.Silent)
	return []*process{a.nodes[leader]}, a.network.Mend
}

func mute(a *apart, leader int) ([]*process, func()) {
	a.network.Set(leader, (leader+1)%3, enginetest.Silent)
	a.network.Set(leader, (leader+2)%3, enginetest.Silent)
	return []*process{a.nodes[leader]}, a.network.Mend
}

// paused stops a leader's process for longer than leases and elections take.
func paused(a *apart, leader int) ([]*process, func()) {
	node := a.nodes[leader].cmd.Process
	_ = node.Signal(syscall.SIGSTOP)
	over := time.Now().Add(15 * time.Second)
	return []*process{a.nodes[leader]}, func() {
		time.Sleep(time.Until(over)) // the pause is what is tested
		_ = node.Signal(syscall.SIGCONT)
	}
}

func TestCrashPartition(t *testing.T) {
	enginetest.Size(t, 1, 1)
	t.Parallel()
	a := newApart(t)
	var line []string
	var without, after []time.Duration
	for _, test := range []interruption{
		{"leader cut off in silence", 1, true, isolated(enginetest.Silent, 0)},
		{"leader stopped for 15 s", 2, false, paused},
		{"leader refused", 5, true, isolated(enginetest.Refused, 0)},
		{"another one cut off", 5, true, isolated(enginetest.Silent, 1)},
		{"leader that hears nothing", 5, true, deaf},
		{"leader that is not heard", 5, true, mute},
		{"all cut off from each other", 5, true, isolated(enginetest.Silent, 0, 1)},
		{"all refused by each other", 5, true, isolated(enginetest.Refused, 0, 1)},
	} {
		times := enginetest.Size(t, 1, 20) / test.once
		for range times {
			w, b := a.interrupt(test)
			if w > 0 {
				without = append(without, w)
			}
			after = append(after, b)
		}
		if times > 0 {
			line = append(line, fmt.Sprintf("%d × %s", times, test.name))
		}
	}
	a.values.verify(t)
	slices.Sort(after)
	a.verify(t, fmt.Sprintf("three nodes, %s; all current again in %v, at most %v; the two that were left",
		strings.Join(line, ", "), after[len(after)/2].Round(time.Millisecond), after[len(after)-1].Round(time.Millisecond)), without)
}

// interrupt returns how long the others took to go on, 0 where there are not enough,
// and how long it took until all were as before when it was over.
func (a *apart) interrupt(test interruption) (without, after time.Duration) {
	a.t.Helper()
	a.current(a.t)
	leader := a.index(a.leader()[0])
	began := time.Now()
	cut, end := test.begin(a, leader)
	left := slices.DeleteFunc(slices.Clone(a.nodes), func(p *process) bool { return slices.Contains(cut, p) })
	if len(left) > 0 {
		a.takes(left)
		without = time.Since(began)
	}
	if test.asks {
		a.refuses(cut)
	}
	end()
	mended := time.Now()
	a.takes(a.nodes)
	a.current(a.t)
	after = time.Since(mended)
	a.t.Logf("%s (node %s): the others went on after %v, all were current %v after the end", test.name, a.nodes[leader].Node, without, after)
	return without, after
}

// changes are changes of one value by comparing, by as many as there are nodes, each
// through its own.
type changes struct {
	nodes []*process
	stop  context.CancelFunc
	all   sync.WaitGroup

	mu   sync.Mutex
	made map[uint64]change // by the revision that they replaced
	bad  []string
}

// change is one that was acknowledged.
type change struct {
	by       string
	revision uint64
}

func newChanges(nodes []*process) *changes {
	ctx, stop := context.WithCancel(context.Background())
	c := &changes{nodes: nodes, stop: stop, made: map[uint64]change{}}
	for _, p := range nodes {
		c.all.Go(func() {
			for ctx.Err() == nil {
				c.one(p)
				time.Sleep(time.Duration(rand.IntN(50)) * time.Millisecond) // so that each has a turn
			}
		})
	}
	return c
}

// one changes the value once, if nobody is faster.
func (c *changes) one(p *process) {
	text, err := p.get("/value")
	if err != nil {
		return
	}
	was, _ := strconv.ParseUint(text, 10, 64)
	text, err = p.get("/change?" + url.Values{"revision": {text}, "by": {p.Node}}.Encode())
	if err != nil {
		return
	}
	now, _ := strconv.ParseUint(text, 10, 64)
	c.mu.Lock()
	defer c.mu.Unlock()
	if other, ok := c.made[was]; ok {
		c.bad = append(c.bad, fmt.Sprintf("%s and %s both replaced revision %d", other.by, p.Node, was))
	}
	c.made[was] = change{p.Node, now}
}

// verify ends the changes. Those that were acknowledged have to be a chain: no two of
// the same revision, and none of one between another and what it replaced.
func (c *changes) verify(t *testing.T) {
	t.Helper()
	c.stop()
	c.all.Wait()
	by := map[string]int{}
	for was, made := range c.made {
		by[made.by]++
		if made.revision <= was {
			c.bad = append(c.bad, fmt.Sprintf("revision %d was replaced by %d", was, made.revision))
		}
	}
	var steps []uint64
	for was := range c.made {
		steps = append(steps, was)
	}
	slices.Sort(steps)
	for i := 1; i < len(steps); i++ {
		if before := c.made[steps[i-1]]; before.revision > steps[i] {
			c.bad = append(c.bad, fmt.Sprintf("%s replaced revision %d by %d, and %s replaced %d in between", before.by, steps[i-1], before.revision, c.made[steps[i]].by, steps[i]))
		}
	}
	t.Logf("%d changes of one value: %v", len(c.made), by)
	for _, bad := range c.bad {
		t.Error(bad)
	}
	if len(by) != 3 {
		t.Errorf("not every node changed the value: %v", by)
	}
}
