package ledger

import (
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"pipeline/pipeline/internal/disk"
)

// open.go: the ledger is an SQLite file. It is written ahead and synced at
// every commit, and held by one process, which spares it the index that
// processes share.

const (
	applicationID = 0x70697065 // "pipe"
	version       = 1
)

const schema = `
CREATE TABLE sink(
	id      INTEGER PRIMARY KEY,
	target  TEXT NOT NULL UNIQUE,
	key_def TEXT,            -- NULL while there are keys of several definitions
	keys    INTEGER NOT NULL, -- how many there are in delivered
	runs    INTEGER NOT NULL DEFAULT 0 -- that came to their end
);
CREATE TABLE delivered(
	sink INTEGER NOT NULL,
	key  BLOB NOT NULL,
	row  BLOB NOT NULL, -- Hash
	PRIMARY KEY(sink, key)
) WITHOUT ROWID;
`

// Open opens the ledger at path and makes it where there is none.
func Open(path string) (*Ledger, error) {
	l := &Ledger{path: path}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, l.errorf(err)
	}
	// SQLite gives its other files the permissions of this one.
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		return nil, l.errorf(err)
	}
	dsn, err := dataSource(path)
	if err != nil {
		return nil, l.errorf(err)
	}
	if l.db, err = sql.Open("sqlite", dsn); err != nil {
		return nil, l.errorf(err)
	}
	l.db.SetMaxOpenConns(1)
	if err := l.prepare(); err != nil {
		return nil, errors.Join(l.errorf(err), l.db.Close())
	}
	return l, nil
}

// dataSource is path as SQLite takes it, whatever signs are in it.
func dataSource(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") { // C:/…
		path = "/" + path
	}
	u := url.URL{Scheme: "file", Path: path, RawQuery: url.Values{"_pragma": {
		"locking_mode(EXCLUSIVE)",
		"trusted_schema(OFF)",
		"cell_size_check(ON)", // a damaged page is noticed before it is used
		"cache_size(-4096)",   // KiB
		"temp_store(MEMORY)",  // what an insertion of many rows notes in case that it fails
	}}.Encode()}
	return u.String(), nil
}

// prepare checks what the file is, before it changes it, and makes it ready.
func (l *Ledger) prepare() error {
	if err := l.check(); err != nil {
		return err
	}
	for _, statement := range []string{
		"PRAGMA journal_mode = WAL",
		"PRAGMA synchronous = FULL",        // a commit is on disk when it returns
		"PRAGMA wal_autocheckpoint = 4096", // pages: 16 MiB
		pushedSchema,
	} {
		if _, err := l.db.Exec(statement); err != nil {
			return err
		}
	}
	for _, s := range []struct {
		stmt **sql.Stmt
		text string
	}{
		{&l.insert, insertion(1)},
		{&l.insertMany, insertion(atOnce)},
		{&l.update, `UPDATE delivered SET row = ? WHERE sink = ? AND key = ?`},
		{&l.lookup, lookup(1)},
		{&l.lookupMany, lookup(atOnce)},
		{&l.from, `SELECT key FROM delivered WHERE sink = ? AND key >= ? ORDER BY key LIMIT ?`},
		{&l.remove, `DELETE FROM delivered WHERE sink = ? AND key = ?`},
	} {
		var err error
		if *s.stmt, err = l.db.Prepare(s.text); err != nil {
			return err
		}
	}
	return nil
}

// insertion takes the sink, then key and hash of each of n rows.
func insertion(n int) string {
	return "INSERT INTO delivered(sink, key, row) VALUES " + list(n, func(int) string { return "(?1, ?, ?)" }) + " ON CONFLICT DO NOTHING"
}

// lookup takes the sink, then the keys of n rows; it finds the hashes of those
// that there are, by the number of the row.
func lookup(n int) string {
	return "WITH asked(i, key) AS (VALUES " + list(n, func(i int) string { return fmt.Sprintf("(%d, ?%d)", i, i+2) }) + `)
		SELECT i, row FROM asked CROSS JOIN delivered USING (key) WHERE sink = ?1`
}

func list(n int, of func(int) string) string {
	var all []string
	for i := range n {
		all = append(all, of(i))
	}
	return strings.Join(all, ", ")
}

// check makes the tables of a new file, and refuses one that is no ledger of
// this version.
func (l *Ledger) check() error {
	var id, v, tables int
	err := l.db.QueryRow(`SELECT (SELECT application_id FROM pragma_application_id), (SELECT user_version FROM pragma_user_version),
		(SELECT count(*) FROM sqlite_schema)`).Scan(&id, &v, &tables)
	switch {
	case err != nil:
		return err
	case id == 0 && v == 0 && tables == 0:
		_, err := l.db.Exec(fmt.Sprintf("BEGIN; %s PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT", schema, applicationID, version))
		return err
	case id != applicationID:
		return errors.New("this is another program's database; move it away")
	case v > version:
		return fmt.Errorf("it was written by a newer pipeline (its format is %d, this program knows up to %d); update pipeline, or remove it with `pipeline purge`: "+forgets, v, version)
	}
	return nil
}

// forgets is what it means to lose a ledger.
const forgets = "the next run then sends all rows again and deletes none"

// Close ends the use of the ledger.
func (l *Ledger) Close() error {
	if err := l.db.Close(); err != nil {
		return l.errorf(err)
	}
	return nil
}

// errorf is an error of the ledger, with what to do about it.
func (l *Ledger) errorf(err error) error {
	err, hint := disk.Cause(err), ""
	var e *sqlite.Error
	if errors.As(err, &e) {
		switch e.Code() & 0xff { // without the details
		case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
			return fmt.Errorf("ledger %s: another run is using it; wait for that one", l.path)
		case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
			hint = "; it is damaged: remove it with `pipeline purge`: " + forgets
		case sqlite3.SQLITE_FULL:
			hint = "; make room on the disk and run again"
		}
	}
	return fmt.Errorf("ledger %s: %w%s", l.path, err, hint)
}
