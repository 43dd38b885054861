package pipeline

// statemove.go: state on its way to another machine, as a tar of the files that
// mean the same there.

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
	"pipeline/pipeline/tape"
)

const (
	manifestFile  = "state.json"
	stateVersion  = 1
	maxManifest   = 1 << 20
	tapeLast      = "last.tape"
	tapeUnfinish  = "unfinished.tape"
	importFolder  = "import.tmp"
	exportedState = "exported.tmp"
)

var tapeFiles = []string{tapeLast, tapeUnfinish}

// manifest is the first file of an archive: what it is of.
type manifest struct {
	Version  int       `json:"pipeline_state"`
	Mapping  string    `json:"mapping"`
	Source   string    `json:"source"`
	Exported time.Time `json:"exported"`
}

// exported are the small files of an export, and pushPlaces those of them that say
// how far runs of what was pushed got: each means nothing without the other.
var (
	exported   = []string{PositionFile, PushedFile, pushingFile}
	pushPlaces = []string{pushingFile, PushedFile}
)

// Export writes the state in the folder dir as a tar: how far runs got, the ledger and
// the versions of records, and the tapes where they are asked for.
func (p *Plan) Export(ctx context.Context, dir string, tapes bool, w io.Writer) (err error) {
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("nothing is kept for %s: there is no folder %s", p.name, dir)
	}
	store, err := tape.Open(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	files := exported
	if tapes {
		files = slices.Concat(exported, tapeFiles)
	}
	out := tar.NewWriter(w)
	if err := p.pack(ctx, out, dir, files); err != nil {
		return err
	}
	return out.Close()
}

// pack adds what an archive is of, some files of the state in dir, and its databases.
func (p *Plan) pack(ctx context.Context, out *tar.Writer, dir string, files []string) error {
	if err := p.addManifest(out); err != nil {
		return err
	}
	for _, name := range files {
		if err := addFile(out, name, filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	for _, name := range carriedDatabases {
		if err := addDatabase(ctx, out, dir, name); err != nil {
			return err
		}
	}
	return nil
}

// addFile adds a file, where there is one.
func addFile(out *tar.Writer, name, path string) error {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", path, disk.Cause(err))
	}
	defer func() { _ = f.Close() }() // only read
	info, err := f.Stat()
	if err == nil {
		err = out.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: info.Size(), ModTime: info.ModTime()})
	}
	if err == nil {
		_, err = io.Copy(out, f)
	}
	if err != nil {
		return fmt.Errorf("write %s into the state: %w", name, disk.Cause(err))
	}
	return nil
}

// Import is an archive beside the state that it may replace.
type Import struct {
	Exported  time.Time
	Position  *time.Time // nil: there is none, or it is of another source
	Receivers []Receiver
	Pushed    *PushPlace    // nil: nothing that was pushed was mapped
	Versions  *KeptVersions // nil: none are known
	Files     []string      // what is in it, and is replaced

	dir, from string
}

// OpenImport unpacks an archive beside the state in dir, which has to be held.
func (p *Plan) OpenImport(ctx context.Context, dir string, r io.Reader) (_ *Import, err error) {
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
	if err := i.manifest(p, in); err != nil {
		return nil, err
	}
	if err := i.unpack(in, slices.Concat(exported, carriedDatabases, tapeFiles)); err != nil {
		return nil, err
	}
	if i.Position, err = p.PositionIn(i.from); err != nil {
		return nil, err
	}
	if i.Pushed, err = PushPlaceIn(i.from); err != nil {
		return nil, err
	}
	i.Versions = versionsIn(ctx, i.from)
	i.Receivers, err = p.ReceiversIn(filepath.Join(i.from, LedgerFile))
	return i, err
}

// newImport makes the empty folder that an archive is unpacked in.
func newImport(dir string) (*Import, error) {
	i := &Import{dir: dir, from: filepath.Join(dir, importFolder)}
	if err := os.RemoveAll(i.from); err != nil {
		return nil, fmt.Errorf("remove %s: %w", i.from, disk.Cause(err))
	}
	if err := os.Mkdir(i.from, 0o700); err != nil {
		return nil, fmt.Errorf("make %s: %w", i.from, disk.Cause(err))
	}
	return i, nil
}

// unpack unpacks what comes behind the manifest, of the files that there may be.
func (i *Import) unpack(in *tar.Reader, may []string) error {
	for {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("the archive is damaged: %w", err)
		}
		if err := i.file(h, in, may); err != nil {
			return err
		}
	}
}

func (i *Import) manifest(p *Plan, in *tar.Reader) error {
	h, err := in.Next()
	if err != nil || h.Name != manifestFile || h.Size > maxManifest {
		return errors.New("this is no archive of `pipeline state export`")
	}
	var m manifest
	if err := json.NewDecoder(in).Decode(&m); err != nil {
		return errors.New("this is no archive of `pipeline state export`")
	}
	switch {
	case m.Version > stateVersion:
		return errors.New("the archive was written by a newer pipeline; update pipeline")
	case m.Mapping != p.name:
		return fmt.Errorf("this is the state of the mapping %q, and the mapping is %q", m.Mapping, p.name)
	case m.Source != p.From():
		return fmt.Errorf("this is the state of a mapping that reads %s, and %s reads %s", m.Source, p.name, p.From())
	}
	i.Exported = m.Exported
	return nil
}

// file unpacks one file, of those that there may be.
func (i *Import) file(h *tar.Header, in io.Reader, may []string) error {
	if h.Typeflag != tar.TypeReg || !slices.Contains(may, h.Name) || slices.Contains(i.Files, h.Name) {
		return fmt.Errorf("the archive has %q, which no export has", h.Name)
	}
	path := filepath.Join(i.from, h.Name)
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err == nil {
		_, err = io.Copy(f, in)
		err = errors.Join(err, f.Sync(), f.Close())
	}
	if err != nil {
		return fmt.Errorf("unpack %s: %w", h.Name, disk.Cause(err))
	}
	i.Files = append(i.Files, h.Name)
	return nil
}

// HasPushes reports whether the archive says how far runs of what was pushed got.
func (i *Import) HasPushes() bool {
	return slices.ContainsFunc(pushPlaces, func(name string) bool { return slices.Contains(i.Files, name) })
}

// Commit puts the files in place. How far runs got comes last: until then the next
// one reads again what the ledger and the versions know already.
func (i *Import) Commit() error {
	if err := i.clearPushes(); err != nil {
		return err
	}
	for _, name := range slices.Concat(carriedDatabases, tapeFiles, pushPlaces, []string{PositionFile}) {
		if !slices.Contains(i.Files, name) {
			continue
		}
		if err := i.put(name); err != nil {
			return err
		}
		if err := disk.SyncDir(i.dir); err != nil {
			return err
		}
	}
	return i.Abort()
}

// put puts one file in place.
func (i *Import) put(name string) error {
	from, to := filepath.Join(i.from, name), filepath.Join(i.dir, name)
	if slices.Contains(carriedDatabases, name) {
		return ledger.Replace(from, to)
	}
	if err := os.Rename(from, to); err != nil {
		return fmt.Errorf("put %s in place: %w", name, disk.Cause(err))
	}
	return nil
}

// clearPushes removes how far runs of what was pushed got, where the archive says it
// too: that is one thing in two files, of which each may be there or not.
func (i *Import) clearPushes() error {
	if !i.HasPushes() {
		return nil
	}
	for _, name := range pushPlaces {
		if err := os.Remove(filepath.Join(i.dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove %s: %w", name, disk.Cause(err))
		}
	}
	return nil
}

// Abort removes what was unpacked.
func (i *Import) Abort() error {
	if err := os.RemoveAll(i.from); err != nil {
		return fmt.Errorf("remove %s: %w", i.from, disk.Cause(err))
	}
	return nil
}
