// access.go: what is read out of lists and objects, and what is done with a
// whole list once its items were walked.

package expression

import "slices"

// key is the name of a member of an object that is written as an expression.
func key(_ *Machine, a []any) (any, error) {
	if _, ok := a[0].(string); !ok {
		return nil, wrong(0, a[0], isText)
	}
	return a[0], nil
}

// get is a member of an object or an item of a list; a negative index counts
// from the end. A member or an item that is not there is null, and so is one of
// null.
func get(m *Machine, a []any) (any, error) {
	switch c := classOf(a[0]); {
	case a[0] == nil || a[1] == nil:
		return nil, nil
	case c == isObject:
		name, ok := a[1].(string)
		if !ok {
			return nil, because(codeMismatch, "a member of an object is read by its name, and this is %s", classOf(a[1]))
		}
		if made, ok := a[0].(map[string]any); ok {
			return made[name], nil
		}
		raw := string(a[0].(rawObject))
		if err := m.spend(len(raw)); err != nil {
			return nil, err
		}
		return member(raw, name)
	case c == isList:
		return m.item(a[0], a[1])
	default:
		if name, ok := a[1].(string); ok {
			return nil, because(codeMismatch, "%q is read from %s, and only an object has names", name, c)
		}
		return nil, because(codeMismatch, "an item is read from %s, and only a list has items", c)
	}
}

func (m *Machine) item(list, index any) (any, error) {
	n, err := toNumber(index, 1)
	if err != nil {
		return nil, because(codeMismatch, "an item of a list is read by its number, and this is %s", classOf(index))
	}
	i, ok := asInteger(n)
	if !ok {
		return nil, because(codeValue, "an item of a list is read by an integer")
	}
	items, err := m.items(list)
	if err != nil {
		return nil, err
	}
	if i < 0 {
		i += len(items)
	}
	if i < 0 || i >= len(items) {
		return nil, nil
	}
	return items[i], nil
}

// slice is x[from:to] of a text, in characters, or of a list. Bounds beyond the
// end are the end; negative ones count from it.
func slice(m *Machine, a []any) (any, error) {
	var bounds [2]*int
	for i, b := range a[1:] {
		if b == nil {
			continue
		}
		n, err := toNumber(b, i+1)
		if err != nil {
			return nil, err
		}
		whole, ok := asInteger(n)
		if !ok {
			return nil, because(codeValue, "[a:b] needs integers")
		}
		bounds[i] = &whole
	}
	switch classOf(a[0]) {
	case isText:
		s := a[0].(string)
		return sliceText(s, bounds[0], bounds[1]), m.read(s)
	case isList:
		items, err := m.items(a[0])
		if err != nil {
			return nil, err
		}
		from, to := clamp(bounds[0], bounds[1], len(items))
		return slices.Clip(items[from:to]), nil
	default:
		return nil, wrong(0, a[0], isText|isList)
	}
}

// clamp is the stretch of n things from a to b.
func clamp(a, b *int, n int) (from, to int) {
	from, to = 0, n
	if a != nil {
		from = place(*a, n)
	}
	if b != nil {
		to = place(*b, n)
	}
	return min(from, to), to
}

func place(i, n int) int {
	if i < 0 {
		i += n
	}
	return min(max(i, 0), n)
}

// walk begins to walk a list.
func walk(m *Machine, a []any) (any, error) {
	if classOf(a[0]) != isList {
		return nil, wrong(0, a[0], isList)
	}
	items, err := m.items(a[0])
	if err != nil {
		return nil, err
	}
	return items, m.spend(loopWork + itemWork*len(items))
}

func countItems(_ *Machine, a []any) (any, error) { return len(a[0].([]any)), nil }

// sum adds the items of a list, which are numbers; null counts nothing.
func sum(_ *Machine, a []any) (any, error) {
	var total any = 0
	for _, item := range a[0].([]any) {
		if item == nil {
			continue
		}
		x, err := toNumber(item, 0)
		if err != nil {
			return nil, because(codeMismatch, "sum needs numbers, and an item is %s", classOf(item))
		}
		if total, err = arithmeticOp('+').compute(total, x); err != nil {
			return nil, err
		}
	}
	return total, nil
}

// sortBy orders items by their keys, null last; equal ones keep their order.
func sortBy(_ *Machine, a []any) (any, error) {
	items, keys := a[0].([]any), a[1].([]any)
	sign := 1
	if len(a) > 2 {
		switch a[2] {
		case "asc":
		case "desc":
			sign = -1
		default:
			return nil, because(codeValue, `the order is "asc" or "desc"`)
		}
	}
	places := make([]int, len(items))
	for i := range places {
		places[i] = i
	}
	var failure error
	slices.SortStableFunc(places, func(i, j int) int {
		x, y := keys[i], keys[j]
		if x == nil || y == nil {
			return boolInt(x == nil) - boolInt(y == nil)
		}
		c, err := compare(x, y)
		if err != nil && failure == nil {
			failure = because(codeMismatch, "sortBy cannot order %s and %s", classOf(x), classOf(y))
		}
		return sign * c
	})
	out := make([]any, len(items))
	for i, p := range places {
		out[i] = items[p]
	}
	return out, failure
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// groupBy is an object of lists of items, by the text of their keys.
func groupBy(_ *Machine, a []any) (any, error) {
	items, keys := a[0].([]any), a[1].([]any)
	groups := map[string][]any{}
	for i, k := range keys {
		name, err := textOf(k)
		if err != nil {
			return nil, because(codeNullValue, "groupBy needs a value for each item, and one is null")
		}
		groups[name] = append(groups[name], items[i])
	}
	out := make(map[string]any, len(groups))
	for name, group := range groups {
		out[name] = group
	}
	return out, nil
}
