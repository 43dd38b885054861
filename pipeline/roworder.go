package pipeline

// roworder.go: rows that were pushed, where the source does not say which record is the
// same one, so that nothing but their key does. A reject that is mapped later must not
// set a row back that was pushed again meanwhile: of each row the last push is kept in
// which it came, as its version.

import (
	"fmt"
	"slices"

	"pipeline/pipeline/ledger"
)

// rowOrder compares pushes. Their numbers are those of one store.
type rowOrder struct{ store string }

// ordersRows reports whether this run has to know in which push rows came last.
func (r *run) ordersRows() bool {
	return (r.push != nil || r.o.Rejects) && r.plan.recordKey == nil && r.delivery.seen != nil
}

func (r *run) newRowOrder() (*rowOrder, error) {
	if r.push != nil {
		return &rowOrder{r.o.PushedStore}, nil
	}
	var last pushed
	err := last.load(r.kept.dir)
	return &rowOrder{last.Store}, err
}

// setBack takes those rows out of a page that came again in a later push, and notes in
// which push the others came. It is asked before keys are said to come twice: what is
// taken out is nobody's twin.
func (r *run) setBack(j *job) error {
	if r.versions.rows == nil {
		return nil
	}
	for _, item := range slices.Compact(slices.Clone(j.items)) {
		rec := &j.page.Records[item]
		push := rec.Push
		if rec.kept != nil {
			push = rec.kept.at.push
		}
		first, last := j.rowsOf(item)
		for row := last - 1; row >= first && push > 0; row-- {
			late, err := r.versions.pushedLater(j.out.entries[row].Key, push, rec.kept != nil)
			switch {
			case err != nil:
				return err
			case !late:
			case last-first > 1:
				j.removeRows(row, row+1)
				last--
			default:
				j.takeOut(row, row+1)
				j.filtered++
				j.pushes.late++
			}
		}
	}
	return nil
}

// pushedLater reports whether a row of a reject came again in a later push. Where it
// did not, this is the last one.
func (v *versions) pushedLater(key []byte, push uint64, reject bool) (bool, error) {
	if reject {
		known, found, err := v.Get(key)
		if err != nil {
			return false, err
		}
		if at, ok := v.rows.number(known); found && ok && at > push {
			return true, nil
		}
	}
	return false, v.Set(key, v.rows.version(push))
}

func (o *rowOrder) version(push uint64) ledger.Version {
	return ledger.Version{Version: fmt.Sprintf("%d %s", push, o.store), Told: ledger.Pushed}
}

// number is the push of a version; ok is false where that was of another store.
func (o *rowOrder) number(v ledger.Version) (push uint64, ok bool) {
	_, err := fmt.Sscanf(v.Version, "%d", &push)
	return push, err == nil && v == o.version(push)
}
