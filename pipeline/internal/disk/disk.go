// Package disk is what all who keep files share: names that outlive a power cut, and
// errors that say a path once.
package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
)

// SyncDir makes the names in a folder durable: a file that was synced, and given its
// name by a rename, is not safe before. Windows does that on its own and cannot be
// asked.
func SyncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync %s: %w", dir, Cause(err))
	}
	defer func() { _ = d.Close() }() // only read
	if err := d.Sync(); err != nil {
		return fmt.Errorf("sync %s: %w", dir, Cause(err))
	}
	return nil
}

// Cause is a file error without the operation and the path, for messages that name
// both already; any other error stays as it is.
func Cause(err error) error {
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
