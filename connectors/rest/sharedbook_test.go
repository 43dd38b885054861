package rest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"pipeline/pipeline"
)

// callerVariable makes the test binary a process that does nothing but call the
// server of that address.
const callerVariable = "REST_TEST_CALLS"

func TestMain(m *testing.M) {
	if server := os.Getenv(callerVariable); server != "" {
		callForever(server, os.Getenv("XDG_STATE_HOME"))
		return
	}
	os.Exit(m.Run())
}

const shopFast = `name: shop
base_url: https://shop.example
options: {event: {required: true}}
limit: {rate: 20/s, concurrency: 4}
streams:
  people: {path: "/{event}/people", key: id, detail: "/{event}/people/{id}"}
`

// callForever reads the same list again and again. Its parent ends it.
func callForever(server, state string) {
	e := New()
	e.ShareLimits(LimitsFolder)
	c, _ := e.Declare("shop.yaml", []byte(shopFast), nil)
	for {
		s, err := c.Open(context.Background(), pipeline.SourceConfig{
			Options: pipeline.Options{"event": fmt.Sprint(os.Getpid()), "base_url": server}, Limit: c.Limit, World: &pipeline.World{},
		})
		if err == nil {
			err = s.Read(context.Background(), "", func(*pipeline.Page) error { return nil })
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, state, err)
			os.Exit(1)
		}
	}
}

// Three processes call one server, and are killed and started again as it
// happens. The server's own log proves that no window has more calls than the
// limit.
func TestLimitHoldsOverProcesses(t *testing.T) {
	if testing.Short() {
		t.Skip("takes some seconds")
	}
	seen, who := &arrivals{}, map[string]int{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen.add()
		time.Sleep(time.Duration(rand.IntN(60)) * time.Millisecond)
		pid, id, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/people")
		seen.mu.Lock()
		who[pid]++
		seen.mu.Unlock()
		if id == "" {
			_, _ = io.WriteString(w, list(1, 50))
			return
		}
		_, _ = fmt.Fprintf(w, `{"id":%q}`, id)
	}))
	defer server.Close()
	state := t.TempDir()
	var killed atomic.Int32
	enough := func() bool {
		seen.mu.Lock()
		defer seen.mu.Unlock()
		return len(seen.times) >= 80 && len(who) >= 4 && killed.Load() >= 8
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute) // a busy machine takes long to start them
	defer cancel()
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for ctx.Err() == nil && !enough() {
				life, cancel := context.WithTimeout(ctx, time.Duration(200+rand.IntN(1500))*time.Millisecond)
				cmd := exec.CommandContext(life, os.Args[0]) // is killed when its life is over
				cmd.Env = append(os.Environ(), callerVariable+"="+server.URL, "XDG_STATE_HOME="+state)
				out, err := cmd.CombinedOutput()
				if life.Err() == nil {
					t.Errorf("a process ended by itself: %v %s", err, out)
				}
				cancel()
				killed.Add(1)
			}
		})
	}
	wg.Wait()
	server.Close() // waits for what a killed process asked: its call still counts
	if most := seen.most(time.Second); most > 20 {
		t.Errorf("%d calls in a second, the limit is 20", most)
	}
	if !enough() {
		t.Errorf("%d calls of %d processes, %d of which were killed: that proves little", len(seen.times), len(who), killed.Load())
	}
	t.Logf("%d calls of %d processes, %d killed, at most %d in a second", len(seen.times), len(who), killed.Load(), seen.most(time.Second))
}

// books are shared books over one folder, as two processes have them.
func books(t *testing.T) (dir string, a, b *sharedBook) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "state", "limits")
	find := func() (string, error) { return dir, nil }
	key := budgetKey{"shop", "https://shop.example", "acme"}
	return dir, newSharedBook(&callsFolder{find: find}, key), newSharedBook(&callsFolder{find: find}, key)
}

var twoAMinute = []pipeline.Limit{{Rate: pipeline.Rate{Calls: 2, Per: time.Minute}}}

// book books a call, or says in how long to ask again.
func (b *sharedBook) book(t *testing.T, limits []pipeline.Limit) (s slot, wait time.Duration) {
	t.Helper()
	now := time.Now()
	s, ok, again, err := b.reserve(t.Context(), now, limits)
	switch {
	case err != nil:
		t.Fatal(err)
	case ok:
		return s, 0
	case again.IsZero():
		return 0, -1
	}
	return 0, again.Sub(now)
}

func TestSharedBook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, a, b := books(t)
		first, _ := a.book(t, twoAMinute)
		second, _ := b.book(t, twoAMinute)
		if first == 0 || second == 0 || first == second {
			t.Fatalf("got slots %d and %d", first, second)
		}
		if _, wait := a.book(t, twoAMinute); wait != -1 {
			t.Errorf("got %v, expected to wait for an answer", wait)
		}
		time.Sleep(time.Second)
		if err := a.answered(first, time.Now()); err != nil {
			t.Fatal(err)
		}
		if _, wait := b.book(t, twoAMinute); wait != time.Minute+margin {
			t.Errorf("got %v, expected a window", wait)
		}
		time.Sleep(time.Minute + margin)
		if s, wait := b.book(t, twoAMinute); s == 0 {
			t.Errorf("a window later: got %v", wait)
		}
		if err := a.pause(time.Now().Add(90 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if _, wait := b.book(t, nil); wait != 90*time.Second {
			t.Errorf("got %v, expected that the pause is for all", wait)
		}
		if s, wait := a.book(t, []pipeline.Limit{{Concurrency: 2}}); s != 0 || wait != -1 {
			t.Errorf("got %d and %v, expected that two calls are in flight", s, wait)
		}
		if runtime.GOOS == "windows" {
			return
		}
		for path, want := range map[string]fs.FileMode{dir: 0o700 | fs.ModeDir, filepath.Join(dir, a.file): 0o600, filepath.Join(dir, "lock"): 0o600} {
			if info, err := os.Stat(path); err != nil || info.Mode() != want {
				t.Errorf("%s: %v %v, expected %v", path, info.Mode(), err, want)
			}
		}
	})
}

// keep puts a ring into the file of a book.
func (b *sharedBook) keep(t *testing.T, r *ring) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(b.folder.dir, b.file), r.encode(nil), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Whatever stands in the file, no more calls are made than if the limit had been
// used up at that moment.
func TestDamagedBook(t *testing.T) {
	_, a, _ := books(t)
	a.book(t, twoAMinute)
	whole := (&ring{times: []time.Time{time.Now()}}).encode(nil)
	for name, text := range map[string][]byte{
		"empty": {}, "half": whole[:len(whole)/2], "without its end": whole[:len(whole)-1], "another file": []byte("hello\n"),
		"no version": []byte(ringWord + "\n"), "a byte changed": append(bytes.Clone(whole[:len(whole)-1]), whole[len(whole)-1]+1),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dir, a, b := books(t)
				a.book(t, twoAMinute)
				if err := os.WriteFile(filepath.Join(dir, a.file), text, 0o600); err != nil {
					t.Fatal(err)
				}
				if s, wait := b.book(t, twoAMinute); s != 0 || wait != time.Minute+margin {
					t.Errorf("got %v, expected to wait a window", wait)
				}
				time.Sleep(30 * time.Second)
				if s, wait := a.book(t, twoAMinute); s != 0 || wait != 30*time.Second+margin {
					t.Errorf("got %v, expected to wait the rest of the window and no more", wait)
				}
				time.Sleep(30*time.Second + margin)
				if s, wait := a.book(t, twoAMinute); s == 0 {
					t.Errorf("got %v after a window", wait)
				}
			})
		})
	}
}

func TestNewerBook(t *testing.T) {
	dir, a, b := books(t)
	a.book(t, twoAMinute)
	path := filepath.Join(dir, a.file)
	if err := os.WriteFile(path, []byte(ringWord+"2\nwho knows"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, _, _, err := b.reserve(t.Context(), time.Now(), twoAMinute)
	want := "share the rate limit with other runs on this machine: " + path + " was written by a newer pipeline; update this one, or remove the file when no run is going on"
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != ringWord+"2\nwho knows" {
		t.Errorf("the file was changed to %q (%v)", text, err)
	}
}

// A clock that was set back by an hour makes nobody wait for an hour.
func TestClockSetBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, _ := books(t)
		a.book(t, nil)
		later := time.Now().Add(time.Hour)
		r := &ring{times: []time.Time{time.Now().Add(-time.Second), later, later.Add(time.Second)}, unknown: later, paused: later}
		a.keep(t, r)
		if s, wait := a.book(t, twoAMinute); s != 0 || wait != maxPatience {
			t.Errorf("got %v, expected the longest pause", wait)
		}
		time.Sleep(maxPatience)
		if s, wait := a.book(t, twoAMinute); s == 0 {
			t.Errorf("after the pause: got %v", wait)
		}
	})
}

// The call of a process that is gone may still be on its way, but not for long.
func TestDeadHolder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := books(t)
		a.book(t, nil)
		gone := func(n slot, holder string) *ring {
			return &ring{flights: []flight{{n, holder}}, times: []time.Time{time.Now()}, last: n}
		}
		for _, holder := range []string{"999999999 1 boot", "999999999", fmt.Sprint(os.Getpid()) + " 1 another-boot", "nobody", ""} {
			a.keep(t, gone(7, holder))
			if s, wait := b.book(t, twoAMinute); s != 0 || wait != time.Minute+margin {
				t.Errorf("%q: got %d and %v, expected a window from the call that was answered", holder, s, wait)
			}
			time.Sleep(time.Minute + margin)
			if s, _ := b.book(t, twoAMinute); s != 8 {
				t.Errorf("%q: got %d, expected the next slot", holder, s)
			}
			if _, wait := b.book(t, twoAMinute); wait != onItsWay {
				t.Errorf("%q: got %v, expected a window from a second after the death was noticed", holder, wait)
			}
		}
		a.keep(t, gone(7, self()))
		one := []pipeline.Limit{{Rate: pipeline.Rate{Calls: 1, Per: time.Minute}}}
		if _, wait := b.book(t, one); wait != -1 {
			t.Errorf("a process that lives: got %v", wait)
		}
	})
}

func TestProcessNames(t *testing.T) {
	if !alive(self()) {
		t.Error("this process is taken for dead")
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), callerVariable+"=http://127.0.0.1:1", "XDG_STATE_HOME="+t.TempDir())
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	name := strings.TrimSpace(fmt.Sprint(cmd.Process.Pid) + " " + birth(cmd.Process.Pid))
	if !alive(name) {
		t.Errorf("%s is taken for dead", name)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	if alive(name) {
		t.Errorf("%s is taken for alive", name)
	}
}

// Where the calls cannot be written down, none is made.
func TestBookWithoutFolder(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		find func() (string, error)
		want string
	}{
		{func() (string, error) { return filepath.Join(file, "limits"), nil }, "share the rate limit with other runs on this machine: mkdir " + file + ": not a directory; set XDG_STATE_HOME to a folder that can be written"},
		{func() (string, error) { return "", errors.New("$HOME is not defined") }, "share the rate limit with other runs on this machine: $HOME is not defined; set XDG_STATE_HOME to a folder that can be written"},
	} {
		e := New()
		e.ShareLimits(test.find)
		w := newWorld(handled{answering(200, "[]")})
		_, err := readAll(t.Context(), open(t, declare(t, e, shopOffset), &w.World, nil), "")
		if err == nil || err.Error() != test.want || w.made() != 0 {
			t.Errorf("%d calls, got  %v\nwant %s", w.made(), err, test.want)
		}
	}
}

func TestLimitsFolder(t *testing.T) {
	t.Setenv("HOME", "/home/ada")
	for state, want := range map[string]string{"/state": "/state/pipeline/limits", "": "/home/ada/.local/state/pipeline/limits", "relative": "/home/ada/.local/state/pipeline/limits"} {
		t.Setenv("XDG_STATE_HOME", state)
		if got, err := LimitsFolder(); err != nil || got != filepath.FromSlash(want) {
			t.Errorf("%q: got %s and %v, expected %s", state, got, err, want)
		}
	}
}

// Books that say nothing any more do not stay for ever.
func TestStaleBooks(t *testing.T) {
	dir, a, b := books(t)
	a.book(t, nil)
	rings := map[string]*ring{
		"stale.calls": {longest: time.Minute},
		"young.calls": {longest: time.Minute},
		"long.calls":  {longest: 48 * time.Hour},
	}
	for name, r := range rings {
		if err := os.WriteFile(filepath.Join(dir, name), r.encode(nil), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range map[string]string{"broken.calls": "?", "newer.calls": ringWord + "9\n", "note.txt": "mine"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	old := time.Now().Add(-staleAfter - time.Minute)
	for _, name := range []string{"stale.calls", "long.calls", "broken.calls", "newer.calls", "note.txt"} {
		if err := os.Chtimes(filepath.Join(dir, name), old, old); err != nil {
			t.Fatal(err)
		}
	}
	b.book(t, nil)
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	left := map[string]bool{}
	for _, e := range entries {
		left[e.Name()] = true
	}
	want := map[string]bool{"lock": true, a.file: true, "young.calls": true, "long.calls": true, "newer.calls": true, "note.txt": true}
	if diff := cmp.Diff(want, left); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func FuzzDecodeRing(f *testing.F) {
	now := time.Unix(1_800_000_000, 1)
	f.Add((&ring{}).encode(nil))
	f.Add((&ring{times: []time.Time{now, now.Add(1)}, unknown: now, flights: []flight{{3, "1 2 boot"}}, paused: now, longest: time.Minute, last: 3}).encode(nil))
	f.Add([]byte(ringWord + "2\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, again := &ring{}, &ring{times: []time.Time{now}, flights: []flight{{1, "x"}}, paused: now}
		if known, newer := r.decode(b); !known || newer {
			return
		}
		if known, _ := again.decode(r.encode(nil)); !known {
			t.Fatalf("%q cannot be read again", b)
		}
		if diff := cmp.Diff(r, again, cmp.AllowUnexported(ring{}, flight{}), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("(-read +written and read):\n%s", diff)
		}
	})
}

func BenchmarkSharedBook(b *testing.B) {
	dir := b.TempDir()
	book := newSharedBook(&callsFolder{find: func() (string, error) { return dir, nil }}, budgetKey{})
	limits := []pipeline.Limit{{Rate: pipeline.Rate{Calls: 1 << 20, Per: time.Millisecond}}}
	for b.Loop() {
		s, _, _, err := book.reserve(context.Background(), time.Now(), limits[:0])
		if err == nil {
			err = book.answered(s, time.Now())
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}
