// suppose_calls.go: what functions result in under a supposition.

package expression

import (
	"errors"

	"github.com/expr-lang/expr/ast"
)

// walker is a function that walks a list, of which only an empty one, or the
// number of its items, says anything.
func (s *supposer) walker(n *ast.BuiltinNode) guess {
	list := s.eval(n.Arguments[0])
	if list.state != sure {
		return list
	}
	var count int
	switch v := list.value.(type) {
	case []any:
		count = len(v)
	case items:
		count = int(v)
	default:
		return isFailing
	}
	switch {
	case n.Name == "count" && len(n.Arguments) == 1:
		return isSure(count)
	case n.Name == "map" || n.Name == "sortBy":
		return isSure(items(count))
	case count > 0:
		return isOpen
	}
	switch n.Name {
	case "any", "one":
		return isSure(false)
	case "all", "none":
		return isSure(true)
	case "count", "sum":
		return isSure(0)
	case "filter":
		return isSure(items(0))
	case "find", "findLast", "findIndex":
		return isSure(nil)
	}
	return isOpen
}

func (s *supposer) call(n *ast.CallNode) guess {
	name, ok := n.Callee.(*ast.IdentifierNode)
	if !ok {
		return isOpen
	}
	f := library()[name.Value]
	if f == nil {
		return isOpen
	}
	args := make([]guess, len(n.Arguments))
	whole := true
	for i, a := range n.Arguments {
		args[i] = s.eval(a)
		switch {
		case args[i].state == failing, args[i].state == sure && args[i].value == nil && !f.param(i).null:
			return isFailing
		case args[i].state == open:
			whole = false
		}
	}
	if len(args) == 0 { // now() is known when the run begins
		return isOpen
	}
	if n, ok := args[0].value.(items); ok && args[0].state == sure {
		return itemsOf(name.Value, n)
	}
	if name.Value == "lookup" && args[1].state == sure && args[1].value == nil {
		return isSure(nil)
	}
	if !whole || f.run == nil {
		return isOpen
	}
	return s.compute(f.call, args)
}

// itemsOf is what a function makes of a list of so many items.
func itemsOf(name string, n items) guess {
	switch {
	case name == "len":
		return isSure(int(n))
	case n > 0:
		return isOpen
	}
	switch name {
	case "first", "last", "answer":
		return isSure(nil)
	case "join":
		return isSure("")
	case "uniq", "compact", "pluck":
		return isSure(items(0))
	}
	return isOpen
}

// run is the operator op of operands that are all known.
func (s *supposer) run(op string, operands ...guess) guess {
	o, ok := operators()[op]
	if !ok {
		return isOpen
	}
	return s.compute(o.run, operands)
}

func (s *supposer) compute(f func(*Machine, []any) (any, error), operands []guess) guess {
	args := make([]any, len(operands))
	for i, g := range operands {
		if g.state != sure {
			return g
		}
		if _, ok := g.value.(items); ok {
			return isOpen
		}
		args[i] = g.value
	}
	v, err := s.check.try(f, args)
	if err != nil {
		var why *fault
		if errors.As(err, &why) && why.code == codeTooMuch {
			return isOpen
		}
		return isFailing
	}
	return isSure(v)
}
