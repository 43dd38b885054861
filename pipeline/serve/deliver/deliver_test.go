package deliver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"pipeline/pipeline"
	"pipeline/pipeline/serve/engine"
	"pipeline/pipeline/serve/enginetest"
)

// receiver is one that answers as a test says.
type receiver struct {
	took        time.Duration
	concurrency int
	target      string
	answer      func(id string, try int) pipeline.Try // nil: it takes everything

	mu    sync.Mutex
	tries map[string][]time.Time
	got   []string // ids that were taken, in order
	now   int      // tries under way
	most  int
}

func newReceiver() *receiver {
	return &receiver{concurrency: 4, target: "a", tries: map[string][]time.Time{}, took: time.Millisecond}
}

func (r *receiver) Concurrency() int { return r.concurrency }
func (r *receiver) Target() string   { return r.target }

func (r *receiver) Try(ctx context.Context, id string, body []byte) pipeline.Try {
	r.mu.Lock()
	try := len(r.tries[id])
	r.tries[id] = append(r.tries[id], time.Now())
	r.now++
	r.most = max(r.most, r.now)
	r.mu.Unlock()
	defer func() { r.mu.Lock(); r.now--; r.mu.Unlock() }()
	select {
	case <-time.After(r.took):
	case <-ctx.Done():
		return pipeline.Try{Verdict: pipeline.TryLater, Reason: "cut off"}
	}
	o := pipeline.Try{Verdict: pipeline.Delivered, Status: 200}
	if r.answer != nil && !r.has(id) {
		o = r.answer(id, try)
	}
	if string(body) != "body of "+id {
		o = pipeline.Try{Verdict: pipeline.Refuses, Reason: "another body: " + string(body)}
	}
	if o.Verdict == pipeline.Delivered && !r.has(id) {
		r.mu.Lock()
		r.got = append(r.got, id)
		r.mu.Unlock()
	}
	return o
}

// has reports whether it took a request: one that comes again does nothing.
func (r *receiver) has(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Contains(r.got, id)
}

// notes are what a test was told.
type notes struct {
	mu   sync.Mutex
	said []string
}

func (n *notes) say(format string, args ...any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.said = append(n.said, fmt.Sprintf(format, args...))
}

func (n *notes) Tried(string, string, pipeline.Try) {}
func (n *notes) GivenUp(_, sink string, l Letter) {
	n.say("%s: gave up %s after %d: %s", sink, l.ID, l.Tries, l.Reason)
}
func (n *notes) Disabled(_, sink, reason string) { n.say("%s: disabled: %s", sink, reason) }
func (n *notes) Enabled(_, sink string)          { n.say("%s: enabled", sink) }
func (n *notes) Replayed(_ string, l Letter)     { n.say("replayed %s", l.ID) }
func (n *notes) Dropped(_ string, l Letter)      { n.say("dropped %s", l.ID) }

func (n *notes) text() string { n.mu.Lock(); defer n.mu.Unlock(); return strings.Join(n.said, "\n") }

func put(t testing.TB, d *Deliveries, sink, id string, keys ...string) {
	t.Helper()
	r := pipeline.Request{Sink: sink, ID: id, Body: []byte("body of " + id)}
	for _, k := range keys {
		r.Keys = append(r.Keys, []byte(k))
	}
	if err := d.Outbox("acme").Put(t.Context(), r); err != nil {
		t.Fatal(err)
	}
}

// letters are the ids of what was given up.
func letters(t testing.TB, d *Deliveries) (ids []string) {
	t.Helper()
	if err := d.Letters(t.Context(), "acme", func(l Letter) error { ids = append(ids, l.ID); return nil }); err != nil {
		t.Fatal(err)
	}
	return ids
}

// run works for a while.
func run(t testing.TB, d *Deliveries, sink string, r pipeline.Courier, long time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), long)
	defer cancel()
	if err := d.Work(ctx, "acme", sink, r); err != nil {
		t.Fatal(err)
	}
}

func always(v pipeline.Verdict, status int, reason string) func(string, int) pipeline.Try {
	return func(string, int) pipeline.Try { return pipeline.Try{Verdict: v, Status: status, Reason: reason} }
}

// The tries of a request that nobody takes are those of the table, and then it is
// given up, whole.
func TestTriesAreThoseOfTheTable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &notes{}
		d := &Deliveries{Engine: enginetest.NewMemory(), Notes: n}
		r := newReceiver()
		r.answer = func(id string, _ int) pipeline.Try {
			if id == "ill" {
				return pipeline.Try{Verdict: pipeline.TryLater, Status: 500, Reason: "500 Internal Server Error"}
			}
			return pipeline.Try{Verdict: pipeline.Delivered}
		}
		put(t, d, "webhook", "ill", "k")
		run(t, d, "webhook", r, 100*time.Hour)
		at := r.tries["ill"]
		if len(at) != 10 {
			t.Fatalf("%d tries, expected 10", len(at))
		}
		for i, want := range delays {
			got := at[i+1].Sub(at[i])
			if float64(got) < float64(want)*(1-jitter) || float64(got) > float64(want)*(1+jitter)+float64(lastProbe)*(1+jitter) {
				t.Errorf("try %d came %v after the one before, expected %v and 20 %% more or less", i+2, got, want)
			}
		}
		if got := letters(t, d); !slices.Equal(got, []string{"ill"}) {
			t.Errorf("given up: %v", got)
		}
		if want := "webhook: gave up ill after 10: 500 Internal Server Error"; n.text() != want {
			t.Errorf("notes:\n%s\nexpected:\n%s", n.text(), want)
		}
	})
}

func TestRefusedThreeTimesIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &Deliveries{Engine: enginetest.NewMemory(), Notes: &notes{}}
		r := newReceiver()
		r.answer = func(id string, _ int) pipeline.Try {
			if id == "bad" {
				return pipeline.Try{Verdict: pipeline.Refuses, Status: 422, Reason: "422"}
			}
			return pipeline.Try{Verdict: pipeline.Delivered}
		}
		put(t, d, "webhook", "bad", "k1")
		put(t, d, "webhook", "good", "k2")
		put(t, d, "webhook", "next of bad", "k1")
		run(t, d, "webhook", r, time.Hour)
		if n := len(r.tries["bad"]); n != mayRefuse {
			t.Errorf("%d tries, expected %d", n, mayRefuse)
		}
		if want := []string{"good", "next of bad"}; !slices.Equal(r.got, want) {
			t.Errorf("delivered %v, expected %v: what shares a key waits, others do not", r.got, want)
		}
		first := letters(t, d)
		run(t, d, "webhook", r, time.Hour) // begun again, nothing comes twice
		if again := letters(t, d); !slices.Equal(first, again) || len(r.got) != 2 {
			t.Errorf("after a second start: given up %v, delivered %v", again, r.got)
		}
	})
}

// hangs takes the first request, and no other one before it is cut off.
type hangs struct{ *receiver }

func (h hangs) Try(ctx context.Context, id string, body []byte) pipeline.Try {
	if id != "1" {
		<-ctx.Done()
		return pipeline.Try{Verdict: pipeline.TryLater, Reason: "cut off"}
	}
	return h.receiver.Try(ctx, id, body)
}

// What is cut off under way, because serve ends, is tried by whoever comes next, as
// if it had not been tried.
func TestCutOffIsNotLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &Deliveries{Engine: enginetest.NewMemory(), Notes: &notes{}}
		r := newReceiver()
		r.concurrency = 2
		want := []string{"1", "2", "3", "4"}
		for _, id := range want {
			put(t, d, "webhook", id, "key of "+id)
		}
		run(t, d, "webhook", hangs{r}, time.Millisecond*100)
		run(t, d, "webhook", r, time.Second)
		if slices.Sort(r.got); !slices.Equal(r.got, want) {
			t.Errorf("delivered %v, expected %v", r.got, want)
		}
	})
}

// A receiver that says that it wants no more gets no more, until it is another one
// or somebody says so; nothing is lost by then.
func TestGoneDisables(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &notes{}
		d := &Deliveries{Engine: enginetest.NewMemory(), Notes: n}
		r := newReceiver()
		r.concurrency = 1
		r.answer = always(pipeline.Gone, 410, "410 Gone")
		put(t, d, "webhook", "a", "1")
		put(t, d, "webhook", "b", "2")
		run(t, d, "webhook", r, 24*time.Hour)
		if len(r.tries["a"]) != 1 || len(r.tries["b"]) != 0 {
			t.Fatalf("tries: %v", r.tries)
		}
		r.answer = nil
		run(t, d, "webhook", r, time.Hour)
		if len(r.got) > 0 {
			t.Fatalf("delivered %v though it is disabled", r.got)
		}
		go func() {
			time.Sleep(time.Minute)
			if err := d.Enable(context.Background(), "acme", "webhook"); err != nil {
				t.Error(err)
			}
		}()
		run(t, d, "webhook", r, time.Hour)
		if !slices.Equal(r.got, []string{"a", "b"}) {
			t.Errorf("delivered %v", r.got)
		}
		r.answer = always(pipeline.Gone, 410, "410 Gone")
		put(t, d, "webhook", "c", "3")
		run(t, d, "webhook", r, time.Hour)
		r.answer, r.target = nil, "b"
		run(t, d, "webhook", r, time.Hour)
		if !slices.Equal(r.got, []string{"a", "b", "c"}) {
			t.Errorf("delivered %v to another receiver", r.got)
		}
		want := "webhook: disabled: 410 Gone\nwebhook: enabled\nwebhook: disabled: 410 Gone\nwebhook: enabled"
		if n.text() != want {
			t.Errorf("notes:\n%s\nexpected:\n%s", n.text(), want)
		}
	})
}

// A receiver that is down is asked now and then, and not by every request.
func TestReceiverThatIsDownIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &Deliveries{Engine: enginetest.NewMemory(), Notes: &notes{}}
		r := newReceiver()
		back := time.Now().Add(12 * time.Hour)
		r.answer = func(string, int) pipeline.Try {
			if time.Now().Before(back) {
				return pipeline.Try{Verdict: pipeline.TryLater, Status: 503, Reason: "503"}
			}
			return pipeline.Try{Verdict: pipeline.Delivered}
		}
		for i := range 500 {
			put(t, d, "webhook", fmt.Sprint("r", i), fmt.Sprint(i))
		}
		run(t, d, "webhook", r, 12*time.Hour)
		tries := 0
		for _, at := range r.tries {
			tries += len(at)
		}
		if tries > 12*20 { // a probe every five minutes, and those at the beginning
			t.Errorf("%d tries in twelve hours", tries)
		}
		run(t, d, "webhook", r, time.Hour)
		if len(r.got) != 500 || len(letters(t, d)) != 0 {
			t.Errorf("%d of 500 were delivered once it was back, %d given up", len(r.got), len(letters(t, d)))
		}
		if r.most > r.concurrency {
			t.Errorf("%d tries at once, expected at most %d", r.most, r.concurrency)
		}
	})
}

func TestRetryAfterIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &Deliveries{Engine: enginetest.NewMemory(), Notes: &notes{}}
		r := newReceiver()
		r.answer = func(_ string, try int) pipeline.Try {
			if try == 0 {
				return pipeline.Try{Verdict: pipeline.TryLater, Status: 429, After: time.Hour, Reason: "429"}
			}
			return pipeline.Try{Verdict: pipeline.Delivered}
		}
		began := time.Now()
		put(t, d, "webhook", "a", "1")
		run(t, d, "webhook", r, 3*time.Hour)
		if at := r.tries["a"]; len(at) != 2 || at[1].Sub(began) < time.Hour {
			t.Errorf("tries at %v, expected the second one after an hour", at)
		}
	})
}

func TestReplayHasTheSameKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &notes{}
		d := &Deliveries{Engine: enginetest.NewMemory(), Notes: n}
		r := newReceiver()
		r.answer = always(pipeline.Refuses, 400, "400")
		put(t, d, "webhook", "a", "1")
		run(t, d, "webhook", r, time.Hour)
		var letter Letter
		if err := d.Letters(t.Context(), "", func(l Letter) error { letter = l; return nil }); err != nil {
			t.Fatal(err)
		}
		same, err := d.Letter(t.Context(), letter.Mapping, letter.Seq)
		if err != nil || same.ID != "a" || string(same.Body) != "body of a" || same.Status != 400 || same.Tries != 3 {
			t.Fatalf("the letter is %+v, %v", same, err)
		}
		for range 2 {
			if err := d.Replay(t.Context(), same); err != nil {
				t.Fatal(err)
			}
		}
		r.answer = nil
		run(t, d, "webhook", r, time.Hour)
		if !slices.Equal(r.got, []string{"a"}) {
			t.Errorf("delivered %v after two replays, expected one", r.got)
		}
		if _, err := d.Letter(t.Context(), "acme", 99); !errors.Is(err, ErrNoLetter) {
			t.Errorf("a letter that is not there: %v", err)
		}
		if err := d.Replay(t.Context(), letter); err != nil {
			t.Fatal(err)
		}
	})
}

func TestSinksDoNotShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &Deliveries{Engine: enginetest.NewMemory(), Notes: &notes{}}
		one, two := newReceiver(), newReceiver()
		two.answer = always(pipeline.TryLater, 503, "503")
		for i := range 10 {
			put(t, d, "webhook", fmt.Sprint(i), fmt.Sprint(i))
			put(t, d, "webhook-2", fmt.Sprint(i), fmt.Sprint(i))
		}
		run(t, d, "webhook", one, time.Minute)
		run(t, d, "webhook-2", two, time.Minute)
		n, err := d.Undelivered(t.Context(), "acme", "webhook", 1000)
		m, err2 := d.Undelivered(t.Context(), "acme", "webhook-2", 1000)
		if len(one.got) != 10 || n != 0 || m != 10 || err != nil || err2 != nil {
			t.Errorf("delivered %d; undelivered %d and %d (%v, %v); expected 10; 0 and 10", len(one.got), n, m, err, err2)
		}
	})
}

func TestLargeBodiesAreCompressed(t *testing.T) {
	body := []byte(strings.Repeat(`{"name":"Ada"},`, 200_000))
	m := encode(pipeline.Request{Sink: "webhook", ID: "a", Keys: [][]byte{[]byte("1"), []byte("2")}, Body: body})
	if len(m.Body) > engine.MaxBody/10 {
		t.Errorf("%d bytes became %d", len(body), len(m.Body))
	}
	r, ok, err := decode(m, "webhook")
	if err != nil || !ok || string(r.body) != string(body) || len(r.keys) != 2 {
		t.Errorf("decoded: %v, %v, %d bytes, %d keys", ok, err, len(r.body), len(r.keys))
	}
	m.Body = m.Body[:len(m.Body)/2]
	if _, _, err := decode(m, "webhook"); err == nil {
		t.Error("half a message was read as a whole one")
	}
}

// crashing is an engine that stores nothing any more from some call on, as where
// the process has died.
type crashing struct {
	engine.Engine
	mu   sync.Mutex
	left int
}

var errDead = errors.New("this process is dead")

func (c *crashing) dead() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.left--
	return c.left < 0
}

func (c *crashing) Put(ctx context.Context, b engine.Bucket, name string, v []byte, rev uint64) (uint64, error) {
	if c.dead() {
		return 0, errDead
	}
	return c.Engine.Put(ctx, b, name, v, rev)
}

func (c *crashing) Append(ctx context.Context, l engine.Log, topic string, m engine.Message) (engine.Receipt, error) {
	if c.dead() {
		return engine.Receipt{}, errDead
	}
	return c.Engine.Append(ctx, l, topic, m)
}

// Whatever a receiver answers and however often the process dies, each request ends
// delivered or given up, and of those with one key the last one comes last.
func TestNothingIsLostAndKeysKeepTheirOrder(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(1, 60).Draw(rt, "requests")
		keys := rapid.IntRange(1, 20).Draw(rt, "keys")
		verdicts := rapid.SliceOfN(rapid.SampledFrom([]pipeline.Verdict{pipeline.Delivered, pipeline.Delivered, pipeline.Delivered, pipeline.TryLater, pipeline.Refuses}), 1, 50).Draw(rt, "answers")
		lives := rapid.SliceOfN(rapid.IntRange(0, 30), 0, 6).Draw(rt, "changes until a process dies")
		synctest.Test(t, func(t *testing.T) {
			memory := enginetest.NewMemory()
			d := &Deliveries{Engine: memory, Notes: &notes{}}
			r := newReceiver()
			r.answer = func(id string, try int) pipeline.Try {
				return pipeline.Try{Verdict: verdicts[(int(hash([]byte(id))%1000)+try)%len(verdicts)]}
			}
			for i := range n {
				put(t, d, "webhook", fmt.Sprintf("%03d", i), fmt.Sprint(i%keys))
			}
			for _, left := range lives {
				dying := &Deliveries{Engine: &crashing{Engine: memory, left: left}, Notes: d.Notes}
				ctx, cancel := context.WithTimeout(t.Context(), 2*time.Hour)
				_ = dying.Work(ctx, "acme", "webhook", r) // what it says, nobody hears
				cancel()
			}
			ctx, cancel := context.WithTimeout(t.Context(), 6000*time.Hour)
			defer cancel()
			if err := d.Work(ctx, "acme", "webhook", r); err != nil {
				rt.Fatal(err)
			}
			given := letters(t, d)
			last := map[int]string{}
			for _, id := range r.got {
				var i int
				_, _ = fmt.Sscanf(id, "%d", &i)
				last[i%keys] = id
			}
			for i := range n {
				id := fmt.Sprintf("%03d", i)
				taken := slices.Contains(r.got, id)
				if !taken && !slices.Contains(given, id) {
					rt.Errorf("%s was lost", id)
				}
				if taken && last[i%keys] < id {
					rt.Errorf("%s came last of its key, after %s", last[i%keys], id)
				}
			}
		})
	})
}

// What fits is kept, what does not is not, and it is the same whatever was compressed
// before.
func TestFitsIsWhatPutKeeps(t *testing.T) {
	d := &Deliveries{Engine: enginetest.NewMemory()}
	source := rand.NewChaCha8([32]byte{1})
	random := rand.New(source)
	noise := make([]byte, engine.MaxBody+10)
	_, _ = source.Read(noise)
	text := bytes.Repeat([]byte(`{"name":"Ada"},`), maxBody/15+1)
	keys := [][]byte{[]byte("1")}
	for name, test := range map[string]struct {
		body []byte
		want bool
	}{
		"small":                 {noise[:100], true},
		"as large as it may be": {noise[:engine.MaxBody-8-coder.in().MaxEncodedSize(0)-100], true},
		"a little too large":    {noise[:engine.MaxBody-7], false},
		"large, and compressed": {text[:8<<20], true},
		"half of it noise":      {slices.Concat(noise[:engine.MaxBody/2], text[:8<<20]), true},
		"more than is unpacked": {text[:maxBody+1], false},
	} {
		t.Run(name, func(t *testing.T) {
			for i := range 3 {
				r := pipeline.Request{Sink: "webhook", ID: fmt.Sprint(name, i), Keys: keys, Body: test.body}
				_ = encode(pipeline.Request{Body: text[:random.IntN(1<<20)]})
				if got := d.Outbox("acme").Fits(r); got != test.want {
					t.Errorf("it fits: %v", got)
				}
				if err := d.Outbox("acme").Put(t.Context(), r); len(test.body) <= maxBody && (err == nil) != test.want {
					t.Errorf("it is put: %v", err)
				}
			}
		})
	}
}
