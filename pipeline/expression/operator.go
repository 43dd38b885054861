// operator.go: what operators do with values.

package expression

import (
	"math"
	"regexp"
	"strings"
	"sync"
	"time"
)

// operator is the implementation of an operator, or of what lowering calls.
type operator struct {
	machine bool // it is given the machine
	run     func(m *Machine, a []any) (any, error)
}

// expr is o as expr calls it. Where o needs the machine, the environment that
// holds it is the first argument.
func (o operator) expr(name string) func(args ...any) (any, error) {
	return func(args ...any) (any, error) {
		var m *Machine
		if o.machine {
			m, args = args[0].(map[string]any)[machineID].(*Machine), args[1:]
		}
		out, err := o.run(m, args)
		if err != nil {
			return nil, &failed{name, err}
		}
		return out, nil
	}
}

// operators are all operators by the names that lowering uses.
var operators = sync.OnceValue(func() map[string]operator {
	return map[string]operator{
		"op:+": {true, plus}, "op:-": {run: numbers('-')}, "op:*": {run: numbers('*')},
		"op:/": {run: division}, "op:%": {run: modulo}, "op:**": {run: power},
		"op:negate": {run: negate}, "op:plus": {run: func(_ *Machine, a []any) (any, error) { return toNumber(a[0], 0) }},
		"op:==": {true, func(m *Machine, a []any) (any, error) { return m.equal(a[0], a[1]) }},
		"op:<":  {true, comparison(func(c int) bool { return c < 0 })},
		"op:<=": {true, comparison(func(c int) bool { return c <= 0 })},
		"op:>":  {true, comparison(func(c int) bool { return c > 0 })},
		"op:>=": {true, comparison(func(c int) bool { return c >= 0 })},
		"op:in": {true, in}, "op:..": {true, span}, "op:matches": {true, matches},
		"op:contains":   {true, texts(strings.Contains)},
		"op:startsWith": {true, texts(strings.HasPrefix)},
		"op:endsWith":   {true, texts(strings.HasSuffix)},
		"op:get":        {true, get}, "op:slice": {true, slice}, "op:test": {run: test}, "op:key": {run: key},
		"op:list": {true, walk}, "op:count": {run: countItems}, "op:sum": {run: sum},
		"op:sortBy": {run: sortBy}, "op:groupBy": {run: groupBy},
		"op:lookup": {true, inTable},
	}
})

// wrong is the fault of an argument that is null or of the wrong class.
func wrong(arg int, x any, want class) *fault {
	if x == nil {
		return &fault{code: codeNullValue, arg: arg, want: want}
	}
	return &fault{code: codeMismatch, arg: arg, want: want, got: classOf(x)}
}

// plus adds numbers and joins texts.
func plus(m *Machine, a []any) (any, error) {
	s, left := a[0].(string)
	t, right := a[1].(string)
	switch {
	case left && right:
		joined := s + t
		return joined, m.read(joined)
	case left:
		return nil, wrong(1, a[1], isText)
	case right:
		return nil, wrong(0, a[0], isText)
	}
	return numbers('+')(m, a)
}

func numbers(op arithmeticOp) func(*Machine, []any) (any, error) {
	return func(_ *Machine, a []any) (any, error) {
		x, y, err := twoNumbers(a)
		if err != nil {
			return nil, err
		}
		return op.compute(x, y)
	}
}

func division(_ *Machine, a []any) (any, error) {
	x, y, err := twoNumbers(a)
	if err != nil {
		return nil, err
	}
	return divide(x, y)
}

func modulo(_ *Machine, a []any) (any, error) {
	x, y, err := twoNumbers(a)
	if err != nil {
		return nil, err
	}
	i, iok := asInteger(x)
	j, jok := asInteger(y)
	switch {
	case !iok || !jok:
		return nil, because(codeValue, "%% needs two integers")
	case j == 0:
		return nil, because(codeRange, "division by zero")
	case j == -1:
		return 0, nil // the smallest integer has no opposite
	}
	return i % j, nil
}

func power(_ *Machine, a []any) (any, error) {
	x, y, err := twoNumbers(a)
	if err != nil {
		return nil, err
	}
	return finite(math.Pow(toFloat(x), toFloat(y)))
}

func negate(_ *Machine, a []any) (any, error) {
	x, err := toNumber(a[0], 0)
	if err != nil {
		return nil, err
	}
	if f, ok := x.(float64); ok {
		return -f + 0, nil
	}
	return arithmeticOp('-').compute(0, x)
}

// comparison orders two numbers, texts, dates or timestamps.
func comparison(holds func(int) bool) func(*Machine, []any) (any, error) {
	return func(m *Machine, a []any) (any, error) {
		if s, ok := a[0].(string); ok {
			if err := m.read(s); err != nil {
				return nil, err
			}
		}
		c, err := compare(a[0], a[1])
		return holds(c), err
	}
}

const ordered = isNumeric | isText | isDay | isInstant

func compare(a, b any) (int, error) {
	ca, cb := classOf(a), classOf(b)
	if ca&ordered == 0 {
		return 0, wrong(0, a, ordered)
	}
	if ca != cb {
		return 0, wrong(1, b, ca)
	}
	switch x := a.(type) {
	case string:
		return order(x, b.(string)), nil
	case day:
		return order(int64(x), int64(b.(day))), nil
	case time.Time:
		return x.Compare(b.(time.Time)), nil
	}
	x, err := toNumber(a, 0)
	if err != nil {
		return 0, err
	}
	y, err := toNumber(b, 1)
	if err != nil {
		return 0, err
	}
	return compareNumbers(x, y), nil
}

// equal compares any two values. Values of different classes differ, but a date
// compared with a text is a mistake and said to be one.
func (m *Machine) equal(a, b any) (bool, error) {
	if a == nil || b == nil {
		return a == nil && b == nil, nil
	}
	if s, ok := a.(string); ok {
		if t, ok := b.(string); ok {
			return s == t, m.read(t)
		}
	}
	ca, cb := classOf(a), classOf(b)
	const dated = isDay | isInstant
	switch {
	case ca&dated != 0 && cb != ca && cb&isMoment != 0:
		return false, wrong(1, b, ca)
	case cb&dated != 0 && cb != ca && ca&isMoment != 0:
		return false, wrong(0, a, cb)
	case ca != cb:
		return false, nil
	}
	switch ca {
	case isNumeric, isDay, isInstant:
		c, err := compare(a, b)
		return c == 0, err
	case isList:
		return m.equalLists(a, b)
	case isObject:
		return m.equalObjects(a, b)
	}
	return a == b, nil // true or false
}

func (m *Machine) equalLists(a, b any) (bool, error) {
	x, err := m.items(a)
	if err != nil {
		return false, err
	}
	y, err := m.items(b)
	if err != nil || len(x) != len(y) {
		return false, err
	}
	for i := range x {
		if same, err := m.equal(x[i], y[i]); err != nil || !same {
			return false, err
		}
	}
	return true, nil
}

func (m *Machine) equalObjects(a, b any) (bool, error) {
	x, err := m.members(a)
	if err != nil {
		return false, err
	}
	y, err := m.members(b)
	if err != nil || len(x) != len(y) {
		return false, err
	}
	for k, v := range x {
		w, ok := y[k]
		if same, err := m.equal(v, w); !ok || err != nil || !same {
			return false, err
		}
	}
	return true, nil
}

// members are all members of the object v.
func (m *Machine) members(v any) (map[string]any, error) {
	raw, ok := v.(rawObject)
	if !ok {
		return v.(map[string]any), nil
	}
	if err := m.spend(len(raw)); err != nil {
		return nil, err
	}
	return splitObject(string(raw))
}

// in looks for an item of a list or a name of an object.
func in(m *Machine, a []any) (any, error) {
	switch classOf(a[1]) {
	case isList:
		items, err := m.items(a[1])
		if err != nil {
			return nil, err
		}
		if err := m.spend(equalWork * len(items)); err != nil {
			return nil, err
		}
		for _, item := range items {
			if same, err := m.equal(a[0], item); err != nil || same {
				return same, err
			}
		}
		return false, nil
	case isObject:
		name, ok := a[0].(string)
		if !ok {
			return nil, wrong(0, a[0], isText)
		}
		members, err := m.members(a[1])
		_, has := members[name]
		return has, err
	default:
		return nil, wrong(1, a[1], isList|isObject)
	}
}

// span is a..b: the integers from a to b.
func span(m *Machine, a []any) (any, error) {
	x, y, err := twoNumbers(a)
	if err != nil {
		return nil, err
	}
	from, iok := asInteger(x)
	to, jok := asInteger(y)
	if !iok || !jok {
		return nil, because(codeValue, ".. needs two integers")
	}
	if to < from {
		return []any{}, nil
	}
	if to-from < 0 || to-from >= maxItems {
		return nil, tooMuch()
	}
	n := to - from + 1
	if err := m.spend(n * itemWork); err != nil {
		return nil, err
	}
	items := make([]any, n)
	for i := range items {
		items[i] = from + i
	}
	return items, nil
}

func matches(m *Machine, a []any) (any, error) {
	s, ok := a[0].(string)
	if !ok {
		return nil, wrong(0, a[0], isText)
	}
	if err := m.spend(len(s)); err != nil {
		return nil, err
	}
	return a[1].(*regexp.Regexp).MatchString(s), nil
}

// texts is an operator between two texts.
func texts(holds func(s, t string) bool) func(*Machine, []any) (any, error) {
	return func(m *Machine, a []any) (any, error) {
		s, ok := a[0].(string)
		if !ok {
			return nil, wrong(0, a[0], isText)
		}
		t, ok := a[1].(string)
		if !ok {
			return nil, wrong(1, a[1], isText)
		}
		return holds(s, t), m.read(s)
	}
}

// test passes true and false on, and nothing else.
func test(_ *Machine, a []any) (any, error) {
	if _, ok := a[0].(bool); !ok {
		return nil, wrong(0, a[0], isBool)
	}
	return a[0], nil
}
