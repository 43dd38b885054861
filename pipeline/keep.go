package pipeline

// keep.go: what a run keeps for the next one, in the mapping's state folder: a
// tape of what was fetched, and how far an incremental run got.

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"pipeline/pipeline/internal/disk"
	"pipeline/pipeline/tape"
)

// keepTapes is how long the tape of the last complete run is kept.
const keepTapes = 7 * 24 * time.Hour

// overlap is how far an incremental run looks back behind the start of the one
// before: clocks differ, and a platform may show a change late.
const overlap = 10 * time.Minute

// kept is the state of one run. The zero kept keeps nothing.
type kept struct {
	dir      string
	identity string
	store    *tape.Store
	tape     *tape.Tape
	replay   bool
	position position
	hits     atomic.Int64 // answers that came from the tape
}

// position is how far incremental runs got.
type position struct {
	Identity string    `json:"identity"`
	Since    time.Time `json:"since"` // for the next run
}

// Identity tells what a plan fetches: two plans with the same one, or one plan
// on two days, fetch the same thing. Rate, concurrency and schema do not count.
func (p *Plan) Identity() string {
	s := p.source
	asked := maps.Clone(s.options)
	maps.DeleteFunc(asked, func(_ string, v any) bool { _, isGroup := v.(Options); return isGroup }) // what can be pushed is not fetched
	options, err := json.Marshal(asked)                                                              // sorted by name
	if err != nil {
		panic(err) // options are texts, numbers and lists of them
	}
	sum := sha256.Sum256([]byte(strings.Join([]string{s.connector.Name, s.stream.Name, s.connection, string(options)}, "\x00")))
	return hex.EncodeToString(sum[:])
}

// keep opens the state folder and decides what this run starts from: a new
// tape, that of an interrupted run, or the last complete one.
func (r *run) keep(ctx context.Context) error {
	if r.o.Pushed != nil {
		return r.keepPushed(ctx)
	}
	if err := r.refuseWhilePushing(); err != nil {
		return err
	}
	if r.o.Rejects {
		return r.keepRejects()
	}
	p, dir := r.plan, r.o.State
	if dir == "" || !p.source.connector.Remote || r.o.Source != nil {
		return nil
	}
	if r.o.Replay && !p.source.tape {
		return errors.New("there is nothing to replay: this mapping says tape: off")
	}
	if !p.source.tape && !p.source.incremental {
		return nil
	}
	store, err := openState(dir)
	if err != nil {
		return err
	}
	r.kept.dir, r.kept.identity, r.kept.store, r.kept.replay = dir, p.Identity(), store, r.o.Replay
	if err := r.kept.position.load(dir); err != nil {
		return err
	}
	if r.kept.position.Identity != r.kept.identity {
		r.kept.position = position{Identity: r.kept.identity}
	}
	if !p.source.tape {
		return nil
	}
	if r.o.Replay {
		return r.replayTape()
	}
	if err := r.recordTape(); err != nil {
		return err
	}
	return r.beginMirror(ctx)
}

// openState makes a mapping's state folder, and holds it until the store is closed.
func openState(dir string) (*tape.Store, error) {
	if err := MakeState(dir); err != nil {
		return nil, err
	}
	return tape.Open(dir)
}

// MakeState makes a folder for what is kept between runs. What is in it is people's
// data: for its owner only, and not for git.
func MakeState(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the state folder %s: %w", dir, disk.Cause(err))
	}
	if parent := filepath.Dir(dir); filepath.Base(parent) == ".pipeline" {
		ignore, err := os.OpenFile(filepath.Join(parent, ".gitignore"), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err == nil {
			_, err = ignore.WriteString("*\n")
			err = errors.Join(err, ignore.Close())
		}
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("write into the state folder %s: %w", parent, disk.Cause(err))
		}
	}
	return nil
}

// replayTape maps what the last complete run fetched.
func (r *run) replayTape() error {
	t, err := r.kept.store.Last()
	switch {
	case err != nil:
		return err
	case t == nil:
		return errors.New("there is no complete tape to replay; run it once without --replay")
	}
	r.kept.tape = t
	if len(r.plan.RowTargets()) > 0 && !r.looks {
		newer, err := r.kept.store.Unfinished()
		if newer != nil {
			err = errors.Join(err, newer.Close())
		}
		if err != nil {
			return err
		}
		if newer != nil && !unused(newer) {
			return errors.New("a newer run was interrupted, and receivers may have rows of it, which a replay would set back; run it without --replay first")
		}
	}
	if h := t.Header(); h.Identity != r.kept.identity {
		return fmt.Errorf("the tape of %s is of another source (%s): a changed mapping can replay it, a changed source has to be fetched; run it without --replay", when(h.Started), h.Source)
	}
	r.from(t)
	return nil
}

// recordTape goes on with the tape of an interrupted run, or begins a new one.
func (r *run) recordTape() error {
	store, now := r.kept.store, r.o.World.Now
	if err := store.Expire(now.Add(-keepTapes)); err != nil {
		return err
	}
	t, err := store.Unfinished()
	if err != nil && !errors.Is(err, tape.ErrDamaged) {
		return err
	}
	if err != nil {
		r.notice("the tape of the interrupted run is %v; starting over", err)
	}
	if t != nil && r.usable(t) {
		if damage := t.Damage(); damage != "" {
			r.notice("the tape was %s", damage)
		}
		if n := t.Len(); n > 0 {
			r.notice("going on with the run of %s: what is on its tape is not fetched again (%d answers so far)", when(t.Header().Started), n)
		}
		r.kept.tape = t
		r.from(t)
		return nil
	}
	if t != nil {
		if err := t.Close(); err != nil {
			return err
		}
	}
	r.kept.tape, err = store.Begin(tape.Header{Identity: r.kept.identity, Source: r.plan.From(), Since: r.kept.position.Since, Started: now})
	return err
}

// usable reports whether an interrupted run can be gone on with, and says why
// not.
func (r *run) usable(t *tape.Tape) bool {
	h := t.Header()
	switch age := r.o.World.Now.Sub(h.Started); {
	case unused(t):
	case r.o.Fresh:
		r.notice("starting over, without the %d answers of the run of %s", t.Len(), when(h.Started))
	case h.Identity != r.kept.identity:
		r.notice("the source of this mapping was changed since the interrupted run of %s; starting over", when(h.Started))
	case age > r.plan.source.resume:
		r.notice("the interrupted run of %s is older than resume: %s; starting over", when(h.Started), r.plan.source.resume)
	default:
		return true
	}
	return false
}

// unused reports whether the run of a tape got no answer, as where nobody was
// logged in: it gave nobody anything, and there is nothing to go on with.
func unused(t *tape.Tape) bool { return t.Len() == 0 && t.Damage() == "" }

// from makes the run's start that of the tape, so that now() stays the same.
func (r *run) from(t *tape.Tape) {
	world := *r.o.World
	world.Now = t.Header().Started
	r.o.World = &world
}

// tape is what the source keeps its answers on, or nil.
func (r *run) tape() Tape {
	if r.kept.tape == nil {
		return nil
	}
	counted := &countedTape{Tape: r.mirrored(), hits: &r.kept.hits}
	if r.o.Share == nil || r.kept.replay {
		return counted
	}
	// one name of a connection may mean two accounts: each mapping has its .env
	var token Token
	if r.o.World.Token != nil {
		token, _ = r.o.World.Token(r.plan.source.connection) // without one, the first call says so
	}
	account := token.Value
	if !token.RenewAt.IsZero() {
		account = token.Source // the token changes while runs go on, the account does not
	}
	shared := r.o.Share.join(r.kept.identity+"\x00"+account, r.mirrored())
	r.leave = shared.leave
	counted.Tape = shared
	return counted
}

// ownTape is a tape on disk, where nobody waits for another.
type ownTape struct{ *tape.Tape }

func (t ownTape) Get(_ context.Context, request string, dst []byte) ([]byte, bool, error) {
	return t.Tape.Get(request, dst)
}

// countedTape counts the answers that were on the tape.
type countedTape struct {
	Tape
	hits *atomic.Int64
}

func (t *countedTape) Get(ctx context.Context, request string, dst []byte) ([]byte, bool, error) {
	body, ok, err := t.Tape.Get(ctx, request, dst)
	if ok {
		t.hits.Add(1)
	}
	return body, ok, err
}

// partial reports whether a run does not see all records that there are.
func (r *run) partial() bool { return r.plan.source.incremental || r.push != nil }

// since is what an incremental run asks for.
func (r *run) since() time.Time {
	switch {
	case !r.plan.source.incremental:
		return time.Time{}
	case r.kept.tape != nil:
		return r.kept.tape.Header().Since
	default:
		return r.kept.position.Since
	}
}

// advance remembers, when all is published, how far the run got.
func (r *run) advance() error {
	if r.push == nil {
		if err := r.forget(unpublishedFile); err != nil {
			return err
		}
	}
	for _, s := range r.delivery.sinks {
		if err := s.finish(); err != nil {
			return err
		}
	}
	if err := r.versions.keep(); err != nil {
		return err
	}
	k := &r.kept
	switch {
	case r.push != nil:
		return r.advancePushed()
	case r.o.Rejects:
		return r.forget(replayFile)
	}
	if k.store == nil || k.replay {
		return nil
	}
	if r.plan.source.incremental {
		k.position.Since = r.o.World.Now.Add(-overlap)
		if err := k.position.save(k.dir); err != nil {
			return err
		}
	}
	if k.tape == nil {
		return nil
	}
	if err := k.tape.Complete(); err != nil {
		return err
	}
	return r.dropCopies("")
}

// close ends the use of the state folder. A tape that others may still read is
// closed by the Share.
func (k *kept) close(share *Share) error {
	var err error
	if k.tape != nil && !share.keepOpen(k.tape) {
		err = k.tape.Close()
	}
	if k.store != nil {
		err = errors.Join(err, k.store.Close())
	}
	return err
}

func (r *run) notice(format string, args ...any) {
	if r.o.Notice != nil {
		r.o.Notice(fmt.Sprintf(format, args...))
	}
}

// when is a time as people name it.
func when(t time.Time) string { return t.Local().Format("2006-01-02 15:04") }

func (p *position) load(dir string) error {
	return loadJSON(filepath.Join(dir, PositionFile), p, "how far the last run got", "to fetch all")
}

// loadJSON reads a small file of state into v, which stays as it is where there is
// none. says is what the file says, and remove when, or what for, it may be removed.
func loadJSON(name string, v any, says, remove string) error {
	src, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = json.Unmarshal(src, v)
	}
	if err != nil {
		return fmt.Errorf("read %s, which says %s: %w; remove it %s", name, says, disk.Cause(err), remove)
	}
	return nil
}

func (p *position) save(dir string) error { return saveJSON(filepath.Join(dir, PositionFile), p) }

// saveJSON makes a small file of state, durable when it returns nil.
func saveJSON(name string, v any) error {
	src, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return WriteFile(name, append(src, '\n'), 0o600)
}
