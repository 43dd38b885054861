package pipeline

import (
	"pipeline/pipeline/ledger"
	"pipeline/pipeline/value"
)

// Keys is a set of keys that takes a bounded part of memory.
type Keys = ledger.Keys

// NewKeys is an empty set. It makes its file in the folder dir once it needs
// one.
func NewKeys(dir string) *Keys { return ledger.NewKeys(dir) }

// AppendKey appends the key of a row, as a JSON array of the values in the key
// columns: the same key, the same bytes.
func AppendKey(dst []byte, row []value.Value, key []int) []byte {
	dst = append(dst, '[')
	for i, column := range key {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = row[column].AppendJSON(dst)
	}
	return append(dst, ']')
}

// AppendKey appends the key of row i, whose columns are the key of the mapping.
func (b *Batch) AppendKey(dst []byte, i int, key []int) []byte {
	if b.entries != nil {
		return append(dst, b.entries[i].Key...)
	}
	return AppendKey(dst, b.Row(i), key)
}
