package serve_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pipeline/pipeline"
)

// move exports the state of g and imports it on another machine, over what other has.
func (g *told) move(other *told) *pipeline.Import {
	g.t.Helper()
	var archive bytes.Buffer
	check(g.t, g.plan.Export(g.t.Context(), g.state(), false, &archive))
	release, err := pipeline.HoldState(other.state())
	check(g.t, err)
	i, err := other.plan.OpenImport(g.t.Context(), other.state(), &archive)
	check(g.t, err)
	check(g.t, i.Commit())
	check(g.t, release())
	other.now = g.now
	return i
}

func (g *told) state() string { return filepath.Join(g.dir, "state") }

// files are those of the state folder but the lock, by name.
func (g *told) files() string {
	entries, err := os.ReadDir(g.state())
	check(g.t, err)
	var names []string
	for _, e := range entries {
		if e.Name() != "lock" {
			names = append(names, e.Name())
		}
	}
	return strings.Join(names, " ")
}

// A mapping that is moved with its store maps nothing twice and knows what is late.
func TestMovedWithItsStore(t *testing.T) {
	a := newTold(t)
	a.store = "one"
	a.push(registration("a", 1, "A1"), registration("b", 5, "B5"))

	b := newTold(t)
	b.store = "one"
	i := a.move(b)
	if i.Pushed == nil || i.Pushed.Seq != 2 || i.Pushed.Ran == nil || i.Versions == nil || i.Versions.Records != 2 {
		t.Errorf("the archive has %+v, %+v", i.Pushed, i.Versions)
	}
	if got := b.files(); got != "pushed.json versions.db" {
		t.Errorf("there are %s", got)
	}
	inbox, err := os.ReadFile(filepath.Join(a.dir, "inbox"))
	check(t, err)
	check(t, os.WriteFile(filepath.Join(b.dir, "inbox"), inbox, 0o600))
	got := b.push(registration("b", 3, "B3"), registration("c", 1, "C1"))
	b.assert("one is late and one is new", got, pipeline.Report{Read: 2, Written: 1, Filtered: 1, Late: 1}, "c,C1")
}

// A store that the state does not come from has other pushes at the same places: all
// of them are new, but for those that were mapped from there before.
func TestMovedToAnotherStore(t *testing.T) {
	a := newTold(t)
	a.store = "one"
	a.push(registration("a", 1, "A1"), registration("b", 1, "B1"))

	b := newTold(t)
	b.store = "two"
	a.move(b)
	b.assert("its first push", b.push(registration("c", 1, "C1")), pipeline.Report{Read: 1, Written: 1}, "c,C1")
	if want := "this state was moved here from another store, whose pushes were mapped up to number 2; those of this store are mapped from number 1 on"; b.said != want {
		t.Errorf("it says %q", b.said)
	}

	c := newTold(t)
	c.store, c.after = "three", 2
	b.move(c)
	got := c.push(registration("x", 1, "X1"), registration("y", 1, "Y1"), registration("z", 1, "Z1"))
	c.assert("what that store knows to be mapped stays so", got, pipeline.Report{Read: 1, Written: 1}, "z,Z1")
}

// A run that was interrupted is gone on with where its pushes are, and nowhere else.
func TestMovedWhileInterrupted(t *testing.T) {
	a := newTold(t)
	a.store = "one"
	a.push(registration("a", 1, "A1"))
	going := `{"started": "2030-01-01T00:00:00Z", "after": 1, "up_to": 2, "store": "one"}`
	check(t, os.WriteFile(filepath.Join(a.state(), "pushing.json"), []byte(going), 0o600))

	b := newTold(t)
	b.store = "two"
	b.push(registration("z", 1, "Z1"))
	stale := `{"started": "2026-03-01T13:00:00Z", "after": 0, "up_to": 1, "store": "two"}` // of a run that came to its end
	check(t, os.WriteFile(filepath.Join(b.state(), "pushing.json"), []byte(stale), 0o600))
	if i := a.move(b); i.Pushed == nil || i.Pushed.Interrupted != 2 {
		t.Errorf("the archive has %+v", i.Pushed)
	}
	_, err := b.plan.Run(t.Context(), b.options(true))
	if err == nil || !strings.HasPrefix(err.Error(), "a run of the pushes up to number 2 was interrupted, and they are in another store than this one") {
		t.Errorf("%v", err)
	}
	if _, err := pipeline.HoldState(b.state()); err == nil || !strings.Contains(err.Error(), "a run of what was pushed was interrupted: it goes on first") {
		t.Errorf("%v", err)
	}

	c := newTold(t)
	c.store = "one"
	check(t, os.WriteFile(filepath.Join(c.dir, "inbox"), []byte(registration("a", 1, "A1")+"\n"+registration("b", 2, "B2")+"\n"), 0o600))
	a.move(c)
	c.assert("its store came along", c.run(true), pipeline.Report{Read: 1, Written: 1}, "b,B2")
	if got := c.files(); got != "pushed.json versions.db" {
		t.Errorf("there are %s", got)
	}
}

// An archive replaces what is there whole: a note of the run before is not taken for one
// of the state that takes its place.
func TestImportReplacesThePlace(t *testing.T) {
	a, b := newTold(t), newTold(t)
	a.push(registration("a", 1, "A1"))
	b.push(registration("a", 1, "A1"))
	check(t, os.WriteFile(filepath.Join(b.state(), "pushing.json"), []byte(`{"started": "2026-03-01T13:00:00Z", "after": 0, "up_to": 1}`), 0o600))
	a.now = a.now.AddDate(0, 0, 1)
	a.push(registration("b", 1, "B1"))
	a.move(b)
	if going, err := pipeline.PushInterrupted(b.state()); going || err != nil {
		t.Errorf("interrupted: %v, %v", going, err)
	}
}

// Without the versions what comes late is taken for new, and a pull sets it right.
func TestPurgedVersions(t *testing.T) {
	g := newTold(t)
	g.push(registration("a", 5, "A5"))
	bytes, err := pipeline.Purge(g.state(), false)
	if err != nil || bytes == 0 || g.files() != "pushed.json" {
		t.Fatalf("%d bytes, %v, %s", bytes, err, g.files())
	}
	g.assert("one that comes late", g.push(registration("a", 3, "A3")), pipeline.Report{Read: 1, Written: 1}, "a,A3")
	g.list = []string{registration("a", 5, "A5")}
	g.assert("a pull", g.run(false), pipeline.Report{Read: 1, Written: 1}, "a,A5")
	if known, err := pipeline.PushPlaceIn(g.state()); err != nil || known.Seq != 2 {
		t.Errorf("%+v, %v", known, err)
	}
	kept, err := g.plan.Kept(context.Background(), g.state(), g.dir)
	if err != nil || kept.Versions == nil || kept.Versions.Records != 1 || kept.Pushed.Seq != 2 {
		t.Errorf("%+v, %v", kept, err)
	}
}
