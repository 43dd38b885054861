package pipeline

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"pipeline/pipeline/internal/disk"
)

// rejectFile is where rejects are kept. A run without rejects leaves no file,
// and removes that of an earlier run. It holds people's data, so only its owner
// may read it.
type rejectFile struct {
	path      string
	old       *openRejects // those of earlier runs, which stay where this run does not read their records; nil: none
	last      bool         // it is published when all sinks are: open rejects may go away
	untouched bool         // the file stays as it is
	file      *OutFile     // nil until the first reject
	buf       *bufio.Writer
	committed bool
	published string // the path, once there is something at it
}

// openRejects prepares the reject file. A full run replaces it; one that reads
// only what changed, or the open rejects, changes it.
func (r *run) openRejects() error {
	path := r.o.World.OutPath(r.plan.rejects.path)
	r.reject, r.causes = &rejectFile{path: path, last: r.o.Rejects}, map[causeKey]int{}
	if err := checkFolder(path); err != nil || r.o.Rejects {
		return err
	}
	if err := r.replayPending(path); err != nil || !r.partial() {
		return err
	}
	if copied := r.openCopy(); copied != "" && fileExists(copied) {
		path = copied // this run is gone on with, and had got as far as changing the file
	}
	old, err := newOpenRejects(r.plan, path, cmp.Or(r.o.State, os.TempDir()))
	r.reject.old, r.earlier, r.reject.last = old, old, true
	if old != nil {
		err = r.sameSelection(r.reject.path)
	}
	return err
}

func (r *run) closeRejects() error {
	r.find.close()
	return r.earlier.close()
}

func (f *rejectFile) write(lines []byte) error {
	if len(lines) == 0 {
		return nil
	}
	if f.file == nil {
		if err := f.create(); err != nil {
			return err
		}
	}
	if _, err := f.buf.Write(lines); err != nil {
		return fmt.Errorf("write %s: %w", f.path, disk.Cause(err))
	}
	return nil
}

func (f *rejectFile) create() error {
	file, err := CreateOutFile(f.path)
	if err != nil {
		return err
	}
	file.Mode = 0o600
	f.file, f.buf = file, bufio.NewWriterSize(file, 64<<10)
	return nil
}

// flush makes the rejects durable, those of earlier runs behind those of this
// one. Where the run failed, its deliveries are not published, and an open reject
// goes away only where it was rejected anew.
func (f *rejectFile) flush(failed bool) error {
	if err := f.copyOld(failed); err != nil {
		return err
	}
	if f.file == nil {
		return nil
	}
	if err := f.buf.Flush(); err != nil {
		return fmt.Errorf("write %s: %w", f.path, disk.Cause(err))
	}
	return f.file.Flush()
}

// commit publishes the file. Twice is safe.
func (f *rejectFile) commit() error {
	if f.committed || f.untouched {
		return nil
	}
	f.committed = true
	if f.file == nil {
		if err := os.Remove(f.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove %s, which is of an earlier run: %w", f.path, disk.Cause(err))
		}
		return nil
	}
	f.published = f.path
	return f.file.Commit()
}

func (f *rejectFile) abort() error {
	if f.file == nil {
		return nil
	}
	return f.file.Abort()
}

// copyOld takes over the rejects of earlier runs that stay.
func (f *rejectFile) copyOld(failed bool) error {
	if f.old == nil {
		return nil
	}
	gone := f.old.fetched
	if failed {
		gone = f.old.rejected
	}
	if f.file == nil && gone.Len() == 0 && f.old.path == f.path {
		f.untouched = true
		return nil
	}
	err := ReadRejects(f.old.path, func(l *RejectLine) error {
		if drop, err := f.old.among(gone, l); drop || err != nil {
			return err
		}
		return f.write(append(l.text, '\n'))
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("keep the open rejects: %w", err)
	}
	return nil
}
