// cover.go: which parts of an expression were ever decided for. Only a program
// that is compiled with Scope.Cover has probes; every other is the same code as
// if there were none.

package expression

import (
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/builtin"
)

// Branch is one way that an expression can go: a side of ?:, a side of ??, an
// outcome of what stands beside and or or, or of what an item of a list is asked.
type Branch struct {
	From, To int    // of the part, in bytes of the source
	What     string // what is to be said of the part where nothing went this way: "is never taken"
}

// Branches are the ways that the program can go, those of a part before those of
// what it is a part of. They are known where it was compiled with Scope.Cover.
func (p *Program) Branches() []Branch { return p.branches }

// Covered says of each of p.Branches() whether an evaluation by this machine went
// that way.
func (m *Machine) Covered(p *Program) []bool {
	taken, ok := m.covered[p]
	if !ok {
		if m.covered == nil {
			m.covered = map[*Program][]bool{}
		}
		taken = make([]bool, len(p.branches))
		m.covered[p] = taken
	}
	return taken
}

// The probes. Each takes the number of a branch, and a value that it gives back.
var probes = map[string]operator{
	"op:taken": {true, func(m *Machine, a []any) (any, error) {
		m.taken[a[0].(int)] = true
		return a[1], nil
	}},
	"op:given": {true, func(m *Machine, a []any) (any, error) {
		if a[1] != nil {
			m.taken[a[0].(int)] = true
		}
		return a[1], nil
	}},
	// true is the branch of that number, false the next one
	"op:outcome": {true, func(m *Machine, a []any) (any, error) {
		if is, ok := a[1].(bool); ok && is {
			m.taken[a[0].(int)] = true
		} else if ok {
			m.taken[a[0].(int)+1] = true
		}
		return a[1], nil
	}},
}

// taken notes that node was evaluated; what says what it means where it never is.
func (l *lowering) taken(node, lowered ast.Node, what string) ast.Node {
	return l.probe("op:taken", node, lowered, what)
}

// given notes that node was something else than null.
func (l *lowering) given(node, lowered ast.Node) ast.Node {
	if _, constant := lowered.(*ast.ConstantNode); constant {
		return lowered
	}
	return l.probe("op:given", node, lowered, "is never there, always null")
}

// outcome notes whether node was true, and whether it was false. One that is made
// of such parts is known by them.
func (l *lowering) outcome(node, lowered ast.Node) ast.Node {
	if _, literal := node.(*ast.BoolNode); literal {
		return lowered
	}
	if n, ok := node.(*ast.BinaryNode); ok && isAndOr(n.Operator) {
		return lowered
	}
	return l.probe("op:outcome", node, lowered, "is never true", "is never false")
}

func isAndOr(operator string) bool {
	switch operator {
	case "and", "&&", "or", "||":
		return true
	}
	return false
}

// probe wraps lowered into a probe for branches that lie beside each other. A part
// that lowering writes twice has one.
func (l *lowering) probe(op string, node, lowered ast.Node, whats ...string) ast.Node {
	if !l.check.scope.Cover {
		return lowered
	}
	at := l.extentOf(node)
	first := -1
	for i, b := range l.branches {
		if b == (Branch{at.from, at.to, whats[0]}) {
			first = i
		}
	}
	if first < 0 {
		first = len(l.branches)
		for _, what := range whats {
			l.branches = append(l.branches, Branch{at.from, at.to, what})
		}
	}
	if _, ok := l.fns[op]; !ok {
		l.fns[op] = &builtin.Function{Name: op, Func: probes[op].expr(op)}
	}
	place := node.Location()
	return l.emit(op, op, true, place, nil, []ast.Node{placed(l, &ast.ConstantNode{Value: first}, place), lowered})
}

// extentOf is where a part stands in the source, with the brackets around parts of
// it, whose own places leave them out.
func (l *lowering) extentOf(node ast.Node) extent {
	e := extent{len(l.src), 0}
	ast.Walk(&node, visitor(func(n *ast.Node) {
		at := (*n).Location()
		e.from, e.to = min(e.from, byteOffset(l.src, at.From)), max(e.to, byteOffset(l.src, at.To))
	}))
	if e.from >= e.to {
		return extent{0, len(l.src)}
	}
	e.to += unclosed(l.src[e.from:e.to], l.src[e.to:])
	for depth := balance(l.src[e.from:e.to]); depth < 0 && e.from > 0; depth = balance(l.src[e.from:e.to]) {
		e.from = strings.LastIndexAny(l.src[:e.from], "([{")
		if e.from < 0 {
			e.from = 0
		}
	}
	return e
}

type visitor func(*ast.Node)

func (v visitor) Visit(n *ast.Node) { v(n) }

// unclosed is how much of rest closes the brackets that text leaves open.
func unclosed(text, rest string) int {
	for n := 0; n < len(rest); n++ {
		if balance(text+rest[:n]) <= 0 {
			return n
		}
	}
	return len(rest)
}

// balance is how many more brackets a text opens than it closes. Those in quotes
// are none.
func balance(text string) int {
	open, quote := 0, byte(0)
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quote != 0 && c == '\\' && quote != '`':
			i++
		case quote != 0 && c == quote:
			quote = 0
		case quote != 0:
		case strings.IndexByte("\"'`", c) >= 0:
			quote = c
		case strings.IndexByte("([{", c) >= 0:
			open++
		case strings.IndexByte(")]}", c) >= 0:
			open--
		}
	}
	return open
}
