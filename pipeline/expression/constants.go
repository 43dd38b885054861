// constants.go: calls that have no result, whatever the record: those of which
// every input is written in the expression, and moments without a time.

package expression

import (
	"errors"
	"fmt"
	"time"

	"github.com/expr-lang/expr/ast"
)

// constant reports a call with literals alone that has no result, such as
// date("2026-02-30"): it would reject every record. It is false where it does.
func (c *checker) constant(n *ast.CallNode, f *function) bool {
	if f.run == nil || len(n.Arguments) == 0 {
		return true
	}
	args := make([]any, len(n.Arguments))
	for i, a := range n.Arguments {
		var ok bool
		if args[i], ok = literal(a); !ok {
			return true
		}
	}
	_, err := c.try(f.call, args)
	var why *fault
	if !errors.As(err, &why) || why.code != codeValue && why.code != codeRange {
		return true
	}
	c.at(n.Arguments[0], codeWrongArguments, f.Name+" has no result here: "+why.Error(), "")
	return false
}

// hasTime reports a timestamp of a day, for which nothing says where it begins.
func (c *checker) hasTime(n *ast.CallNode, args []typed) bool {
	day := args[0]
	if len(args) > 1 || day.class() != isDay && (day.class() != isText || day.shape.Format != "date") {
		return true
	}
	node := n.Arguments[0]
	c.fault(node, codeWrongArguments, c.named(node)+" is a date, and timestamp needs a time with an offset", fmt.Sprintf("say where the day begins: timestamp(%s, \"Asia/Singapore\")", c.text(node)))
	return false
}

// literal is the value that node writes.
func literal(node ast.Node) (any, bool) {
	switch n := node.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.IntegerNode:
		return n.Value, true
	case *ast.FloatNode:
		return n.Value, true
	case *ast.BoolNode:
		return n.Value, true
	}
	return nil, false
}

// try is the result of a function or an operator, of bounded work.
func (c *checker) try(f func(*Machine, []any) (any, error), args []any) (any, error) {
	if c.machine == nil {
		c.machine = NewMachine(time.Time{})
	}
	c.machine.work, c.machine.list = maxSuppose, nil
	return f(c.machine, args)
}
