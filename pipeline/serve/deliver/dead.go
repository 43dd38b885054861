package deliver

// dead.go: deliveries that were given up. They are kept whole in a log of their
// own; whether somebody has dealt with one is in the history.

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"time"

	"pipeline/pipeline"
	"pipeline/pipeline/serve/engine"
)

// Letter is a delivery that was given up.
type Letter struct {
	Mapping string    `json:"mapping"`
	Seq     uint64    `json:"seq"` // in the log of those
	Sink    string    `json:"sink"`
	ID      string    `json:"id"` // the idempotency key
	Status  int       `json:"status,omitempty"`
	Reason  string    `json:"reason"`
	Tries   int       `json:"tries"`
	First   time.Time `json:"first"` // try
	Body    []byte    `json:"-"`

	keys []uint64
}

// Name is what a letter is called in the history: one that was replayed and given
// up again is another letter.
func (l Letter) Name() string { return fmt.Sprintf("%s/%d", l.Mapping, l.Seq) }

// giveUp keeps a delivery as given up. outbox is its place there, so that the same
// delivery is kept once and a replayed one again.
func (d *Deliveries) giveUp(ctx context.Context, l *Letter, outbox uint64) error {
	m := d.encodeKeys(*l)
	m.ID = fmt.Sprintf("dead %s %s %d", l.Sink, l.ID, outbox)
	maps.Copy(m.Header, map[string]string{
		"status": strconv.Itoa(l.Status), "reason": l.Reason, "tries": strconv.Itoa(l.Tries), "first": l.First.UTC().Format(time.RFC3339),
	})
	receipt, err := d.Engine.Append(ctx, engine.Dead, l.Mapping, m)
	l.Seq = receipt.Seq
	return err
}

// encodeKeys is the message of the request again, whose keys are hashed already.
func (d *Deliveries) encodeKeys(l Letter) engine.Message {
	m := encode(pipeline.Request{Sink: l.Sink, ID: l.ID, Body: l.Body})
	text := make([]byte, 0, 8*len(l.keys)+len(m.Body))
	for _, key := range l.keys {
		text = binary.LittleEndian.AppendUint64(text, key)
	}
	m.Header[headerKeys] = strconv.Itoa(len(l.keys))
	m.Body = append(text, m.Body...)
	return m
}

// Letters gives the deliveries of a mapping that were given up to yield, the oldest
// first, those that were dealt with among them. The empty mapping is all.
func (d *Deliveries) Letters(ctx context.Context, mapping string, yield func(Letter) error) error {
	return d.Engine.Read(ctx, engine.Dead, mapping, 0, func(m engine.Message) error {
		l, err := letter(m)
		if err != nil {
			return err
		}
		return yield(l)
	})
}

func letter(m engine.Message) (Letter, error) {
	h := m.Header
	r, _, err := decode(m, h[headerSink])
	if err != nil {
		return Letter{}, err
	}
	l := Letter{Mapping: m.Topic, Seq: m.Seq, Sink: h[headerSink], ID: r.id, Reason: h["reason"], Body: r.body, keys: r.keys}
	// what cannot be read is left out: it is for people
	l.Status, _ = strconv.Atoi(h["status"])
	l.Tries, _ = strconv.Atoi(h["tries"])
	l.First, _ = time.Parse(time.RFC3339, h["first"])
	return l, nil
}

// ErrNoLetter says that there is no delivery that was given up at that place.
var ErrNoLetter = errors.New("there is no such delivery among those that were given up")

// Letter is the delivery of a mapping that was given up and lies at seq.
func (d *Deliveries) Letter(ctx context.Context, mapping string, seq uint64) (Letter, error) {
	if seq == 0 {
		return Letter{}, ErrNoLetter
	}
	found, ok := Letter{}, false
	err := engine.ReadSome(ctx, d.Engine, engine.Dead, mapping, seq-1, func(m engine.Message) error {
		var err error
		if m.Seq == seq {
			found, err = letter(m)
			ok = err == nil
		}
		return errors.Join(err, engine.ErrEnough)
	})
	if err != nil {
		return Letter{}, fmt.Errorf("read a delivery of %s that was given up: %w", mapping, err)
	}
	if !ok {
		return Letter{}, ErrNoLetter
	}
	return found, nil
}

// Replay puts a delivery that was given up into the outbox again, with the same
// idempotency key. Doing so twice does it once.
func (d *Deliveries) Replay(ctx context.Context, l Letter) error {
	m := d.encodeKeys(l)
	m.ID = fmt.Sprintf("replay %d %s", l.Seq, m.ID)
	if _, err := d.Engine.Append(ctx, engine.Outbox, l.Mapping, m); err != nil {
		return fmt.Errorf("put a delivery of %s into the outbox again: %w", l.Mapping, err)
	}
	d.Notes.Replayed(l.Mapping, l)
	return nil
}

// Drop says that a delivery that was given up needs nothing any more. It stays in
// the log until it is too old.
func (d *Deliveries) Drop(l Letter) { d.Notes.Dropped(l.Mapping, l) }

// Enable lets requests be sent again to a receiver that said that it wants none.
func (d *Deliveries) Enable(ctx context.Context, mapping, sink string) error {
	for {
		p, revision, err := loadPlace(ctx, d.Engine, mapping, sink)
		if err != nil || p.Disabled == "" {
			return err
		}
		p.Disabled = ""
		_, err = savePlace(ctx, d.Engine, mapping, sink, p, revision)
		if errors.Is(err, engine.ErrConflict) {
			continue
		}
		if err == nil {
			d.Notes.Enabled(mapping, sink)
		}
		return err
	}
}

// Status is how the deliveries of a sink are.
type Status struct {
	Waiting  int    `json:"waiting"`            // for another try
	Disabled string `json:"disabled,omitempty"` // why nothing is sent; empty: it is
}

// Status is how the deliveries of a mapping's sink are.
func (d *Deliveries) Status(ctx context.Context, mapping, sink string) (Status, error) {
	p, _, err := loadPlace(ctx, d.Engine, mapping, sink)
	return Status{Waiting: len(p.Waiting), Disabled: p.Disabled}, err
}

// Undelivered is how many requests of a mapping's sink have not arrived and were
// not given up, at most that many.
func (d *Deliveries) Undelivered(ctx context.Context, mapping, sink string, most int) (int, error) {
	p, _, err := loadPlace(ctx, d.Engine, mapping, sink)
	if err != nil {
		return 0, err
	}
	n := len(p.Waiting)
	err = engine.ReadSome(ctx, d.Engine, engine.Outbox, mapping, p.Seq, func(m engine.Message) error {
		if m.Header[headerSink] == sink && p.find(m.Seq) == nil {
			n++
		}
		if n >= most {
			return engine.ErrEnough
		}
		return nil
	})
	return n, err
}
