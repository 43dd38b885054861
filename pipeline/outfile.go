package pipeline

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"

	"pipeline/pipeline/internal/disk"
)

// OutFile is a file that appears whole under its name, or not at all. What is
// written goes to a hidden file beside it, which is locked: two runs cannot
// write one output, and a killed run leaves a file that the next one takes over
// instead of a litter of them.
type OutFile struct {
	*os.File

	// Mode is the permissions of the published file. 0 is those of the file it
	// replaces, or those that any new file gets.
	Mode fs.FileMode

	path             string
	lock             *flock.Flock
	committed, ended bool
}

// WriteFile publishes content as path, whole and durable when it returns nil; else
// what was there stays. The folder must exist. mode is that of OutFile.
func WriteFile(path string, content []byte, mode fs.FileMode) error {
	return writeFrom(path, bytes.NewReader(content), mode)
}

// writeFrom is WriteFile for all that there is to read.
func writeFrom(path string, from io.Reader, mode fs.FileMode) error {
	f, err := CreateOutFile(path)
	if err != nil {
		return err
	}
	f.Mode = mode
	if _, err = io.Copy(f, from); err != nil {
		err = fmt.Errorf("write %s: %w", path, disk.Cause(err))
	}
	if err == nil {
		err = f.Flush()
	}
	if err == nil {
		err = f.Commit()
	}
	if err != nil {
		return errors.Join(err, f.Abort())
	}
	return nil
}

// lockTries bounds how often CreateOutFile begins again because another run
// published its file between two of our steps.
const lockTries = 10

// CreateOutFile begins a file that will be published as path. The folder must
// exist: a typo in a path should not become a folder.
func CreateOutFile(path string) (*OutFile, error) {
	if real, err := filepath.EvalSymlinks(path); err == nil && real != filepath.Clean(path) {
		path = real // a link stays a link
	}
	if err := checkFolder(path); err != nil {
		return nil, err
	}
	switch info, err := os.Stat(path); {
	case err == nil && info.IsDir():
		return nil, fmt.Errorf("write %s: it is a folder; name a file in it", path)
	case err == nil && !info.Mode().IsRegular():
		return nil, fmt.Errorf("write %s: it is a device or a pipe, and a file would take its place; write to - for stdout", path)
	}
	dir, base := filepath.Split(path)
	partial := filepath.Join(dir, "."+base+".partial")
	for range lockTries {
		switch file, lock, err := openLocked(partial); {
		case errors.Is(err, errMoved):
		case errors.Is(err, errLocked):
			return nil, fmt.Errorf("write %s: another run is writing it; wait for that one, or give this one its own place with --out DIR", path)
		case err != nil:
			return nil, fmt.Errorf("write %s: %w", path, disk.Cause(err))
		default:
			return &OutFile{File: file, path: path, lock: lock}, nil
		}
	}
	return nil, fmt.Errorf("write %s: other runs keep publishing it; give this one its own place with --out DIR", path)
}

// checkFolder reports that the folder of path is missing, or is none.
func checkFolder(path string) error {
	dir := filepath.Dir(path)
	switch info, err := os.Stat(dir); {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("write %s: there is no folder %s; make it first:\n  mkdir -p %s", path, dir, dir)
	case err != nil:
		return fmt.Errorf("write %s: %w", path, disk.Cause(err))
	case !info.IsDir():
		return fmt.Errorf("write %s: %s is a file, not a folder", path, dir)
	}
	return nil
}

var (
	errLocked = errors.New("another process holds the lock")
	errMoved  = errors.New("the file was renamed before it was locked")
)

// openLocked opens partial, empty and locked for us alone.
func openLocked(partial string) (_ *os.File, _ *flock.Flock, err error) {
	lock := flock.New(partial, flock.SetFlag(os.O_CREATE|os.O_RDWR|noFollow), flock.SetPermissions(0o600))
	switch held, err := lock.TryLock(); {
	case err != nil:
		return nil, nil, err
	case !held:
		return nil, nil, errors.Join(errLocked, lock.Close())
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, lock.Close())
		}
	}()
	file, err := os.OpenFile(partial, os.O_WRONLY|noFollow, 0o600)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil, errMoved
	case err != nil:
		return nil, nil, err
	}
	// The name may meanwhile be another run's file, so it is emptied only once
	// it is known to be the one we locked.
	if same, err := sameFile(lock, file); err != nil || !same {
		if err == nil {
			err = errMoved
		}
		return nil, nil, errors.Join(err, file.Close())
	}
	if err := file.Truncate(0); err != nil {
		return nil, nil, errors.Join(err, file.Close())
	}
	return file, lock, nil
}

func sameFile(lock *flock.Flock, file *os.File) (bool, error) {
	locked, err := lock.Stat()
	if err != nil {
		return false, err
	}
	opened, err := file.Stat()
	if err != nil {
		return false, err
	}
	return os.SameFile(locked, opened), nil
}

// Path is the name under which the file will be published.
func (f *OutFile) Path() string { return f.path }

// Flush makes what was written durable.
func (f *OutFile) Flush() error {
	if err := f.Sync(); err != nil {
		return fmt.Errorf("write %s: %w", f.path, disk.Cause(err))
	}
	return nil
}

// Commit publishes the file under its name and makes the name durable. Twice is
// safe.
func (f *OutFile) Commit() error {
	switch {
	case f.committed:
		return nil
	case f.ended:
		return fmt.Errorf("publish %s: it was given up before", f.path)
	}
	if err := errors.Join(f.Chmod(f.mode()), f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", f.path, disk.Cause(err))
	}
	if err := os.Rename(f.lock.Path(), f.path); err != nil {
		return fmt.Errorf("publish %s: %w", f.path, disk.Cause(err))
	}
	f.committed, f.ended = true, true
	return errors.Join(disk.SyncDir(filepath.Dir(f.path)), f.lock.Close())
}

// mode is the permissions to publish with.
func (f *OutFile) mode() fs.FileMode {
	if f.Mode != 0 {
		return f.Mode
	}
	if info, err := os.Stat(f.path); err == nil {
		return info.Mode().Perm()
	}
	return 0o666 &^ umask()
}

// Abort leaves nothing of the file behind, and what was published before it
// untouched. After Commit it does nothing.
func (f *OutFile) Abort() error {
	if f.ended {
		return nil
	}
	f.ended = true
	closed, removed := f.Close(), os.Remove(f.lock.Path())
	if errors.Is(closed, fs.ErrClosed) { // Commit got that far
		closed = nil
	}
	if errors.Is(removed, fs.ErrNotExist) {
		removed = nil
	}
	if err := errors.Join(closed, removed, f.lock.Close()); err != nil {
		return fmt.Errorf("give up %s: %w", f.path, err)
	}
	return nil
}
