package enginetest

// values.go: what engine.Engine promises of values that are compared and set.

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"pipeline/pipeline/serve/engine"
)

func (s suite) put(t *testing.T, name, value string, revision uint64) uint64 {
	t.Helper()
	r, err := s.e.Put(background(t), engine.Cursors, name, []byte(value), revision)
	if err != nil || r == 0 || r == revision {
		t.Fatalf("put %s over %d: %d, %v", name, revision, r, err)
	}
	return r
}

func (s suite) compareAndSet(t *testing.T) {
	ctx, name := background(t), topic(t)
	if _, err := s.e.Get(ctx, engine.Cursors, name); !errors.Is(err, engine.ErrNoValue) {
		t.Errorf("get of nothing: %v", err)
	}
	if _, err := s.e.Put(ctx, engine.Cursors, name, nil, 7); !errors.Is(err, engine.ErrConflict) {
		t.Errorf("put over what is not there: %v", err)
	}
	first := s.put(t, name, "one", 0)
	if _, err := s.e.Put(ctx, engine.Cursors, name, nil, 0); !errors.Is(err, engine.ErrConflict) {
		t.Errorf("created twice: %v", err)
	}
	second := s.put(t, name, "two", first)
	if _, err := s.e.Put(ctx, engine.Cursors, name, nil, first); !errors.Is(err, engine.ErrConflict) {
		t.Errorf("put over an old revision: %v", err)
	}
	want := engine.Entry{Name: name, Value: []byte("two"), Revision: second}
	if got, err := s.e.Get(ctx, engine.Cursors, name); err != nil || !equal(got, want) {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	if _, err := s.e.Get(ctx, engine.Limits, name); !errors.Is(err, engine.ErrNoValue) {
		t.Errorf("another bucket has it: %v", err)
	}
}

func equal(a, b engine.Entry) bool {
	return a.Name == b.Name && a.Revision == b.Revision && bytes.Equal(a.Value, b.Value)
}

// changeAgain changes values as soon as it is told that they were changed: nobody else
// does, so that there is nothing to be in conflict with.
func (s suite) changeAgain(t *testing.T) {
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			name, revision := fmt.Sprintf("%s.%d", topic(t), i), uint64(0)
			for n := range 250 {
				made, err := s.e.Put(background(t), engine.Cursors, name, nil, revision)
				if err != nil {
					t.Errorf("change %d: %v", n, err)
					return
				}
				revision = made
			}
		})
	}
	all.Wait()
}

func (s suite) remove(t *testing.T) {
	ctx, name := background(t), topic(t)
	first := s.put(t, name, "one", 0)
	second := s.put(t, name, "two", first)
	for _, wrong := range []uint64{0, first, second + 1000} {
		if err := s.e.Remove(ctx, engine.Cursors, name, wrong); !errors.Is(err, engine.ErrConflict) {
			t.Errorf("removed with revision %d: %v", wrong, err)
		}
	}
	if err := s.e.Remove(ctx, engine.Cursors, name, second); err != nil {
		t.Fatal(err)
	}
	if _, err := s.e.Get(ctx, engine.Cursors, name); !errors.Is(err, engine.ErrNoValue) {
		t.Errorf("get after remove: %v", err)
	}
	if err := s.e.Remove(ctx, engine.Cursors, name, second); !errors.Is(err, engine.ErrConflict) {
		t.Errorf("removed twice: %v", err)
	}
	if _, err := s.e.Put(ctx, engine.Cursors, name, nil, second); !errors.Is(err, engine.ErrConflict) {
		t.Errorf("put over what was removed: %v", err)
	}
	if again := s.put(t, name, "three", 0); again == first || again == second {
		t.Errorf("the revision %d came again", again)
	}
}

func (s suite) list(t *testing.T) {
	ctx := background(t)
	names := []string{"b", "a.2", "a.1", "a", "a-1", "ab", "A.1"}
	for _, name := range names {
		s.put(t, topic(t)+"."+name, name, 0)
	}
	gone := s.put(t, topic(t)+".a.3", "", 0)
	if err := s.e.Remove(ctx, engine.Cursors, topic(t)+".a.3", gone); err != nil {
		t.Fatal(err)
	}
	all, err := s.e.List(ctx, engine.Cursors, topic(t)+".a")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range all {
		if e.Revision == 0 || topic(t)+"."+string(e.Value) != e.Name {
			t.Errorf("listed %+v", e)
		}
		got = append(got, string(e.Value))
	}
	if want := []string{"a", "a-1", "a.1", "a.2", "ab"}; !slices.Equal(got, want) {
		t.Errorf("listed %q, want %q", got, want)
	}
	if none, err := s.e.List(ctx, engine.Cursors, topic(t)+".none"); len(none) != 0 || err != nil {
		t.Errorf("listed %v, %v", none, err)
	}
}

func (s suite) names(t *testing.T) {
	for _, name := range []string{".", "..", ".a", "a.", "a..b", "-", "_", strings.Repeat("n", 200)} {
		r := s.put(t, topic(t)+name, name, 0)
		got, err := s.e.Get(background(t), engine.Cursors, topic(t)+name)
		if err != nil || !equal(got, engine.Entry{Name: topic(t) + name, Value: []byte(name), Revision: r}) {
			t.Errorf("%q: %+v, %v", name, got, err)
		}
		s.append(t, engine.Inbox, topic(t)+name, engine.Message{ID: name})
		if all := s.read(t, engine.Inbox, topic(t)+name, 0); len(all) != 1 || all[0].Topic != topic(t)+name {
			t.Errorf("%q: read %+v", name, all)
		}
	}
}

func (s suite) bounds(t *testing.T) {
	ctx := background(t)
	for what, m := range map[string]engine.Message{
		"body":   {ID: "a", Body: make([]byte, engine.MaxBody+1)},
		"header": {ID: "a", Header: map[string]string{"a": strings.Repeat("\xff", engine.MaxHeader)}},
		"id":     {ID: strings.Repeat("a", engine.MaxHeader+1)},
	} {
		if _, err := s.e.Append(ctx, engine.Inbox, topic(t), m); !errors.Is(err, engine.ErrTooLarge) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := s.e.Put(ctx, engine.State, topic(t), make([]byte, engine.MaxValue+1), 0); !errors.Is(err, engine.ErrTooLarge) {
		t.Errorf("value: %v", err)
	}
	if last, err := s.e.Last(ctx, engine.Inbox, topic(t)); last != 0 || err != nil {
		t.Errorf("something was stored at %d, %v", last, err)
	}
	s.append(t, engine.Inbox, topic(t), engine.Message{
		ID: "b", Header: map[string]string{"a": strings.Repeat("\xff", engine.MaxHeader-2)}, Body: make([]byte, engine.MaxBody),
	})
	if _, err := s.e.Put(ctx, engine.State, topic(t), make([]byte, engine.MaxValue), 0); err != nil {
		t.Errorf("the largest value: %v", err)
	}
}

func (s suite) nameless(t *testing.T) {
	ctx := background(t)
	if _, err := s.e.Append(ctx, engine.Inbox, topic(t), engine.Message{}); err == nil {
		t.Error("a message without an ID was stored")
	}
	if _, err := s.e.Append(ctx, engine.Events, "", engine.Message{ID: "a"}); err == nil {
		t.Error("a message without a topic was stored")
	}
	if _, err := s.e.Append(ctx, "nolog", "a", engine.Message{ID: "a"}); err == nil {
		t.Error("there is no such log")
	}
	if _, err := s.e.Put(ctx, engine.Cursors, "", nil, 0); err == nil {
		t.Error("a value without a name was stored")
	}
	if _, err := s.e.Put(ctx, "nobucket", "a", nil, 0); err == nil {
		t.Error("there is no such bucket")
	}
}

// counters has several count up one value: no step may be lost or made twice.
func (s suite) counters(t *testing.T) {
	const counters, steps = 6, 15
	var wg sync.WaitGroup
	for range counters {
		wg.Go(func() {
			for done := 0; done < steps; {
				e, err := s.e.Get(background(t), engine.Limits, topic(t))
				if err != nil && !errors.Is(err, engine.ErrNoValue) {
					t.Error(err)
					return
				}
				var n int
				_, _ = fmt.Sscan(string(e.Value), &n)
				switch _, err := s.e.Put(background(t), engine.Limits, topic(t), fmt.Append(nil, n+1), e.Revision); {
				case err == nil:
					done++
				case !errors.Is(err, engine.ErrConflict):
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	e, err := s.e.Get(background(t), engine.Limits, topic(t))
	if string(e.Value) != fmt.Sprint(counters*steps) || err != nil {
		t.Errorf("counted to %s, %v, want %d", e.Value, err, counters*steps)
	}
}

// model compares values with a map, over random steps.
func (s suite) model(t *testing.T) {
	base, run := topic(t), 0
	rapid.Check(t, func(rt *rapid.T) {
		run++
		want := map[string]engine.Entry{}
		prefix := fmt.Sprintf("%s.%d.", base, run)
		ctx := background(t)
		name := rapid.Map(rapid.SampledFrom([]string{"a", "b", "b.c"}), func(n string) string { return prefix + n })
		revision := func(name string) uint64 {
			return want[name].Revision + rapid.SampledFrom([]uint64{0, 0, 0, 1, 1000}).Draw(rt, "off by")
		}
		for range rapid.IntRange(1, 8).Draw(rt, "steps") {
			n := name.Draw(rt, "name")
			rev := revision(n)
			if rapid.Bool().Draw(rt, "put") {
				value := rapid.SliceOfN(rapid.Byte(), 0, 20).Draw(rt, "value")
				made, err := s.e.Put(ctx, engine.State, n, value, rev)
				if ok := rev == want[n].Revision; ok != (err == nil) || !ok && !errors.Is(err, engine.ErrConflict) {
					rt.Fatalf("put %s over %d: %v, have %+v", n, rev, err, want[n])
				}
				if err == nil {
					want[n] = engine.Entry{Name: n, Value: value, Revision: made}
				}
				continue
			}
			err := s.e.Remove(ctx, engine.State, n, rev)
			if ok := rev == want[n].Revision && rev != 0; ok != (err == nil) || !ok && !errors.Is(err, engine.ErrConflict) {
				rt.Fatalf("remove %s at %d: %v, have %+v", n, rev, err, want[n])
			}
			if err == nil {
				delete(want, n)
			}
		}
		got, err := s.e.List(ctx, engine.State, prefix)
		if err != nil {
			rt.Fatal(err)
		}
		if sorted := slices.SortedFunc(maps.Values(want), func(a, b engine.Entry) int { return strings.Compare(a.Name, b.Name) }); !slices.EqualFunc(got, sorted, equal) {
			rt.Fatalf("listed %+v, want %+v", got, sorted)
		}
	})
}
