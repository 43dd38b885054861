// facts.go: what follows from a condition that holds, or does not.

package expression

import (
	"github.com/expr-lang/expr/ast"

	"pipeline/pipeline/value"
)

// factKey is a condition and whether it holds.
type factKey struct {
	node  ast.Node
	holds bool
}

// factsOf is what is certain where node, which was visited, is true; or false.
func (c *checker) factsOf(node ast.Node, holds bool) facts {
	key := factKey{node, holds}
	if f, ok := c.concluded[key]; ok {
		return f
	}
	f := c.conclude(node, holds)
	c.concluded[key] = f
	return f
}

func (c *checker) conclude(node ast.Node, holds bool) facts {
	switch n := node.(type) {
	case *ast.BoolNode:
		return facts{never: n.Value != holds}
	case *ast.PredicateNode:
		return c.factsOf(n.Node, holds)
	case *ast.VariableDeclaratorNode:
		return c.factsOf(n.Expr, holds)
	case *ast.UnaryNode:
		if n.Operator == "!" || n.Operator == "not" {
			return c.factsOf(n.Node, !holds)
		}
	case *ast.ConditionalNode:
		yes := c.factsOf(n.Cond, true).both(c.factsOf(n.Exp1, holds))
		return yes.either(c.factsOf(n.Cond, false).both(c.factsOf(n.Exp2, holds)))
	case *ast.IdentifierNode:
		if b, ok := c.bound[n]; ok {
			return c.factsOf(b, holds)
		}
	case *ast.BinaryNode:
		switch n.Operator {
		case "and", "&&":
			return c.junction(n, holds, holds)
		case "or", "||":
			return c.junction(n, holds, !holds)
		case "in":
			if holds {
				return c.supposeAll(node, holds).both(c.within(n))
			}
		}
	}
	return c.supposeAll(node, holds).both(c.definition(node, holds))
}

// junction is what follows from two conditions of which both are as it is said,
// or one of them.
func (c *checker) junction(n *ast.BinaryNode, holds, both bool) facts {
	left, right := c.factsOf(n.Left, holds), c.factsOf(n.Right, holds)
	if both {
		return left.both(right)
	}
	return left.either(right)
}

// within is what follows from "name" in object: the member is there. It follows
// for an object of any names, whose members are never null; what else may be
// absent may be null as well.
func (c *checker) within(n *ast.BinaryNode) (f facts) {
	object := n.Right
	if b, ok := object.(*ast.BinaryNode); ok && b.Operator == "??" { // mp ?? {}
		if instead, ok := b.Right.(*ast.MapNode); ok && len(instead.Pairs) == 0 {
			object = b.Left
		}
	}
	name, literal := n.Left.(*ast.StringNode)
	shape := c.types[object].shape
	if !literal || shape == nil || shape.Elem == nil || shape.Elem.Nullable || shape.Kind != value.JSON {
		return f
	}
	if _, listed := shape.Field(name.Value); listed {
		return f
	}
	if key := c.keyOf(object); key != "" {
		f.add(key+"\x00"+name.Value, fact{there: true})
	}
	return f
}

// definition is what follows where node is a name under let: that says true or
// false.
func (c *checker) definition(node ast.Node, holds bool) facts {
	r, ok := c.reads[node]
	if !ok || !r.Local || len(c.steps[node]) > 1 {
		return facts{}
	}
	if p := c.scope.Lets[r.Path[0]]; p != nil {
		return p.check.factsOf(p.tree, holds).outside()
	}
	return facts{}
}

const (
	maxCandidates = 100     // parts of one condition that are looked at
	maxSuppose    = 200_000 // nodes visited for that in one expression
	maxKnownItems = 4       // how many items a condition can prove a list to have
)

// candidate is a part of a condition, and its type.
type candidate struct {
	key   string
	shape *value.Shape
}

// supposeAll asks of each part of a condition what the condition would be if
// the part were null, an empty list, or one of its texts: where it could not be
// what it is, the part is not that.
func (c *checker) supposeAll(node ast.Node, holds bool) facts {
	var f facts
	for _, part := range c.candidates(node) {
		excluded := func(v any) bool {
			s := &supposer{check: c, key: part.key, value: v, spent: &c.supposed}
			g := s.eval(node)
			return g.state == failing || g.state == sure && g.value != holds
		}
		found := fact{there: part.shape.Nullable && excluded(nil)}
		if part.shape.Kind == value.List {
			for found.least <= maxKnownItems && excluded(items(found.least)) {
				found.least++
			}
		}
		if len(part.shape.Enum) <= maxCandidates {
			for _, text := range part.shape.Enum {
				if excluded(text) {
					found.not = append(found.not, text)
				}
			}
		}
		if found.there || found.least > 0 || found.not != nil {
			f.add(part.key, found)
		}
	}
	return f
}

// candidates are the parts of a condition of which something might follow, each
// once.
func (c *checker) candidates(node ast.Node) []candidate {
	var out []candidate
	seen := map[string]bool{}
	add := func(key string, s *value.Shape) {
		if key == "" || seen[key] || s == nil || len(out) == maxCandidates || !s.Nullable && s.Kind != value.List && s.Enum == nil {
			return
		}
		seen[key] = true
		out = append(out, candidate{key, s})
	}
	var walk func(c *checker, n ast.Node, own bool)
	walk = func(c *checker, n ast.Node, own bool) {
		if n == nil || len(out) == maxCandidates {
			return
		}
		if t, ok := c.types[n]; ok && t.shape != nil {
			if key := c.keyOf(n); own || isOutside(key) {
				add(key, t.shape)
			}
		}
		if r, ok := c.reads[n]; ok {
			for _, p := range c.prefixesOf(n) {
				add(p.key, p.shape)
			}
			if p := c.scope.Lets[r.Path[0]]; r.Local && p != nil {
				walk(p.check, p.tree, false)
			}
			return
		}
		if id, ok := n.(*ast.IdentifierNode); ok {
			walk(c, c.bound[id], own)
			return
		}
		for _, child := range children(n) {
			walk(c, child, own)
		}
	}
	walk(c, node, true)
	return out
}
