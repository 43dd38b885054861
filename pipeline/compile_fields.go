package pipeline

// Expressions and the columns they make: names against the source's schema,
// types against the target's.

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"pipeline/pipeline/diag"
	"pipeline/pipeline/expression"
	"pipeline/pipeline/internal/jsonrow"
	"pipeline/pipeline/value"
)

// expressions compiles each:, let:, where: and fields:, in this order: each may
// use what stands above it.
func (c *compiler) expressions() {
	for _, d := range c.m.Each {
		s := c.step(d.Value)
		c.elements(d, s.program)
		c.plan.each = append(c.plan.each, eachStep{step: s, name: d.Name.Value})
		c.each = append(c.each, paths{})
		c.elementName(d.Name.Value, s.program)
	}
	c.lets()
	for _, d := range c.m.Fields {
		c.plan.fields = append(c.plan.fields, c.field(d))
	}
}

// elements reports what each: is given that is no list, or may be none.
func (c *compiler) elements(d Named, program *expression.Program) {
	switch {
	case program == nil:
	case program.Type().Known() && program.Type().Kind != value.List:
		c.err("type-mismatch", d.Value.Span(), fmt.Sprintf("each %s is given %s, and makes rows of a list", d.Name.Value, article(program.Type())), "name a list of the record")
	case program.MayBeNull():
		c.err("null-value", d.Value.Span(), fmt.Sprintf("the list of each %s may be null", d.Name.Value),
			fmt.Sprintf("write %s ?? [] for no row, or ?? [{}] for one without it", grouped(d.Value.Value)))
	}
}

// grouped is an expression as the left side of ??.
func grouped(src string) string {
	if strings.ContainsAny(src, " \n") && !strings.HasSuffix(src, ")") {
		return "(" + src + ")"
	}
	return src
}

// lets compiles let: and where:. What where: says holds in the fields, and in
// those names that are worked out after it, because it does not need them:
// these are looked at again when it is known.
func (c *compiler) lets() {
	c.scope.Locals, c.scope.Lets = map[string]*value.Shape{}, map[string]*expression.Program{}
	found := make([]diag.List, len(c.m.Let))
	for i, d := range c.m.Let {
		s, diags := c.apart(d.Value)
		c.plan.lets = append(c.plan.lets, letStep{step: s, name: d.Name.Value})
		found[i] = diags
		c.local(d.Name.Value, s.program)
	}
	if !c.m.Where.Missing() {
		s := c.step(c.m.Where)
		c.plan.where = &s
		c.condition(s.program)
		c.early(s.program)
	}
	for i, d := range c.m.Let {
		if l := &c.plan.lets[i]; !l.early && c.again(l.program, found[i]) {
			l.step, found[i] = c.apart(d.Value)
			c.local(d.Name.Value, l.program)
		}
		c.diags = append(c.diags, found[i]...)
	}
}

// again reports whether a name has more to gain from what where: says.
func (c *compiler) again(program *expression.Program, found diag.List) bool {
	known := len(c.scope.Given) > 0 || c.scope.NullIsReject
	return known && (program == nil || len(found) > 0 || program.MayBeNull())
}

// apart is step, with what it reports kept apart.
func (c *compiler) apart(t Text) (step, diag.List) {
	before := c.diags
	c.diags = nil
	s := c.step(t)
	found := c.diags
	c.diags = before
	return s, found
}

// local makes a name of let: known.
func (c *compiler) local(name string, program *expression.Program) {
	c.scope.Locals[name] = nil
	delete(c.scope.Lets, name)
	if program != nil {
		c.scope.Locals[name] = program.Shape()
		c.scope.Lets[name] = program
	}
}

// condition checks what where: says, and takes it for granted from here on.
func (c *compiler) condition(program *expression.Program) {
	at := c.m.Where.Span()
	switch {
	case program == nil:
		c.scope.NullIsReject = true // nobody knows what it would have kept out
	case program.Type().Known() && program.Type().Kind != value.Boolean:
		c.err("where-type", at, fmt.Sprintf("where gives %s, and has to say true or false", article(program.Type())), `compare it, as in status != "cancelled"`)
	case program.MayBeNull():
		where := grouped(c.m.Where.Value)
		c.err("null-value", at, "where may give null, which is neither true nor false", fmt.Sprintf("write %s ?? false to leave such records out, or ?? true to keep them", where))
	default:
		c.scope.Given = []*expression.Program{program}
	}
}

func (c *compiler) field(d FieldDecl) fieldStep {
	f := fieldStep{name: d.Name.Value, nameAt: d.Name.Span()}
	f.declared = c.typeOf(d.Type)
	f.required = c.boolean(d.Required)
	strict := c.scope
	c.scope.NullIsReject = strict.NullIsReject || f.required
	f.step = c.step(d.Value)
	c.scope = strict
	if d.Timezone.Missing() {
		return f
	}
	zone := c.zone(d.Timezone)
	switch {
	case zone == nil:
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
	element := cmp.Or(elementOf(list), &value.Shape{})
	record.Fields = slices.DeleteFunc(slices.Clone(record.Fields), func(f value.Field) bool { return f.Name == name })
	record.Fields = append(record.Fields, value.Field{Name: name, Shape: element})
	c.scope.Record = &record
}

// elementOf is what is known of the elements of a list; nil where nothing is.
func elementOf(list *expression.Program) *value.Shape {
	if list == nil || list.Shape() == nil {
		return nil
	}
	return list.Shape().Elem
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
	p.projection = jsonrow.NewClaimed(c.record.list, p.record, "")
	p.slots = len(c.record.list)
	for _, path := range c.record.list {
		p.paths = append(p.paths, strings.Join(path, "."))
	}
	for i := range p.each {
		p.each[i].projection = jsonrow.NewClaimed(c.each[i].list, elementOf(p.each[i].program), p.each[i].name)
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
	}
}

func (c *compiler) bindStep(s *step, levels int) {
	if s.program == nil {
		return
	}
	asks := len(s.program.Questions()) > 0
	for _, r := range s.program.Reads() {
		if r.Local {
			s.at = append(s.at, c.plan.lets[c.let(r.Path[0])].slot)
			continue
		}
		projection, from, paths, path := c.plan.projection, 0, &c.record, r.Path
		if level := c.level(r.Path[0], levels); level >= 0 {
			e := &c.plan.each[level]
			projection, from, paths, path = e.projection, e.from, &c.each[level], r.Path[1:]
		}
		slot := paths.slot(path)
		if asks {
			projection.TakeApart(slot)
		}
		s.at = append(s.at, from+slot)
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
