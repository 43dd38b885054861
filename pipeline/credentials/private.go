package credentials

// private.go: files that are for this user alone. What others could have put
// there, or can read, is refused with the command that mends it.

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"pipeline/pipeline/internal/disk"
)

// readPrivate reads a file of at most so many bytes.
func readPrivate(path string, most int64) (_ []byte, err error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, plain(path, err)
	}
	if info.Mode()&fs.ModeSymlink != 0 {
		target, err := filepath.EvalSymlinks(path)
		if err != nil {
			return nil, fmt.Errorf("%s is a link to nothing; remove it", path)
		}
		return nil, fmt.Errorf("%s is a link, which somebody could have put there; put the file itself in its place: mv %s %s", path, target, path)
	}
	file, err := os.OpenFile(path, os.O_RDONLY|noFollow, 0)
	if err != nil {
		return nil, plain(path, err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if info, err = file.Stat(); err != nil { // of what was opened, and not of the name
		return nil, plain(path, err)
	}
	switch {
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a file", path)
	case !ownedByUs(info):
		return nil, fmt.Errorf("%s belongs to another user, who could have put it there; take it over: chown $(id -u) %s", path, path)
	case othersMay(info):
		return nil, fmt.Errorf("%s may be read or written by others (%v); keep them out: chmod 600 %s", path, info.Mode().Perm(), path)
	case info.Size() > most:
		return nil, fmt.Errorf("%s has %d bytes, and can only have %d; is it the right file?", path, info.Size(), most)
	}
	return io.ReadAll(io.LimitReader(file, most))
}

// createPrivate makes a new file. What a killed process left under its name is
// replaced.
func createPrivate(path string) (*os.File, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, plain(path, err)
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL|noFollow, 0o600)
	if err != nil {
		return nil, plain(path, err)
	}
	return file, nil
}

// plain is a file error that names the path once.
func plain(path string, err error) error {
	return fmt.Errorf("%s: %w", path, disk.Cause(err))
}
