package pipeline

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"
)

// OutFile is a file that appears whole under its name, or not at all. What is
// written goes to a hidden file beside it, which is locked: two runs cannot
// write one output, and a killed run leaves a file that the next one takes over
// instead of a litter of them.
type OutFile struct {
	*os.File
	path      string
	lock      *flock.Flock
	committed bool
}

// CreateOutFile begins a file that will be published as path. The folder must
// exist: a typo in a path should not become a folder.
func CreateOutFile(path string) (*OutFile, error) {
	dir, base := filepath.Split(path)
	if dir == "" {
		dir = "."
	}
	switch info, err := os.Stat(dir); {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("write %s: there is no folder %s; make it first:\n  mkdir -p %s", path, filepath.Clean(dir), filepath.Clean(dir))
	case err != nil:
		return nil, fmt.Errorf("write %s: %w", path, cause(err))
	case !info.IsDir():
		return nil, fmt.Errorf("write %s: %s is a file, not a folder", path, filepath.Clean(dir))
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return nil, fmt.Errorf("write %s: it is a folder; name a file in it", path)
	}
	partial := filepath.Join(dir, "."+base+".partial")
	lock := flock.New(partial, flock.SetFlag(os.O_CREATE|os.O_RDWR), flock.SetPermissions(0o600))
	switch held, err := lock.TryLock(); {
	case err != nil:
		return nil, fmt.Errorf("write %s: %w", path, cause(err))
	case !held:
		return nil, fmt.Errorf("write %s: another run is writing it; wait for that one, or give this one its own place with --out DIR", path)
	}
	f, err := os.OpenFile(partial, os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("write %s: %w", path, cause(err)), lock.Close())
	}
	return &OutFile{File: f, path: path, lock: lock}, nil
}

// Path is the name under which the file will be published.
func (f *OutFile) Path() string { return f.path }

// Flush makes what was written durable.
func (f *OutFile) Flush() error {
	if err := f.Sync(); err != nil {
		return fmt.Errorf("write %s: %w", f.path, cause(err))
	}
	return nil
}

// Commit publishes the file under its name and makes the name durable. The
// file has the permissions that any new file gets, or those of the one it
// replaces.
func (f *OutFile) Commit() error {
	if f.committed {
		return nil
	}
	mode := fs.FileMode(0o666) &^ umask()
	if info, err := os.Stat(f.path); err == nil {
		mode = info.Mode().Perm()
	}
	if err := errors.Join(f.Chmod(mode), f.File.Close()); err != nil {
		return fmt.Errorf("write %s: %w", f.path, cause(err))
	}
	if err := os.Rename(f.lock.Path(), f.path); err != nil {
		return fmt.Errorf("publish %s: %w", f.path, cause(err))
	}
	f.committed = true
	return errors.Join(syncDir(filepath.Dir(f.path)), f.lock.Close())
}

// Abort leaves nothing of the file behind, and what was published before it
// untouched.
func (f *OutFile) Abort() error {
	if f.committed {
		return nil
	}
	f.committed = true
	err := errors.Join(f.File.Close(), os.Remove(f.lock.Path()), f.lock.Close())
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrClosed) {
		return nil
	}
	return err
}

// syncDir makes the names in a folder durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync %s: %w", dir, cause(err))
	}
	defer func() { _ = d.Close() }() // only read
	if err := d.Sync(); err != nil {
		return fmt.Errorf("sync %s: %w", dir, cause(err))
	}
	return nil
}

// cause is a file error without the operation and the path, which our own
// message names already.
func cause(err error) error {
	var pathError *fs.PathError
	if errors.As(err, &pathError) {
		return pathError.Err
	}
	var linkError *os.LinkError
	if errors.As(err, &linkError) {
		return linkError.Err
	}
	return err
}
