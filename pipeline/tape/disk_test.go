package tape

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"syscall"
	"testing"

	"pgregory.net/rapid"
)

// memory is a file in memory.
type memory struct{ data []byte }

func (m *memory) ReadAt(b []byte, at int64) (int, error) {
	return bytes.NewReader(m.data).ReadAt(b, at)
}

func (m *memory) WriteAt(b []byte, at int64) (int, error) {
	if grow := at + int64(len(b)) - int64(len(m.data)); grow > 0 {
		m.data = append(m.data, make([]byte, grow)...)
	}
	return copy(m.data[at:], b), nil
}

func (m *memory) Truncate(size int64) error { m.data = m.data[:size]; return nil }
func (m *memory) Sync() error               { return nil }
func (m *memory) Close() error              { return nil }

// badDisk is a file that fails as disks do: full, torn, or with the power gone.
type badDisk struct {
	memory
	durable []byte   // what a power cut leaves for certain
	dirty   []change // since the last Sync
	calls   int      // of what can fail
	fail    map[int]bool
	short   int // bytes that a failing write still writes
}

type change struct {
	at       int64
	data     []byte
	truncate bool
}

var errFull = fmt.Errorf("write: %w", syscall.ENOSPC)

func (d *badDisk) failing() bool {
	d.calls++
	return d.fail[d.calls]
}

func (d *badDisk) WriteAt(b []byte, at int64) (int, error) {
	n, err := len(b), error(nil)
	if d.failing() {
		n, err = min(d.short, len(b)), errFull
	}
	d.dirty = append(d.dirty, change{at: at, data: bytes.Clone(b[:n])})
	_, _ = d.memory.WriteAt(b[:n], at)
	return n, err
}

func (d *badDisk) Truncate(size int64) error {
	if d.failing() {
		return syscall.EIO
	}
	d.dirty = append(d.dirty, change{at: size, truncate: true})
	return d.memory.Truncate(size)
}

func (d *badDisk) Sync() error {
	if d.failing() {
		return errFull
	}
	d.durable, d.dirty = bytes.Clone(d.data), nil
	return nil
}

// powerCut is what is left: all that was synced, and of what was not any part.
func (d *badDisk) powerCut(pick func(n int) int) []byte {
	left := &memory{data: bytes.Clone(d.durable)}
	for _, c := range d.dirty {
		switch {
		case c.truncate:
			if pick(2) == 1 && c.at <= int64(len(left.data)) {
				_ = left.Truncate(c.at)
			}
		case len(c.data) > 0:
			n := pick(len(c.data) + 1)
			_, _ = left.WriteAt(c.data[:n], c.at)
		}
	}
	return left.data
}

// What was put is there after any disk error and a power cut at any moment,
// and nothing is there that was never put.
func TestAnyDisk(t *testing.T) {
	beginning, frames, _ := small(t)
	beginning = beginning[:frames[1]]
	rapid.Check(t, func(t *rapid.T) {
		d := &badDisk{memory: memory{data: bytes.Clone(beginning)}, durable: bytes.Clone(beginning), fail: map[int]bool{}}
		put := map[string]string{}            // acknowledged
		tried := map[string]map[string]bool{} // or might be there
		for range rapid.IntRange(1, 4).Draw(t, "lives") {
			c, err := scan(d, int64(len(d.data)))
			if err != nil {
				t.Fatalf("scan: %v", err)
			}
			tape := newTape(d, "t", int64(len(d.data)), c)
			for key := range tried {
				got, ok, err := tape.Get(key, nil)
				if _, acknowledged := put[key]; err != nil || ok && !tried[key][string(got)] || acknowledged && !ok {
					t.Fatalf("%s is %q, %v, %v; put was %q", key, got, ok, err, put[key])
				}
				if ok { // whoever reads it may rely on it
					put[key], tried[key] = string(got), map[string]bool{string(got): true}
				}
			}
			for range rapid.IntRange(0, 8).Draw(t, "puts") {
				for n := range 4 {
					if rapid.IntRange(0, 5).Draw(t, "luck") == 0 {
						d.fail[d.calls+1+n] = true
					}
				}
				d.short = rapid.IntRange(0, 400).Draw(t, "short")
				key := fmt.Sprintf("GET /%d", rapid.IntRange(0, 5).Draw(t, "key"))
				body := longBody(rapid.IntRange(0, 1e6).Draw(t, "body"))[:rapid.IntRange(0, 400).Draw(t, "length")]
				if tried[key] == nil {
					tried[key] = map[string]bool{}
				}
				tried[key][body] = true
				if err := tape.Put(key, []byte(body)); err == nil {
					put[key], tried[key] = body, map[string]bool{body: true}
				}
				if want, ok := put[key]; ok {
					if got, ok, err := tape.Get(key, nil); err != nil || !ok || string(got) != want {
						t.Fatalf("in the same life %s is %q, %v, %v; want %q", key, got, ok, err, want)
					}
				}
			}
			left := d.powerCut(func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "left") })
			d = &badDisk{memory: memory{data: bytes.Clone(left)}, durable: left, fail: map[int]bool{}}
		}
	})
}

func TestAFullDisk(t *testing.T) {
	beginning, frames, _ := small(t)
	d := &badDisk{memory: memory{data: beginning[:frames[1]:frames[1]]}, fail: map[int]bool{1: true}, short: 9}
	c := must(scan(d, int64(len(d.data))))(t)
	tape := newTape(d, "out/unfinished.tape", int64(len(d.data)), c)
	err := tape.Put("GET /1", []byte("one"))
	wantError(t, err, "write the tape out/unfinished.tape: ", "no space left on device; make room and run again: what was fetched is kept")
	if int64(len(d.data)) != frames[1] {
		t.Errorf("half a frame was left: %d bytes, want %d", len(d.data), frames[1])
	}
	check(t, tape.Put("GET /1", []byte("one")))
	wantBody(t, tape, "GET /1", "one")
	if c := must(scan(d, int64(len(d.data))))(t); c.damage != "" {
		t.Error(c.damage)
	}
}

// Complete on a disk that fails at any call leaves an unfinished tape.
func TestCompleteOnAFailingDisk(t *testing.T) {
	beginning, frames, _ := small(t)
	for call := 1; call <= 2; call++ {
		d := &badDisk{memory: memory{data: bytes.Clone(beginning)}, fail: map[int]bool{call: true}}
		tape := newTape(d, "t", frames[5], must(scan(d, frames[5]))(t))
		tape.finish = func() (string, error) { t.Error("published"); return "", nil }
		if err := tape.Complete(); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("call %d: %v", call, err)
		}
		if c := must(scan(d, int64(len(d.data))))(t); c.damage != "" || c.ended || len(c.index) != 4 {
			t.Errorf("call %d: damage %q, ended %v, %d exchanges", call, c.damage, c.ended, len(c.index))
		}
	}
}

// gate is a file whose first Sync waits.
type gate struct {
	memory
	syncs   int
	entered chan struct{}
	open    chan struct{}
}

func (g *gate) Sync() error {
	g.syncs++
	if g.syncs == 1 {
		close(g.entered)
		<-g.open
	}
	return nil
}

func TestPutsShareAnFsync(t *testing.T) {
	beginning, frames, _ := small(t)
	g := &gate{memory: memory{data: beginning[:frames[1]:frames[1]]}, entered: make(chan struct{}), open: make(chan struct{})}
	tape := newTape(g, "t", frames[1], must(scan(g, frames[1]))(t))
	const n = 50
	var wg sync.WaitGroup
	put := func(i int) {
		wg.Go(func() {
			if err := tape.Put(fmt.Sprint(i), []byte(longBody(i))); err != nil {
				t.Error(err)
			}
		})
	}
	put(0)
	<-g.entered
	for i := 1; i < n; i++ {
		put(i)
	}
	for waiting := 0; waiting < n-1; runtime.Gosched() {
		tape.mu.Lock()
		if tape.next != nil {
			waiting = len(tape.next.ids)
		}
		tape.mu.Unlock()
	}
	close(g.open)
	wg.Wait()
	if g.syncs != 2 {
		t.Errorf("%d fsyncs for %d puts; want one for the first and one for all others", g.syncs, n)
	}
	again := newTape(g, "t", int64(len(g.data)), must(scan(g, int64(len(g.data))))(t))
	for i := range n {
		wantBody(t, again, fmt.Sprint(i), longBody(i))
	}
}

func TestManyAtOnce(t *testing.T) {
	s := openStore(t, t.TempDir())
	tape := must(s.Begin(header))(t)
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			for i := range 40 {
				key := fmt.Sprintf("%d/%d", worker, i)
				if err := tape.Put(key, []byte(longBody(i))); err != nil {
					t.Error(err)
				}
				wantBody(t, tape, key, longBody(i))
			}
		})
	}
	wg.Wait()
	check(t, tape.Complete())
	check(t, tape.Close())
	last := must(s.Last())(t)
	if last.Len() != 320 {
		t.Errorf("%d exchanges, want 320", last.Len())
	}
	check(t, last.Close())
}
