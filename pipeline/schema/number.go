package schema

import (
	"math/big"

	"pipeline/pipeline/value"
)

// number.go: numbers by their decimal digits, as JSON writes them. A value that
// holds no text is written into a small buffer on the stack first; that is why
// the same three lines stand in each function.

// numeralOf is a number of a schema, which was written in decimal and so has
// an end.
func numeralOf(r *big.Rat) (value.Numeral, string) {
	digits, _ := r.FloatPrec()
	text := r.FloatString(digits)
	n, _ := value.ParseNumeral(text)
	return n, text
}

// compare is -1, 0 or +1 as v, a number, is less than, equal to or greater than
// n.
func compare(v value.Value, n value.Numeral) int {
	var buf [32]byte
	text := v.Text()
	if text == "" {
		text = string(v.AppendText(buf[:0]))
	}
	m, _ := value.ParseNumeral(text)
	return m.Cmp(n)
}

func isMultiple(v value.Value, step value.Numeral) bool {
	var buf [32]byte
	text := v.Text()
	if text == "" {
		text = string(v.AppendText(buf[:0]))
	}
	n, _ := value.ParseNumeral(text)
	multiple, _ := n.IsMultipleOf(step)
	return multiple
}

func isWhole(v value.Value) bool {
	var buf [32]byte
	text := v.Text()
	if text == "" {
		text = string(v.AppendText(buf[:0]))
	}
	n, ok := value.ParseNumeral(text)
	return ok && n.IsInteger()
}
