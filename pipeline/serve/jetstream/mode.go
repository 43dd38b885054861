package jetstream

// mode.go: whose a store's folder is. A store that was written alone looks empty to a
// node of a cluster, and may be removed by it, so that the folder says what it is, and
// is opened as nothing else.

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"

	"pipeline/pipeline/internal/disk"
)

// The files of a store's folder that are not the server's.
const (
	modeFile     = "mode.json"
	lockFile     = "lock"
	auditFile    = "audit.json"    // what the last audit saw
	acceptedFile = "accepted.json" // losses that somebody knows of
)

// marker is the content of modeFile.
type marker struct {
	Mode   string `json:"mode"`
	Node   string `json:"node,omitempty"`
	Shards int    `json:"shards"`
}

// ErrInUse says that another process has the store open.
var ErrInUse = errors.New("another process uses this store")

// lock is a store's folder, to ourselves.
type lock struct{ file *flock.Flock }

// lockStore takes the folder, and marks it if it is new.
func lockStore(dir, mode, node string) (*lock, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the store's folder: %w", err)
	}
	file := flock.New(filepath.Join(dir, lockFile), flock.SetPermissions(0o600))
	got, err := file.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lock the store: %w", err)
	}
	if !got {
		return nil, fmt.Errorf("open %s: %w; is pipeline serve running on it already?", dir, ErrInUse)
	}
	l := &lock{file}
	if err := mark(dir, marker{Mode: mode, Node: node, Shards: shards}); err != nil {
		return nil, errors.Join(err, l.release())
	}
	return l, nil
}

func (l *lock) release() error {
	if l == nil {
		return nil
	}
	return l.file.Unlock()
}

// IsStore says whether dir is the folder of an engine.
func IsStore(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, modeFile))
	return err == nil
}

// UnmarkedError is of a store's folder that does not say whose it is.
type UnmarkedError struct {
	What string
	Fix  string // what can be done
}

// Error implements error.
func (e *UnmarkedError) Error() string { return e.What + "; " + e.Fix }

// unmarked is the error of a folder of which what is wrong with its marker.
func unmarked(dir, what string) error {
	alone, err := json.Marshal(marker{Mode: Embedded, Shards: shards})
	if err != nil {
		return err
	}
	return &UnmarkedError{
		What: fmt.Sprintf("%s has a store, and %s", dir, what),
		Fix: fmt.Sprintf("bring %s back from a copy; without one, if a single pipeline serve made the store and nobody moved it since, make it anew with %s in it; if a node of a cluster did, move the folder away, and the node copies everything from the others",
			modeFile, alone),
	}
}

// Whose is the mode of the store in dir, and the node of a cluster that it belongs to.
// The mode is empty where there is no store yet.
func Whose(dir string) (mode, node string, err error) {
	m, err := readMarker(dir)
	return m.Mode, m.Node, err
}

// readMarker is what a folder says that it is; the zero marker if it is new.
func readMarker(dir string) (marker, error) {
	data, err := os.ReadFile(filepath.Join(dir, modeFile))
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Stat(filepath.Join(dir, "jetstream")); err == nil {
			return marker{}, unmarked(dir, "no "+modeFile+" that says whose")
		}
		return marker{}, nil
	}
	if err != nil {
		return marker{}, err
	}
	var m marker
	switch err := json.Unmarshal(data, &m); {
	case len(data) == 0:
		return marker{}, unmarked(dir, "the "+modeFile+" in it, which says whose, is empty")
	case err != nil, m.Mode == "":
		return marker{}, unmarked(dir, "the "+modeFile+" in it, which says whose, is garbled")
	}
	return m, nil
}

// mark writes the marker of a new folder, and compares that of another.
func mark(dir string, want marker) error {
	have, err := readMarker(dir)
	switch {
	case err != nil:
		return err
	case have == want:
		return nil
	case have == marker{}:
		return writeMarker(dir, want)
	case have.Mode == moved:
		return fmt.Errorf("what %s had was moved to the cluster of node %s, and goes on there. To use the old store all the same, without anything that came after, remove its %s", dir, have.Node, modeFile)
	case have.Mode == Embedded && want.Mode == Cluster:
		return fmt.Errorf("%s is the store of a single pipeline serve, and a node of a cluster cannot use it. Give the node a folder of its own, and move what is stored: pipeline engine migrate --from %s --to NEW-DIR --cluster …", dir, dir)
	case have.Mode == Cluster && want.Mode == Embedded:
		return fmt.Errorf("%s is the store of node %s of a cluster, and cannot be used alone. Start it with --cluster, or give this one a folder of its own", dir, have.Node)
	case have.Mode == want.Mode && have.Node != want.Node:
		return fmt.Errorf("%s is the store of node %s, not of %s: each node has a folder of its own, and keeps its name", dir, have.Node, want.Node)
	}
	return fmt.Errorf("%s was written by another version of pipeline, in a way that this one does not know", dir)
}

func writeMarker(dir string, m marker) error {
	data, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return writeFile(filepath.Join(dir, modeFile), append(data, '\n'))
}

// writeFile replaces a small file whole, and durably.
func writeFile(name string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(name), ".new-*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return disk.SyncDir(filepath.Dir(name))
}
