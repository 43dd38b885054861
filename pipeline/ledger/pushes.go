package ledger

// pushes.go: runs of pushes, in which a key may have several rows.

import (
	"bytes"
	"database/sql"
	"errors"
	"slices"
)

// pushedSchema is the last run of pushes of each sink; older programs know nothing of
// it, and need not.
const pushedSchema = `CREATE TABLE IF NOT EXISTS pushed(sink INTEGER PRIMARY KEY, started INTEGER NOT NULL)`

// FinishPushes ends a run of pushes, by its start, and records with that what it has
// delivered: a key may have several rows in it, so that one that is begun again has to
// find what was there before, or that all of it is.
func (r *Run) FinishPushes(started int64, rows []Entry) error {
	slices.SortStableFunc(rows, func(a, b Entry) int { return bytes.Compare(a.Key, b.Key) })
	r.commit.Lock()
	defer r.commit.Unlock()
	return r.transact(func(tx *sql.Tx) (keys int64, err error) {
		if keys, err = r.putAll(tx, rows); err != nil {
			return 0, err
		}
		if _, err := tx.Exec(`UPDATE sink SET runs = ? WHERE id = ?`, r.runs+1, r.sink); err != nil {
			return 0, err
		}
		_, err = tx.Exec(`INSERT INTO pushed(sink, started) VALUES(?1, ?2) ON CONFLICT DO UPDATE SET started = ?2`, r.sink, started)
		return keys, err
	})
}

// Finished reports whether the run of pushes with that start came to its end.
func (r *Run) Finished(started int64) (bool, error) {
	var last int64
	err := r.ledger.db.QueryRow(`SELECT started FROM pushed WHERE sink = ?`, r.sink).Scan(&last)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return false, nil
	case err != nil:
		return false, r.ledger.errorf(err)
	}
	return last == started, nil
}
