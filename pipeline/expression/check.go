// check.go: one walk over the syntax tree that finds every unknown name and
// function, and learns what type each part has as far as that is certain.

package expression

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/expr-lang/expr/ast"

	"pipeline/pipeline/diag"
	"pipeline/pipeline/value"
)

// typed is what is known of a part of an expression.
type typed struct {
	shape   *value.Shape // nil: nothing
	claimed bool         // a schema says so, and a record may break it
	null    bool         // it is the literal null
}

var (
	unknown  = typed{}
	textual  = typed{shape: &value.Shape{Kind: value.String}}
	integral = typed{shape: &value.Shape{Kind: value.Integer}}
	numeral  = typed{shape: &value.Shape{Kind: value.Float}}
	exact    = typed{shape: &value.Shape{Kind: value.Decimal}}
	logical  = typed{shape: &value.Shape{Kind: value.Boolean}}
	anyList  = typed{shape: &value.Shape{Kind: value.List}}
	anObject = typed{shape: &value.Shape{Kind: value.JSON, Open: true}}
)

// kind is the kind of t, Null where it is not known.
func (t typed) kind() value.Kind {
	if t.shape == nil {
		return value.Null
	}
	return t.shape.Kind
}

// known reports whether anything is known of the shape s.
func known(s *value.Shape) bool { return s != nil && s.Kind != value.Null }

// checker walks one expression.
type checker struct {
	src      string
	scope    Scope
	problems []Problem
	types    map[ast.Node]typed // of the nodes that were visited; the parser shares some
	reads    map[ast.Node]Read  // the nodes that are paths
	order    []ast.Node         // of reads, as they are written
	steps    map[ast.Node][]step
	extents  map[ast.Node]extent
	lets     []binding // let x = …; within the expression
	items    []typed   // of the lists being walked, innermost last

	questions []string // that answer() asks
	form      []string // that the schema lists
}

type binding struct {
	name string
	typ  typed
}

func newChecker(src string, scope Scope) *checker {
	return &checker{src: src, scope: scope, types: map[ast.Node]typed{}, reads: map[ast.Node]Read{},
		steps: map[ast.Node][]step{}, extents: map[ast.Node]extent{}}
}

// typeOf checks node, once, and returns its type.
func (c *checker) typeOf(node ast.Node) typed {
	if t, ok := c.types[node]; ok {
		return t
	}
	t := c.visit(node)
	c.types[node] = t
	return t
}

func (c *checker) visit(node ast.Node) typed {
	if t, ok := c.visitPath(node); ok {
		return t
	}
	switch n := node.(type) {
	case *ast.NilNode:
		return typed{null: true}
	case *ast.BoolNode:
		return logical
	case *ast.IntegerNode:
		return integral
	case *ast.FloatNode:
		return numeral
	case *ast.StringNode:
		return textual
	case *ast.IdentifierNode:
		return c.identifier(n)
	case *ast.UnaryNode:
		return c.unary(n)
	case *ast.BinaryNode:
		return c.binary(n)
	case *ast.ChainNode:
		return c.typeOf(n.Node)
	case *ast.MemberNode:
		return c.member(n)
	case *ast.SliceNode:
		return c.slice(n)
	case *ast.CallNode:
		return c.call(n)
	case *ast.BuiltinNode:
		return c.walker(n)
	case *ast.PredicateNode:
		return c.typeOf(n.Node)
	case *ast.PointerNode:
		return c.pointer(n)
	case *ast.ConditionalNode:
		c.typeOf(n.Cond)
		return merge(c.typeOf(n.Exp1), c.typeOf(n.Exp2))
	case *ast.VariableDeclaratorNode:
		return c.let(n)
	case *ast.ArrayNode:
		return c.array(n)
	case *ast.MapNode:
		return c.object(n)
	default:
		return c.unsupported(node)
	}
}

func (c *checker) unsupported(node ast.Node) typed {
	if n, ok := node.(*ast.SequenceNode); ok {
		c.at(n.Nodes[1], codeSyntax, "an expression has one result, and a second one begins here", `";" stands only behind let name = value`)
		return unknown
	}
	c.at(node, codeSyntax, "bytes are not offered", `write a text: "…"`)
	return unknown
}

// identifier is a name that is no path: null, or a let of this expression.
func (c *checker) identifier(n *ast.IdentifierNode) typed {
	if b, ok := c.lookup(n.Value); ok {
		return b
	}
	if n.Value == "null" {
		return typed{null: true}
	}
	c.at(n, codeSyntax, "$env stands only before a name in quotes", `read a name that is no identifier as $env["First name"]`)
	return unknown
}

func (c *checker) lookup(name string) (typed, bool) {
	for i := len(c.lets) - 1; i >= 0; i-- {
		if c.lets[i].name == name {
			return c.lets[i].typ, true
		}
	}
	return unknown, false
}

func (c *checker) let(n *ast.VariableDeclaratorNode) typed {
	t := c.typeOf(n.Value)
	c.lets = append(c.lets, binding{n.Name, t})
	defer func() { c.lets = c.lets[:len(c.lets)-1] }()
	return c.typeOf(n.Expr)
}

func (c *checker) unary(n *ast.UnaryNode) typed {
	t := c.typeOf(n.Node)
	if n.Operator == "!" || n.Operator == "not" {
		return logical
	}
	return numberOnly(t)
}

// member is what is read from something other than a path: the item of a list
// that is being walked, or the result of a call.
func (c *checker) member(n *ast.MemberNode) typed {
	base := c.typeOf(n.Node)
	name, literal := n.Property.(*ast.StringNode)
	if !literal {
		c.typeOf(n.Property)
		if base.kind() == value.List {
			return typed{shape: base.shape.Elem, claimed: true}
		}
		return unknown
	}
	return typed{shape: c.step(base.shape, name.Value, n.Property), claimed: true}
}

func (c *checker) slice(n *ast.SliceNode) typed {
	t := c.typeOf(n.Node)
	for _, bound := range []ast.Node{n.From, n.To} {
		if bound != nil {
			c.typeOf(bound)
		}
	}
	if t.kind() == value.String {
		return typed{shape: textual.shape, claimed: t.claimed}
	}
	return t
}

func (c *checker) pointer(n *ast.PointerNode) typed {
	switch {
	case n.Name == "index":
		return integral
	case n.Name != "" || len(c.items) == 0:
		c.at(n, codeSyntax, fmt.Sprintf("unknown item #%s", n.Name), "# is the item of the list and #index its place, from 0")
		return unknown
	}
	return c.items[len(c.items)-1]
}

func (c *checker) array(n *ast.ArrayNode) typed {
	var elem typed
	for i, item := range n.Nodes {
		if t := c.typeOf(item); i == 0 {
			elem = t
		} else {
			elem = merge(elem, t)
		}
	}
	return typed{shape: &value.Shape{Kind: value.List, Elem: elem.shape}, claimed: elem.claimed}
}

func (c *checker) object(n *ast.MapNode) typed {
	shape := &value.Shape{Kind: value.JSON}
	for _, pair := range n.Pairs {
		p := pair.(*ast.PairNode)
		t := c.typeOf(p.Value)
		if key, ok := p.Key.(*ast.StringNode); ok {
			shape.Fields = append(shape.Fields, value.Field{Name: key.Value, Shape: t.shape})
		} else {
			c.typeOf(p.Key)
			shape.Open = true
		}
	}
	return typed{shape: shape, claimed: true}
}

func (c *checker) binary(n *ast.BinaryNode) typed {
	left := c.typeOf(n.Left)
	if n.Operator == "matches" {
		c.pattern(n.Right)
		return logical
	}
	return operatorType(n.Operator, left, c.typeOf(n.Right))
}

// pattern checks the right side of matches. It is a literal, so that it is
// compiled once and never made of a record's text.
func (c *checker) pattern(node ast.Node) {
	literal, ok := node.(*ast.StringNode)
	if !ok {
		c.typeOf(node)
		c.at(node, codeWrongArguments, "the pattern of matches is not a text in quotes", "use contains to look for another value")
		return
	}
	if _, err := regexp.Compile(literal.Value); err != nil {
		reason := strings.TrimPrefix(err.Error(), "error parsing regexp: ")
		c.at(node, codeWrongArguments, "the pattern of matches is not a regular expression: "+reason, "")
	}
}

// at notes an error at the place of node.
func (c *checker) at(node ast.Node, code, message, hint string) {
	c.note(diag.Error, node, code, message, hint)
}

func (c *checker) note(severity diag.Severity, node ast.Node, code, message, hint string, notes ...diag.Note) {
	loc := node.Location()
	c.problems = append(c.problems, Problem{Severity: severity, Code: code, Message: message, Hint: hint, Notes: notes,
		From: byteOffset(c.src, loc.From), To: byteOffset(c.src, loc.To)})
}
