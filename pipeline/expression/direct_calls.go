// direct_calls.go: the functions that nearly every mapping uses.

package expression

import (
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/expr-lang/expr/ast"

	"pipeline/pipeline/value"
)

// directFunction works on arguments that are there.
type directFunction func(m *Machine, args []value.Value) (value.Value, bool)

// directFunctions are those without a list among their arguments.
var directFunctions = sync.OnceValue(func() map[string]directFunction {
	return map[string]directFunction{
		"trim":      textDirect(func(_ *Arena, s string) string { return trimBlank(s) }),
		"lower":     textDirect((*Arena).lower),
		"upper":     textDirect((*Arena).upper),
		"title":     textDirect(func(_ *Arena, s string) string { return title(s) }),
		"squash":    textDirect((*Arena).squash),
		"string":    directString,
		"email":     directEmail,
		"number":    directNumber,
		"date":      directDate,
		"timestamp": directTimestamp,
		"truncate":  directTruncate,
		"len":       directLen,
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
	f := directFunctions()[name]
	if f == nil {
		return nil
	}
	args := d.nodes(n.Arguments...)
	if args == nil {
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

// textDirect is a function from text to text.
func textDirect(f func(a *Arena, s string) string) directFunction {
	return func(m *Machine, args []value.Value) (value.Value, bool) {
		if !m.look(args[0]) {
			return value.Value{}, false
		}
		return value.Text(f(m.Arena, args[0].Text())), true
	}
}

// trimBlank is strings.TrimFunc(s, isBlank); most texts begin and end with a
// letter.
func trimBlank(s string) string {
	if s == "" || s[0] > ' ' && s[0] < 0x7f && s[len(s)-1] > ' ' && s[len(s)-1] < 0x7f {
		return s
	}
	return strings.TrimFunc(s, isBlank)
}

// lower and upper change ASCII texts here, and leave others to package strings.
func (a *Arena) lower(s string) string {
	return a.cased(s, 'A', 'Z', strings.ToLower)
}

func (a *Arena) upper(s string) string {
	return a.cased(s, 'a', 'z', strings.ToUpper)
}

func (a *Arena) cased(s string, from, to byte, whole func(string) string) string {
	changes := false
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return whole(s)
		}
		changes = changes || s[i] >= from && s[i] <= to
	}
	if !changes {
		return s
	}
	b := append(a.room(len(s)), s...)
	for i, c := range b {
		if c >= from && c <= to {
			b[i] = c ^ ' '
		}
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

func directString(m *Machine, args []value.Value) (value.Value, bool) {
	v := args[0]
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
func directEmail(m *Machine, args []value.Value) (value.Value, bool) {
	if args[0].IsNull() {
		return args[0], true
	}
	if !m.look(args[0]) {
		return value.Value{}, false
	}
	address := m.Arena.lower(trimBlank(args[0].Text()))
	local, domain, ok := strings.Cut(address, "@")
	if !ok || len(address) > 254 || !plausibleLocal(local) || !plausibleDomain(domain) {
		return value.Value{}, true
	}
	return value.Text(address), true
}

func directNumber(m *Machine, args []value.Value) (value.Value, bool) {
	v := args[0]
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

func directLen(m *Machine, args []value.Value) (value.Value, bool) {
	return value.Int(int64(utf8.RuneCountInString(args[0].Text()))), m.look(args[0])
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
