// names.go: which parts of an expression read the record, and what to say of a
// name that the record does not have.

package expression

import (
	"fmt"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"

	"pipeline/pipeline/diag"
	"pipeline/pipeline/value"
)

// step is one name of a path, and the node that writes it.
type step struct {
	name string
	node ast.Node
}

// visitPath checks node where it is a path: a name of the record or of the
// locals, and the chain of literal members behind it.
func (c *checker) visitPath(node ast.Node) (typed, bool) {
	steps := c.pathOf(node)
	if len(steps) == 0 {
		return unknown, false
	}
	root := steps[0]
	shape, local := c.scope.Locals[root.name]
	if _, quoted := root.node.(*ast.StringNode); local && !quoted { // $env["…"] is always the record's
		c.reads[node] = Read{Path: []string{root.name}, Local: true}
	} else {
		path := make([]string, len(steps))
		for i, s := range steps {
			path[i] = s.name
		}
		c.reads[node] = Read{Path: path}
		shape = c.rootShape(root)
	}
	c.order = append(c.order, node)
	c.steps[node], c.extents[node] = steps, c.extent(steps)
	for _, s := range steps[1:] {
		shape = c.step(shape, s.name, s.node)
	}
	return typed{shape: shape, claimed: true}, true
}

// extent is where a path stands, from its first name to its last.
func (c *checker) extent(steps []step) extent {
	first, last := steps[0].node, steps[len(steps)-1].node
	e := extent{byteOffset(c.src, first.Location().From), byteOffset(c.src, last.Location().To)}
	if _, quoted := first.(*ast.StringNode); quoted {
		e.from = strings.LastIndex(c.src[:e.from], "$env")
	}
	if _, quoted := last.(*ast.StringNode); quoted && e.to < len(c.src) && c.src[e.to] == ']' {
		e.to++
	}
	return e
}

// pathOf is the path that node writes, or nothing where it is something else.
func (c *checker) pathOf(node ast.Node) []step {
	switch n := node.(type) {
	case *ast.ChainNode:
		return c.pathOf(n.Node)
	case *ast.IdentifierNode:
		if _, isLet := c.lookup(n.Value); isLet || n.Value == "$env" || n.Value == "null" {
			return nil
		}
		return []step{{n.Value, n}}
	case *ast.MemberNode:
		name, literal := n.Property.(*ast.StringNode)
		if !literal {
			return nil
		}
		if root, ok := n.Node.(*ast.IdentifierNode); ok && root.Value == "$env" {
			return []step{{name.Value, n.Property}}
		}
		if base := c.pathOf(n.Node); base != nil {
			return append(base, step{name.Value, n.Property})
		}
	}
	return nil
}

// rootShape is the shape of a name of the record.
func (c *checker) rootShape(s step) *value.Shape {
	record := c.scope.Record
	if !known(record) {
		return nil
	}
	if shape, ok := record.Field(s.name); ok {
		return shape
	}
	candidates := record.Names()
	for name := range c.scope.Locals {
		candidates = append(candidates, name)
	}
	slices.Sort(candidates[len(record.Fields):])
	for _, b := range c.lets {
		candidates = append(candidates, b.name)
	}
	_, isFunction := library()[s.name]
	c.unknownName(record, s, candidates, isFunction)
	return nil
}

// step is the shape of the member name of an object of shape base.
func (c *checker) step(base *value.Shape, name string, node ast.Node) *value.Shape {
	if !known(base) || base.Kind != value.JSON {
		return nil
	}
	if shape, ok := base.Field(name); ok {
		return shape
	}
	if base.Open && len(base.Fields) == 0 {
		return nil // an object of which nothing is declared
	}
	c.unknownName(base, step{name, node}, base.Names(), false)
	return nil
}

// unknownName notes a name that an object does not declare. In a closed object
// it is an error. An open one may well have it, so that it is a warning there,
// unless it is so near to a declared name that it is that name mistyped.
func (c *checker) unknownName(object *value.Shape, s step, candidates []string, isFunction bool) {
	near := diag.Suggest(s.name, candidates)
	severity, hint := diag.Error, ""
	switch {
	case isFunction:
		hint = fmt.Sprintf("%s is a function: %[1]s(…)", s.name)
	case literalWord(s.name) != "":
		hint = "write " + literalWord(s.name)
	case near != "":
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	if object.Open && near == "" {
		severity = diag.Warning
		if hint == "" {
			hint = "it is not declared, so that it may be absent"
		}
	}
	var notes []diag.Note
	if object.Span.File != "" {
		notes = []diag.Note{{Span: object.Span, Message: declaredHere(object.Doc)}}
	}
	c.note(severity, s.node, codeUnknownName, fmt.Sprintf("unknown name %q", s.name), hint, notes...)
}

// literalWord is how a literal is written that somebody wrote in another way.
func literalWord(name string) string {
	for _, word := range []string{"true", "false", "null"} {
		if strings.EqualFold(name, word) {
			return word
		}
	}
	if name == "None" || name == "undefined" {
		return "null"
	}
	return ""
}

// declaredHere is what a note says at the place where an object is declared.
func declaredHere(doc string) string {
	doc = strings.TrimSuffix(strings.TrimSpace(doc), ".")
	if doc == "" || len(doc) > 60 || strings.ContainsAny(doc, ".\n") {
		return "the names it may have are declared here"
	}
	for _, article := range []string{"A ", "An ", "The "} {
		if strings.HasPrefix(doc, article) {
			doc = strings.ToLower(article) + doc[len(article):]
		}
	}
	return fmt.Sprintf("the fields of %s are declared here", doc)
}
