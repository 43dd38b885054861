// direct.go: most expressions of mappings are a few names, texts and functions.
// They are compiled once more, into closures over the slots themselves, without
// the VM and its boxed values: a fifth of the time and no garbage.
//
// A closure only ever says what it is sure of. Whatever is not plain (null where
// a value is needed, a value of another type, a number that needs exact
// decimals, a very long text) is left to the VM, which works the whole
// expression out again and has the error with its place. So there is one truth,
// the VM; the closures are a shortcut to it, and a fuzz test holds them to that.

package expression

import (
	"regexp"

	"github.com/expr-lang/expr/ast"

	"pipeline/pipeline/value"
)

// direct works out a part of an expression. It reports false where it cannot
// tell.
type direct func(m *Machine) (v value.Value, ok bool)

// directWork bounds what the closures look at in one evaluation, in bytes, far
// below what the VM allows: what comes near a bound is the VM's to judge.
const directWork = 1 << 20

// shortcut compiles the checked tree into closures, or returns nil where there
// is something in it that only the VM can do.
func (l *lowering) shortcut(tree ast.Node) direct {
	d := &directing{l}
	return d.node(tree)
}

// directing makes the closures. Each of its methods returns nil for what it
// does not know.
type directing struct{ l *lowering }

func (d *directing) node(node ast.Node) direct {
	if _, isPath := d.l.check.reads[node]; isPath {
		return d.path(node)
	}
	switch n := node.(type) {
	case *ast.NilNode:
		return constant(value.Value{})
	case *ast.BoolNode:
		return constant(value.Bool(n.Value))
	case *ast.IntegerNode:
		return constant(value.Int(int64(n.Value)))
	case *ast.StringNode:
		return constant(value.Text(n.Value))
	case *ast.FloatNode:
		return d.float(n)
	case *ast.IdentifierNode:
		if n.Value == "null" {
			return constant(value.Value{})
		}
		return nil
	case *ast.ChainNode:
		return d.node(n.Node)
	case *ast.UnaryNode:
		return d.unary(n)
	case *ast.BinaryNode:
		return d.binary(n)
	case *ast.ConditionalNode:
		return d.conditional(n)
	case *ast.PointerNode:
		return pointer(n)
	case *ast.MemberNode:
		return d.member(n)
	case *ast.CallNode:
		return d.call(n)
	case *ast.BuiltinNode:
		return d.walker(n)
	}
	return nil
}

// nodes are the closures of several nodes, or nil where one has none.
func (d *directing) nodes(nodes ...ast.Node) []direct {
	out := make([]direct, len(nodes))
	for i, n := range nodes {
		if out[i] = d.node(n); out[i] == nil {
			return nil
		}
	}
	return out
}

func constant(v value.Value) direct {
	return func(*Machine) (value.Value, bool) { return v, true }
}

// float is a literal with a fraction, where a float64 holds it.
func (d *directing) float(n *ast.FloatNode) direct {
	f, ok := d.l.literal(n).(float64)
	if !ok {
		return nil
	}
	return constant(value.FloatOf(f))
}

// path is a slot.
func (d *directing) path(node ast.Node) direct {
	if len(d.l.rest(node)) > 0 {
		return nil
	}
	slot := d.l.slot(node)
	return func(m *Machine) (value.Value, bool) { return m.slots[m.at[slot]], true }
}

func (d *directing) conditional(n *ast.ConditionalNode) direct {
	parts := d.nodes(n.Cond, n.Exp1, n.Exp2)
	if parts == nil {
		return nil
	}
	cond, then, other := parts[0], parts[1], parts[2]
	return func(m *Machine) (value.Value, bool) {
		c, ok := cond(m)
		switch {
		case !ok || c.Kind() != value.Boolean:
			return c, false
		case c.Bool():
			return then(m)
		default:
			return other(m)
		}
	}
}

func (d *directing) unary(n *ast.UnaryNode) direct {
	if literal, ok := n.Node.(*ast.IntegerNode); ok && n.Operator == "-" {
		return constant(value.Int(int64(-literal.Value)))
	}
	of := d.node(n.Node)
	if of == nil || n.Operator != "!" && n.Operator != "not" {
		return nil
	}
	return func(m *Machine) (value.Value, bool) {
		v, ok := of(m)
		return value.Bool(!v.Bool()), ok && v.Kind() == value.Boolean
	}
}

func (d *directing) binary(n *ast.BinaryNode) direct {
	if n.Operator == "matches" {
		return d.matches(n)
	}
	if list, ok := n.Right.(*ast.ArrayNode); ok && n.Operator == "in" {
		return d.in(n.Left, list)
	}
	if parts := addends(n); parts != nil {
		return d.concat(parts)
	}
	sides := d.nodes(n.Left, n.Right)
	if sides == nil {
		return nil
	}
	left, right := sides[0], sides[1]
	switch n.Operator {
	case "??":
		return func(m *Machine) (value.Value, bool) {
			v, ok := left(m)
			if ok && v.IsNull() {
				return right(m)
			}
			return v, ok
		}
	case "and", "&&":
		return logic(left, right, false)
	case "or", "||":
		return logic(left, right, true)
	}
	op := directOperators()[n.Operator]
	if op == nil {
		return nil
	}
	return func(m *Machine) (value.Value, bool) {
		a, ok := left(m)
		if !ok {
			return a, false
		}
		b, ok := right(m)
		if !ok {
			return b, false
		}
		return op(m, a, b)
	}
}

// logic is and, or or: where the left side is decided, the right one is not
// looked at.
func logic(left, right direct, decided bool) direct {
	return func(m *Machine) (value.Value, bool) {
		v, ok := left(m)
		if !ok || v.Kind() != value.Boolean || v.Bool() == decided {
			return v, ok && v.Kind() == value.Boolean
		}
		v, ok = right(m)
		return v, ok && v.Kind() == value.Boolean
	}
}

func (d *directing) matches(n *ast.BinaryNode) direct {
	of := d.node(n.Left)
	if of == nil {
		return nil
	}
	pattern := regexp.MustCompile(n.Right.(*ast.StringNode).Value)
	return func(m *Machine) (value.Value, bool) {
		v, ok := of(m)
		if !ok || !m.look(v) {
			return v, false
		}
		return value.Bool(pattern.MatchString(v.Text())), true
	}
}

// in looks for a value among literals.
func (d *directing) in(left ast.Node, list *ast.ArrayNode) direct {
	of, items := d.node(left), make([]value.Value, len(list.Nodes))
	if of == nil {
		return nil
	}
	for i, n := range list.Nodes {
		switch n := n.(type) {
		case *ast.StringNode:
			items[i] = value.Text(n.Value)
		case *ast.IntegerNode:
			items[i] = value.Int(int64(n.Value))
		default:
			return nil
		}
	}
	return func(m *Machine) (value.Value, bool) {
		v, ok := of(m)
		if !ok {
			return v, false
		}
		for _, item := range items {
			if same, ok := equalValues(m, v, item); !ok || same {
				return value.Bool(true), ok
			}
		}
		return value.Bool(false), true
	}
}

// look reports whether v is a text, and charges for looking at it.
func (m *Machine) look(v value.Value) bool {
	return v.Kind() == value.String && m.afford(len(v.Text()))
}

// afford charges n bytes of work.
func (m *Machine) afford(n int) bool {
	m.quick -= n
	return m.quick >= 0
}
