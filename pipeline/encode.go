package pipeline

// encode.go: rows become the bytes of a file where they are made, in the mappers,
// and not one after the other in the writer. Where all sinks take bytes, no row is
// kept as values at all.

import (
	"context"
	"slices"

	"pipeline/pipeline/value"
)

// encoded is the rows of a job as one of the files takes them.
type encoded struct {
	by   Encoder // nil: it takes values
	rows []byte
	kept int // bytes of the records before the one at hand
}

// newJob is a job for the sinks of this run.
func (r *run) newJob() *job {
	j := newJob(r.plan)
	j.encoded = make([]encoded, len(r.files))
	j.onlyBytes = fast && r.bytesWillDo()
	for i, s := range r.files {
		e, ok := s.(Encoder)
		if ok && fast {
			j.encoded[i].by = e
		} else {
			j.onlyBytes = false
		}
	}
	if r.delivery.seen != nil {
		j.out.key = r.plan.key
	}
	if len(r.delivery.sinks) > 0 {
		j.out.form = &r.delivery.form
	}
	return j
}

// bytesWillDo reports that nobody asks for the values of a row once it is encoded:
// sinks that take rows one by one have their texts and keys, and files only ask
// where rows may be taken out of a page.
func (r *run) bytesWillDo() bool {
	if len(r.files) > 0 && (r.delivery.seen != nil || r.versions.Versions != nil) {
		return false
	}
	return !slices.ContainsFunc(r.delivery.sinks, func(s *rowSink) bool { _, waits := s.sender.(oneByOne); return waits })
}

// add keeps a row of a record, by its index in the page.
func (j *job) add(item int, row []value.Value) {
	j.items = append(j.items, item)
	j.out.add(row)
	if !j.onlyBytes {
		j.batch.Append(row)
	}
	for i := range j.encoded {
		if e := &j.encoded[i]; e.by != nil {
			e.rows = e.by.EncodeRow(e.rows, row)
		}
	}
}

// keep says that the rows so far stay.
func (j *job) keep() {
	for i := range j.encoded {
		j.encoded[i].kept = len(j.encoded[i].rows)
	}
}

// drop takes the rows since keep back: there were rows of them before.
func (j *job) drop(rows int) {
	j.items = j.items[:rows]
	j.out.drop(rows)
	if !j.onlyBytes {
		j.batch.slab = j.batch.slab[:rows*len(j.batch.Columns)]
	}
	for i := range j.encoded {
		j.encoded[i].rows = j.encoded[i].rows[:j.encoded[i].kept]
	}
}

// writeFiles gives the rows of j to all files. Where the writer has taken rows out
// again, what was encoded is not theirs.
func (r *run) writeFiles(ctx context.Context, j *job) error {
	if len(j.items) == 0 {
		return nil
	}
	for i, s := range r.files {
		var err error
		if e := &j.encoded[i]; e.by != nil && !j.changed {
			err = e.by.WriteEncoded(ctx, e.rows)
		} else {
			err = s.Write(ctx, &j.batch)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
