package serve

// archive.go: the state of a mapping, where another node can take it over. The folder
// of the node that works is the newest. What is in it is kept in the engine now and
// then, in pieces, and in between what each run of pushes read: whoever takes the
// mapping over begins with the newest archive and does these runs once more, with
// their start, so that they make the same rows. Receivers know them already.
//
// The value archive.NAME says which archive is the newest, and is moved by
// comparing: whoever takes over moves it first, and from then on a node that was
// thought dead can neither keep its state nor begin a run of pushes.

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/klauspost/compress/zstd"

	"pipeline/pipeline"
	"pipeline/pipeline/serve/engine"
)

const (
	chunkBytes  = 512 << 10 // of an archive, in a value
	saveEvery   = 10 * time.Second
	saveShare   = 10   // of the time, saving takes no more than one in …
	mostBegun   = 1000 // runs of pushes that one archive is followed by
	folderFile  = "archive.json"
	archiveWait = 500 * time.Millisecond // between two tries
)

// archive is the value that says what is kept of a mapping's state.
type archive struct {
	N        uint64               `json:"n"`                  // one more with each change of this value
	Version  uint64               `json:"version"`            // of the newest archive, the N that it came with; 0: there is none
	Chunks   int                  `json:"chunks"`             //
	Sum      string               `json:"sha256"`             // of all chunks
	Saved    time.Time            `json:"saved,omitzero"`     //
	Folder   string               `json:"folder"`             // whose state is the newest: that of who works, or has worked
	Node     string               `json:"node"`               // … and who that is, for people
	Begun    []pipeline.PushRange `json:"begun,omitempty"`    // runs of pushes since then
	Fetching *fetching            `json:"fetching,omitempty"` // a pull that did not come to its end
	Before   uint64               `json:"before,omitempty"`   // the version that is to be removed …
	Pieces   int                  `json:"pieces,omitempty"`   // … and how many chunks it had
}

// keeper keeps the state of a mapping, while this process works for it.
type keeper struct {
	service *Service
	name    string
	at      cursor[archive]
	again   []pipeline.PushRange // runs of the node before, to be done once more
	changed bool                 // since it was saved
	next    time.Time            // no save before, unless it has to be
}

func newKeeper(s *Service, name string) *keeper {
	return &keeper{service: s, name: name, at: cursor[archive]{engine: s.c.Engine, bucket: engine.State, name: "archive." + name}}
}

// folderID is the file in a state folder that tells it from those of other nodes.
type folderID struct {
	Folder string `json:"folder"`
}

// takeOver makes the state folder of a mapping the newest that there is.
func (k *keeper) takeOver(ctx context.Context, m *Mapping) error {
	if err := k.at.load(ctx); err != nil {
		return err
	}
	file := filepath.Join(m.State, folderFile)
	own, err := readFolderID(file)
	if err != nil {
		return err
	}
	was := k.at.value
	now := was
	now.Node = k.service.c.Node
	newest := k.at.revision != 0 && own.Folder == was.Folder
	if !newest {
		now.Folder = rand.Text()
	}
	if err := k.move(ctx, now); err != nil { // from here on nobody else has a say
		return err
	}
	k.clear(ctx, was.N+1, math.MaxInt) // of a save that did not come to its end
	k.clear(ctx, was.Before, was.Pieces)
	if !newest {
		if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err := k.restore(ctx, m, was); err != nil {
			return fmt.Errorf("take over the state that node %s kept: %w", was.Node, err)
		}
		if was.Fetching != nil {
			if err := k.fill(ctx, m, was.Fetching); err != nil {
				return fmt.Errorf("take over what node %s has fetched: %w", was.Node, err)
			}
		}
		if err := writeFolderID(file, folderID{now.Folder}); err != nil {
			return err
		}
	}
	k.again = slices.Clone(was.Begun)
	return nil
}

func readFolderID(file string) (id folderID, err error) {
	src, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return id, nil
	}
	if err != nil {
		return id, err
	}
	_ = json.Unmarshal(src, &id) // where it is none, the folder is taken for another one's
	return id, nil
}

func writeFolderID(file string, id folderID) error {
	src, err := json.Marshal(id)
	if err != nil {
		return err
	}
	if err := pipeline.MakeState(filepath.Dir(file)); err != nil {
		return err
	}
	return pipeline.WriteFile(file, append(src, '\n'), 0o600)
}

// move replaces the value. It tries as long as the lease is held: a cluster that
// chooses another leader takes some seconds.
func (k *keeper) move(ctx context.Context, to archive) error {
	to.N = k.at.value.N + 1
	from := k.at.revision
	for {
		k.at.revision, k.at.known = from, true
		err := k.at.save(ctx, to)
		if err == nil {
			return nil
		}
		if errors.Is(err, engine.ErrConflict) {
			// An earlier try may have been stored, and its answer lost.
			if failed := k.at.load(ctx); failed == nil && equal(k.at.value, to) {
				return nil
			}
			return err
		}
		if failed := pause(ctx, archiveWait); failed != nil {
			return errors.Join(failed, err)
		}
	}
}

func equal(a, b archive) bool {
	x, err1 := json.Marshal(a)
	y, err2 := json.Marshal(b)
	return err1 == nil && err2 == nil && bytes.Equal(x, y)
}

// begins notes a run of pushes before it has any effect.
func (k *keeper) begins(ctx context.Context, p pipeline.PushRange) error {
	k.changed = true
	p.Started = p.Started.UTC()
	known := func(old pipeline.PushRange) bool { return old.Started.Equal(p.Started) && old.After == p.After }
	if slices.ContainsFunc(k.at.value.Begun, known) {
		return nil
	}
	now := k.at.value
	now.Begun = append(slices.Clone(now.Begun), p)
	return k.move(ctx, now)
}

// redo lets the next run of pushes be that of the node before, where one follows.
func (k *keeper) redo(dir string) error {
	for len(k.again) > 0 {
		if interrupted, err := pipeline.PushInterrupted(dir); interrupted || err != nil {
			return err
		}
		p := k.again[0]
		k.again = k.again[1:]
		if follows, err := pipeline.RedoPush(dir, p); follows || err != nil {
			return err
		}
	}
	return nil
}

// due reports whether the state is to be saved, or how long that has time.
func (k *keeper) due(now time.Time) (bool, time.Duration) {
	if !k.changed {
		return false, glance
	}
	wait := k.next.Sub(now)
	return wait <= 0 || len(k.at.value.Begun) >= mostBegun, wait
}

// save keeps the state in the engine.
func (k *keeper) save(ctx context.Context, m *Mapping) error {
	began := time.Now()
	was := k.at.value
	w := &chunkWriter{k: k, ctx: ctx, version: was.N + 1, sum: sha256.New()}
	if err := w.write(m); err != nil {
		k.next = time.Now().Add(saveEvery)
		return fmt.Errorf("keep the state for the other nodes: %w", err)
	}
	now := was
	now.Version, now.Chunks, now.Sum, now.Saved = w.version, w.count, hex.EncodeToString(w.sum.Sum(nil)), began.UTC()
	now.Before, now.Pieces = was.Version, was.Chunks
	store, err := k.service.storeID(ctx)
	if err != nil {
		return err
	}
	done, known, err := pipeline.PushedIn(m.State, store)
	if err != nil {
		return err
	}
	if !pipeline.Fetching(m.State) {
		now.Fetching = nil
	}
	now.Begun = slices.DeleteFunc(slices.Clone(was.Begun), func(p pipeline.PushRange) bool { return known && p.After < done })
	if err := k.move(ctx, now); err != nil {
		return err
	}
	k.clear(ctx, was.Version, was.Chunks)
	took := time.Since(began)
	k.changed, k.next = false, time.Now().Add(max(saveEvery, saveShare*took))
	k.service.c.Log.Debug("the state is kept for the other nodes", "mapping", k.name, "version", now.Version, "chunks", now.Chunks, "took", took.String())
	return nil
}

// clear removes the chunks of a version that is not needed, as many as there are up to
// a number. What stays is removed the next time, or takes a little room.
func (k *keeper) clear(ctx context.Context, version uint64, chunks int) {
	if version == 0 {
		return
	}
	for n := range chunks {
		entry, err := k.service.c.Engine.Get(ctx, engine.State, chunkName(k.name, version, n))
		if err == nil {
			err = k.service.c.Engine.Remove(ctx, engine.State, entry.Name, entry.Revision)
		}
		if err != nil {
			return
		}
	}
}

func chunkName(mapping string, version uint64, n int) string {
	return fmt.Sprintf("chunk.%s.%d.%d", mapping, version, n)
}

// chunkWriter stores what is written to it in pieces.
type chunkWriter struct {
	k       *keeper
	ctx     context.Context //nolint:containedctx // of one save: an io.Writer is given none
	version uint64
	count   int
	sum     hash.Hash
	buf     []byte
}

// write stores the archive of a mapping.
func (w *chunkWriter) write(m *Mapping) error {
	packed, err := zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return err
	}
	err = m.Plan.Carry(w.ctx, m.State, m.OutDir, packed)
	if err = errors.Join(err, packed.Close()); err != nil {
		return err
	}
	return w.flush()
}

// Write implements io.Writer.
func (w *chunkWriter) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		n := min(len(rest), chunkBytes-len(w.buf))
		w.buf = append(w.buf, rest[:n]...)
		rest = rest[n:]
		if len(w.buf) == chunkBytes {
			if err := w.flush(); err != nil {
				return 0, err
			}
		}
	}
	return len(p), nil
}

func (w *chunkWriter) flush() error {
	if len(w.buf) == 0 {
		return nil
	}
	w.sum.Write(w.buf)
	e, name := w.k.service.c.Engine, chunkName(w.k.name, w.version, w.count)
	_, err := e.Put(w.ctx, engine.State, name, w.buf, 0)
	if errors.Is(err, engine.ErrConflict) { // of a save of ours that failed
		old, failed := e.Get(w.ctx, engine.State, name)
		if failed != nil {
			return failed
		}
		_, err = e.Put(w.ctx, engine.State, name, w.buf, old.Revision)
	}
	w.buf = w.buf[:0]
	w.count++
	return err
}

// restore puts the newest archive in the place of what is in the state folder. Where
// there is none, nobody else has anything.
func (k *keeper) restore(ctx context.Context, m *Mapping, at archive) error {
	if at.Version == 0 {
		return nil
	}
	k.service.c.Log.Info("the state of another node is taken over", "mapping", k.name, "node", at.Node, "saved", at.Saved, "runs_since", len(at.Begun))
	packed, err := zstd.NewReader(&chunkReader{k: k, ctx: ctx, at: at, sum: sha256.New()}, zstd.WithDecoderConcurrency(1))
	if err != nil {
		return err
	}
	defer packed.Close()
	return m.Plan.TakeOver(m.State, m.OutDir, packed)
}

// chunkReader reads an archive, and ends with an error where it is not as it was
// stored.
type chunkReader struct {
	k    *keeper
	ctx  context.Context //nolint:containedctx // of one restore: an io.Reader is given none
	at   archive
	n    int
	rest []byte
	sum  hash.Hash
}

// Read implements io.Reader.
func (r *chunkReader) Read(p []byte) (int, error) {
	for len(r.rest) == 0 {
		if r.n == r.at.Chunks {
			if hex.EncodeToString(r.sum.Sum(nil)) != r.at.Sum {
				return 0, errors.New("it is not as it was stored")
			}
			return 0, io.EOF
		}
		entry, err := r.k.service.c.Engine.Get(r.ctx, engine.State, chunkName(r.k.name, r.at.Version, r.n))
		if err != nil {
			return 0, err
		}
		r.n, r.rest = r.n+1, entry.Value
		r.sum.Write(r.rest)
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}
