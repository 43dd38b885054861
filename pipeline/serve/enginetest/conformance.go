package enginetest

// conformance.go: every promise of engine.Engine as a test. An engine is right if
// Run passes, and only then may something be built on it.

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pipeline/pipeline/serve/engine"
)

// within bounds what a test waits for. It is long only where something is wrong.
const within = time.Minute

// Run holds an engine against the interface. open gives an empty one, which the test
// closes.
func Run(t *testing.T, open func(t *testing.T) engine.Engine) {
	e := open(t)
	s := suite{e}
	for _, test := range []struct {
		name string
		run  func(*testing.T)
	}{
		{"a message comes back as it was given", s.roundTrip},
		{"a message is stored once", s.duplicates},
		{"topics do not see each other", s.topics},
		{"messages keep their order", s.order},
		{"reading goes on after a place", s.readAfter},
		{"reading ends with what there was", s.readEnds},
		{"reading ends when the reader says so", s.readStops},
		{"all topics of events and dead can be read", s.allTopics},
		{"waiting ends with a message", s.wait},
		{"waiting ends with its context", s.waitEnds},
		{"a value changes only from what is known", s.compareAndSet},
		{"a value changes again at once", s.changeAgain},
		{"a removed value is no more", s.remove},
		{"values are listed by prefix", s.list},
		{"names are kept as they are", s.names},
		{"what is too large is refused", s.bounds},
		{"what has no name is refused", s.nameless},
		{"many at once lose nothing", s.concurrent},
		{"counters count every step", s.counters},
		{"values behave like a map", s.model},
		{"an ended context changes nothing", s.ended},
		{"its status says that it is ready", s.status},
	} {
		t.Run(test.name, test.run)
	}
	t.Run("closed, it refuses everything", s.closed)
}

type suite struct{ e engine.Engine }

func background(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), within)
	t.Cleanup(cancel)
	return ctx
}

// topic is one that no other test uses.
func topic(t *testing.T) string { return strings.ReplaceAll(t.Name(), "/", ".") }

func (s suite) append(t *testing.T, log engine.Log, topic string, m engine.Message) engine.Receipt {
	t.Helper()
	r, err := s.e.Append(background(t), log, topic, m)
	if err != nil {
		t.Fatalf("append %q: %v", m.ID, err)
	}
	return r
}

func (s suite) read(t *testing.T, log engine.Log, topic string, after uint64) []engine.Message {
	t.Helper()
	all, err := s.tryRead(t, log, topic, after)
	if err != nil {
		t.Fatalf("read: %v", err)
	}
	return all
}

// tryRead is read for where the test cannot be ended: beside it.
func (s suite) tryRead(t *testing.T, log engine.Log, topic string, after uint64) (all []engine.Message, err error) {
	err = s.e.Read(background(t), log, topic, after, func(m engine.Message) error {
		m.Body, m.Header = bytes.Clone(m.Body), maps.Clone(m.Header)
		all = append(all, m)
		return nil
	})
	return all, err
}

func ids(all []engine.Message) (ids []string) {
	for _, m := range all {
		ids = append(ids, m.ID)
	}
	return ids
}

func (s suite) roundTrip(t *testing.T) {
	for i, m := range []engine.Message{
		{ID: "plain", Header: map[string]string{"Content-Type": "application/json"}, Body: []byte(`{"a":1}`)},
		{ID: "nothing in it"},
		{ID: "odd \r\n\x00\xff «id»", Header: map[string]string{"x\r\ny": "  a\r\nb: c  ", "": "", "bytes": "\xff\xfe", "x": "two", "X": "three"}, Body: []byte("\x00\r\n\xff")},
		{ID: "large", Body: bytes.Repeat([]byte("x"), engine.MaxBody)},
	} {
		for _, log := range engine.Logs {
			before := time.Now()
			r := s.append(t, log, topic(t), m)
			if r.Duplicate || r.Seq == 0 {
				t.Fatalf("%s: receipt %+v", log, r)
			}
			all := s.read(t, log, topic(t), 0)
			if len(all) != i+1 {
				t.Fatalf("%s: %d messages after %d", log, len(all), i+1)
			}
			got := all[i]
			if got.ID != m.ID || !maps.Equal(got.Header, m.Header) || !bytes.Equal(got.Body, m.Body) {
				t.Errorf("%s: came back as %q %q, %d bytes", log, got.ID, got.Header, len(got.Body))
			}
			if got.Seq != r.Seq || got.Topic != topic(t) {
				t.Errorf("%s: came back as %d of %q, was stored as %d of %q", log, got.Seq, got.Topic, r.Seq, topic(t))
			}
			if d := got.Stored.Sub(before); d < -time.Minute || d > time.Minute {
				t.Errorf("%s: stored at %v, it is %v", log, got.Stored, before)
			}
		}
	}
}

func (s suite) duplicates(t *testing.T) {
	first := s.append(t, engine.Inbox, topic(t), engine.Message{ID: "a", Body: []byte("first")})
	s.append(t, engine.Inbox, topic(t), engine.Message{ID: "b"})
	again := s.append(t, engine.Inbox, topic(t), engine.Message{ID: "a", Body: []byte("second")})
	if !again.Duplicate || again.Seq != first.Seq {
		t.Errorf("the second was answered %+v, the first is at %d", again, first.Seq)
	}
	all := s.read(t, engine.Inbox, topic(t), 0)
	if !slices.Equal(ids(all), []string{"a", "b"}) || string(all[0].Body) != "first" {
		t.Errorf("stored: %q", ids(all))
	}
}

func (s suite) topics(t *testing.T) {
	a, b := topic(t)+".a", topic(t)+".a.b"
	s.append(t, engine.Outbox, a, engine.Message{ID: "same"})
	if r := s.append(t, engine.Outbox, b, engine.Message{ID: "same"}); r.Duplicate {
		t.Error("the ID of one topic is a duplicate in another")
	}
	if r := s.append(t, engine.Inbox, a, engine.Message{ID: "same"}); r.Duplicate {
		t.Error("the ID of one log is a duplicate in another")
	}
	for _, topic := range []string{a, b} {
		if got := s.read(t, engine.Outbox, topic, 0); len(got) != 1 || got[0].Topic != topic {
			t.Errorf("%s: read %+v", topic, got)
		}
	}
	last, err := s.e.Last(background(t), engine.Outbox, topic(t)+".none")
	if last != 0 || err != nil {
		t.Errorf("last of nothing: %d, %v", last, err)
	}
}

func (s suite) order(t *testing.T) {
	var want []string
	var last uint64
	for i := range 100 {
		id := fmt.Sprint(i)
		r := s.append(t, engine.Inbox, topic(t), engine.Message{ID: id})
		if r.Seq <= last {
			t.Fatalf("%s is at %d, after %d", id, r.Seq, last)
		}
		want, last = append(want, id), r.Seq
	}
	if got := ids(s.read(t, engine.Inbox, topic(t), 0)); !slices.Equal(got, want) {
		t.Errorf("read in the order %q", got)
	}
	if got, err := s.e.Last(background(t), engine.Inbox, topic(t)); got != last || err != nil {
		t.Errorf("last is %d, %v; stored at %d", got, err, last)
	}
}

func (s suite) readAfter(t *testing.T) {
	var seqs []uint64
	for i := range 5 {
		s.append(t, engine.Pages, topic(t)+".other", engine.Message{ID: fmt.Sprint(i)})
		seqs = append(seqs, s.append(t, engine.Pages, topic(t), engine.Message{ID: fmt.Sprint(i)}).Seq)
	}
	for i, after := range seqs {
		if got := s.read(t, engine.Pages, topic(t), after); len(got) != len(seqs)-i-1 {
			t.Errorf("after %d: %q", i, ids(got))
		}
	}
	if got := s.read(t, engine.Pages, topic(t), seqs[4]+1000); len(got) != 0 {
		t.Errorf("after the end: %q", ids(got))
	}
}

func (s suite) readEnds(t *testing.T) {
	s.append(t, engine.Inbox, topic(t), engine.Message{ID: "0"})
	n := 0
	err := s.e.Read(background(t), engine.Inbox, topic(t), 0, func(engine.Message) error {
		n++
		s.append(t, engine.Inbox, topic(t), engine.Message{ID: fmt.Sprint(n)})
		return nil
	})
	if n != 1 || err != nil {
		t.Errorf("read %d messages, %v: there was one when it began", n, err)
	}
}

func (s suite) readStops(t *testing.T) {
	for i := range 3 {
		s.append(t, engine.Inbox, topic(t), engine.Message{ID: fmt.Sprint(i)})
	}
	enough, n := errors.New("enough"), 0
	err := s.e.Read(background(t), engine.Inbox, topic(t), 0, func(engine.Message) error {
		if n++; n == 2 {
			return enough
		}
		return nil
	})
	if n != 2 || !errors.Is(err, enough) {
		t.Errorf("read %d messages, %v", n, err)
	}
}

func (s suite) allTopics(t *testing.T) {
	for _, log := range []engine.Log{engine.Events, engine.Dead} {
		before, err := s.e.Last(background(t), log, "")
		if err != nil {
			t.Fatal(err)
		}
		for i := range 6 {
			s.append(t, log, fmt.Sprint(topic(t), i%2), engine.Message{ID: fmt.Sprint(i)})
		}
		if err := s.e.Wait(background(t), log, "", before); err != nil {
			t.Errorf("%s: wait: %v", log, err)
		}
		all := s.read(t, log, "", before)
		if got := ids(all); !slices.Equal(got, []string{"0", "1", "2", "3", "4", "5"}) {
			t.Errorf("%s: read %q", log, got)
		}
		if last, _ := s.e.Last(background(t), log, ""); last != all[5].Seq {
			t.Errorf("%s: last is %d, not %d", log, last, all[5].Seq)
		}
	}
}

func (s suite) wait(t *testing.T) {
	after := s.append(t, engine.Inbox, topic(t), engine.Message{ID: "0"}).Seq
	if err := s.e.Wait(background(t), engine.Inbox, topic(t), after-1); err != nil {
		t.Fatalf("there was a message: %v", err)
	}
	const waiters = 8
	woken := make(chan error, waiters)
	for range waiters {
		go func() { woken <- s.waitFor(t, after) }()
	}
	s.append(t, engine.Inbox, topic(t)+".other", engine.Message{ID: "1"})
	s.append(t, engine.Inbox, topic(t), engine.Message{ID: "1"})
	for range waiters {
		if err := <-woken; err != nil {
			t.Error(err)
		}
	}
}

// waitFor waits as its callers do: until there is something.
func (s suite) waitFor(t *testing.T, after uint64) error {
	for {
		if err := s.e.Wait(background(t), engine.Inbox, topic(t), after); err != nil {
			return err
		}
		last, err := s.e.Last(background(t), engine.Inbox, topic(t))
		if err != nil || last > after {
			return err
		}
	}
}

func (s suite) waitEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(background(t))
	ended := make(chan error)
	go func() {
		for { // it may return too early
			if err := s.e.Wait(ctx, engine.Inbox, topic(t), 0); err != nil {
				ended <- err
				return
			}
		}
	}()
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("ended with %v", err)
	}
}

// concurrent has many append, each ID twice, while others read.
func (s suite) concurrent(t *testing.T) {
	const writers, each = 16, 20
	var wg sync.WaitGroup
	var mu sync.Mutex
	places := map[string]uint64{}
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				id := fmt.Sprintf("%d.%d", w/2, i)
				r, err := s.e.Append(background(t), engine.Inbox, topic(t), engine.Message{ID: id, Body: []byte(id)})
				if err != nil {
					t.Errorf("append: %v", err)
					return
				}
				mu.Lock()
				if old, ok := places[id]; ok && old != r.Seq {
					t.Errorf("%s is at %d and at %d", id, old, r.Seq)
				}
				places[id] = r.Seq
				mu.Unlock()
			}
		})
	}
	wg.Go(func() {
		for seen := 0; seen < writers/2*each && !t.Failed(); {
			all, err := s.tryRead(t, engine.Inbox, topic(t), 0)
			if err != nil {
				t.Errorf("read: %v", err)
				return
			}
			if len(all) < seen {
				t.Errorf("there were %d messages, now %d", seen, len(all))
			}
			seen = len(all)
		}
	})
	wg.Wait()
	for _, m := range s.read(t, engine.Inbox, topic(t), 0) {
		if places[m.ID] != m.Seq || string(m.Body) != m.ID {
			t.Errorf("%s is at %d, acknowledged at %d", m.ID, m.Seq, places[m.ID])
		}
		delete(places, m.ID)
	}
	if len(places) != 0 {
		t.Errorf("acknowledged and not there: %v", places)
	}
}

func (s suite) ended(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.e.Append(ctx, engine.Inbox, topic(t), engine.Message{ID: "a"}); !errors.Is(err, context.Canceled) {
		t.Errorf("append: %v", err)
	}
	if _, err := s.e.Put(ctx, engine.Cursors, topic(t), nil, 0); !errors.Is(err, context.Canceled) {
		t.Errorf("put: %v", err)
	}
	if err := s.e.Wait(ctx, engine.Inbox, topic(t), 0); !errors.Is(err, context.Canceled) {
		t.Errorf("wait: %v", err)
	}
	if last, err := s.e.Last(background(t), engine.Inbox, topic(t)); last != 0 || err != nil {
		t.Errorf("something was stored at %d, %v", last, err)
	}
}

func (s suite) status(t *testing.T) {
	status, err := s.e.Status(background(t))
	if err != nil || !status.Ready || status.Mode == "" || len(status.Problems) != 0 {
		t.Errorf("%+v, %v", status, err)
	}
}

func (s suite) closed(t *testing.T) {
	ctx := background(t)
	waiting := make(chan error)
	go func() {
		var err error
		for err == nil {
			err = s.e.Wait(ctx, engine.Inbox, topic(t), 0)
		}
		waiting <- err
	}()
	for range 2 { // the second time it is closed already
		if err := s.e.Close(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if err := <-waiting; err == nil || ctx.Err() != nil {
		t.Errorf("somebody who waited was told %v", err)
	}
	if _, err := s.e.Append(ctx, engine.Inbox, topic(t), engine.Message{ID: "a"}); err == nil {
		t.Error("a message was stored")
	}
	if _, err := s.e.Put(ctx, engine.Cursors, topic(t), nil, 0); err == nil {
		t.Error("a value was stored")
	}
	if _, err := s.e.Get(ctx, engine.Cursors, topic(t)); err == nil || errors.Is(err, engine.ErrNoValue) {
		t.Errorf("get: %v", err)
	}
	if err := s.e.Read(ctx, engine.Inbox, topic(t), 0, func(engine.Message) error { return nil }); err == nil {
		t.Error("it was read")
	}
	if _, err := s.e.Status(ctx); err == nil {
		t.Error("it has a status")
	}
}
