package csv

// merge.go: rows of earlier runs, but for those that come again, and behind
// them the rows of this run, of each key the last. Which rows stay is known when the
// last new one has come: until then the new ones wait in a file without a name, and
// their keys in a set, so that memory stays the same for any number of either.

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"path/filepath"

	"pipeline/pipeline"
	"pipeline/pipeline/value"
)

// merger merges rows into a file.
type merger struct {
	*writer // its rows go to spool
	doing   string
	old     *old // nil where there is none
	head    []byte
	key     []int
	keys    *pipeline.Keys // of the new rows
	spool   *spool         // the new rows
	// replaced is how many new rows of a key have another one behind them. Only pushes
	// have such keys, and a run of them is bounded.
	replaced map[string]int
	keyBuf   []byte // of one row
	whole    bool   // the output holds all rows so far
}

func openMerge(ctx context.Context, w *writer, c pipeline.SinkConfig) (pipeline.Writer, error) {
	path := c.World.OutPath(w.options.Path)
	m := &merger{writer: w, doing: "merge into " + path, head: w.appendHead(nil, c.Columns), key: c.Key, replaced: map[string]int{}}
	var err error
	if m.old, err = openOld(m.doing, path, w, c.Columns); err != nil {
		return nil, err
	}
	m.keys = pipeline.NewKeys(filepath.Dir(path))
	if m.old != nil {
		// Read once now: a row that is wrong is no surprise for the end of the run.
		_, err = m.old.each(ctx, -1, func(part) error { return nil })
	}
	if err == nil {
		m.spool, err = newSpool(w.Output, path)
	}
	if err != nil {
		return nil, errors.Join(err, m.close())
	}
	w.to = m.spool
	return m, nil
}

// Write takes the rows of b.
func (m *merger) Write(ctx context.Context, b *pipeline.Batch) error {
	m.whole = false
	for i := range b.Len() {
		m.keyBuf = m.appendKey(m.keyBuf[:0], b.Row(i))
		switch added, err := m.keys.Add(m.keyBuf); {
		case err != nil:
			return fmt.Errorf("%s: %w", m.doing, err)
		case !added:
			m.replaced[string(m.keyBuf)]++
		}
	}
	return m.writer.Write(ctx, b)
}

// appendKey appends the key of a new row.
func (m *merger) appendKey(dst []byte, row []value.Value) []byte {
	for _, column := range m.key {
		at := len(dst)
		dst = appendSized(m.appendText(dst, row[column]), at)
	}
	return dst
}

// appendOldKey appends the key of an old row.
func (m *merger) appendOldKey(dst []byte, cells [][]byte) []byte {
	for _, column := range m.key {
		at := len(dst)
		dst = appendSized(append(dst, cells[column]...), at)
	}
	return dst
}

// appendSized puts the size of the cell that begins at at behind it: two cells
// are never taken for another two.
func appendSized(dst []byte, at int) []byte {
	return binary.LittleEndian.AppendUint64(dst, uint64(len(dst)-at))
}

// Flush makes every row so far durable, the old ones among them.
func (m *merger) Flush(ctx context.Context) error {
	if err := m.drain(); err != nil {
		return err
	}
	if !m.whole {
		if err := m.merge(ctx); err != nil {
			return err
		}
		m.whole = true
	}
	return m.Output.Flush()
}

// merge writes the output: header, the old rows that stay, the new ones.
func (m *merger) merge(ctx context.Context) error {
	if err := m.Output.Restart(); err != nil {
		return err
	}
	out := bufio.NewWriterSize(m.Output, bufferSize)
	if _, err := out.Write(m.head); err != nil {
		return err
	}
	if m.old != nil {
		if _, err := m.old.each(ctx, -1, func(p part) error { return m.keep(out, p) }); err != nil {
			return err
		}
	}
	if err := m.copyNew(out); err != nil {
		return err
	}
	return out.Flush()
}

// copyNew writes the new rows that no later one replaces.
func (m *merger) copyNew(out *bufio.Writer) error {
	if len(m.replaced) == 0 {
		return m.spool.copyTo(out)
	}
	left := maps.Clone(m.replaced)
	return m.spool.each(m.options.Delimiter, func(row []byte, cells [][]byte) error {
		m.keyBuf = m.appendOldKey(m.keyBuf[:0], cells)
		if left[string(m.keyBuf)] > 0 {
			left[string(m.keyBuf)]--
			return nil
		}
		_, err := out.Write(row)
		return err
	})
}

// keep writes a part of the old file, where that is a row whose key has not come
// again.
func (m *merger) keep(out *bufio.Writer, p part) error {
	if p.cells == nil {
		return nil
	}
	m.keyBuf = m.appendOldKey(m.keyBuf[:0], p.cells)
	again, err := m.keys.Has(m.keyBuf)
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", m.doing, err)
	case again:
		return nil
	}
	if _, err := out.Write(p.bytes); err != nil {
		return err
	}
	_, err = out.WriteString(m.old.lineEnd(p.bytes))
	return err
}

// Commit publishes what was flushed. Twice is safe.
func (m *merger) Commit(ctx context.Context) error {
	return errors.Join(m.writer.Commit(ctx), m.close())
}

// Abort leaves nothing behind, and the old file as it was.
func (m *merger) Abort() error {
	return errors.Join(m.writer.Abort(), m.close())
}

// close gives up what the merge needed. Twice is safe.
func (m *merger) close() error {
	if m.old != nil {
		m.old.close()
	}
	var err error
	if m.spool != nil {
		err = m.spool.close()
	}
	return errors.Join(err, m.keys.Close())
}
