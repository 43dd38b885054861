package file

// input.go: where the bytes come from, and how far they were read.

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"pipeline/pipeline"
)

// position is where a page ends: so many bytes of the text, unzipped, and lines
// of it were read. In a JSON list, elements are counted instead of bytes.
type position struct {
	offset int64
	line   int // lines before offset
}

func (p position) next() pipeline.Position {
	return pipeline.Position(strconv.FormatInt(p.offset, 10) + ":" + strconv.Itoa(p.line))
}

func parsePosition(from pipeline.Position) (p position, err error) {
	if from == "" {
		return position{}, nil
	}
	var rest string
	if n, _ := fmt.Sscanf(string(from), "%d:%d%s", &p.offset, &p.line, &rest); n != 2 || p.offset < 0 || p.line < 0 {
		return position{}, fmt.Errorf("%q is no position in a file", string(from))
	}
	return p, nil
}

// input is the text of a file, unzipped and without its byte order mark.
type input struct {
	ctx context.Context // of the run
	io.Reader
	name    string
	closers []io.Closer
}

// yielded is an error of the engine on its way through Read: it is not about
// the file.
type yielded struct{ error }

func (s *source) input(ctx context.Context) (*input, error) {
	in := &input{name: s.options.Path, ctx: ctx}
	if in.name == "-" {
		in.name = "stdin"
		in.Reader = &cancelReader{ctx: ctx, from: s.world.Stdin}
		return in, nil
	}
	info, err := os.Stat(s.options.Path)
	if err == nil && info.IsDir() {
		return nil, fmt.Errorf("read %s: it is a folder; name a file in it", in.name)
	}
	f, err := os.Open(s.options.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("read %s: there is no such file", in.name)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("read %s: you may not read this file (permission denied)", in.name)
	case err != nil:
		return nil, in.named(err)
	}
	in.Reader, in.closers = f, []io.Closer{f}
	if strings.HasSuffix(strings.ToLower(in.name), ".gz") {
		z, err := gzip.NewReader(f)
		if err != nil {
			in.close()
			return nil, in.named(err)
		}
		in.Reader = z
	}
	return in, nil
}

func (in *input) close() {
	for _, c := range in.closers {
		_ = c.Close() // only read
	}
}

// skip steps over n bytes.
func (in *input) skip(n int64) error {
	if n == 0 {
		return nil
	}
	if f, ok := in.Reader.(*os.File); ok {
		if _, err := f.Seek(n, io.SeekCurrent); err == nil {
			return nil // else a pipe: its bytes are read
		}
	}
	if _, err := io.CopyN(io.Discard, in.Reader, n); err != nil {
		return fmt.Errorf("it has become shorter than the %d bytes that were read before: %w", n, err)
	}
	return nil
}

// fill appends to buf until it is want bytes long, or the text ends.
func (in *input) fill(buf []byte, want int) (_ []byte, eof bool, err error) {
	if cap(buf) < want {
		buf = append(make([]byte, 0, want), buf...)
	}
	for empty := 0; len(buf) < want; {
		if in.ctx.Err() != nil { // a line may have no end
			return buf, false, context.Cause(in.ctx)
		}
		n, err := in.Read(buf[len(buf):want])
		buf = buf[:len(buf)+n]
		switch {
		case errors.Is(err, io.EOF):
			return buf, true, nil
		case err != nil:
			return buf, false, err
		case n > 0:
			empty = 0
		default:
			if empty++; empty == 100 {
				return buf, false, io.ErrNoProgress
			}
		}
	}
	return buf, false, nil
}

// named is err with what was read; an error of the engine stays as it is.
func (in *input) named(err error) error {
	var y yielded
	var pathError *fs.PathError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &y):
		return y.error
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("read %s: the file is cut off", in.name)
	case errors.Is(err, io.EOF):
		return fmt.Errorf("read %s: the file is empty, and gzip never is", in.name)
	case errors.Is(err, gzip.ErrHeader):
		return fmt.Errorf("read %s: it is named .gz and is not gzip", in.name)
	case errors.Is(err, gzip.ErrChecksum), errors.As(err, new(flate.CorruptInputError)):
		return fmt.Errorf("read %s: the gzip data are damaged (%w)", in.name, err)
	case errors.As(err, &pathError):
		return fmt.Errorf("read %s: %w", in.name, pathError.Err)
	default:
		return fmt.Errorf("read %s: %w", in.name, err)
	}
}

var bom = []byte("\ufeff")

// withoutBOM is the text of in without the byte order mark at its beginning.
func withoutBOM(in *input) (io.Reader, error) {
	first, _, err := in.fill(nil, len(bom))
	if err != nil {
		return nil, err
	}
	return io.MultiReader(bytes.NewReader(bytes.TrimPrefix(first, bom)), in.Reader), nil
}

// cancelReader reads from a terminal or pipe, from which nothing may come for
// a long time, and gives up when ctx is done. The read that was begun then
// stays behind, with memory of its own, until it ends.
type cancelReader struct {
	ctx    context.Context
	from   io.Reader
	buf    []byte
	unread []byte // of buf
	reads  chan error
}

func (r *cancelReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	if len(r.unread) == 0 {
		if r.reads == nil {
			r.buf, r.reads = make([]byte, 64<<10), make(chan error, 1)
		}
		go func() {
			n, err := r.from.Read(r.buf)
			r.unread = r.buf[:n] // seen by Read after the channel
			r.reads <- err
		}()
		select {
		case <-r.ctx.Done():
			return 0, r.ctx.Err()
		case err := <-r.reads:
			if len(r.unread) == 0 && err != nil {
				return 0, err
			}
		}
	}
	n := copy(p, r.unread)
	r.unread = r.unread[n:]
	return n, nil
}
