package jetstream

// migrate.go: moving a store that was kept alone into a cluster. Every message keeps
// its place in its log, so that everything that points to one stays true: cursors,
// and what runs keep in their state folders. What was missing in the old store, or
// too old, leaves a hole there; in the new one its place is filled, because there a
// hole is damage.
//
// It can be interrupted and begun again: a message is only ever added behind the one
// that comes before it, which the cluster checks.

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"golang.org/x/sync/errgroup"

	"pipeline/pipeline/serve/engine"
)

const (
	headerLast = "Nats-Expected-Last-Sequence"
	inFlight   = 64 // messages on their way at a time
	moved      = "moved"
)

// migrated are the buckets whose values are moved. Who holds a lease of the old store
// is nobody in the new one.
var migrated = []engine.Bucket{engine.Cursors, engine.Limits, engine.State}

// Migrated counts what was moved.
type Migrated struct {
	Messages uint64 `json:"messages"` // that the new store has of the old one
	Holes    uint64 `json:"holes"`    // that the old one had lost
	Values   int    `json:"values"`
}

// Migrate moves everything from the store in dir, which is in use by nobody, to an
// engine in which nobody works yet, compares the two, and marks the old store as
// moved. told is called now and then with how many messages are there.
func Migrate(ctx context.Context, dir string, to *Engine, told func(messages uint64)) (Migrated, error) {
	var done Migrated
	if err := CanMigrate(dir); err != nil {
		return done, err
	}
	if err := unused(ctx, to); err != nil {
		return done, err
	}
	from, err := Open(ctx, Config{Dir: dir, Log: to.log, disk: unbounded})
	if err != nil {
		return done, err
	}
	done, err = moveAll(ctx, from, to, told)
	if err := errors.Join(err, from.Close(ctx)); err != nil {
		return done, err
	}
	if err := to.catchUp(ctx); err != nil {
		return done, err
	}
	if _, err := to.Audit(ctx); err != nil {
		return done, err
	}
	return done, writeMarker(dir, marker{Mode: moved, Node: to.name(), Shards: shards})
}

// catchUp waits until this node has what most nodes have, for a while: then the others
// have it.
func (e *Engine) catchUp(ctx context.Context) error {
	if e.mode != Cluster {
		return nil
	}
	for end := time.Now().Add(catchUpWithin); time.Now().Before(end); {
		here, _, err := e.look(ctx, time.Time{}, 0)
		if err != nil {
			return err
		}
		behind := false
		for _, s := range streams() {
			info, err := e.info(ctx, s)
			if err != nil {
				return err
			}
			c, ok := here.stream(s.name)
			behind = behind || !ok || c.Last < info.State.LastSeq
		}
		if !behind {
			return nil
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

const catchUpWithin = 30 * time.Second

// CanMigrate says why the store in dir cannot be moved.
func CanMigrate(dir string) error {
	switch m, err := readMarker(dir); {
	case err != nil:
		return err
	case m == marker{}:
		return fmt.Errorf("%s has no store", dir)
	case m.Mode == moved:
		return fmt.Errorf("what %s had was moved to the cluster of node %s already", dir, m.Node)
	case m.Mode != Embedded:
		return fmt.Errorf("%s is the store of node %s of a cluster; what one pipeline serve kept alone can be moved", dir, m.Node)
	}
	return nil
}

// unbounded is a disk that is never full: what is read needs no room.
func unbounded(string) (free, total uint64, err error) { return 0, 0, nil }

// unused says who works in the engine already.
func unused(ctx context.Context, to *Engine) error {
	leases, err := to.List(ctx, engine.Leases, "")
	if err != nil {
		return err
	}
	if len(leases) > 0 {
		return fmt.Errorf("pipeline serve works in the new engine already (on %s). Stop it on all nodes; run pipeline engine join on them until everything is moved", leases[0].Name)
	}
	return nil
}

func moveAll(ctx context.Context, from, to *Engine, told func(uint64)) (Migrated, error) {
	var done Migrated
	moves := []*move{}
	for _, s := range streams() {
		if s.log == "" {
			continue
		}
		m := &move{from: from, to: to, stream: s, ids: map[uint64]bool{}}
		if err := m.prepare(ctx); err != nil {
			return done, fmt.Errorf("move the %s: %w", s.what(), err)
		}
		moves = append(moves, m)
	}
	g, gctx := errgroup.WithContext(ctx)
	progress := make(chan int)
	for _, m := range moves {
		g.Go(func() error {
			if err := m.run(gctx, progress); err != nil {
				return fmt.Errorf("move the %s: %w", m.stream.what(), err)
			}
			return nil
		})
	}
	ended := make(chan error)
	go func() { ended <- g.Wait() }()
	var err error
	for n, waiting := uint64(0), true; waiting; {
		select {
		case k := <-progress:
			n += uint64(k)
			told(n)
		case err = <-ended:
			waiting = false
		}
	}
	if err != nil {
		return done, err
	}
	for _, m := range moves {
		if err := m.compare(ctx); err != nil {
			return done, err
		}
		done.Messages += m.last - m.first + 1 - m.holes
		done.Holes += m.holes
	}
	for _, b := range migrated {
		n, err := moveValues(ctx, from, to, b)
		if err != nil {
			return done, fmt.Errorf("move the %s: %w", b, err)
		}
		done.Values += n
	}
	return done, nil
}

// moveValues makes the values of a bucket what they are in the old store.
func moveValues(ctx context.Context, from, to *Engine, b engine.Bucket) (int, error) {
	entries, err := from.List(ctx, b, "")
	if err != nil {
		return 0, err
	}
	n := 0
	for _, e := range entries {
		if b == engine.Cursors && strings.HasPrefix(e.Name, auditName) {
			continue
		}
		old, err := to.Get(ctx, b, e.Name)
		if err != nil && !errors.Is(err, engine.ErrNoValue) {
			return n, err
		}
		if err != nil || !bytes.Equal(old.Value, e.Value) {
			if _, err := to.Put(ctx, b, e.Name, e.Value, old.Revision); err != nil {
				return n, err
			}
		}
		n++
	}
	return n, nil
}

// move is that of one stream.
type move struct {
	from, to    *Engine
	stream      stream
	first, last uint64 // of the old one
	holes       uint64
	ids         map[uint64]bool // messages whose ID was stored before, longer ago than the window
}

// prepare sees to it that the new stream begins where the old one does, or is a part
// of it already.
func (m *move) prepare(ctx context.Context) error {
	old, err := m.from.info(ctx, m.stream)
	if err != nil {
		return err
	}
	m.first, m.last = max(old.State.FirstSeq, 1), old.State.LastSeq
	if old.State.Msgs == 0 {
		m.first = m.last + 1
	}
	fresh, err := m.to.info(ctx, m.stream)
	if err != nil {
		return err
	}
	if fresh.State.LastSeq > 0 && fresh.State.LastSeq >= m.first {
		return m.same(ctx, fresh.State)
	}
	if fresh.State.Msgs > 0 {
		return m.foreign()
	}
	if fresh.State.LastSeq+1 == m.first {
		return nil
	}
	var gone server.JSApiStreamDeleteResponse
	if err := m.to.call(ctx, "STREAM.DELETE."+m.stream.name, nil, &gone); err != nil {
		return err
	}
	return m.to.makeStream(ctx, m.stream, m.first)
}

// same looks whether what the new stream ends with is the old one's.
func (m *move) same(ctx context.Context, fresh server.StreamState) error {
	if fresh.LastSeq > m.last {
		return m.foreign()
	}
	request := server.JSApiMsgGetRequest{Seq: fresh.LastSeq}
	n, err := m.to.get(ctx, m.stream, request)
	if errors.Is(err, errNoMessage) {
		return nil // too old by now
	}
	if err != nil {
		return err
	}
	o, err := m.from.get(ctx, m.stream, request)
	switch {
	case errors.Is(err, errNoMessage):
		if !isFiller(n.Subject) {
			return m.foreign()
		}
		return nil
	case err != nil:
		return err
	}
	if o.Subject != n.Subject || !bytes.Equal(o.Data, n.Data) {
		return m.foreign()
	}
	return nil
}

func (m *move) foreign() error {
	return errors.New("the new engine has messages of its own there. Move into an engine that nobody has worked in")
}

// run adds what the new stream does not have.
func (m *move) run(ctx context.Context, progress chan<- int) error {
	next, stuck := m.first, time.Time{}
	for {
		state, err := m.to.info(ctx, m.stream)
		if err != nil {
			return err
		}
		at := max(state.State.LastSeq+1, m.first)
		switch {
		case at > next:
			select {
			case progress <- int(at - next):
			case <-ctx.Done():
				return ctx.Err()
			}
			next, stuck = at, time.Time{}
		case stuck.IsZero():
			stuck = time.Now()
		case time.Since(stuck) > time.Minute:
			return fmt.Errorf("message %d was not stored in a minute: %w", next, m.to.room())
		}
		if at > m.last {
			return nil
		}
		if err := m.send(ctx, at); err != nil {
			return err
		}
	}
}

// send puts some messages on their way, and waits until it is known what became of
// them. Which were stored is seen by how far the stream got.
func (m *move) send(ctx context.Context, at uint64) error {
	if err := m.to.room(); err != nil {
		return err
	}
	inbox := m.to.conn.NewInbox()
	answers, err := m.to.conn.SubscribeSync(inbox + ".*")
	if err != nil {
		return err
	}
	defer func() { _ = answers.Unsubscribe() }()
	sent := 0
	for seq := at; seq <= min(m.last, at+inFlight-1); seq++ {
		msg, err := m.message(ctx, seq)
		if err != nil {
			return err
		}
		msg.Reply = inbox + "." + strconv.FormatUint(seq, 10)
		if err := m.to.conn.PublishMsg(msg); err != nil {
			return err
		}
		sent++
	}
	for range sent {
		within, cancel := context.WithTimeout(ctx, answerWithin)
		answer, err := answers.NextMsgWithContext(within)
		cancel()
		if err != nil {
			return ctx.Err() // no leader at the moment: run looks how far it got
		}
		var r server.JSPubAckResponse
		if json.Unmarshal(answer.Data, &r) == nil && r.Error == nil && r.PubAck != nil && r.Duplicate {
			seq, _ := strconv.ParseUint(answer.Subject[strings.LastIndexByte(answer.Subject, '.')+1:], 10, 64)
			m.ids[seq] = r.Sequence != seq
		}
	}
	return nil
}

// message is what is to stand at seq.
func (m *move) message(ctx context.Context, seq uint64) (*nats.Msg, error) {
	old, err := m.from.get(ctx, m.stream, server.JSApiMsgGetRequest{Seq: seq})
	if err != nil && !errors.Is(err, errNoMessage) {
		return nil, err
	}
	hole := err != nil
	msg := nats.NewMsg(strings.TrimSuffix(m.stream.subjects(), "*") + fillerToken)
	if !hole {
		msg.Subject, msg.Data = old.Subject, old.Data
		if msg.Header, err = nats.DecodeHeadersMsg(old.Header); err != nil {
			return nil, err
		}
		if msg.Header.Get(headerStored) == "" {
			msg.Header.Set(headerStored, old.Time.UTC().Format(time.RFC3339Nano))
		}
	}
	if hole || m.ids[seq] {
		msg.Header.Set(headerWrite, messageID(m.stream.name, strconv.FormatUint(seq, 10)))
	}
	msg.Header.Set(headerLast, strconv.FormatUint(seq-1, 10))
	return msg, nil
}

// compare holds the two streams against each other.
func (m *move) compare(ctx context.Context) error {
	old, err := m.from.info(ctx, m.stream)
	if err != nil {
		return err
	}
	fresh, err := m.to.info(ctx, m.stream)
	if err != nil {
		return err
	}
	o, n := old.State, fresh.State
	m.holes = uint64(o.NumDeleted)
	if o.LastSeq != n.LastSeq || n.NumDeleted != 0 || o.Msgs > 0 && (n.FirstSeq > o.FirstSeq || o.Msgs+m.holes != n.LastSeq-o.FirstSeq+1) {
		return fmt.Errorf("%s: the old store has %d messages from %d to %d, the new one %d from %d to %d", m.stream.name, o.Msgs, o.FirstSeq, o.LastSeq, n.Msgs, n.FirstSeq, n.LastSeq)
	}
	return nil
}
