// check.go: one walk over the syntax tree that finds every unknown name and
// function, and learns what type each part has as far as that is certain.

package expression

import (
	"fmt"
	"regexp"
	"unicode/utf8"

	"github.com/expr-lang/expr/ast"

	"pipeline/pipeline/diag"
	"pipeline/pipeline/value"
)

// checker walks one expression.
type checker struct {
	src      string
	scope    Scope
	problems []Problem
	types    map[ast.Node]typed // of the nodes that were visited; the parser shares some
	reads    map[ast.Node]Read  // the nodes that are paths
	order    []ast.Node         // of reads, as they are written
	steps    map[ast.Node][]step
	extents  map[ast.Node]extent // of the paths
	lets     []binding           // let x = …; within the expression
	bound    map[ast.Node]ast.Node
	items    []item // of the lists being walked, innermost last
	walkers  map[ast.Node]int
	pointers map[ast.Node]int // the list whose item each # is

	known     []facts      // what holds where the walk is …
	assumed   []assumption // … and what that follows from
	concluded map[factKey]facts
	keys      map[ast.Node]string
	prefixes  map[ast.Node][]candidate
	patterns  map[ast.Node]*regexp.Regexp // of matches
	supposed  int                         // nodes that were visited to find out what follows
	machine   *Machine                    // that works out constants
	tokens    *tokens

	questions []string // that answer() asks
	form      []string // that the schema lists
}

type binding struct {
	name  string
	typ   typed
	value ast.Node
}

// item is the item of a list that is being walked.
type item struct {
	typ    typed
	walker int
}

func newChecker(src string, scope Scope) *checker {
	c := &checker{src: src, scope: scope, types: map[ast.Node]typed{}, reads: map[ast.Node]Read{},
		steps: map[ast.Node][]step{}, extents: map[ast.Node]extent{}, bound: map[ast.Node]ast.Node{},
		walkers: map[ast.Node]int{}, pointers: map[ast.Node]int{}, concluded: map[factKey]facts{},
		keys: map[ast.Node]string{}, prefixes: map[ast.Node][]candidate{}, patterns: map[ast.Node]*regexp.Regexp{}}
	for _, p := range scope.Given {
		c.known = append(c.known, p.check.factsOf(p.tree, true).outside())
		c.assumed = append(c.assumed, assumption{p.check, p.tree, true})
	}
	return c
}

// typeOf checks node, once, and returns its type.
func (c *checker) typeOf(node ast.Node) typed {
	if t, ok := c.types[node]; ok {
		return t
	}
	t := c.narrowed(node, c.visit(node))
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
		return c.literal(n, logical, value.Bool(n.Value))
	case *ast.IntegerNode:
		return c.literal(n, integral, value.Int(int64(n.Value)))
	case *ast.FloatNode:
		return c.literal(n, numeral, value.FloatOf(n.Value))
	case *ast.StringNode:
		shape := &value.Shape{Kind: value.String, Enum: []string{n.Value}, Least: utf8.RuneCountInString(n.Value)}
		return c.literal(n, typed{shape: shape}, value.Text(n.Value))
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
		return c.conditional(n)
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

// literal is the type of a constant.
func (c *checker) literal(node ast.Node, t typed, v value.Value) typed {
	at := node.Location()
	t.words = &literals{only: true, list: []Literal{{Value: v, From: byteOffset(c.src, at.From), To: byteOffset(c.src, at.To)}}}
	return t
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
		c.bound[n] = b.value
		return b.typ
	}
	if n.Value == "null" {
		return typed{null: true}
	}
	c.at(n, codeSyntax, "$env stands only before a name in quotes", `read a name that is no identifier as $env["First name"]`)
	return unknown
}

func (c *checker) lookup(name string) (binding, bool) {
	for i := len(c.lets) - 1; i >= 0; i-- {
		if c.lets[i].name == name {
			return c.lets[i], true
		}
	}
	return binding{}, false
}

func (c *checker) let(n *ast.VariableDeclaratorNode) typed {
	t := c.typeOf(n.Value)
	c.lets = append(c.lets, binding{n.Name, t, n.Value})
	defer func() { c.lets = c.lets[:len(c.lets)-1] }()
	return c.typeOf(n.Expr)
}

// conditional is c ? a : b. Each side is checked with what the condition says.
func (c *checker) conditional(n *ast.ConditionalNode) typed {
	cond := c.typeOf(n.Cond)
	if n.Cond == n.Exp1 {
		if c.elvis(n, cond) {
			return unknown
		}
	} else {
		c.needs(n.Cond, cond, isBool, "?", fixes{})
	}
	var yes, no typed
	c.assume(n.Cond, true, func() { yes = c.typeOf(n.Exp1) })
	c.assume(n.Cond, false, func() { no = c.typeOf(n.Exp2) })
	return merge(yes, no)
}

// elvis refuses a ?: b where a is not true or false, which people write for
// a ?? b.
func (c *checker) elvis(n *ast.ConditionalNode, cond typed) bool {
	if cond.class()&isBool != 0 && !cond.mayBeNull() {
		return false
	}
	c.fault(n.Cond, codeMismatch, fmt.Sprintf("?: asks whether %s is true, and it may be something else", c.named(n.Cond)),
		fmt.Sprintf("write %s ?? %s", c.text(n.Cond), c.text(n.Exp2)))
	c.typeOf(n.Exp2)
	return true
}

// member is what is read from something other than a path: the item of a list
// that is being walked, or the result of a call.
func (c *checker) member(n *ast.MemberNode) typed {
	base := c.typeOf(n.Node)
	name, literal := n.Property.(*ast.StringNode)
	if !literal {
		return c.index(n, base)
	}
	shape, ok := c.stepOf(base.shape, name.Value, n.Property, c.text(n.Node))
	if !ok {
		return unknown
	}
	return throughNull(base, shape)
}

// throughNull is a member of base, which is null where base is.
func throughNull(base typed, shape *value.Shape) typed {
	if base.mayBeNull() {
		return typed{shape: nullable(shape), unsure: shape == nil}
	}
	return typed{shape: shape, unsure: base.unsure}
}

// index is an item of a list, or the member of an object whose name is worked out.
func (c *checker) index(n *ast.MemberNode, base typed) typed {
	at := c.typeOf(n.Property)
	class, of := at.class(), base.class()
	switch {
	case base.null:
		return base
	case of == anything && base.mayBeNull():
		return typed{shape: nullable(nil)}
	case of == anything:
		return unknown
	case of&(isList|isObject) == 0:
		c.fault(n.Node, codeMismatch, fmt.Sprintf("%s is %s, and only a list has items", c.named(n.Node), of), "")
		return unknown
	case of == isList && class&isNumeric == 0:
		c.fault(n.Property, codeMismatch, fmt.Sprintf("%s is %s, and an item of a list is read by its number", c.named(n.Property), class), "the first one is [0]")
		return unknown
	case of == isObject && class&isText == 0:
		c.fault(n.Property, codeMismatch, fmt.Sprintf("%s is %s, and a member of an object is read by its name", c.named(n.Property), class), fmt.Sprintf("write string(%s)", c.text(n.Property)))
		return unknown
	case of != isList && of != isObject, class != anything && class&(class-1) != 0:
		c.fault(n.Property, codeMismatch, "an item of a list is read by its number, a member of an object by its name, and this may be either", "")
		return unknown
	case of == isObject:
		return typed{shape: anyMember(base.shape)}
	case of != isList:
		return unknown
	}
	elem := typed{shape: base.shape.Elem}
	if i, ok := position(n.Property); ok && !base.mayBeNull() && (i >= 0 && i < base.least() || i < 0 && -i <= base.least()) {
		return elem
	}
	return maybe(elem)
}

// anyMember is a member of an object whose name is worked out, which it may not
// have.
func anyMember(object *value.Shape) *value.Shape {
	member := noItem
	for _, f := range object.Fields {
		member = mergeShapes(member, f.Shape)
	}
	switch {
	case object.Elem != nil:
		member = mergeShapes(member, object.Elem)
	case object.Open:
		member = nil
	}
	return nullable(member)
}

// position is an index that is written as a number.
func position(node ast.Node) (int, bool) {
	switch n := node.(type) {
	case *ast.IntegerNode:
		return n.Value, true
	case *ast.UnaryNode:
		if i, ok := n.Node.(*ast.IntegerNode); ok && n.Operator == "-" {
			return -i.Value, true
		}
	}
	return 0, false
}

func (c *checker) slice(n *ast.SliceNode) typed {
	t := c.typeOf(n.Node)
	for _, bound := range []ast.Node{n.From, n.To} {
		if bound != nil {
			if b := c.typeOf(bound); b.class()&isNumeric == 0 || b.class() != anything && b.class() != isNumeric {
				c.fault(bound, codeMismatch, fmt.Sprintf("%s is %s, and a part is taken by numbers", c.named(bound), b.class()), "as in name[0:3]")
			}
		}
	}
	if !c.needs(n.Node, t, isText|isList, "[a:b]", fixes{parentheses: true}) {
		return unknown
	}
	if t.shape == nil {
		return unknown
	}
	part := *t.shape
	part.Nullable, part.Least, part.Enum, part.Format = false, 0, nil, ""
	return typed{shape: &part}
}

func (c *checker) pointer(n *ast.PointerNode) typed {
	if len(c.items) > 0 {
		c.pointers[n] = c.items[len(c.items)-1].walker
	}
	switch {
	case n.Name == "index":
		return integral
	case n.Name != "" || len(c.items) == 0:
		c.at(n, codeSyntax, fmt.Sprintf("unknown item #%s", n.Name), "# is the item of the list and #index its place, from 0")
		return unknown
	}
	return c.items[len(c.items)-1].typ
}

func (c *checker) array(n *ast.ArrayNode) typed {
	elem := typed{shape: noItem}
	for i, item := range n.Nodes {
		if t := c.typeOf(item); i == 0 {
			elem = t
		} else {
			elem = merge(elem, t)
		}
	}
	if elem.null {
		elem = typed{shape: nullable(noItem)}
	}
	return typed{shape: &value.Shape{Kind: value.List, Elem: elem.shape, Least: len(n.Nodes)}}
}

func (c *checker) object(n *ast.MapNode) typed {
	shape := &value.Shape{Kind: value.JSON}
	members := typed{shape: noItem}
	for _, pair := range n.Pairs {
		p := pair.(*ast.PairNode)
		t := c.typeOf(p.Value)
		members = merge(members, t)
		if t.null {
			t.shape = nullable(noItem)
		}
		if key, ok := p.Key.(*ast.StringNode); ok {
			shape.Fields = append(shape.Fields, value.Field{Name: key.Value, Shape: t.shape})
		} else {
			c.needs(p.Key, c.typeOf(p.Key), isText, "the name of a member", fixes{})
			shape.Open = true
		}
	}
	if shape.Open { // a name that is worked out may be any of the others
		shape.Fields, shape.Elem = nil, nullable(members.shape)
	}
	return typed{shape: shape}
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
