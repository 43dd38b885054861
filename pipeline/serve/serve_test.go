package serve

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"pipeline/pipeline/serve/engine"
	"pipeline/pipeline/serve/enginetest"
)

var errRefused = errors.New("the token was refused")

// A new mapping runs at its next time, and what was missed is caught up once.
func TestSchedule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // it begins at midnight
		h := newHouse(t)
		h.mapping("a", "hourly")
		h.mapping("b", "reconciled")
		h.mapping("by-hand", "")
		_, end := h.serve(nil)
		time.Sleep(2*time.Hour + time.Minute)
		if err := end(); err != nil {
			t.Error(err)
		}
		h.set(func() { slices.Sort(h.runs) })
		h.assert("runs", []string{"a at 1h0m0s", "a at 2h0m0s", "b at 1h0m0s", "b at 1h20m0s", "b at 1h40m0s", "b at 20m0s", "b at 2h0m0s", "b at 40m0s"}, &h.runs)

		time.Sleep(5*time.Hour + 30*time.Minute)
		s, end := h.serve(nil)
		time.Sleep(time.Minute)
		h.set(func() { slices.Sort(h.runs) })
		h.assert("what was missed", []string{"a at 7h31m0s", "b at 7h31m0s"}, &h.runs)
		time.Sleep(time.Hour - 5*time.Minute)
		h.assert("then as ever", []string{"b at 7h51m0s", "a at 8h0m0s", "b at 8h11m0s"}, &h.runs)
		if err := s.Start(t.Context(), "by-hand"); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Second)
		h.assert("asked for", []string{"by-hand at 8h27m0s"}, &h.runs)
		if err := s.Start(t.Context(), "nobody"); !errors.Is(err, ErrNoMapping) {
			t.Error(err)
		}
		if err := end(); err != nil {
			t.Error(err)
		}
	})
}

// The clock of a machine may be set. No time is run twice, and none is waited for
// that a wrong clock has made up.
func TestClockThatJumps(t *testing.T) {
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	at := func(offset string) time.Time {
		d, err := time.ParseDuration(offset)
		if err != nil {
			t.Fatal(err)
		}
		return noon.Add(d)
	}
	for _, test := range []struct{ name, last, now, due, tick string }{
		{"it is not time yet", "0s", "59m", "1h", "1h"},
		{"it is time", "0s", "1h", "1h", "1h"},
		{"forward over many: once, for the newest", "0s", "100h30m", "1h", "100h"},
		{"forward by ten years", "0s", "87600h", "1h", "87600h"},
		{"back by an hour: it has run at that time already", "2h", "1h1m", "3h", "3h"},
		{"back from a clock that was years ahead: as if it were new", "87600h", "30m", "1h", "1h"},
	} {
		c := &cursor[ran]{engine: enginetest.NewMemory(), bucket: engine.Cursors, name: "schedule.a"}
		if err := errors.Join(c.load(t.Context()), c.save(t.Context(), ran{Last: at(test.last), Of: hourly{}.String()})); err != nil {
			t.Fatal(err)
		}
		last, err := lastOf(t.Context(), c, hourly{}, at(test.now))
		if err != nil {
			t.Fatal(err)
		}
		if due, tick := next(hourly{}, last, at(test.now)); !due.Equal(at(test.due)) || !tick.Equal(at(test.tick)) {
			t.Errorf("%s: due %v for %v, want %s and %s", test.name, due.Sub(noon), tick.Sub(noon), test.due, test.tick)
		}
	}
}

// What is pushed is mapped within a moment, pushes that come together in one run,
// and each once, whatever happens in between.
func TestPushes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.mapping("a", "pushed only")
		h.push("a", "before")
		s, end := h.serve(nil)
		time.Sleep(time.Second)
		h.assert("rows", []string{"a before"}, &h.rows)
		for i := range 4 {
			h.push("a", fmt.Sprint(i))
			time.Sleep(50 * time.Millisecond)
		}
		time.Sleep(200 * time.Millisecond)
		h.assert("rows", []string{"a 0", "a 1", "a 2", "a 3"}, &h.rows)
		h.assert("runs", []string{"a at 0s", "a at 1s"}, &h.runs)
		if entry, err := h.engine.Get(t.Context(), engine.Cursors, "pushed.a"); err != nil || string(entry.Value) != `{"log":"inbox","seq":5}` {
			t.Errorf("the cursor is %s, %v", entry.Value, err)
		}
		if err := s.Pause(t.Context(), "a"); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Second)
		h.push("a", "paused")
		time.Sleep(time.Second)
		h.assert("rows of a client that is paused", nil, &h.rows)
		if c := h.client(s, "a.yaml"); c.State != Paused || c.Pushes != 1 {
			t.Errorf("it is %s, with %d pushes", c.State, c.Pushes)
		}
		if err := s.Resume(t.Context(), "a"); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Second)
		h.assert("rows", []string{"a paused"}, &h.rows)
		if err := s.Start(t.Context(), "a"); err == nil || err.Error() != "a cannot be pulled: it is pushed to, and each push is mapped when it comes" {
			t.Error(err)
		}
		if err := end(); err != nil {
			t.Error(err)
		}
		h.push("a", "after")
		_, end = h.serve(nil)
		time.Sleep(time.Second)
		h.assert("rows after the next start", []string{"a after"}, &h.rows)

		// Without its state folder, the engine says where it was.
		if err := errors.Join(end(), os.RemoveAll(filepath.Join(h.dir, ".pipeline"))); err != nil {
			t.Error(err)
		}
		h.push("a", "last")
		_, end = h.serve(nil)
		time.Sleep(time.Second)
		h.assert("rows without a state folder", []string{"a last"}, &h.rows)
		_ = end()
	})
}

// A file is taken when it is whole, a wrong one leaves the one before, and one that
// is gone ends its mapping.
func TestFolder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		s, end := h.serve(nil)
		time.Sleep(time.Second)
		if got := s.Clients(t.Context()); len(got) > 0 {
			t.Errorf("%v", got)
		}
		h.mapping("a", "pushed")
		h.write(".#b.yaml", "an editor's")
		h.write("notes.txt", "nothing to do with it")
		time.Sleep(10 * time.Second)
		h.assert("events", []string{"mapping-loaded a"}, &h.events)

		// An editor that writes piece by piece.
		whole := "version: 1\nsource: {test: {path: /hooks/0123456789abcdef0123456789abcdef}}\nfields: {id: upper(string(id))}\nsinks: [memory: ]\n# pushed\n"
		for n := 20; n <= len(whole); n += 10 {
			h.write("a.yaml", whole[:n])
			time.Sleep(time.Second)
		}
		h.write("a.yaml", whole)
		time.Sleep(10 * time.Second)
		h.push("a", "x")
		time.Sleep(time.Second)
		h.assert("rows", []string{"a X"}, &h.rows)
		h.assert("events", []string{"mapping-loaded a", "run-started a", "run-ended a done"}, &h.events)

		// Saved in two steps, by way of another name, and nothing changed.
		from, to := filepath.Join(h.dir, "a.yaml"), filepath.Join(h.dir, "a.yaml~")
		check(t, os.Rename(from, to))
		time.Sleep(time.Second)
		check(t, os.Rename(to, from))
		time.Sleep(10 * time.Second)
		h.assert("events", nil, &h.events)

		// Wrong: what was there runs on.
		h.write("a.yaml", strings.Replace(whole, "upper", "uper", 1))
		time.Sleep(10 * time.Second)
		h.push("a", "y")
		time.Sleep(time.Second)
		h.assert("rows", []string{"a Y"}, &h.rows)
		h.assert("events", []string{"mapping-wrong a", "run-started a", "run-ended a done"}, &h.events)
		c := h.client(s, "a.yaml")
		if c.State != Wrong || c.Name != "a" || !strings.HasPrefix(c.Why, "3:14: unknown function \"uper\"") || !c.Diags.HasErrors() {
			t.Errorf("%s: %s", c.State, c.Why)
		}
		h.write("a.yaml", whole)
		time.Sleep(10 * time.Second)
		if c := h.client(s, "a.yaml"); c.State != Healthy {
			t.Errorf("mended, it is %s: %s", c.State, c.Why)
		}
		h.assert("events", []string{"mapping-loaded a"}, &h.events)

		h.write("c.yaml", "version: 2")
		check(t, os.Remove(from))
		time.Sleep(10 * time.Second)
		h.push("a", "z")
		time.Sleep(time.Second)
		h.assert("rows of a mapping that is gone", nil, &h.rows)
		if all := s.Clients(t.Context()); len(all) != 1 || all[0].State != Wrong || all[0].Name != "" {
			t.Errorf("%+v", all)
		}
		_ = end()
	})
}

// A mapping that is deleted while it runs comes to its end, and another one of its
// name waits for it.
func TestDeletedWhileItRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.mapping("a", "hourly")
		h.source = func(ctx context.Context) error { return pause(ctx, 10*time.Minute) }
		_, end := h.serve(nil)
		time.Sleep(time.Hour + time.Minute)
		check(t, os.Rename(filepath.Join(h.dir, "a.yaml"), filepath.Join(h.dir, "b.yaml")))
		h.write("b.yaml", "version: 1\nname: a\nsource: {test: {path: /hooks/0123456789abcdef0123456789abcdef}}\nfields: {id: id}\nsinks: [memory: ]\n# reconciled\n")
		time.Sleep(5 * time.Minute)
		h.assert("rows", nil, &h.rows)
		time.Sleep(5 * time.Minute)
		h.assert("rows", []string{"a pulled"}, &h.rows)
		time.Sleep(time.Hour)
		h.assert("runs", []string{"a at 1h0m0s", "a at 1h30m0s", "a at 1h50m0s", "a at 2h10m0s"}, &h.runs)
		_ = end()
	})
}

// What fails is tried again, ever more slowly, and is well after one good run.
func TestFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.mapping("a", "hourly")
		down := errors.New("the platform is down")
		h.source = func(context.Context) error { return down }
		s, end := h.serve(nil)
		time.Sleep(time.Hour + 30*time.Minute)
		h.assert("runs", []string{"a at 1h0m0s", "a at 1h0m10s", "a at 1h0m30s", "a at 1h1m10s", "a at 1h2m30s", "a at 1h5m10s", "a at 1h10m30s", "a at 1h21m10s"}, &h.runs)
		if c := h.client(s, "a.yaml"); c.State != Ill || c.Why != down.Error() || c.Next != "mend it" || c.Last.Result != Failed || c.Retry.IsZero() {
			t.Errorf("it is %+v", c)
		}
		h.set(func() { h.source = nil })
		time.Sleep(20 * time.Minute)
		h.assert("runs", []string{"a at 1h36m10s"}, &h.runs)
		if c := h.client(s, "a.yaml"); c.State != Healthy || c.Last.Result != Done {
			t.Errorf("it is %+v", c)
		}
		time.Sleep(20 * time.Minute)
		h.assert("the next time", []string{"a at 2h0m0s"}, &h.runs)
		_ = end()
	})
}

// Without another token no call is of use, and none is made.
func TestTokenRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.mapping("a", "hourly")
		h.refused = "first"
		s, end := h.serve(nil)
		time.Sleep(5 * time.Hour)
		h.assert("runs", []string{"a at 1h0m0s"}, &h.runs)
		if c := h.client(s, "a.yaml"); c.State != Ill || c.Why != errRefused.Error() {
			t.Errorf("it is %s: %s", c.State, c.Why)
		}
		h.assert("events", []string{"mapping-loaded a", "run-started a", "run-ended a failed", "token-refused a"}, &h.events)
		h.set(func() { h.token = "second" })
		time.Sleep(time.Minute)
		if c := h.client(s, "a.yaml"); c.State != Healthy || h.begun() != 1 {
			t.Errorf("it is %s: %s", c.State, c.Why)
		}
		_ = end()
	})
}

// So many run beside each other, whoever came first goes first, and who waits for
// long is late.
func TestConcurrency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		most := 0
		h.source = func(ctx context.Context) error {
			h.mu.Lock()
			n := 0
			for _, one := range h.now {
				n += one
			}
			most = max(most, n)
			h.mu.Unlock()
			return pause(ctx, 10*time.Minute)
		}
		for i := range 9 {
			h.mapping(fmt.Sprint("m", i), "hourly")
		}
		h.mapping("p", "pushed only")
		s, end := h.serve(func(c *Config) { c.Concurrency = 3 })
		time.Sleep(time.Hour + 5*time.Minute)
		states := map[State]int{}
		for _, c := range s.Clients(t.Context()) {
			states[c.State]++
		}
		if diff := cmp.Diff(map[State]int{Running: 3, Late: 6, Healthy: 1}, states); diff != "" {
			t.Error(diff)
		}
		h.push("p", "x") // does not wait for pulls
		time.Sleep(time.Second)
		h.assert("rows", []string{"p x"}, &h.rows)
		time.Sleep(50 * time.Minute)
		_ = end()
		if most != 3 || len(h.runs) != 10 {
			t.Errorf("%d ran at once, %d in all", most, len(h.runs))
		}
	})
}

// Serve ends when its runs have ended the page that they are at, hooks are refused
// meanwhile, and what takes too long is cut off.
func TestDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.mapping("a", "hourly")
		h.mapping("b", "pushed only")
		h.source = func(ctx context.Context) error { return pause(ctx, 10*time.Minute) } // ends soon when it is asked to
		s, end := h.serve(nil)
		handler := s.Handler(Handlers{Hooks: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusAccepted) })})
		get := func(path string) string {
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
			return fmt.Sprint(w.Code, " ", strings.TrimSpace(w.Body.String()))
		}
		time.Sleep(time.Hour + time.Minute)
		for path, want := range map[string]string{"/healthz": "200 ok", "/readyz": "200 ready", "/hooks/x": "202 ", "/metrics": "404 404 page not found", "/": "404 404 page not found", "/elsewhere": "404 404 page not found"} {
			if got := get(path); got != want {
				t.Errorf("%s: %s, want %s", path, got, want)
			}
		}
		began := time.Now()
		if err := end(); err != nil || time.Since(began) > time.Second {
			t.Errorf("it ended after %v: %v", time.Since(began), err)
		}
		h.assert("rows", nil, &h.rows)
		h.assert("runs", []string{"a at 1h0m0s"}, &h.runs)
		for path, want := range map[string]string{"/healthz": "200 ok", "/readyz": "503 stopping", "/hooks/x": "503 stopping"} {
			if got := get(path); got != want {
				t.Errorf("%s: %s, want %s", path, got, want)
			}
		}
		// The stopped run is due still.
		h.source = nil
		_, end = h.serve(nil)
		time.Sleep(time.Second)
		h.assert("rows", []string{"a pulled"}, &h.rows)
		_ = end()

		// A run that does not want to end: it is cut off after five seconds, and the
		// process does not end before it has.
		h.source = func(ctx context.Context) error { time.Sleep(20 * time.Second); return ctx.Err() }
		_, end = h.serve(func(c *Config) { c.Drain = 5 * time.Second })
		time.Sleep(time.Until(time.Now().Truncate(time.Hour).Add(time.Hour + 10*time.Second)))
		began = time.Now()
		if err := end(); !errors.Is(err, ErrCut) || time.Since(began) != 10*time.Second {
			t.Errorf("it ended after %v: %v", time.Since(began), err)
		}
	})
}

// Two nodes share the work: no two runs of a mapping, one takes over from the other,
// and what was done is not done again.
func TestTwoNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		for i := range 4 {
			h.mapping(fmt.Sprint("m", i), "hourly reconciled")
		}
		h.source = func(ctx context.Context) error { return pause(ctx, 3*time.Minute) }
		node := func(name string) (*Service, func() error) {
			return h.serve(func(c *Config) { c.Alone, c.Node = false, name })
		}
		a, endA := node("a")
		time.Sleep(time.Minute)
		b, endB := node("b")
		time.Sleep(3 * time.Hour)
		works := func(s *Service) (n int) {
			for _, c := range s.Clients(t.Context()) {
				if c.Here {
					n++
				}
			}
			return n
		}
		if works(a) != 4 || works(b) != 0 {
			t.Errorf("%d and %d are worked for", works(a), works(b))
		}
		for _, s := range []*Service{a, b} { // whoever is asked
			if c := h.client(s, "m0.yaml"); c.State != Running || c.Running == "" || c.Node != "a" || c.Last == nil || c.Last.Result != Done {
				t.Errorf("it is %+v", c)
			}
		}
		before := h.begun()
		if err := endA(); err != nil {
			t.Error(err)
		}
		time.Sleep(5 * time.Second)
		if works(b) != 4 {
			t.Errorf("%d are worked for", works(b))
		}
		time.Sleep(3 * time.Hour)
		_ = endB()
		// Every hour one by schedule, and two to reconcile between them.
		if after := len(h.runs) - before; before < 4*7 || before > 4*10 || after < 4*7 || after > 4*10 {
			t.Errorf("%d and %d runs", before, after)
		}
	})
}
