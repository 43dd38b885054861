package pipeline

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// rejectFile is where rejects are kept. A run without rejects leaves no file,
// and removes that of an earlier run. It holds people's data, so only its owner
// may read it.
type rejectFile struct {
	path      string
	file      *OutFile // nil until the first reject
	buf       *bufio.Writer
	published string // the path, once there is something at it
}

func newRejectFile(path string) (*rejectFile, error) {
	f := &rejectFile{path: path}
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
