package pipeline

// Expressions and the columns they make: names against the source's schema,
// types against the target's.

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"pipeline/pipeline/diag"
	"pipeline/pipeline/expression"
	"pipeline/pipeline/internal/jsonrow"
	"pipeline/pipeline/schema"
	"pipeline/pipeline/value"
)

// expressions compiles each:, let:, where: and fields:, in this order: each may
// use what stands above it.
func (c *compiler) expressions() {
	for _, d := range c.m.Each {
		s := c.step(d.Value)
		c.plan.each = append(c.plan.each, eachStep{step: s, name: d.Name.Value})
		c.each = append(c.each, paths{})
		c.elementName(d.Name.Value, s.program)
	}
	c.scope.Locals = map[string]*value.Shape{}
	for _, d := range c.m.Let {
		s := c.step(d.Value)
		c.plan.lets = append(c.plan.lets, letStep{step: s, name: d.Name.Value})
		shape := &value.Shape{Nullable: true}
		if s.program != nil {
			shape.Kind = s.program.Type().Kind
		}
		c.scope.Locals[d.Name.Value] = shape
	}
	if !c.m.Where.Missing() {
		s := c.step(c.m.Where)
		c.plan.where = &s
		if program := s.program; program != nil && program.Type().Known() && program.Type().Kind != value.Boolean {
			c.err("where-type", c.m.Where.Span(), fmt.Sprintf("where gives %s, and has to say true or false", article(program.Type())), `compare it, as in status != "cancelled"`)
		}
	}
	for _, d := range c.m.Fields {
		c.plan.fields = append(c.plan.fields, c.field(d))
	}
}

func (c *compiler) field(d FieldDecl) fieldStep {
	f := fieldStep{step: c.step(d.Value), name: d.Name.Value, nameAt: d.Name.Span()}
	f.declared = c.typeOf(d.Type)
	f.required = c.boolean(d.Required)
	if d.Timezone.Missing() {
		return f
	}
	name := c.expand(d.Timezone)
	zone, err := time.LoadLocation(name)
	switch {
	case err != nil || name == "Local" || name == "":
		c.err("unknown-timezone", d.Timezone.Span(), fmt.Sprintf("unknown time zone %q", d.Timezone.Value), "write an IANA name such as Asia/Singapore, Europe/Berlin or UTC")
	case f.declared.Kind != value.Date:
		c.err("unused-timezone", d.Timezone.Span(), "timezone says when a day begins, and this field is no date", "add type: date, or remove timezone")
	default:
		f.zone = zone
	}
	return f
}

// step compiles one expression and turns the places of its problems into places
// of the file. It has no program where there are errors.
func (c *compiler) step(t Text) step {
	if t.Missing() {
		return step{} // reported by Parse
	}
	if strings.Contains(t.Value, "${") {
		c.err("variable-in-expression", t.Span(), "expressions cannot see the environment", "${…} works in options and paths; write the value here")
		return step{}
	}
	s := step{file: filepath.Base(t.file.name), locate: t.file.index().Locate(t.node)}
	program, problems := expression.Compile(t.Value, c.scope)
	c.problems(s.locate, problems)
	if program == nil {
		return s
	}
	s.program = program
	for _, r := range program.Reads() {
		if r.Local {
			continue
		}
		if level := c.level(r.Path[0], len(c.each)); level >= 0 {
			c.each[level].slot(r.Path[1:])
		} else {
			c.record.slot(r.Path)
		}
	}
	return s
}

// problems are those of an expression, at their places in the file.
func (c *compiler) problems(at *diag.Locator, problems []expression.Problem) {
	for _, p := range problems {
		c.diags = append(c.diags, diag.Diagnostic{Severity: p.Severity, Code: p.Code, Span: at.Span(p.From, p.To), Message: p.Message, Hint: p.Hint, Notes: p.Notes})
	}
}

// elementName makes the elements of a list a name of the record, which may hide
// one that the record has itself: their paths are read as the record's are.
func (c *compiler) elementName(name string, list *expression.Program) {
	record := value.Shape{Open: true}
	if c.scope.Record != nil {
		record = *c.scope.Record
	}
	element := &value.Shape{}
	if list != nil {
		if s := list.Shape(); s != nil && s.Elem != nil {
			element = s.Elem
		}
	}
	record.Fields = slices.DeleteFunc(slices.Clone(record.Fields), func(f value.Field) bool { return f.Name == name })
	record.Fields = append(record.Fields, value.Field{Name: name, Shape: element})
	c.scope.Record = &record
}

// level is which level of each: has that name, or -1; of two the inner one.
func (c *compiler) level(name string, levels int) int {
	for i := levels - 1; i >= 0; i-- {
		if c.plan.each[i].name == name {
			return i
		}
	}
	return -1
}

// bind gives every expression the slots that it reads, now that all are known.
func (c *compiler) bind() {
	p := c.plan
	p.projection = jsonrow.NewProjection(c.record.list)
	p.slots = len(c.record.list)
	for _, path := range c.record.list {
		p.paths = append(p.paths, strings.Join(path, "."))
	}
	for i := range p.each {
		p.each[i].projection = jsonrow.NewProjection(c.each[i].list)
		p.each[i].from = p.slots
		p.slots += len(c.each[i].list)
		for _, path := range c.each[i].list {
			p.paths = append(p.paths, strings.Join(append([]string{p.each[i].name}, path...), "."))
		}
	}
	for i := range p.lets {
		p.lets[i].slot = p.slots
		p.slots++
	}
	for i := range p.each {
		c.bindStep(&p.each[i].step, i) // it sees the levels above its own
	}
	for i := range p.lets {
		c.bindStep(&p.lets[i].step, len(p.each))
	}
	for i := range p.fields {
		c.bindStep(&p.fields[i].step, len(p.each))
	}
	if p.where != nil {
		c.bindStep(p.where, len(p.each))
		c.early(p.where.program)
	}
}

func (c *compiler) bindStep(s *step, levels int) {
	if s.program == nil {
		return
	}
	for _, r := range s.program.Reads() {
		level := c.level(r.Path[0], levels)
		switch {
		case r.Local:
			s.at = append(s.at, c.plan.lets[c.let(r.Path[0])].slot)
		case level >= 0:
			s.at = append(s.at, c.plan.each[level].from+c.each[level].slot(r.Path[1:]))
		default:
			s.at = append(s.at, c.record.slot(r.Path))
		}
	}
}

func (c *compiler) let(name string) int {
	return slices.IndexFunc(c.plan.lets, func(l letStep) bool { return l.name == name })
}

// early marks the names of let: that an expression needs, and those that they
// need in turn.
func (c *compiler) early(program *expression.Program) {
	if program == nil {
		return
	}
	for _, r := range program.Reads() {
		if r.Local {
			l := &c.plan.lets[c.let(r.Path[0])]
			l.early = true
			c.early(l.program)
		}
	}
}

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
	col := Column{Name: f.name, Type: f.declared, Nullable: !f.required, Description: c.expand(d.Description)}
	gives := f.declared
	if !gives.Known() && f.program != nil {
		gives = f.program.Type()
	}
	if target == nil {
		col.Type = gives
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
	col.Description = cmp.Or(col.Description, want.Description)
	if gives.Known() && want.Type.Known() && !fits(gives, want.Type) {
		at, hint := d.Value.Span(), fmt.Sprintf("convert it: {value: …, type: %s}", want.Type)
		if f.declared.Known() {
			at, hint = d.Type.Span(), fmt.Sprintf("write type: %s, or change the schema", want.Type)
		}
		c.err("target-type", at, fmt.Sprintf("%s gives %s, the target wants %s", f.name, article(gives), article(want.Type)), hint,
			diag.Note{Span: want.Span, Message: "the target's field is declared here"})
	}
	return col
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
	default:
		return "a " + t.String()
	}
}
