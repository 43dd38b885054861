package csv

// old.go: the file that earlier runs have left, which a run appends to or
// merges into. It is read from end to end before the first call, so that one
// that is not what it should be is found out then; it is never changed.

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

	"github.com/klauspost/compress/zstd"

	"pipeline/pipeline"
	"pipeline/pipeline/diag"
)

// old is the file of earlier runs.
type old struct {
	doing   string // for messages: "append to out.csv"
	file    *os.File
	options Options
	names   []string // of the columns, as the header has them
}

// openOld opens the file at path. It is nil where there is none, or one without
// a single byte.
func openOld(doing, path string, w *writer, columns []pipeline.Column) (*old, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err == nil && !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s: it is not a file", doing)
	case err == nil && info.Size() == 0:
		return nil, nil
	}
	o := &old{doing: doing, options: w.options}
	for _, c := range columns {
		o.names = append(o.names, string(w.appendName(nil, c)))
	}
	if o.file, err = os.Open(path); err != nil {
		return nil, o.named(err)
	}
	return o, nil
}

func (o *old) close() {
	_ = o.file.Close() // only read
}

// part is a piece of the text of an old file. All parts together are the text.
type part struct {
	bytes []byte   // a row with its line break, which the last one may be without
	cells [][]byte // of a row of data; nil for the byte order mark, the header and empty lines
	mark  bool     // it is the byte order mark
}

// extent is what was found in an old file.
type extent struct {
	bytes int64 // of its text, without the compression
	rows  int   // with the header
}

// each reads the file from its beginning, so many bytes of its text or, for -1,
// all of it, and gives its parts to take, which borrows them. An error of take
// is returned as it is.
func (o *old) each(ctx context.Context, bytes int64, take func(part) error) (extent, error) {
	text, done, err := o.text(bytes)
	if err != nil {
		return extent{}, o.named(err)
	}
	defer done()
	rest, first, err := o.head(text)
	if err != nil {
		return extent{}, o.named(err)
	}
	found := extent{bytes: int64(len(first))}
	if len(first) > 0 {
		if err := take(part{bytes: first, mark: true}); err != nil {
			return found, err
		}
	}
	for r := newReader(rest, o.options.Delimiter); ; {
		row, err := r.next()
		if err == nil {
			err = ctx.Err()
		}
		if errors.Is(err, io.EOF) {
			return found, nil
		}
		p, err := o.part(r, row, err, &found)
		if err != nil {
			return found, err
		}
		if err := take(p); err != nil {
			return found, err
		}
	}
}

// part is what r has read: row, or err, or both where the cells are wrong. It
// is added to what was found.
func (o *old) part(r *reader, row []byte, err error, found *extent) (part, error) {
	header := o.options.Header && found.rows == 0
	if header {
		if err := o.checkDelimiter(r.cells, row); err != nil {
			return part{}, err
		}
	}
	if err != nil {
		return part{}, o.named(err)
	}
	found.bytes += int64(len(row))
	if len(r.cells) == 0 {
		return part{bytes: row}, nil
	}
	found.rows++
	switch {
	case header:
		return part{bytes: row}, o.checkHeader(r.cells)
	case len(r.cells) != len(o.names):
		return part{}, o.named(r.wrong(fmt.Sprintf("the row has %s, and the mapping makes %d", diag.Count(len(r.cells), "cell"), len(o.names))))
	default:
		return part{bytes: row, cells: r.cells}, nil
	}
}

// text is so many bytes of the text of the file, or all of it.
func (o *old) text(bytes int64) (text io.Reader, done func(), err error) {
	if _, err := o.file.Seek(0, io.SeekStart); err != nil {
		return nil, nil, err
	}
	text, done = o.file, func() {}
	switch o.options.Compression {
	case pipeline.CompressionGzip:
		text, err = gzip.NewReader(o.file)
	case pipeline.CompressionZstd:
		var z *zstd.Decoder
		z, err = zstd.NewReader(o.file, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
		text, done = z, func() { z.Close() }
	}
	if err != nil {
		return nil, nil, err
	}
	if bytes >= 0 {
		text = io.LimitReader(text, bytes)
	}
	return text, done, nil
}

// maxWindow is the largest window of zstd that is read, which is memory: that of
// every level but the --ultra ones.
const maxWindow = 8 << 20

// size is how many bytes of text the file has.
func (o *old) size() (int64, error) {
	text, done, err := o.text(-1)
	if err != nil {
		return 0, o.named(err)
	}
	defer done()
	n, err := io.Copy(io.Discard, text)
	return n, o.named(err)
}

var bom = []byte("\ufeff")

// head takes the byte order mark off a text, and knows what is none.
func (o *old) head(text io.Reader) (rest io.Reader, mark []byte, err error) {
	first := make([]byte, 4)
	n, err := io.ReadFull(text, first)
	if err != nil && !errors.Is(err, io.EOF) && (n == 0 || !errors.Is(err, io.ErrUnexpectedEOF)) {
		return nil, nil, err
	}
	first = first[:n]
	plain := o.options.Compression == pipeline.CompressionNone
	switch {
	case plain && bytes.HasPrefix(first, []byte("\x1f\x8b")):
		return nil, nil, errors.New("it is compressed with gzip; say `compression: gzip`, or move it away")
	case plain && bytes.HasPrefix(first, []byte("\x28\xb5\x2f\xfd")):
		return nil, nil, errors.New("it is compressed with zstd; say `compression: zstd`, or move it away")
	case bytes.HasPrefix(first, []byte("\xff\xfe")), bytes.HasPrefix(first, []byte("\xfe\xff")):
		return nil, nil, errors.New("it is UTF-16; save it as UTF-8, or move it away")
	case bytes.HasPrefix(first, bom):
		mark = bom
	}
	return io.MultiReader(bytes.NewReader(first[len(mark):]), text), mark, nil
}

// lineEnd is what a row without a line break needs, where another one follows.
func (o *old) lineEnd(row []byte) string {
	switch {
	case bytes.HasSuffix(row, []byte{'\n'}):
		return ""
	case bytes.HasSuffix(row, []byte{'\r'}), o.options.Newline != "crlf":
		return "\n"
	default:
		return "\r\n"
	}
}

// named is err with what was being done to what, and what to do.
func (o *old) named(err error) error {
	var (
		row       *rowError
		pathError *fs.PathError
	)
	const mend = "mend it, or move it away"
	switch {
	case err == nil, errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.As(err, &row):
		return fmt.Errorf("%s: %w; %s", o.doing, err, mend)
	case errors.As(err, &pathError):
		return fmt.Errorf("%s: %w", o.doing, pathError.Err)
	case errors.Is(err, gzip.ErrHeader), errors.Is(err, zstd.ErrMagicMismatch):
		return fmt.Errorf("%s: it is not compressed with %s, as compression says; %s", o.doing, o.options.Compression, mend)
	case errors.Is(err, zstd.ErrWindowSizeExceeded):
		return fmt.Errorf("%s: reading it takes more memory than %d MiB; compress it anew without --ultra or --long, or move it away", o.doing, maxWindow>>20)
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return fmt.Errorf("%s: its %s data are cut off; %s", o.doing, o.options.Compression, mend)
	case errors.Is(err, gzip.ErrChecksum), errors.As(err, new(flate.CorruptInputError)), o.options.Compression == pipeline.CompressionZstd:
		return fmt.Errorf("%s: its %s data are damaged (%w); %s", o.doing, o.options.Compression, err, mend)
	default:
		return fmt.Errorf("%s: %w", o.doing, err)
	}
}
