// lookup.go: tables that the mapping brings along. A table is known when the
// expression is compiled, so that its name is checked there and the compiled
// program holds the table itself.

package expression

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"

	"pipeline/pipeline/diag"
)

// Table is a table by its key. It is not changed while programs use it.
type Table map[string]string

func tableFunctions() []*function {
	return []*function{
		{Function: Function{Name: "lookup", Group: "tables", Signature: "lookup(table, key)",
			Doc:     "What a table of the mapping has for a key. The table is a CSV file that lookups: names, as in lookups: {countries: {path: countries.csv, key: code, value: name}}. Keys are compared to the letter; a key that the table does not have gives null, and so does null.",
			Example: `lookup("countries", "SG")`, Result: `"Singapore"`,
			Tables: map[string]Table{"countries": {"MY": "Malaysia", "SG": "Singapore"}}},
			params: []param{{name: "table", want: isText}, {name: "key", want: isText, null: true}},
			result: maybe(textual)},
	}
}

// table checks the first input of lookup, which is the name of a table and
// never one of the record's.
func (c *checker) table(node ast.Node) typed {
	name, ok := node.(*ast.StringNode)
	if !ok {
		hint := `as in lookup("countries", country)`
		if bare, isName := node.(*ast.IdentifierNode); isName && c.scope.Tables[bare.Value] != nil {
			hint = fmt.Sprintf("write %q", bare.Value)
		}
		c.at(node, codeWrongArguments, "lookup needs the name of a table in quotes", hint)
		return textual
	}
	if _, ok := c.scope.Tables[name.Value]; ok {
		return textual
	}
	tables := slices.Sorted(maps.Keys(c.scope.Tables))
	hint := diag.DidYouMean(name.Value, tables)
	switch {
	case hint != "":
	case len(tables) == 0:
		hint = fmt.Sprintf("name its file in the mapping: lookups: {%s: {path: FILE.csv, key: COLUMN, value: COLUMN}}", name.Value)
	default:
		hint = "the tables are " + strings.Join(tables, ", ")
	}
	c.at(node, codeUnknownTable, fmt.Sprintf("unknown table %q", name.Value), hint)
	return textual
}

// tableCall lowers a call of lookup to one with the table in place of its name.
func (l *lowering) tableCall(n *ast.CallNode) ast.Node {
	at := n.Location()
	table := placed(l, &ast.ConstantNode{Value: l.check.scope.Tables[n.Arguments[0].(*ast.StringNode).Value]}, at)
	return l.callOf("op:lookup", "lookup", at, n.Arguments, table, l.node(n.Arguments[1]))
}

// inTable is what a table has for a key, or null.
func inTable(m *Machine, a []any) (any, error) {
	if a[1] == nil {
		return nil, nil
	}
	key, ok := a[1].(string)
	if !ok {
		return nil, wrong(1, a[1], isText)
	}
	if err := m.read(key); err != nil {
		return nil, err
	}
	found, ok := a[0].(Table)[key]
	if !ok {
		return nil, nil
	}
	return found, m.read(found)
}
