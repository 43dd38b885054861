package expression

// What the law of the checker is tried with: schemas, records that they allow,
// and expressions.

import (
	"fmt"
	"slices"
	"strings"

	"pgregory.net/rapid"
)

// kind is a type of the generated schemas.
type kind int

const (
	aText kind = iota
	aTime
	anEnum
	aWhole
	aNumber
	aBool
	aList
	aRecord
	kinds
)

// prop is a property, or the items of a list.
type prop struct {
	name               string
	kind               kind
	nullable, optional bool
	least              int
	elem               *prop
	fields             []*prop
}

var enumTexts = []string{"registered", "cancelled", "a"}

// drawProp is a property with a name of its own.
func drawProp(t *rapid.T, name string, depth int) *prop {
	last := int(kinds) - 1
	if depth == 0 {
		last = int(aBool)
	}
	p := &prop{name: name, kind: kind(rapid.IntRange(0, last).Draw(t, "kind")), nullable: oneIn(t, 3), optional: oneIn(t, 3)}
	switch p.kind {
	case aList:
		p.elem, p.least = drawProp(t, "", depth-1), rapid.IntRange(0, 1).Draw(t, "least")
	case aRecord:
		p.fields = drawProps(t, depth-1)
	}
	return p
}

func drawProps(t *rapid.T, depth int) []*prop {
	var out []*prop
	for i := range rapid.IntRange(1, 5).Draw(t, "properties") {
		out = append(out, drawProp(t, string(rune('a'+i)), depth))
	}
	return out
}

// oneIn is true once in n times, and less where rapid looks for the smallest.
func oneIn(t *rapid.T, n int) bool { return rapid.IntRange(0, n-1).Draw(t, "one") == n-1 }

// schema is p as JSON Schema.
func (p *prop) schema() map[string]any {
	names := map[kind]string{aText: "string", aTime: "string", anEnum: "string", aWhole: "integer", aNumber: "number", aBool: "boolean", aList: "array", aRecord: "object"}
	s := map[string]any{"type": names[p.kind]}
	if p.nullable && p.kind != aText && p.kind != aRecord {
		s["type"] = []string{names[p.kind], "null"}
	}
	switch p.kind {
	case aTime:
		s["format"] = "date-time"
	case anEnum:
		s["enum"] = []any{enumTexts[0], enumTexts[1], enumTexts[2]}
		if p.nullable {
			s["enum"] = append(s["enum"].([]any), nil)
		}
	case aList:
		s["items"], s["minItems"] = p.elem.schema(), p.least
	case aRecord:
		properties, required := map[string]any{}, []string{}
		for _, f := range p.fields {
			properties[f.name] = f.schema()
			if !f.optional {
				required = append(required, f.name)
			}
		}
		s["properties"], s["required"], s["additionalProperties"] = properties, required, false
	}
	switch {
	case !p.nullable:
		return s
	case p.kind == aText:
		return map[string]any{"oneOf": []any{map[string]any{"type": "null"}, s}}
	case p.kind == aRecord:
		return map[string]any{"anyOf": []any{map[string]any{"$ref": "#/$defs/nothing"}, s}}
	}
	return s
}

// value is something that the schema of p allows.
func (p *prop) value(t *rapid.T) any {
	if p.nullable && oneIn(t, 2) {
		return nil
	}
	switch p.kind {
	case aText:
		return rapid.SampledFrom([]string{"", "a", "b,c", "Zoë", " x "}).Draw(t, "text")
	case aTime:
		return rapid.SampledFrom([]string{"2026-03-01T09:30:00Z", "2026-12-31T23:59:59+08:00"}).Draw(t, "time")
	case anEnum:
		return rapid.SampledFrom(enumTexts).Draw(t, "enum")
	case aWhole:
		return rapid.IntRange(-2, 3).Draw(t, "whole")
	case aNumber:
		return rapid.SampledFrom([]float64{0, 1, -2.5, 24.17}).Draw(t, "number")
	case aBool:
		return rapid.Bool().Draw(t, "bool")
	case aList:
		list := []any{}
		for range rapid.IntRange(p.least, 3).Draw(t, "items") {
			list = append(list, p.elem.value(t))
		}
		return list
	default:
		object := map[string]any{}
		for _, f := range p.fields {
			if !f.optional || oneIn(t, 2) {
				object[f.name] = f.value(t)
			}
		}
		return object
	}
}

// writer writes expressions over a record.
type writer struct {
	t     *rapid.T
	props []readable // what can be read where it stands
	depth int
	lets  int
}

// readable is an expression that reads a property.
type readable struct {
	expr string
	prop *prop
}

// reach are p and what is within it, by how they are read.
func reach(expr string, p *prop) []readable {
	out := []readable{{expr, p}}
	for _, f := range p.fields {
		name := expr + "." + f.name
		switch expr {
		case "":
			name = f.name
		case "#":
			name = "." + f.name
		}
		out = append(out, reach(name, f)...)
	}
	return out
}

func (w *writer) pick(options ...func() string) string {
	return options[rapid.IntRange(0, len(options)-1).Draw(w.t, "which")]()
}

// deeper is a part within a part; at the bottom there are only paths and literals.
func (w *writer) deeper(flat func() string, deep ...func() string) string {
	if w.depth == 0 {
		return flat()
	}
	w.depth--
	defer func() { w.depth++ }()
	return w.pick(append(deep, flat)...)
}

// read is a property of one of those kinds, with or without what stands for null.
func (w *writer) read(literal string, of ...kind) string {
	var found []readable
	for _, n := range w.props {
		if slices.Contains(of, n.prop.kind) || oneIn(w.t, 40) {
			found = append(found, n)
		}
	}
	if len(found) == 0 {
		return literal
	}
	p := rapid.SampledFrom(found).Draw(w.t, "property").expr
	return w.pick(
		func() string { return p },
		func() string { return p },
		func() string { return literal },
		func() string { return "(" + p + " ?? " + literal + ")" },
		func() string { return "(" + p + " != null ? " + p + " : " + literal + ")" },
		func() string { return "(" + p + " == null ? " + literal + " : " + p + ")" },
	)
}

func (w *writer) f(format string, parts ...func() string) func() string {
	return func() string {
		args := make([]any, len(parts))
		for i, p := range parts {
			args[i] = p()
		}
		return fmt.Sprintf(format, args...)
	}
}

// anyPath is any property, as it is.
func (w *writer) anyPath() string {
	if len(w.props) == 0 {
		return "null"
	}
	return rapid.SampledFrom(w.props).Draw(w.t, "path").expr
}

func (w *writer) text() string {
	return w.deeper(func() string { return w.read(`"x"`, aText, aTime, anEnum) },
		w.f("lower(%s)", w.text), w.f("trim(%s)", w.text), w.f("truncate(%s, 3)", w.text), w.f(`replace(%s, "a", "b")`, w.text),
		w.f("(%s + %s)", w.text, w.text), w.f("string(%s)", w.anything), w.f(`join(%s, ",")`, w.list), w.f("%s[0:2]", w.text),
		w.f("(%s ? %s : %s)", w.truth, w.text, w.text), w.f("(%s ?? %s)", w.text, w.text), w.f("(%s)[0]", w.list), w.f("first(%s)", w.list),
		w.f(`answer(%s, "q")`, w.list), w.f(`lookup("t", %s)`, w.text), w.f("email(%s)", w.text), w.f("country(%s)", w.text), w.f("phone(%s)", w.text), w.f(`format(%s, "%%%%Y")`, w.moment),
		w.f(`sha256(%s)`, w.text), w.let(w.text), w.f(`padLeft(%s, 4, "0")`, w.text), w.f("(if %s { %s } else { %s })", w.truth, w.text, w.text),
		w.f(`(%s | upper())`, w.text), w.f("min(%s, %s)", w.text, w.text), w.f("(%s).%s", w.object, w.name))
}

func (w *writer) number() string {
	return w.deeper(func() string { return w.read("2", aWhole, aNumber) },
		w.f("(%s + %s)", w.number, w.number), w.f("(%s - %s)", w.number, w.number), w.f("(%s * %s)", w.number, w.number), w.f("(%s / %s)", w.number, w.number),
		w.f("(%s %% %s)", w.number, w.number), w.f("len(%s)", w.text), w.f("len(%s)", w.list), w.f("len(%s)", w.object), w.f("abs(%s)", w.number),
		w.f("round(%s, 1)", w.number), w.f("max(%s, %s)", w.number, w.number), w.f("integer(%s)", w.number), w.f("decimal(%s)", w.number),
		w.f(`number("12")`), w.f("year(%s)", w.moment), w.f("-(%s)", w.number), w.f("(%s ? %s : %s)", w.truth, w.number, w.number),
		w.f("(%s ?? %s)", w.number, w.number), w.walk("count(%s, %s)", w.truth), w.walk("sum(%s, %s)", w.number), w.walk("findIndex(%s, %s)", w.truth),
		w.f("count(%s)", w.list), w.f("sum(%s)", w.list), w.f("last(%s)", w.list), w.let(w.number), w.f("(%s)[-1]", w.list), w.f("(%s ** 2)", w.number))
}

func (w *writer) truth() string {
	return w.deeper(func() string { return w.read("true", aBool) },
		w.f("%s == null", w.anyPath), w.f("%s != null", w.anyPath), w.f("(%s == %s)", w.anything, w.anything),
		w.f("(%s == %s)", w.text, w.text), w.f("(%s != %s)", w.number, w.number), w.f("(%s < %s)", w.number, w.number), w.f("(%s >= %s)", w.text, w.text),
		w.f("(%s > %s)", w.moment, w.moment), w.f("(%s and %s)", w.truth, w.truth), w.f("(%s and %s)", w.truth, w.truth), w.f("(%s or %s)", w.truth, w.truth),
		w.f("not (%s)", w.truth), w.f("(%s in %s)", w.anything, w.list), w.f(`("a" in %s)`, w.object), w.f(`(%s in ["registered", "a"])`, w.anyPath),
		w.f(`(%s contains %s)`, w.text, w.text), w.f(`(%s matches "a")`, w.text), w.walk("any(%s, %s)", w.truth), w.walk("all(%s, %s)", w.truth),
		w.f("(%s ?? %s)", w.truth, w.truth), w.f("(%s ? %s : %s)", w.truth, w.truth, w.truth), w.f(`((%s ?? "") != "")`, w.anyPath), w.f(`((%s ?? 0) > 0)`, w.anyPath),
		w.f(`(len(%s ?? []) > 0)`, w.anyPath), w.f(`(len(trim(%s ?? "")) > 0)`, w.anyPath), w.f(`(%s != [])`, w.anyPath), w.f(`(%s != "registered")`, w.anyPath), w.let(w.truth))
}

func (w *writer) moment() string {
	return w.deeper(func() string { return "date(" + w.read(`"2026-01-01"`, aTime) + ")" },
		w.f("timestamp(%s)", func() string { return w.read("now()", aTime) }), w.f("now()"), w.f(`in_zone(timestamp(%s), "UTC")`, func() string { return w.read(`"2026-01-01T00:00:00Z"`, aTime) }),
		w.f(`parse_date(%s, "%%%%d/%%%%m/%%%%Y")`, w.text), w.f("(%s ?? %s)", w.moment, w.moment), w.f("min(%s, %s)", w.moment, w.moment), func() string { return w.read("now()", aTime) })
}

func (w *writer) list() string {
	return w.deeper(func() string { return w.read("[]", aList) },
		w.f(`split(%s, ",")`, w.text), w.walk("map(%s, %s)", w.anything), w.walk("map(%s, %s)", w.text), w.walk("filter(%s, %s)", w.truth), w.walk("filter(%s, %s)", w.truth),
		w.walk("sortBy(%s, %s)", w.number), w.f("uniq(%s)", w.list), w.f("compact(%s)", w.list), w.f(`pluck(%s, "a")`, w.list), w.f("[%s, %s]", w.anything, w.anything),
		w.f("[%s]", w.text), w.f("(%s ?? [])", w.list), w.f("%s[1:]", w.list), w.f("1..3"), w.f("(%s ? %s : %s)", w.truth, w.list, w.list), w.let(w.list))
}

func (w *writer) object() string {
	return w.deeper(func() string { return w.read("{}", aRecord) },
		w.walk("find(%s, %s)", w.truth), w.f("(%s)[0]", w.list), w.f("{a: %s, b: %s}", w.text, w.anything), w.walk("groupBy(%s, %s)", w.text), w.f("(%s ?? {})", w.object),
		w.f("(%s ? %s : %s)", w.truth, w.object, w.object))
}

func (w *writer) name() string {
	return string(rune('a' + rapid.IntRange(0, 2).Draw(w.t, "name")))
}

func (w *writer) anything() string {
	return w.pick(w.text, w.number, w.truth, w.moment, w.list, w.object, w.anyPath, func() string { return "null" })
}

// walk is a function that walks a list, with what it does for each item.
func (w *writer) walk(format string, body func() string) func() string {
	return func() string {
		var lists []readable
		for _, n := range w.props {
			if n.prop.kind == aList {
				lists = append(lists, n)
			}
		}
		list, elem := w.list(), (*prop)(nil)
		if len(lists) > 0 && !oneIn(w.t, 4) {
			chosen := rapid.SampledFrom(lists).Draw(w.t, "list")
			list, elem = chosen.expr, chosen.prop.elem
			if oneIn(w.t, 2) {
				list = "(" + list + " ?? [])"
			}
			if oneIn(w.t, 2) {
				list = w.within(elem, func() string { return "filter(" + list + ", " + w.truth() + ")" })
			}
		}
		return w.within(elem, func() string { return fmt.Sprintf(format, list, body()) })
	}
}

// within is write with # as an item like elem; what stands outside is in reach,
// but for what begins with # itself.
func (w *writer) within(elem *prop, write func() string) string {
	before := w.props
	defer func() { w.props = before }()
	w.props = slices.DeleteFunc(slices.Clone(w.props), func(n readable) bool { return strings.HasPrefix(n.expr, "#") || strings.HasPrefix(n.expr, ".") })
	if elem != nil {
		item := reach("#", elem)
		w.props = append(append(w.props, item...), item...)
	}
	return write()
}

// let names a part and uses the name beside the others.
func (w *writer) let(body func() string) func() string {
	return func() string {
		w.lets++
		name := fmt.Sprintf("v%d", w.lets)
		before := w.props
		defer func() { w.props = before }()
		p := rapid.SampledFrom(append([]readable{{"null", &prop{kind: aText}}}, w.props...)).Draw(w.t, "let")
		v := p.expr
		if oneIn(w.t, 3) {
			v, p.prop = w.truth(), &prop{kind: aBool}
		}
		w.props = append(slices.Clone(w.props), readable{name, p.prop})
		return "(let " + name + " = " + v + "; " + body() + ")"
	}
}
