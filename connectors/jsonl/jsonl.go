// Package jsonl writes rows as JSON Lines: one object per line, its keys in the
// order of the columns.
package jsonl

import (
	"context"

	"pipeline/pipeline"
	"pipeline/pipeline/value"
)

// Options are the options of the sink, with their defaults.
type Options struct {
	Path        string `option:"path,output,required" doc:"file to write; - is stdout"`
	Compression string `option:"compression" values:"none,gzip,zstd" doc:"compression of the file"`
}

var defaults = Options{Compression: pipeline.CompressionNone}

// Connector is the sink "jsonl".
func Connector() pipeline.SinkConnector {
	return pipeline.SinkConnector{
		Name:    "jsonl",
		Summary: "A file with one JSON object per line, or stdout",
		Options: pipeline.OptionsOf(defaults),
		Check:   check,
		Target:  func(o pipeline.Options) string { return o.String("path") },
		Open:    open,
	}
}

func check(options pipeline.Options) []pipeline.OptionError {
	o := decoded(options)
	return pipeline.CheckCompression(o.Path, o.Compression)
}

func decoded(options pipeline.Options) Options {
	o := defaults
	options.Decode(&o)
	return o
}

func open(_ context.Context, c pipeline.SinkConfig) (pipeline.Writer, error) {
	o := decoded(c.Options)
	out, err := pipeline.OpenOutput(c.World, o.Path, o.Compression)
	if err != nil {
		return nil, err
	}
	return newWriter(out, c.Columns), nil
}

// bufferSize is how many bytes of rows are written at a time.
const bufferSize = 64 << 10

// writer appends rows into one buffer. BenchmarkWrite: 0 allocs/row.
type writer struct {
	*pipeline.Output
	rows pipeline.RowJSON
	buf  []byte
}

func newWriter(out *pipeline.Output, columns []pipeline.Column) *writer {
	return &writer{Output: out, rows: pipeline.NewRowJSON(columns), buf: make([]byte, 0, bufferSize+bufferSize/4)}
}

// Write appends the rows of b.
func (w *writer) Write(_ context.Context, b *pipeline.Batch) error {
	for i := range b.Len() {
		w.buf = w.EncodeRow(w.buf, b.Row(i))
		if err := w.drainFull(); err != nil {
			return err
		}
	}
	return nil
}

// EncodeRow appends a row to dst.
func (w *writer) EncodeRow(dst []byte, row []value.Value) []byte {
	return append(w.rows.Append(dst, row), '\n')
}

// WriteEncoded appends rows that EncodeRow made.
func (w *writer) WriteEncoded(_ context.Context, rows []byte) error {
	w.buf = append(w.buf, rows...)
	return w.drainFull()
}

// Flush makes every row so far durable.
func (w *writer) Flush(context.Context) error {
	if err := w.drain(); err != nil {
		return err
	}
	return w.Output.Flush()
}

// Commit publishes what was flushed.
func (w *writer) Commit(context.Context) error { return w.Output.Commit() }

// drainFull writes the buffer where there is enough in it.
func (w *writer) drainFull() error {
	if len(w.buf) < bufferSize {
		return nil
	}
	return w.drain()
}

func (w *writer) drain() error {
	_, err := w.Output.Write(w.buf)
	w.buf = w.buf[:0]
	return err
}
