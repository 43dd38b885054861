// calls.go: the checks of function calls: that there is such a function, and
// that it is given what it takes.

package expression

import (
	"fmt"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"

	"pipeline/pipeline/diag"
	"pipeline/pipeline/value"
)

// call checks a call of a function of the library.
func (c *checker) call(n *ast.CallNode) typed {
	callee, ok := n.Callee.(*ast.IdentifierNode)
	if !ok {
		return c.method(n)
	}
	args := make([]typed, len(n.Arguments))
	for i, a := range n.Arguments {
		if i == 0 && callee.Value == "lookup" {
			args[i] = c.table(a)
			continue
		}
		args[i] = c.typeOf(a)
	}
	f, ok := library()[callee.Value]
	if !ok {
		c.unknownFunction(n, callee.Value)
		return unknown
	}
	if !c.arity(n, f, len(args)) {
		return unknown
	}
	for i, t := range args {
		c.argument(n.Arguments[i], f, f.param(i), t)
	}
	if f.Name == "answer" {
		c.question(n.Arguments[1], args[0])
	}
	return f.typeOf(args)
}

// question remembers a question that is asked by its text, and reports one that
// the form does not have where the schema lists all it has.
func (c *checker) question(node ast.Node, list typed) {
	asked, ok := node.(*ast.StringNode)
	if !ok {
		return
	}
	c.questions = append(c.questions, asked.Value)
	if list.shape == nil || list.shape.Elem == nil {
		return
	}
	shape, ok := list.shape.Elem.Field("question")
	if !ok || len(shape.Enum) == 0 {
		return
	}
	c.form = shape.Enum
	for _, known := range shape.Enum {
		if sameQuestion(known, asked.Value) {
			return
		}
	}
	hint := "the form asks: " + strings.Join(shape.Enum, "; ")
	if near := diag.Suggest(asked.Value, shape.Enum); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	c.at(node, codeUnknownQuestion, fmt.Sprintf("the form does not ask %q", asked.Value), hint)
}

// method refuses a.f(b): values have no methods.
func (c *checker) method(n *ast.CallNode) typed {
	for _, a := range n.Arguments {
		c.typeOf(a)
	}
	hint := ""
	if m, ok := n.Callee.(*ast.MemberNode); ok {
		c.typeOf(m.Node)
		if name, ok := m.Property.(*ast.StringNode); ok {
			hint = fmt.Sprintf("write %s(…) with the value inside", name.Value)
		}
	}
	c.at(n, codeUnknownFunction, "a value has no functions of its own", hint)
	return unknown
}

// elsewhere is what people who know another language look for here.
var elsewhere = map[string]string{
	"concat": "write a + b", "coalesce": "write a ?? b", "ifnull": "write a ?? b", "if": "write condition ? a : b",
	"iif": "write condition ? a : b", "int": "use integer", "float": "use number", "double": "use number",
	"bigdecimal": "use decimal", "str": "use string", "tostring": "use string", "text": "use string", "length": "use len",
	"size": "use len", "strip": "use trim", "substring": "write s[0:3]", "substr": "write s[0:3]", "left": "write s[:3]",
	"touppercase": "use upper", "tolowercase": "use lower", "toupper": "use upper", "tolower": "use lower",
	"lowercase": "use lower", "uppercase": "use upper", "capitalize": "use title", "contains": "write a contains b",
	"startswith": "write a startsWith b", "endswith": "write a endsWith b", "matches": `write a matches "pattern"`,
	"indexof": "use contains, or split", "get": `write a["name"]`, "today": "use date(now())", "unique": "use uniq", "distinct": "use uniq",
	"average": "write sum(list) / len(list)", "mean": "write sum(list) / len(list)", "reduce": "use sum, join, count or groupBy",
	"findlastindex": "use findLast", "padstart": "use padLeft", "strftime": "use format", "todate": "use date",
	"datetime": "use timestamp", "isnull": "write a == null", "sort": "use sortBy(list, #)", "md5": "use sha256",
}

func (c *checker) unknownFunction(node ast.Node, name string) {
	hint := elsewhere[strings.ToLower(name)]
	if near := diag.Suggest(name, functionNames()); hint == "" && near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	if hint == "" {
		hint = "`pipeline functions` lists what there is"
	}
	c.at(node, codeUnknownFunction, fmt.Sprintf("unknown function %q", name), hint)
}

// arity checks the number of inputs.
func (c *checker) arity(node ast.Node, f *function, n int) bool {
	least := len(f.params) - f.optional
	if n >= least && (n <= len(f.params) || f.variadic) {
		return true
	}
	wanted := counted(least, "input")
	switch {
	case f.variadic:
		wanted = "at least " + wanted
	case f.optional > 0:
		wanted = fmt.Sprintf("%d or %s", least, counted(len(f.params), "input"))
	}
	c.at(node, codeWrongArguments, fmt.Sprintf("%s takes %s, and is given %d", f.Name, wanted, n), f.Signature)
	return false
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// argument checks one input as far as it is certain: what a schema says of the
// record is not, and neither is what is not known.
func (c *checker) argument(node ast.Node, f *function, p param, t typed) {
	switch {
	case t.null && !p.null:
		c.at(node, codeWrongArguments, fmt.Sprintf("%s needs %s, and this is null", f.Name, p.want), f.Signature)
	case t.claimed || !known(t.shape):
	case p.want&classOfKind(t.kind()) == 0:
		c.at(node, codeWrongArguments, fmt.Sprintf("%s needs %s, and this is %s", f.Name, p.want, classOfKind(t.kind())), f.Signature)
	case p.literal != nil:
		text, ok := node.(*ast.StringNode)
		if !ok {
			return
		}
		if err := p.literal(text.Value); err != nil {
			c.at(node, codeWrongArguments, err.Error(), "")
		}
	}
}

// walker checks a function that walks a list: filter, map, any …
func (c *checker) walker(n *ast.BuiltinNode) typed {
	f, ok := library()[n.Name]
	if !ok {
		for _, a := range n.Arguments {
			c.items = append(c.items, unknown)
			c.typeOf(a)
			c.items = c.items[:len(c.items)-1]
		}
		c.unknownFunction(n, n.Name)
		return unknown
	}
	list := c.typeOf(n.Arguments[0])
	c.argument(n.Arguments[0], f, f.params[0], list)
	if len(c.items) == maxNesting {
		c.at(n, codeComplex, fmt.Sprintf("more than %d functions walk a list inside each other", maxNesting), "take a part of it into a name under let:")
		return unknown
	}
	elem := unknown
	if list.kind() == value.List {
		elem = typed{shape: list.shape.Elem, claimed: true}
	}
	body := elem
	if len(n.Arguments) > 1 {
		c.items = append(c.items, elem)
		body = c.typeOf(n.Arguments[1])
		c.items = c.items[:len(c.items)-1]
	}
	if len(n.Arguments) > 2 {
		c.argument(n.Arguments[2], f, f.params[2], c.typeOf(n.Arguments[2]))
	}
	return walkerType(n.Name, list, elem, body)
}

// walkerType is the type of what a function that walks a list results in.
func walkerType(name string, list, elem, body typed) typed {
	switch name {
	case "all", "any", "none", "one":
		return logical
	case "count":
		return integral
	case "findIndex":
		return typed{shape: integral.shape, claimed: true} // null where none is found
	case "find", "findLast":
		return elem
	case "map":
		return typed{shape: &value.Shape{Kind: value.List, Elem: body.shape}, claimed: body.claimed}
	case "sum":
		return numberOnly(body)
	case "groupBy":
		return anObject
	default:
		if list.kind() == value.List {
			return list
		}
		return anyList
	}
}

// functionNames are the names of all functions, in order.
func functionNames() []string {
	var names []string
	for _, f := range Functions() {
		names = append(names, f.Name)
	}
	slices.Sort(names)
	return names
}
