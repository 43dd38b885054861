package golden

// table.go: outputs that hold rows, taken apart into cells.

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
)

// table is the rows of an output.
type table struct {
	columns []string
	rows    []tableRow
}

// tableRow is one row: a cell per column that it has, and its own text.
type tableRow struct {
	cells map[string]string
	text  string
}

// tables reads both versions of an output as rows; ok is false where one of them
// holds none. columns are those that the mapping makes.
func tables(name string, want, got []byte, columns []string) (w, g table, ok bool) {
	base := strings.ToLower(name)
	for _, packed := range []string{".gz", ".zst"} {
		base = strings.TrimSuffix(base, packed)
	}
	if strings.HasSuffix(base, ".jsonl") || bytes.HasPrefix(got, []byte("{")) {
		w, ok = objects(want)
		if ok {
			g, ok = objects(got)
		}
		return w, g, ok
	}
	return sheets(want, got, columns)
}

// objects are JSON Lines, each an object, or several in an array as a webhook sends
// them.
func objects(data []byte) (table, bool) {
	var t table
	for _, line := range linesOf(data) {
		batch := []json.RawMessage{line}
		if bytes.HasPrefix(line, []byte("[")) && json.Unmarshal(line, &batch) != nil {
			return t, false
		}
		for _, text := range batch {
			if !t.object(text) {
				return t, false
			}
		}
	}
	return t, true
}

// object adds a row; it reports whether the text is an object.
func (t *table) object(text []byte) bool {
	row := tableRow{cells: map[string]string{}, text: string(text)}
	d := json.NewDecoder(bytes.NewReader(text))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return false
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return false
		}
		var cell json.RawMessage
		if err := d.Decode(&cell); err != nil {
			return false
		}
		column := name.(string) // a decoder gives nothing else in this place
		row.cells[column] = string(cell)
		if !slices.Contains(t.columns, column) {
			t.columns = append(t.columns, column)
		}
	}
	t.rows = append(t.rows, row)
	return true
}

// sheets are two versions of a CSV file. What came out says how it is written: its
// first line names the columns, or has a cell for each.
func sheets(want, got []byte, columns []string) (w, g table, ok bool) {
	for _, comma := range []rune{',', ';', '\t', '|'} {
		head := cells(got, comma, 1)
		if len(head) == 0 || len(head[0]) != len(columns) || len(columns) == 1 && comma != ',' {
			continue
		}
		header := slices.Equal(head[0], columns)
		w, ok = sheet(want, comma, header, columns)
		if ok {
			g, ok = sheet(got, comma, header, columns)
		}
		return w, g, ok
	}
	return w, g, false
}

func sheet(data []byte, comma rune, header bool, columns []string) (table, bool) {
	all := cells(data, comma, 0)
	if all == nil {
		return table{}, len(data) == 0
	}
	t := table{columns: columns}
	if header {
		t.columns, all = all[0], all[1:]
	}
	for _, record := range all {
		row := tableRow{cells: map[string]string{}, text: strings.Join(record, string(comma))}
		for i, cell := range record {
			if i >= len(t.columns) {
				return t, false
			}
			row.cells[t.columns[i]] = cell
		}
		t.rows = append(t.rows, row)
	}
	return t, true
}

// cells are the records of a CSV file, at most so many; nil where it is none.
func cells(data []byte, comma rune, most int) [][]string {
	r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(data, []byte("\ufeff"))))
	r.Comma, r.FieldsPerRecord = comma, -1
	var out [][]string
	for most == 0 || len(out) < most {
		record, err := r.Read()
		switch {
		case errors.Is(err, io.EOF):
			return out
		case err != nil:
			return nil
		}
		out = append(out, record)
	}
	return out
}

// ids tell the rows of a table apart: by the key columns where it has them and no
// two rows have the same, else by all of their text.
func ids(w, g table, key []string) (a, b []string, keyed bool) {
	byKey := func(t table) ([]string, bool) {
		var out []string
		for _, row := range t.rows {
			var id []string
			for _, column := range key {
				cell, ok := row.cells[column]
				if !ok {
					return nil, false
				}
				id = append(id, column+" "+cell)
			}
			out = append(out, strings.Join(id, ", "))
		}
		return out, len(slices.Compact(slices.Sorted(slices.Values(out)))) == len(out)
	}
	if len(key) > 0 {
		a, okA := byKey(w)
		b, okB := byKey(g)
		if okA && okB && shared(a, b) {
			return a, b, true
		}
	}
	texts := func(t table) (out []string) {
		for _, row := range t.rows {
			out = append(out, row.text)
		}
		return out
	}
	return texts(w), texts(g), false
}

// shared reports whether the lists have anything in common.
func shared(a, b []string) bool {
	return slices.ContainsFunc(a, func(s string) bool { return slices.Contains(b, s) })
}
