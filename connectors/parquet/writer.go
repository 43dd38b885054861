package parquet

import (
	"context"
	"errors"
	"fmt"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"

	"pipeline/pipeline"
	"pipeline/pipeline/value"
)

// The sizes, in bytes of values before they are encoded, that bound what is
// held in memory. They do not depend on how rows come in batches: the same rows
// make the same file.
const (
	// pageSize ends a page. A dictionary is given up at the end of the page in
	// which it grows beyond dictionarySize, so that it never has more than the
	// two together.
	pageSize       = 256 << 10
	dictionarySize = 32 << 10

	// valueCost is what a value counts for beside its bytes. It is no less than
	// what the library counts, so that the library never ends a page before us.
	valueCost = 24

	// A stride is how often the size of the row group is looked at: after so many
	// rows, or so many bytes of text.
	strideRows  = 64
	strideBytes = 1 << 20
)

// writer gives each column its values, without a row in between.
type writer struct {
	*pipeline.Output
	path     string
	file     *parquet.GenericWriter[any]
	waiting  *waiting
	columns  []column
	rowGroup int64 // bytes that end a row group
	began    int64 // bytes of the file before this row group
	rows     int64 // in all
	stride   stride
	closed   bool
	err      error // the first one: columns may now differ in length
}

func newWriter(out *pipeline.Output, o Options, c pipeline.SinkConfig, columns []column, packing compress.Codec) *writer {
	w := &writer{Output: out, path: o.Path, columns: columns, rowGroup: int64(o.RowGroupMB) << 20, waiting: &waiting{out: out, open: map[*pages]bool{}}}
	options := []parquet.WriterOption{
		schemaOf(columns),
		// In the form that readers know: some distrust the statistics of a writer
		// whose name they cannot read.
		&parquet.WriterConfig{CreatedBy: "pipeline version 1"},
		parquet.KeyValueMetadata("pipeline.mapping", c.Mapping),
		parquet.KeyValueMetadata("pipeline.mapping_sha256", c.Digest),
		parquet.Compression(packing),
		parquet.PageBufferSize(pageSize + pageSize/8),
		parquet.ColumnPageBuffers(w.waiting),
		parquet.DictionaryMaxBytes(dictionarySize),
		parquet.DataPageVersion(1),        // every reader knows it, and version 2 is not smaller
		parquet.DataPageStatistics(false), // the index of pages has them
	}
	for i := range columns {
		if columns[i].isText() {
			// The least and the greatest text of each row group would be in the footer
			// at their whole length, and in memory up to the end.
			options = append(options, parquet.SkipPageBounds(columns[i].leafPath()...))
		}
	}
	w.file = parquet.NewGenericWriter[any](out, options...)
	for i, c := range w.file.ColumnWriters() {
		w.columns[i].writer = c
	}
	return w
}

// stride is the rows since the size of the row group was looked at.
type stride struct{ rows, bytes int }

// add adds a row, and reports whether there is room for another one.
func (s *stride) add(row []value.Value) bool {
	s.rows++
	for i := range row {
		s.bytes += len(row[i].Text())
	}
	return s.rows < strideRows && s.bytes < strideBytes
}

// Write adds the rows of b. An error ends the run: it names the column and the
// row, counted from 1 over the whole run, and holds no value.
func (w *writer) Write(_ context.Context, b *pipeline.Batch) error {
	for from := 0; from < b.Len() && w.err == nil; {
		to, more := from, true
		for more && to < b.Len() {
			more = w.stride.add(b.Row(to))
			to++
		}
		w.err = w.write(b, from, to)
		if !more && w.err == nil {
			w.stride = stride{}
			w.err = w.look()
		}
		from = to
	}
	return w.err
}

// write adds rows from to to, which are of one stride.
func (w *writer) write(b *pipeline.Batch, from, to int) error {
	for i := range w.columns {
		c := &w.columns[i]
		for row := from; row < to; row++ {
			if err := c.append(&b.Row(row)[i]); err != nil {
				return fmt.Errorf("write %s: row %d: column %s: %w", w.path, w.rows+int64(row-from)+1, c.Name, err)
			}
			if c.pending >= pageSize {
				if err := c.endPage(); err != nil {
					return err
				}
			}
		}
		if err := c.pass(); err != nil {
			return err
		}
	}
	w.rows += int64(to - from)
	return nil
}

// look ends the row group where it is large enough.
func (w *writer) look() error {
	if w.size() < w.rowGroup {
		return nil
	}
	return w.endRowGroup()
}

// size is how many bytes this row group has so far.
func (w *writer) size() int64 { return w.file.Size() - w.began }

// endRowGroup writes the row group. Its last pages end with it.
func (w *writer) endRowGroup() error {
	if err := w.file.Flush(); err != nil {
		return err
	}
	w.openBounds()
	w.began = w.file.Size()
	for i := range w.columns {
		w.columns[i].pending = 0
	}
	return nil
}

// openBounds makes the index of the pages of this row group say that a page of
// texts may hold any text. Without their bounds the library has it say that there
// is nothing but empty ones.
func (w *writer) openBounds() {
	for i, index := range w.file.File().ColumnIndexes() {
		if !w.columns[i].isText() {
			continue
		}
		for page := range index.MaxValues {
			if !index.NullPages[page] {
				index.MaxValues[page] = aboveAll
			}
		}
	}
}

// aboveAll is greater than any UTF-8.
var aboveAll = []byte{0xff}

// Flush ends the file and makes it durable. No row can follow.
func (w *writer) Flush(context.Context) error {
	switch {
	case w.err != nil:
		return w.err
	case !w.closed:
		if w.err = w.endRowGroup(); w.err != nil {
			return w.err
		}
		if w.err = w.file.Close(); w.err != nil {
			return w.err
		}
		w.closed = true
	}
	return w.Output.Flush()
}

// Commit publishes what was flushed.
func (w *writer) Commit(context.Context) error { return w.Output.Commit() }

// Abort leaves no file behind.
func (w *writer) Abort() error { return errors.Join(w.waiting.close(), w.Output.Abort()) }
