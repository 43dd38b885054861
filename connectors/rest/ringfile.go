package rest

// ringfile.go: a ring as the bytes of a file. After a line that says what it is
// come a checksum, the length, and that many bytes; what is behind them is of an
// older, longer ring.

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"strconv"
	"time"
)

const (
	ringWord    = "pipeline calls "
	ringVersion = 1
	ringHead    = ringWord + "1\n"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// encode appends the ring to b, which is empty.
func (r *ring) encode(b []byte) []byte {
	b = append(b, ringHead...)
	b = append(b, 0, 0, 0, 0, 0, 0, 0, 0) // checksum and length
	le := binary.LittleEndian
	for _, n := range [...]int64{nanos(r.unknown), nanos(r.paused), int64(r.longest), int64(r.last), int64(len(r.flights)), int64(len(r.times))} {
		b = le.AppendUint64(b, uint64(n))
	}
	for _, f := range r.flights {
		b = le.AppendUint64(b, uint64(f.slot))
		b = le.AppendUint64(b, uint64(len(f.holder)))
		b = append(b, f.holder...)
	}
	for _, t := range r.times {
		b = le.AppendUint64(b, uint64(nanos(t)))
	}
	payload := b[len(ringHead)+8:]
	le.PutUint32(b[len(ringHead):], crc32.Checksum(payload, castagnoli))
	le.PutUint32(b[len(ringHead)+4:], uint32(len(payload)))
	return b
}

// decode makes r the ring that was encoded as b, with the memory that it has.
// known is false where b is no ring, and newer reports that it is of a later
// version of this program.
func (r *ring) decode(b []byte) (known, newer bool) {
	r.reset()
	head, rest, ok := bytes.Cut(b, []byte{'\n'})
	word, ours := bytes.CutPrefix(head, []byte(ringWord))
	version, err := strconv.Atoi(string(word))
	switch {
	case !ok || !ours || err != nil || version < ringVersion:
		return false, false
	case version > ringVersion:
		return false, true
	case len(rest) < 8:
		return false, false
	}
	sum, n := binary.LittleEndian.Uint32(rest), int64(binary.LittleEndian.Uint32(rest[4:]))
	if n > int64(len(rest)-8) {
		return false, false
	}
	d := &ringReader{b: rest[8 : 8+n]}
	if crc32.Checksum(d.b, castagnoli) != sum {
		return false, false
	}
	r.unknown, r.paused = d.time(), d.time()
	r.longest, r.last = time.Duration(d.next()), slot(d.next())
	flights, times := d.next(), d.next()
	for ; flights > 0 && !d.short; flights-- {
		r.flights = append(r.flights, flight{slot(d.next()), d.text()})
	}
	for ; times > 0 && !d.short; times-- {
		r.times = append(r.times, d.time())
	}
	return !d.short, false
}

// ringReader takes the parts of a ring one after another.
type ringReader struct {
	b     []byte
	short bool // something was missing
}

func (d *ringReader) next() int64 {
	if len(d.b) < 8 {
		d.b, d.short = nil, true
		return 0
	}
	n := binary.LittleEndian.Uint64(d.b)
	d.b = d.b[8:]
	return int64(n)
}

func (d *ringReader) text() string {
	n := d.next()
	if n < 0 || n > int64(len(d.b)) {
		d.short = true
		return ""
	}
	s := string(d.b[:n])
	d.b = d.b[n:]
	return s
}

func (d *ringReader) time() time.Time {
	if n := d.next(); n != 0 {
		return time.Unix(0, n)
	}
	return time.Time{}
}

func nanos(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}
