package file

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"pipeline/pipeline"
)

// lines cuts a text into pages that end at the end of a line.
type lines struct {
	in   *input
	at   position // where buf begins
	rest []byte   // the beginning of a line that the page before had no room for
	eof  bool
}

// readLines yields a record for each line of JSON Lines that is not blank.
// BenchmarkReadLines: 0 allocs/record.
func readLines(ctx context.Context, in *input, at position, yield func(*pipeline.Page) error) error {
	if err := in.skip(at.offset); err != nil {
		return err
	}
	l := &lines{in: in, at: at}
	for !l.eof || len(l.rest) > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		page := pipeline.NewPage()
		if err := l.page(page); err != nil {
			page.Release()
			return err
		}
		page.Next = l.at.next()
		if err := pass(page, yield); err != nil {
			return err
		}
	}
	return nil
}

// pass yields a page that holds something.
func pass(page *pipeline.Page, yield func(*pipeline.Page) error) error {
	if len(page.Records) == 0 {
		page.Release()
		return nil
	}
	if err := yield(page); err != nil {
		return yielded{err}
	}
	return nil
}

// page fills a page with whole lines.
func (l *lines) page(page *pipeline.Page) error {
	text, err := l.text(page.Buf[:0])
	page.Buf = text
	if err != nil {
		return err
	}
	if len(text) > maxRecord && bytes.IndexByte(text, '\n') < 0 {
		line, offset := l.at.line+1, l.at.offset
		fault, err := l.tooLarge(text)
		fault.Offset = offset
		page.Records = append(page.Records, pipeline.Record{Line: line, Fault: fault})
		return err
	}
	if l.at.offset == 0 && bytes.HasPrefix(text, bom) {
		l.at.offset, text = int64(len(bom)), text[len(bom):]
	}
	l.at.offset += int64(len(text))
	for len(text) > 0 {
		end := bytes.IndexByte(text, '\n')
		line := text
		if end >= 0 {
			line = text[:end]
		}
		text = text[min(len(line)+1, len(text)):]
		l.at.line++
		if n := len(line); n > 0 && line[n-1] == '\r' {
			line = line[:n-1]
		}
		if !isBlank(line) {
			page.Records = append(page.Records, pipeline.Record{Text: line[:len(line):len(line)], Line: l.at.line})
		}
	}
	return nil
}

// isBlank reports whether there is nothing but spaces and tabs in a line.
func isBlank(line []byte) bool {
	for _, b := range line {
		if b != ' ' && b != '\t' {
			return false
		}
	}
	return true
}

// text is the next lines: about as many as a page holds, or one that is longer.
// A text without a line break is the last line, or one that is too large.
func (l *lines) text(buf []byte) ([]byte, error) {
	buf, l.rest = append(buf, l.rest...), l.rest[:0]
	for want := max(pageBytes, len(buf)+1); ; want = min(2*want, maxRecord+1) {
		if !l.eof {
			var err error
			if buf, l.eof, err = l.in.fill(buf, want); err != nil {
				return buf, err
			}
		}
		switch end := bytes.LastIndexByte(buf, '\n') + 1; {
		case l.eof && (end == 0 || len(buf) <= maxRecord), len(buf) > maxRecord && end == 0:
			return buf, nil
		case end > 0:
			l.rest = append(l.rest, buf[end:]...)
			return buf[:end], nil
		}
	}
}

// tooLarge reads over a line of which begin is known, and keeps its length and
// its SHA-256, both without the line feed.
func (l *lines) tooLarge(begin []byte) (*pipeline.Fault, error) {
	sum := sha256.New()
	var length int64
	end := false
	for buf := begin; ; {
		line, after, found := bytes.Cut(buf, []byte{'\n'})
		sum.Write(line)
		length += int64(len(line))
		l.at.offset += int64(len(line))
		if found {
			l.rest = append(l.rest, after...)
			l.at.offset++
			end = true
		}
		if end || l.eof {
			break
		}
		var err error
		if buf, l.eof, err = l.in.fill(buf[:0], pageBytes); err != nil {
			return &pipeline.Fault{}, err
		}
	}
	l.at.line++
	return &pipeline.Fault{
		Code:   "too-large",
		Reason: fmt.Sprintf("the line is %d bytes long, and a record may have %d", length, maxRecord),
		Bytes:  length,
		SHA256: hex.EncodeToString(sum.Sum(nil)),
	}, nil
}
