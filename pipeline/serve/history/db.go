package history

import (
	"context"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// db.go: the file history.db. Others read it while it is written, so that it has
// SQLite's write-ahead log and its index, and all of it can be made again, so that
// a commit need not wait for the disk: what a power cut takes is projected again.

const (
	applicationID = 0x70697068 // "piph"
	// Version is that of the tables. A file of another one is made anew.
	Version = 1
	// Keep is how long history goes back, as the log of events does.
	Keep = 180 * 24 * time.Hour

	busyTime = 5 * time.Second
)

//go:embed schema.sql
var schema string

// DB is the history as the one who writes it has it.
type DB struct {
	path string
	log  *slog.Logger
	db   *sql.DB // nil while the file could not be made anew
}

// Open opens the history at path to project events into it. A file that cannot be
// used is made anew: of another version in its place, one that is damaged or not
// ours after it was moved aside. log is told so.
func Open(path string, log *slog.Logger) (*DB, error) {
	d := &DB{path: path, log: log}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, errorf(path, err)
	}
	err := d.open()
	if damaged(err) {
		err = d.renew(err)
	}
	if err != nil {
		return nil, err
	}
	return d, nil
}

// Close ends the use of the file.
func (d *DB) Close() error {
	if d.db == nil {
		return nil
	}
	if err := d.db.Close(); err != nil {
		return errorf(d.path, err)
	}
	return nil
}

// Rebuild empties the history, so that all of the log is projected again.
func (d *DB) Rebuild() error {
	if err := d.ready(); err != nil {
		return err
	}
	if err := makeTables(d.db); err != nil {
		return errorf(d.path, err)
	}
	return nil
}

// ready opens the file where making it anew has failed before.
func (d *DB) ready() error {
	if d.db != nil {
		return nil
	}
	return d.open()
}

// open opens the file and makes its tables where they are not there, or not as
// this version has them.
func (d *DB) open() error {
	// SQLite gives its other files the permissions of this one.
	f, err := os.OpenFile(d.path, os.O_RDWR|os.O_CREATE, 0o600)
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		return errorf(d.path, err)
	}
	db, err := connect(d.path, false)
	if err != nil {
		return err
	}
	db.SetMaxOpenConns(1)
	err = d.prepare(db)
	if err != nil {
		return errors.Join(errorf(d.path, err), db.Close())
	}
	d.db = db
	return nil
}

func (d *DB) prepare(db *sql.DB) error {
	id, version, tables, err := identity(db)
	switch {
	case err != nil:
		return err
	case id != applicationID && (id != 0 || tables != 0):
		return errForeign
	case id == applicationID && version == Version:
		return nil
	case id == applicationID:
		d.log.Info("the history is made anew: its tables were of another version", "file", d.path, "had", version, "has", Version)
	}
	return makeTables(db)
}

// identity is what a file says that it is.
func identity(db *sql.DB) (id, version, tables int, err error) {
	err = db.QueryRow(`SELECT (SELECT application_id FROM pragma_application_id), (SELECT user_version FROM pragma_user_version),
		(SELECT count(*) FROM sqlite_schema)`).Scan(&id, &version, &tables)
	return id, version, tables, err
}

// makeTables makes the tables, empty, whatever there was. Who reads meanwhile sees
// the old ones until then.
func makeTables(db *sql.DB) error {
	var drop strings.Builder
	rows, err := db.Query(`SELECT type, name FROM sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%' ORDER BY type DESC`)
	if err != nil {
		return err
	}
	for rows.Next() {
		var kind, name string
		if err := rows.Scan(&kind, &name); err != nil {
			return errors.Join(err, rows.Close())
		}
		fmt.Fprintf(&drop, "DROP %s \"%s\"; ", kind, strings.ReplaceAll(name, `"`, `""`))
	}
	if err := rows.Err(); err != nil {
		return err
	}
	if _, err := db.Exec("PRAGMA journal_mode = WAL"); err != nil {
		return err
	}
	return inTransaction(context.Background(), db, func(tx *sql.Tx) error {
		_, err := tx.Exec(fmt.Sprintf("%s %s; PRAGMA application_id = %d; PRAGMA user_version = %d", drop.String(), schema, applicationID, Version))
		return err
	})
}

// renew puts a file that cannot be used aside and begins a new one.
func (d *DB) renew(why error) error {
	if d.db != nil {
		_ = d.db.Close() // it is damaged; what matters is in the log
		d.db = nil
	}
	aside := d.path + ".damaged-" + time.Now().UTC().Format("20060102T150405.000")
	for _, suffix := range []string{"-wal", "-shm", "-journal", ""} {
		if err := os.Rename(d.path+suffix, aside+suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return errorf(d.path, err)
		}
	}
	d.log.Warn("the history cannot be used; it was moved aside and is made anew from the log of events", "file", d.path, "aside", aside, "error", why.Error())
	return d.open()
}

// openFile opens the file of a history that is there, to read it.
func openFile(path string) (*sql.DB, error) {
	db, err := connect(path, true)
	if err != nil {
		return nil, err
	}
	id, version, tables, err := identity(db)
	if err == nil {
		switch {
		case id == 0 && tables == 0: // it is being made
			return nil, errors.Join(ErrNone, db.Close())
		case id != applicationID:
			err = errForeign
		case version != Version:
			err = fmt.Errorf("its tables are of version %d, this pipeline reads version %d; `pipeline serve` of this version makes it anew", version, Version)
		}
	}
	if err != nil {
		return nil, errors.Join(readError(path, err), db.Close())
	}
	return db, nil
}

// readError is an error of reading. Where the file is made anew at this moment, SQLite
// finds beside it what is gone when it would remove it: then there is no history yet.
func readError(path string, err error) error {
	var e *sqlite.Error
	if errors.As(err, &e) && e.Code() == sqlite3.SQLITE_IOERR_DELETE_NOENT {
		return ErrNone
	}
	return errorf(path, err)
}

// connect is path as SQLite takes it, whatever signs are in it.
func connect(path string, readOnly bool) (*sql.DB, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, errorf(path, err)
	}
	name := filepath.ToSlash(absolute)
	if !strings.HasPrefix(name, "/") { // C:/…
		name = "/" + name
	}
	query := url.Values{"_pragma": {
		fmt.Sprintf("busy_timeout(%d)", busyTime.Milliseconds()),
		"trusted_schema(OFF)",
		"cell_size_check(ON)", // a damaged page is noticed before it is used
		"synchronous(NORMAL)",
	}}
	if readOnly {
		query["_pragma"] = append(query["_pragma"], "query_only(ON)")
	} else {
		query.Set("_txlock", "immediate")
	}
	u := url.URL{Scheme: "file", Path: name, RawQuery: query.Encode()}
	db, err := sql.Open("sqlite", u.String())
	if err != nil {
		return nil, errorf(path, err)
	}
	return db, nil
}

func inTransaction(ctx context.Context, db *sql.DB, do func(*sql.Tx) error) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := do(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

// errForeign is the error of a file that is no history.
var errForeign = errors.New("this is another program's database")

// damaged reports whether a file has to be made anew after err.
func damaged(err error) bool {
	var e *sqlite.Error
	if errors.As(err, &e) {
		code := e.Code() & 0xff // without the details
		return code == sqlite3.SQLITE_CORRUPT || code == sqlite3.SQLITE_NOTADB
	}
	return errors.Is(err, errForeign)
}

// ErrNoSharing is the error of a file system on which nobody can read history.db while
// it is written, as are some network drives and those that programs make (FUSE).
var ErrNoSharing = errors.New("its file system cannot share memory between processes (mmap), which SQLite needs for a file that is read while it is written")

// noSharing reports whether that is what a code of SQLite means.
func noSharing(code int) bool {
	switch code {
	case sqlite3.SQLITE_IOERR_SHMMAP, sqlite3.SQLITE_IOERR_SHMOPEN, sqlite3.SQLITE_IOERR_SHMSIZE, sqlite3.SQLITE_IOERR_SHMLOCK:
		return true
	}
	return false
}

// errorf is an error of the history, with what to do about it.
func errorf(path string, err error) error {
	var e *sqlite.Error
	hint := ""
	switch {
	case errors.As(err, &e) && noSharing(e.Code()):
		return fmt.Errorf("history %s: %w (%w); keep the state on a disk that can, as those of this machine: --state DIR", path, ErrNoSharing, err)
	case errors.As(err, &e) && e.Code()&0xff == sqlite3.SQLITE_FULL:
		hint = "; make room on the disk"
	case damaged(err):
		hint = "; `pipeline serve` moves it aside and makes it anew"
	}
	return fmt.Errorf("history %s: %w%s", path, err, hint)
}
