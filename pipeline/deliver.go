package pipeline

// deliver.go: what makes row sinks deliver each row once: keys, and the ledger
// of what was delivered.

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"pipeline/pipeline/ledger"
	"pipeline/pipeline/value"
)

// Deleter is a Writer that can tell its receiver that rows are gone.
type Deleter interface {
	// Delete delivers the deletion of one row. key is a JSON object of the key
	// columns.
	Delete(ctx context.Context, key []byte) error
}

// Generational is a Writer whose receiver tells deliveries apart by a key.
// Deliveries of another generation, or of another push, are other ones, even where
// the rows are alike: a row that has changed and changed back is no repetition.
type Generational interface {
	Generation(n int64)
}

// maxGone is the share of the known rows that one run may delete without being
// told that it may: a source that suddenly has half its records is more likely
// to be wrong than right.
const maxGone = 0.20

// delivery is the row sinks of one run.
type delivery struct {
	seen       *Keys // of this run, and where it is of pushes of the one at hand: rows and rejects
	rejected   *Keys // of a run of pushes: the records that were rejected, by identity
	alike      *Keys // of a run of open rejects: what was pushed and made rows, by its text; nil: nothing yet
	unknownKey bool  // a reject's key is not known, so that what is gone is not either
	ledger     *ledger.Ledger
	sinks      []*rowSink
	release    func(*job) // gives back what the rows of a job took of what may be on its way
	form       RowJSON    // of the rows that they are given
}

// hashed is an address as the ledger keeps it: it may hold a secret.
func hashed(address string) string {
	sum := sha256.Sum256([]byte(address))
	return hex.EncodeToString(sum[:16])
}

// openDelivery opens the ledger, where there are sinks that need one.
func (r *run) openDelivery() error {
	d := &r.delivery
	if r.push != nil {
		d.rejected = NewKeys(r.o.State)
	}
	if !r.plan.keyed {
		return nil
	}
	d.form = NewRowJSON(r.plan.columns)
	if r.o.State != "" {
		if err := MakeState(r.o.State); err != nil {
			return err
		}
	}
	d.seen = NewKeys(cmp.Or(r.o.State, os.TempDir()))
	if len(d.sinks) == 0 || r.o.State == "" {
		return nil
	}
	var err error
	if d.ledger, err = ledger.Open(filepath.Join(r.o.State, LedgerFile)); err != nil {
		return err
	}
	for _, s := range d.sinks {
		if err := r.beginLedger(s); err != nil {
			return err
		}
	}
	return nil
}

// beginLedger begins a run of the ledger for a sink, and tells the sink which one it is.
func (r *run) beginLedger(s *rowSink) (err error) {
	if s.run, err = r.delivery.ledger.Begin(s.address, r.plan.keyDefinition()); err != nil {
		return err
	}
	generation := s.run.Generation()
	if r.push != nil {
		generation = r.push.Started.UnixNano() // the same on every node that makes the run
		s.pushes = &pushedRows{started: generation, sent: map[ledger.Hash]ledger.Hash{}, refused: map[ledger.Hash]refusedAlike{}}
		if s.pushes.finished, err = s.run.Finished(generation); err != nil {
			return err
		}
	}
	if g, ok := s.Writer.(Generational); ok {
		g.Generation(generation)
	}
	return nil
}

// finish notes that a run came to its end.
func (s *rowSink) finish() error {
	switch {
	case s.run == nil || s.pushes != nil && s.pushes.finished:
		return nil
	case s.pushes != nil:
		return s.run.FinishPushes(s.pushes.started, s.pushes.delivered)
	}
	return s.run.Finish()
}

func (d *delivery) close() error {
	var err error
	if d.seen != nil {
		err = d.seen.Close()
	}
	if d.rejected != nil {
		err = errors.Join(err, d.rejected.Close())
	}
	if d.alike != nil {
		err = errors.Join(err, d.alike.Close())
	}
	if d.ledger != nil {
		err = errors.Join(err, d.ledger.Close())
	}
	return err
}

// keyDefinition is what makes up a key, as text.
func (p *Plan) keyDefinition() string {
	var parts []string
	for _, e := range p.each {
		parts = append(parts, "each "+e.name+": "+e.program.Source())
	}
	for _, l := range p.lets {
		parts = append(parts, "let "+l.name+": "+l.program.Source())
	}
	for _, column := range p.key {
		f := &p.fields[column]
		parts = append(parts, fmt.Sprintf("%s: %s %v %v", f.name, f.program.Source(), f.declared, f.zone))
	}
	return strings.Join(parts, "\n")
}

// unique rejects the records of a page that have a key for the second time in this
// run, or in one push.
func (r *run) unique(j *job) error {
	if r.delivery.seen == nil {
		return nil
	}
	rejected := j.rejected // in the order of the page, as the rows are
	rejects := func(before int) error {
		for ; len(rejected) > 0 && rejected[0].item < before; rejected = rejected[1:] {
			if rejected[0].key == nil {
				r.delivery.unknownKey = true
			} else if _, err := r.delivery.seen.Add(rejected[0].key); err != nil {
				return err
			}
		}
		return nil
	}
	var twice []int // records
	for row, item := range j.items {
		if err := rejects(item); err != nil {
			return err
		}
		added, err := r.addKey(j, row)
		if err != nil {
			return err
		}
		again := len(twice) > 0 && twice[len(twice)-1] == item
		switch {
		case !added && !again:
			twice = append(twice, item)
		case added && !again && (row+1 == len(j.items) || j.items[row+1] != item): // all its rows
			if err := r.noteAlike(&j.page.Records[item]); err != nil {
				return err
			}
		}
	}
	if err := rejects(math.MaxInt); err != nil {
		return err
	}
	for _, item := range twice {
		if err := r.rejectTwice(j, item); err != nil {
			return err
		}
	}
	return nil
}

// addKey adds the key of a row to those of this run, and reports whether it is new.
func (r *run) addKey(j *job, row int) (added bool, err error) {
	key := j.out.entries[row].Key
	added, err = r.delivery.seen.Add(key)
	if kept := j.page.Records[j.items[row]].kept; kept != nil && kept.reject.code == codeKeyTwice {
		// what came before it was delivered: as long as both have one key, so it is
		added = added && !bytes.Equal(kept.reject.value, r.plan.keyObject(key))
	}
	return added, err
}

// rejectTwice rejects a record whose key came before. A reject that was pushed twice is
// one row when it is mapped well, which is there.
func (r *run) rejectTwice(j *job, item int) error {
	same, err := r.isAlike(&j.page.Records[item])
	if err != nil {
		return err
	}
	if same {
		j.takeOut(j.rowsOf(item))
		j.filtered++
		return nil
	}
	r.rejectRows(j, item, func(key []byte) reject {
		return reject{code: codeKeyTwice, reason: "a record with this key came before it in this run", value: key}
	})
	return nil
}

// rejectRows takes the rows of a record out of the batch and makes the record a
// reject; why is told the key of the first of them, as an object.
func (r *run) rejectRows(j *job, item int, why func(key []byte) reject) {
	first, last := j.rowsOf(item)
	key := r.plan.keyObject(j.out.entries[first].Key)
	one := why(key)
	j.lines = r.plan.appendReject(j.lines, j.page, item, key, one)
	j.rejected = append(j.rejected, rejected{item: item, reject: one})
	j.takeOut(first, last)
}

// rowsOf are the rows of a record, from first up to last; none where both are 0.
func (j *job) rowsOf(item int) (first, last int) {
	if first = slices.Index(j.items, item); first < 0 {
		return 0, 0
	}
	for last = first; last < len(j.items) && j.items[last] == item; last++ {
	}
	return first, last
}

// takeOut takes the rows of one record out of the batch.
func (j *job) takeOut(first, last int) {
	j.removeRows(first, last)
	j.mapped--
}

// removeRows takes rows of a record out of the batch that has others.
func (j *job) removeRows(first, last int) {
	if n := len(j.batch.Columns); !j.onlyBytes {
		j.batch.slab = slices.Delete(j.batch.slab, first*n, last*n)
	}
	j.items = slices.Delete(j.items, first, last)
	j.out.remove(first, last)
	j.changed = true
}

// keyObject is a key that AppendKey made, as an object.
func (p *Plan) keyObject(key []byte) []byte {
	object, err := p.keyFromLedger(key)
	if err != nil {
		panic(err) // it was made a moment ago
	}
	return object
}

// refuse makes rejects of the records of refused rows. A later row sink does
// not get them, and neither do files.
func (r *run) refuse(j *job, s *rowSink, refused []RefusedRow) {
	answers := map[int]RefusedRow{} // by record
	var items []int
	for _, one := range refused {
		item := j.items[one.Row]
		if _, ok := answers[item]; !ok {
			answers[item] = one
			items = append(items, item)
		}
	}
	for _, item := range items {
		one := answers[item]
		r.rejectRows(j, item, func([]byte) reject {
			return reject{code: cmp.Or(one.Code, codeRefused), reason: fmt.Sprintf("%s: %s", s.target, one.Reason), value: value.AppendJSONString(nil, one.Answer)}
		})
	}
}

// deleteGone tells row sinks that ask for it what is gone from a complete pull.
func (r *run) deleteGone(ctx context.Context) error {
	whole := r.o.Limit == 0 && !r.o.Rejects && !r.kept.replay && !r.partial() && !r.delivery.unknownKey
	for _, s := range r.delivery.sinks {
		if s.run == nil {
			continue
		}
		if s.deletes && whole && !s.run.KeyChanged() {
			if err := r.deleteFrom(ctx, s); err != nil {
				return err
			}
		} else if s.deletes && r.push == nil {
			r.report.Warnings = append(r.report.Warnings, fmt.Sprintf("no deletions were sent to %s: this run cannot tell what is gone", s.target))
		}
		if whole {
			if err := s.run.Complete(r.delivery.seen); err != nil {
				return err
			}
		}
	}
	return nil
}

// deletesAtOnce is how many deletions are sent before they are recorded.
const deletesAtOnce = 100

func (r *run) deleteFrom(ctx context.Context, s *rowSink) error {
	gone, err := s.run.CountGone(r.delivery.seen)
	if err != nil || gone == 0 {
		return err
	}
	if known := s.run.Known(); float64(gone) > maxGone*float64(known) && !r.o.AllowDeletes {
		return fmt.Errorf("%d of the %d rows that %s has are gone from the source, more than %g%%: nothing is deleted; where that is right, run it again with --allow-deletes", gone, known, s.target, maxGone*100)
	}
	deleter, ok := s.Writer.(Deleter)
	if !ok {
		return fmt.Errorf("%s cannot delete", s.target)
	}
	var keys [][]byte
	record := func() error {
		err := s.run.Deleted(keys)
		r.report.Deleted += len(keys)
		keys = keys[:0]
		return err
	}
	err = s.run.Gone(r.delivery.seen, func(key []byte) error {
		object, err := r.plan.keyFromLedger(key)
		if err != nil {
			return err
		}
		if err := deleter.Delete(ctx, object); err != nil {
			return err
		}
		if keys = append(keys, key); len(keys) == deletesAtOnce {
			return record()
		}
		return nil
	})
	return errors.Join(err, record())
}

// keyFromLedger is a key of the ledger, an array, as an object.
func (p *Plan) keyFromLedger(key []byte) ([]byte, error) {
	var values []json.RawMessage
	if err := json.Unmarshal(key, &values); err != nil || len(values) != len(p.key) {
		return nil, fmt.Errorf("the ledger has a key that is not one of this mapping: %q", p.name)
	}
	dst := []byte{'{'}
	for i, v := range values {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = value.AppendJSONString(dst, p.columns[p.key[i]].Name)
		dst = append(append(dst, ':'), v...)
	}
	return append(dst, '}'), nil
}
