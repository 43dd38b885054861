package pipeline

// openrejects.go: the rejects of earlier runs, in a run that reads only what
// changed.

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io/fs"

	"pipeline/pipeline/internal/jsonrow"
)

// openRejects are the rejects of earlier runs that an incremental run finds. A
// record that it reads anew takes the place of its old copy. Records are told
// apart by their own key, and without one by their text. What was pushed twice is two
// rejects all the same, as long as nothing says that both are one row.
type openRejects struct {
	plan     *Plan
	path     string
	all      *Keys // of the file
	fetched  *Keys // those that this run read anew …
	rejected *Keys // … and rejected again
}

// newOpenRejects reads which rejects are open; nil: none.
func newOpenRejects(p *Plan, path, dir string) (*openRejects, error) {
	o := &openRejects{plan: p, path: path, all: NewKeys(dir), fetched: NewKeys(dir), rejected: NewKeys(dir)}
	lines := 0
	err := ReadRejects(path, func(l *RejectLine) error {
		lines++
		if l.Damage != "" || !p.owns(l) {
			return nil
		}
		_, err := o.all.Add(p.identity(l.record, l.sha256))
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	if err != nil || lines == 0 {
		return nil, errors.Join(err, o.close())
	}
	return o, nil
}

func (o *openRejects) close() error {
	if o == nil {
		return nil
	}
	return errors.Join(o.all.Close(), o.fetched.Close(), o.rejected.Close())
}

// identity tells a record from others.
func (p *Plan) identity(text []byte, sha256 string) []byte {
	if p.recordKey != nil {
		if key, err := jsonrow.Lookup(text, []string{p.recordKey.name}); err == nil && !key.IsNull() {
			return key.AppendJSON([]byte{'k'})
		}
	}
	return textIdentity(text, sha256)
}

// textIdentity tells a record from others that are not alike to the last character.
func textIdentity(text []byte, sha256 string) []byte {
	if len(text) == 0 {
		return append([]byte{'h'}, sha256...)
	}
	return appendOneLine([]byte{'t'}, bytes.TrimSpace(text)) // as the file has it
}

// isKey reports whether an identity is by the record's own key.
func isKey(id []byte) bool { return id[0] == 'k' }

// inPush is an identity among the records of one push.
func inPush(push uint64, id []byte) []byte {
	return append(binary.AppendUvarint([]byte{'p'}, push), id...)
}

// identityOf is the identity that a reject of a record has.
func (p *Plan) identityOf(rec *Record) []byte {
	text, sum := rec.Text, ""
	if len(rec.Raw) > 0 {
		text = rec.Raw
	}
	if rec.Fault != nil {
		sum = rec.Fault.SHA256
	}
	return p.identity(text, sum)
}

// note notes which of the open rejects a page has anew.
func (o *openRejects) note(j *job) error {
	rejected := map[int]bool{}
	for i := range j.rejected {
		rejected[j.rejected[i].item] = true
	}
	for i := range j.page.Records {
		if j.late[i] && !rejected[i] { // its reject is of what is newer
			continue
		}
		rec := &j.page.Records[i]
		id := o.plan.identityOf(rec)
		if open, err := o.all.Has(id); err != nil || !open {
			if err != nil {
				return err
			}
			continue
		}
		if rec.Push > 0 && !isKey(id) && (rejected[i] || len(o.plan.key) == 0) {
			id = inPush(rec.Push, id)
		}
		if _, err := o.fetched.Add(id); err != nil {
			return err
		}
		if rejected[i] {
			if _, err := o.rejected.Add(id); err != nil {
				return err
			}
		}
	}
	return nil
}

// among reports whether the record of a line is among keys.
func (o *openRejects) among(keys *Keys, l *RejectLine) (bool, error) {
	if l.Damage != "" || !o.plan.owns(l) {
		return false, nil
	}
	id := o.plan.identity(l.record, l.sha256)
	if has, err := keys.Has(id); has || err != nil || l.Push == 0 {
		return has, err
	}
	return keys.Has(inPush(l.Push, id))
}

// retryOpen maps the open rejects that were not read anew, after what was
// fetched: only then is it known which these are.
func (r *run) retryOpen(ctx context.Context) (stopped bool, err error) {
	old := r.reject.old
	source := &retrySource{plan: r.plan, path: old.path, skip: func(l *RejectLine) (bool, error) { return old.among(old.fetched, l) }}
	r.retrying = true
	stopped, err = r.flow(ctx, source)
	if err == nil && !stopped {
		r.reject.old = nil // each is delivered, or has a line of this run
		r.stayed(source.kept)
	}
	return stopped, err
}
