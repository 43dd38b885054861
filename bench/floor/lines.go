package main

// lines.go: JSON lines out of a file.

import (
	"bytes"
	"io"
)

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

func (*lineReader) convert(c *converter, text []byte) error {
	c.lines(text)
	return nil
}
