package expression

// written.go: what an expression holds a record against, for those who make
// records up that have to go the same way through it.

import (
	"slices"

	"github.com/expr-lang/expr/ast"
)

// Texts are the texts that the program writes, each once, names of members and
// of tables among them.
func (p *Program) Texts() []string {
	var out []string
	p.walk(func(node ast.Node) {
		if n, ok := node.(*ast.StringNode); ok && !slices.Contains(out, n.Value) {
			out = append(out, n.Value)
		}
	})
	return out
}

// listed are the functions whose inputs are words of a list that they know.
var listed = []string{"country", "lookup"}

// Listed are the reads within the inputs of functions that know a list of words,
// such as country: a value that is not on the list is an error, or null.
func (p *Program) Listed() []Read {
	var out []Read
	p.walk(func(node ast.Node) {
		call, ok := node.(*ast.CallNode)
		if !ok {
			return
		}
		if callee, ok := call.Callee.(*ast.IdentifierNode); !ok || !slices.Contains(listed, callee.Value) {
			return
		}
		for _, argument := range call.Arguments {
			out = append(out, p.readsIn(argument)...)
		}
	})
	return out
}

// readsIn are the reads of the program that stand in node.
func (p *Program) readsIn(node ast.Node) []Read {
	var out []Read
	var paths checker // of one that knows no names
	ast.Walk(&node, visitor(func(n *ast.Node) {
		var path []string
		for _, s := range paths.pathOf(*n) {
			path = append(path, s.name)
		}
		for _, r := range p.reads {
			if slices.Equal(r.Path, path) {
				out = append(out, r)
			}
		}
	}))
	return out
}

// walk visits each part of the source.
func (p *Program) walk(visit func(ast.Node)) {
	tree, problem := parse(p.source)
	if problem != nil {
		return // it was compiled
	}
	ast.Walk(&tree, visitor(func(n *ast.Node) { visit(*n) }))
}

// Calls reports whether the program calls the function of that name.
func (p *Program) Calls(function string) bool {
	found := false
	p.walk(func(node ast.Node) {
		if call, ok := node.(*ast.CallNode); ok {
			callee, ok := call.Callee.(*ast.IdentifierNode)
			found = found || ok && callee.Value == function
		}
	})
	return found
}
