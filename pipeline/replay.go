package pipeline

// replay.go: what is kept while the open rejects are mapped on their own. Such a
// run that dies between delivering and rewriting the reject file delivers again.
// It then has the start of the first try, by which file sinks know their own rows
// again; row sinks know them by the ledger.

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"pipeline/pipeline/internal/disk"
	"pipeline/pipeline/tape"
)

// The notes that runs leave about the reject file.
const (
	replayFile      = "replaying.json"   // the open rejects are being mapped on their own
	unpublishedFile = "unpublished.json" // it is of a run that published nothing else
)

// replaying is a note: when the run began, and which reject file it is about.
type replaying struct {
	Started time.Time `json:"started"`
	Rejects string    `json:"rejects"` // SHA-256 of the reject file
}

// keepRejects opens the state folder for a run of the open rejects.
func (r *run) keepRejects() error {
	dir := r.o.State
	if dir == "" {
		return nil
	}
	store, err := openState(dir)
	if err != nil {
		return err
	}
	r.kept.dir, r.kept.store = dir, store
	if err := interrupted(store); err != nil {
		return err
	}
	path := r.o.World.OutPath(r.plan.rejects.path)
	if err := r.sameSelection(path); err != nil {
		return err
	}
	sum, err := sumOf(path)
	if err != nil {
		return err
	}
	var before, unpublished replaying
	if err := errors.Join(before.load(dir, replayFile), unpublished.load(dir, unpublishedFile)); err != nil {
		return err
	}
	if unpublished.Rejects == sum {
		return errors.New("the run that made these rejects published nothing, for they were too many: its other records are not delivered yet; run the mapping again")
	}
	if before.Rejects != sum {
		return saveJSON(filepath.Join(dir, replayFile), replaying{Started: r.o.World.Now.Round(0), Rejects: sum})
	}
	world := *r.o.World
	world.Now = before.Started
	r.o.World = &world
	return nil
}

// interrupted reports that a run has to be gone on with before its rejects are
// mapped on their own: receivers may have newer copies of their records.
func interrupted(store *tape.Store) error {
	t, err := store.Unfinished()
	switch {
	case errors.Is(err, tape.ErrDamaged):
		return errors.New("a run was interrupted, and receivers may have newer copies of these records; run the mapping again first")
	case err != nil || t == nil:
		return err
	}
	started, none := t.Header().Started, unused(t)
	if err := t.Close(); err != nil || none {
		return err
	}
	return fmt.Errorf("the run of %s was interrupted, and receivers may have newer copies of these records; run the mapping again first: it goes on where it was", when(started))
}

// replayPending reports that a run of the open rejects was interrupted and has to
// come first, for rows of it may be in a file that cannot tell them from others.
func (r *run) replayPending(path string) error {
	if r.o.State == "" || r.plan.AppendsTo() == "" {
		return nil
	}
	var before replaying
	if err := before.load(r.o.State, replayFile); err != nil || before.Rejects == "" {
		return err
	}
	if sum, err := sumOf(path); err != nil || sum != before.Rejects {
		return err
	}
	return errors.New("mapping the rejects again was interrupted, and some of their rows may be in the file already; finish that first, with `pipeline rejects --replay`")
}

// openCopy is where a run that retries keeps the open rejects as they were before
// it: a run that dies after it has changed them begins again with them. It is
// empty where a run cannot be gone on with.
func (r *run) openCopy() string {
	if r.kept.tape == nil {
		return ""
	}
	return filepath.Join(r.kept.dir, fmt.Sprintf("retried-%d.jsonl", r.o.World.Now.UnixNano()))
}

// copyOpen makes that copy, where there is none yet.
func (r *run) copyOpen() error {
	name := r.openCopy()
	if name == "" || !r.plan.rejects.retry || r.earlier == nil || r.earlier.path == name {
		return nil
	}
	if err := r.dropCopies(name); err != nil {
		return err
	}
	old, err := os.Open(r.earlier.path)
	if err != nil {
		return fmt.Errorf("keep the open rejects: read %s: %w", r.earlier.path, disk.Cause(err))
	}
	defer func() { _ = old.Close() }() // only read
	return writeFrom(name, old, 0o600)
}

// dropCopies removes the copies of runs that came to their end, all but keep.
func (r *run) dropCopies(keep string) error {
	names, err := copiesIn(r.kept.dir)
	for _, name := range names {
		if name != keep {
			err = errors.Join(err, os.Remove(name))
		}
	}
	return err
}

// sumOf is the SHA-256 of a reject file; that of nothing where there is none.
func sumOf(path string) (string, error) {
	sum := sha256.New()
	f, err := os.Open(path)
	if err == nil {
		_, err = io.Copy(sum, f)
		err = errors.Join(err, f.Close())
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("read the rejects in %s: %w", path, disk.Cause(err))
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

func (b *replaying) load(dir, file string) error {
	return loadJSON(filepath.Join(dir, file), b, "what became of the rejects", "where no run was interrupted")
}

// forget removes a note from the state folder, where there is one.
func (r *run) forget(name string) error {
	if r.o.State == "" {
		return nil
	}
	path := filepath.Join(r.o.State, name)
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove %s: %w", path, disk.Cause(err))
	}
	return nil
}

// noteUnpublished notes that the reject file is of a run that published nothing
// else: its other records have to be read again.
func (r *run) noteUnpublished() error {
	if r.o.State == "" {
		return nil
	}
	if err := MakeState(r.o.State); err != nil {
		return err
	}
	sum, err := sumOf(r.reject.path)
	if err != nil {
		return err
	}
	return saveJSON(filepath.Join(r.o.State, unpublishedFile), replaying{Started: r.o.World.Now.Round(0), Rejects: sum})
}

// isCopy reports whether a file of that name is one, see openCopy.
func isCopy(name string) bool {
	ok, _ := filepath.Match("retried-*.jsonl", name)
	return ok
}

// copiesIn are the copies of open rejects in a state folder.
func copiesIn(dir string) (names []string, err error) {
	entries, err := os.ReadDir(dir) // not Glob: the folder may be called [2026]
	for _, e := range entries {
		if isCopy(e.Name()) {
			names = append(names, filepath.Join(dir, e.Name()))
		}
	}
	return names, err
}
