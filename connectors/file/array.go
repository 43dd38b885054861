package file

import (
	"context"
	"errors"
	"fmt"
	"io"

	"pipeline/pipeline"
)

// readArray yields a record for each element of a JSON list.
func readArray(ctx context.Context, in *input, at position, yield func(*pipeline.Page) error) error {
	text, err := withoutBOM(in)
	if err != nil {
		return err
	}
	a := &array{elements: pipeline.NewArrayReader(text, maxRecord)}
	for range at.offset { // the elements of the pages before
		if _, err := a.next(a.buf[:0]); err != nil {
			return err
		}
		if a.ended {
			return fmt.Errorf("it has fewer than the %d elements that were read before", at.offset)
		}
	}
	for !a.ended {
		if err := ctx.Err(); err != nil {
			return err
		}
		page := pipeline.NewPage()
		if err := a.page(page); err != nil {
			page.Release()
			return err
		}
		at.offset += int64(len(page.Records))
		page.Next = at.next()
		if err := pass(page, yield); err != nil {
			return err
		}
	}
	return nil
}

type array struct {
	elements *pipeline.ArrayReader
	spans    []span // of the records of a page, while its memory may still move
	buf      []byte
	ended    bool
}

// page fills a page with whole elements.
func (a *array) page(page *pipeline.Page) error {
	a.spans, a.buf = a.spans[:0], page.Buf[:0]
	for len(a.buf) < pageBytes {
		s, err := a.next(a.buf)
		if err != nil {
			page.Buf = a.buf
			return err
		}
		if a.ended {
			break
		}
		a.spans = append(a.spans, s)
	}
	page.Buf = a.buf
	appendRecords(page, a.spans)
	return nil
}

// next appends an element to buf.
func (a *array) next(buf []byte) (span, error) {
	start := len(buf)
	buf, line, err := a.elements.Next(buf)
	var large *pipeline.TooLarge
	switch {
	case errors.Is(err, io.EOF):
		a.ended = true
		return span{}, nil
	case errors.As(err, &large):
		return span{line: line, fault: &pipeline.Fault{
			Code:   "too-large",
			Reason: fmt.Sprintf("the element %s, and a record may have %d", large.Error(), maxRecord),
			Offset: large.Offset, Bytes: large.Bytes, SHA256: large.SHA256,
		}}, nil
	case err != nil:
		return span{}, fmt.Errorf("%w; a JSON file is one list of records (one record per line is `format: jsonl`)", err)
	}
	a.buf = buf
	return span{text: [2]int{start, len(buf)}, line: line}, nil
}

// span is a record as offsets in the memory of its page, which moves while it
// grows.
type span struct {
	text, raw [2]int
	line      int
	fault     *pipeline.Fault
}

// appendRecords makes records of spans once the memory of the page stays.
func appendRecords(page *pipeline.Page, spans []span) {
	cut := func(at [2]int) []byte {
		if at[0] == at[1] {
			return nil
		}
		return page.Buf[at[0]:at[1]:at[1]]
	}
	for _, s := range spans {
		page.Records = append(page.Records, pipeline.Record{Text: cut(s.text), Raw: cut(s.raw), Line: s.line, Fault: s.fault})
	}
}
