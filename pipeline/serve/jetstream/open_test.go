package jetstream

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"pipeline/pipeline/serve/engine"
	"pipeline/pipeline/serve/enginetest"
)

func TestWhatWasStoredStays(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	e := open(t, Config{Dir: dir})
	want := fill(t, e, engine.Inbox, "acme", 10)
	revision, err := e.Put(t.Context(), engine.Cursors, "acme", []byte("7"), 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	e = open(t, Config{Dir: dir})
	if got := readIDs(t, e, engine.Inbox, "acme"); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("read %q", got)
	}
	if r, err := e.Append(t.Context(), engine.Inbox, "acme", engine.Message{ID: "acme3"}); err != nil || !r.Duplicate {
		t.Errorf("after a start it is no duplicate: %+v, %v", r, err)
	}
	if v, err := e.Get(t.Context(), engine.Cursors, "acme"); err != nil || v.Revision != revision || string(v.Value) != "7" {
		t.Errorf("%+v, %v", v, err)
	}
}

func TestSettingsAreSafe(t *testing.T) {
	t.Parallel()
	e := open(t, Config{})
	if c := e.server.JetStreamConfig(); !c.SyncAlways || c.Domain != "" {
		t.Errorf("%+v", c)
	}
	if e.server.Addr() != nil {
		t.Errorf("it listens at %v", e.server.Addr())
	}
	for _, s := range streams() {
		info, err := e.info(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		if unsafe := differences(s.config(1, nil), info.Config); unsafe != "" || info.Config.MaxBytes <= 0 {
			t.Errorf("%s: %s, %d bytes", s.name, unsafe, info.Config.MaxBytes)
		}
	}
	var deleted server.JSApiMsgDeleteResponse
	fill(t, e, engine.Events, "acme", 1)
	if err := e.call(t.Context(), "STREAM.MSG.DELETE.PIPELINE_EVENTS_0", server.JSApiMsgDeleteRequest{Seq: 1}, &deleted); err == nil {
		t.Error("a message was deleted")
	}
	var purged server.JSApiStreamPurgeResponse
	if err := e.call(t.Context(), "STREAM.PURGE.PIPELINE_EVENTS_0", nil, &purged); err == nil {
		t.Error("a log was emptied")
	}
}

func TestChangedSettingsAreRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	e := open(t, Config{Dir: dir})
	c := logStream(engine.Events, 0).config(1, nil)
	c.Discard = server.DiscardOld
	var updated server.JSApiStreamUpdateResponse
	if err := e.call(t.Context(), "STREAM.UPDATE."+c.Name, c, &updated); err != nil {
		t.Fatal(err)
	}
	if err := e.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), Config{Dir: dir}); err == nil || !strings.Contains(err.Error(), "discard is DiscardOld and has to be DiscardNew") {
		t.Errorf("said %v", err)
	}
}

func TestAFolderIsOfOneEngine(t *testing.T) {
	t.Parallel()
	used := t.TempDir()
	e := open(t, Config{Dir: used})
	if _, err := Open(t.Context(), Config{Dir: used}); !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), "is pipeline serve running on it already?") {
		t.Errorf("opened twice: %v", err)
	}
	if err := e.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	cluster := nodes(t)
	for _, test := range []struct {
		name   string
		marker string
		config Config
		want   string
	}{
		{"alone, then a node", `{"mode":"embedded","shards":4}`, cluster[0], "is the store of a single pipeline serve, and a node of a cluster cannot use it. Give the node a folder of its own, and move what is stored: pipeline engine migrate --from "},
		{"a node, then alone", `{"mode":"cluster","node":"a","shards":4}`, Config{}, "is the store of node a of a cluster, and cannot be used alone"},
		{"another node", `{"mode":"cluster","node":"b","shards":4}`, cluster[0], "is the store of node b, not of a"},
		{"moved", `{"mode":"moved","node":"b","shards":4}`, Config{}, "was moved to the cluster of node b, and goes on there"},
		{"of the future", `{"mode":"embedded","shards":8}`, Config{}, "was written by another version of pipeline"},
		{"torn", `{"mode":`, Config{}, "has a store, and the mode.json in it, which says whose, is garbled; bring mode.json back from a copy; without one, if a single pipeline serve made the store and nobody moved it since, make it anew with {\"mode\":\"embedded\",\"shards\":4} in it; if a node of a cluster did, move the folder away, and the node copies everything from the others"},
		{"empty", "\x00", Config{}, "which says whose, is empty; bring"},
		{"says nothing", `{}`, cluster[0], "which says whose, is garbled; bring"},
		{"null", `null`, Config{}, "which says whose, is garbled; bring"},
		{"not ours", "", Config{}, "has a store, and no mode.json that says whose; bring mode.json back"},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.config.Dir = t.TempDir()
			if err := os.Mkdir(filepath.Join(test.config.Dir, "jetstream"), 0o700); err != nil {
				t.Fatal(err)
			}
			if test.marker != "" {
				if err := os.WriteFile(filepath.Join(test.config.Dir, modeFile), []byte(strings.Trim(test.marker, "\x00")), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := Open(t.Context(), test.config); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("said %v", err)
			}
		})
	}
}

func TestAFullLogRefusesWhatIsNew(t *testing.T) {
	t.Parallel()
	e := open(t, Config{Most: small})
	var full error
	n := 0
	for ; full == nil && n < 1000; n++ {
		_, full = e.Append(t.Context(), engine.Events, "acme", engine.Message{ID: fmt.Sprint(n), Body: make([]byte, 1<<10)})
	}
	if !errors.Is(full, engine.ErrFull) {
		t.Fatalf("after %d messages: %v", n, full)
	}
	if got := readIDs(t, e, engine.Events, "acme"); len(got) != n-1 || got[0] != "0" {
		t.Errorf("%d of %d are there", len(got), n-1)
	}
	if r, err := e.Append(t.Context(), engine.Events, "acme", engine.Message{ID: "0"}); err != nil || !r.Duplicate {
		t.Errorf("what is there already: %+v, %v", r, err)
	}
	fill(t, e, engine.Inbox, "acme", 1)
	status, err := e.Status(t.Context())
	if err != nil || len(status.Problems) != 1 || !strings.Contains(status.Problems[0], "PIPELINE_EVENTS_0 is full to 9 tenths") {
		t.Errorf("%q, %v", status.Problems, err)
	}
}

func TestADiskThatIsNearlyFull(t *testing.T) {
	t.Parallel()
	const gb = 1 << 30
	for _, test := range []struct {
		free, total uint64
		refused     bool
	}{
		{50 * gb, 1000 * gb, false},
		{gb, 1000 * gb, true},
		{gb, 9 * gb, false},
		{gb, 11 * gb, true},
		{199 << 20, gb, true},
		{201 << 20, gb, false},
	} {
		e := &Engine{space: space{dir: "x", look: func(string) (uint64, uint64, error) { return test.free, test.total, nil }}}
		if err := e.room(); errors.Is(err, engine.ErrFull) != test.refused {
			t.Errorf("%d MB of %d: %v", test.free>>20, test.total>>20, err)
		}
	}
	e := open(t, Config{disk: func(string) (uint64, uint64, error) { return 0, gb, nil }})
	if _, err := e.Append(t.Context(), engine.Inbox, "acme", engine.Message{ID: "a"}); !errors.Is(err, engine.ErrFull) || !strings.Contains(err.Error(), "its disk has 0 MB left, and 200 MB have to stay free") {
		t.Errorf("said %v", err)
	}
	if _, err := e.Put(t.Context(), engine.Cursors, "a", nil, 0); !errors.Is(err, engine.ErrFull) {
		t.Errorf("said %v", err)
	}
	if status, err := e.Status(t.Context()); err != nil || status.Ready {
		t.Errorf("%+v, %v", status, err)
	}
}

func TestNamesAsSubjects(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"acme", "a.b", "a=2Eb", "=", "=2", "*", ">", "ä b\x00", "=hole"} {
		if got := untoken("x.y." + token(name)); got != name {
			t.Errorf("%q came back as %q", name, got)
		}
		if isFiller("x." + token(name)) {
			t.Errorf("%q is taken for a hole", name)
		}
	}
}

// TestStrangersAreNotLetIn knocks at the port between nodes.
func TestStrangersAreNotLetIn(t *testing.T) {
	t.Parallel()
	all, strangers := nodes(t), nodes(t)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		_, err := Open(ctx, all[0]) // it waits for the others
		ended <- err
	}()
	defer func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("opened alone: %v", err)
		}
	}()
	known, err := all[1].TLS.config()
	if err != nil {
		t.Fatal(err)
	}
	other, err := strangers[1].TLS.config()
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name string
		show []tls.Certificate
		in   bool
	}{
		{"no certificate", nil, false},
		{"another CA's", other.Certificates, false},
		{"a node's", known.Certificates, true},
	} {
		conn := knock(t, all[0].Peers[0].Address())
		shown := tls.Client(conn, &tls.Config{Certificates: test.show, RootCAs: known.RootCAs, ServerName: "a", MinVersion: tls.VersionTLS13})
		_ = shown.SetDeadline(time.Now().Add(time.Minute))
		_, err := bufio.NewReader(shown).ReadString('\n') // the server says who it is, or that it does not want to
		if test.in != (err == nil) {
			t.Errorf("%s: %v", test.name, err)
		}
		_ = conn.Close()
	}
}

// knock connects to a node's port, once it is open.
func knock(t *testing.T, address string) net.Conn {
	t.Helper()
	for begin := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			return conn
		}
		if time.Since(begin) > time.Minute {
			t.Fatal(err)
		}
	}
}

// natsServers are servers that somebody else runs, with their client and monitoring
// addresses.
func natsServers(t *testing.T, n int, syncAlways bool) (clients string, monitors []string) {
	t.Helper()
	var routes []*url.URL
	at := enginetest.Free(t, n)
	for _, address := range at {
		routes = append(routes, &url.URL{Scheme: "nats", Host: address.String()})
	}
	var urls []string
	for i := range n {
		o := &server.Options{
			ServerName: fmt.Sprint("nats-", i), Host: "127.0.0.1", Port: -1, HTTPHost: "127.0.0.1", HTTPPort: -1,
			JetStream: true, StoreDir: t.TempDir(), JetStreamMaxStore: 1 << 40, SyncAlways: syncAlways, NoSigs: true, NoLog: true, MaxPayload: 2 << 20,
		}
		if n > 1 {
			o.Routes, o.Cluster = routes, server.ClusterOpts{Name: "theirs", Host: at[i].Addr().String(), Port: int(at[i].Port())}
		}
		s, err := server.NewServer(o)
		if err != nil {
			t.Fatal(err)
		}
		s.Start()
		t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
		if !s.ReadyForConnections(startWithin) {
			t.Fatal("the server does not start")
		}
		urls = append(urls, s.ClientURL())
		monitors = append(monitors, "http://"+s.MonitorAddr().String())
	}
	return strings.Join(urls, ","), monitors
}

func TestUnsafeServersAreRefused(t *testing.T) {
	t.Parallel()
	address, monitors := natsServers(t, 1, false)
	config := Config{URL: address}
	_, err := Open(t.Context(), config)
	if !errors.Is(err, ErrUnsafe) || !strings.Contains(err.Error(), "it is not known whether its servers sync what they acknowledge: name the monitoring address of each with --nats-monitor") {
		t.Errorf("said %v", err)
	}
	config.Monitor = monitors
	_, err = Open(t.Context(), config)
	want := `the NATS cluster may lose what it acknowledged:
  - server nats-0 syncs every 2m0s and not before it acknowledges: set sync_interval: always in its jetstream block
  - --nats-monitor reaches 1 of its servers, and at least 3 have to have a copy of everything
To use it in spite of this, say --accept-lazy-fsync`
	if err == nil || err.Error() != want {
		t.Errorf("said %v", err)
	}
	config.Monitor = []string{"http://127.0.0.1:1"}
	if _, err := Open(t.Context(), config); err == nil || !strings.Contains(err.Error(), "http://127.0.0.1:1 does not say how it keeps data: ") {
		t.Errorf("said %v", err)
	}
	config.AcceptLazySync = true
	enginetest.Run(t, func(t *testing.T) engine.Engine { return open(t, config) })
}

func TestTooSmallServersAreRefused(t *testing.T) {
	t.Parallel()
	address, _ := natsServers(t, 1, false)
	config := Config{URL: address, AcceptLazySync: true, Most: map[engine.Log]int64{engine.Inbox: 4 << 40}}
	if _, err := Open(t.Context(), config); err == nil || !strings.Contains(err.Error(), "the servers give JetStream less room than the logs may take") {
		t.Errorf("said %v", err)
	}
}

func TestSafeServersAreUsed(t *testing.T) {
	if testing.Short() {
		t.Skip("three servers")
	}
	t.Parallel()
	address, monitors := natsServers(t, 3, true)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	e, err := Open(ctx, Config{URL: address, Monitor: monitors})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close(t.Context())
	fill(t, e, engine.Inbox, "acme", 3)
	r := auditOf(t, e)
	status, err := e.Status(t.Context())
	if err != nil || !status.Ready || len(r.Problems)+len(status.Problems) != 0 || len(status.Nodes) < 3 {
		t.Errorf("%q, %+v, %v", r.Problems, status, err)
	}
}

func TestVersions(t *testing.T) {
	t.Parallel()
	for have, want := range map[string]bool{
		"2.15.2": true, "2.15.3": true, "2.16.0": true, "3.0.0": true, "2.15.2-RC.1": true,
		"2.15.1": false, "2.9.30": false, "1.99.99": false, "": false, "dev": false, "2.15": false,
	} {
		if atLeast(have, oldestServer) != want {
			t.Errorf("%s: %v", have, !want)
		}
	}
}
