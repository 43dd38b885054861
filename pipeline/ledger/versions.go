package ledger

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"pipeline/pipeline/internal/disk"
)

// versions.go: which version of each record was seen, by those who are told of
// changes and pull the records as well. Of a record it keeps a hash of its key, and
// no more of what it says than its version.

// Told is how a version was seen.
type Told int

// The ways there are.
const (
	Pulled Told = iota // by a pull; it may be told of still
	Pushed             // somebody told of it
	Missed             // by a pull, and nobody told of it in time
)

// Version is what is known of a record.
type Version struct {
	Version string // as its source has it
	Told    Told
}

const versionsSchema = `
CREATE TABLE seen(
	key     BLOB PRIMARY KEY, -- hashed
	version TEXT NOT NULL,
	told    INTEGER NOT NULL,
	run     TEXT NOT NULL,    -- that has written it
	attempt TEXT NOT NULL,    -- of that run, which may have died and gone on
	before_version TEXT,      -- as it was before that run; NULL: unknown
	before_told    INTEGER
) WITHOUT ROWID;
CREATE TABLE pulls(n INTEGER NOT NULL); -- that came to their end
INSERT INTO pulls VALUES(0);
`

const versionsFormat = 1

// Versions is one run's view of a file of versions. What it notes is kept when it
// is committed, and then the same run, once more, finds what it found the first
// time.
type Versions struct {
	path         string
	db           *sql.DB
	tx           *sql.Tx
	run, attempt string
}

// OpenVersions opens the file at path, and makes it where there is none. run is the
// same where a run goes on, attempt never.
func OpenVersions(ctx context.Context, path, run, attempt string) (*Versions, error) {
	v := &Versions{path: path, run: run, attempt: attempt}
	f, err := os.OpenFile(filepath.Clean(path), os.O_RDWR|os.O_CREATE, 0o600)
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		return nil, v.errorf(err)
	}
	dsn, err := dataSource(path)
	if err != nil {
		return nil, v.errorf(err)
	}
	if v.db, err = sql.Open("sqlite", dsn); err != nil {
		return nil, v.errorf(err)
	}
	v.db.SetMaxOpenConns(1)
	if err := v.prepare(ctx); err != nil {
		return nil, errors.Join(v.errorf(err), v.db.Close())
	}
	return v, nil
}

func (v *Versions) prepare(ctx context.Context) (err error) {
	var format int
	if err := v.db.QueryRowContext(ctx, `SELECT user_version FROM pragma_user_version`).Scan(&format); err != nil {
		return err
	}
	if format > versionsFormat {
		return fmt.Errorf("it was written by a newer pipeline (its format is %d, this program knows up to %d); update pipeline", format, versionsFormat)
	}
	for _, statement := range []string{"PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL"} {
		if _, err := v.db.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	if format == 0 {
		if _, err := v.db.ExecContext(ctx, fmt.Sprintf("BEGIN; %s PRAGMA user_version = %d; COMMIT", versionsSchema, versionsFormat)); err != nil {
			return err
		}
	}
	v.tx, err = v.db.BeginTx(context.WithoutCancel(ctx), nil) // it ends with Commit or Close
	return err
}

// Pulls is how many pulls came to their end.
func (v *Versions) Pulls() (n int, err error) {
	if err := v.tx.QueryRow(`SELECT n FROM pulls`).Scan(&n); err != nil {
		return 0, v.errorf(err)
	}
	return n, nil
}

// Get is what is known of a record; found is false where nothing is.
func (v *Versions) Get(key []byte) (known Version, found bool, err error) {
	hashed := sha256.Sum256(key)
	var run, attempt string
	var before sql.NullString
	var beforeTold sql.NullInt64
	err = v.tx.QueryRow(`SELECT version, told, run, attempt, before_version, before_told FROM seen WHERE key = ?`, hashed[:16]).
		Scan(&known.Version, &known.Told, &run, &attempt, &before, &beforeTold)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return Version{}, false, nil
	case err != nil:
		return Version{}, false, v.errorf(err)
	case run == v.run && attempt != v.attempt:
		return Version{before.String, Told(beforeTold.Int64)}, before.Valid, nil
	}
	return known, true, nil
}

// Set notes what is known of a record now.
func (v *Versions) Set(key []byte, now Version) error {
	hashed := sha256.Sum256(key)
	_, err := v.tx.Exec(`INSERT INTO seen(key, version, told, run, attempt) VALUES(?1, ?2, ?3, ?4, ?5)
		ON CONFLICT(key) DO UPDATE SET version = ?2, told = ?3, run = ?4, attempt = ?5,
			before_version = CASE WHEN run = ?4 THEN before_version ELSE version END,
			before_told    = CASE WHEN run = ?4 THEN before_told ELSE told END`,
		hashed[:16], now.Version, int(now.Told), v.run, v.attempt)
	if err != nil {
		return v.errorf(err)
	}
	return nil
}

// Commit keeps what was noted. pulled says that it was a pull.
func (v *Versions) Commit(pulled bool) error {
	if pulled {
		if _, err := v.tx.Exec(`UPDATE pulls SET n = n + 1`); err != nil {
			return v.errorf(err)
		}
	}
	if err := v.tx.Commit(); err != nil {
		return v.errorf(err)
	}
	return nil
}

// Close ends the use of the file. What was not committed is forgotten.
func (v *Versions) Close() error {
	err := v.tx.Rollback()
	if errors.Is(err, sql.ErrTxDone) {
		err = nil
	}
	if err = errors.Join(err, v.db.Close()); err != nil {
		return v.errorf(err)
	}
	return nil
}

func (v *Versions) errorf(err error) error {
	err, hint := disk.Cause(err), ""
	var e *sqlite.Error
	if errors.As(err, &e) {
		switch e.Code() & 0xff { // without the details
		case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
			return fmt.Errorf("versions %s: another run is using it; wait for that one", v.path)
		case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
			hint = "; it is damaged: remove it, then what comes next is taken for new"
		case sqlite3.SQLITE_FULL:
			hint = "; make room on the disk and run again"
		}
	}
	return fmt.Errorf("versions %s: %w%s", v.path, err, hint)
}
