// direct_lists.go: lists that are made, walked and used up within one
// expression, such as join(map(split(x, ","), trim(#)), "|"). Their items stand
// in a stack of the machine.

package expression

import (
	"strings"

	"github.com/expr-lang/expr/ast"

	"pipeline/pipeline/value"
)

// directList puts the items of a list onto the machine's stack and returns how
// many; below them it leaves the stack as it was.
type directList func(m *Machine) (n int, ok bool)

// maxDirectItems is how many items such a list has at most.
const maxDirectItems = 1000

// list is the closure of a node that results in a list.
func (d *directing) list(node ast.Node) directList {
	switch n := node.(type) {
	case *ast.CallNode:
		if n.Callee.(*ast.IdentifierNode).Value == "split" {
			return d.split(n)
		}
	case *ast.BuiltinNode:
		switch n.Name {
		case "map", "filter":
			return d.mapped(n)
		}
	}
	if _, isPath := d.l.check.reads[node]; isPath {
		if path := d.path(node); path != nil {
			return slotList(path)
		}
	}
	return nil
}

// slotList takes a list of the record apart.
func slotList(path direct) directList {
	return func(m *Machine) (int, bool) {
		v, ok := path(m)
		if !ok || v.Kind() != value.List || !m.afford(len(v.Text())) {
			return 0, false
		}
		s := scanner{s: v.Text()}
		if !s.take('[') {
			return 0, false
		}
		if s.take(']') {
			return 0, true
		}
		n := 0
		for more := true; more; n++ {
			raw, err := s.raw()
			if err != nil || n == maxDirectItems {
				return 0, false
			}
			item, ok := m.decodeValue(raw)
			if !ok {
				return 0, false
			}
			m.stack = append(m.stack, item)
			if more, err = s.separator(']'); err != nil {
				return 0, false
			}
		}
		return n, true
	}
}

// decodeValue is one JSON value as a scanner read it; lists and objects stay
// text.
func (m *Machine) decodeValue(text string) (value.Value, bool) {
	if text == "" {
		return value.Value{}, false
	}
	switch text[0] {
	case '[':
		return value.ListText(text), true
	case '{':
		return value.JSONText(text), true
	case '"':
		return m.Arena.unescaped(text[1 : len(text)-1])
	}
	switch text {
	case "null":
		return value.Value{}, true
	case "true", "false":
		return value.Bool(text == "true"), true
	}
	return value.NumberText(text), isJSONNumber(text)
}

func (d *directing) split(n *ast.CallNode) directList {
	args := d.nodes(n.Arguments...)
	if args == nil {
		return nil
	}
	return func(m *Machine) (int, bool) {
		text, ok := args[0](m)
		if !ok || !m.look(text) {
			return 0, false
		}
		separator, ok := args[1](m)
		if !ok || !m.look(separator) || separator.Text() == "" {
			return 0, false
		}
		n := 0
		for part := range strings.SplitSeq(text.Text(), separator.Text()) {
			if n++; n > maxDirectItems {
				return 0, false
			}
			m.stack = append(m.stack, value.Text(part))
		}
		return n, true
	}
}

// mapped is map or filter: the body is worked out for each item, which is
// replaced by what it gives, or dropped.
func (d *directing) mapped(n *ast.BuiltinNode) directList {
	list, body := d.list(n.Arguments[0]), d.node(n.Arguments[1].(*ast.PredicateNode).Node)
	if list == nil || body == nil {
		return nil
	}
	isFilter := n.Name == "filter"
	return func(m *Machine) (int, bool) {
		base := len(m.stack)
		n, ok := list(m)
		if !ok {
			return 0, false
		}
		kept := base
		ok = m.each(base, n, func(i int) (more, ok bool) {
			v, ok := body(m)
			switch {
			case !ok || isFilter && v.Kind() != value.Boolean:
				return false, false
			case !isFilter:
				m.stack[kept] = v
				kept++
			case v.Bool():
				m.stack[kept] = m.stack[i]
				kept++
			}
			return true, true
		})
		m.stack = m.stack[:kept]
		return kept - base, ok
	}
}

// each makes each of n items on the stack the current one in turn.
func (m *Machine) each(base, n int, visit func(i int) (more, ok bool)) (ok bool) {
	if !m.afford(loopWork + itemWork*n) {
		return false
	}
	outer, outerIndex := m.current, m.place
	more := true
	ok = true
	for i := 0; i < n && more && ok; i++ {
		m.current, m.place = m.stack[base+i], i
		more, ok = visit(base + i)
	}
	m.current, m.place = outer, outerIndex
	return ok
}

// pointer is # or #index.
func pointer(n *ast.PointerNode) direct {
	if n.Name == "index" {
		return func(m *Machine) (value.Value, bool) { return value.Int(int64(m.place)), true }
	}
	return func(m *Machine) (value.Value, bool) { return m.current, true }
}

// member is a named member of what is not a path: of the current item, of what
// was found.
func (d *directing) member(n *ast.MemberNode) direct {
	name, literal := n.Property.(*ast.StringNode)
	if !literal {
		return nil
	}
	of := d.node(n.Node)
	if of == nil {
		return nil
	}
	return func(m *Machine) (value.Value, bool) {
		object, ok := of(m)
		if !ok || object.IsNull() {
			return object, ok
		}
		if object.Kind() != value.JSON || !m.afford(len(object.Text())) {
			return value.Value{}, false
		}
		return m.memberValue(object.Text(), name.Value)
	}
}

// memberValue is the member of a JSON object of that name.
func (m *Machine) memberValue(object, want string) (value.Value, bool) {
	s := scanner{s: object}
	if !s.take('{') {
		return value.Value{}, false
	}
	if s.take('}') {
		return value.Value{}, true
	}
	for more := true; more; {
		name, escaped, err := s.name()
		if err != nil {
			return value.Value{}, false
		}
		raw, err := s.raw()
		if err != nil {
			return value.Value{}, false
		}
		if named(name, escaped, want) {
			return m.decodeValue(raw)
		}
		if more, err = s.separator('}'); err != nil {
			return value.Value{}, false
		}
	}
	return value.Value{}, true
}

// walker is what a walk over a list comes to: whether, how many, or which.
func (d *directing) walker(n *ast.BuiltinNode) direct {
	switch n.Name {
	case "any", "all", "none", "find", "count":
	default:
		return nil
	}
	list := d.list(n.Arguments[0])
	if list == nil {
		return nil
	}
	if len(n.Arguments) < 2 {
		return func(m *Machine) (value.Value, bool) {
			base := len(m.stack)
			n, ok := list(m)
			m.stack = m.stack[:base]
			return value.Int(int64(n)), ok
		}
	}
	body := d.node(n.Arguments[1].(*ast.PredicateNode).Node)
	if body == nil {
		return nil
	}
	name := n.Name
	return func(m *Machine) (value.Value, bool) {
		base := len(m.stack)
		n, ok := list(m)
		if !ok {
			return value.Value{}, false
		}
		held, found := 0, value.Value{}
		ok = m.each(base, n, func(i int) (more, ok bool) {
			v, ok := body(m)
			if !ok || v.Kind() != value.Boolean {
				return false, false
			}
			if v.Bool() {
				if held++; held == 1 {
					found = m.stack[i]
				}
			}
			return !decides(name, v.Bool()), true
		})
		m.stack = m.stack[:base]
		switch name {
		case "any":
			return value.Bool(held > 0), ok
		case "none":
			return value.Bool(held == 0), ok
		case "all":
			return value.Bool(held == n), ok
		case "find":
			return found, ok
		default:
			return value.Int(int64(held)), ok
		}
	}
}

// decides reports whether a walk ends at an item for which the condition was
// that.
func decides(name string, held bool) bool {
	return name == "all" && !held || held && name != "all" && name != "count"
}

// ofList is a function that uses a list up.
func (d *directing) ofList(name string, n *ast.CallNode) direct {
	list := d.list(n.Arguments[0])
	if list == nil {
		return nil
	}
	if name == "join" {
		return d.join(list, n.Arguments[1])
	}
	return func(m *Machine) (value.Value, bool) {
		base := len(m.stack)
		n, ok := list(m)
		if !ok || n == 0 {
			return value.Value{}, ok
		}
		items := m.stack[base : base+n]
		m.stack = m.stack[:base]
		if name == "first" {
			return items[0], true
		}
		return items[n-1], true
	}
}

func (d *directing) join(list directList, by ast.Node) direct {
	separator := d.node(by)
	if separator == nil {
		return nil
	}
	return func(m *Machine) (value.Value, bool) {
		by, ok := separator(m)
		if !ok || !m.look(by) {
			return value.Value{}, false
		}
		base := len(m.stack)
		n, ok := list(m)
		if !ok {
			return value.Value{}, false
		}
		items := m.stack[base : base+n]
		m.stack = m.stack[:base]
		return m.joinTexts(items, by.Text())
	}
}

// joinTexts joins texts; null is left out.
func (m *Machine) joinTexts(items []value.Value, separator string) (value.Value, bool) {
	size, first, texts := 0, "", 0
	for _, item := range items {
		if item.IsNull() {
			continue
		}
		if item.Kind() != value.String {
			return value.Value{}, false
		}
		if texts++; texts == 1 {
			first = item.Text()
		}
		size += len(item.Text()) + len(separator)
	}
	switch {
	case !m.afford(size):
		return value.Value{}, false
	case texts < 2:
		return value.Text(first), true
	}
	b := m.Arena.room(size)
	for _, item := range items {
		if item.IsNull() {
			continue
		}
		b = append(b, item.Text()...)
		if texts--; texts > 0 {
			b = append(b, separator...)
		}
	}
	return value.Text(m.Arena.text(b)), true
}
