package csv

// append.go: rows behind those of earlier runs. The new file is a copy of the
// old one and the rows, so that it appears whole like any other.
//
// A run that dies between the publication of its file and the moment at which
// the engine knows of it is run again. The rows that it finds are its own then,
// and must not be there twice: a note in the state folder, durable before the
// file is published, says how the file was before this run.

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"pipeline/pipeline"
)

// appender adds rows to a file.
type appender struct {
	encoder
	notePath string // empty: nothing is kept
	note     note
	noted    bool
}

// note is what is kept of the last run that added to a file. Sizes are those of
// the text, without its compression.
type note struct {
	Started time.Time `json:"started"` // of the run, which stays the same when it is resumed
	Before  int64     `json:"before"`  // bytes that the file had …
	After   int64     `json:"after"`   // … and has with the rows of the run
}

func openAppend(ctx context.Context, w *writer, c pipeline.SinkConfig) (pipeline.Writer, error) {
	path := c.World.OutPath(w.options.Path)
	doing := "append to " + path
	a := &appender{encoder: encoder{w}, note: note{Started: c.World.Now}}
	last, err := a.load(c.State, path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", doing, err)
	}
	o, err := openOld(doing, path, w, c.Columns)
	if err != nil {
		return nil, err
	}
	if o == nil {
		w.buf = w.appendHead(w.buf, c.Columns)
		return a, nil
	}
	defer o.close()
	keep, err := o.before(last, c.World.Now)
	if err != nil {
		return nil, err
	}
	return a, a.copy(ctx, o, keep, c.Columns)
}

// before is how many bytes of the file a run of that start finds there from
// earlier runs; -1 is all.
func (o *old) before(last note, started time.Time) (int64, error) {
	if last.After == 0 || !last.Started.Equal(started) {
		return -1, nil
	}
	switch size, err := o.size(); {
	case err != nil:
		return 0, err
	case size == last.Before: // the run ended before it published
		return -1, nil
	case size == last.After:
		return last.Before, nil
	default:
		return 0, fmt.Errorf("%s: the run of %s has added its rows, and the file was changed since then, so that they cannot be told from others; move the file away, or add them once more with --fresh", o.doing, last.Started.Local().Format("2006-01-02 15:04"))
	}
}

// copy takes over what o has, without the compression, and a header where it
// has none yet.
func (a *appender) copy(ctx context.Context, o *old, keep int64, columns []pipeline.Column) error {
	end := ""
	found, err := o.each(ctx, keep, func(p part) error {
		a.buf = append(a.buf, p.bytes...)
		if !p.mark {
			end = o.lineEnd(p.bytes)
		}
		if len(a.buf) < bufferSize {
			return nil
		}
		return a.drain()
	})
	if err != nil {
		return err
	}
	a.note.Before = found.bytes
	a.buf = append(a.buf, end...)
	switch {
	case found.bytes == 0: // such as a gzip file of nothing
		a.buf = a.appendHead(a.buf, columns)
	case found.rows == 0:
		a.buf = a.appendHeader(a.buf, columns)
	}
	return nil
}

// Commit publishes what was flushed. Twice is safe.
func (a *appender) Commit(ctx context.Context) error {
	if !a.noted {
		if err := a.save(); err != nil {
			return err
		}
		a.noted = true
	}
	return a.writer.Commit(ctx)
}

// load reads the note of the file at path in the folder state, where there is
// one.
func (a *appender) load(state, path string) (last note, err error) {
	if state == "" {
		return note{}, nil
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		return note{}, err
	}
	sum := sha256.Sum256([]byte(absolute))
	a.notePath = filepath.Join(state, "appended-"+hex.EncodeToString(sum[:8])+".json")
	src, err := os.ReadFile(a.notePath)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return note{}, nil
	case err == nil:
		err = json.Unmarshal(src, &last)
	}
	if err != nil {
		return note{}, fmt.Errorf("read what the last run has added: %w; remove %s where that run is complete", err, a.notePath)
	}
	return last, nil
}

// save makes the note durable.
func (a *appender) save() error {
	if a.notePath == "" {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(a.notePath), 0o700); err != nil {
		return fmt.Errorf("keep what this run has added: %w", err)
	}
	a.note.After = a.written
	src, err := json.Marshal(a.note)
	if err != nil {
		return fmt.Errorf("keep what this run has added: %w", err)
	}
	return pipeline.WriteFile(a.notePath, append(src, '\n'), 0o600)
}
