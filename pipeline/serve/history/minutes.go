package history

import (
	"cmp"
	"crypto/rand"
	"math"
	mathrand "math/rand/v2"
	"slices"
	"sync"
	"time"
)

// minutes.go: calls, deliveries and pushes are too many for an event each. They are
// counted by minute, and a minute that is over is an event.

// maxSamples is how many answers of a minute its percentiles are worked out from.
// Where there are more, each has the same chance to be among them.
const maxSamples = 2048

// Call counts a call to the source of a mapping: how long its answer took, how long
// it had waited for the limit before, and how many calls the source allows in a
// minute, 0 where it says none.
func (r *Recorder) Call(mapping string, took, waited time.Duration, limit int) {
	r.o.Meter.Call(mapping, took, waited, limit)
	r.minutes.add(minuteOf{kind: Called, mapping: mapping}, func(m *sampled) {
		m.Count++
		m.Limit = limit
		m.waited += waited
		m.sample(took)
	})
}

// Delivery counts an attempt to deliver, and whether it arrived.
func (r *Recorder) Delivery(mapping, sink string, took time.Duration, arrived bool) {
	r.o.Meter.Delivery(mapping, sink, took, arrived)
	r.minutes.add(minuteOf{kind: Delivered, mapping: mapping, sink: sink}, func(m *sampled) {
		if arrived {
			m.Count++
		} else {
			m.Failed++
		}
		m.sample(took)
	})
}

// Push counts a push to a mapping and the status of its answer; twice, where what
// was pushed had been stored before.
func (r *Recorder) Push(mapping string, status int, twice bool) {
	r.o.Meter.Push(mapping, status, twice)
	r.minutes.add(minuteOf{kind: Pushed, mapping: mapping}, func(m *sampled) {
		switch {
		case status >= 300:
			m.Failed++
		case twice:
			m.Twice++
		default:
			m.Count++
		}
	})
}

// minutes are what is counted and not an event yet.
type minutes struct {
	mu      sync.Mutex
	process string // tells the minute in which a node was started again from the one before
	open    map[minuteOf]*sampled
}

// minuteOf is what a minute is counted for.
type minuteOf struct {
	at            int64 // Unix seconds
	kind          Kind
	mapping, sink string
}

// sampled is a minute that is not over.
type sampled struct {
	Minute
	waited  time.Duration
	seen    int
	samples []time.Duration
}

func newMinutes() minutes { return minutes{process: rand.Text()[:8], open: map[minuteOf]*sampled{}} }

func (m *minutes) add(of minuteOf, count func(*sampled)) {
	of.at = time.Now().Truncate(time.Minute).Unix()
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.open[of]
	if s == nil {
		s = &sampled{}
		m.open[of] = s
	}
	count(s)
}

func (s *sampled) sample(took time.Duration) {
	s.seen++
	if len(s.samples) < maxSamples {
		s.samples = append(s.samples, took)
		return
	}
	if i := mathrand.IntN(s.seen); i < maxSamples {
		s.samples[i] = took
	}
}

// take takes the minutes that are over at now, all of them where it is zero, as
// events in a fixed order.
func (m *minutes) take(now time.Time) (events []Event) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for of, s := range m.open {
		at := time.Unix(of.at, 0).UTC()
		if !now.IsZero() && now.Before(at.Add(time.Minute)) {
			continue
		}
		delete(m.open, of)
		minute := s.end()
		id := string(of.kind) + "." + of.sink + "." + at.Format("20060102T1504") + "." + m.process
		events = append(events, Event{ID: id, Kind: of.kind, At: at, Mapping: of.mapping, Sink: of.sink, Minute: &minute})
	}
	slices.SortFunc(events, func(a, b Event) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Mapping, b.Mapping), cmp.Compare(a.ID, b.ID))
	})
	return events
}

func (s *sampled) end() Minute {
	minute := s.Minute
	minute.Waited = s.waited.Milliseconds()
	slices.Sort(s.samples)
	minute.P50, minute.P95, minute.P99 = percentile(s.samples, .50), percentile(s.samples, .95), percentile(s.samples, .99)
	return minute
}

// percentile is the smallest sample that share of them are not above, in
// milliseconds.
func percentile(sorted []time.Duration, share float64) int64 {
	if len(sorted) == 0 {
		return 0
	}
	i := int(math.Ceil(share*float64(len(sorted)))) - 1
	return sorted[max(i, 0)].Milliseconds()
}
