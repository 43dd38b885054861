package tape

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/gofrs/flock"

	"pipeline/pipeline/internal/disk"
)

// store.go: the tapes of one mapping. There are at most two, the one of an
// interrupted run and the last complete one, told apart by their names, so that
// a rename is what makes a tape complete.

const (
	unfinishedName = "unfinished.tape"
	lastName       = "last.tape"
	newName        = "new.tape" // until its header is durable
	lockName       = "lock"
)

// Store is the tapes of one mapping, held against other runs of it until it is
// closed.
type Store struct {
	dir  string
	lock *flock.Flock
}

// Open opens the folder dir of one mapping, such as .pipeline/acme-attendees,
// and makes it where there is none. It fails where another process, or another
// Store, has it open.
func Open(dir string) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the state folder %s: %w", dir, disk.Cause(err))
	}
	path := filepath.Join(dir, lockName)
	lock := flock.New(path, flock.SetFlag(os.O_CREATE|os.O_RDWR), flock.SetPermissions(0o600))
	held, err := lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lock the state folder %s: %w", dir, disk.Cause(err))
	}
	if !held {
		return nil, fmt.Errorf("another run of this mapping is going on (%s holds %s); wait for it, or give this one its own state with --state DIR", holder(path), dir)
	}
	// Who holds the lock is a courtesy to the one who is refused; the lock
	// itself does not depend on it.
	_ = os.WriteFile(path, fmt.Appendf(nil, "process %d\n", os.Getpid()), 0o600)
	if err := remove(filepath.Join(dir, newName)); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return &Store{dir: dir, lock: lock}, nil
}

// holder is who wrote the lock file, in words.
func holder(path string) string {
	text, err := os.ReadFile(path)
	if who := strings.TrimSpace(string(text)); err == nil && who != "" {
		return who
	}
	return "another process"
}

// Close lets other runs of the mapping go on. Tapes are closed on their own.
func (s *Store) Close() error {
	if err := s.lock.Close(); err != nil {
		return fmt.Errorf("unlock the state folder %s: %w", s.dir, disk.Cause(err))
	}
	return nil
}

func (s *Store) path(name string) string { return filepath.Join(s.dir, name) }

// Unfinished is the tape of an interrupted run, or nil where there is none. An
// error that wraps ErrDamaged means that nothing of it can be used: Begin
// starts over.
func (s *Store) Unfinished() (*Tape, error) {
	t, err := load(s.path(unfinishedName), os.O_RDWR)
	if err != nil || t == nil {
		return nil, err
	}
	t.finish = s.publish
	// A killed run may have left what the system has, but not yet the disk.
	if err := errors.Join(t.file.Sync(), disk.SyncDir(s.dir)); err != nil {
		return nil, errors.Join(t.errorf("read", err), t.Close())
	}
	return t, nil
}

// Last is the last complete tape, or nil where there is none. It can only be
// read. A damaged one is no longer complete: that is an error which wraps
// ErrDamaged.
func (s *Store) Last() (*Tape, error) {
	t, err := load(s.path(lastName), os.O_RDONLY)
	if err != nil || t == nil {
		return nil, err
	}
	if t.damage != "" {
		err := fmt.Errorf("tape %s: %w: %s; run the mapping again to fetch it anew", t.path, ErrDamaged, t.damage)
		return nil, errors.Join(err, t.Close())
	}
	t.complete = true
	return t, nil
}

// load opens and scans a tape; it is nil where there is no such file.
func load(path string, flag int) (*Tape, error) {
	f, err := os.OpenFile(path, flag, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("open the tape %s: %w", path, disk.Cause(err))
	}
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open the tape %s: %w", path, disk.Cause(err)), f.Close())
	}
	c, err := scan(f, info.Size())
	if err != nil {
		return nil, errors.Join(fmt.Errorf("tape %s: %w%s", path, disk.Cause(err), advice(err)), f.Close())
	}
	if !c.ended && c.damage == "" && filepath.Base(path) == lastName {
		c.damage = "cut off after " + exchanges(len(c.index))
	}
	return newTape(f, path, info.Size(), c), nil
}

// advice is what to do about an error of a scan.
func advice(err error) string {
	switch {
	case errors.Is(err, ErrNewer):
		return "; update pipeline, or remove the tape with `pipeline purge`"
	case errors.Is(err, ErrDamaged):
		return "; start over with `pipeline run --fresh`"
	}
	return ""
}

// Begin makes a new, empty tape, durable when it returns. An unfinished one is
// removed; close it before.
func (s *Store) Begin(h Header) (*Tape, error) {
	fail := func(err error) (*Tape, error) {
		return nil, fmt.Errorf("begin a tape in %s: %w", s.dir, disk.Cause(err))
	}
	h.Started = h.Started.Round(0) // the clock's reading does not outlive the process
	head, err := json.Marshal(h)
	if err != nil {
		return fail(err)
	}
	data := firstLine()
	first := len(data)
	data = appendFrame(data, kindHeader, "", head)
	chain := seal(data[first:], crc32.Checksum(data[:first], castagnoli))

	f, err := os.OpenFile(s.path(newName), os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fail(err)
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fail(err)
	}
	path := s.path(unfinishedName)
	if err := os.Rename(s.path(newName), path); err != nil {
		return fail(err)
	}
	if err := disk.SyncDir(s.dir); err != nil {
		return fail(err)
	}
	if f, err = os.OpenFile(path, os.O_RDWR, 0); err != nil {
		return fail(err)
	}
	size := int64(len(data))
	t := newTape(f, path, size, &contents{header: h, index: map[id]entry{}, good: size, chain: chain})
	t.finish = s.publish
	return t, nil
}

// publish makes the unfinished tape the last complete one.
func (s *Store) publish() (string, error) {
	path := s.path(lastName)
	if err := os.Rename(s.path(unfinishedName), path); err != nil {
		return "", fmt.Errorf("complete the tape %s: %w", s.path(unfinishedName), disk.Cause(err))
	}
	return path, disk.SyncDir(s.dir)
}

// Purge removes all tapes and returns how many bytes that were.
func (s *Store) Purge() (bytes int64, err error) {
	for _, name := range []string{unfinishedName, lastName} {
		info, err := os.Stat(s.path(name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return bytes, fmt.Errorf("remove the tape %s: %w", s.path(name), disk.Cause(err))
		}
		if err := remove(s.path(name)); err != nil {
			return bytes, err
		}
		bytes += info.Size()
	}
	return bytes, disk.SyncDir(s.dir)
}

// Expire removes the tapes of runs that began before olderThan, and those that
// cannot be read and were written before it: what is kept of people is bounded
// in time.
func (s *Store) Expire(olderThan time.Time) error {
	for _, name := range []string{unfinishedName, lastName} {
		path := s.path(name)
		began, err := began(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("look at the tape %s: %w", path, disk.Cause(err))
		}
		if began.Before(olderThan) {
			if err := remove(path); err != nil {
				return err
			}
		}
	}
	return disk.SyncDir(s.dir)
}

// began is when the run of a tape began, by its header, or else when the file
// was written.
func began(path string) (time.Time, error) {
	f, err := os.Open(path)
	if err != nil {
		return time.Time{}, err
	}
	defer func() { _ = f.Close() }() // only read
	info, err := f.Stat()
	if err != nil {
		return time.Time{}, err
	}
	h, err := scanHeader(f, info.Size())
	if errors.Is(err, ErrDamaged) || errors.Is(err, ErrNewer) {
		return info.ModTime(), nil
	}
	return h.Started, err
}

// remove removes a file that may not be there.
func remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove %s: %w", path, disk.Cause(err))
	}
	return nil
}

// errorf is an error of doing something to the tape.
func (t *Tape) errorf(doing string, err error) error {
	hint := ""
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		hint = "; make room and run again: what was fetched is kept"
	}
	return fmt.Errorf("%s the tape %s: %w%s", doing, t.path, disk.Cause(err), hint)
}
