// lists.go: functions of lists, and the documentation of those that walk one
// with an expression about its items, which the VM runs.

package expression

import (
	"strings"

	"github.com/shopspring/decimal"

	"pipeline/pipeline/value"
)

func listFunctions() []*function {
	list := param{name: "list", want: isList}
	maybeList := param{name: "list", want: isList, null: true}
	return []*function{
		{Function: Function{Name: "answer", Group: "lists", Signature: "answer(list, question)",
			Doc: "The answer to a question in a list of {question, answer}, as text. Questions are the same whatever their case, their space and a ?, : or * at their end. " +
				"A number, true or false is its text, a list is joined by a comma and a space. Null where nobody answered, and where the list is null.",
			Example: `answer([{question: "Dietary  requirements:*", answer: ["Vegan", "No nuts"]}], "dietary requirements")`, Result: `"Vegan, No nuts"`},
			params: []param{maybeList, {name: "question", want: isText}}, result: maybe(textual), run: answer},
		{Function: Function{Name: "pluck", Group: "lists", Signature: "pluck(list, name)", Doc: "The member of that name of every object in the list; null where an object has none.",
			Example: `pluck([{id: 1}, {id: 2}], "id")`, Result: `[1,2]`}, params: []param{{name: "list", want: isList, items: isObject}, {name: "name", want: isText}}, result: anyList, run: pluck},
		{Function: Function{Name: "join", Group: "lists", Signature: "join(list, separator)", Doc: "The items as text with the separator between them. Null is left out.",
			Example: `join(["Ada", null, "Lovelace"], " ")`, Result: `"Ada Lovelace"`}, params: []param{list, {name: "separator", want: isText}}, result: textual, run: join},
		{Function: Function{Name: "uniq", Group: "lists", Signature: "uniq(list)", Doc: "The list without the items that it had before.",
			Example: `uniq(["a", "b", "a"])`, Result: `["a","b"]`}, params: []param{list}, infer: sameList, run: uniq},
		{Function: Function{Name: "compact", Group: "lists", Signature: "compact(list)", Doc: "The list without null and without empty text.",
			Example: `compact(["a", null, ""])`, Result: `["a"]`}, params: []param{list}, infer: compactType, run: compact},
		{Function: Function{Name: "first", Group: "lists", Signature: "first(list)", Doc: "The first item. Null of an empty list, and of null.",
			Example: `first([3, 1, 2])`, Result: `3`}, params: []param{maybeList}, infer: endType, run: itemAt(0)},
		{Function: Function{Name: "last", Group: "lists", Signature: "last(list)", Doc: "The last item. Null of an empty list, and of null.",
			Example: `last([3, 1, 2])`, Result: `2`}, params: []param{maybeList}, infer: endType, run: itemAt(-1)},
	}
}

// walkers are what expr's loops run. Their Doc is for what the loops do with
// our lists and conditions.
func walkers() []*function {
	doc := func(name, args, doc, example, result string, optional int, more ...param) *function {
		return &function{Function: Function{Name: name, Group: "lists", Signature: name + "(" + args + ")", Doc: doc, Example: example, Result: result},
			params: append([]param{{name: "list", want: isList}}, more...), optional: optional}
	}
	item := param{name: "expression", want: anything, null: true}
	test := param{name: "condition", want: isBool}
	return []*function{
		doc("filter", "list, condition", "The items for which the condition holds. In it # is the item, .name a member of it, #index its place.", `filter([1, 5, 3], # > 2)`, `[5,3]`, 0, test),
		doc("map", "list, expression", "The result of the expression for every item.", `map([{id: 1}, {id: 2}], .id * 10)`, `[10,20]`, 0, item),
		doc("find", "list, condition", "The first item for which the condition holds, or null.", `find([1, 5, 3], # > 2)`, `5`, 0, test),
		doc("findLast", "list, condition", "The last item for which the condition holds, or null.", `findLast([1, 5, 3], # > 2)`, `3`, 0, test),
		doc("findIndex", "list, condition", "The place, from 0, of the first item for which the condition holds, or null.", `findIndex([1, 5, 3], # > 2)`, `1`, 0, test),
		doc("any", "list, condition", "Whether the condition holds for an item.", `any([1, 5, 3], # > 4)`, `true`, 0, test),
		doc("all", "list, condition", "Whether the condition holds for every item.", `all([1, 5, 3], # > 4)`, `false`, 0, test),
		doc("none", "list, condition", "Whether the condition holds for no item.", `none([1, 5, 3], # > 5)`, `true`, 0, test),
		doc("one", "list, condition", "Whether the condition holds for exactly one item.", `one([1, 5, 3], # > 4)`, `true`, 0, test),
		doc("count", "list[, condition]", "How many items there are, or for how many the condition holds.", `count([1, 5, 3], # > 2)`, `2`, 1, test),
		doc("sum", "list[, expression]", "The sum of the items, or of the expression for every item. Null counts nothing.", `sum([{price: 0.1}, {price: 0.2}], .price)`, `0.3`, 1, item),
		doc("sortBy", `list, expression[, "desc"]`, "The items in the order of the expression, null last. Equal ones keep their order.", `sortBy([{n: 2}, {n: 1}], .n)`, `[{"n":1},{"n":2}]`, 1, item, param{name: "order", want: isText, literal: checkOrder}),
		doc("groupBy", "list, expression", "An object of lists: the items by the text of the expression.", `groupBy([{t: "vip", id: 1}], .t)`, `{"vip":[{"id":1,"t":"vip"}]}`, 0, item),
	}
}

func checkOrder(s string) error {
	if s != "asc" && s != "desc" {
		return because(codeValue, `the order is "asc" or "desc"`)
	}
	return nil
}

func sameList(args []typed) typed {
	if args[0].kind() != value.List {
		return anyList
	}
	shape := *args[0].shape
	shape.Nullable, shape.Least = false, min(shape.Least, 1)
	return typed{shape: &shape}
}

// compactType is the list without null in it.
func compactType(args []typed) typed {
	t := sameList(args)
	shape := *t.shape
	shape.Least = 0
	if shape.Elem != nil && !isNothing(shape.Elem) {
		shape.Elem = certain(shape.Elem)
	}
	return typed{shape: &shape}
}

// endType is the type of the first or the last item.
func endType(args []typed) typed {
	list := args[0]
	switch {
	case list.null || isNothing(list.shape):
		return typed{null: true}
	case list.kind() != value.List:
		return unknown
	case list.least() > 0 && !list.mayBeNull():
		return typed{shape: list.shape.Elem}
	}
	return typed{shape: nullable(list.shape.Elem)}
}

func pluck(m *Machine, a []any) (any, error) {
	items, err := m.items(a[0])
	if err != nil {
		return nil, err
	}
	out := make([]any, len(items))
	for i, item := range items {
		if item == nil {
			continue
		}
		if classOf(item) != isObject {
			return nil, because(codeMismatch, "pluck needs a list of objects, and an item is %s", classOf(item))
		}
		if out[i], err = get(m, []any{item, a[1]}); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func join(m *Machine, a []any) (any, error) {
	items, err := m.items(a[0])
	if err != nil {
		return nil, err
	}
	return m.joined(items, a[1].(string))
}

// joined is the texts of items that are not null.
func (m *Machine) joined(items []any, separator string) (string, error) {
	var b strings.Builder
	written := false
	for _, item := range items {
		if item == nil {
			continue
		}
		s, err := textOf(item)
		if err != nil {
			return "", err
		}
		if err := m.spend(len(s) + len(separator)); err != nil {
			return "", err
		}
		if written {
			b.WriteString(separator)
		}
		b.WriteString(s)
		written = true
	}
	return b.String(), nil
}

func uniq(m *Machine, a []any) (any, error) {
	items, err := m.items(a[0])
	if err != nil {
		return nil, err
	}
	seen := make(map[string]bool, len(items))
	out := []any{}
	for _, item := range items {
		id, err := identityOf(item)
		if err != nil {
			return nil, err
		}
		if err := m.spend(len(id)); err != nil {
			return nil, err
		}
		if !seen[id] {
			seen[id] = true
			out = append(out, item)
		}
	}
	return out, nil
}

// identityOf is the same text for the same value; for a number, however it was
// written.
func identityOf(item any) (string, error) {
	if classOf(item) != isNumeric {
		return string(appendJSON(nil, item)), nil
	}
	x, err := toNumber(item, 0)
	if err != nil {
		return "", err
	}
	if d, ok := x.(decimal.Decimal); ok {
		return d.String(), nil
	}
	return string(appendJSON(nil, x)), nil
}

func compact(m *Machine, a []any) (any, error) {
	items, err := m.items(a[0])
	if err != nil {
		return nil, err
	}
	out := []any{}
	for _, item := range items {
		if item != nil && item != "" {
			out = append(out, item)
		}
	}
	return out, nil
}

func itemAt(i int) func(*Machine, []any) (any, error) {
	return func(m *Machine, a []any) (any, error) {
		if a[0] == nil {
			return nil, nil
		}
		return m.item(a[0], i)
	}
}
