//go:build linux

package jetstream

// crashload_test.go: the nodes that are killed, as processes, and who publishes to
// them meanwhile and counts in the end.

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"pipeline/pipeline/serve/engine"
	"pipeline/pipeline/serve/enginetest"
)

const childEnvironment = "PIPELINE_ENGINE_CHILD"

// child is what a node's process is told.
type child struct {
	Dir   string
	Node  string
	Peers []Peer
	TLS   TLS
	HTTP  string // where it takes appends

	// DiskUnwatched has it run into a full disk that it would not run into else
	DiskUnwatched bool
	// LazySync has it acknowledge what is not on the disk, as the server does by itself
	LazySync bool
}

// beChild is a node until it is killed.
func beChild(text string) error {
	var c child
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		return err
	}
	config := Config{Dir: c.Dir, Node: c.Node, Peers: c.Peers, TLS: c.TLS, Log: slog.New(slog.NewTextHandler(os.Stderr, nil))}
	if c.DiskUnwatched {
		config.disk = unbounded
	}
	if c.LazySync {
		config.tune = func(o *server.Options) { o.SyncAlways = false }
	}
	e, err := Open(context.Background(), config)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /append", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), 5*time.Second)
		defer cancel()
		got, err := e.Append(ctx, engine.Inbox, r.FormValue("topic"), engine.Message{ID: r.FormValue("id"), Body: body})
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		_, _ = fmt.Fprint(w, got.Seq, " ", got.Duplicate)
	})
	mux.HandleFunc("GET /read", func(w http.ResponseWriter, r *http.Request) {
		err := e.Read(r.Context(), engine.Inbox, r.FormValue("topic"), 0, func(m engine.Message) error {
			_, err := fmt.Fprintln(w, m.Seq, m.ID)
			return err
		})
		if err != nil {
			panic(http.ErrAbortHandler) // what came so far is not all
		}
		_, _ = fmt.Fprintln(w, "end")
	})
	mux.HandleFunc("GET /leader", func(w http.ResponseWriter, r *http.Request) {
		s, _ := topicStream(engine.Inbox, r.FormValue("topic"))
		if info, err := e.info(r.Context(), s); err == nil && info.Cluster != nil {
			_, _ = fmt.Fprint(w, info.Cluster.Leader)
		}
	})
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, r *http.Request) {
		s, err := e.Status(r.Context())
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		_ = json.NewEncoder(w).Encode(s)
	})
	mux.HandleFunc("GET /value", func(w http.ResponseWriter, r *http.Request) {
		entry, err := e.Get(r.Context(), engine.Leases, "one")
		if err != nil && !errors.Is(err, engine.ErrNoValue) {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		_, _ = fmt.Fprint(w, entry.Revision)
	})
	mux.HandleFunc("GET /change", func(w http.ResponseWriter, r *http.Request) {
		was, _ := strconv.ParseUint(r.FormValue("revision"), 10, 64)
		now, err := e.Put(r.Context(), engine.Leases, "one", []byte(r.FormValue("by")), was)
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		_, _ = fmt.Fprint(w, now)
	})
	mux.HandleFunc("GET /audit", func(w http.ResponseWriter, r *http.Request) {
		report, err := e.Audit(r.Context())
		if err != nil {
			report.Problems = append(report.Problems, err.Error())
		}
		_ = json.NewEncoder(w).Encode(report)
	})
	return http.ListenAndServe(c.HTTP, mux)
}

// process is a node that can be killed.
type process struct {
	child
	t      testing.TB
	cmd    *exec.Cmd
	stderr strings.Builder
}

func (p *process) start() {
	p.t.Helper()
	text, err := json.Marshal(p.child)
	if err != nil {
		p.t.Fatal(err)
	}
	p.cmd = exec.Command(os.Args[0], "-test.run=^$")
	p.cmd.Env = append(os.Environ(), childEnvironment+"="+string(text))
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	p.cmd.Stderr = &p.stderr
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
}

func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}

func (p *process) url(path string) string { return "http://" + p.HTTP + path }

func (p *process) get(path string) (string, error) {
	client := http.Client{Timeout: 2 * time.Minute} // to read all that an hour stored
	r, err := client.Get(p.url(path))
	if err != nil {
		return "", err
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err == nil && r.StatusCode != http.StatusOK {
		err = errors.New(r.Status)
	}
	return string(body), err
}

// alone is one node.
func alone(t testing.TB, dir string) []*process {
	return []*process{{child: child{Dir: dir, HTTP: enginetest.Free(t, 1)[0].String()}, t: t}}
}

// three are three nodes.
func three(t testing.TB) []*process {
	var all []*process
	for _, c := range nodes(t) {
		all = append(all, &process{child: child{Dir: c.Dir, Node: c.Node, Peers: c.Peers, TLS: c.TLS, HTTP: enginetest.Free(t, 1)[0].String()}, t: t})
	}
	return all
}

func startAll(t testing.TB, all []*process) {
	for _, p := range all {
		p.start()
	}
	t.Cleanup(func() {
		for _, p := range all {
			p.kill()
			if t.Failed() {
				t.Logf("node %s said: %s", p.Node, p.stderr.String())
			}
		}
	})
}

// load are publishers, and what they were promised.
type load struct {
	nodes  []*process
	stop   atomic.Bool
	wg     sync.WaitGroup
	acked  atomic.Int64
	newest atomic.Int64 // when something was acknowledged last
	topics [8]struct {
		ids []string // acknowledged, in order
	}
}

func (l *load) start() {
	client := &http.Client{Timeout: 8 * time.Second}
	for i := range l.topics {
		l.wg.Go(func() {
			for n := 0; !l.stop.Load(); n++ {
				id := fmt.Sprintf("%d-%d", i, n)
				if l.append(client, fmt.Sprint("t", i), id) {
					l.topics[i].ids = append(l.topics[i].ids, id)
				}
			}
		})
	}
}

// append tries until it is acknowledged, anywhere.
func (l *load) append(client *http.Client, topic, id string) bool {
	for try := 0; ; try++ {
		p := l.nodes[(try+len(id))%len(l.nodes)]
		r, err := client.Post(p.url("/append?topic="+topic+"&id="+id), "", strings.NewReader(strings.Repeat(id, 1000/len(id))))
		if err == nil {
			_, _ = io.Copy(io.Discard, r.Body)
			_ = r.Body.Close()
			if r.StatusCode == http.StatusOK {
				l.acked.Add(1)
				l.newest.Store(time.Now().UnixNano())
				return true
			}
		}
		if l.stop.Load() {
			return false // it is not known, and nobody was promised anything
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// more waits until n more are acknowledged, and returns how long that took.
func (l *load) more(t testing.TB, n int64) time.Duration {
	t.Helper()
	begin, want := time.Now(), l.acked.Load()+n
	for l.acked.Load() < want {
		if time.Since(begin) > 3*time.Minute {
			t.Fatalf("nothing was acknowledged for %v", time.Since(begin))
		}
		time.Sleep(5 * time.Millisecond)
	}
	return time.Since(begin)
}

// count ends the load, and counts what was promised and is not there, or twice.
func (l *load) count(t testing.TB) (lost, doubled, disorder int) {
	t.Helper()
	l.stop.Store(true)
	l.wg.Wait()
	for i, topic := range l.topics {
		found := l.read(t, fmt.Sprint("t", i))
		seen := map[string]int{}
		last := -1
		for _, id := range found {
			seen[id]++
			_, number, _ := strings.Cut(id, "-")
			if n, _ := strconv.Atoi(number); n < last {
				disorder++
			} else {
				last = n
			}
		}
		for _, id := range topic.ids {
			if seen[id] == 0 {
				lost++
			}
		}
		for _, n := range seen {
			doubled += n - 1
		}
	}
	return lost, doubled, disorder
}

// verify ends the load, prints what became of it, and fails if something is not as
// it was promised.
func (l *load) verify(t testing.TB, test string, backIn []time.Duration) {
	t.Helper()
	lost, doubled, disorder := l.count(t)
	slices.Sort(backIn)
	var longest, middle time.Duration
	if len(backIn) > 0 {
		longest, middle = backIn[len(backIn)-1], backIn[len(backIn)/2]
	}
	fmt.Printf("| %s | acked %d | lost %d | doubled %d | out of order %d | back in %v, at most %v |\n",
		test, l.acked.Load(), lost, doubled, disorder, middle.Round(time.Millisecond), longest.Round(time.Millisecond))
	if lost+doubled+disorder > 0 {
		t.Errorf("lost %d, doubled %d, out of order %d of %d", lost, doubled, disorder, l.acked.Load())
	}
	for _, p := range l.nodes {
		var report Report
		for begin := time.Now(); ; time.Sleep(50 * time.Millisecond) { // it may just have been started
			text, err := p.get("/audit")
			if err == nil && json.Unmarshal([]byte(text), &report) == nil {
				break
			}
			if time.Since(begin) > 3*time.Minute {
				t.Fatalf("audit: %v %s", err, text)
			}
		}
		if p == l.nodes[len(l.nodes)-1] && len(report.Problems) > 0 {
			t.Errorf("the audit says %q", report.Problems)
		}
	}
}

// read is what is stored, once a node can say.
func (l *load) read(t testing.TB, topic string) []string {
	t.Helper()
	for begin := time.Now(); time.Since(begin) < 10*time.Minute; time.Sleep(50 * time.Millisecond) {
		for _, p := range l.nodes {
			text, err := p.get("/read?topic=" + topic)
			if err != nil || !strings.HasSuffix(text, "end\n") {
				continue
			}
			var ids []string
			for s := bufio.NewScanner(strings.NewReader(text)); s.Scan(); {
				if _, id, ok := strings.Cut(s.Text(), " "); ok {
					ids = append(ids, id)
				}
			}
			return ids
		}
	}
	t.Fatal("nobody can read what was stored")
	return nil
}
