package serve

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pipeline/pipeline"
	"pipeline/pipeline/serve/engine"
)

// cutOff is an engine that a node can lose sight of.
type cutOff struct {
	engine.Engine
	off atomic.Bool
}

var errCutOff = errors.New("nobody answers")

func (c *cutOff) Get(ctx context.Context, b engine.Bucket, name string) (engine.Entry, error) {
	if c.off.Load() {
		return engine.Entry{}, errCutOff
	}
	return c.Engine.Get(ctx, b, name)
}

func (c *cutOff) Put(ctx context.Context, b engine.Bucket, name string, value []byte, revision uint64) (uint64, error) {
	if c.off.Load() {
		return 0, errCutOff
	}
	return c.Engine.Put(ctx, b, name, value, revision)
}

// node begins a service with a state folder of its own.
func (h *house) node(name string) (*Service, *cutOff, func() error) {
	e := &cutOff{Engine: h.engine}
	s, end := h.serve(func(c *Config) {
		c.Alone, c.Node, c.Engine = false, name, e
		c.Load = func(files []string) []Mapping {
			all := h.load(files)
			for i := range all {
				all[i].State = filepath.Join(h.dir, name, filepath.Base(files[i]))
				all[i].OutDir = filepath.Join(h.dir, name)
				world := all[i].World
				all[i].World = func() *pipeline.World {
					w := world()
					w.OutDir = all[i].OutDir
					return w
				}
			}
			return all
		}
	})
	return s, e, end
}

// A node that is cut off in the middle: the other one begins where the newest archive
// ends, and does once more, with the same start, what was begun since.
func TestTakeOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.write("m.yaml", "version: 1\nsource: {test: {path: /hooks/0123456789abcdef0123456789abcdef}}\nfields: {id: 'id + \" \" + string(now())'}\nsinks: [memory: ]\n# pushed only\n")
		a, wire, endA := h.node("a")
		time.Sleep(5 * time.Second)
		_, _, endB := h.node("b")
		h.push("m", "one")
		time.Sleep(30 * time.Second) // it is kept
		h.set(func() { h.rows = nil })
		var want []string
		for _, id := range []string{"two", "three", "four"} {
			h.push("m", id)
			time.Sleep(time.Second)
		}
		h.set(func() { want, h.rows = h.rows, nil })
		if len(want) != 3 {
			t.Fatalf("a made %q: %+v", want, h.client(a, "m.yaml"))
		}
		wire.off.Store(true)
		time.Sleep(20 * time.Second)
		// two was kept: it was the first after a while; the others were not yet
		h.assert("what b does once more", want[1:], &h.rows)

		wire.off.Store(false)
		h.push("m", "five")
		time.Sleep(time.Second)
		if c := h.client(a, "m.yaml"); c.Pushes != 0 || c.Node != "b" {
			t.Errorf("a says that %d wait on node %s", c.Pushes, c.Node)
		}
		var made []string
		h.set(func() { made, h.rows = h.rows, nil })
		if len(made) != 1 || !strings.HasPrefix(made[0], "m five ") {
			t.Errorf("b made %q", made)
		}
		if err := endB(); err != nil { // it keeps its state before it gives the lease back
			t.Error(err)
		}
		time.Sleep(5 * time.Second)
		h.push("m", "six")
		time.Sleep(time.Second)
		h.set(func() { made = h.rows })
		if len(made) != 1 || !strings.HasPrefix(made[0], "m six ") {
			t.Errorf("a made %q", made)
		}
		if err := endA(); err != nil {
			t.Error(err)
		}
		h.assertOneArchive("m")
	})
}

// assertOneArchive looks for what is left over in the engine.
func (h *house) assertOneArchive(mapping string) {
	h.t.Helper()
	all, err := h.engine.List(h.t.Context(), engine.State, "")
	var names []string
	for _, e := range all {
		names = append(names, e.Name)
	}
	if err != nil || len(names) != 2 || names[0] != "archive."+mapping || !strings.HasPrefix(names[1], "chunk."+mapping+".") {
		h.t.Errorf("the engine keeps %q (%v)", names, err)
	}
}

// Rejects are open on whichever node works, and a folder that is of nobody any more is
// replaced, with all that is in it.
func TestTakeOverRejects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.write("m.yaml", "version: 1\nsource: {test: {path: /hooks/0123456789abcdef0123456789abcdef}}\nfields: {id: integer(id)}\nsinks: [memory: ]\n# pushed only\n")
		_, _, endA := h.node("a")
		h.push("m", "bad")
		time.Sleep(time.Second)
		check(t, endA())
		read := func(node string) string {
			src, _ := os.ReadFile(filepath.Join(h.dir, node, "m.rejects.jsonl"))
			return string(src)
		}
		if !strings.Contains(read("a"), `"bad"`) {
			t.Fatalf("the reject is not there: %q", read("a"))
		}
		stale := filepath.Join(h.dir, "b", "m.yaml")
		check(t, os.MkdirAll(stale, 0o700))
		for name, text := range map[string]string{"pushing.json": `{"started":"2001-01-01T00:00:00Z","after":7,"up_to":9}`, "unfinished.tape": "old", "ledger.db-wal": "old"} {
			check(t, os.WriteFile(filepath.Join(stale, name), []byte(text), 0o600))
		}
		_, _, endB := h.node("b")
		time.Sleep(time.Second)
		if read("b") != read("a") {
			t.Errorf("b has %q", read("b"))
		}
		for _, name := range []string{"pushing.json", "unfinished.tape", "ledger.db-wal"} {
			if _, err := os.Stat(filepath.Join(stale, name)); err == nil {
				t.Errorf("%s is there still", name)
			}
		}
		check(t, endB())
	})
}

// A damaged archive is not taken over by halves: the client says why.
func TestTakeOverDamaged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.mapping("m", "pushed only")
		_, _, endA := h.node("a")
		h.push("m", "one")
		time.Sleep(time.Second)
		check(t, endA())
		all, err := h.engine.List(t.Context(), engine.State, "chunk.")
		check(t, err)
		_, err = h.engine.Put(t.Context(), engine.State, all[0].Name, all[0].Value[:len(all[0].Value)-9], all[0].Revision)
		check(t, err)
		b, _, endB := h.node("b")
		time.Sleep(time.Second)
		if c := h.client(b, "m.yaml"); c.State != Ill || !strings.Contains(c.Why, "take over the state that node a kept: the archive is damaged") {
			t.Errorf("it is %s: %s", c.State, c.Why)
		}
		check(t, endB())
		if _, err := os.Stat(filepath.Join(h.dir, "b", "m.yaml", "pushed.json")); err == nil {
			t.Error("some of it was taken over")
		}
	})
}

// A folder that is not the same everywhere is said by all, as long as it is so.
func TestFoldersDiffer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.mapping("m", "pushed only")
		a, _, endA := h.node("a")
		time.Sleep(5 * time.Second)
		other := newHouse(t)
		other.engine = h.engine
		other.mapping("m", "pushed only, and newer")
		b, _, endB := other.node("b")
		time.Sleep(30 * time.Second)
		for _, s := range []*Service{a, b} {
			if c := h.client(s, "m.yaml"); c.State != Wrong || c.Why != "node b has it in another version than node a, which runs it" {
				t.Errorf("it is %s: %s", c.State, c.Why)
			}
		}
		other.mapping("m", "pushed only")
		time.Sleep(30 * time.Second)
		if c := other.client(b, "m.yaml"); c.State != Healthy {
			t.Errorf("it is %s: %s", c.State, c.Why)
		}
		check(t, endA())
		check(t, endB())
	})
}
