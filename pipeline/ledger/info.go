package ledger

import (
	"errors"
	"os"
)

// info.go: what there is to say of a ledger, and a copy of it.

// SinkInfo is what a ledger has of one receiver.
type SinkInfo struct {
	Target string
	Keys   int // rows that it has
	Runs   int // that came to their end
}

// Sinks are the receivers that the ledger knows, in the order in which they came.
func (l *Ledger) Sinks() (found []SinkInfo, err error) {
	rows, err := l.db.Query(`SELECT target, keys, runs FROM sink ORDER BY id`)
	if err != nil {
		return nil, l.errorf(err)
	}
	for rows.Next() {
		var s SinkInfo
		if err := rows.Scan(&s.Target, &s.Keys, &s.Runs); err != nil {
			return nil, l.errorf(errors.Join(err, rows.Close()))
		}
		found = append(found, s)
	}
	if err := rows.Err(); err != nil {
		return nil, l.errorf(err)
	}
	return found, nil
}

// Snapshot writes the ledger as it is now into a new file at path, durable when
// it returns nil.
func (l *Ledger) Snapshot(path string) error {
	// SQLite fills an empty file, which it could not make for its owner alone.
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return l.errorf(err)
	}
	_, err = l.db.Exec(`VACUUM INTO ?`, path)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return l.errorf(errors.Join(err, os.Remove(path)))
	}
	return nil
}
