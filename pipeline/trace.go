package pipeline

// trace.go: mapping records without delivering them, for the commands that show
// what a mapping makes: preview, diff, record.

import (
	"context"
	"errors"
	"time"

	"pipeline/pipeline/value"
)

// Outcome is what became of one record: rows, nothing (where: filtered it), or a
// reject. It is borrowed: copy what you keep.
type Outcome struct {
	Page   int    // 1-based number of the request; 0 where the source has none
	Item   int    // 1-based place in the page; 0 where the source has no pages
	Line   int    // 1-based line of a file; 0 where the source has no lines
	Record []byte // the record as the source wrote it
	Text   []byte // the same as the mapping sees it, as JSON; empty where the source could not make any
	Rows   [][]value.Value
	Reject *Rejected // nil: none

	// Tried is how many rows were set out to be made: one, or one for each element
	// of each:.
	Tried int
	// Read is what was read for each of Rows, in the order of Plan.Paths. Where
	// there are no rows it is what was read for the last one that was tried; where
	// none was, only what is of the record; and nothing where that cannot be read.
	Read [][]value.Value
}

// Rejected is why a record was kept out.
type Rejected struct {
	Code   string
	Field  string // empty: no field in particular
	Reason string
	Line   []byte // as the reject file has it
}

// ErrEnough ends a Trace or a Compare: see has seen what it wanted to.
var ErrEnough = errors.New("enough records were seen")

// Trace reads and maps records as Run does, and gives each outcome to see, in the
// order of the source. Nothing is delivered, no sink is opened and nothing is
// kept. Of o it heeds World, Limit, Page, Override, Source and Cover, and State
// with Replay: then the records are those of the last complete tape, without a call.
// What takes the whole run to know, such as a key that comes twice, is not found
// out. It ends without an error where see returns ErrEnough.
func (p *Plan) Trace(ctx context.Context, o RunOptions, see func(*Outcome) error) error {
	var t *tracer
	err := p.look(ctx, o, func(now time.Time) func(*Page) error {
		t = newTracer(p, now)
		t.m.seen = o.Cover.sighting()
		return func(page *Page) error {
			t.begin(page)
			for i := range page.Records {
				if err := see(t.outcome(i)); err != nil {
					return err
				}
			}
			return nil
		}
	})
	if t != nil {
		o.Cover.add([]*mapper{t.m})
	}
	return err
}

// Compare reads as Trace does, once, and maps each record by both plans: what p
// and what other make of it. Their sources must be the same, by Identity.
func (p *Plan) Compare(ctx context.Context, other *Plan, o RunOptions, see func(own, others *Outcome) error) error {
	return p.look(ctx, o, func(now time.Time) func(*Page) error {
		own, others := newTracer(p, now), newTracer(other, now)
		return func(page *Page) error {
			own.begin(page)
			others.begin(page)
			for i := range page.Records {
				if err := see(own.outcome(i), others.outcome(i)); err != nil {
					return err
				}
			}
			return nil
		}
	})
}

// look opens the source and gives its pages to what begin makes.
func (p *Plan) look(ctx context.Context, o RunOptions, begin func(now time.Time) func(*Page) error) error {
	if !o.Replay {
		o.State = ""
	}
	r := &run{plan: p, o: o, looks: true}
	if err := r.keep(ctx); err != nil {
		return errors.Join(err, r.kept.close(nil))
	}
	source, err := r.openSource(ctx)
	if err == nil {
		err = r.pages(ctx, source, begin(r.o.World.Now))
	}
	if errors.Is(err, ErrEnough) {
		err = nil
	}
	return errors.Join(err, r.kept.close(nil))
}

// Probe makes one call to find out how many reading all takes; zero where the
// answer does not tell. Of o it heeds World and Override.
func (p *Plan) Probe(ctx context.Context, o RunOptions) (Estimate, error) {
	o.State = ""
	r := &run{plan: p, o: o, looks: true}
	source, err := r.openSource(ctx)
	if err != nil {
		return Estimate{}, err
	}
	estimator, ok := source.(Estimator)
	if !ok {
		return Estimate{}, nil
	}
	return estimator.Estimate(ctx)
}

// pages gives the pages of the source to see, from the one that is wanted up to
// the limit.
func (r *run) pages(ctx context.Context, source Source, see func(*Page) error) error {
	var from Position
	if paged, ok := source.(Paged); ok && r.o.Page > 1 && !r.o.Replay { // what is on a tape need not be skipped
		from, _ = paged.At(r.o.Page)
	}
	left := r.o.Limit
	return source.Read(ctx, from, func(page *Page) error {
		defer page.Release()
		if page.Number > 0 && page.Number < r.o.Page {
			return nil
		}
		last := r.o.Limit > 0 && len(page.Records) >= left
		if last {
			page.Records = page.Records[:left]
		}
		left -= len(page.Records)
		if err := see(page); err != nil {
			return err
		}
		if last {
			return ErrEnough
		}
		return nil
	})
}

// tracer tells what becomes of the records of one page after the other.
type tracer struct {
	m     *mapper
	j     *job
	tries []try         // of rows, in the order of the page
	reads []value.Value // what each of them read, one after another

	// how far outcome is
	row, out, tried int
	lines           []byte
}

// try is a row that the mapper set out to make: of which record, and how many
// rows there were before.
type try struct{ item, row int }

func newTracer(p *Plan, now time.Time) *tracer {
	t := &tracer{m: newMapper(p, now), j: newJob(p)}
	t.m.look = func() {
		t.tries = append(t.tries, try{t.m.item, len(t.j.items)})
		t.reads = append(t.reads, t.m.slots[:len(p.paths)]...)
	}
	return t
}

// begin maps a page, which stays the caller's.
func (t *tracer) begin(page *Page) {
	t.tries, t.reads = t.tries[:0], t.reads[:0]
	t.row, t.out, t.tried = 0, 0, 0
	t.j.page = page
	t.m.page(t.j)
	t.lines = t.j.lines
}

// outcome is what became of record i; it is asked for each, in their order.
func (t *tracer) outcome(i int) *Outcome {
	j, rec := t.j, &t.j.page.Records[i]
	o := &Outcome{Page: j.page.Number, Line: rec.Line, Record: rec.Text, Text: rec.Text}
	if len(rec.Raw) > 0 {
		o.Record = rec.Raw
	}
	if o.Page > 0 {
		o.Item = j.page.First + i + 1
	}
	first := t.row
	for ; t.row < len(j.items) && j.items[t.row] == i; t.row++ {
		o.Rows = append(o.Rows, j.batch.Row(t.row))
	}
	if t.out < len(j.rejected) && j.rejected[t.out].item == i {
		why := &j.rejected[t.out]
		o.Reject = &Rejected{Code: why.code, Field: why.field, Reason: why.reason}
		o.Reject.Line, t.lines = cutLine(t.lines)
		t.out++
	}
	tried := t.tried
	o.Read = t.read(i, first)
	o.Tried = t.tried - tried
	return o
}

// read is what was read of record i, whose first row is that one.
func (t *tracer) read(i, first int) [][]value.Value {
	n := len(t.m.plan.paths)
	out := make([][]value.Value, t.row-first)
	var last []value.Value
	for ; t.tried < len(t.tries) && t.tries[t.tried].item == i; t.tried++ {
		last = t.reads[t.tried*n : (t.tried+1)*n : (t.tried+1)*n]
		if row := t.tries[t.tried].row; row < t.row {
			out[row-first] = last // those that were filtered before it had the same number
		}
	}
	switch {
	case len(out) > 0:
		return out
	case last == nil:
		// no list of each: had an element
		rec := &t.j.page.Records[i]
		last = make([]value.Value, t.m.plan.projection.Slots())
		if rec.Fault != nil || t.j.dec.Decode(rec.Text, last) != nil {
			return nil
		}
	}
	return [][]value.Value{last}
}

// cutLine is the first line, with its end, and what is behind it.
func cutLine(lines []byte) (line, rest []byte) {
	for i, c := range lines {
		if c == '\n' {
			return lines[: i+1 : i+1], lines[i+1:]
		}
	}
	return lines, nil
}
