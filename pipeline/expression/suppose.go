// suppose.go: what a condition results in if one part of it had a certain
// value, as far as that can be said without the rest. The constants that come
// together on the way are worked out by the operators and functions themselves.

package expression

import (
	"slices"

	"github.com/expr-lang/expr/ast"
)

// guess is what is known of the result of a part.
type guess struct {
	state guessed
	value any // where it is sure
}

type guessed int

const (
	open    guessed = iota // it depends on more
	sure                   // it is value, where it has a result
	failing                // it has none
)

// items is a list of that many items of which nothing else is known.
type items int

var isOpen, isFailing = guess{}, guess{state: failing}

func isSure(v any) guess { return guess{sure, v} }

// supposer works out an expression under one supposition.
type supposer struct {
	check *checker
	key   string   // of the part that is supposed
	value any      // to be this
	also  []string // the keys of parts that are supposed to be null beside it
	spent *int     // how many nodes were visited so far
}

func (s *supposer) eval(node ast.Node) guess {
	if *s.spent++; *s.spent > maxSuppose || node == nil {
		return isOpen
	}
	switch key := s.check.keyOf(node); {
	case key == s.key:
		return isSure(s.value)
	case s.isNull(key):
		return isSure(nil)
	}
	if r, ok := s.check.reads[node]; ok {
		return s.path(node, r)
	}
	switch n := node.(type) {
	case *ast.NilNode:
		return isSure(nil)
	case *ast.BoolNode:
		return isSure(n.Value)
	case *ast.IntegerNode:
		return isSure(n.Value)
	case *ast.FloatNode:
		return isSure(n.Value)
	case *ast.StringNode:
		return isSure(n.Value)
	case *ast.IdentifierNode:
		if b, ok := s.check.bound[n]; ok {
			return s.eval(b)
		}
		return isSure(nil)
	case *ast.ChainNode:
		return s.eval(n.Node)
	case *ast.VariableDeclaratorNode:
		return s.eval(n.Expr)
	case *ast.PredicateNode:
		return s.eval(n.Node)
	case *ast.UnaryNode:
		return s.unary(n)
	case *ast.BinaryNode:
		return s.binary(n)
	case *ast.ConditionalNode:
		return s.choice(n)
	case *ast.MemberNode:
		if base := s.eval(n.Node); base.state != sure || base.value == nil {
			return base
		}
		return isOpen
	case *ast.ArrayNode:
		return s.array(n)
	case *ast.CallNode:
		return s.call(n)
	case *ast.BuiltinNode:
		return s.walker(n)
	default:
		return isOpen
	}
}

// path is a path of the record, which is null where what it begins with is, or
// a name under let:.
func (s *supposer) path(node ast.Node, r Read) guess {
	for _, p := range s.check.prefixesOf(node) {
		if s.isNull(p.key) {
			return isSure(nil)
		}
	}
	p := s.check.scope.Lets[r.Path[0]]
	if !r.Local || p == nil || !isOutside(s.key) {
		return isOpen
	}
	within := &supposer{check: p.check, key: s.key, value: s.value, also: s.also, spent: s.spent}
	g := within.eval(p.tree)
	if len(s.check.steps[node]) > 1 && (g.state != sure || g.value != nil) {
		return isOpen
	}
	return g
}

// isNull reports whether the part with that key is supposed to be null.
func (s *supposer) isNull(key string) bool {
	return s.value == nil && key == s.key || key != "" && slices.Contains(s.also, key)
}

func (s *supposer) unary(n *ast.UnaryNode) guess {
	g := s.eval(n.Node)
	if g.state != sure {
		return g
	}
	switch n.Operator {
	case "!", "not":
		if b, ok := g.value.(bool); ok {
			return isSure(!b)
		}
		return isFailing
	case "-":
		return s.run("op:negate", g)
	default:
		return s.run("op:plus", g)
	}
}

func (s *supposer) choice(n *ast.ConditionalNode) guess {
	cond := s.eval(n.Cond)
	switch {
	case cond.state == failing || cond.state == sure && cond.value == nil:
		return isFailing
	case cond.state == sure && cond.value == true:
		return s.eval(n.Exp1)
	case cond.state == sure:
		return s.eval(n.Exp2)
	}
	yes, no := s.eval(n.Exp1), s.eval(n.Exp2)
	switch {
	case yes.state == failing:
		return no
	case no.state == failing:
		return yes
	case yes.state == sure && no.state == sure && same(yes.value, no.value):
		return yes
	}
	return isOpen
}

// same reports whether two values are one scalar.
func same(a, b any) bool {
	switch a.(type) {
	case nil, bool, string, int:
		return a == b
	}
	return false
}

func (s *supposer) binary(n *ast.BinaryNode) guess {
	switch n.Operator {
	case "and", "&&":
		return s.junction(n, false)
	case "or", "||":
		return s.junction(n, true)
	}
	left := s.eval(n.Left)
	if n.Operator == "matches" {
		return s.matches(left, n.Right)
	}
	if n.Operator == "??" {
		if left.state == sure && left.value == nil {
			return s.eval(n.Right)
		}
		return left
	}
	right := s.eval(n.Right)
	switch n.Operator {
	case "==":
		return s.equal(n, left, right)
	case "!=":
		if g := s.equal(n, left, right); g.state == sure {
			return isSure(g.value == false)
		}
		return isOpen
	case "in":
		return s.in(left, right)
	case "^":
		return s.run("op:**", left, right)
	}
	if g := s.strict(left, right); g.state == failing {
		return g
	}
	return s.run("op:"+n.Operator, left, right)
}

// junction is and, which decided ends with false, or or, which ends with true.
func (s *supposer) junction(n *ast.BinaryNode, decided bool) guess {
	left := s.eval(n.Left)
	switch {
	case left.state == failing, left.state == sure && left.value == decided:
		return left
	case left.state == sure && left.value == nil:
		return isFailing
	}
	right := s.eval(n.Right)
	switch {
	case left.state == sure:
		return right
	case right.state == failing, right.state == sure && right.value == decided:
		return isSure(decided) // or there is no result
	}
	return isOpen
}

// strict is failing where one of the operands is, or is null.
func (s *supposer) strict(operands ...guess) guess {
	for _, g := range operands {
		if g.state == failing || g.state == sure && g.value == nil {
			return isFailing
		}
	}
	return isOpen
}

// matches is a text against a pattern.
func (s *supposer) matches(left guess, right ast.Node) guess {
	g := s.strict(left)
	if pattern := s.check.patterns[right]; g == isOpen && pattern != nil {
		return s.run("op:matches", left, isSure(pattern))
	}
	return g
}

// equal compares; null is equal to nothing that is never null.
func (s *supposer) equal(n *ast.BinaryNode, left, right guess) guess {
	switch {
	case left.state == failing || right.state == failing:
		return isFailing
	case left.state == sure && left.value == nil && right.state == open:
		return s.notNull(n.Right)
	case right.state == sure && right.value == nil && left.state == open:
		return s.notNull(n.Left)
	case left.state == open || right.state == open:
		return isOpen
	}
	if count, ok := left.value.(items); ok {
		return equalItems(count, right.value)
	}
	if count, ok := right.value.(items); ok {
		return equalItems(count, left.value)
	}
	return s.run("op:==", left, right)
}

// equalItems compares a list of so many items with another value.
func equalItems(n items, other any) guess {
	count := -1
	switch v := other.(type) {
	case items:
		count = int(v)
	case []any:
		count = len(v)
	}
	switch {
	case count != int(n):
		return isSure(false)
	case n == 0:
		return isSure(true)
	}
	return isOpen
}

// notNull is that null does not equal node.
func (s *supposer) notNull(node ast.Node) guess {
	if s.check.types[node].neverNull() {
		return isSure(false)
	}
	return isOpen
}

func (s *supposer) in(item, list guess) guess {
	if g := s.strict(list); g.state == failing || item.state == failing {
		return isFailing
	}
	if list.state == sure && (list.value == items(0) || isEmptyList(list.value)) {
		return isSure(false)
	}
	return s.run("op:in", item, list)
}

func isEmptyList(v any) bool {
	made, ok := v.([]any)
	return ok && len(made) == 0
}

func (s *supposer) array(n *ast.ArrayNode) guess {
	made := make([]any, len(n.Nodes))
	for i, item := range n.Nodes {
		g := s.eval(item)
		if g.state != sure {
			return g
		}
		made[i] = g.value
	}
	return isSure(made)
}
