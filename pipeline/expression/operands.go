// operands.go: what operators need on their two sides.

package expression

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"

	"pipeline/pipeline/diag"
	"pipeline/pipeline/value"
)

func (c *checker) unary(n *ast.UnaryNode) typed {
	t := c.typeOf(n.Node)
	if n.Operator == "!" || n.Operator == "not" {
		c.needs(n.Node, t, isBool, "not", fixes{parentheses: true})
		return logical
	}
	if !c.needs(n.Node, t, isNumeric, n.Operator, fixes{parentheses: true}) {
		return unknown
	}
	out := numberOnly(t)
	if out.shape != nil && t.words != nil && n.Operator == "-" {
		out.words = negated(t.words, byteOffset(c.src, n.Location().From))
	}
	return out
}

// negated are literals with a minus before them.
func negated(words *literals, from int) *literals {
	out := &literals{only: words.only}
	for _, w := range words.list {
		switch w.Value.Kind() {
		case value.Integer:
			w.Value = value.Int(-w.Value.Int())
		case value.Float:
			w.Value = value.FloatOf(-w.Value.Float())
		default:
			continue
		}
		w.From = min(w.From, from)
		out.list = append(out.list, w)
	}
	return out
}

func (c *checker) binary(n *ast.BinaryNode) typed {
	left := c.typeOf(n.Left)
	switch n.Operator {
	case "and", "&&", "or", "||":
		return c.junctionOf(n, left)
	case "matches":
		c.needs(n.Left, left, isText, "matches", fixes{parentheses: true})
		c.pattern(n.Right)
		return logical
	}
	right := c.typeOf(n.Right)
	ok := true
	switch n.Operator {
	case "??":
		c.dead(n, left)
	case "==", "!=":
		c.equality(n, left, right)
	case "<", "<=", ">", ">=":
		c.ordering(n, left, right)
	case "+":
		ok = c.plus(n, left, right)
	case "in":
		c.membership(n, left, right)
	case "contains", "startsWith", "endsWith":
		c.textual(n, left, right)
	default: // - * / % ** ^ ..
		beside := fixes{parentheses: true}
		ok = c.needs(n.Left, left, isNumeric, n.Operator, beside)
		ok = c.needs(n.Right, right, isNumeric, n.Operator, beside) && ok
	}
	if !ok {
		return unknown
	}
	return operatorType(n.Operator, left, right)
}

// junctionOf is and, or: the right side is checked with what the left one says.
func (c *checker) junctionOf(n *ast.BinaryNode, left typed) typed {
	beside := fixes{parentheses: true}
	c.needs(n.Left, left, isBool, n.Operator, beside)
	isAnd := n.Operator == "and" || n.Operator == "&&"
	c.assume(n.Left, isAnd, func() {
		c.needs(n.Right, c.typeOf(n.Right), isBool, n.Operator, beside)
	})
	return logical
}

// dead warns of a ?? whose left side is never null.
func (c *checker) dead(n *ast.BinaryNode, left typed) {
	if !left.neverNull() {
		return
	}
	message := fmt.Sprintf("%s is never null, so that %s is never used", c.named(n.Left), c.named(n.Right))
	if r, isPath := c.reads[n.Left]; isPath && !r.Local && len(c.known) == 0 {
		message = fmt.Sprintf("%s is never null, says the schema, so that %s is never used", c.named(n.Left), c.named(n.Right))
	}
	c.say(diag.Warning, n, codeDeadDefault, message, "write "+c.text(n.Left))
}

// plus adds numbers and joins texts.
func (c *checker) plus(n *ast.BinaryNode, left, right typed) bool {
	beside := fixes{parentheses: true}
	want := isText | isNumeric
	switch l, r := left.class(), right.class(); {
	case l == isText:
		want = isText
	case r == isText:
		want = isText
	case l == isNumeric || r == isNumeric:
		want = isNumeric
	case l != anything && l&want == l && r != anything && r&want == r && (l != r || l&(l-1) != 0):
		c.fault(n, codeMismatch, "one side of + may be text while the other is a number", "write string(…) around the one that is not always text")
		return false
	}
	ok := c.needs(n.Left, left, want, "+", beside)
	return c.needs(n.Right, right, want, "+", beside) && ok
}

func (c *checker) textual(n *ast.BinaryNode, left, right typed) {
	beside := fixes{parentheses: true}
	if n.Operator == "contains" && left.class() == isList {
		c.fault(n.Left, codeMismatch, fmt.Sprintf("%s is a list, and contains looks into text", c.named(n.Left)), fmt.Sprintf("write %s in %s", c.text(n.Right), c.text(n.Left)))
		return
	}
	c.needs(n.Left, left, isText, n.Operator, beside)
	c.needs(n.Right, right, isText, n.Operator, beside)
}

// ordering compares two numbers, texts, dates or timestamps.
func (c *checker) ordering(n *ast.BinaryNode, left, right typed) {
	fix := fixes{parentheses: true, whole: n}
	l, r := left.class(), right.class()
	if c.datesApart(n, left, right) {
		return
	}
	want := ordered
	switch {
	case l != anything && l&ordered == l && l&(l-1) == 0:
		want = l
	case r != anything && r&ordered == r && r&(r-1) == 0:
		want = r
	case l != anything && r != anything && l&ordered == l && r&ordered == r:
		c.fault(n, codeMismatch, fmt.Sprintf("%s needs two of one type, and a side may be %s", n.Operator, l|r), "convert them, as in string(…) or number(…)")
		return
	}
	if l == isText && r == isNumeric { // a number is more likely meant
		want = isNumeric
	}
	c.needs(n.Left, left, want, n.Operator, fix)
	c.needs(n.Right, right, want, n.Operator, fix)
}

// datesApart reports a comparison of a date or a timestamp with a text or the
// other, which says at run time that it does not know how.
func (c *checker) datesApart(n *ast.BinaryNode, left, right typed) bool {
	node, t, with := n.Left, left, right.class()
	if left.class()&(isDay|isInstant) == left.class() {
		node, t, with = n.Right, right, left.class()
	}
	class := t.class()
	if class == anything || with == anything || with&(isDay|isInstant) != with || with == class || class&isMoment == 0 {
		return false
	}
	if with == isInstant && class == isDay { // the day of the other is more likely meant
		node, class, with = n.Left, isInstant, isDay
		if right.class() == isInstant {
			node = n.Right
		}
	}
	c.fault(node, codeMismatch, fmt.Sprintf("%s is %s, and is compared with %s", c.named(node), kindOfMoment(t, class), with), c.conversion(node, class, with, ""))
	return true
}

// kindOfMoment is a class as a sentence says it; a text that the schema calls a
// time is one all the same.
func kindOfMoment(t typed, class class) string {
	if class == isText && t.shape != nil && t.shape.Format == "date-time" {
		return "a time written as text"
	}
	return class.String()
}

// equality reports a comparison that always ends the same way.
func (c *checker) equality(n *ast.BinaryNode, left, right typed) {
	if c.datesApart(n, left, right) || left.null || right.null {
		return
	}
	if c.neverEqual(n, left, right) {
		return
	}
	if clash(left.shape, right.shape) {
		c.fault(n, codeMismatch, "a date or a timestamp within these can be compared only with one of its kind", "convert it with date(…), timestamp(…) or string(…)")
		return
	}
	c.unlisted(n.Left, left, right)
	c.unlisted(n.Right, right, left)
}

// neverEqual reports two sides that have no class in common.
func (c *checker) neverEqual(n *ast.BinaryNode, left, right typed) bool {
	l, r := left.class(), right.class()
	if l&r != 0 || left.mayBeNull() && right.mayBeNull() {
		return false
	}
	hint := ""
	switch {
	case l == isText && r&(isNumeric|isBool) == r:
		hint = c.conversion(n.Right, r, isText, "")
	case r == isText && l == isBool:
		hint = fmt.Sprintf("write %s == true", c.text(n.Left))
	case r == isText && l == isNumeric:
		hint = c.conversion(n.Right, r, isNumeric, "")
		if _, literal := n.Right.(*ast.StringNode); !literal {
			hint = c.conversion(n.Left, l, isText, "")
		}
	case l == isList && r&isScalar == r:
		hint = fmt.Sprintf("write %s in %s", c.text(n.Right), c.text(n.Left))
	}
	c.fault(n, codeNeverEqual, fmt.Sprintf("%s is %s and %s is %s: they are never equal", c.named(n.Left), l, c.named(n.Right), r), hint)
	return true
}

const isScalar = isText | isNumeric | isBool | isDay | isInstant

// clash reports whether somewhere within two values a date or a timestamp may
// meet a text or the other.
func clash(a, b *value.Shape) bool {
	if a == nil || b == nil {
		return false
	}
	l, r := classOfShape(a), classOfShape(b)
	switch {
	case l == anything || r == anything:
		return false
	case apart(l, r) || apart(r, l):
		return true
	case a.Kind == value.List && b.Kind == value.List:
		return clash(a.Elem, b.Elem)
	case a.Kind == value.JSON && b.Kind == value.JSON:
		for _, f := range a.Fields {
			if other, ok := b.Field(f.Name); ok && clash(f.Shape, other) {
				return true
			}
		}
	}
	return false
}

// apart reports whether what may be a date or a timestamp meets another moment.
func apart(a, b class) bool {
	return a&isDay != 0 && b&isMoment&^isDay != 0 || a&isInstant != 0 && b&isMoment&^isInstant != 0
}

// unlisted warns of literals that node, which has a list of texts, never is.
func (c *checker) unlisted(node ast.Node, t, other typed) {
	if t.shape == nil || t.shape.Enum == nil || t.words != nil && t.words.only || other.words == nil {
		return
	}
	for _, w := range other.words.list {
		text := w.Value.Text()
		if w.Value.Kind() != value.String || slices.Contains(t.shape.Enum, text) {
			continue
		}
		hint := "it can only be " + strings.Join(t.shape.Enum, ", ")
		if near := diag.Suggest(text, t.shape.Enum); near != "" {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		c.problems = append(c.problems, Problem{Severity: diag.Warning, Code: codeEnumValue, From: w.From, To: w.To,
			Message: fmt.Sprintf("%s is never %q", c.named(node), text), Hint: hint})
	}
}

// membership is item in list, or name in object.
func (c *checker) membership(n *ast.BinaryNode, left, right typed) {
	fix := fixes{parentheses: true}
	if right.class() == isText && left.class()&isText != 0 {
		c.fault(n.Right, codeMismatch, fmt.Sprintf("%s is text, and in looks into a list", c.named(n.Right)), fmt.Sprintf("write %s contains %s", c.text(n.Right), c.text(n.Left)))
		return
	}
	if !c.needs(n.Right, right, isList|isObject, "in", fix) {
		return
	}
	switch right.class() {
	case isObject:
		c.needs(n.Left, left, isText, "in an object", fix)
	case isList:
		c.among(n, left, typed{shape: right.shape.Elem})
	case isList | isObject:
		c.fault(n.Right, codeMismatch, fmt.Sprintf("%s may be a list or an object, and \"in\" looks for an item in the one and for a name in the other", c.named(n.Right)), "")
	}
}

// among is an item that is looked for in a list of elem.
func (c *checker) among(n *ast.BinaryNode, item, elem typed) {
	if isNothing(elem.shape) || item.null {
		return
	}
	l, r := item.class(), elem.class()
	switch {
	case clash(item.shape, elem.shape):
		c.fault(n.Left, codeMismatch, fmt.Sprintf("%s is %s, and is looked for in a list of %s", c.named(n.Left), l, r), c.conversion(n.Left, l, r, ""))
		return
	case l&r == 0 && !(item.mayBeNull() && elem.mayBeNull()):
		c.fault(n, codeNeverEqual, fmt.Sprintf("%s is %s and the items are %s: it is never among them", c.named(n.Left), l, plural(r)), c.conversion(n.Left, l, r, ""))
		return
	}
	if list, ok := n.Right.(*ast.ArrayNode); ok {
		for _, literal := range list.Nodes {
			c.unlisted(n.Left, item, c.types[literal])
		}
	}
}

// plural is what a class is called where there are many.
func plural(c class) string {
	switch c {
	case isText:
		return "texts"
	case isNumeric:
		return "numbers"
	default:
		return strings.TrimPrefix(strings.TrimPrefix(c.String(), "a "), "an ") + " each"
	}
}

// pattern checks the right side of matches. It is a literal, so that it is
// compiled once and never made of a record's text.
func (c *checker) pattern(node ast.Node) {
	c.typeOf(node)
	literal, ok := node.(*ast.StringNode)
	if !ok {
		c.at(node, codeWrongArguments, "the pattern of matches is not a text in quotes", "use contains to look for another value")
		return
	}
	pattern, err := regexp.Compile(literal.Value)
	if err != nil {
		reason := strings.TrimPrefix(err.Error(), "error parsing regexp: ")
		c.at(node, codeWrongArguments, "the pattern of matches is not a regular expression: "+reason, "")
		return
	}
	c.patterns[node] = pattern
}
