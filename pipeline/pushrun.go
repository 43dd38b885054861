package pipeline

// pushrun.go: a run of what was pushed. It reads the inbox from where the last one
// ended to what is there when it begins, and keeps that range until it is through:
// a run that dies is done again over the same pushes, with the same start, so that
// it makes the same bytes. Its effects are durable first; then it is noted, in the
// state folder, that they are.

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"pipeline/pipeline/ledger"
)

// The notes of push runs.
const (
	PushedFile  = "pushed.json"  // how far push runs got
	pushingFile = "pushing.json" // the one that is going on, or was interrupted
)

// The bounds of one push run. What is above them is the next one's.
const (
	maxPushes     = 10_000
	maxPushedSize = 64 << 20 // bytes of bodies
	maxPushedRows = 100_000  // after which no push is begun: what is known of each of them is in memory
)

// pushed is how far push runs got.
type pushed struct {
	Started time.Time `json:"started"`         // the last run that came to its end
	Seq     uint64    `json:"seq"`             // of the last push that it read
	Store   string    `json:"store,omitempty"` // where that is its place, see RunOptions.PushedStore
}

// PushRange is what a push run reads, and its start: with the same state before, the
// same range makes the same bytes.
type PushRange struct {
	Started time.Time `json:"started"`
	After   uint64    `json:"after"`
	UpTo    uint64    `json:"up_to"`
	Store   string    `json:"store,omitempty"`
}

// pushRun is a run of what was pushed.
type pushRun struct {
	PushRange
	inbox   boundedInbox
	page    uint64                  // the push of the page that was admitted last
	rows    int                     // that were admitted
	cut     bool                    // it ended before a push that the next run begins with
	reached uint64                  // the last push of which all was written, when reading is over
	enough  func()                  // ends reading
	settled map[ledger.Hash]settled // what the run rejected before, see loadSettled
}

// PushedIn is how far push runs got in a store by the state in a folder; known is
// false where there was none.
func PushedIn(dir, store string) (seq uint64, known bool, err error) {
	var at pushed
	if err := at.load(dir); err != nil || at.Started.IsZero() || otherStore(at.Store, store) {
		return 0, false, err
	}
	return at.Seq, true, nil
}

// otherStore reports whether a place that was kept is one in another store. Where
// either is not named nothing is known.
func otherStore(kept, store string) bool { return kept != "" && store != "" && kept != store }

// PushPlace is how far push runs got, for people.
type PushPlace struct {
	Seq         uint64     `json:"seq"`                   // of the last push that was mapped
	Ran         *time.Time `json:"ran,omitempty"`         // the run that mapped it; nil: none came to its end
	Interrupted uint64     `json:"interrupted,omitempty"` // how far a run was to go that was interrupted
}

// PushPlaceIn is how far push runs got by the state in a folder; nil where there was
// none.
func PushPlaceIn(dir string) (*PushPlace, error) {
	var at pushed
	var going PushRange
	if err := errors.Join(at.load(dir), going.load(dir)); err != nil {
		return nil, err
	}
	p := &PushPlace{Seq: at.Seq}
	if !at.Started.IsZero() {
		p.Ran = &at.Started
	}
	if going.interrupted(at) {
		p.Interrupted = going.UpTo
	}
	if p.Ran == nil && p.Interrupted == 0 {
		return nil, nil
	}
	return p, nil
}

// PushInterrupted reports whether a push run was interrupted, by the state in a
// folder: it has to be gone on with before anything else is run.
func PushInterrupted(dir string) (bool, error) {
	var at pushed
	var going PushRange
	if err := errors.Join(at.load(dir), going.load(dir)); err != nil {
		return false, err
	}
	return going.interrupted(at), nil
}

// RedoPush lets the next push run by the state in a folder be one that was begun by
// another node. follows is false where it does not begin where that state ends.
func RedoPush(dir string, p PushRange) (follows bool, err error) {
	var at pushed
	if err := at.load(dir); err != nil {
		return false, err
	}
	if !at.Started.IsZero() && (otherStore(at.Store, p.Store) || p.After != at.Seq || !p.Started.After(at.Started)) {
		return false, nil
	}
	if err := MakeState(dir); err != nil {
		return false, err
	}
	return true, saveJSON(filepath.Join(dir, pushingFile), p)
}

// interrupted reports whether that run did not come to its end.
func (p *PushRange) interrupted(last pushed) bool {
	return !p.Started.IsZero() && !p.Started.Equal(last.Started)
}

// keepPushed opens the state folder and decides what this run reads: what an
// interrupted one did, or what was pushed since.
func (r *run) keepPushed(ctx context.Context) error {
	dir := r.o.State
	if dir == "" {
		return errors.New("a run of what was pushed needs a state folder: it has to know how far the last one got")
	}
	store, err := openState(dir)
	if err != nil {
		return err
	}
	r.kept.dir, r.kept.store = dir, store
	if r.plan.push == nil {
		return errors.New("nothing can be pushed to this mapping")
	}
	if copies, err := copiesIn(dir); err != nil || len(copies) > 0 {
		return errors.Join(err, errPullFirst)
	}
	var last pushed
	r.push = &pushRun{}
	if err := errors.Join(last.load(dir), r.push.load(dir)); err != nil {
		return err
	}
	switch {
	case !r.push.interrupted(last):
		if err := r.newPush(ctx, last); err != nil {
			return err
		}
	case otherStore(r.push.Store, r.o.PushedStore):
		return fmt.Errorf("a run of the pushes up to number %d was interrupted, and they are in another store than this one, from which this state was moved; end that run there and move the state again, or remove %s to leave them out", r.push.UpTo, filepath.Join(dir, pushingFile))
	}
	if r.o.PushBegins != nil && !r.push.nothing() {
		if err := r.o.PushBegins(ctx, r.push.PushRange); err != nil {
			return err
		}
	}
	r.push.inbox = boundedInbox{Inbox: r.o.Pushed}
	r.push.reached = r.push.After
	world := *r.o.World
	world.Now = r.push.Started
	r.o.World = &world
	return nil
}

// errPullFirst is why nothing that was pushed is mapped.
var errPullFirst = errors.New("a run was interrupted while it changed the reject file; run the mapping first, it goes on where it was")

// newPush notes what a new push run reads, where there is anything.
func (r *run) newPush(ctx context.Context, last pushed) error {
	after, moved := last.Seq, otherStore(last.Store, r.o.PushedStore)
	if last.Started.IsZero() || moved {
		after = r.o.PushedAfter
	}
	upTo, err := r.o.Pushed.Last(ctx)
	if err != nil {
		return fmt.Errorf("look for what was pushed: %w", err)
	}
	started := r.o.World.Now.Round(0)
	if !started.After(last.Started) { // the clock was set back; runs are told apart by their start
		started = last.Started.Add(1)
	}
	if upTo == 0 {
		upTo = after // nothing was pushed, or all of it is too old to be kept
	}
	if upTo < after {
		return fmt.Errorf("the store has pushes up to %d, and the last run has read number %d: it is not the store that it was; remove %s to map all that this one has", upTo, after, filepath.Join(r.kept.dir, PushedFile))
	}
	r.push.PushRange = PushRange{Started: started, After: after, UpTo: upTo, Store: r.o.PushedStore}
	if r.push.UpTo == after {
		return nil
	}
	if moved {
		r.notice("this state was moved here from another store, whose pushes were mapped up to number %d; those of this store are mapped from number %d on", last.Seq, after+1)
	}
	return saveJSON(filepath.Join(r.kept.dir, pushingFile), r.push.PushRange)
}

// nothing reports whether there is nothing to read.
func (p *pushRun) nothing() bool { return p != nil && p.UpTo == p.After }

// refuseWhilePushing reports that an interrupted push run has to come first, for
// rows of it may be in a file that cannot tell them from others.
func (r *run) refuseWhilePushing() error {
	if r.o.State == "" || r.looks || r.plan.AppendsTo() == "" {
		return nil
	}
	if interrupted, err := PushInterrupted(r.o.State); err != nil || !interrupted {
		return err
	}
	return errors.New("a run of what was pushed was interrupted, and some of its rows may be in the file already; `pipeline serve` goes on with it when it is started")
}

// boundedInbox ends reading where a run has enough.
type boundedInbox struct {
	Inbox
	ended bool // before the range did, at …
	last  uint64
}

// Read implements Inbox.
func (b *boundedInbox) Read(ctx context.Context, after, upTo uint64, yield func(Pushed) error) error {
	pushes, size := 0, 0
	return b.Inbox.Read(ctx, after, upTo, func(p Pushed) error {
		if pushes++; pushes > maxPushes || pushes > 1 && size+len(p.Body) > maxPushedSize {
			b.ended = true
			return errEnough
		}
		size += len(p.Body)
		b.last = p.Seq
		return yield(p)
	})
}

// pushRunSource reads the pushes of a run, each in pages of its own.
type pushRunSource struct {
	push *Push
	run  *pushRun
}

// Read implements Source.
func (s *pushRunSource) Read(ctx context.Context, _ Position, yield func(*Page) error) error {
	return s.run.inbox.Read(ctx, s.run.After, s.run.UpTo, func(p Pushed) error {
		return s.push.Source(onePush(p), p.Seq-1, p.Seq).Read(ctx, "", yield)
	})
}

// onePush is an inbox of one push.
type onePush Pushed

// Last implements Inbox.
func (o onePush) Last(context.Context) (uint64, error) { return o.Seq, nil }

// Read implements Inbox.
func (o onePush) Read(_ context.Context, _, _ uint64, yield func(Pushed) error) error {
	return yield(Pushed(o))
}

// errNextRun ends a push run before a push that the next run begins with.
var errNextRun = errors.New("the next run begins with this push")

// beginPage begins a push, or reports errNextRun. A key may come again with each
// push: that is a change of its row.
func (r *run) beginPage(j *job) (err error) {
	if r.push == nil {
		return nil
	}
	rows := r.push.rows
	r.push.rows += len(j.items)
	if j.page.First > 0 { // a later piece of a page
		return nil
	}
	seq := j.push()
	if seq == r.push.page {
		return nil // the push was begun, and ends in this run
	}
	cut := rows >= maxPushedRows
	if !cut {
		if cut, err = r.closesReject(j); err != nil {
			return err
		}
	}
	if cut {
		r.push.reached, r.push.cut = seq-1, true
		return errNextRun
	}
	r.push.page = seq
	if r.delivery.seen == nil {
		return nil
	}
	return r.delivery.seen.Close()
}

// closesReject reports whether a push has a record that was rejected in this run, and
// is not rejected again: only the next run finds that reject, and closes it. j is the
// first piece of the push, and knows of rejects in no other.
func (r *run) closesReject(j *job) (bool, error) {
	if r.delivery.rejected.Len() == 0 {
		return false, nil
	}
	again := map[int]bool{}
	for i := range j.rejected {
		again[j.rejected[i].item] = true
	}
	all := j.page
	if all.whole != nil {
		all = all.whole.page
	}
	for i := range all.Records {
		if again[i] {
			continue
		}
		if has, err := r.delivery.rejected.Has(r.plan.identityOf(&all.Records[i])); has || err != nil {
			return has, err
		}
	}
	return false, nil
}

// noteRejected notes which records of a page a run of pushes rejects.
func (r *run) noteRejected(j *job) error {
	if r.push == nil {
		return nil
	}
	for i := range j.rejected {
		if _, err := r.delivery.rejected.Add(r.plan.identityOf(&j.page.Records[j.rejected[i].item])); err != nil {
			return err
		}
	}
	return nil
}

// endPushed works out how far a push run got that read what it should.
func (r *run) endPushed() {
	p := r.push
	switch {
	case p == nil, p.cut:
	case p.inbox.ended:
		p.reached = p.inbox.last
	default:
		p.reached = p.UpTo
	}
}

// advancePushed remembers that all is published that a push run read.
func (r *run) advancePushed() error {
	at := pushed{Started: r.push.Started, Seq: r.push.reached, Store: cmp.Or(r.push.Store, r.o.PushedStore)}
	if err := saveJSON(filepath.Join(r.kept.dir, PushedFile), at); err != nil {
		return err
	}
	r.report.PushedTo = at.Seq
	return r.forget(pushingFile)
}

func (p *pushed) load(dir string) error {
	return loadJSON(filepath.Join(dir, PushedFile), p, "how far runs of what was pushed got", "to map all of it that is kept again")
}

func (p *PushRange) load(dir string) error {
	return loadJSON(filepath.Join(dir, pushingFile), p, "which pushes a run was mapping", "where no run was interrupted")
}
