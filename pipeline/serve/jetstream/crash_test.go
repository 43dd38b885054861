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
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
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

// TestCrashFullDisk fills a small disk, with and without the watch.
func TestCrashFullDisk(t *testing.T) {
	enginetest.Size(t, 1, 1)
	t.Parallel()
	for _, unwatched := range []bool{false, true} {
		t.Run(fmt.Sprintf("unwatched %v", unwatched), func(t *testing.T) {
			dir := t.TempDir()
			mount := func(options string) {
				if err := syscall.Mount("tmpfs", dir, "tmpfs", mountFlags(options), strings.TrimPrefix(options, "remount,")); err != nil {
					t.Skipf("SKIPPED: a small disk cannot be made here: %v", err)
				}
			}
			mount("size=230m")
			t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
			l := &load{nodes: alone(t, dir)}
			l.nodes[0].DiskUnwatched = unwatched
			startAll(t, l.nodes)
			l.start()
			l.more(t, 50)
			leave := uint64(150 << 20) // less than has to be free
			if unwatched {
				leave = 0
			}
			if err := fillDisk(dir, leave); err != nil {
				t.Fatal(err)
			}
			full := l.untilRefused(t)
			mount("remount,size=500m")
			if unwatched { // the server has stopped for good: a restart is in the runbook
				l.nodes[0].kill()
				l.nodes[0].start()
			}
			backIn := l.more(t, 50)
			l.verify(t, fmt.Sprintf("one node, full disk, unwatched %v (%d refused)", unwatched, full), []time.Duration{backIn})
		})
	}
}

func mountFlags(options string) uintptr {
	if strings.HasPrefix(options, "remount,") {
		return syscall.MS_REMOUNT
	}
	return 0
}

// fillDisk leaves no more than leave bytes.
func fillDisk(dir string, leave uint64) error {
	f, err := os.Create(dir + "/ballast")
	if err != nil {
		return err
	}
	defer f.Close()
	for block := make([]byte, 64<<10); ; {
		if free, _, err := diskSpace(dir); err != nil || leave > 0 && free < leave {
			return err
		}
		if _, err := f.Write(block); errors.Is(err, syscall.ENOSPC) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// untilRefused waits until nothing is acknowledged any more, and counts refusals.
func (l *load) untilRefused(t testing.TB) int {
	t.Helper()
	client := &http.Client{Timeout: 20 * time.Second}
	refused := 0
	for begin := time.Now(); refused < 2; {
		if time.Since(begin) > 3*time.Minute {
			t.Fatal("it takes more and more")
		}
		r, err := client.Post(l.nodes[0].url("/append?topic=full&id="+fmt.Sprint(time.Now().UnixNano())), "", strings.NewReader(strings.Repeat("x", 100_000)))
		if err != nil {
			continue
		}
		text, _ := io.ReadAll(r.Body)
		_ = r.Body.Close()
		if r.StatusCode != http.StatusOK {
			refused++
			if !l.nodes[0].DiskUnwatched && !strings.Contains(string(text), engine.ErrFull.Error()) {
				t.Errorf("it says %s", text)
			}
		}
	}
	return refused
}
