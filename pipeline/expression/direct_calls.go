// direct_calls.go: the functions that nearly every mapping uses.

package expression

import (
	"encoding/binary"
	"strconv"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/expr-lang/expr/ast"

	"pipeline/pipeline/value"
)

// unaryFunction works on one argument that is there, directFunction on several.
type (
	unaryFunction  func(m *Machine, v value.Value) (value.Value, bool)
	directFunction func(m *Machine, args []value.Value) (value.Value, bool)
)

// unaryFunctions are those of one argument that is no list.
var unaryFunctions = sync.OnceValue(func() map[string]unaryFunction {
	return map[string]unaryFunction{
		"trim":   textDirect(func(_ *Arena, s string) string { return trimBlank(s) }),
		"lower":  textDirect((*Arena).lower),
		"upper":  textDirect((*Arena).upper),
		"title":  textDirect(func(_ *Arena, s string) string { return title(s) }),
		"squash": textDirect((*Arena).squash),
		"string": directString,
		"email":  directEmail,
		"number": directNumber,
		"len":    directLen,
	}
})

// directFunctions are the others.
var directFunctions = sync.OnceValue(func() map[string]directFunction {
	return map[string]directFunction{
		"date":      directDate,
		"timestamp": directTimestamp,
		"truncate":  directTruncate,
	}
})

func (d *directing) call(n *ast.CallNode) direct {
	name := n.Callee.(*ast.IdentifierNode).Value
	switch name {
	case "answer":
		return d.answer(n)
	case "join", "first", "last":
		return d.ofList(name, n)
	case "lookup":
		return d.lookup(n)
	}
	args := d.nodes(n.Arguments...)
	if args == nil {
		return nil
	}
	if f := unaryFunctions()[name]; f != nil && len(args) == 1 {
		return unary(f, args[0])
	}
	f := directFunctions()[name]
	if f == nil {
		return nil
	}
	return func(m *Machine) (value.Value, bool) {
		base := len(m.stack) // the arguments stand there, so that they need no memory of their own
		for _, arg := range args {
			v, ok := arg(m)
			if !ok {
				return v, false
			}
			m.stack = append(m.stack, v)
		}
		v, ok := f(m, m.stack[base:])
		m.stack = m.stack[:base]
		return v, ok
	}
}

func unary(f unaryFunction, of direct) direct {
	return func(m *Machine) (value.Value, bool) {
		v, ok := of(m)
		if !ok {
			return v, false
		}
		return f(m, v)
	}
}

// textDirect is a function from text to text.
func textDirect(f func(a *Arena, s string) string) unaryFunction {
	return func(m *Machine, v value.Value) (value.Value, bool) {
		if !m.look(v) {
			return value.Value{}, false
		}
		return value.Text(f(m.Arena, v.Text())), true
	}
}

// trimBlank is strings.TrimFunc(s, isBlank); most texts begin and end with a
// letter, behind ASCII blanks at most.
func trimBlank(s string) string {
	for s != "" && isASCIIBlank(s[0]) {
		s = s[1:]
	}
	for s != "" && isASCIIBlank(s[len(s)-1]) {
		s = s[:len(s)-1]
	}
	if s == "" || s[0] < utf8.RuneSelf && s[len(s)-1] < utf8.RuneSelf {
		return s
	}
	return strings.TrimFunc(s, isBlank)
}

func isASCIIBlank(c byte) bool { return c == ' ' || c-'\t' <= '\r'-'\t' }

func (a *Arena) lower(s string) string { return a.cased(s, 'A', unicode.ToLower) }

func (a *Arena) upper(s string) string { return a.cased(s, 'a', unicode.ToUpper) }

// cased changes the case of the 26 letters from first, eight bytes at a time, and of
// texts beyond ASCII with to.
func (a *Arena) cased(s string, first byte, to func(rune) rune) string {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	atLeast, above := uint64(0x80-first)*ones, uint64(0x80-first-26)*ones
	b := append(a.room(len(s)), s...)
	var changed, other uint64
	word := func(w uint64) uint64 { // a byte below 0x80 carries nothing into the next one
		letters := (w + atLeast) &^ (w + above) & high
		changed |= letters
		other |= w & high
		return w ^ letters>>2
	}
	i := 0
	for ; i+8 <= len(b); i += 8 {
		binary.LittleEndian.PutUint64(b[i:], word(binary.LittleEndian.Uint64(b[i:])))
	}
	for ; i < len(b); i++ {
		b[i] = byte(word(uint64(b[i])))
	}
	switch {
	case other != 0:
		return a.mapped(s, to)
	case changed == 0:
		return s
	}
	return a.text(b)
}

// mapped is strings.Map into the arena.
func (a *Arena) mapped(s string, to func(rune) rune) string {
	b := a.room(len(s) + len(s)/2) // Ⱥ has two bytes, ⱥ three
	for _, r := range s {
		b = utf8.AppendRune(b, to(r))
	}
	if string(b) == s {
		return s
	}
	return a.text(b)
}

// squash leaves a text alone that has no space but single ones within it.
func (a *Arena) squash(s string) string {
	before := byte(' ')
	for i := range len(s) {
		c := s[i]
		if c >= utf8.RuneSelf || c < ' ' || c == ' ' && before == ' ' {
			return squash(s)
		}
		before = c
	}
	if before == ' ' {
		return squash(s) // also of an empty text
	}
	return s
}

func directString(m *Machine, v value.Value) (value.Value, bool) {
	switch v.Kind() {
	case value.String:
		return v, true
	case value.Number:
		return value.Text(v.Text()), true
	case value.Integer:
		return value.Text(m.Arena.text(strconv.AppendInt(m.Arena.room(20), v.Int(), 10))), true
	case value.Boolean:
		return value.Text(strconv.FormatBool(v.Bool())), true
	}
	return v, false
}

// directEmail is email() of an address that is written as it should be.
func directEmail(m *Machine, v value.Value) (value.Value, bool) {
	if v.IsNull() {
		return v, true
	}
	if !m.look(v) {
		return value.Value{}, false
	}
	address := m.Arena.lower(trimBlank(v.Text()))
	local, domain, ok := strings.Cut(address, "@")
	if !ok || len(address) > 254 || !plausibleLocal(local) || !plausibleDomain(domain) {
		return value.Value{}, true
	}
	return value.Text(address), true
}

func directNumber(m *Machine, v value.Value) (value.Value, bool) {
	switch v.Kind() {
	case value.Null, value.Integer, value.Float, value.Number:
		return v, true
	case value.String:
		return value.NumberText(v.Text()), m.look(v) && isJSONNumber(v.Text())
	}
	return v, false
}

// directMoment is a text as a moment, in the zone of the second argument where
// one is given.
func directMoment(m *Machine, args []value.Value) (when moment, ok bool) {
	if !m.look(args[0]) {
		return when, false
	}
	when, err := parseMoment(args[0].Text())
	if err != nil || len(args) < 2 {
		return when, err == nil
	}
	zone, err := loadZone(args[1].Text())
	if err != nil || args[1].Kind() != value.String {
		return when, false
	}
	if when.local {
		return when, true
	}
	when.t = when.t.In(zone)
	return when, true
}

func directDate(m *Machine, args []value.Value) (value.Value, bool) {
	if k := args[0].Kind(); k == value.Null || k == value.Date {
		return args[0], len(args) < 2 // the VM looks at the zone as well
	}
	when, ok := directMoment(m, args)
	return value.DayOf(when.t), ok
}

func directTimestamp(m *Machine, args []value.Value) (value.Value, bool) {
	if len(args) > 1 {
		return value.Value{}, false
	}
	if args[0].IsNull() {
		return args[0], true
	}
	when, ok := directMoment(m, args)
	return value.TimeOf(when.t), ok && !when.local
}

func directTruncate(m *Machine, args []value.Value) (value.Value, bool) {
	n, ok := numberOf(args[1])
	if !ok || n.isFloat || n.i < 0 || !m.look(args[0]) {
		return value.Value{}, false
	}
	s := args[0].Text()
	if len(s) <= n.i {
		return args[0], true
	}
	return value.Text(sliceText(s, nil, &n.i)), true
}

func directLen(m *Machine, v value.Value) (value.Value, bool) {
	return value.Int(int64(utf8.RuneCountInString(v.Text()))), m.look(v)
}

func (d *directing) lookup(n *ast.CallNode) direct {
	table := d.l.check.scope.Tables[n.Arguments[0].(*ast.StringNode).Value]
	key := d.node(n.Arguments[1])
	if key == nil {
		return nil
	}
	return func(m *Machine) (value.Value, bool) {
		v, ok := key(m)
		if !ok || v.IsNull() {
			return v, ok
		}
		if !m.look(v) {
			return v, false
		}
		found, ok := table[v.Text()]
		if !ok {
			return value.Value{}, true
		}
		return value.Text(found), m.afford(len(found))
	}
}
