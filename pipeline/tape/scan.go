package tape

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
)

// scan.go: what a tape holds is found out by reading it once from end to end,
// checksums only. All from the first frame that is cut off or damaged is
// dropped: a source is asked again, a wrong answer would go into the data.

// ErrDamaged is wrapped by the errors for a tape of which nothing can be used.
var ErrDamaged = errors.New("damaged")

// ErrNewer is wrapped by the errors for a tape of a later version of pipeline.
var ErrNewer = errors.New("newer version")

// entry is where an exchange stands.
type entry struct {
	offset int64
	chain  uint32 // checksum of the frame before
	size   uint32 // of the whole frame
}

// contents is what a scan finds.
type contents struct {
	header Header
	index  map[id]entry
	good   int64  // where the next exchange goes
	chain  uint32 // checksum of the frame before good
	ended  bool   // the end frame was found, at good
	damage string // as Tape.Damage
}

// scan reads a tape of size bytes. An error is either of reading, or wraps
// ErrDamaged or ErrNewer.
func scan(r io.ReaderAt, size int64) (*contents, error) {
	buffer := int(min(256<<10, max(size, maxLine)))
	s := scanner{r: bufio.NewReaderSize(io.NewSectionReader(r, 0, size), buffer), size: size}
	c := &contents{index: map[id]entry{}}
	if err := s.begin(c); err != nil {
		return nil, err
	}
	for s.offset < size {
		f, err := s.next()
		if err == nil && f.kind == kindHeader { // a tape has one
			err = errBad
		}
		switch {
		case errors.Is(err, errCut):
			c.damage = fmt.Sprintf("cut off after %s", exchanges(len(c.index)))
			return c, nil
		case errors.Is(err, errBad):
			c.damage = fmt.Sprintf("damaged at byte %d (checksum)%s", c.good, s.lost())
			return c, nil
		case err != nil:
			return nil, err
		case f.kind == kindEnd:
			c.ended = true
			if rest := size - s.offset; rest > 0 {
				c.damage = fmt.Sprintf("damaged at byte %d (%d bytes after its end)", s.offset, rest)
			}
			return c, nil
		}
		c.index[idOf(s.key)] = entry{offset: c.good, chain: c.chain, size: uint32(f.size())}
		c.good, c.chain = s.offset, s.chain
	}
	return c, nil
}

var (
	errCut = errors.New("cut off")
	errBad = errors.New("wrong checksum")
)

// scanner walks over frames.
type scanner struct {
	r      *bufio.Reader
	size   int64
	offset int64  // of the next frame
	chain  uint32 // checksum of the frame before it
	key    []byte // of the last frame
	body   []byte // of the last frame, for the header only
}

// scanHeader reads the header only.
func scanHeader(r io.ReaderAt, size int64) (Header, error) {
	s := scanner{r: bufio.NewReader(io.NewSectionReader(r, 0, size)), size: size}
	var c contents
	err := s.begin(&c)
	return c.header, err
}

// begin reads the first line and the header.
func (s *scanner) begin(c *contents) error {
	line, err := s.r.ReadSlice('\n')
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, bufio.ErrBufferFull) {
		return err
	}
	if err != nil || len(line) > maxLine {
		return fmt.Errorf("%w at its beginning", ErrDamaged)
	}
	switch v, ok := parseFirstLine(string(line[:len(line)-1])); {
	case !ok:
		return fmt.Errorf("%w at its beginning", ErrDamaged)
	case v > version:
		return fmt.Errorf("%w: its format is %d, this program knows up to %d", ErrNewer, v, version)
	}
	s.chain, s.offset = crc32.Checksum(line, castagnoli), int64(len(line))
	f, err := s.next()
	if errors.Is(err, errCut) || errors.Is(err, errBad) || err == nil && (f.kind != kindHeader || f.raw > maxHeader) {
		return fmt.Errorf("%w in its header", ErrDamaged)
	}
	if err != nil {
		return err
	}
	body, err := decompress(nil, f, s.body)
	if err == nil {
		err = json.Unmarshal(body, &c.header)
	}
	if err != nil {
		return fmt.Errorf("%w in its header: %w", ErrDamaged, err)
	}
	c.good, c.chain = s.offset, s.chain
	return nil
}

// next reads one frame. After errBad the scanner stands behind the bad frame,
// as far as its length can be believed.
func (s *scanner) next() (head, error) {
	if s.size-s.offset < headSize {
		return head{}, errCut
	}
	var b [headSize]byte
	if _, err := io.ReadFull(s.r, b[:]); err != nil {
		return head{}, err
	}
	h, ok := parseHead(b[:])
	if !ok {
		s.offset = s.size
		return h, errBad
	}
	if h.size() > s.size-s.offset {
		return h, errCut
	}
	crc := crc32.Update(s.chain, castagnoli, b[4:])
	s.key = slices.Grow(s.key[:0], h.key)[:h.key]
	if _, err := io.ReadFull(s.r, s.key); err != nil {
		return h, err
	}
	crc, err := s.readBody(h, crc32.Update(crc, castagnoli, s.key))
	if err != nil {
		return h, err
	}
	s.offset += h.size()
	s.chain = h.crc
	if crc != h.crc {
		return h, errBad
	}
	return h, nil
}

// readBody adds the body to crc, and keeps it where it is the header's.
func (s *scanner) readBody(h head, crc uint32) (uint32, error) {
	s.body = s.body[:0]
	for left := h.body; left > 0; {
		if _, err := s.r.Peek(1); err != nil {
			return 0, err
		}
		b, _ := s.r.Peek(min(left, s.r.Buffered())) // what is buffered can be had
		crc = crc32.Update(crc, castagnoli, b)
		if h.kind == kindHeader {
			s.body = append(s.body, b...)
		}
		left -= len(b)
		_, _ = s.r.Discard(len(b)) // as above
	}
	return crc, nil
}

// lost says how many sound exchanges stand behind a bad frame, where that can
// be found out.
func (s *scanner) lost() string {
	n := 0
	for s.offset < s.size {
		f, err := s.next()
		if err != nil {
			break
		}
		if f.kind == kindExchange {
			n++
		}
	}
	if n == 0 {
		return ""
	}
	if n == 1 {
		return "; 1 exchange after it is fetched again"
	}
	return fmt.Sprintf("; %s after it are fetched again", exchanges(n))
}

// exchanges is n with its noun.
func exchanges(n int) string {
	if n == 1 {
		return "1 exchange"
	}
	return fmt.Sprintf("%d exchanges", n)
}
