package pipeline

// outstream.go: what the file sinks have in common. They make rows; this is
// where the bytes go.

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/zstd"

	"pipeline/pipeline/internal/disk"
	"pipeline/pipeline/internal/scratch"
)

// The compressions of an output.
const (
	CompressionNone = "none"
	CompressionGzip = "gzip"
	CompressionZstd = "zstd"
)

// CheckCompression is the Check of the options path and compression: a name
// that says one compression and a file with another is a trap for whoever opens
// it.
func CheckCompression(path, compression string) []OptionError {
	for _, one := range []struct{ suffix, compression string }{
		{".gz", CompressionGzip},
		{".zst", CompressionZstd},
	} {
		if !strings.HasSuffix(strings.ToLower(path), one.suffix) || compression == one.compression {
			continue
		}
		is := "compressed with " + compression
		if compression == CompressionNone {
			is = "not compressed"
		}
		return []OptionError{{
			Option:  "path",
			Message: fmt.Sprintf("the name says %s, and the file is %s", one.compression, is),
			Hint:    fmt.Sprintf("add `compression: %s`, or take the %s off the name", one.compression, one.suffix),
		}}
	}
	return nil
}

// Output is where a file sink writes: a file that appears whole or not at all,
// or stdout, where every write is seen at once. It has the last three methods
// of a Writer.
type Output struct {
	name string        // for messages
	file *OutFile      // nil for stdout
	to   io.Writer     // what takes the bytes of the sink
	buf  *bufio.Writer // behind the compression, which writes in small pieces; nil without it
	zip  compressor
	done bool // the gzip member, or zstd frame, is complete
}

// compressor is what compresses into one gzip member or zstd frame, and after
// Reset into the next one.
type compressor interface {
	io.WriteCloser
	Reset(to io.Writer)
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
	if compression == CompressionNone {
		return o, nil
	}
	o.buf = bufio.NewWriterSize(o.to, 64<<10)
	zip, err := newCompressor(o.buf, compression)
	if err != nil {
		return nil, errors.Join(o.named(err), o.Abort())
	}
	o.zip, o.to = zip, zip
	return o, nil
}

// zstdWindow is how far back zstd looks for what repeats. Rows repeat each other
// within a few lines: the default, 4 MiB, makes a file of people no smaller.
const zstdWindow = 512 << 10

// newCompressor gives the same bytes for the same rows: a gzip header has
// neither name nor time, and zstd works in the goroutine of the sink. Its
// fastest level takes a tenth of the time of gzip for files of the same size;
// the next one takes twice as long, and they are no smaller.
func newCompressor(to io.Writer, compression string) (compressor, error) {
	switch compression {
	case CompressionGzip:
		return gzip.NewWriter(to), nil
	case CompressionZstd:
		return zstd.NewWriter(to, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1),
			zstd.WithWindowSize(zstdWindow), zstd.WithLowerEncoderMem(true))
	default:
		return nil, fmt.Errorf("there is no compression %q", compression)
	}
}

// Write writes p. The error names the output, and nothing of p.
func (o *Output) Write(p []byte) (int, error) {
	if o.done {
		o.zip.Reset(o.buf) // what follows a Flush is a member or frame of its own
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

// Scratch is a file for what a sink cannot write yet and that is too much for
// memory. It is gone when it is closed, and with the process.
type Scratch interface {
	io.ReadWriteSeeker
	io.Closer
}

// Scratch makes one on the disk of the output.
func (o *Output) Scratch() (Scratch, error) {
	dir := "" // the system's
	if o.file != nil {
		dir = filepath.Dir(o.file.Path())
	}
	f, err := scratch.Create(dir, ".rows")
	if err != nil {
		return nil, o.named(err)
	}
	return f, nil
}

// Restart forgets all that was written, flushed or not, for a sink that knows
// only at the end how its file begins. It is an error on stdout and after
// Commit.
func (o *Output) Restart() error {
	if o.file == nil {
		return errors.New("write stdout: what was written cannot be taken back")
	}
	if err := o.file.Truncate(0); err != nil {
		return o.named(err)
	}
	if _, err := o.file.Seek(0, io.SeekStart); err != nil {
		return o.named(err)
	}
	if o.zip != nil {
		o.buf.Reset(o.file)
		o.zip.Reset(o.buf)
		o.done = false
	}
	return nil
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
	return fmt.Errorf("write %s: %w", o.name, disk.Cause(err))
}
