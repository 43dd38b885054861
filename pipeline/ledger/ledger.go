// Package ledger remembers what was delivered to sinks that take rows one by
// one, by key, so that an unchanged row is not sent again, a changed one is an
// update, and a key that is gone from a complete pull can be deleted there too.
//
// It also has the check that no key comes twice in one run, see [Keys]. Both
// are on disk with a bounded cache: ten million keys need no more memory than
// ten thousand.
//
// The order of things is: deliver, then record. A crash between the two
// delivers a row again, which the receiver recognises by its idempotency key.
package ledger

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"sync"

	"pipeline/pipeline/internal/disk"
)

// Hash is what the ledger keeps of a row.
type Hash [16]byte

// Sum is the hash of a row as it is delivered: the first 16 bytes of its
// SHA-256.
func Sum(row []byte) Hash {
	sum := sha256.Sum256(row)
	return Hash(sum[:16])
}

// Entry is one delivered row.
type Entry struct {
	Key []byte
	Row Hash
}

// Ledger is one open ledger file. It can be used by many goroutines at once,
// by one process at a time.
type Ledger struct {
	path string
	db   *sql.DB

	insert, update, lookup, from, remove *sql.Stmt
	insertMany, lookupMany               *sql.Stmt // of atOnce rows
}

// atOnce is how many rows one statement is about where there are so many: half
// of the time that SQLite takes for one of its own is spent around it.
const atOnce = 64

// Run is the part of a ledger that belongs to one sink, in one run.
type Run struct {
	ledger  *Ledger
	sink    int64
	keyDef  string
	changed bool
	known   int // keys when the run began
	runs    int64

	commit sync.Mutex // held while writing
	mu     sync.Mutex // guards next
	next   *batch
}

// batch is the deliveries that share one transaction. The first to join writes
// it.
type batch struct {
	entries []Entry
	done    chan struct{}
	err     error // valid once done is closed
}

// Begin begins a run for the sink that delivers to target, a URL say, never
// with a secret in it. keyDef is what makes up a key, as text: names and
// expressions of its fields, and the `each:` that makes the rows.
func (l *Ledger) Begin(target, keyDef string) (*Run, error) {
	r := &Run{ledger: l, keyDef: keyDef}
	_, err := l.db.Exec(`INSERT INTO sink(target, key_def, keys) VALUES(?, ?, 0)
		ON CONFLICT DO UPDATE SET key_def = excluded.key_def WHERE keys = 0`, target, keyDef)
	if err != nil {
		return nil, l.errorf(err)
	}
	var stored sql.NullString
	err = l.db.QueryRow(`SELECT id, key_def, keys, runs FROM sink WHERE target = ?`, target).Scan(&r.sink, &stored, &r.known, &r.runs)
	if err != nil {
		return nil, l.errorf(err)
	}
	r.changed = !stored.Valid || stored.String != keyDef
	if r.changed && stored.Valid {
		// From the first delivery on there are keys of both definitions, even if
		// the next run has the old one again.
		if _, err := l.db.Exec(`UPDATE sink SET key_def = NULL WHERE id = ?`, r.sink); err != nil {
			return nil, l.errorf(err)
		}
	}
	return r, nil
}

// KeyChanged reports that rows were delivered under another definition of the
// key: what is gone cannot be told from what has a new key, so nothing may be
// deleted in this run. It stays so until a run ends in Complete.
func (r *Run) KeyChanged() bool { return r.changed }

// Generation is how many runs came to their end before this one. It is the same
// when a run that died is begun again, and another one afterwards: by it a
// delivery can be told from an earlier one of the same row.
func (r *Run) Generation() int64 { return r.runs }

// Finish ends a run that came to its end, so that the next one is of another
// generation.
func (r *Run) Finish() error {
	if _, err := r.ledger.db.Exec(`UPDATE sink SET runs = ? WHERE id = ?`, r.runs+1, r.sink); err != nil {
		return r.ledger.errorf(err)
	}
	return nil
}

// Known is the number of keys that were delivered in earlier runs, and not
// deleted.
func (r *Run) Known() int { return r.known }

// Unchanged appends to dst, for each row, whether it was delivered with this
// very content before, in an earlier run or in this one.
func (r *Run) Unchanged(dst []bool, rows []Entry) ([]bool, error) {
	for len(rows) >= atOnce {
		var err error
		if dst, err = r.unchanged(dst, r.ledger.lookupMany, rows[:atOnce]); err != nil {
			return dst, r.ledger.errorf(err)
		}
		rows = rows[atOnce:]
	}
	for i := range rows {
		var err error
		if dst, err = r.unchanged(dst, r.ledger.lookup, rows[i:i+1]); err != nil {
			return dst, r.ledger.errorf(err)
		}
	}
	return dst, nil
}

// unchanged looks up as many rows as a statement asks for.
func (r *Run) unchanged(dst []bool, lookup *sql.Stmt, rows []Entry) ([]bool, error) {
	args := append(make([]any, 0, 1+len(rows)), r.sink)
	for i := range rows {
		args = append(args, blob(rows[i].Key))
	}
	found, err := lookup.QueryContext(context.Background(), args...)
	if err != nil {
		return dst, err
	}
	defer func() { _ = found.Close() }() // its errors are those of found.Err
	from := len(dst)
	dst = append(dst, make([]bool, len(rows))...)
	var at int
	var stored sql.RawBytes
	for found.Next() {
		if err := found.Scan(&at, &stored); err != nil {
			return dst, err
		}
		dst[from+at] = bytes.Equal(stored, rows[at].Row[:])
	}
	return dst, found.Err()
}

// Delivered records that rows were delivered, durable when it returns nil.
// Calls at the same time share an fsync; where two of them have the same key,
// the one that is called last must begin after the other has returned.
func (r *Run) Delivered(rows []Entry) error {
	if len(rows) == 0 {
		return nil
	}
	b, first := r.join(rows)
	if !first {
		<-b.done
		return b.err
	}
	r.commit.Lock() // others join the batch while we wait for it
	defer r.commit.Unlock()
	r.mu.Lock()
	r.next = nil
	r.mu.Unlock()
	b.err = r.write(b.entries)
	close(b.done)
	return b.err
}

// join adds rows to the batch that is written next; first tells the one who
// writes it.
func (r *Run) join(rows []Entry) (b *batch, first bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.next == nil {
		r.next, first = &batch{done: make(chan struct{})}, true
	}
	r.next.entries = append(r.next.entries, rows...)
	return r.next, first
}

// write records rows in one transaction.
func (r *Run) write(rows []Entry) error {
	// In the order of the file, so that neighbours share their page; of one key
	// the last stays the last.
	slices.SortStableFunc(rows, func(a, b Entry) int { return bytes.Compare(a.Key, b.Key) })
	return r.transact(func(tx *sql.Tx) (keys int64, err error) { return r.putAll(tx, rows) })
}

// putAll records rows, in the order of their keys.
func (r *Run) putAll(tx *sql.Tx, rows []Entry) (added int64, err error) {
	one, many, update := tx.Stmt(r.ledger.insert), tx.Stmt(r.ledger.insertMany), tx.Stmt(r.ledger.update)
	for len(rows) > 0 && err == nil {
		n, insert := 1, one
		if len(rows) >= atOnce {
			n, insert = atOnce, many
		}
		var keys int64
		keys, err = r.put(insert, update, rows[:n])
		added += keys
		rows = rows[n:]
	}
	return added, err
}

// put records as many rows as a statement inserts. Most keys are new: only where
// some are not, each row is told once more.
func (r *Run) put(insert, update *sql.Stmt, rows []Entry) (added int64, err error) {
	args := append(make([]any, 0, 1+2*len(rows)), r.sink)
	for i := range rows {
		args = append(args, blob(rows[i].Key), rows[i].Row[:])
	}
	added, err = affected(insert.Exec(args...))
	if err != nil || added == int64(len(rows)) {
		return added, err
	}
	for i := range rows {
		if _, err := update.Exec(rows[i].Row[:], r.sink, blob(rows[i].Key)); err != nil {
			return 0, err
		}
	}
	return added, nil
}

// transact does something in one transaction and counts the keys that it adds,
// or takes away.
func (r *Run) transact(do func(*sql.Tx) (keys int64, err error)) error {
	tx, err := r.ledger.db.Begin()
	if err != nil {
		return r.ledger.errorf(err)
	}
	keys, err := do(tx)
	if err == nil && keys != 0 {
		_, err = tx.Exec(`UPDATE sink SET keys = keys + ? WHERE id = ?`, keys, r.sink)
	}
	if err != nil {
		return r.ledger.errorf(errors.Join(err, tx.Rollback()))
	}
	if err := tx.Commit(); err != nil {
		return r.ledger.errorf(err)
	}
	return nil
}

// Gone yields, in the order of their bytes, the keys that were delivered and
// are not in seen, which has the keys of all rows of a complete pull: those
// that were delivered or unchanged, and those that were rejected. yield may
// call the methods of the run, and owns the key. Gone returns what yield
// returned.
func (r *Run) Gone(seen *Keys, yield func(key []byte) error) error {
	keys := make([][]byte, 0, 1000)
	for from := []byte{}; ; from = append(bytes.Clone(keys[len(keys)-1]), 0) { // the next one there can be
		var err error
		if keys, err = r.page(keys[:0], from); err != nil {
			return r.ledger.errorf(err)
		}
		for _, key := range keys {
			there, err := seen.Has(key)
			if err != nil {
				return err
			}
			if !there {
				if err := yield(key); err != nil {
					return err
				}
			}
		}
		if len(keys) < cap(keys) {
			return nil
		}
	}
}

// page fills keys with those from one on, up to its capacity.
func (r *Run) page(keys [][]byte, from []byte) ([][]byte, error) {
	rows, err := r.ledger.from.Query(r.sink, from, cap(keys))
	if err != nil {
		return keys, err
	}
	for rows.Next() {
		var key []byte
		if err := rows.Scan(&key); err != nil {
			return keys, errors.Join(err, rows.Close())
		}
		keys = append(keys, key)
	}
	return keys, rows.Err()
}

// CountGone is how many keys Gone will yield: with Known, what the caller needs
// to refuse a deletion of too many.
func (r *Run) CountGone(seen *Keys) (int, error) {
	n := 0
	err := r.Gone(seen, func([]byte) error { n++; return nil })
	return n, err
}

// Deleted forgets keys after their deletion was delivered, durable when it
// returns nil.
func (r *Run) Deleted(keys [][]byte) error {
	if len(keys) == 0 {
		return nil
	}
	r.commit.Lock()
	defer r.commit.Unlock()
	return r.transact(func(tx *sql.Tx) (n int64, err error) {
		remove := tx.Stmt(r.ledger.remove)
		for _, key := range keys {
			removed, err := affected(remove.Exec(r.sink, blob(key)))
			if err != nil {
				return 0, err
			}
			n -= removed
		}
		return n, nil
	})
}

// Complete ends a run that read and delivered all there was. Where the
// definition of the key has changed, the new one holds from now on, and the
// keys of the old one, which nobody will see again, are forgotten.
func (r *Run) Complete(seen *Keys) error {
	if r.changed {
		if err := r.forget(seen); err != nil {
			return err
		}
	}
	_, err := r.ledger.db.Exec(`UPDATE sink SET key_def = ? WHERE id = ?`, r.keyDef, r.sink)
	if err != nil {
		return r.ledger.errorf(err)
	}
	r.changed = false
	return nil
}

// forget removes the keys that were not seen.
func (r *Run) forget(seen *Keys) error {
	var old [][]byte
	err := r.Gone(seen, func(key []byte) error {
		if old = append(old, key); len(old) < 1000 {
			return nil
		}
		defer func() { old = old[:0] }()
		return r.Deleted(old)
	})
	if err != nil {
		return err
	}
	return r.Deleted(old)
}

// blob is key as SQLite takes it: nil would be NULL there, not an empty key.
func blob(key []byte) []byte {
	if key == nil {
		return []byte{}
	}
	return key
}

// affected is the number of rows that a statement changed.
func affected(result sql.Result, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// beside are the files that SQLite keeps beside one of its own, by what is behind its
// name.
var beside = []string{"-wal", "-shm", "-journal"}

// Replace puts the file at from in the place of the ledger at path, or of the file of
// versions, which must not be open.
func Replace(from, path string) error {
	var err error
	for _, suffix := range beside {
		if failed := os.Remove(path + suffix); !errors.Is(failed, fs.ErrNotExist) {
			err = errors.Join(err, failed)
		}
	}
	if err == nil {
		err = os.Rename(from, path)
	}
	if err != nil {
		return fmt.Errorf("put %s in place: %w", path, disk.Cause(err))
	}
	return nil
}

// Remove removes the ledger at path, or the file of versions, which must not be
// open, and returns how many bytes that were.
func Remove(path string) (bytes int64, err error) {
	for _, suffix := range slices.Concat(beside, []string{""}) {
		info, err := os.Stat(path + suffix)
		if err == nil {
			err = os.Remove(path + suffix)
		}
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return bytes, fmt.Errorf("remove %s: %w", path, disk.Cause(err))
		}
		bytes += info.Size()
	}
	return bytes, nil
}
