// assumed.go: what follows from several conditions at once, or from an "or".
// "a != null or b != null" says nothing of a and nothing of b, but that
// a ?? b is not null. So a part that may be null is supposed to be, with all
// that it is made of and all that the conditions say is null, and where one of
// the conditions could then not be what it is, the part is not null.

package expression

import (
	"slices"

	"github.com/expr-lang/expr/ast"

	"pipeline/pipeline/value"
)

// assumption is a condition that is as it is said wherever the walk is.
type assumption struct {
	check *checker // whose condition it is
	node  ast.Node
	holds bool
}

// assume is visit where node holds, or does not.
func (c *checker) assume(node ast.Node, holds bool, visit func()) {
	c.assumed = append(c.assumed, assumption{c, node, holds})
	c.given(c.factsOf(node, holds), visit)
	c.assumed = c.assumed[:len(c.assumed)-1]
}

// contradicts reports whether node cannot be null where the walk is, by the
// conditions together.
func (c *checker) contradicts(node ast.Node) bool {
	if len(c.assumed) == 0 {
		return false
	}
	nulls := c.nullParts(node, nil)
	if len(nulls) == 0 {
		return false
	}
	for _, a := range c.assumed {
		nulls = a.check.saidNull(a.node, a.holds, nulls)
	}
	for _, a := range c.assumed {
		s := &supposer{check: a.check, key: nulls[0], also: nulls[1:], spent: &c.supposed}
		if g := s.eval(a.node); g.state == failing || g.state == sure && g.value != a.holds {
			return true
		}
	}
	return false
}

// nullParts are the keys of what is null where node is: of a ?? b that is a, and
// b as well.
func (c *checker) nullParts(node ast.Node, keys []string) []string {
	if n, ok := node.(*ast.BinaryNode); ok && n.Operator == "??" {
		return c.nullParts(n.Right, c.nullParts(n.Left, keys))
	}
	if key := c.keyOf(node); key != "" && !slices.Contains(keys, key) {
		keys = append(keys, key)
	}
	return keys
}

// saidNull adds the keys of the parts that a condition says are null.
func (c *checker) saidNull(node ast.Node, holds bool, keys []string) []string {
	switch n := node.(type) {
	case *ast.UnaryNode:
		if n.Operator == "!" || n.Operator == "not" {
			return c.saidNull(n.Node, !holds, keys)
		}
	case *ast.BinaryNode:
		switch n.Operator {
		case "and", "&&":
			if holds {
				return c.saidNull(n.Right, holds, c.saidNull(n.Left, holds, keys))
			}
		case "or", "||":
			if !holds {
				return c.saidNull(n.Right, holds, c.saidNull(n.Left, holds, keys))
			}
		case "==", "!=":
			if holds == (n.Operator == "==") && c.types[n.Right].null {
				return c.nullParts(n.Left, keys)
			}
			if holds == (n.Operator == "==") && c.types[n.Left].null {
				return c.nullParts(n.Right, keys)
			}
		}
	}
	return keys
}

// there is t without null.
func (t typed) there() typed {
	shape := value.Shape{}
	if t.shape != nil {
		shape = *t.shape
	}
	shape.Nullable = false
	t.shape = &shape
	return t
}
