package pipeline

// trace.go: mapping records without delivering them, for the commands that show
// what a mapping makes: preview, diff, record.

import (
	"context"
	"errors"

	"pipeline/pipeline/internal/jsonrow"
	"pipeline/pipeline/value"
)

// Outcome is what became of one record: rows, nothing (where: filtered it), or a
// reject. It is borrowed: copy what you keep.
type Outcome struct {
	Page   int    // 1-based number of the request; 0 where the source has none
	Item   int    // 1-based place in the page; 0 where the source has no pages
	Line   int    // 1-based line of a file; 0 where the source has no lines
	Record []byte // the record as the source wrote it
	Rows   [][]value.Value
	Reject *Rejected // nil: none
}

// Rejected is why a record was kept out.
type Rejected struct {
	Code   string
	Field  string // empty: no field in particular
	Reason string
	Line   []byte // as the reject file has it
}

// Trace reads and maps records as Run does, and gives each outcome to see, in the
// order of the source. Nothing is delivered, no sink is opened and nothing is
// kept. Of o it heeds World, Limit, Override and Source, and State with Replay:
// then the records are those of the last complete tape, without a call. What
// takes the whole run to know, such as a key that comes twice, is not found out.
// It ends without an error where see returns ErrEnough.
func (p *Plan) Trace(ctx context.Context, o RunOptions, see func(*Outcome) error) error {
	if !o.Replay {
		o.State = ""
	}
	r := &run{plan: p, o: o}
	if err := r.keep(); err != nil {
		return errors.Join(err, r.kept.close(nil))
	}
	source, err := r.openSource(ctx)
	if err == nil {
		err = r.trace(ctx, source, see)
	}
	return errors.Join(err, r.kept.close(nil))
}

// ErrEnough ends a Trace: see has seen what it wanted to.
var ErrEnough = errors.New("enough records were seen")

func (r *run) trace(ctx context.Context, source Source, see func(*Outcome) error) error {
	m := newMapper(r.plan, r.o.World.Now)
	j := &job{dec: jsonrow.NewDecoder(r.plan.projection)}
	left := r.o.Limit
	err := source.Read(ctx, "", func(page *Page) error {
		defer page.Release()
		last := r.o.Limit > 0 && len(page.Records) >= left
		if last {
			page.Records = page.Records[:left]
		}
		left -= len(page.Records)
		j.page = page
		m.page(j)
		if err := j.outcomes(see); err != nil {
			return err
		}
		if last {
			return ErrEnough
		}
		return nil
	})
	if errors.Is(err, ErrEnough) {
		return nil
	}
	return err
}

// outcomes gives what became of each record of a mapped page to see.
func (j *job) outcomes(see func(*Outcome) error) error {
	row, out := 0, 0
	lines := j.lines
	for i := range j.page.Records {
		rec := &j.page.Records[i]
		o := Outcome{Page: j.page.Number, Line: rec.Line, Record: rec.Text}
		if len(rec.Raw) > 0 {
			o.Record = rec.Raw
		}
		if o.Page > 0 {
			o.Item = j.page.First + i + 1
		}
		for ; row < len(j.items) && j.items[row] == i; row++ {
			o.Rows = append(o.Rows, j.batch.Row(row))
		}
		if out < len(j.rejected) && j.rejected[out].item == i {
			why := &j.rejected[out]
			o.Reject = &Rejected{Code: why.code, Field: why.field, Reason: why.reason}
			o.Reject.Line, lines = cutLine(lines)
			out++
		}
		if err := see(&o); err != nil {
			return err
		}
	}
	return nil
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
