package pipeline

// sourceplan.go: the source of a mapping alone, for commands that look at its
// records before there is anything to map them with.

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"pipeline/pipeline/diag"
	"pipeline/pipeline/internal/jsonrow"
	"pipeline/pipeline/tape"
)

// SourcePlan is the source of a mapping, checked: its connector, options, stream
// and limit. What the mapping says of its schema, its fields and its sinks does
// not count.
type SourcePlan struct{ plan *Plan }

// CompileSource finds out whether the source of a mapping makes sense, without
// the network, and reports all that does not. The rest of the mapping may be
// wrong or missing. The SourcePlan is nil where there are errors.
func (m *Mapping) CompileSource(s Setup) (*SourcePlan, diag.List) {
	c := &compiler{m: m, setup: s, plan: &Plan{}, diags: m.Source.diags}
	c.name()
	c.reading()
	c.diags.Sort()
	m.origins.trace(c.diags)
	if c.diags.HasErrors() {
		return nil, c.diags
	}
	return &SourcePlan{c.plan}, c.diags
}

// Name is the mapping's name.
func (p *SourcePlan) Name() string { return p.plan.name }

// SourceName is the connector that records come from.
func (p *SourcePlan) SourceName() string { return p.plan.SourceName() }

// SourceOptions are the options of the source.
func (p *SourcePlan) SourceOptions() Options { return p.plan.SourceOptions() }

// From is the connector and its stream.
func (p *SourcePlan) From() string { return p.plan.From() }

// Input is the name of the file that is read; empty: it is none.
func (p *SourcePlan) Input() string {
	for _, o := range p.plan.source.connector.Options {
		if path := p.plan.source.options.String(o.Name); o.Type == TypeInput && path != "" {
			return filepath.Base(path)
		}
	}
	return ""
}

// PushOnly reports whether the source is nothing but what is pushed.
func (p *SourcePlan) PushOnly() bool { return p.plan.PushOnly() }

// Remote reports whether the source is called over the network.
func (p *SourcePlan) Remote() bool { return p.plan.Remote() }

// ReadRecord is a record as its source wrote it, and where it stood. It is
// borrowed: copy what you keep.
type ReadRecord struct {
	Text   []byte // a JSON object
	Page   int    // 1-based number of the request; 0 where the source has none
	Item   int    // 1-based place in the page
	Line   int    // 1-based line of a file
	Reject error  // why it is no record, in which case Text is not to be used
}

// Where is where the record stood, for people.
func (r ReadRecord) Where() string { return placeOf(r.Page, r.Item, r.Line) }

// Taped is when the last complete run began whose tape is in the state folder,
// if it fetched what this source would; ok is false where there is none.
func (p *SourcePlan) Taped(state string) (began time.Time, ok bool, err error) {
	if _, err := os.Stat(state); errors.Is(err, fs.ErrNotExist) || !p.plan.source.tape {
		return time.Time{}, false, nil
	}
	store, err := tape.Open(state)
	if err != nil {
		return time.Time{}, false, err
	}
	last, err := store.Last()
	if errors.Is(err, tape.ErrDamaged) {
		err = nil // it is fetched anew
	}
	if last != nil {
		h := last.Header()
		began, ok = h.Started, h.Identity == p.plan.Identity()
		err = errors.Join(err, last.Close())
	}
	return began, ok, errors.Join(err, store.Close())
}

// Read gives each record to see, in the order of the source. Of o it heeds World,
// Limit, Override and Source, and State with Replay: then the records are those
// of the last complete tape, without a call. It ends without an error where see
// returns ErrEnough.
func (p *SourcePlan) Read(ctx context.Context, o RunOptions, see func(ReadRecord) error) error {
	if !o.Replay {
		o.State = ""
	}
	r := &run{plan: p.plan, o: o}
	err := r.keep(ctx)
	if err == nil {
		var source Source
		if source, err = r.openSource(ctx); err == nil {
			err = r.readAll(ctx, source, see)
		}
	}
	if errors.Is(err, ErrEnough) {
		err = nil
	}
	return errors.Join(err, r.kept.close(nil))
}

func (r *run) readAll(ctx context.Context, source Source, see func(ReadRecord) error) error {
	dec, left := jsonrow.NewDecoder(jsonrow.NewProjection(nil)), r.o.Limit
	return source.Read(ctx, "", func(page *Page) error {
		defer page.Release()
		for i := range page.Records {
			dec.Reset()
			if err := see(readRecord(dec, page, i)); err != nil {
				return err
			}
			if left--; left == 0 {
				return ErrEnough
			}
		}
		return nil
	})
}

// readRecord is a record of a page, held against what a run takes for one.
func readRecord(dec *jsonrow.Decoder, page *Page, i int) ReadRecord {
	rec := &page.Records[i]
	at := page.place(i)
	out := ReadRecord{Text: rec.Text, Page: at.page, Item: at.item, Line: at.line}
	switch err := dec.Decode(rec.Text, nil); {
	case rec.Fault != nil:
		out.Reject = fmt.Errorf("%s: %s", rec.Fault.Code, rec.Fault.Reason)
	case err != nil:
		var e *jsonrow.Error
		errors.As(err, &e)
		out.Reject = fmt.Errorf("%s: %s", e.Code, e.Reason)
	}
	return out
}
