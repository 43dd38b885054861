package pipeline

// pushagain.go: a run of pushes that died after a sink of rows has noted that it has
// all of it, and before it was noted that the run is over. That sink is given nothing
// when the run is made again, so that it cannot refuse anything again either: the
// reject file, which was durable before, says what it refused.

import (
	"bytes"
	"cmp"
	"errors"
	"io/fs"
	"slices"

	"pipeline/pipeline/ledger"
)

// settled is a reject of a run of pushes that a sink of rows has all of.
type settled struct {
	reject
	line int // of the reject file
}

// loadSettled reads what the run rejected when it was made the first time, where some
// sink has all of that run.
func (r *run) loadSettled() error {
	finished := func(s *rowSink) bool { return s.pushes != nil && s.pushes.finished }
	if r.push == nil || !slices.ContainsFunc(r.delivery.sinks, finished) {
		return nil
	}
	r.push.settled = map[ledger.Hash]settled{}
	err := ReadRejects(r.reject.path, func(l *RejectLine) error {
		// What came twice in its push is alike what is no reject, and is found again.
		if l.Damage != "" || !r.plan.owns(l) || l.Push <= r.push.After || l.Push > r.push.UpTo || l.Code == codeKeyTwice {
			return nil
		}
		id := ledger.Sum(inPush(l.Push, textIdentity(l.record, l.sha256)))
		r.push.settled[id] = settled{reject{code: l.Code, field: l.Field, reason: l.Reason, value: bytes.Clone(l.Value)}, l.Number}
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// rejectSettled rejects those records of a page again that were rejected when the run
// was made the first time, whoever did that: no sink is given them.
func (r *run) rejectSettled(j *job) {
	if r.push == nil || len(r.push.settled) == 0 {
		return
	}
	was := map[int]settled{} // by record
	var items []int
	for _, item := range slices.Compact(slices.Clone(j.items)) {
		rec := &j.page.Records[item]
		if one, ok := r.push.settled[ledger.Sum(inPush(rec.Push, textIdentity(rec.Text, "")))]; ok {
			was[item] = one
			items = append(items, item)
		}
	}
	slices.SortFunc(items, func(a, b int) int { return cmp.Compare(was[a].line, was[b].line) })
	for _, item := range items {
		r.rejectRows(j, item, func([]byte) reject { return was[item].reject })
	}
}
