package history

import (
	"database/sql"
	"encoding/json"
	"time"

	"pipeline/pipeline"
)

// apply.go: what an event changes in the file.

// change is one event, and the transaction that it is projected in.
type change struct {
	statements
	seq uint64
	Event
}

// statements are those of one transaction, each prepared once.
type statements struct {
	tx       *sql.Tx
	prepared map[string]*sql.Stmt
}

func (s statements) exec(statement string, args ...any) error {
	p := s.prepared[statement]
	if p == nil {
		var err error
		if p, err = s.tx.Prepare(statement); err != nil {
			return err
		}
		s.prepared[statement] = p // the end of the transaction closes it
	}
	_, err := p.Exec(args...)
	return err
}

func (c *change) apply() error {
	if c.Minute != nil {
		return c.minute()
	}
	if err := c.entry(); err != nil {
		return err
	}
	switch c.Kind {
	case MappingLoaded:
		return c.loaded()
	case MappingWrong:
		if err := c.known(); err != nil {
			return err
		}
		return c.begins(c.Kind)
	case MappingGone:
		return c.gone()
	case RunStarted:
		return c.started()
	case RunEnded:
		return c.ended()
	case DeadLetter, DeadReplayed, DeadDropped:
		return c.dead()
	case DestinationDisabled, TokenRefused, SourceSilent:
		return c.begins(c.Kind)
	case DestinationEnabled:
		return c.ends(DestinationDisabled)
	case Audit:
		if c.Text == "" {
			return c.ends(Audit)
		}
		return c.begins(Audit)
	}
	return nil
}

func (c *change) entry() error {
	var more any
	if len(c.More) > 0 {
		more = string(c.More)
	}
	return c.exec(`INSERT INTO events(seq, at, kind, mapping, run, node, sink, text, more) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		c.seq, millis(c.At), c.Kind, c.Mapping, c.Run, c.Node, c.Sink, c.Text, more)
}

// begins notes a problem. One that is there already keeps its beginning.
func (c *change) begins(kind Kind) error {
	return c.exec(`INSERT INTO problems(mapping, kind, sink, since, text) VALUES(?, ?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET text = excluded.text`, c.Mapping, kind, c.Sink, millis(c.At), c.Text)
}

// ends takes problems away.
func (c *change) ends(kinds ...Kind) error {
	for _, kind := range kinds {
		if err := c.exec(`DELETE FROM problems WHERE mapping = ? AND kind = ? AND sink = ?`, c.Mapping, kind, c.Sink); err != nil {
			return err
		}
	}
	return nil
}

// known makes a client of a mapping that was never loaded.
func (c *change) known() error {
	return c.exec(`INSERT INTO clients(mapping, file, hash, source, sinks, schedule, push) VALUES(?, '', '', '', '[]', '', 0)
		ON CONFLICT DO UPDATE SET gone = NULL`, c.Mapping)
}

func (c *change) loaded() error {
	info := ClientInfo{}
	if c.Client != nil {
		info = *c.Client
	}
	if info.Sinks == nil {
		info.Sinks = []string{}
	}
	sinks, err := json.Marshal(info.Sinks)
	if err != nil {
		return err
	}
	if err := c.exec(`INSERT INTO clients(mapping, file, hash, source, sinks, schedule, push, loaded) VALUES(?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET file = excluded.file, hash = excluded.hash, source = excluded.source, sinks = excluded.sinks,
		schedule = excluded.schedule, push = excluded.push, loaded = excluded.loaded, gone = NULL`,
		c.Mapping, info.File, info.Hash, info.Source, string(sinks), info.Schedule, info.Push, millis(c.At)); err != nil {
		return err
	}
	return c.ends(MappingWrong)
}

func (c *change) gone() error {
	if err := c.exec(`UPDATE clients SET gone = ? WHERE mapping = ?`, millis(c.At), c.Mapping); err != nil {
		return err
	}
	return c.exec(`DELETE FROM problems WHERE mapping = ?`, c.Mapping)
}

// started begins a run. There are never two of one mapping, so that one which is
// still running is lost with its process.
func (c *change) started() error {
	if err := c.exec(`UPDATE runs SET result = 'lost', ended = ? WHERE mapping = ? AND result = 'running' AND id <> ?`, millis(c.At), c.Mapping, c.Run); err != nil {
		return err
	}
	return c.exec(`INSERT INTO runs(id, mapping, trigger, result, node, started) VALUES(?, ?, ?, ?, ?, ?)
		ON CONFLICT DO NOTHING`, c.Run, c.Mapping, c.Trigger, Running, c.Node, millis(c.At))
}

func (c *change) ended() error {
	if c.End == nil {
		return nil
	}
	r := &c.End.Report
	report, err := json.Marshal(r)
	if err != nil {
		return err
	}
	start := c.At.Add(-time.Duration(c.End.TookMS) * time.Millisecond) // where nobody said when it began
	if err := c.exec(`INSERT INTO runs(id, mapping, trigger, result, node, started) VALUES(?, ?, ?, ?, ?, ?)
		ON CONFLICT DO NOTHING`, c.Run, c.Mapping, c.Trigger, Running, c.Node, millis(start)); err != nil {
		return err
	}
	if err := c.exec(`UPDATE runs SET result = ?, ended = ?, took_ms = ?, calls = ?, read = ?, written = ?, filtered = ?, unchanged = ?,
		deleted = ?, rejected = ?, error = ?, report = ? WHERE id = ?`,
		c.End.Result, millis(c.At), c.End.TookMS, c.End.Calls, r.Read, r.Written, r.Filtered, r.Unchanged,
		r.Deleted, r.Rejected, c.Text, string(report), c.Run); err != nil {
		return err
	}
	if err := c.causes(r.Causes); err != nil {
		return err
	}
	if r.Read > 0 {
		if err := c.heard(c.At); err != nil {
			return err
		}
	}
	return c.outcome()
}

func (c *change) causes(causes []pipeline.Cause) error {
	if err := c.exec(`DELETE FROM causes WHERE run = ?`, c.Run); err != nil {
		return err
	}
	for i, cause := range causes {
		if err := c.exec(`INSERT INTO causes(run, n, code, field, reason, count, page, item, line) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			c.Run, i+1, cause.Code, cause.Field, cause.Reason, cause.Count, cause.Page, cause.Item, cause.Line); err != nil {
			return err
		}
	}
	return nil
}

// outcome is what the end of a run says of its client.
func (c *change) outcome() error {
	switch c.End.Result {
	case Failed:
		return c.begins(RunEnded)
	case Done, Rejected:
		if err := c.exec(`UPDATE clients SET success = ? WHERE mapping = ?`, millis(c.At), c.Mapping); err != nil {
			return err
		}
		return c.ends(RunEnded, TokenRefused)
	}
	return nil
}

// heard notes that the source sent something.
func (c *change) heard(at time.Time) error {
	if err := c.exec(`UPDATE clients SET heard = max(coalesce(heard, 0), ?) WHERE mapping = ?`, millis(at), c.Mapping); err != nil {
		return err
	}
	return c.ends(SourceSilent)
}

func (c *change) dead() error {
	if c.Dead == nil {
		return nil
	}
	d := c.Dead
	switch c.Kind {
	case DeadReplayed:
		return c.exec(`UPDATE dead_letters SET state = ?, changed = ? WHERE id = ?`, LetterReplayed, millis(c.At), d.ID)
	case DeadDropped:
		return c.exec(`UPDATE dead_letters SET state = ?, changed = ? WHERE id = ?`, LetterDropped, millis(c.At), d.ID)
	}
	return c.exec(`INSERT INTO dead_letters(id, mapping, sink, seq, status, attempts, first, died, reason, state) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET seq = excluded.seq, status = excluded.status, attempts = excluded.attempts,
		died = excluded.died, reason = excluded.reason, state = excluded.state, changed = NULL`,
		d.ID, c.Mapping, c.Sink, d.Seq, d.Status, d.Attempts, millis(d.First), millis(c.At), c.Text, LetterOpen)
}

// minute adds a minute to its table. Of one minute there can be several, of
// nodes, or of one that was started again: counts add up, of times the worst stays.
func (c *change) minute() error {
	m, at := c.Minute, millis(c.At.Truncate(time.Minute))
	switch c.Kind {
	case Called:
		return c.exec(`INSERT INTO calls(mapping, minute, count, allowed, waited_ms, p50_ms, p95_ms, p99_ms) VALUES(?, ?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT DO UPDATE SET count = count + excluded.count, allowed = excluded.allowed, waited_ms = waited_ms + excluded.waited_ms,
			p50_ms = max(p50_ms, excluded.p50_ms), p95_ms = max(p95_ms, excluded.p95_ms), p99_ms = max(p99_ms, excluded.p99_ms)`,
			c.Mapping, at, m.Count, m.Limit, m.Waited, m.P50, m.P95, m.P99)
	case Delivered:
		return c.exec(`INSERT INTO deliveries(mapping, minute, sink, arrived, failed, p50_ms, p95_ms, p99_ms) VALUES(?, ?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT DO UPDATE SET arrived = arrived + excluded.arrived, failed = failed + excluded.failed,
			p50_ms = max(p50_ms, excluded.p50_ms), p95_ms = max(p95_ms, excluded.p95_ms), p99_ms = max(p99_ms, excluded.p99_ms)`,
			c.Mapping, at, c.Sink, m.Count, m.Failed, m.P50, m.P95, m.P99)
	case Pushed:
		if err := c.exec(`INSERT INTO pushes(mapping, minute, stored, twice, refused) VALUES(?, ?, ?, ?, ?)
			ON CONFLICT DO UPDATE SET stored = stored + excluded.stored, twice = twice + excluded.twice, refused = refused + excluded.refused`,
			c.Mapping, at, m.Count, m.Twice, m.Failed); err != nil || m.Count+m.Twice == 0 {
			return err
		}
		return c.heard(c.At)
	}
	return nil
}
