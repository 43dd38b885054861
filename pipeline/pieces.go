package pipeline

// pieces.go: what is on its way through the engine is bounded in bytes. Pages of
// a source are as long as the source likes: they are cut, which also gives work to
// all mappers while there is one page. What comes of a piece may be much more than
// the piece: then it is written in parts.

import (
	"slices"
	"sync/atomic"
	"unsafe"

	"pipeline/pipeline/internal/jsonrow"
	"pipeline/pipeline/ledger"
	"pipeline/pipeline/value"
)

// What a piece of a page holds at most, unless it is one record.
const (
	pieceBytes   = 256 << 10
	pieceRecords = 4096
)

const (
	maxFlow = 24 << 20 // bytes of pages that are on their way; one longer one goes alone
	maxJob  = 4 << 20  // bytes of rows and rejects of a page after which they are written
	maxRows = 32 << 20 // bytes of rows that one record may make; it is delivered whole, so it is held whole
)

// whole is a page that was cut, until its last piece is released.
type whole struct {
	page *Page
	held atomic.Int32 // pieces, and who cuts
}

func (w *whole) release() {
	if w.held.Add(-1) == 0 {
		w.page.Release()
	}
}

// inPieces is yield for a source whose pages are to be cut.
func inPieces(yield func(*Page) error) func(*Page) error {
	return func(p *Page) error {
		size := p.size()
		n := max((size+pieceBytes-1)/pieceBytes, (len(p.Records)+pieceRecords-1)/pieceRecords)
		if n <= 1 {
			return yield(p)
		}
		return p.cut(size/n, (len(p.Records)+n-1)/n, yield)
	}
}

// size is how many bytes the records of a page take.
func (p *Page) size() int {
	size := 0
	for i := range p.Records {
		size += p.Records[i].size()
	}
	return size
}

// takes is size, but no more than there can ever be room for.
func (p *Page) takes() int64 { return int64(min(p.size(), maxFlow)) }

// size is how many bytes of its page a record takes.
func (r *Record) size() int { return len(r.Text) + len(r.Raw) }

// cut yields p in pieces that end with the record that fills them: with so many
// bytes, or so many records.
func (p *Page) cut(bytes, records int, yield func(*Page) error) error {
	w := &whole{page: p}
	w.held.Store(1)
	defer w.release()
	for from := 0; from < len(p.Records); {
		to, size := from, 0
		for to < len(p.Records) && to < from+records && size < bytes {
			size += p.Records[to].size()
			to++
		}
		piece := &Page{Number: p.Number, First: p.First + from, Records: p.Records[from:to:to], Total: p.Total, whole: w}
		if to == len(p.Records) {
			piece.Next = p.Next
		}
		w.held.Add(1)
		if err := yield(piece); err != nil {
			return err
		}
		from = to
	}
	return nil
}

const (
	valueBytes = int(unsafe.Sizeof(value.Value{}))
	intBytes   = int(unsafe.Sizeof(0))
	entryBytes = int(unsafe.Sizeof(ledger.Entry{}))
	textBytes  = int(unsafe.Sizeof([]byte{}))
)

// size is how many bytes are held beside the page: rows as values and as bytes,
// with the texts that were made for them, and rejects.
func (j *job) size() int {
	size := len(j.batch.slab)*valueBytes + len(j.items)*intBytes + j.made.Size() + len(j.lines) + j.out.size()
	for i := range j.encoded {
		size += len(j.encoded[i].rows)
	}
	return size
}

// tooMany reports whether the record at hand, which has a row already, has as many
// as it may. That does not depend on what the rows are kept as.
func (m *mapper) tooMany(j *job) bool {
	rows := len(j.items) - m.rows
	return rows > 0 && rows*len(m.plan.columns)*valueBytes+j.made.Size()-m.start > maxRows
}

// discard lets the mapper of a page that nobody wants come to its end. What it has
// mapped so far was handed over.
func (j *job) discard() {
	for j.more {
		j.more = false
		j.again <- struct{}{}
		<-j.done
	}
}

// letGo gives back what is held for a page that is written. Much memory is not
// kept for other pages, which hardly ever need it.
func (j *job) letGo() {
	j.page.Release()
	clear(j.batch.slab) // which may hold long texts
	if cap(j.batch.slab)*valueBytes > 2*maxJob {
		j.batch.slab = nil
	}
	if cap(j.items)*intBytes > maxJob {
		j.items = nil
	}
	if cap(j.lines) > 2*maxJob {
		j.lines, j.rejected = nil, nil
	}
	if cap(j.out.memory) > 2*maxJob {
		j.out = outgoing{form: j.out.form, key: j.out.key, weight: j.out.weight}
	}
	for i := range j.encoded {
		if cap(j.encoded[i].rows) > 2*maxJob {
			j.encoded[i].rows = nil
		}
	}
}

// reset makes j empty, for the page that it has or for what is left of it.
func (m *mapper) reset(j *job) {
	if j.huge {
		j.dec = jsonrow.NewDecoder(m.plan.projection)
	}
	j.huge = len(j.page.Records) > 0 && j.page.Records[0].size() > maxJob
	j.dec.Reset()
	j.made.Reset()
	m.machine.Arena, m.machine.Forms = &j.made, j.dec
	j.batch = Batch{Columns: m.plan.columns, slab: j.batch.slab[:0]}
	if !j.onlyBytes {
		j.batch.slab = slices.Grow(j.batch.slab, min(len(j.page.Records), pieceRecords)*len(m.plan.columns))
	}
	j.items, j.changed = j.items[:0], false
	for i := range j.encoded {
		j.encoded[i].rows = j.encoded[i].rows[:0]
	}
	j.out.reset()
	j.drift.reset()
	clear(j.rejected) // which may hold long values
	j.read, j.mapped, j.filtered, j.rejected, j.lines = 0, 0, 0, j.rejected[:0], j.lines[:0]
}
