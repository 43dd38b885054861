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
	local, isLocal := c.local(root)
	if isLocal {
		c.reads[node] = Read{Path: []string{root.name}, Local: true}
	} else {
		path := make([]string, len(steps))
		for i, s := range steps {
			path[i] = s.name
		}
		c.reads[node] = Read{Path: path}
		shape, ok := c.rootShape(root)
		local = typed{shape: shape}
		if !ok {
			local = typed{unsure: true}
		}
	}
	c.order = append(c.order, node)
	c.steps[node], c.extents[node] = steps, c.extent(steps)
	return c.along(node, steps, local), true
}

// along is the type at the end of a path whose root has the type t.
func (c *checker) along(node ast.Node, steps []step, t typed) typed {
	key := ""
	if len(c.known) > 0 && len(steps) > 1 {
		key = c.keyOf(node)
	}
	for i, s := range steps[1:] {
		if key != "" && t.mayBeNull() {
			t.shape = c.factOf(keyPrefix(key, i+1)).narrow(t.shape)
		}
		shape, ok := c.stepOf(t.shape, s.name, s.node, dotted(steps[:i+1]))
		if !ok {
			return unknown
		}
		t = throughNull(t, shape)
	}
	return t
}

// dotted is a path as an expression writes it.
func dotted(steps []step) string {
	names := make([]string, len(steps))
	for i, s := range steps {
		names[i] = s.name
	}
	return strings.Join(names, ".")
}

// keyPrefix is the key of the first n names of a path.
func keyPrefix(key string, n int) string {
	end := 0
	for range n {
		next := strings.IndexByte(key[end+1:], 0)
		if next < 0 {
			return key
		}
		end += next + 1
	}
	return key[:end]
}

// prefixesOf are the beginnings of a path that is more than a name.
func (c *checker) prefixesOf(node ast.Node) []candidate {
	if found, ok := c.prefixes[node]; ok {
		return found
	}
	steps, key := c.steps[node], c.keyOf(node)
	var found []candidate
	if len(steps) > 1 && key != "" {
		local, isLocal := c.local(steps[0])
		shape := local.shape
		if !isLocal {
			shape, _ = c.scope.Record.Field(steps[0].name)
		}
		for i, s := range steps[1:] {
			found = append(found, candidate{keyPrefix(key, i+1), shape})
			shape, _ = shape.Field(s.name)
		}
	}
	c.prefixes[node] = found
	return found
}

// local is a name from let:, which in quotes is always the record's.
func (c *checker) local(root step) (typed, bool) {
	shape, ok := c.scope.Locals[root.name]
	if _, quoted := root.node.(*ast.StringNode); !ok || quoted {
		return unknown, false
	}
	if p := c.scope.Lets[root.name]; p != nil {
		return p.result, true
	}
	return typed{shape: shape}, true
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

// rootShape is the shape of a name of the record; not ok where it is told that
// there is none.
func (c *checker) rootShape(s step) (shape *value.Shape, ok bool) {
	record := c.scope.Record
	if !known(record) {
		if shape, ok := record.Field(s.name); ok { // the elements of each:
			return shape, true
		}
		return nil, true
	}
	if shape, ok := record.Member(s.name); ok {
		return shape, true
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
	return nil, false
}

// stepOf is the shape of the member name of base; not ok where it is told that
// there is none. of is what has that shape, as it is written.
func (c *checker) stepOf(base *value.Shape, name string, node ast.Node, of string) (*value.Shape, bool) {
	if class := classOfShape(base); class != anything && class != isObject {
		c.notObject(base, name, node, of)
		return nil, false
	}
	switch {
	case isNothing(base):
		return noItem, true
	case !known(base):
		return nil, true
	}
	if shape, ok := base.Member(name); ok {
		return shape, true
	}
	switch {
	case base.Elem != nil:
		return nullable(base.Elem), true
	case base.Open && len(base.Fields) == 0:
		return nil, true // an object of which nothing is declared
	}
	if !base.Open && base.Span.File == "" && len(base.Fields) == 0 {
		return nullable(noItem), true // {}, which stands for nothing
	}
	c.unknownName(base, step{name, node}, base.Names(), false)
	return nil, false
}

// notObject says that a member is read from what has none.
func (c *checker) notObject(base *value.Shape, name string, node ast.Node, of string) {
	class, hint := classOfShape(base), ""
	if class == isList {
		first := of
		if strings.Contains(of, " ") {
			first = "(" + of + ")"
		}
		hint = fmt.Sprintf("write map(%s, .%s) for all of them, or %s[0].%[2]s for the first", of, name, first)
	}
	c.at(node, codeMismatch, fmt.Sprintf("%q is read from %s, and only an object has names", name, class), hint)
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
