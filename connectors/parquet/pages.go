package parquet

// pages.go: where the pages of a row group wait for its end, for in the file the
// pages of each column stand together. They are encoded and complete, so that they
// wait on disk: in memory they would be most of what a run takes.

import (
	"errors"
	"fmt"
	"io"

	"pipeline/pipeline"
)

// inMemory is how many bytes of a column's pages wait in memory, so that few rows
// need no file.
const inMemory = 64 << 10

// waiting makes the buffers for pages, and knows those that are in use.
type waiting struct {
	out  *pipeline.Output
	open map[*pages]bool
}

// GetBuffer implements parquet.BufferPool.
func (w *waiting) GetBuffer() io.ReadWriteSeeker {
	p := &pages{out: w.out}
	w.open[p] = true
	return p
}

// PutBuffer implements parquet.BufferPool.
func (w *waiting) PutBuffer(b io.ReadWriteSeeker) {
	p := b.(*pages) // of GetBuffer
	delete(w.open, p)
	_ = p.close() // what was in it is in the file, or of no use
}

// close gives up all pages that wait.
func (w *waiting) close() (err error) {
	for p := range w.open {
		err = errors.Join(err, p.close())
		delete(w.open, p)
	}
	return err
}

// pages are those of one column, which are written one behind the other and then
// read from the first to the last.
type pages struct {
	out    *pipeline.Output
	memory []byte
	at     int              // of memory, for reading
	file   pipeline.Scratch // nil: they are in memory
}

func (p *pages) Write(page []byte) (int, error) {
	if p.file == nil && len(p.memory)+len(page) <= inMemory {
		p.memory = append(p.memory, page...)
		return len(page), nil
	}
	if p.file == nil {
		file, err := p.out.Scratch()
		if err != nil {
			return 0, err
		}
		p.file = file
		if _, err := p.write(p.memory); err != nil {
			return 0, err
		}
		p.memory = nil
	}
	return p.write(page)
}

func (p *pages) write(page []byte) (int, error) {
	n, err := p.file.Write(page)
	if err != nil {
		return n, fmt.Errorf("keep rows until their row group is complete: %w", err)
	}
	return n, nil
}

func (p *pages) Read(dst []byte) (int, error) {
	if p.file != nil {
		return p.file.Read(dst)
	}
	if p.at == len(p.memory) {
		return 0, io.EOF
	}
	n := copy(dst, p.memory[p.at:])
	p.at += n
	return n, nil
}

// Seek goes back to the first page.
func (p *pages) Seek(offset int64, whence int) (int64, error) {
	if offset != 0 || whence != io.SeekStart {
		return 0, fmt.Errorf("seek to %d from %d in pages: only their start is known", offset, whence)
	}
	p.at = 0
	if p.file != nil {
		return p.file.Seek(0, io.SeekStart)
	}
	return 0, nil
}

func (p *pages) close() error {
	p.memory = nil
	if p.file == nil {
		return nil
	}
	return p.file.Close()
}
