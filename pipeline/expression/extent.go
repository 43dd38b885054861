// extent.go: where a whole part of an expression stands. The parser places a
// sum at its plus and a call at its name; whoever is told of a mistake, or asks
// an editor, means all of it.

package expression

import (
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser/lexer"
)

// tokens are the tokens of one source, and for each bracket its partner.
type tokens struct {
	list    []lexer.Token
	partner map[int]int
}

func lexed(src string) *tokens {
	list, err := lexer.Lex(file.NewSource(src))
	if err != nil {
		return &tokens{} // it was parsed, so that there is none
	}
	t := &tokens{list: list, partner: map[int]int{}}
	var open []int
	for i, token := range list {
		switch {
		case token.Kind != lexer.Bracket:
		case closing[token.Value] != "":
			open = append(open, i)
		case len(open) > 0:
			last := open[len(open)-1]
			t.partner[i], t.partner[last] = last, i
			open = open[:len(open)-1]
		}
	}
	return t
}

// wholeOf is where all of node stands, with the brackets that belong to it.
func (c *checker) wholeOf(node ast.Node) extent {
	if e, ok := c.extents[node]; ok {
		return e
	}
	if c.tokens == nil {
		c.tokens = lexed(c.src)
	}
	first, last := c.tokens.around(node)
	if first < 0 {
		return extent{0, len(c.src)}
	}
	list := c.tokens.list
	return extent{byteOffset(c.src, list[first].From), byteOffset(c.src, list[last].To)}
}

// around is the first and the last token of node.
func (t *tokens) around(node ast.Node) (first, last int) {
	first, last = -1, -1
	var add func(n ast.Node)
	add = func(n ast.Node) {
		if n == nil {
			return
		}
		if i := t.at(n); i >= 0 {
			if first < 0 || i < first {
				first = i
			}
			last = max(last, i)
			if hasBracket(n) && i+1 < len(t.list) {
				last = max(last, i+1)
			}
		}
		for _, child := range children(n) {
			add(child)
		}
	}
	add(node)
	for i := first; i >= 0 && i <= last; i++ {
		p, ok := t.partner[i]
		switch {
		case !ok:
		case p < first:
			first, i = p, p // what has come in on the left is looked at too
		case p > last:
			last = p
		}
	}
	return first, last
}

// at is the token at which the parser placed n; -1 where it placed it elsewhere.
func (t *tokens) at(n ast.Node) int {
	if _, conditional := n.(*ast.ConditionalNode); conditional {
		return -1 // it is placed at what stands behind it, or nowhere
	}
	from := n.Location().From
	for i, token := range t.list {
		if token.From == from && token.Kind != lexer.EOF {
			return i
		}
	}
	return -1
}

// hasBracket reports whether n is placed at a name with a bracket behind it.
func hasBracket(n ast.Node) bool {
	switch n.(type) {
	case *ast.CallNode, *ast.BuiltinNode:
		return true
	}
	return false
}

// children are the parts of a node in their order.
func children(node ast.Node) []ast.Node {
	switch n := node.(type) {
	case *ast.UnaryNode:
		return []ast.Node{n.Node}
	case *ast.BinaryNode:
		return []ast.Node{n.Left, n.Right}
	case *ast.ChainNode:
		return []ast.Node{n.Node}
	case *ast.MemberNode:
		return []ast.Node{n.Node, n.Property}
	case *ast.SliceNode:
		return []ast.Node{n.Node, n.From, n.To}
	case *ast.CallNode:
		return append([]ast.Node{n.Callee}, n.Arguments...)
	case *ast.BuiltinNode:
		return n.Arguments
	case *ast.PredicateNode:
		return []ast.Node{n.Node}
	case *ast.ConditionalNode:
		return []ast.Node{n.Cond, n.Exp1, n.Exp2}
	case *ast.VariableDeclaratorNode:
		return []ast.Node{n.Value, n.Expr}
	case *ast.SequenceNode:
		return n.Nodes
	case *ast.ArrayNode:
		return n.Nodes
	case *ast.MapNode:
		return n.Pairs
	case *ast.PairNode:
		return []ast.Node{n.Key, n.Value}
	default:
		return nil
	}
}
