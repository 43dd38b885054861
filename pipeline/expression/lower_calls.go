// lower_calls.go: operators, functions, and what walks a list.

package expression

import (
	"regexp"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/builtin"
	"github.com/expr-lang/expr/file"
)

// test lowers node to something that is true or false and nothing else, which
// is all that the VM can decide by.
func (l *lowering) test(node ast.Node, label string) ast.Node {
	if l.decides(node) {
		return l.node(node)
	}
	return l.callOf("op:test", label, node.Location(), []ast.Node{node}, l.node(node))
}

// decides reports whether node can result in nothing but true or false.
func (l *lowering) decides(node ast.Node) bool {
	switch n := node.(type) {
	case *ast.BoolNode:
		return true
	case *ast.UnaryNode:
		return n.Operator == "!" || n.Operator == "not"
	case *ast.BinaryNode:
		return n.Operator != "??" && operatorType(n.Operator, unknown, unknown) == logical
	case *ast.BuiltinNode:
		return n.Name == "all" || n.Name == "any" || n.Name == "none" || n.Name == "one"
	case *ast.PredicateNode:
		return l.decides(n.Node)
	default:
		return false
	}
}

func (l *lowering) not(node ast.Node, at file.Location) ast.Node {
	return placed(l, &ast.UnaryNode{Operator: "not", Node: node}, at)
}

func (l *lowering) unary(n *ast.UnaryNode) ast.Node {
	at := n.Location()
	switch n.Operator {
	case "!", "not":
		return l.not(l.test(n.Node, "not"), at)
	case "-":
		if literal, ok := n.Node.(*ast.IntegerNode); ok {
			return placed(l, &ast.ConstantNode{Value: -literal.Value}, at)
		}
		return l.callOf("op:negate", "-", at, []ast.Node{n.Node}, l.node(n.Node))
	default:
		return l.callOf("op:plus", "+", at, []ast.Node{n.Node}, l.node(n.Node))
	}
}

func (l *lowering) binary(n *ast.BinaryNode) ast.Node {
	at := n.Location()
	both := []ast.Node{n.Left, n.Right}
	switch n.Operator {
	case "and", "&&", "or", "||":
		return placed(l, &ast.BinaryNode{Operator: n.Operator,
			Left:  l.outcome(n.Left, l.test(n.Left, n.Operator)),
			Right: l.outcome(n.Right, l.test(n.Right, n.Operator)),
		}, at)
	case "??":
		return placed(l, &ast.BinaryNode{Operator: "??",
			Left:  l.given(n.Left, l.node(n.Left)),
			Right: l.taken(n.Right, l.node(n.Right), "is never taken, for what stands before ?? is never null"),
		}, at)
	case "!=":
		return l.not(l.callOf("op:==", "!=", at, both, l.node(n.Left), l.node(n.Right)), at)
	case "^":
		return l.callOf("op:**", "^", at, both, l.node(n.Left), l.node(n.Right))
	case "matches":
		pattern := placed(l, &ast.ConstantNode{Value: regexp.MustCompile(n.Right.(*ast.StringNode).Value)}, at)
		return l.callOf("op:matches", "matches", at, both[:1], l.node(n.Left), pattern)
	default:
		return l.callOf("op:"+n.Operator, n.Operator, at, both, l.node(n.Left), l.node(n.Right))
	}
}

// call lowers a call of a function of the library.
func (l *lowering) call(n *ast.CallNode) ast.Node {
	name := n.Callee.(*ast.IdentifierNode).Value
	if name == "lookup" {
		return l.tableCall(n)
	}
	args := make([]ast.Node, len(n.Arguments))
	for i, a := range n.Arguments {
		args[i] = l.node(a)
	}
	return l.function(name, n.Location(), n.Arguments, args)
}

// function is a call of the library's function of that name.
func (l *lowering) function(name string, at file.Location, originals, args []ast.Node) ast.Node {
	fn, f := "fn:"+name, library()[name]
	if _, ok := l.fns[fn]; !ok {
		o := operator{machine: true, run: f.call}
		l.fns[fn] = &builtin.Function{Name: fn, Func: o.expr(fn)}
	}
	return l.emit(fn, name, true, at, originals, args)
}

// walker lowers what walks a list. expr's loops stay, with a list that is one
// and conditions that are true or false. Where expr would compute or compare
// with the results (sum, sortBy, groupBy), a map over the list is handed to a
// function of ours.
func (l *lowering) walker(n *ast.BuiltinNode) ast.Node {
	at := n.Location()
	list := l.callOf("op:list", n.Name, at, n.Arguments[:1], l.node(n.Arguments[0]))
	if len(n.Arguments) == 1 { // count, sum
		return l.callOf("op:"+n.Name, n.Name, at, nil, list)
	}
	body := n.Arguments[1].(*ast.PredicateNode).Node
	switch n.Name {
	case "map":
		return l.loop("map", at, list, l.node(body))
	case "sum":
		return l.callOf("op:sum", "sum", at, nil, l.loop("map", at, list, l.node(body)))
	case "sortBy", "groupBy":
		return l.keyed(n, list, body)
	default:
		return l.loop(n.Name, at, list, l.outcome(body, l.test(body, n.Name)))
	}
}

func (l *lowering) loop(name string, at file.Location, list, body ast.Node) ast.Node {
	predicate := placed(l, &ast.PredicateNode{Node: body}, at)
	return placed(l, &ast.BuiltinNode{Name: name, Arguments: []ast.Node{list, predicate}}, at)
}

// keyed is sortBy or groupBy: the list, and beside it the keys of its items.
func (l *lowering) keyed(n *ast.BuiltinNode, list, body ast.Node) ast.Node {
	at, code := n.Location(), l.fresh()
	items := func() ast.Node { return placed(l, &ast.IdentifierNode{Value: code}, at) }
	args := []ast.Node{items(), l.loop("map", at, items(), l.node(body))}
	originals := []ast.Node{nil, nil}
	if len(n.Arguments) > 2 {
		args, originals = append(args, l.node(n.Arguments[2])), append(originals, n.Arguments[2])
	}
	call := l.callOf("op:"+n.Name, n.Name, at, originals, args...)
	return placed(l, &ast.VariableDeclaratorNode{Name: code, Value: list, Expr: call}, at)
}
