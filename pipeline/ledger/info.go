package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"

	"pipeline/pipeline/internal/disk"
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

// CountVersions is how many records the file of versions at path knows.
func CountVersions(ctx context.Context, path string) (n int, err error) {
	v := &Versions{path: path}
	dsn, err := dataSource(path)
	if err != nil {
		return 0, v.errorf(err)
	}
	db, err := sql.Open("sqlite", dsn)
	if err == nil {
		err = errors.Join(db.QueryRowContext(ctx, `SELECT count(*) FROM seen`).Scan(&n), db.Close())
	}
	if err != nil {
		return 0, v.errorf(err)
	}
	return n, nil
}

// Copy writes the SQLite file at from as it is now, a ledger or one of versions, into
// a new file at to, durable when it returns nil.
func Copy(ctx context.Context, from, to string) error {
	dsn, err := dataSource(from)
	if err != nil {
		return err
	}
	db, err := sql.Open("sqlite", dsn)
	if err == nil {
		err = errors.Join(snapshot(ctx, db, to), db.Close())
	}
	if err != nil {
		return fmt.Errorf("copy %s: %w", from, disk.Cause(err))
	}
	return nil
}

func snapshot(ctx context.Context, db *sql.DB, path string) error {
	// SQLite fills an empty file, which it could not make for its owner alone.
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, `VACUUM INTO ?`, path)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}
