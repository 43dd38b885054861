// direct_operators.go: operators over two values that are there.

package expression

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/expr-lang/expr/ast"

	"pipeline/pipeline/value"
)

type directOperator func(m *Machine, a, b value.Value) (value.Value, bool)

var directOperators = sync.OnceValue(func() map[string]directOperator {
	return map[string]directOperator{
		"+": directPlus,
		"-": directArithmetic('-'),
		"*": directArithmetic('*'),
		"==": func(m *Machine, a, b value.Value) (value.Value, bool) {
			same, ok := equalValues(m, a, b)
			return value.Bool(same), ok
		},
		"!=": func(m *Machine, a, b value.Value) (value.Value, bool) {
			same, ok := equalValues(m, a, b)
			return value.Bool(!same), ok
		},
		"<":          directOrder(func(c int) bool { return c < 0 }),
		"<=":         directOrder(func(c int) bool { return c <= 0 }),
		">":          directOrder(func(c int) bool { return c > 0 }),
		">=":         directOrder(func(c int) bool { return c >= 0 }),
		"contains":   directTexts(strings.Contains),
		"startsWith": directTexts(strings.HasPrefix),
		"endsWith":   directTexts(strings.HasSuffix),
	}
})

// directPlus joins texts and adds numbers.
func directPlus(m *Machine, a, b value.Value) (value.Value, bool) {
	if a.Kind() != value.String || b.Kind() != value.String {
		return directAdd(m, a, b)
	}
	s, t := a.Text(), b.Text()
	switch {
	case s == "":
		return b, true
	case t == "":
		return a, true
	case !m.afford(len(s) + len(t)):
		return value.Value{}, false
	}
	return value.Text(m.Arena.text(append(append(m.Arena.room(len(s)+len(t)), s...), t...))), true
}

// addends are the parts of a + b + … where one is written as a text, so that all have
// to be texts; nil for another +, or one of two parts.
func addends(n ast.Node) []ast.Node {
	var parts []ast.Node
	literal := false
	for {
		b, ok := n.(*ast.BinaryNode)
		if !ok || b.Operator != "+" {
			break
		}
		parts, n = append(parts, b.Right), b.Left
	}
	parts = append(parts, n)
	slices.Reverse(parts)
	for _, part := range parts {
		_, isText := part.(*ast.StringNode)
		literal = literal || isText
	}
	if !literal || len(parts) < 3 {
		return nil
	}
	return parts
}

// concat joins several texts at once.
func (d *directing) concat(parts []ast.Node) direct {
	texts := d.nodes(parts...)
	if texts == nil {
		return nil
	}
	return func(m *Machine) (value.Value, bool) {
		base, size := len(m.stack), 0
		for _, text := range texts {
			v, ok := text(m)
			if !ok || !m.look(v) {
				return v, false
			}
			m.stack = append(m.stack, v)
			size += len(v.Text())
		}
		b := m.Arena.room(size)
		for _, v := range m.stack[base:] {
			b = append(b, v.Text()...)
		}
		m.stack = m.stack[:base]
		return value.Text(m.Arena.text(b)), true
	}
}

func directTexts(holds func(s, t string) bool) directOperator {
	return func(m *Machine, a, b value.Value) (value.Value, bool) {
		ok := m.look(a) && m.look(b)
		return value.Bool(ok && holds(a.Text(), b.Text())), ok
	}
}

// plainNumber is a number that needs no decimals: an integer, or a float64 of
// which no digit is lost.
type plainNumber struct {
	i       int
	f       float64 // where isFloat
	isFloat bool
}

// plainDigits is how many digits a number has at most that is read without
// looking closer: every float64 gives 15 digits back, and 18 fit an integer.
const plainDigits, plainInteger = 15, 18

func numberOf(v value.Value) (n plainNumber, ok bool) {
	switch v.Kind() {
	case value.Integer:
		return plainNumber{i: int(v.Int())}, true
	case value.Float:
		return plainNumber{f: v.Float(), isFloat: true}, true
	case value.Number:
		return plainText(v.Text())
	}
	return n, false
}

// plainText reads a JSON number without an exponent.
func plainText(s string) (n plainNumber, ok bool) {
	digits := s
	if strings.HasPrefix(s, "-") {
		digits = s[1:]
	}
	whole := digitsAt(digits)
	switch {
	case whole == len(digits) && whole <= plainInteger:
		for i := range len(digits) {
			n.i = n.i*10 + int(digits[i]-'0')
		}
		if len(digits) < len(s) {
			n.i = -n.i
		}
		return n, whole > 0
	case whole == len(digits) || len(digits)-1 > plainDigits || digits[whole] != '.' || whole+1+digitsAt(digits[whole+1:]) != len(digits):
		return n, false
	}
	f, err := strconv.ParseFloat(s, 64)
	return plainNumber{f: f + 0, isFloat: true}, err == nil
}

// float is n as a float64, where that loses nothing.
func (n plainNumber) float() (float64, bool) {
	if n.isFloat {
		return n.f, true
	}
	return float64(n.i), n.i > -1<<53 && n.i < 1<<53
}

var directAdd = directArithmetic('+')

func directArithmetic(op arithmeticOp) directOperator {
	return func(_ *Machine, a, b value.Value) (value.Value, bool) {
		x, ok := numberOf(a)
		if !ok {
			return a, false
		}
		y, ok := numberOf(b)
		if !ok {
			return b, false
		}
		if !x.isFloat && !y.isFloat {
			return op.directIntegers(x.i, y.i)
		}
		f, fok := x.float()
		g, gok := y.float()
		if !fok || !gok {
			return a, false
		}
		r := op.binary(f, g)
		if f == math.Trunc(f) && g == math.Trunc(g) && math.Abs(r) < 1<<53 {
			return value.FloatOf(r + 0), true
		}
		r, ok = op.scaled(f, g)
		return value.FloatOf(r + 0), ok
	}
}

// directIntegers is op of integers whose result surely fits.
func (op arithmeticOp) directIntegers(i, j int) (value.Value, bool) {
	const small = 1 << 31
	if i >= small || i <= -small || j >= small || j <= -small {
		return value.Value{}, false
	}
	switch op {
	case '+':
		return value.Int(int64(i + j)), true
	case '-':
		return value.Int(int64(i - j)), true
	default:
		return value.Int(int64(i * j)), true
	}
}

// directOrder compares two texts, two numbers or two dates.
func directOrder(holds func(int) bool) directOperator {
	return func(m *Machine, a, b value.Value) (value.Value, bool) {
		switch {
		case a.Kind() == value.String && b.Kind() == value.String:
			ok := m.look(a) && m.look(b)
			return value.Bool(ok && holds(order(a.Text(), b.Text()))), ok
		case a.Kind() == value.Date && b.Kind() == value.Date:
			return value.Bool(holds(order(a.Days(), b.Days()))), true
		case a.Kind() == value.Timestamp && b.Kind() == value.Timestamp:
			return value.Bool(holds(a.Time().Compare(b.Time()))), true
		}
		c, ok := compareValues(a, b)
		return value.Bool(ok && holds(c)), ok
	}
}

func compareValues(a, b value.Value) (c int, ok bool) {
	x, xok := numberOf(a)
	y, yok := numberOf(b)
	if !xok || !yok {
		return 0, false
	}
	if !x.isFloat && !y.isFloat {
		return order(x.i, y.i), true
	}
	f, fok := x.float()
	g, gok := y.float()
	return order(f, g), fok && gok
}

// equalValues compares what is null, texts, numbers and booleans. Dates,
// lists and objects have their rules with the VM.
func equalValues(m *Machine, a, b value.Value) (same, ok bool) {
	ca, cb := directClass(a), directClass(b)
	switch {
	case a.IsNull() || b.IsNull():
		return a.IsNull() && b.IsNull(), true
	case ca == 0 || cb == 0:
		return false, false
	case ca != cb:
		return false, true
	case ca == isText:
		return a.Text() == b.Text(), m.look(a) && m.look(b)
	case ca == isBool:
		return a.Bool() == b.Bool(), true
	default:
		c, ok := compareValues(a, b)
		return c == 0, ok
	}
}

// directClass is the class of a text, a number or a boolean, and 0 for others.
func directClass(v value.Value) class {
	switch v.Kind() {
	case value.String:
		return isText
	case value.Integer, value.Float, value.Number:
		return isNumeric
	case value.Boolean:
		return isBool
	}
	return 0
}
