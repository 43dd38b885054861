package webhook

import (
	"pipeline/pipeline"
	"pipeline/pipeline/value"
)

// object writes rows as JSON objects, their members in the order of the columns.
type object struct {
	names []string // of each column: what comes before its value
}

func newObject(columns []pipeline.Column) object {
	var o object
	for i, c := range columns {
		text := []byte{','}
		if i == 0 {
			text[0] = '{'
		}
		o.names = append(o.names, string(append(value.AppendJSONString(text, c.Name), ':')))
	}
	return o
}

func (o object) appendRow(dst []byte, row []value.Value) []byte {
	for i, v := range row {
		dst = append(dst, o.names[i]...)
		dst = v.AppendJSON(dst)
	}
	return append(dst, '}')
}

// appendRows appends the rows from up to to: an object, or an array of them.
func (o object) appendRows(dst []byte, b *pipeline.Batch, from, to int, array bool) []byte {
	if !array {
		return o.appendRow(dst, b.Row(from))
	}
	for i := from; i < to; i++ {
		before := byte(',')
		if i == from {
			before = '['
		}
		dst = o.appendRow(append(dst, before), b.Row(i))
	}
	return append(dst, ']')
}
