package history

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"
)

// Reader asks history.db, also while serve writes it, in this process or another.
// Its methods may be called at the same time.
type Reader struct {
	path string
	mu   sync.Mutex
	db   *sql.DB
	of   os.FileInfo // the file that db has open
}

// readers is how many questions are answered beside each other.
const readers = 4

// ErrNone is the error of OpenReadOnly where there is no history.
var ErrNone = errors.New("there is no history")

// OpenReadOnly opens the history at path to ask it; ErrNone where there is none.
func OpenReadOnly(path string) (*Reader, error) {
	r := &Reader{path: path}
	if _, err := r.handle(); err != nil {
		return nil, err
	}
	return r, nil
}

// Close ends the use of the file.
func (r *Reader) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.db == nil {
		return nil
	}
	db := r.db
	r.db = nil
	return db.Close()
}

// handle is the open file. A file that was damaged is made anew under its name:
// from then on that one is asked.
func (r *Reader) handle() (*sql.DB, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	info, err := os.Stat(r.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNone
	}
	if err != nil {
		return nil, errorf(r.path, err)
	}
	if r.db != nil && os.SameFile(info, r.of) {
		return r.db, nil
	}
	if r.db != nil {
		_ = r.db.Close() // only read
		r.db = nil
	}
	db, err := openFile(r.path)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(readers)
	r.db, r.of = db, info
	return db, nil
}

// rows asks, and gives each row of the answer to scan.
func (r *Reader) rows(ctx context.Context, scan func(*sql.Rows) error, query string, args ...any) (err error) {
	db, err := r.handle()
	if err != nil {
		return err
	}
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return readError(r.path, err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return readError(r.path, err)
		}
	}
	if err := rows.Err(); err != nil {
		return readError(r.path, err)
	}
	return nil
}

// Until is how far the history goes: the moment of its newest event.
func (r *Reader) Until(ctx context.Context) (t time.Time, err error) {
	err = r.rows(ctx, func(rows *sql.Rows) error { return rows.Scan(instant{&t}) },
		`SELECT at FROM meta`)
	return t, err
}

// Check reads all of the file and says what is damaged; nil: nothing.
func (r *Reader) Check(ctx context.Context) error {
	var problems []string
	err := r.rows(ctx, func(rows *sql.Rows) error {
		var line string
		err := rows.Scan(&line)
		if line != "ok" {
			problems = append(problems, line)
		}
		return err
	}, `PRAGMA integrity_check(3)`)
	if err == nil && len(problems) > 0 {
		err = fmt.Errorf("history %s is damaged: %s", r.path, problems[0])
	}
	return err
}

// instant scans milliseconds since 1970; NULL is the zero time.
type instant struct{ t *time.Time }

// Scan implements sql.Scanner.
func (i instant) Scan(v any) error {
	switch v := v.(type) {
	case nil:
		*i.t = time.Time{}
	case int64:
		*i.t = time.UnixMilli(v).UTC()
	default:
		return fmt.Errorf("a time is %T", v)
	}
	return nil
}

// millis is t as the file has it.
func millis(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMilli()
}
