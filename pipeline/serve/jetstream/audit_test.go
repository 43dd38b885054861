package jetstream

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"pipeline/pipeline/serve/engine"
)

// small makes blocks of 32 KB, so that a test has several of them.
var small = map[engine.Log]int64{engine.Inbox: 4 << 20, engine.Events: 120 << 10}

// fill adds n messages of 1 KB to a topic, and returns their IDs.
func fill(t testing.TB, e *Engine, log engine.Log, topic string, n int) []string {
	t.Helper()
	return fillWith(t, e, log, topic, n, 1<<10)
}

func fillWith(t testing.TB, e *Engine, log engine.Log, topic string, n, size int) []string {
	t.Helper()
	body := []byte(strings.Repeat("x", size))
	var ids []string
	for i := range n {
		id := fmt.Sprint(topic, i)
		if _, err := e.Append(t.Context(), log, topic, engine.Message{ID: id, Body: body}); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	return ids
}

func readIDs(t testing.TB, e *Engine, log engine.Log, topic string) []string {
	t.Helper()
	var ids []string
	if err := e.Read(t.Context(), log, topic, 0, func(m engine.Message) error { ids = append(ids, m.ID); return nil }); err != nil {
		t.Fatal(err)
	}
	return ids
}

// flip changes one bit in the middle of the oldest block of a log.
func flip(t *testing.T, dir string, log engine.Log) string {
	t.Helper()
	sealed, err := sealedBlocks(dir, logStream(log, 0))
	if err != nil || len(sealed) == 0 {
		t.Fatalf("there is no sealed block: %v", err)
	}
	data, err := os.ReadFile(sealed[0])
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 1
	if err := os.WriteFile(sealed[0], data, 0o600); err != nil {
		t.Fatal(err)
	}
	return sealed[0]
}

func auditOf(t *testing.T, e *Engine) Report {
	t.Helper()
	r, err := e.Audit(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestAuditFindsNothingWrong(t *testing.T) {
	t.Parallel()
	e := open(t, Config{Most: small})
	fill(t, e, engine.Events, "acme", 80)
	var revision uint64
	for range 200 { // values leave holes, which are none
		var err error
		if revision, err = e.Put(t.Context(), engine.Cursors, "a", []byte(strings.Repeat("v", 1000)), revision); err != nil {
			t.Fatal(err)
		}
	}
	r := auditOf(t, e)
	if len(r.Problems) != 0 || r.Read < 32<<10 {
		t.Errorf("problems %q, %d bytes read", r.Problems, r.Read)
	}
	status, err := e.Status(t.Context())
	if err != nil || !status.Ready || len(status.Problems) != 0 || status.Free == 0 {
		t.Errorf("%+v, %v", status, err)
	}
	for _, l := range status.Logs {
		if l.Log == engine.Events && (l.Messages != 80 || len(l.Copies) != 1 || l.Copies[0] != engine.CopyStatus{Node: "embedded", Messages: 80}) {
			t.Errorf("%+v", l)
		}
	}
}

// An audit that waits for another one reads all the same.
func TestAuditsAtTheSameTime(t *testing.T) {
	t.Parallel()
	e := open(t, Config{Most: small})
	fill(t, e, engine.Events, "acme", 80)
	var wg sync.WaitGroup
	reports := make([]Report, 4)
	errs := make([]error, len(reports))
	for i := range reports {
		wg.Go(func() { reports[i], errs[i] = e.Audit(t.Context()) })
	}
	wg.Wait()
	for i, r := range reports {
		if errs[i] != nil || r.Read != reports[0].Read || r.Read < 32<<10 {
			t.Errorf("%d bytes read: %v", r.Read, errs[i])
		}
	}
}

func TestAuditFindsAFlippedBit(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	e := open(t, Config{Dir: dir, Most: small})
	fill(t, e, engine.Events, "acme", 80)
	name := flip(t, dir, engine.Events)
	r := auditOf(t, e)
	if len(r.Problems) != 1 || !strings.HasPrefix(r.Problems[0], "the store has damaged files of the events ("+name+": the message at byte ") {
		t.Errorf("said %q", r.Problems)
	}
	if damaged, _, err := Scrub(t.Context(), dir); len(damaged) != 1 || err != nil {
		t.Errorf("found %q, %v from outside", damaged, err)
	}
	if last, err := LastReport(dir); err != nil || fmt.Sprint(last.Problems) != fmt.Sprint(r.Problems) {
		t.Errorf("kept %q, %v", last.Problems, err)
	}
}

func TestAuditFindsWhatWasCutOff(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		harm func(blocks []string) error
		want string

		lasting bool // it is seen each time anew
	}{
		{"the newest", func(b []string) error { return os.Truncate(b[len(b)-1], 0) }, "messages of the events are gone: its end was cut off", false},
		{"the oldest", func(b []string) error { return os.Remove(b[0]) }, "messages of the events are gone before their time", false},
		{"the middle", func(b []string) error { return os.Remove(b[1]) }, "messages of the events. There is no other copy", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			e := open(t, Config{Dir: dir, Most: small})
			fill(t, e, engine.Events, "acme", 100)
			auditOf(t, e)
			if err := e.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			all, err := filepath.Glob(filepath.Join(streamFolder(dir, logStream(engine.Events, 0)), "*.blk"))
			if err != nil || len(all) < 3 {
				t.Fatal(all, err)
			}
			if err := os.Remove(filepath.Join(streamFolder(dir, logStream(engine.Events, 0)), "index.db")); err != nil {
				t.Fatal(err) // as a kill leaves it, so that the server looks at the blocks
			}
			if err := test.harm(all); err != nil {
				t.Fatal(err)
			}
			e = open(t, Config{Dir: dir, Most: small})
			for range 2 { // it is said until somebody accepts it
				if got := auditOf(t, e).Problems; len(got) != 1 || !strings.Contains(got[0], test.want) {
					t.Errorf("said %q", got)
				}
			}
			if test.lasting {
				return
			}
			if err := AcceptLosses(dir); err != nil {
				t.Fatal(err)
			}
			if got := auditOf(t, e).Problems; len(got) != 0 {
				t.Errorf("accepted, it says %q", got)
			}
		})
	}
}

// healsAFlippedBit is the runbook's cure, on the last of three nodes.
func healsAFlippedBit(t *testing.T, configs []Config, all []*Engine) {
	want := fillWith(t, all[0], engine.Events, "rot", 20, engine.MaxBody) // blocks of 8 MB
	for _, e := range all {
		auditOf(t, e)
	}
	if r := auditOf(t, all[0]); len(r.Problems) != 0 || len(r.Nodes) != 3 {
		t.Fatalf("healthy: %q, %d nodes", r.Problems, len(r.Nodes))
	}
	restart := func(harm func()) {
		if err := all[2].Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		harm()
		all[2] = openAll(t, configs[2:])[0]
	}
	restart(func() { flip(t, configs[2].Dir, engine.Events) })
	auditOf(t, all[2])
	r := auditOf(t, all[0])
	// the server may have found it itself while it caught up, or not
	if len(r.Problems) != 1 || !strings.HasPrefix(r.Problems[0], "node c has damaged files of the events") && !strings.HasPrefix(r.Problems[0], "node c misses ") {
		t.Errorf("node a says %q", r.Problems)
	}
	restart(func() {
		if err := os.RemoveAll(configs[2].Dir); err != nil {
			t.Fatal(err)
		}
	})
	for ctx := t.Context(); ; { // until it has copied everything
		status, err := all[0].Status(ctx)
		if err != nil {
			t.Fatal(err)
		}
		auditOf(t, all[2])
		r = auditOf(t, all[0])
		if len(r.Problems) == 0 && len(status.Nodes) == 3 && r.Logs[3].Copies[2].Messages == r.Logs[3].Messages {
			break
		}
	}
	if got := readIDs(t, all[2], engine.Events, "rot"); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("read %d messages, there were %d", len(got), len(want))
	}
}
