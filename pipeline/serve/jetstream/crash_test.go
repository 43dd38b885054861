//go:build linux

package jetstream

// crash_test.go: what was acknowledged is there after anything. Nodes are child
// processes of this test, killed by their pid while publishers append to them over
// HTTP and try again with the same ID; at the end everything that was acknowledged
// has to be there, once, in order. A line of figures is printed for each test.
//
// Here are sizes that CI carries. PIPELINE_CRASH=full has those of docs/reliability.md,
// and PIPELINE_CRASH=10 ten times those of CI; .ci/reliability runs them.

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"pipeline/pipeline/serve/engine"
	"pipeline/pipeline/serve/enginetest"
)

func TestMain(m *testing.M) {
	if text := os.Getenv(childEnvironment); text != "" {
		if err := beChild(text); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func TestCrashAlone(t *testing.T) {
	kills := enginetest.Size(t, 5, 1000)
	t.Parallel()
	l := &load{nodes: alone(t, t.TempDir())}
	startAll(t, l.nodes)
	l.start()
	l.more(t, 50)
	var backIn []time.Duration
	for range kills {
		time.Sleep(time.Duration(rand.IntN(200)) * time.Millisecond)
		l.nodes[0].kill()
		l.nodes[0].start()
		backIn = append(backIn, l.more(t, 1))
		l.more(t, 50)
	}
	l.verify(t, fmt.Sprintf("one node, %d × kill -9", kills), backIn)
}

func TestCrashCluster(t *testing.T) {
	enginetest.Size(t, 1, 1)
	t.Parallel()
	l := &load{nodes: three(t)}
	startAll(t, l.nodes)
	l.start()
	l.more(t, 50)
	line := []string{}
	var backIn []time.Duration
	for _, test := range []struct {
		name         string
		little, full int
		victims      func(*load) []*process
	}{
		{"kill -9 of a leader", 2, 200, func(l *load) []*process {
			l.current(t) // else two of three have died, where the others do not yet have what it has
			return l.leader()
		}},
		{"of two of three", 1, 50, func(l *load) []*process {
			not := rand.IntN(3)
			return []*process{l.nodes[(not+1)%3], l.nodes[(not+2)%3]}
		}},
		{"of all three", 1, 50, func(l *load) []*process { return l.nodes }},
	} {
		kills := enginetest.Size(t, test.little, test.full)
		for range kills {
			backIn = append(backIn, l.crash(t, test.victims(l)))
		}
		line = append(line, fmt.Sprintf("%d × %s", kills, test.name))
	}
	l.verify(t, "three nodes, "+strings.Join(line, ", "), backIn)
}

// crash kills nodes and starts them again, and returns how long it took until each
// shard took something again: without the one that died, or with those that did.
func (l *load) crash(t testing.TB, victims []*process) time.Duration {
	t.Helper()
	for _, p := range victims {
		p.kill()
	}
	begin := time.Now()
	var backIn time.Duration
	if len(victims) == 1 { // the others have to go on without it
		l.everyTopic(t)
		backIn = time.Since(begin)
	}
	for _, p := range victims {
		p.start()
	}
	l.everyTopic(t)
	if len(victims) > 1 {
		backIn = time.Since(begin)
	}
	return backIn
}

// leader is the node that leads what the first topic is stored in.
func (l *load) leader() []*process {
	for {
		for _, p := range l.nodes {
			name, _ := p.get("/leader?topic=t0")
			for _, leader := range l.nodes {
				if leader.Node == name {
					return []*process{leader}
				}
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// current waits until each node has what the others have, and knows it.
func (l *load) current(t testing.TB) {
	t.Helper()
	begin := time.Now()
	for _, p := range l.nodes {
		for why := p.behind(); why != ""; why = p.behind() {
			if time.Since(begin) > 3*time.Minute {
				t.Fatalf("node %s is not as the others are: %s", p.Node, why)
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
}

// underWay is how far a node may be behind while this much is stored.
const underWay = 32

// behind is what is amiss where a node sees it; empty: nothing.
func (p *process) behind() string {
	text, err := p.get("/status")
	if err != nil {
		return err.Error()
	}
	var s engine.Status
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return err.Error()
	}
	for _, n := range s.Nodes {
		if !n.Online || n.Behind > underWay {
			return text
		}
	}
	if !s.Ready || len(s.Nodes) != 3 {
		return text
	}
	return ""
}

// everyTopic waits until each of the shards takes something again.
func (l *load) everyTopic(t testing.TB) {
	t.Helper()
	client := &http.Client{Timeout: 8 * time.Second}
	begin := time.Now()
	for i := range l.topics {
		id := fmt.Sprint("x-", time.Now().UnixNano())
		for !l.try(client, fmt.Sprint("probe", i), id) {
			if time.Since(begin) > 3*time.Minute {
				t.Fatalf("the shard of probe%d took nothing for %v", i, time.Since(begin))
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
}

func (l *load) try(client *http.Client, topic, id string) bool {
	for _, p := range l.nodes {
		r, err := client.Post(p.url("/append?topic="+topic+"&id="+id), "", strings.NewReader("x"))
		if err != nil {
			continue
		}
		_, _ = io.Copy(io.Discard, r.Body)
		_ = r.Body.Close()
		if r.StatusCode == http.StatusOK {
			return true
		}
	}
	return false
}
