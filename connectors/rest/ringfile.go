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

func encodeRing(r *ring) []byte {
	b := make([]byte, 0, len(ringHead)+128+64*len(r.flights)+8*len(r.times))
	b = append(b, ringHead...)
	b = append(b, 0, 0, 0, 0, 0, 0, 0, 0) // checksum and length
	le := binary.LittleEndian
	for _, n := range []int64{nanos(r.unknown), nanos(r.paused), int64(r.longest), int64(r.last), int64(len(r.flights)), int64(len(r.times))} {
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

// decodeRing is the ring that encodeRing made, or nil where the bytes are none;
// newer reports that they are of a later version of this program.
func decodeRing(b []byte) (r *ring, newer bool) {
	head, rest, ok := bytes.Cut(b, []byte{'\n'})
	word, ok2 := bytes.CutPrefix(head, []byte(ringWord))
	version, err := strconv.Atoi(string(word))
	switch {
	case !ok || !ok2 || err != nil || version < ringVersion:
		return nil, false
	case version > ringVersion:
		return nil, true
	case len(rest) < 8:
		return nil, false
	}
	sum, n := binary.LittleEndian.Uint32(rest), int64(binary.LittleEndian.Uint32(rest[4:]))
	if n > int64(len(rest)-8) {
		return nil, false
	}
	d := &ringReader{b: rest[8 : 8+n]}
	if crc32.Checksum(d.b, castagnoli) != sum {
		return nil, false
	}
	r = &ring{unknown: d.time(), paused: d.time(), longest: time.Duration(d.next()), last: slot(d.next())}
	flights, times := d.next(), d.next()
	for ; flights > 0 && !d.short; flights-- {
		r.flights = append(r.flights, flight{slot(d.next()), d.text()})
	}
	r.times = make([]time.Time, 0, max(0, min(times, int64(len(d.b)/8)))+1) // and one more, for the call that is answered
	for ; times > 0 && !d.short; times-- {
		r.times = append(r.times, d.time())
	}
	if d.short {
		return nil, false
	}
	return r, false
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
