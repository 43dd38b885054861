package jetstream

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pipeline/pipeline/serve/engine"
)

// everything is what can be read from an engine, by log and bucket.
func everything(t *testing.T, e *Engine, topics []string) string {
	t.Helper()
	var b strings.Builder
	for _, log := range engine.Logs {
		for _, topic := range topics {
			err := e.Read(t.Context(), log, topic, 0, func(m engine.Message) error {
				fmt.Fprintln(&b, log, m.Topic, m.Seq, m.ID, m.Header, len(m.Body), m.Stored.UnixNano())
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, bucket := range migrated {
		all, err := e.List(t.Context(), bucket, "")
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range all {
			if !strings.HasPrefix(v.Name, auditName) {
				fmt.Fprintln(&b, bucket, v.Name, string(v.Value))
			}
		}
	}
	return b.String()
}

// migrateKeepsEveryPlace moves a store into a cluster that has nothing yet.
func migrateKeepsEveryPlace(t *testing.T, all []*Engine) {
	dir, topics := t.TempDir(), []string{"acme", "globex", "initech"}
	old := open(t, Config{Dir: dir, Most: small})
	for _, topic := range topics {
		fill(t, old, engine.Inbox, topic, 150)
		fill(t, old, engine.Events, topic, 20)
	}
	for _, b := range engine.Buckets {
		if _, err := old.Put(t.Context(), b, "deliver.acme", []byte(`{"seq":17}`), 0); err != nil {
			t.Fatal(err)
		}
	}
	want := everything(t, old, topics)
	if err := old.Close(t.Context()); err != nil {
		t.Fatal(err)
	}

	// somebody pulls the plug the first time
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := Migrate(ctx, dir, all[0], func(uint64) { cancel() }); err == nil {
		t.Fatal("it went on after its context ended")
	}
	var told uint64
	done, err := Migrate(t.Context(), dir, all[0], func(n uint64) { told = n })
	if err != nil {
		t.Fatal(err)
	}
	if (done != Migrated{Messages: 510, Values: 3}) || told == 0 {
		t.Errorf("moved %+v, told of %d", done, told)
	}
	if got := everything(t, all[1], topics); got != want {
		t.Errorf("the new engine has\n%s\nthe old one\n%s", got, want)
	}
	if r, err := all[2].Append(t.Context(), engine.Inbox, "acme", engine.Message{ID: "acme0"}); err != nil || !r.Duplicate {
		t.Errorf("what was moved is no duplicate: %+v, %v", r, err)
	}
	if _, err := Open(t.Context(), Config{Dir: dir}); err == nil || !strings.Contains(err.Error(), "was moved to the cluster of node a") {
		t.Errorf("the old store can be opened: %v", err)
	}
}

func TestMigrateFillsHoles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	old := open(t, Config{Dir: dir, Most: small})
	fill(t, old, engine.Events, "acme", 100)
	if err := old.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	blocks, err := filepath.Glob(filepath.Join(streamFolder(dir, logStream(engine.Events, 0)), "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range blocks { // the first one, one in the middle, and what is known of them
		if name := filepath.Base(b); name == "1.blk" || name == "3.blk" || name == "index.db" {
			if err := os.Remove(b); err != nil {
				t.Fatal(err)
			}
		}
	}
	// the target is one node too, which this code does not care about
	to := open(t, Config{})
	done, err := Migrate(t.Context(), dir, to, func(uint64) {})
	if err != nil || done.Holes == 0 || done.Messages == 0 || done.Messages+done.Holes > 100 {
		t.Fatalf("%+v, %v", done, err)
	}
	var n uint64
	err = to.Read(t.Context(), engine.Events, "", 0, func(m engine.Message) error {
		if n++; m.ID != fmt.Sprint("acme", m.Seq-1) {
			t.Errorf("%s is at %d", m.ID, m.Seq)
		}
		return nil
	})
	if err != nil || n != done.Messages {
		t.Errorf("read %d of %d, %v", n, done.Messages, err)
	}
	if r := auditOf(t, to); len(r.Problems) != 0 {
		t.Errorf("the new engine has %q", r.Problems)
	}
}

func TestMigrateRefuses(t *testing.T) {
	t.Parallel()
	full := func(t *testing.T, ids ...string) string {
		dir := t.TempDir()
		e := open(t, Config{Dir: dir})
		for _, id := range ids {
			if _, err := e.Append(t.Context(), engine.Events, "acme", engine.Message{ID: id, Body: bytes.Repeat([]byte(id), 10)}); err != nil {
				t.Fatal(err)
			}
		}
		if err := e.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	for _, test := range []struct {
		name     string
		from, to string
		lease    bool
		want     string
	}{
		{"no store", t.TempDir(), t.TempDir(), false, "has no store"},
		{"others' messages", full(t, "a", "b"), full(t, "c"), false, "the new engine has messages of its own there"},
		{"more messages", full(t, "a"), full(t, "a", "b"), false, "the new engine has messages of its own there"},
		{"somebody works", full(t, "a"), t.TempDir(), true, "pipeline serve works in the new engine already (on source.acme)"},
	} {
		t.Run(test.name, func(t *testing.T) {
			to := open(t, Config{Dir: test.to})
			if test.lease {
				if _, err := to.Put(t.Context(), engine.Leases, "source.acme", nil, 0); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := Migrate(t.Context(), test.from, to, func(uint64) {}); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("said %v", err)
			}
		})
	}
}
