package pipeline

// pushedrows.go: what a sink of rows was given in a run of pushes, in which a key may
// come again with each of them.

import (
	"bytes"
	"cmp"
	"slices"

	"pipeline/pipeline/ledger"
)

// pushedRows is what a sink was given in a run of pushes, where a key may come again
// with each of them. The ledger is told of it all at once, when the run is over: a run
// that is made again has to decide as it did the first time what is to be sent.
type pushedRows struct {
	started   int64
	finished  bool                        // all of it was delivered, and is recorded
	sent      map[ledger.Hash]ledger.Hash // the last row of each key, by the hash of that
	delivered []ledger.Entry              // in order

	// refused is what became of the last row of each key that was sent, where that was
	// refused: a row that was not sent because it is alike is refused as well.
	refused map[ledger.Hash]refusedAlike
}

// refusedAlike is a row that was refused, by its hash.
type refusedAlike struct {
	row ledger.Hash
	why RefusedRow
}

// refuseAlike refuses those rows of a page that were not sent because the same was sent
// in this run, and refused. Pages come in the order of the source.
func (p *pushedRows) refuseAlike(o *outgoing) {
	if len(p.refused) == 0 && len(o.refused) == 0 {
		return
	}
	sent, refused := o.rows, o.refused
	for row, e := range o.entries {
		key := ledger.Sum(e.Key)
		before, was := p.refused[key]
		switch {
		case len(sent) == 0 || sent[0] != row:
			if was && before.row == e.Row {
				before.why.Row = row
				o.refused = append(o.refused, before.why)
				o.unchanged--
			}
			continue
		case len(refused) > 0 && refused[0].Row == row:
			p.refused[key] = refusedAlike{e.Row, refused[0]}
			refused = refused[1:]
		default:
			delete(p.refused, key)
		}
		sent = sent[1:]
	}
	slices.SortFunc(o.refused, func(a, b RefusedRow) int { return cmp.Compare(a.Row, b.Row) })
}

// add notes rows that were delivered.
func (p *pushedRows) add(rows []ledger.Entry) {
	for _, e := range rows {
		p.delivered = append(p.delivered, ledger.Entry{Key: bytes.Clone(e.Key), Row: e.Row})
	}
}

// has reports whether a row is what the sink was sent last of its key; before says
// that of the runs before this one.
func (p *pushedRows) has(e *ledger.Entry, before bool) bool {
	if p.finished {
		return true
	}
	key := ledger.Sum(e.Key)
	if last, sent := p.sent[key]; sent {
		before = last == e.Row
	}
	if !before {
		p.sent[key] = e.Row
	}
	return before
}
