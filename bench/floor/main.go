// Command floor does the work of bench/w1.yaml, and nothing else, as fast as
// plain Go reasonably can: JSON lines in, one CSV file and one file of rejects
// out. It is what a careful person would write by hand for this one mapping, and
// the measure that `pipeline run` is held against:
//
//	go run ./bench/floor -in records.jsonl -out w1.csv -rejects w1.rejects.jsonl
//
// It takes liberties that a tool cannot: the mapping is compiled in, what it
// does not read is not looked at, JSON is believed and not checked, and the
// files are neither synced nor published whole. For the records of bench/gen its
// CSV is byte for byte that of the mapping.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
)

func main() {
	in := flag.String("in", "", "JSON lines to read")
	out := flag.String("out", "w1.csv", "CSV file to write")
	rejects := flag.String("rejects", "w1.rejects.jsonl", "file to write rejected records to")
	threads := flag.Int("threads", 1, "goroutines that map records; reading and writing are then apart as well")
	flag.Parse()
	if err := run(*in, *out, *rejects, *threads); err != nil {
		fmt.Fprintln(os.Stderr, "floor:", err)
		os.Exit(1)
	}
}

func run(in, out, rejects string, threads int) error {
	src, err := os.Open(in)
	if err != nil {
		return err
	}
	defer func() { _ = src.Close() }() // only read
	rows, err := os.Create(out)
	if err != nil {
		return err
	}
	bad, err := os.Create(rejects)
	if err != nil {
		return err
	}
	count, err := convertAll(src, rows, bad, threads)
	if err != nil {
		return err
	}
	if err := rows.Close(); err != nil {
		return err
	}
	if err := bad.Close(); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "%d written, %d filtered, %d rejected\n", count.written, count.filtered, count.rejected)
	return nil
}

// convertAll maps all lines of src.
func convertAll(src io.Reader, rows, rejects io.Writer, threads int) (counts, error) {
	if _, err := io.WriteString(rows, header); err != nil {
		return counts{}, err
	}
	if threads > 1 {
		return convertParallel(src, rows, rejects, threads)
	}
	c := newConverter()
	r := &lineReader{src: src}
	var buf []byte
	for {
		lines, err := r.next(buf)
		if errors.Is(err, io.EOF) {
			return c.counts, nil
		}
		if err != nil {
			return c.counts, err
		}
		c.convert(lines)
		if err := c.flush(rows, rejects); err != nil {
			return c.counts, err
		}
		buf = lines
	}
}

// blockSize is how much is read and mapped at a time. It stays in the second
// level cache.
const blockSize = 256 << 10

// lineReader reads blocks of whole lines.
type lineReader struct {
	src  io.Reader
	rest []byte // the beginning of a line whose end was not read yet
	done bool
}

// next is the next block, in the memory of buf where that is large enough. Every
// line of it ends in a line break, also the last one of the file.
func (r *lineReader) next(buf []byte) ([]byte, error) {
	buf = append(buf[:0], r.rest...)
	for !r.done {
		if cap(buf) < len(buf)+blockSize {
			buf = append(make([]byte, 0, 2*len(buf)+blockSize+1), buf...)
		}
		n, err := io.ReadAtLeast(r.src, buf[len(buf):len(buf)+blockSize], 1)
		buf = buf[:len(buf)+n]
		if err == io.EOF {
			r.done = true
			r.rest = r.rest[:0]
			if len(buf) > 0 && buf[len(buf)-1] != '\n' {
				buf = append(buf, '\n')
			}
			break
		}
		if err != nil {
			return nil, err
		}
		if end := bytes.LastIndexByte(buf, '\n') + 1; end > 0 {
			r.rest = append(r.rest[:0], buf[end:]...)
			return buf[:end], nil
		}
	}
	if len(buf) == 0 {
		return nil, io.EOF
	}
	r.rest = r.rest[:0]
	return buf, nil
}
