package history

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"pipeline/pipeline/serve/engine"
)

// project.go: from the log to the file. An event and its place in the log are one
// transaction, so that each is projected once, whatever dies when.

const (
	batchSize  = 500       // events of one transaction
	pruneEvery = time.Hour // what is too old goes
	retryPause = time.Second
)

// Project follows the log until ctx is done. What it cannot do now it does later,
// and says so once.
func (d *DB) Project(ctx context.Context, e engine.Engine) {
	var pruned time.Time
	said := ""
	for ctx.Err() == nil {
		err := d.follow(ctx, e, &pruned)
		switch {
		case err == nil:
			said = ""
			continue
		case damaged(err):
			if err = d.renew(err); err == nil {
				continue
			}
		}
		if ctx.Err() != nil {
			return
		}
		if err.Error() != said {
			said = err.Error()
			d.log.Error("the history stands still", "error", said)
		}
		select {
		case <-ctx.Done():
		case <-time.After(retryPause):
		}
	}
}

// follow projects what there is, and waits for more.
func (d *DB) follow(ctx context.Context, e engine.Engine, pruned *time.Time) error {
	if err := d.ready(); err != nil {
		return err
	}
	if time.Since(*pruned) > pruneEvery {
		if err := d.prune(ctx, time.Now().Add(-Keep)); err != nil {
			return err
		}
		*pruned = time.Now()
	}
	seq, err := d.CatchUp(ctx, e)
	if err != nil {
		return err
	}
	some, cancel := context.WithTimeout(ctx, pruneEvery)
	defer cancel()
	if err := e.Wait(some, engine.Events, "", seq); err != nil && some.Err() == nil {
		return err
	}
	return nil
}

// errFull ends a batch.
var errFull = errors.New("the batch is full")

// CatchUp projects what is in the log, and returns the place of the last event.
func (d *DB) CatchUp(ctx context.Context, e engine.Engine) (seq uint64, err error) {
	if err := d.ready(); err != nil {
		return 0, err
	}
	if err := d.sameLog(ctx, e); err != nil {
		return 0, err
	}
	for {
		n := 0
		err := inTransaction(ctx, d.db, func(tx *sql.Tx) error {
			m, err := readMeta(tx)
			if err != nil {
				return err
			}
			n, err = d.batch(ctx, tx, e, &m)
			seq = m.seq
			return err
		})
		if err != nil {
			return seq, errorf(d.path, err)
		}
		if n < batchSize {
			return seq, nil
		}
	}
}

// batch projects some events and their place.
func (d *DB) batch(ctx context.Context, tx *sql.Tx, e engine.Engine, m *meta) (n int, err error) {
	each := statements{tx, map[string]*sql.Stmt{}}
	err = e.Read(ctx, engine.Events, "", m.seq, func(msg engine.Message) error {
		if n == batchSize {
			return errFull
		}
		n++
		m.seq, m.id = msg.Seq, msg.ID
		var event Event
		if err := json.Unmarshal(msg.Body, &event); err != nil {
			d.log.Warn("an event cannot be read; it is left out of the history", "seq", msg.Seq, "error", err.Error())
			return nil
		}
		if event.At.IsZero() {
			event.At = msg.Stored
		}
		m.at = event.At
		return (&change{each, msg.Seq, event}).apply()
	})
	if err != nil && !errors.Is(err, errFull) || n == 0 {
		return n, err
	}
	_, err = tx.Exec(`UPDATE meta SET seq = ?, id = ?, at = ?`, m.seq, m.id, millis(m.at))
	return n, err
}

// meta is how far the projection is.
type meta struct {
	seq uint64
	id  string
	at  time.Time
}

func readMeta(tx *sql.Tx) (m meta, err error) {
	err = tx.QueryRow(`SELECT seq, id, at FROM meta`).Scan(&m.seq, &m.id, instant{&m.at})
	return m, err
}

// errFirst ends a read after its first message.
var errFirst = errors.New("one is enough")

// sameLog empties the history where the log is another one than that which it was
// made from, as after a move to a cluster: the places of events differ there.
func (d *DB) sameLog(ctx context.Context, e engine.Engine) error {
	var m meta
	if err := d.db.QueryRowContext(ctx, `SELECT seq, id FROM meta`).Scan(&m.seq, &m.id); err != nil {
		return errorf(d.path, err)
	}
	if m.seq == 0 {
		return nil
	}
	last, err := e.Last(ctx, engine.Events, "")
	if err != nil {
		return err
	}
	same := last >= m.seq
	if same {
		err = e.Read(ctx, engine.Events, "", m.seq-1, func(msg engine.Message) error {
			same = msg.Seq != m.seq || msg.ID == m.id // a message that is too old is not there
			return errFirst
		})
		if err != nil && !errors.Is(err, errFirst) {
			return err
		}
	}
	if same {
		return nil
	}
	d.log.Warn("the history is made anew: the engine has another log than that which it was made from", "file", d.path)
	return d.Rebuild()
}

// prune removes what was before a moment.
func (d *DB) prune(ctx context.Context, before time.Time) error {
	at := before.UnixMilli()
	err := inTransaction(ctx, d.db, func(tx *sql.Tx) error {
		for _, statement := range []string{
			`DELETE FROM causes WHERE run IN (SELECT id FROM runs WHERE started < ?)`,
			`DELETE FROM runs WHERE started < ?`,
			`DELETE FROM deliveries WHERE minute < ?`,
			`DELETE FROM calls WHERE minute < ?`,
			`DELETE FROM pushes WHERE minute < ?`,
			`DELETE FROM dead_letters WHERE died < ?`,
			`DELETE FROM events WHERE at < ?`,
			`DELETE FROM clients WHERE gone < ?`,
		} {
			if _, err := tx.Exec(statement, at); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return errorf(d.path, err)
	}
	return nil
}
