package pipeline

import "pipeline/pipeline/value"

// RowJSON writes rows as JSON objects, their members in the order of the columns. A
// null that the schema of the rows takes for absent is left out: what was checked is
// what is sent.
type RowJSON struct {
	before   []string // of each column: what comes before its value, with a comma
	optional []bool   // of each column: a null is left out
}

// NewRowJSON is the form of rows with these columns.
func NewRowJSON(columns []Column) RowJSON {
	var f RowJSON
	for _, c := range columns {
		f.before = append(f.before, string(append(value.AppendJSONString([]byte{','}, c.Name), ':')))
		f.optional = append(f.optional, c.Optional)
	}
	return f
}

// Append appends a row.
func (f RowJSON) Append(dst []byte, row []value.Value) []byte {
	start := len(dst)
	for i, v := range row {
		if f.optional[i] && v.IsNull() {
			continue
		}
		dst = append(dst, f.before[i]...)
		dst = v.AppendJSON(dst)
	}
	if len(dst) == start {
		return append(dst, "{}"...)
	}
	dst[start] = '{' // in the place of the first comma
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
