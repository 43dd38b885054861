package pipeline

// purge.go: what is kept of people in a state folder, and its removal. What is not
// named here has nothing of people in it: times, numbers, and hashes of the mapping's
// own options.

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"pipeline/pipeline/internal/disk"
	"pipeline/pipeline/ledger"
	"pipeline/pipeline/tape"
)

// Purge removes what is kept of people in the state folder dir: tapes, the copies of
// open rejects, the versions of records, and what a program that was killed left
// behind while it moved these. The ledger goes where deliveries is true: it is what
// keeps receivers from being given everything again. How far runs got stays. Purge
// returns how many bytes were removed, and fails where a run is going on.
func Purge(dir string, deliveries bool) (bytes int64, err error) {
	store, err := tape.Open(dir)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	count := func(n int64, failed error) { bytes, err = bytes+n, errors.Join(err, failed) }
	count(store.Purge())
	count(ledger.Remove(filepath.Join(dir, VersionsFile)))
	entries, failed := os.ReadDir(dir)
	count(0, failed)
	for _, e := range entries {
		if passing(e.Name()) {
			count(removeAll(filepath.Join(dir, e.Name())))
		}
	}
	if deliveries {
		count(ledger.Remove(filepath.Join(dir, LedgerFile)))
	}
	count(0, disk.SyncDir(dir))
	return bytes, err
}

// passing reports whether a file of a state folder is there only while a run or a move
// of the state goes on, and holds records, or copies of files that do.
func passing(name string) bool {
	name = strings.TrimSuffix(strings.TrimPrefix(name, "."), ".partial")
	return isCopy(name) || name == importFolder || name == exportedState
}

// removeAll removes a file or folder, where there is one, and returns how many bytes
// that were.
func removeAll(path string) (bytes int64, err error) {
	err = filepath.WalkDir(path, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			bytes += info.Size()
		}
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err = errors.Join(err, os.RemoveAll(path)); err != nil {
		return 0, fmt.Errorf("remove %s: %w", path, disk.Cause(err))
	}
	return bytes, nil
}

// KeptVersions is what is known of the versions of records, see VersionsFile.
type KeptVersions struct {
	Records int    `json:"records"`
	InUse   string `json:"in_use,omitempty"` // why it cannot be read
}

// versionsIn is the file of versions in a state folder; nil where there is none.
func versionsIn(ctx context.Context, dir string) *KeptVersions {
	path := filepath.Join(dir, VersionsFile)
	if !fileExists(path) {
		return nil
	}
	n, err := ledger.CountVersions(ctx, path)
	if err != nil {
		return &KeptVersions{InUse: err.Error()}
	}
	return &KeptVersions{Records: n}
}
