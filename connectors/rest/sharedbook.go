package rest

// sharedbook.go: a budget that all processes of a user share, as a small file
// that is read, changed and written for each call, under the lock of its folder.
// Nothing is synced to the disk: a kill takes nothing from what was written, and
// what a crash of the machine takes is found out by its checksum.

import (
	"bytes"
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

	mu   sync.Mutex // guards what follows
	dir  string
	lock *flock.Flock // nil before the first use

	text []byte // memory for what is read and written
	ring ring
}

// change gives the ring that is kept in a file to do, and keeps it where do says
// that it was changed. A ring that cannot be understood knows nothing of what was
// before now.
func (f *callsFolder) change(ctx context.Context, name string, do func(*ring) (changed bool)) (err error) {
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
	file, fresh, err := openBook(filepath.Join(f.dir, name))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	now := time.Now()
	known := fresh
	if fresh {
		f.ring.reset()
	} else if known, err = f.read(file); err != nil {
		return err
	}
	if !known {
		f.ring.reset()
		f.ring.unknown = now
	}
	mended := f.ring.mend(now)
	if !do(&f.ring) && !mended && known {
		return nil
	}
	f.ring.forget(now)
	return f.write(file)
}

// openBook opens the file of a book; fresh reports that there was none.
func openBook(path string) (file *os.File, fresh bool, err error) {
	file, err = os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		file, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
		return file, true, err
	}
	return file, false, err
}

// read reads the ring; known is false where it cannot be understood.
func (f *callsFolder) read(file *os.File) (known bool, err error) {
	text := bytes.NewBuffer(f.text[:0])
	if _, err := text.ReadFrom(file); err != nil {
		return false, err
	}
	f.text = text.Bytes()
	known, newer := f.ring.decode(f.text)
	if newer {
		return false, fmt.Errorf("%s was written by a newer pipeline; update this one, or remove the file when no run is going on", file.Name())
	}
	return known, nil
}

// write writes over what is in the file. It is one write, so that a kill leaves
// the old ring or the new one.
func (f *callsFolder) write(file *os.File) error {
	f.text = f.ring.encode(f.text[:0])
	if _, err := file.WriteAt(f.text, 0); err != nil {
		return err
	}
	if info, err := file.Stat(); err == nil && info.Size() > 2*int64(len(f.text)) {
		return file.Truncate(int64(len(f.text))) // what is behind the ring is read each time
	}
	return nil
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
		f.removeStale(dir, time.Now())
		if err := lock.Unlock(); err != nil {
			return err
		}
	}
	f.dir, f.lock = dir, lock
	return nil
}

// removeStale removes the books whose last call is longer ago than any of their
// windows. What cannot be removed does no harm.
func (f *callsFolder) removeStale(dir string, now time.Time) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !strings.HasSuffix(e.Name(), callsSuffix) || now.Sub(info.ModTime()) < staleAfter {
			continue
		}
		file, _, err := openBook(filepath.Join(dir, e.Name()))
		if err != nil {
			continue
		}
		known, err := f.read(file)
		if err = errors.Join(err, file.Close()); err == nil && (!known || now.Sub(info.ModTime()) > f.ring.longest+onItsWay) {
			_ = os.Remove(file.Name())
		}
	}
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
