package pipeline

// The columns that the expressions make, against the schema of the rows.

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"pipeline/pipeline/diag"
	"pipeline/pipeline/expression"
	"pipeline/pipeline/schema"
	"pipeline/pipeline/value"
)

// target holds the columns against the schema of the rows.
func (c *compiler) target() {
	var target *schema.Schema
	if path := c.expand(c.m.Schema); path != "" {
		if name, src, ok := c.open(c.m.Schema, path); ok {
			s, diags := schema.Compile(name, src, c.setup.Files.Open)
			c.diags = append(c.diags, diags...)
			if !diags.HasErrors() {
				target = s
			}
		}
	}
	for i, d := range c.m.Fields {
		c.plan.columns = append(c.plan.columns, c.columnOf(d, c.plan.fields[i], target))
	}
	if target == nil {
		return
	}
	names := c.fieldNames()
	c.plan.check, c.plan.target = target.Row(names), target
	for _, name := range target.Required() {
		if slices.Contains(names, name) {
			continue
		}
		c.err("unmapped-field", c.m.Schema.Span(), fmt.Sprintf("the target requires %q, and no field makes it", name), fmt.Sprintf("add %s: … to fields", name),
			diag.Note{Span: target.Column(name).Span, Message: "it is declared here"})
	}
}

// columnOf is what is known of a column: its declared type, else the target's,
// else what the expression gives. Certain contradictions are reported.
func (c *compiler) columnOf(d FieldDecl, f fieldStep, target *schema.Schema) Column {
	col := Column{Name: f.name, Type: f.declared, Converted: f.declared.Known(), Nullable: !f.required, Description: c.expand(d.Description)}
	gives := f.declared
	if !gives.Known() && f.program != nil {
		gives = f.program.Type()
	}
	if target == nil {
		col.Type = gives
		if f.program != nil && f.declared.Known() {
			c.literals(f, nil, schema.Column{})
		}
		return col
	}
	want := target.Column(f.name)
	if !want.Known && target.Closed() {
		hint := cmp.Or(diag.DidYouMean(f.name, target.Properties()), "its fields are "+strings.Join(target.Properties(), ", "))
		c.err("forbidden-field", d.Name.Span(), fmt.Sprintf("the target has no field %q and allows no others", f.name), hint,
			diag.Note{Span: target.Span(), Message: "the target's fields are declared here"})
		return col
	}
	if !col.Type.Known() {
		col.Type = want.Type
	}
	col.Nullable = col.Nullable && (want.Nullable || !want.Required)
	col.Optional = col.Nullable && !want.Nullable
	col.Description = cmp.Or(col.Description, want.Description)
	c.against(d, f, target, want)
	return col
}

// against holds what a field gives against what the target's field takes. Only
// the first thing that is wrong with a field is reported.
func (c *compiler) against(d FieldDecl, f fieldStep, target *schema.Schema, want schema.Column) {
	switch {
	case c.misfit(d, f, want):
	case f.program == nil:
	case c.literals(f, target, want):
	case c.nullTarget(d, f, target, want):
	case f.declared.Known():
	default:
		c.enum(d, f, want)
		c.length(d, f, want)
	}
}

// misfit reports a type that the target does not take.
func (c *compiler) misfit(d FieldDecl, f fieldStep, want schema.Column) bool {
	if !want.Type.Known() {
		return false
	}
	if f.declared.Known() {
		if fits(f.declared, want.Type) {
			return false
		}
		c.err("target-type", d.Type.Span(), fmt.Sprintf("%s gives %s, the target wants %s", f.name, article(f.declared), article(want.Type)),
			fmt.Sprintf("write type: %s, or change the schema", want.Type), declaredAt(want))
		return true
	}
	if f.program == nil {
		return false
	}
	for i, gives := range possible(f.program) {
		if !gives.Known() || fits(gives, want.Type) {
			continue
		}
		verb := "gives"
		if i > 0 || len(possible(f.program)) > 1 {
			verb = "may give"
		}
		c.err("target-type", d.Value.Span(), fmt.Sprintf("%s %s %s, the target wants %s", f.name, verb, article(gives), article(want.Type)),
			fmt.Sprintf("convert it: {value: …, type: %s}", want.Type), declaredAt(want))
		return true
	}
	return false
}

// possible are the types that a program may result in.
func possible(p *expression.Program) []value.Type {
	shape := p.Shape()
	if shape == nil || shape.Mixed == nil {
		return []value.Type{p.Type()}
	}
	var types []value.Type
	for _, k := range shape.Mixed {
		types = append(types, value.Type{Kind: k})
	}
	return types
}

func declaredAt(want schema.Column) diag.Note {
	return diag.Note{Span: want.Span, Message: "the target's field is declared here"}
}

// literals reports constants that the field may give and the target does not
// take, at the place where the expression writes them.
func (c *compiler) literals(f fieldStep, target *schema.Schema, want schema.Column) bool {
	wrong := false
	for _, literal := range f.program.Literals() {
		at, v := f.locate.Span(literal.From, literal.To), literal.Value
		if f.declared.Known() {
			converted, err := value.Convert(v, f.declared, f.zone)
			if err != nil {
				_, reason, _ := strings.Cut(err.Error(), ": ")
				c.err("wrong-literal", at, fmt.Sprintf("%s does not become %s: %s", constant(v), article(f.declared), cmp.Or(reason, err.Error())), "")
				wrong = true
				continue
			}
			v = converted
		}
		if target == nil {
			continue
		}
		if broken := target.CheckColumn(f.name, v); broken != nil {
			c.badLiteral(at, v, broken, want)
			wrong = true
		}
	}
	return wrong
}

func (c *compiler) badLiteral(at diag.Span, v value.Value, broken *schema.Violation, want schema.Column) {
	hint := ""
	code := "wrong-literal"
	switch broken.Code {
	case "schema-enum", "schema-const":
		code = "enum-value"
		hint = diag.DidYouMean(v.Text(), want.Enum)
	case "schema-length":
		code = "too-long"
	}
	c.err(code, at, fmt.Sprintf("%s %s", constant(v), broken.Reason), hint, declaredAt(want))
}

// constant is a literal as an expression writes it.
func constant(v value.Value) string {
	text := []rune(string(v.AppendJSON(nil)))
	if len(text) > 40 {
		return string(text[:39]) + "…"
	}
	return string(text)
}

// nullTarget reports a value that may be null where the target needs one.
func (c *compiler) nullTarget(d FieldDecl, f fieldStep, target *schema.Schema, want schema.Column) bool {
	if !f.program.MayBeNull() || f.required || !want.Required || want.Nullable {
		return false
	}
	hint := "write required: true to reject a record without it"
	if instead := defaultFor(f, target, want); instead != "" {
		hint = fmt.Sprintf("write %s ?? %s, or required: true to reject a record without it", grouped(d.Value.Value), instead)
	}
	c.err("null-target", d.Value.Span(), fmt.Sprintf("%s may be null, and the target requires a value", f.name), hint, declaredAt(want))
	return true
}

// defaultFor is what may stand for null in the target, empty where nothing does.
func defaultFor(f fieldStep, target *schema.Schema, want schema.Column) string {
	for _, d := range []struct {
		text string
		v    value.Value
	}{{`""`, value.Text("")}, {"0", value.Int(0)}, {"false", value.Bool(false)}, {"[]", value.ListText("[]")}} {
		gives := f.program.Type()
		if !gives.Known() {
			gives = want.Type
		}
		if fits(value.Type{Kind: d.v.Kind()}, gives) && gives.Kind != value.JSON && target.CheckColumn(f.name, d.v) == nil {
			return d.text
		}
	}
	return ""
}

// enum reports texts that the source may have and the target does not list. The
// source's list is a claim, so that some are a warning, and all an error.
func (c *compiler) enum(d FieldDecl, f fieldStep, want schema.Column) {
	shape := f.program.Shape()
	if shape == nil || len(shape.Enum) == 0 || len(want.Enum) == 0 {
		return
	}
	var others []string
	for _, text := range shape.Enum {
		if !slices.Contains(want.Enum, text) {
			others = append(others, text)
		}
	}
	switch {
	case len(others) == 0:
	case len(others) == len(shape.Enum):
		c.err("enum-value", d.Value.Span(), fmt.Sprintf("%s is %s, of which the target takes none", f.name, listed(others)), "it takes "+listed(want.Enum), declaredAt(want))
	default:
		c.diags = append(c.diags, diag.Diagnostic{Severity: diag.Warning, Code: "enum-value", Span: d.Value.Span(),
			Message: fmt.Sprintf("%s may be %s, which the target does not take", f.name, listed(others)),
			Hint:    "such a record is rejected; leave it out with where:, or write what the target takes", Notes: []diag.Note{declaredAt(want)}})
	}
}

// listed is texts in quotes as a sentence lists them, not more than a few.
func listed(texts []string) string {
	var quoted []string
	for i, t := range texts {
		if i == 5 {
			quoted = append(quoted, "…")
			break
		}
		quoted = append(quoted, fmt.Sprintf("%q", t))
	}
	return strings.Join(quoted, ", ")
}

// length reports a text that is always longer than the target takes.
func (c *compiler) length(d FieldDecl, f fieldStep, want schema.Column) {
	shape := f.program.Shape()
	if shape == nil || shape.Kind != value.String || want.MaxLength == 0 || shape.Least <= want.MaxLength {
		return
	}
	c.err("too-long", d.Value.Span(), fmt.Sprintf("%s has at least %d characters, and the target takes %d", f.name, shape.Least, want.MaxLength),
		fmt.Sprintf("write truncate(…, %d), or change the schema", want.MaxLength), declaredAt(want))
}

// fits reports whether a value of type t can be right where the target wants
// type want. In JSON Schema a decimal is a number, and a date is text of a
// format, which text can have as well.
func fits(t, want value.Type) bool {
	switch want.Kind {
	case value.JSON:
		return true
	case value.Float, value.Decimal, value.Number:
		return t.Kind == value.Integer || t.Kind == value.Float || t.Kind == value.Number || t.Kind == value.Decimal
	case value.Integer: // 2.0 is an integer in JSON Schema
		return t.Kind == value.Integer || t.Kind == value.Float || t.Kind == value.Number || t.Kind == value.Decimal && t.Scale == 0
	case value.String:
		return t.Kind == value.String || t.Kind == value.Date || t.Kind == value.Timestamp
	case value.Date, value.Timestamp:
		return t.Kind == want.Kind || t.Kind == value.String
	case value.List:
		return t.Kind == value.List && (t.Elem == nil || want.Elem == nil || !t.Elem.Known() || !want.Elem.Known() || fits(*t.Elem, *want.Elem))
	default:
		return t.Kind == want.Kind
	}
}

// article is a type as a sentence says it.
func article(t value.Type) string {
	switch t.Kind {
	case value.Boolean:
		return "true or false"
	case value.String:
		return "text"
	case value.Integer:
		return "an integer"
	case value.JSON:
		return "an object"
	default:
		return "a " + t.String()
	}
}
