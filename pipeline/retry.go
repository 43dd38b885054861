package pipeline

// retry.go: records of the reject file on their way through the mapping again.

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"

	"pipeline/pipeline/ledger"
)

// keptRecord is what the reject file says of a record that comes back from it.
type keptRecord struct {
	at     recordPlace
	key    []byte
	reject reject // what it was rejected for

	// stays is set where the file does not have the record whole, so that it
	// cannot be mapped: its line stays as it is.
	stays bool
	line  []byte
}

// RejectsPath is where rejects go in a run with that folder for outputs.
func (p *Plan) RejectsPath(outDir string) string {
	return (&World{OutDir: outDir}).OutPath(p.rejects.path)
}

// AddsOnly reports whether every sink adds to what is there, so that rejected
// records can be delivered on their own. Otherwise a target is written whole, and
// all records have to be mapped for it; whole names the first such target.
func (p *Plan) AddsOnly() (adds bool, whole string) {
	for _, s := range p.sinks {
		if !s.connector.Rows && (s.connector.Adds == nil || !s.connector.Adds(s.options)) {
			return false, s.target
		}
	}
	return true, ""
}

// owns reports whether a line is of this mapping and what it reads.
func (p *Plan) owns(l *RejectLine) bool { return l.Mapping == p.name && l.Source == p.From() }

// CheckRejects reports that the reject file at path has rejects of another
// mapping, or of another source. open is how many lines it has, and damaged how
// many of them are none; both are 0 where there is no file.
func (p *Plan) CheckRejects(path string) (open, damaged int, err error) {
	err = ReadRejects(path, func(l *RejectLine) error {
		open++
		switch {
		case l.Damage != "":
			damaged++
		case l.Mapping != p.name:
			return fmt.Errorf("%s, line %d: this is a reject of the mapping %q, and the mapping is %q; where it was renamed, run it again", path, l.Number, l.Mapping, p.name)
		case l.Source != p.From():
			return fmt.Errorf("%s, line %d: this record is from %s, and the mapping reads %s; run it again", path, l.Number, l.Source, p.From())
		}
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) {
		return 0, 0, nil
	}
	return open, damaged, err
}

// What a page of records from the reject file holds.
const (
	retryRecords = 100
	retryBytes   = 256 << 10
)

// retrySource reads the records of the reject file.
type retrySource struct {
	plan *Plan
	path string
	skip func(*RejectLine) (bool, error) // lines that are not tried; nil: none
	find *finder                         // nil: the originals cannot be looked up
	kept int                             // how many stay, for their records are not in the file
}

// Read yields the records in the order of the file.
func (s *retrySource) Read(ctx context.Context, _ Position, yield func(*Page) error) error {
	page, size := NewPage(), 0
	pass := func() error {
		full := page
		page, size = NewPage(), 0
		return yield(full)
	}
	last, err := s.plan.lastPushes(s.path)
	if err != nil {
		return err
	}
	err = ReadRejects(s.path, func(l *RejectLine) error {
		if id, pushed := s.plan.pushedRecord(l); pushed && l.Push < last[id] {
			return nil // what was pushed later takes its place
		}
		if s.skip != nil {
			if skip, err := s.skip(l); skip || err != nil {
				return err
			}
		}
		rec, err := s.record(l)
		if err != nil {
			return err
		}
		page.Records = append(page.Records, rec)
		if size += len(l.text); len(page.Records) < retryRecords && size < retryBytes {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		return pass()
	})
	if err == nil && len(page.Records) > 0 {
		err = pass()
	}
	page.Release()
	return err
}

// lastPushes is, of each record of a reject file that was pushed, the last push that
// has a reject of it: one run of pushes may reject a record several times.
func (p *Plan) lastPushes(path string) (map[ledger.Hash]uint64, error) {
	last := map[ledger.Hash]uint64{}
	err := ReadRejects(path, func(l *RejectLine) error {
		if id, pushed := p.pushedRecord(l); pushed {
			last[id] = max(last[id], l.Push)
		}
		return nil
	})
	return last, err
}

// pushedRecord is which record a line is of, where that was pushed: by its own key, or
// where it has none by that of its row. What has no key is a record each time.
func (p *Plan) pushedRecord(l *RejectLine) (id ledger.Hash, pushed bool) {
	switch {
	case l.Damage != "" || l.Push == 0 || !p.owns(l):
		return id, false
	case p.recordKey == nil && len(p.each) == 0 && l.Key != nil:
		return ledger.Sum(l.Key), true
	}
	text := p.identity(l.record, l.sha256)
	return ledger.Sum(text), isKey(text)
}

// record is the record of a line, with what the file says of it.
func (s *retrySource) record(l *RejectLine) (Record, error) {
	kept := &keptRecord{
		at:     recordPlace{l.Page, l.Item, l.Line, l.Push},
		key:    bytes.Clone(l.Key),
		reject: reject{code: l.Code, field: l.Field, reason: l.Reason, value: bytes.Clone(l.Value)},
	}
	rec := Record{Line: l.Line, kept: kept}
	switch {
	case l.Damage != "":
		kept.reject = reject{code: codeDamaged, reason: fmt.Sprintf("line %d of the reject file is damaged: %s", l.Number, l.Damage)}
	case !s.plan.owns(l), len(l.record) == 0, l.Code == CodeDetail:
	case l.Code == codePushed && s.plan.push != nil:
		if inside := s.plan.push.records(bytes.Clone(l.record), nil); len(inside) == 1 && inside[0].Fault == nil {
			rec.Text = inside[0].Text // the mapping has learned where it is
			return rec, nil
		}
	case l.raw && s.plan.source.connector.Remote, !l.raw:
		rec.Text = bytes.Clone(l.record)
		return rec, nil
	case s.find != nil:
		text, raw, err := s.find.record(l)
		if err != nil {
			return rec, err
		}
		if text != nil {
			rec.Text, rec.Raw = text, raw
			return rec, nil
		}
	}
	s.kept++
	kept.stays, kept.line = true, bytes.Clone(l.text)
	return rec, nil
}

// finder looks up originals in a file that records were read from: what a row of
// CSV means, only the names at the top of its file say.
type finder struct {
	next func() (*Page, error, bool)
	stop func()
	page *Page
	at   int // the next record of page
	end  bool
}

func newFinder(ctx context.Context, source Source) *finder {
	enough := errors.New("enough")
	f := &finder{}
	f.next, f.stop = iter.Pull2(func(yield func(*Page, error) bool) {
		err := source.Read(ctx, "", func(page *Page) error {
			if !yield(page, nil) {
				page.Release()
				return enough
			}
			return nil
		})
		if err != nil && !errors.Is(err, enough) {
			yield(nil, err)
		}
	})
	return f
}

// record is the record that still stands in the source as the line has it; nil
// where there is none.
func (f *finder) record(l *RejectLine) (text, raw []byte, err error) {
	for !f.end {
		for f.page != nil && f.at < len(f.page.Records) {
			rec := &f.page.Records[f.at]
			if rec.Line > l.Line {
				return nil, nil, nil
			}
			f.at++
			original := rec.Raw
			if len(original) == 0 {
				original = rec.Text
			}
			if rec.Line == l.Line && rec.Fault == nil && bytes.Equal(original, l.record) {
				return bytes.Clone(rec.Text), bytes.Clone(rec.Raw), nil
			}
		}
		if f.page != nil {
			f.page.Release()
		}
		var ok bool
		if f.page, err, ok = f.next(); err != nil || !ok {
			f.page, f.end = nil, true
			return nil, nil, err
		}
		f.at = 0
	}
	return nil, nil, nil
}

func (f *finder) close() {
	if f == nil {
		return
	}
	f.stop()
	if f.page != nil {
		f.page.Release()
	}
}

// rejectSource is the open rejects as a source. Originals that the reject file has
// as text are looked up in the file that they were read from, where that is there.
func (r *run) rejectSource(ctx context.Context, source Source) *retrySource {
	s := &retrySource{plan: r.plan, path: r.reject.path}
	if !r.plan.Remote() && fileExists(r.plan.inputFile()) {
		r.find = newFinder(ctx, source)
		s.find = r.find
	}
	return s
}

// inputFile is the file that a local source reads, as far as it says so.
func (p *Plan) inputFile() string {
	for _, o := range p.source.connector.Options {
		if path := p.source.options.String(o.Name); o.Type == TypeInput && path != "" {
			return path
		}
	}
	return ""
}

func fileExists(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// stayed warns of rejects that cannot be mapped again.
func (r *run) stayed(n int) {
	if n > 0 {
		r.report.Warnings = append(r.report.Warnings, fmt.Sprintf("%d of the rejects could not be mapped again, for their records are not whole in %s, or not of this mapping; they stay in it", n, r.reject.path))
	}
}

// noteAlike notes the text of an open reject that was pushed, and makes rows.
func (r *run) noteAlike(rec *Record) error {
	if rec.kept == nil || rec.kept.at.push == 0 {
		return nil
	}
	if r.delivery.alike == nil {
		r.delivery.alike = NewKeys(cmp.Or(r.o.State, os.TempDir()))
	}
	_, err := r.delivery.alike.Add(textIdentity(rec.Text, ""))
	return err
}

// isAlike reports whether an open reject was pushed twice, and has made its rows once in
// this run.
func (r *run) isAlike(rec *Record) (bool, error) {
	if rec.kept == nil || rec.kept.at.push == 0 || r.delivery.alike == nil {
		return false, nil
	}
	return r.delivery.alike.Has(textIdentity(rec.Text, ""))
}
