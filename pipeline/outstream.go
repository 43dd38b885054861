package pipeline

// outstream.go: what the file sinks have in common. They make rows; this is
// where the bytes go.

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"io"
)

// The compressions of an output.
const (
	CompressionNone = "none"
	CompressionGzip = "gzip"
)

// Output is where a file sink writes: a file that appears whole or not at all,
// or stdout, where every write is seen at once. It has the last three methods
// of a Writer.
type Output struct {
	name string        // for messages
	file *OutFile      // nil for stdout
	to   io.Writer     // what takes the bytes of the sink
	buf  *bufio.Writer // behind the compression, which writes in small pieces; nil without it
	zip  *gzip.Writer
	done bool // the gzip member is complete
}

// OpenOutput opens the output of that path, where "-" is stdout. Sinks write
// large pieces: there is no buffer in between.
func OpenOutput(w *World, path, compression string) (*Output, error) {
	o := &Output{name: "stdout", to: w.Stdout}
	if path != "-" {
		path = w.OutPath(path)
		file, err := CreateOutFile(path)
		if err != nil {
			return nil, err
		}
		o.name, o.file, o.to = path, file, file
	}
	if compression == CompressionGzip {
		// The header has neither name nor time: the same rows give the same bytes.
		o.buf = bufio.NewWriterSize(o.to, 64<<10)
		o.zip = gzip.NewWriter(o.buf)
		o.to = o.zip
	}
	return o, nil
}

// Write writes p. The error names the output, and nothing of p.
func (o *Output) Write(p []byte) (int, error) {
	if o.done {
		o.zip.Reset(o.buf) // what follows a Flush is a gzip member of its own
		o.done = false
	}
	n, err := o.to.Write(p)
	return n, o.named(err)
}

// Flush makes what was written durable, or on stdout visible.
func (o *Output) Flush() error {
	if o.zip != nil && !o.done {
		if err := o.zip.Close(); err != nil {
			return o.named(err)
		}
		o.done = true
		if err := o.buf.Flush(); err != nil {
			return o.named(err)
		}
	}
	if o.file == nil {
		return nil
	}
	return o.file.Flush()
}

// Commit publishes the file. Twice is safe.
func (o *Output) Commit() error {
	if o.file == nil {
		return nil
	}
	return o.file.Commit()
}

// Abort leaves no file behind. What went to stdout is gone already.
func (o *Output) Abort() error {
	if o.file == nil {
		return nil
	}
	return o.file.Abort()
}

func (o *Output) named(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("write %s: %w", o.name, cause(err))
}
