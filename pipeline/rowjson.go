package pipeline

import "pipeline/pipeline/value"

// RowJSON writes rows as JSON objects, their members in the order of the columns.
type RowJSON struct {
	before []string // of each column: what comes before its value
}

// NewRowJSON is the form of rows with these columns.
func NewRowJSON(columns []Column) RowJSON {
	var f RowJSON
	for i, c := range columns {
		text := []byte{','}
		if i == 0 {
			text[0] = '{'
		}
		f.before = append(f.before, string(append(value.AppendJSONString(text, c.Name), ':')))
	}
	return f
}

// Append appends a row.
func (f RowJSON) Append(dst []byte, row []value.Value) []byte {
	for i, v := range row {
		dst = append(dst, f.before[i]...)
		dst = v.AppendJSON(dst)
	}
	return append(dst, '}')
}

// AppendOf appends row i of b.
func (f RowJSON) AppendOf(dst []byte, b *Batch, i int) []byte {
	if b.texts != nil {
		return append(dst, b.texts[i]...)
	}
	return f.Append(dst, b.Row(i))
}

// LenOf is how long AppendOf will make row i of b, or 0 where that is not known.
func (f RowJSON) LenOf(b *Batch, i int) int {
	if b.texts != nil {
		return len(b.texts[i])
	}
	return 0
}
