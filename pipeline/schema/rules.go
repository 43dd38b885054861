package schema

import (
	"slices"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"pipeline/pipeline/diag"
	"pipeline/pipeline/value"
)

// rules.go: the rules of a schema one by one, so that tests can tell which of them
// their rows ever came to.

// Rule is one thing that a schema says of a column and that only some values come
// to: a value that it lists, null where that may be, a format, a pattern or a bound.
// Types and required are not among them: every row comes to those.
type Rule struct {
	Column int
	What   string    // as messages name it: `enum "gold"`, `format email`
	Span   diag.Span // in the schema file

	reached func(v value.Value) bool // v is not null
	null    bool                     // null reaches it, and nothing else does
}

// Reached reports whether v, a value of the rule's column, comes to the rule: it is
// the value listed, or it is of the kind that a format, pattern or bound is about.
func (r *Rule) Reached(v value.Value) bool {
	if v.Kind() == value.JSON {
		if parsed, ok := value.FromJSON(v.Text()); ok {
			v = parsed
		}
	}
	if v.IsNull() || r.null {
		return r.null && v.IsNull()
	}
	return r.reached(v)
}

// Rules are the rules for rows with these columns, in this order.
func (s *Schema) Rules(columns []string) []Rule {
	all := parts(s.root)
	var out []Rule
	for i, name := range columns {
		p := propertyOf(all, name)
		if p.forbidden {
			continue
		}
		from := len(out)
		if acceptsNull(p.schemas) && formOf(parts(p.schemas...)) {
			out = append(out, Rule{What: "null", Span: s.keySpan(p, name), null: true})
		}
		for _, part := range parts(p.schemas...) {
			out = append(out, s.rulesOf(part)...)
		}
		for j := range out[from:] {
			out[from+j].Column = i
		}
	}
	return out
}

// formOf reports whether a schema says what a value is, and so means it where it
// allows null.
func formOf(all []*jsonschema.Schema) bool {
	return slices.ContainsFunc(all, func(s *jsonschema.Schema) bool { return s.Types != nil || s.Enum != nil || s.Const != nil })
}

// rulesOf are the rules of one part of a column's schema.
func (s *Schema) rulesOf(part *jsonschema.Schema) []Rule {
	if part.Bool != nil {
		return nil
	}
	out := s.listed(part)
	n := s.node(part)
	add := func(keyword string, kind types) {
		m := n.member(keyword)
		if m == nil {
			return
		}
		what := keyword
		if m.value.kind == '"' || m.value.kind == '0' {
			what += " " + diag.Crop(m.value.text, 40)
		}
		out = append(out, Rule{What: what, Span: m.key, reached: func(v value.Value) bool { return typeOfValue(v)&kind != 0 }})
	}
	for _, keyword := range []string{"format", "pattern", "minLength", "maxLength"} {
		add(keyword, text)
	}
	for _, keyword := range []string{"minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum", "multipleOf"} {
		add(keyword, number)
	}
	for _, keyword := range []string{"items", "prefixItems", "contains", "minItems", "maxItems", "uniqueItems"} {
		add(keyword, array)
	}
	if isComposed(part) {
		for _, keyword := range []string{"anyOf", "oneOf", "not", "if"} {
			add(keyword, anything)
		}
	}
	return out
}

// listed are the values of an enum or a const, a rule each; null is a rule already.
func (s *Schema) listed(part *jsonschema.Schema) []Rule {
	var values []any
	keyword := "enum"
	switch {
	case part.Enum != nil:
		values = part.Enum.Values
	case part.Const != nil:
		keyword, values = "const", []any{*part.Const}
	}
	var out []Rule
	n := s.node(part).get(keyword)
	for i, v := range values {
		if v == nil {
			continue
		}
		e, words := newEnum([]any{v})
		r := Rule{What: keyword + " " + words[0], reached: e.has}
		if n != nil {
			r.Span = n.span
			if keyword == "enum" && i < len(n.items) {
				r.Span = n.items[i].span
			}
		}
		out = append(out, r)
	}
	return slices.CompactFunc(out, func(a, b Rule) bool { return a.What == b.What })
}
