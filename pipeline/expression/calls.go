// calls.go: the checks of function calls: that there is such a function, and
// that it is given what it takes.

package expression

import (
	"fmt"
	"slices"
	"strconv"
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
	right := true
	for i, t := range args {
		right = c.argument(n, n.Arguments[i], f, f.param(i), t) && right
	}
	switch f.Name {
	case "answer":
		c.question(n.Arguments[1], args[0])
	case "min", "max":
		right = right && c.oneClass(n, args)
	case "timestamp":
		right = right && c.hasTime(n, args)
	case "pluck":
		return c.plucked(n, args[0])
	}
	if !right || !c.constant(n, f) {
		return unknown
	}
	return f.typeOf(args)
}

// oneClass reports inputs of which all have to be of one class.
func (c *checker) oneClass(n *ast.CallNode, args []typed) bool {
	first := args[0].class()
	for i, t := range args[1:] {
		class := t.class()
		if class == anything || first == anything {
			continue
		}
		if class != first || class&(class-1) != 0 {
			node := n.Arguments[i+1]
			c.fault(node, codeMismatch, fmt.Sprintf("%s is %s, and the one before it is %s", c.named(node), class, first), c.conversion(node, class, first, ""))
			return false
		}
	}
	return true
}

// plucked is the type of pluck(list, "name").
func (c *checker) plucked(n *ast.CallNode, list typed) typed {
	if list.kind() != value.List {
		return anyList
	}
	elem := list.shape.Elem
	t := listOf(typed{shape: elem})
	t.shape.Least = list.least()
	if isNothing(elem) || classOfShape(elem) != isObject {
		return t // nothing, or not known
	}
	name, literal := n.Arguments[1].(*ast.StringNode)
	if !literal {
		t.shape.Elem = anyMember(elem)
		return t
	}
	shape, ok := c.stepOf(elem, name.Value, name, "")
	if !ok {
		return unknown
	}
	t.shape.Elem = throughNull(typed{shape: elem}, shape).shape
	return t
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

// argument checks one input.
func (c *checker) argument(call, node ast.Node, f *function, p param, t typed) bool {
	fix := fixes{whole: call, signature: f.Signature}
	switch {
	case t.null && p.null:
		return true
	case p.null:
		t = typed{shape: certain(t.shape), words: t.words}
	}
	if !c.needs(node, t, p.want, f.Name, fix) {
		return false
	}
	if p.items != 0 && t.kind() == value.List {
		if class := classOfShape(t.shape.Elem); class != anything && class&^p.items != 0 {
			c.fault(node, codeMismatch, fmt.Sprintf("an item of %s is %s, and %s needs %s in the list", c.named(node), class&^p.items, f.Name, p.items), f.Signature)
			return false
		}
	}
	text, ok := node.(*ast.StringNode)
	if p.literal == nil || !ok {
		return true
	}
	if err := p.literal(text.Value); err != nil {
		c.at(node, codeWrongArguments, err.Error(), "")
		return false
	}
	return true
}

// walker checks a function that walks a list: filter, map, any …
func (c *checker) walker(n *ast.BuiltinNode) typed {
	c.walkers[n] = len(c.walkers) + 1
	f, ok := library()[n.Name]
	if !ok {
		for _, a := range n.Arguments {
			c.item(unknown, n, func() { c.typeOf(a) })
		}
		c.unknownFunction(n, n.Name)
		return unknown
	}
	list := c.typeOf(n.Arguments[0])
	right := c.argument(n, n.Arguments[0], f, f.params[0], list)
	if len(c.items) == maxNesting {
		c.at(n, codeComplex, fmt.Sprintf("more than %d functions walk a list inside each other", maxNesting), "take a part of it into a name under let:")
		return unknown
	}
	elem := unknown
	if right && list.kind() == value.List {
		elem = typed{shape: list.shape.Elem}
	}
	body := elem
	if len(n.Arguments) > 1 {
		c.item(elem, n, func() { body = c.typeOf(n.Arguments[1]) })
	}
	right = c.body(n, f, body) && right
	if len(n.Arguments) > 2 {
		c.argument(n, n.Arguments[2], f, f.params[2], c.typeOf(n.Arguments[2]))
	}
	if !right {
		return unknown
	}
	return c.walkerType(n, list, elem, body)
}

// item is t as # while visit visits.
func (c *checker) item(t typed, of *ast.BuiltinNode, visit func()) {
	c.items = append(c.items, item{t, c.walkers[of]})
	visit()
	c.items = c.items[:len(c.items)-1]
}

// body checks what is worked out for each item.
func (c *checker) body(n *ast.BuiltinNode, f *function, t typed) bool {
	if len(n.Arguments) < 2 {
		if n.Name != "sum" {
			return true
		}
		return c.summed(n.Arguments[0], "an item", fmt.Sprintf("sum(%s, number(#))", c.text(n.Arguments[0])), t)
	}
	node := n.Arguments[1].(*ast.PredicateNode).Node
	switch n.Name {
	case "map":
		return true
	case "sum":
		return c.summed(node, c.named(node), fmt.Sprintf("number(%s)", c.text(node)), t)
	case "sortBy":
		class := t.class()
		if t.null || class == anything || class&ordered == class && class&(class-1) == 0 {
			return true
		}
		c.fault(node, codeMismatch, fmt.Sprintf("sortBy orders numbers, texts, dates or timestamps, and %s is %s", c.named(node), class), f.Signature)
		return false
	case "groupBy":
		return c.needs(node, t, anything, "groupBy", fixes{})
	default:
		return c.needs(node, t, isBool, n.Name, fixes{parentheses: strings.Contains(c.text(node), " ")})
	}
}

// summed checks what sum adds, of which null counts nothing.
func (c *checker) summed(node ast.Node, what, number string, t typed) bool {
	class := t.class()
	if t.null || class == anything || class == isNumeric {
		return true
	}
	hint := ""
	if class == isText {
		hint = "write " + number
	}
	c.fault(node, codeMismatch, fmt.Sprintf("%s is %s, and sum needs numbers", what, class), hint)
	return false
}

// walkerType is the type of what a function that walks a list results in.
func (c *checker) walkerType(n *ast.BuiltinNode, list, elem, body typed) typed {
	switch n.Name {
	case "all", "any", "none", "one":
		return logical
	case "count":
		return integral
	case "findIndex":
		return maybe(integral)
	case "find", "findLast":
		return maybe(typed{shape: c.chosen(n, elem.shape)})
	case "map":
		t := listOf(body)
		if body.null {
			t.shape.Elem = nullable(noItem)
		}
		t.shape.Least = list.least()
		return t
	case "sum":
		return numberOnly(body)
	case "groupBy":
		group := listOf(elem)
		group.shape.Least = 1
		return typed{shape: &value.Shape{Kind: value.JSON, Open: true, Elem: group.shape}}
	case "filter":
		if list.kind() != value.List {
			return anyList
		}
		return listOf(typed{shape: c.chosen(n, list.shape.Elem)})
	default: // sortBy
		if list.kind() == value.List {
			return typed{shape: certain(list.shape)}
		}
		return anyList
	}
}

// chosen is the shape of an item for which the condition of n holds.
func (c *checker) chosen(n *ast.BuiltinNode, elem *value.Shape) *value.Shape {
	if elem == nil || isNothing(elem) {
		return elem
	}
	base := itemKey + strconv.Itoa(c.walkers[n])
	for key, f := range c.factsOf(n.Arguments[1], true).of {
		if rest, ok := strings.CutPrefix(key, base); ok && (rest == "" || rest[0] == 0) {
			elem = narrowMember(elem, strings.Split(rest, "\x00")[1:], f)
		}
	}
	return elem
}

// narrowMember is s with what f says of the member at path.
func narrowMember(s *value.Shape, path []string, f fact) *value.Shape {
	if len(path) == 0 {
		return f.narrow(s)
	}
	member, ok := s.Field(path[0])
	if !ok || member == nil {
		return s
	}
	out := *s
	out.Fields = slices.Clone(s.Fields)
	i := slices.IndexFunc(out.Fields, func(f value.Field) bool { return f.Name == path[0] })
	out.Fields[i].Shape = narrowMember(member, path[1:], f)
	return &out
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
