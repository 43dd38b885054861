package rest

// sharedbook.go: a budget that all processes of a user share, as a small file
// that is read, changed and written for each call, under the lock of its folder.
// Nothing is synced to the disk: a kill takes nothing from what was written, and
// what a crash of the machine takes is found out by its checksum.

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/gofrs/flock"

	"pipeline/pipeline"
)

// LimitsFolder is where the calls of this user's processes are written down:
// $XDG_STATE_HOME/pipeline/limits, else ~/.local/state/pipeline/limits.
func LimitsFolder() (string, error) {
	if state := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(state) { // a relative one is invalid, says the XDG specification
		return filepath.Join(state, "pipeline", "limits"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(home, ".local", "state", "pipeline", "limits"), nil
}

const (
	callsSuffix  = ".calls"
	lockPatience = time.Millisecond // between two tries to get the lock
	lockTimeout  = 10 * time.Second // to write down that a call is over
	staleAfter   = 24 * time.Hour   // a file that nobody wrote for so long is removed
)

// callsFolder is the folder of the shared books. One lock serves all books in
// it: it is held for some microseconds, and a book can be removed under it.
type callsFolder struct {
	find func() (string, error)

	mu   sync.Mutex
	dir  string
	lock *flock.Flock // nil before the first use
}

// change gives the ring that is kept in file to do, and keeps it where do says
// that it was changed. A ring that cannot be read knows nothing of what was
// before now.
func (f *callsFolder) change(ctx context.Context, file string, do func(*ring) (changed bool)) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("share the rate limit with other runs on this machine: %w", err)
		}
	}()
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.open(); err != nil {
		return fmt.Errorf("%w; set XDG_STATE_HOME to a folder that can be written", err)
	}
	if _, err := f.lock.TryLockContext(ctx, lockPatience); err != nil {
		return fmt.Errorf("lock %s: %w", f.dir, err)
	}
	defer func() { err = errors.Join(err, f.lock.Unlock()) }()
	path := filepath.Join(f.dir, file)
	r, err := readRing(path)
	if err != nil {
		return err
	}
	now := time.Now()
	damaged := r == nil
	if damaged {
		r = &ring{unknown: now}
	}
	mended := r.mend(now)
	if !do(r) && !mended && !damaged {
		return nil
	}
	r.forget(now)
	return writeRing(path, r)
}

// open makes the folder and removes the books in it that say nothing any more.
func (f *callsFolder) open() error {
	if f.lock != nil {
		return nil
	}
	dir, err := f.find()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	lock := flock.New(filepath.Join(dir, "lock"), flock.SetFlag(os.O_CREATE|os.O_RDWR), flock.SetPermissions(0o600))
	held, err := lock.TryLock()
	if err != nil {
		return err
	}
	if held { // whoever holds it now has tidied up, or somebody will next time
		removeStale(dir, time.Now())
		if err := lock.Unlock(); err != nil {
			return err
		}
	}
	f.dir, f.lock = dir, lock
	return nil
}

// removeStale removes the books whose last call is longer ago than any of their
// windows. What cannot be removed does no harm.
func removeStale(dir string, now time.Time) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !strings.HasSuffix(e.Name(), callsSuffix) || now.Sub(info.ModTime()) < staleAfter {
			continue
		}
		path := filepath.Join(dir, e.Name())
		r, err := readRing(path)
		if err == nil && (r == nil || now.Sub(info.ModTime()) > r.longest+onItsWay) {
			_ = os.Remove(path)
		}
	}
}

// readRing is the ring in a file; a new one where there is no file, and nil where
// it cannot be understood.
func readRing(path string) (*ring, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return &ring{}, nil
	}
	if err != nil {
		return nil, err
	}
	r, newer := decodeRing(text)
	if newer {
		return nil, fmt.Errorf("%s was written by a newer pipeline; update this one, or remove the file when no run is going on", path)
	}
	return r, nil
}

// writeRing writes over what is in the file. It is one write, so that a kill
// leaves the old ring or the new one.
func writeRing(path string, r *ring) (err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	text := encodeRing(r)
	if _, err := f.WriteAt(text, 0); err != nil {
		return err
	}
	if info, err := f.Stat(); err == nil && info.Size() > 2*int64(len(text)) {
		return f.Truncate(int64(len(text))) // what is behind the ring is read each time
	}
	return nil
}

// mend makes a ring that was read fit for use: calls of processes that are gone
// are over, and times that have not come yet are from before somebody set the
// clock back. It reports whether it had to.
func (r *ring) mend(now time.Time) bool {
	soon := now.Add(onItsWay)
	mended := false
	for i := len(r.times) - 1; i >= 0 && r.times[i].After(soon); i-- {
		r.times[i], mended = now, true
	}
	if r.unknown.After(soon) {
		r.unknown, mended = now, true
	}
	if latest := now.Add(maxPatience); r.paused.After(latest) {
		r.paused, mended = latest, true
	}
	return r.bury(soon) || mended
}

// bury counts the calls of processes that are gone as answered: what they sent
// has arrived by at.
func (r *ring) bury(at time.Time) bool {
	living := map[string]bool{}
	var dead []slot
	for _, f := range r.flights {
		lives, known := living[f.holder]
		if !known {
			lives = alive(f.holder)
			living[f.holder] = lives
		}
		if !lives {
			dead = append(dead, f.slot)
		}
	}
	for _, s := range dead {
		r.answered(s, at)
	}
	return len(dead) > 0
}

// sharedBook is a book that all processes of this user share.
type sharedBook struct {
	folder *callsFolder
	file   string
}

func newSharedBook(folder *callsFolder, key budgetKey) *sharedBook {
	sum := sha256.Sum256([]byte(strings.Join([]string{key.connector, key.baseURL, key.connection}, "\x00")))
	return &sharedBook{folder, hex.EncodeToString(sum[:16]) + callsSuffix}
}

func (b *sharedBook) reserve(ctx context.Context, _ time.Time, limits []pipeline.Limit) (s slot, ok bool, again time.Time, err error) {
	err = b.folder.change(ctx, b.file, func(r *ring) bool {
		// the time is taken under the lock: it may have been waited for
		s, ok, again = r.reserve(time.Now().Round(0), limits, self())
		return ok
	})
	return s, ok && err == nil, again, err
}

func (b *sharedBook) answered(s slot, at time.Time) error {
	return b.write(func(r *ring) { r.answered(s, at) })
}

func (b *sharedBook) pause(until time.Time) error {
	return b.write(func(r *ring) { r.pause(until) })
}

// write changes the book, whatever became of the run.
func (b *sharedBook) write(do func(*ring)) error {
	ctx, cancel := context.WithTimeout(context.Background(), lockTimeout)
	defer cancel()
	return b.folder.change(ctx, b.file, func(r *ring) bool { do(r); return true })
}
