package csv

// spool.go: where rows wait until it is known what stands before them.

import (
	"errors"
	"fmt"
	"io"
	"io/fs"

	"pipeline/pipeline"
)

// spool is a file beside an output that nobody sees.
type spool struct {
	path string // of the output
	file pipeline.Scratch
}

func newSpool(out *pipeline.Output, path string) (*spool, error) {
	file, err := out.Scratch()
	if err != nil {
		return nil, err
	}
	return &spool{path: path, file: file}, nil
}

// Write adds p.
func (s *spool) Write(p []byte) (int, error) {
	n, err := s.file.Write(p)
	return n, s.errorf(err)
}

// Read reads on after copyTo or each went to the beginning.
func (s *spool) Read(p []byte) (int, error) {
	n, err := s.file.Read(p)
	return n, s.errorf(err)
}

// copyTo writes to out all that is there, and leaves the spool ready for more.
func (s *spool) copyTo(out io.Writer) error {
	if _, err := s.file.Seek(0, io.SeekStart); err != nil {
		return s.errorf(err)
	}
	_, err := io.Copy(out, s)
	return err
}

// each gives every row that is there to take, which borrows it, and leaves the spool
// ready for more.
func (s *spool) each(delimiter string, take func(row []byte, cells [][]byte) error) error {
	if _, err := s.file.Seek(0, io.SeekStart); err != nil {
		return s.errorf(err)
	}
	for r := newReader(s, delimiter); ; {
		row, err := r.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = take(row, r.cells)
		}
		if err != nil {
			return err
		}
	}
}

// close gives up what the spool holds. Twice is safe.
func (s *spool) close() error {
	err := s.file.Close()
	if errors.Is(err, fs.ErrClosed) {
		return nil
	}
	return s.errorf(err)
}

func (s *spool) errorf(err error) error {
	var pathError *fs.PathError
	switch {
	case err == nil, errors.Is(err, io.EOF):
		return err
	case errors.As(err, &pathError):
		err = pathError.Err
	}
	return fmt.Errorf("write %s: keep its rows until the end: %w", s.path, err)
}
