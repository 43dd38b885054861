// words.go: an expression as a sentence, for documents whose readers write none.

package expression

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/expr-lang/expr/ast"
)

// Words is the expression in English. What cannot be said in few words stands as
// it is written.
func Words(src string) string {
	tree, problem := parse(src)
	if problem != nil {
		return src
	}
	return inWords(tree, "")
}

// comparisons are what stands between the sides of a comparison.
var comparisons = map[string]string{
	"==": "is", "!=": "is not", "<": "is less than", "<=": "is at most", ">": "is more than", ">=": "is at least",
	"in": "is one of", "not in": "is none of", "contains": "contains", "startsWith": "begins with", "endsWith": "ends with", "matches": "matches the pattern",
}

// inWords says a node that stands in an operation by within, such as "and".
func inWords(n ast.Node, within string) string {
	switch n := n.(type) {
	case *ast.ChainNode:
		return inWords(n.Node, within)
	case *ast.StringNode:
		if n.Value == "" {
			return "empty"
		}
	case *ast.UnaryNode:
		if n.Operator == "not" || n.Operator == "!" {
			return "it is not so that " + inWords(n.Node, "not")
		}
	case *ast.ArrayNode:
		var items []string
		for _, item := range n.Nodes {
			items = append(items, inWords(item, ""))
		}
		return strings.Join(items, ", ")
	case *ast.BinaryNode:
		if said := operation(n, within); said != "" {
			return said
		}
	}
	if path := pathWords(n); path != "" {
		return path
	}
	return n.String()
}

// operation says a comparison, a part of a condition or a replacement for null;
// empty for other operators.
func operation(n *ast.BinaryNode, within string) string {
	_, null := n.Right.(*ast.NilNode)
	switch op := n.Operator; {
	case op == "&&" || op == "and" || op == "||" || op == "or":
		op = cmp.Or(map[string]string{"&&": "and", "||": "or"}[op], op)
		said := inWords(n.Left, op) + " " + op + " " + inWords(n.Right, op)
		if within != "" && within != op {
			return "(" + said + ")"
		}
		return said
	case op == "??":
		if text, ok := n.Right.(*ast.StringNode); ok && text.Value == "" {
			return inWords(n.Left, op)
		}
		return fmt.Sprintf("%s (%s where there is none)", inWords(n.Left, op), inWords(n.Right, op))
	case null && op == "==":
		return inWords(n.Left, op) + " is not given"
	case null && op == "!=":
		return inWords(n.Left, op) + " is given"
	case comparisons[op] != "":
		return inWords(n.Left, op) + " " + comparisons[op] + " " + inWords(n.Right, op)
	}
	return ""
}

// pathWords is a path such as ticket.name; empty for anything else.
func pathWords(n ast.Node) string {
	switch n := n.(type) {
	case *ast.IdentifierNode:
		return n.Value
	case *ast.ChainNode:
		return pathWords(n.Node)
	case *ast.MemberNode:
		member, ok := n.Property.(*ast.StringNode)
		if base := pathWords(n.Node); ok && base != "" {
			return base + "." + member.Value
		}
	}
	return ""
}

// HasKey reports whether the expression makes pseudonyms with a key.
func HasKey(src string) bool {
	found := false
	eachKey(src, func(ast.Node) { found = true })
	return found
}

// Shown is the expression without the keys of pseudonyms, so that it can be shown
// to those who are not to know them; with all, without any text.
func Shown(src string, all bool) string {
	hide := map[[2]int]bool{}
	texts := visitor(func(n *ast.Node) {
		if text, ok := (*n).(*ast.StringNode); ok {
			if at := text.Location(); at.To > at.From {
				hide[[2]int{byteOffset(src, at.From), byteOffset(src, at.To)}] = true
			}
		}
	})
	eachKey(src, func(key ast.Node) { ast.Walk(&key, texts) })
	if tree, problem := parse(src); all && problem == nil {
		ast.Walk(&tree, texts)
	}
	places := make([][2]int, 0, len(hide))
	for at := range hide {
		places = append(places, at)
	}
	slices.SortFunc(places, func(a, b [2]int) int { return b[0] - a[0] })
	for _, at := range places {
		src = src[:at[0]] + strconv.Quote("…") + src[at[1]:]
	}
	return src
}

// eachKey calls found with the key of each pseudonym that the expression makes.
func eachKey(src string, found func(ast.Node)) {
	tree, problem := parse(src)
	if problem != nil {
		return
	}
	ast.Walk(&tree, visitor(func(n *ast.Node) {
		call, ok := (*n).(*ast.CallNode)
		if !ok || len(call.Arguments) < 2 {
			return
		}
		if name, ok := call.Callee.(*ast.IdentifierNode); ok && name.Value == "hmac" {
			found(call.Arguments[1])
		}
	}))
}
