package pipeline

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// rejectFile is where rejects are kept. A run without rejects leaves no file,
// and removes that of an earlier run. It holds people's data, so only its owner
// may read it.
type rejectFile struct {
	path      string
	keep      bool     // the rejects of earlier runs stay: this one does not read their records
	file      *OutFile // nil until the first reject
	buf       *bufio.Writer
	published string // the path, once there is something at it
}

func newRejectFile(path string, keep bool) (*rejectFile, error) {
	f := &rejectFile{path: path, keep: keep}
	return f, checkFolder(path)
}

func (f *rejectFile) write(lines []byte) error {
	if len(lines) == 0 {
		return nil
	}
	if f.file == nil {
		file, err := CreateOutFile(f.path)
		if err != nil {
			return err
		}
		file.Mode = 0o600
		f.file, f.buf = file, bufio.NewWriterSize(file, 64<<10)
		if err := f.copyOld(); err != nil {
			return err
		}
	}
	if _, err := f.buf.Write(lines); err != nil {
		return fmt.Errorf("write %s: %w", f.path, cause(err))
	}
	return nil
}

func (f *rejectFile) flush() error {
	if f.file == nil {
		return nil
	}
	if err := f.buf.Flush(); err != nil {
		return fmt.Errorf("write %s: %w", f.path, cause(err))
	}
	return f.file.Flush()
}

func (f *rejectFile) commit() error {
	if f.file == nil && f.keep {
		return nil
	}
	if f.file == nil {
		if err := os.Remove(f.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove %s, which is of an earlier run: %w", f.path, cause(err))
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

// copyOld takes over the rejects of earlier runs, where they stay.
func (f *rejectFile) copyOld() error {
	if !f.keep {
		return nil
	}
	old, err := os.Open(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		_, err = io.Copy(f.buf, old)
		err = errors.Join(err, old.Close())
	}
	if err != nil {
		return fmt.Errorf("keep the rejects in %s: %w", f.path, cause(err))
	}
	return nil
}
