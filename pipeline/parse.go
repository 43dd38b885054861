package pipeline

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	yaml "go.yaml.in/yaml/v4"

	"pipeline/pipeline/diag"
)

// Parse reads a mapping and reports what is wrong with its form: YAML, unknown
// and missing keys, lists where texts belong. It does no I/O, so that a mapping
// that extends another one is for Load; file is the name that diagnostics carry.
func Parse(file string, src []byte) (*Mapping, diag.List) {
	alone := func(string) ([]byte, error) {
		return nil, errors.New("a mapping that extends another one is read with its file")
	}
	return Load(file, &Files{Read: alone, Seen: diag.Files{file: src}})
}

// parser walks the nodes of a mapping and collects what is wrong with them.
type parser struct {
	origins *origins
	diags   diag.List
	meant   map[string]bool // keys that an unknown one was taken for
}

// The keys a mapping may have; reference.go says what they are.
var (
	mappingKeys = MappingKeys.Names()
	sourceKeys  = SourceKeys.Names()
	fieldKeys   = FieldKeys.Names()
	lookupKeys  = LookupKeys.Names()
	rejectsKeys = RejectsKeys.Names()

	scheduleKeys = ScheduleKeys.Names()
)

func (p *parser) mapping(n *yaml.Node) *Mapping {
	file := p.origins.own.name
	m := &Mapping{File: file, origins: p.origins, at: diag.Span{File: file, Start: diag.Pos{Line: 1, Column: 1}}}
	entries := p.entries(n, "a mapping", mappingKeys)
	p.version(entries["version"], m.at)
	m.Name = p.text(entries["name"], "name")
	m.Description = p.text(entries["description"], "description")
	m.Where = p.expression(entries["where"], "where")
	m.Schema = p.text(entries["schema"], "schema")
	before := len(p.diags)
	m.Source = p.source(entries["source"], m.at)
	m.Source.diags = slices.Clone(p.diags[before:])
	m.Schedule = p.schedule(entries["schedule"])
	for _, e := range p.named(entries["each"], "each", "a name for the elements of a list, such as attendee: attendees ?? []") {
		m.Each = append(m.Each, Named{Name: p.origins.text(e.key), Value: p.expression(e, "each "+e.key.Value)})
	}
	for _, e := range p.named(entries["let"], "let", "names with an expression each, such as full: first_name + last_name") {
		m.Let = append(m.Let, Named{Name: p.origins.text(e.key), Value: p.expression(e, "let "+e.key.Value)})
	}
	for _, t := range p.list(entries["key"], "key", "names of fields, such as [attendee_id]") {
		m.Key = append(m.Key, p.text(entry{key: entries["key"].key, value: t}, "key"))
	}
	for _, e := range p.named(entries["lookups"], "lookups", "tables with a file each, such as countries: {path: countries.csv, key: code, value: name}") {
		m.Lookups = append(m.Lookups, p.lookup(e))
	}
	fields := p.named(entries["fields"], "fields", "columns with an expression each, such as email: lower(email)")
	if len(fields) == 0 && entries["fields"].value == nil {
		p.missing(m.at, "fields", "the columns to make, each with its expression")
	}
	for _, e := range fields {
		m.Fields = append(m.Fields, p.field(e))
	}
	m.Rejects = p.rejects(entries["rejects"])
	m.Sinks = p.sinks(entries["sinks"], m.at)
	return m
}

func (p *parser) version(e entry, at diag.Span) {
	switch {
	case e.value == nil:
		p.missing(at, "version", "write version: 1")
	case e.value.Kind != yaml.ScalarNode || e.value.Value != "1":
		p.diags = p.diags.Error("wrong-version", p.origins.span(e.value), "this is not a version that exists", "write version: 1")
	}
}

func (p *parser) source(e entry, at diag.Span) SourceDecl {
	d := SourceDecl{at: at}
	if e.value == nil {
		p.missing(at, "source", `where records come from, such as gevme: {event: "25198085"}`)
		return d
	}
	d.at = p.origins.span(e.key)
	if e.value.Kind != yaml.MappingNode {
		p.wrongType(e.value, "source", `a connector with its options, such as gevme: {event: "25198085"}`)
		return d
	}
	entries := p.unique(e.value)
	known := map[string]*Text{"connection": &d.Connection, "stream": &d.Stream, "schema": &d.Schema, "rate": &d.Rate, "concurrency": &d.Concurrency, "rate_override": &d.Override,
		"sync": &d.Sync, "tape": &d.Tape, "resume": &d.Resume, "drift": &d.Drift, "reconcile": &d.Reconcile}
	for _, e := range entries {
		if into, ok := known[e.key.Value]; ok {
			*into = p.text(e, e.key.Value)
			continue
		}
		d.Connectors = append(d.Connectors, p.connector(e))
	}
	return d
}

// connector is a name with options behind it, or nothing.
func (p *parser) connector(e entry) ConnectorDecl {
	d := ConnectorDecl{Name: p.origins.text(e.key)}
	if !isNull(e.value) {
		d.options = e.value // what it has to look like, Compile knows
	}
	return d
}

func (p *parser) field(e entry) FieldDecl {
	f := FieldDecl{Name: p.origins.text(e.key)}
	if e.value.Kind != yaml.MappingNode {
		f.Value = p.expression(e, "field "+e.key.Value)
		return f
	}
	entries := p.entries(e.value, "field "+e.key.Value, fieldKeys)
	if entries["value"].value == nil {
		p.diags = p.diags.Error("missing-key", p.origins.span(e.key), fmt.Sprintf("field %s has no value", e.key.Value),
			"its expression goes under value:, as in {value: created_at, type: date}; an expression that begins with { needs quotes around it")
	}
	f.Value = p.expression(entries["value"], "value")
	f.Type = p.text(entries["type"], "type")
	f.Timezone = p.text(entries["timezone"], "timezone")
	f.Required = p.text(entries["required"], "required")
	f.Description = p.text(entries["description"], "description")
	return f
}

func (p *parser) lookup(e entry) LookupDecl {
	d, what := LookupDecl{Name: p.origins.text(e.key)}, "lookup "+e.key.Value
	if e.value.Kind != yaml.MappingNode {
		p.wrongType(e.value, what, "{path: FILE.csv, key: COLUMN, value: COLUMN}")
		return d
	}
	entries := p.entries(e.value, what, lookupKeys)
	for _, key := range lookupKeys {
		if entries[key].value == nil && !p.meant[key] {
			p.diags = p.diags.Error("missing-key", p.origins.span(e.key), fmt.Sprintf("%s has no %s", what, key), "it takes {path: FILE.csv, key: COLUMN, value: COLUMN}")
		}
	}
	d.Path, d.Key, d.Value = p.text(entries["path"], "path"), p.text(entries["key"], "key"), p.text(entries["value"], "value")
	return d
}

func (p *parser) rejects(e entry) RejectsDecl {
	if e.value == nil {
		return RejectsDecl{}
	}
	if e.value.Kind != yaml.MappingNode {
		p.wrongType(e.value, "rejects", "{path: FILE, max: 5%}")
		return RejectsDecl{}
	}
	entries := p.entries(e.value, "rejects", rejectsKeys)
	return RejectsDecl{Path: p.text(entries["path"], "path"), Max: p.text(entries["max"], "max"), Retry: p.text(entries["retry"], "retry")}
}

func (p *parser) schedule(e entry) ScheduleDecl {
	if e.value == nil || e.value.Kind == yaml.ScalarNode {
		return ScheduleDecl{Cron: p.text(e, "schedule")}
	}
	if e.value.Kind != yaml.MappingNode {
		p.wrongType(e.value, "schedule", `{cron: "*/15 * * * *", timezone: Asia/Singapore}`)
		return ScheduleDecl{}
	}
	entries := p.entries(e.value, "schedule", scheduleKeys)
	if entries["cron"].value == nil && !p.meant["cron"] {
		p.diags = p.diags.Error("missing-key", p.origins.span(e.key), "schedule has no cron", `as in {cron: "*/15 * * * *", timezone: Asia/Singapore}`)
	}
	return ScheduleDecl{Cron: p.text(entries["cron"], "cron"), Timezone: p.text(entries["timezone"], "timezone")}
}

func (p *parser) sinks(e entry, at diag.Span) []ConnectorDecl {
	const form = "a list of sinks, such as - csv: {path: attendees.csv}"
	if e.value == nil {
		p.missing(at, "sinks", "where rows go: "+form)
		return nil
	}
	var sinks []ConnectorDecl
	items := p.list(e, "sinks", form)
	if e.value.Kind == yaml.SequenceNode && len(items) == 0 {
		p.diags = p.diags.Error("missing-key", p.origins.span(e.key), "sinks is empty, so rows would go nowhere", form)
	}
	for _, item := range items {
		if item.Kind != yaml.MappingNode {
			p.wrongType(item, "a sink", "a connector with its options, such as csv: {path: attendees.csv}")
			continue
		}
		entries := p.unique(item)
		for i, e := range entries {
			if i > 0 {
				p.diags = p.diags.Error("unknown-key", p.origins.span(e.key), fmt.Sprintf("%s stands in the same list item as %s", e.key.Value, entries[0].key.Value),
					"each sink is an item of its own, beginning with a dash; options go inside the braces")
				continue
			}
			sinks = append(sinks, p.connector(e))
		}
	}
	return sinks
}

// entry is a key of a mapping node and what stands behind it; both are nil
// where the file does not say it.
type entry struct{ key, value *yaml.Node }

// unique is the entries of a mapping node, each key once.
func (p *parser) unique(n *yaml.Node) []entry {
	var out []entry
	first := map[string]*yaml.Node{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Kind != yaml.ScalarNode {
			p.wrongType(key, "a key", "a name")
			continue
		}
		if other, ok := first[key.Value]; ok {
			p.diags = p.diags.Error("duplicate-key", p.origins.span(key), fmt.Sprintf("%s stands here twice", key.Value), "remove one of them, or give it another name",
				diag.Note{Span: p.origins.span(other), Message: "it was said here first"})
			continue
		}
		first[key.Value] = key
		out = append(out, entry{key, value})
	}
	return out
}

// entries is the entries of a mapping node by key; what is not among known is
// reported.
func (p *parser) entries(n *yaml.Node, what string, known []string) map[string]entry {
	out := map[string]entry{}
	for _, e := range p.unique(n) {
		out[e.key.Value] = e
	}
	for _, e := range p.unknown(n, known) {
		near := diag.Suggest(e.key.Value, known)
		var hint string
		switch {
		case near != "":
			hint = fmt.Sprintf("did you mean %q?", near)
			if p.meant == nil {
				p.meant = map[string]bool{}
			}
			p.meant[near] = true
		case n.Style&yaml.FlowStyle != 0 && isNull(e.value):
			hint = "a comma inside {…} ends the value before it: put that value between quotes"
		default:
			hint = "the keys here are " + strings.Join(known, ", ")
		}
		p.diags = p.diags.Error("unknown-key", p.origins.span(e.key), fmt.Sprintf("unknown key %q in %s", e.key.Value, what), hint)
	}
	return out
}

func (p *parser) unknown(n *yaml.Node, known []string) []entry {
	var out []entry
	for i := 0; i+1 < len(n.Content); i += 2 {
		if key := n.Content[i]; key.Kind == yaml.ScalarNode && !slices.Contains(known, key.Value) {
			out = append(out, entry{key, n.Content[i+1]})
		}
	}
	return out
}

// named is the entries of a mapping whose keys are the user's own names.
func (p *parser) named(e entry, what, form string) []entry {
	if e.value == nil {
		return nil
	}
	if e.value.Kind != yaml.MappingNode || len(e.value.Content) == 0 {
		p.wrongType(e.value, what, form)
		return nil
	}
	return p.unique(e.value)
}

func (p *parser) list(e entry, what, form string) []*yaml.Node {
	if e.value == nil {
		return nil
	}
	if e.value.Kind != yaml.SequenceNode {
		p.wrongType(e.value, what, form)
		return nil
	}
	return e.value.Content
}

// text is a scalar that says something.
func (p *parser) text(e entry, what string) Text {
	if e.value == nil {
		return Text{}
	}
	switch {
	case e.value.Kind != yaml.ScalarNode:
		p.wrongType(e.value, what, "a text or a number")
		return Text{}
	case isNull(e.value):
		hint := "write its value, or remove the key"
		if len(p.origins.bases) > 0 {
			hint = "write its value, or ~ to remove what an extended mapping says"
		}
		p.diags = p.diags.Error("empty-value", p.origins.span(e.key), what+" is empty", hint)
		return Text{}
	}
	return p.origins.text(e.value)
}

// expression is a text that is an expression: YAML's own meaning of # does harm
// here, so it is looked for.
func (p *parser) expression(e entry, what string) Text {
	if e.value == nil {
		return Text{}
	}
	n := e.value
	if n.Kind != yaml.ScalarNode {
		p.wrongType(n, what, "an expression; one that begins with { or [ needs quotes around it")
		return Text{}
	}
	at := p.origins.of(n)
	if span, cut := at.file.index().CutByComment(n); cut {
		p.diags = p.diags.Error("yaml-comment", span, "YAML takes this for a comment, so the expression ends before it", `quote the whole expression, or write it under a |`)
		return Text{}
	}
	return p.text(e, what)
}

// missing reports a key that has to be there, unless another one was meant to be
// it and is reported already.
func (p *parser) missing(at diag.Span, key, form string) {
	if p.meant[key] {
		return
	}
	var notes []diag.Note
	for _, b := range p.origins.bases {
		notes = append(notes, diag.Note{Span: b.at.Span(), Message: "neither has the mapping that is extended here"})
	}
	p.diags = p.diags.Error("missing-key", at, fmt.Sprintf("the mapping has no %s", key), form, notes...)
}

func (p *parser) wrongType(n *yaml.Node, what, form string) {
	p.diags = p.diags.Error("wrong-type", p.origins.span(n), fmt.Sprintf("%s is %s", what, kindWords(n)), "it takes "+form)
}

func kindWords(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode && len(n.Content) == 0:
		return "empty"
	case n.Kind == yaml.MappingNode:
		return "a group of keys"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case isNull(n):
		return "empty"
	default:
		return "a single value"
	}
}

func isNull(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null"
}
