package pipeline

// statecarry.go: the state of a mapping on its way to another node: all that its next
// run there needs, but tapes. It replaces what that node has, which is older.

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"pipeline/pipeline/internal/disk"
	"pipeline/pipeline/ledger"
)

// carriedRejects is the reject file in an archive; where it lies, each node knows.
const carriedRejects = "open.rejects.jsonl"

// carried are the small files and the databases of a state folder that another node
// needs. What came with a tape, such as copies of open rejects, stays.
var (
	carried          = []string{PositionFile, PushedFile, pushingFile, selectionsFile, replayFile, unpublishedFile}
	carriedDatabases = []string{LedgerFile, VersionsFile}
)

// Carry writes the state in the folder dir, and the open rejects, as a tar for another
// node. No run of the mapping goes on meanwhile.
func (p *Plan) Carry(ctx context.Context, dir, outDir string, w io.Writer) (err error) {
	store, err := openState(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	out := tar.NewWriter(w)
	if err := p.pack(ctx, out, dir, carried); err != nil {
		return err
	}
	if err := addFile(out, carriedRejects, p.RejectsPath(outDir)); err != nil {
		return err
	}
	return out.Close()
}

func (p *Plan) addManifest(out *tar.Writer) error {
	head, err := json.Marshal(manifest{Version: stateVersion, Mapping: p.name, Source: p.From(), Exported: time.Now().UTC().Truncate(time.Second)})
	if err != nil {
		return err
	}
	err = out.WriteHeader(&tar.Header{Name: manifestFile, Mode: 0o600, Size: int64(len(head))})
	if err == nil {
		_, err = out.Write(head)
	}
	if err != nil {
		return fmt.Errorf("write the state: %w", err)
	}
	return nil
}

// addDatabase adds a SQLite file as it is at one moment.
func addDatabase(ctx context.Context, out *tar.Writer, dir, name string) (err error) {
	path, snapshot := filepath.Join(dir, name), filepath.Join(dir, exportedState)
	if !fileExists(path) {
		return nil
	}
	if err := os.Remove(snapshot); err != nil && !errors.Is(err, fs.ErrNotExist) { // of one that was killed
		return fmt.Errorf("remove %s: %w", snapshot, disk.Cause(err))
	}
	if err := ledger.Copy(ctx, path, snapshot); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(snapshot)) }()
	return addFile(out, name, snapshot)
}

// TakeOver replaces the state in the folder dir, and the open rejects, by what another
// node carried here. Until it returns nil the state is neither of both: whoever calls
// it does so again.
func (p *Plan) TakeOver(dir, outDir string, r io.Reader) (err error) {
	store, err := openState(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	i, err := p.unpackCarried(dir, r)
	if err != nil {
		return err
	}
	if err := i.replace(p.RejectsPath(outDir)); err != nil {
		return errors.Join(err, i.Abort())
	}
	return i.Abort()
}

// unpackCarried unpacks an archive beside the state.
func (p *Plan) unpackCarried(dir string, r io.Reader) (_ *Import, err error) {
	i, err := newImport(dir)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, i.Abort())
		}
	}()
	in := tar.NewReader(r)
	var m manifest
	switch h, err := in.Next(); {
	case err != nil:
		return nil, fmt.Errorf("the archive is damaged: %w", err)
	case h.Name != manifestFile || h.Size > maxManifest || json.NewDecoder(in).Decode(&m) != nil || m.Mapping != p.name:
		return nil, errors.New("the archive is damaged: it does not say what it is of")
	case m.Version > stateVersion:
		return nil, errors.New("it was written by a newer pipeline; update this node")
	}
	may := slices.Concat(carried, carriedDatabases, []string{carriedRejects})
	if err := i.unpack(in, may); err != nil {
		return nil, err
	}
	if _, err := io.Copy(io.Discard, r); err != nil { // what comes last says whether all of it is right
		return nil, fmt.Errorf("the archive is damaged: %w", err)
	}
	return i, nil
}

// replace puts what was unpacked in the place of what there is. What is not in the
// archive was gone there. The answers of a run that was interrupted here are older
// than that: it is not gone on with.
func (i *Import) replace(rejects string) error {
	old := []string{tapeUnfinish}
	copies, err := copiesIn(i.dir)
	for _, path := range copies {
		old = append(old, filepath.Base(path))
	}
	for _, name := range append(old, carried...) {
		if failed := os.Remove(filepath.Join(i.dir, name)); !errors.Is(failed, fs.ErrNotExist) {
			err = errors.Join(err, failed)
		}
	}
	for _, name := range carriedDatabases {
		_, failed := ledger.Remove(filepath.Join(i.dir, name))
		err = errors.Join(err, failed)
	}
	if err != nil {
		return fmt.Errorf("remove what the state of another node replaces: %w", disk.Cause(err))
	}
	for _, name := range i.Files {
		if name == carriedRejects {
			continue
		}
		if err := os.Rename(filepath.Join(i.from, name), filepath.Join(i.dir, name)); err != nil {
			return fmt.Errorf("put %s in place: %w", name, disk.Cause(err))
		}
	}
	if err := disk.SyncDir(i.dir); err != nil {
		return err
	}
	return i.replaceRejects(rejects)
}

// replaceRejects puts the open rejects in place, which may be on another disk.
func (i *Import) replaceRejects(path string) error {
	from, err := os.Open(filepath.Join(i.from, carriedRejects))
	if errors.Is(err, fs.ErrNotExist) {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove %s, which is of an earlier run: %w", path, disk.Cause(err))
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the open rejects: %w", disk.Cause(err))
	}
	defer func() { _ = from.Close() }() // only read
	return writeFrom(path, from, 0o600)
}
