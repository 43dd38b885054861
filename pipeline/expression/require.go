// require.go: a part has to be of a certain type and not null, and what to write
// where it is not.

package expression

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/expr-lang/expr/ast"

	"pipeline/pipeline/diag"
	"pipeline/pipeline/value"
)

// fixes are how the mending of a part is written.
type fixes struct {
	parentheses bool     // it stands beside an operator
	whole       ast.Node // the call or comparison that it stands in
	signature   string   // where nothing better can be offered
}

// needs reports node where it is not of class want, or may be null. who needs it
// is an operator or a function.
func (c *checker) needs(node ast.Node, t typed, want class, who string, fix fixes) bool {
	class, who := t.class(), quotedWord(who)
	if t.kind() == value.String && t.shape.Format == "date-time" && want == isNumeric {
		fix.signature = fmt.Sprintf("year(%s), month(…) and day(…) give numbers", c.text(node))
		c.fault(node, codeMismatch, fmt.Sprintf("%s is a time written as text, and %s needs a number", c.named(node), who), fix.signature)
		return false
	}
	switch {
	case t.null:
		c.fault(node, codeNullValue, fmt.Sprintf("%s needs %s, and this is null", who, want), fix.signature)
		return false
	case class == anything:
	case class&want == 0:
		c.fault(node, codeMismatch, fmt.Sprintf("%s is %s, and %s needs %s", c.named(node), class, who, want), c.conversion(node, class, want, fix.signature))
		return false
	case class&^want != 0:
		c.fault(node, codeMismatch, fmt.Sprintf("%s may be %s, and %s needs %s", c.named(node), class&^want, who, want), c.conversion(node, class&^want, want, fix.signature))
		return false
	}
	return c.there(node, t, want, who, fix)
}

// quotedWord is an operator that is a word in quotes, so that a sentence with
// it can be read.
func quotedWord(who string) string {
	switch who {
	case "and", "or", "not", "in", "contains", "startsWith", "endsWith", "matches":
		return strconv.Quote(who)
	}
	return who
}

// there reports node where it may be null.
func (c *checker) there(node ast.Node, t typed, want class, who string, fix fixes) bool {
	if !t.mayBeNull() || c.scope.NullIsReject {
		return true
	}
	c.fault(node, codeNullValue, fmt.Sprintf("%s may be null, and %s needs %s", c.named(node), who, want), c.otherwise(node, t, want, fix))
	return false
}

// otherwise is what to write for a part that may be null.
func (c *checker) otherwise(node ast.Node, t typed, want class, fix fixes) string {
	text := c.text(node)
	nothing := map[class]string{isText: `""`, isNumeric: "0", isBool: "false", isList: "[]", isObject: "{}"}
	instead := nothing[t.class()&want]
	switch {
	case want == anything:
		instead = `""`
	case instead == "" && t.class() == anything:
		instead = nothing[want]
	case want&(isDay|isInstant) != 0 && want&isNumeric == 0:
		instead = "" // the empty text is no date
	}
	if instead == "" {
		return c.asked(text, fix)
	}
	if strings.Contains(text, " ") && !isCall(node) {
		text = "(" + text + ")"
	}
	if fix.parentheses {
		return fmt.Sprintf("write (%s ?? %s)", text, instead)
	}
	return fmt.Sprintf("write %s ?? %s", text, instead)
}

// asked is how to ask for null first, where nothing can stand for it.
func (c *checker) asked(text string, fix fixes) string {
	if fix.whole == nil {
		return fmt.Sprintf("say what null means: %s != null ? … : …", text)
	}
	whole := c.text(fix.whole)
	if t := operatorOf(fix.whole); t == logical {
		return fmt.Sprintf("write %s != null and %s", text, whole)
	}
	return fmt.Sprintf(`say what null means: %s != null ? %s : ""`, text, whole)
}

// operatorOf is the type of the operator at node.
func operatorOf(node ast.Node) typed {
	if n, ok := node.(*ast.BinaryNode); ok {
		return operatorType(n.Operator, unknown, unknown)
	}
	return unknown
}

// isCall reports whether node ends with a bracket of its own.
func isCall(node ast.Node) bool {
	switch node.(type) {
	case *ast.CallNode, *ast.BuiltinNode, *ast.StringNode, *ast.ArrayNode, *ast.MemberNode, *ast.ChainNode:
		return true
	}
	return false
}

// conversion is what makes a value of class got one of class want.
func (c *checker) conversion(node ast.Node, got, want class, signature string) string {
	text := c.text(node)
	const scalar = isNumeric | isBool | isDay | isInstant
	switch {
	case want == isText && got&scalar != 0:
		if c.types[node].mayBeNull() {
			text += ` ?? ""`
		}
		return fmt.Sprintf("write %s", asText(node, text))
	case want&isText != 0 && got == isList:
		return fmt.Sprintf(`write join(%s, ", ")`, text)
	case want == isNumeric && got == isText:
		if n, ok := node.(*ast.StringNode); ok && isJSONNumber(n.Value) {
			return "write " + n.Value
		}
		return fmt.Sprintf("write number(%s)", text)
	case want == isList && got == isText:
		return fmt.Sprintf(`write split(%s, ",")`, text)
	case want == isBool && got == isText:
		return fmt.Sprintf(`compare it, as in %s != ""`, text)
	case want == isBool && got == isNumeric:
		return fmt.Sprintf("compare it, as in %s > 0", text)
	case want == isBool && got == isList:
		return fmt.Sprintf("write len(%s) > 0", text)
	case want == isBool:
		return fmt.Sprintf("compare it, as in %s != null", text)
	case want == isInstant && got&isMoment != 0:
		return fmt.Sprintf("write timestamp(%s)", text)
	case want == isDay && got&isMoment != 0:
		return fmt.Sprintf("write date(%s)", text)
	}
	return signature
}

// asText is a value as text: a number that is written out needs only quotes.
func asText(node ast.Node, text string) string {
	switch node.(type) {
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return strconv.Quote(text)
	}
	return fmt.Sprintf("string(%s)", text)
}

// fault notes an error at all of node.
func (c *checker) fault(node ast.Node, code, message, hint string) {
	c.say(diag.Error, node, code, message, hint)
}

func (c *checker) say(severity diag.Severity, node ast.Node, code, message, hint string) {
	at := c.wholeOf(node)
	c.problems = append(c.problems, Problem{Severity: severity, Code: code, From: at.from, To: at.to, Message: message, Hint: hint})
}

// The longest parts that messages and hints repeat, in characters.
const (
	maxNamed  = 40
	maxQuoted = 80
)

// text is node as it is written, for a hint.
func (c *checker) text(node ast.Node) string {
	text := c.wholeOf(node).in(c.src)
	if utf8.RuneCountInString(text) > maxQuoted || strings.Contains(text, "\n") {
		return "…"
	}
	return text
}

// named is node as the subject of a sentence.
func (c *checker) named(node ast.Node) string {
	text := c.wholeOf(node).in(c.src)
	if utf8.RuneCountInString(text) > maxNamed || strings.Contains(text, "\n") {
		return "this"
	}
	return text
}
