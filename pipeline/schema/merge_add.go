package schema

// merge_add.go: what a schema does not know yet and a sample does, put where it
// belongs: names of objects, items of lists, the questions of a form.

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"pipeline/pipeline/diag"
)

// Finish adds what the sample has and the schema does not say anything of, and
// returns the schema with what was changed in it. All records of the sample were
// given to Add before.
func (m *Merge) Finish(s *Sample) (text []byte, changes []Change, err error) {
	a := &additions{merge: m, index: map[place]*addition{}, maps: map[*node]bool{}}
	a.value(parts(m.schema.root), &s.root, "", "")
	a.list = slices.DeleteFunc(a.list, func(add *addition) bool { return add.keyword == "properties" && a.maps[add.host] })
	edits := a.edits()
	changed := m.text
	for _, e := range edits {
		changed = changed[:e.from] + e.text + changed[e.to:]
	}
	if _, diags := Compile(m.name, []byte(changed), m.open); diags.HasErrors() {
		return nil, nil, fmt.Errorf("add to %s: %s", m.name, diags[0].Message)
	}
	for _, add := range a.list {
		if add.empty == nil { // else it is said already that the name may be there
			m.changes = append(m.changes, add.change)
		}
	}
	return []byte(changed), m.changes, nil
}

// additions are what is put into a schema, in the order in which it was met.
type additions struct {
	merge *Merge
	list  []*addition
	index map[place]*addition
	maps  map[*node]bool // schemas that are those of maps too, whose names are data
}

// place is where something goes: under a keyword of the schema host, and with
// "properties" under a name.
type place struct {
	host          *node
	keyword, name string // items, enum or properties
}

// addition is what was seen of a place. A schema that is used at several places
// of a record has seen all of them.
type addition struct {
	place
	parent   string
	change   Change
	empty    *node // a schema to be filled in, which is there already
	nullable bool  // of an enum: the schema allows null
	seen     *seen
}

// add adds something that the schema does not have.
func (a *additions) add(what addition) {
	if there := a.index[what.place]; there != nil {
		there.seen.merge(what.seen)
		return
	}
	a.index[what.place] = &what
	a.list = append(a.list, &what)
}

// found is the change of having found something.
func found(path string, s *seen) Change {
	text := typeNouns(typeNames(s.types))
	if s.types == null {
		text = "always null"
	}
	return Change{Kind: Added, Path: path, Text: text}
}

// value adds what was seen of a value of which all is said.
func (a *additions) value(all []*jsonschema.Schema, s *seen, path, parent string) {
	if s.names != nil {
		a.object(all, s.names, path, parent)
	}
	if s.items == nil || s.items.count == 0 {
		return
	}
	var items []*jsonschema.Schema
	for _, part := range all {
		if len(part.PrefixItems) > 0 || part.UnevaluatedItems != nil {
			return
		}
		if part.Items2020 != nil {
			items = append(items, part.Items2020)
		}
		switch said := part.Items.(type) {
		case *jsonschema.Schema:
			items = append(items, said)
		case []*jsonschema.Schema:
			return
		}
	}
	if items != nil {
		a.value(parts(items...), s.items, path+"[]", parent)
		return
	}
	if host := a.host(all, ""); host != nil {
		a.add(addition{place: place{host: host, keyword: "items"}, parent: parent, seen: s.items, change: found(path+"[]", s.items)})
	}
}

// object adds what was seen of an object. One that is a map gets no names, but
// what is said of its members may get something.
func (a *additions) object(all []*jsonschema.Schema, n *names, path, parent string) {
	if n.isMap() {
		a.maps[a.host(all, "properties")] = true
	}
	if n.others != nil {
		for _, part := range all {
			if said, ok := part.AdditionalProperties.(*jsonschema.Schema); ok {
				a.value(parts(said), n.others, join(path, "*"), "")
			}
			for _, name := range a.merge.schema.declaredNames([]*jsonschema.Schema{part}) {
				a.value(parts(part.Properties[name]), n.others, join(path, name), "")
			}
		}
		return
	}
	optional := choiceNames(all)
	for _, member := range n.list {
		within, p := join(path, member.name), propertyOf(all, member.name)
		parent := member.parent(parent)
		switch host := a.host(all, "properties"); {
		case slices.Contains(optional, member.name):
		case a.merge.declared[path+"\x00"+member.name] && p.declared != nil:
			empty := a.merge.schema.node(p.declared).get("properties").get(member.name)
			a.add(addition{place: place{a.merge.schema.node(p.declared), "properties", member.name}, parent: parent, empty: empty, seen: &member.seen})
		case len(p.schemas) > 0:
			a.value(parts(p.schemas...), &member.seen, within, parent)
		case !p.forbidden && host != nil:
			a.add(addition{place: place{host, "properties", member.name}, parent: parent, seen: &member.seen, change: found(within, &member.seen)})
		}
	}
	a.questions(all, n, path)
}

func join(path, name string) string {
	if path == "" {
		return diag.Crop(name, 60)
	}
	return path + "." + diag.Crop(name, 60)
}

// choiceNames are the names that only some of an object's alternatives declare.
func choiceNames(all []*jsonschema.Schema) []string {
	var names []string
	for _, part := range all {
		for _, choice := range slices.Concat(part.AnyOf, part.OneOf) {
			for _, p := range parts(choice) {
				for name := range p.Properties {
					names = append(names, name)
				}
			}
		}
	}
	return names
}

// host is the schema, of those that apply, that gets something new: the first
// that has the keyword already, else the first of the file.
func (a *additions) host(all []*jsonschema.Schema, keyword string) *node {
	var first *node
	for _, part := range all {
		n := a.merge.schema.nodeIn(part)
		switch {
		case n == nil || n.kind != '{' || len(n.members) == 0 && part != a.merge.schema.root:
			continue
		case n.get(keyword) != nil:
			return n
		case first == nil:
			first = n
		}
	}
	return first
}

// nodeIn is what sch was compiled from, where that stands in the file that is
// merged into.
func (s *Schema) nodeIn(sch *jsonschema.Schema) *node {
	if url, _, _ := strings.Cut(sch.Location, "#"); url != s.files[0].url {
		return nil
	}
	return s.node(sch)
}

// questions lists the questions of a form that the schema declares and does not
// list.
func (a *additions) questions(all []*jsonschema.Schema, n *names, path string) {
	question, answer := propertyOf(all, questionName), propertyOf(all, "answer")
	if !n.asks() || question.declared == nil || answer.declared == nil {
		return
	}
	m := n.index[questionName]
	if m.texts == nil || m.texts.questions() == nil || m.types&^null != text {
		return
	}
	schemas := parts(question.schemas...)
	nullable := true
	for _, part := range schemas {
		nullable = nullable && allowed(part)&null != 0
		if part.Enum != nil || part.Const != nil || allowed(part)&^null != text || a.merge.schema.node(part).get("$comment") != nil {
			return
		}
	}
	host := a.host(schemas, "")
	if host == nil {
		return
	}
	a.add(addition{place: place{host: host, keyword: "enum"}, nullable: nullable, seen: &m.seen,
		change: Change{Kind: Added, Path: join(path, questionName), Text: plural(len(m.texts.questions()), "question")}})
}

// edits are the additions as edits of the text, the last place first.
func (a *additions) edits() []edit {
	members := map[*node][]string{} // that go into an object of the file
	var order []*node
	put := func(into *node, text string) {
		if members[into] == nil {
			order = append(order, into)
		}
		members[into] = append(members[into], text)
	}
	var edits []edit
	var bare []*node // schemas that get their first properties …
	first := map[*node][]string{}
	for _, add := range a.list {
		under := add.host.get("properties")
		switch {
		case add.empty != nil:
			edits = append(edits, edit{from: add.empty.from, to: add.empty.to, text: indented(add.text(), a.merge.lead(add.empty.from))})
		case add.keyword != "properties":
			put(add.host, add.member(a.merge.leadWithin(add.host)))
		case under != nil:
			put(under, add.member(a.merge.leadWithin(under)))
		default:
			if first[add.host] == nil {
				bare = append(bare, add.host)
			}
			first[add.host] = append(first[add.host], add.member(a.merge.leadWithin(add.host)+"  "))
		}
	}
	for _, host := range bare {
		lead := "\n" + a.merge.leadWithin(host)
		put(host, `"properties": {`+lead+"  "+strings.Join(first[host], ","+lead+"  ")+lead+"}")
	}
	for _, into := range order {
		edits = append(edits, a.merge.insertAll(into, members[into])...)
	}
	slices.SortStableFunc(edits, func(a, b edit) int { return cmp.Compare(b.from, a.from) })
	return edits
}

// text is what was seen, made for the indent 1.
func (add *addition) text() string { return schemaText(add.seen, add.parent, 1) }

// member is the addition as a member of an object whose members are indented by
// lead.
func (add *addition) member(lead string) string {
	switch add.keyword {
	case "properties":
		return quote(add.name) + ": " + indented(add.text(), lead)
	case "items":
		return `"items": ` + indented(add.text(), lead)
	}
	questions := add.seen.texts.questions()
	if questions == nil {
		return unlisted
	}
	return `"enum": ` + indented(bracketed("[", literals(questions, add.nullable), "]", 1), lead)
}

// indented is text that was made for the indent 1, to stand behind a key whose
// line begins with lead.
func indented(text, lead string) string { return strings.ReplaceAll(text, "\n  ", "\n"+lead) }

// leadWithin is the space before the members of an object that have lines of
// their own.
func (m *Merge) leadWithin(n *node) string {
	if len(n.members) > 0 && strings.HasPrefix(m.between(n.members[0].from), ",\n") {
		return m.lead(n.members[0].from)
	}
	return m.lead(n.from) + "  "
}

// lead is the space that the line begins with in which a byte of the text is.
func (m *Merge) lead(at int) string {
	line := m.text[strings.LastIndexByte(m.text[:at], '\n')+1:]
	return line[:len(line)-len(strings.TrimLeft(line, " \t"))]
}

// between is what stands between the items of a list or an object of which one
// is at a byte of the text: a comma, and a new line where it begins one.
func (m *Merge) between(at int) string {
	line := m.text[strings.LastIndexByte(m.text[:at], '\n')+1 : at]
	if strings.Trim(line, " \t") != "" {
		return ", "
	}
	return ",\n" + line
}

// insertAll puts members into an object. One that stands on one line gets lines
// for its members where that would be too long.
func (m *Merge) insertAll(n *node, items []string) []edit {
	text, lead := strings.Join(items, ", "), "\n"+m.lead(n.from)
	if len(n.members) == 0 || n.span.Start.Line != n.span.End.Line || !strings.Contains(text, "\n") && n.to-n.from+len(text) <= lineWidth {
		var e edit
		e.from, e.to, e.text = m.insertInto(n, items)
		return []edit{e}
	}
	at, before := n.from+1, ""
	var edits []edit
	for _, member := range n.members { // what is between them, so that they may be changed themselves
		edits = append(edits, edit{from: at, to: member.from, text: before + lead + "  "})
		at, before = member.value.to, ","
	}
	return append(edits, edit{from: at, to: n.to - 1, text: before + lead + "  " + strings.Join(items, before+lead+"  ") + lead})
}

// insertInto is where items are put behind the last one of an object or a list,
// in lines of their own where the others are.
func (m *Merge) insertInto(n *node, items []string) (from, to int, text string) {
	first, end := -1, 0
	if len(n.members) > 0 {
		first, end = n.members[0].from, n.members[len(n.members)-1].value.to
	}
	if len(n.items) > 0 {
		first, end = n.items[0].from, n.items[len(n.items)-1].to
	}
	if first < 0 {
		lead := m.lead(n.from)
		return n.from + 1, n.to - 1, "\n" + lead + "  " + strings.Join(items, ",\n"+lead+"  ") + "\n" + lead
	}
	between := m.between(first)
	return end, end, between + strings.Join(items, between)
}
