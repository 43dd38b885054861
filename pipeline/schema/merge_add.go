package schema

// merge_add.go: what a schema does not know yet and a sample does, put where it
// belongs: names of objects, items of lists, the questions of a form.

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Finish adds what the sample has and the schema does not say anything of, and
// returns the schema with what was changed in it. All records of the sample were
// given to Add before.
func (m *Merge) Finish(s *Sample) (text []byte, changes []Change, err error) {
	a := &additions{merge: m, members: map[*node][]string{}, places: map[*node]map[string]*addition{}}
	a.value(parts(m.schema.root), &s.root, "", "")
	edits := a.edits()
	changed := m.text
	for _, e := range edits {
		changed = changed[:e.from] + e.text + changed[e.to:]
	}
	if _, diags := Compile(m.name, []byte(changed), m.open); diags.HasErrors() {
		return nil, nil, fmt.Errorf("add to %s: %s", m.name, diags[0].Message)
	}
	return []byte(changed), append(m.changes, a.changes...), nil
}

// additions are what is put into a schema, by the place where it goes.
type additions struct {
	merge   *Merge
	order   []*node                        // that get something, as they were met
	members map[*node][]string             // new keywords of a schema
	places  map[*node]map[string]*addition // new properties of a schema
	names   []*addition                    // they, as they were met
	changes []Change
}

// addition is a new property.
type addition struct {
	name, parent string
	host         *node // the schema that gets it …
	empty        *node // … or an empty one that is filled in
	seen         seen
}

// value adds what was seen of a value of which all is said.
func (a *additions) value(all []*jsonschema.Schema, s *seen, path, parent string) {
	if s.names != nil && !s.names.isMap() {
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
	if host := a.host(all, ""); host != nil && path != "" {
		a.keyword(host, `"items": `+indented(schemaText(s.items, parent, 1), a.merge.leadWithin(host)))
		a.changes = append(a.changes, Change{Kind: Added, Path: path + "[]", Text: typeNouns(typeNames(s.items.types))})
	}
}

func (a *additions) object(all []*jsonschema.Schema, n *names, path, parent string) {
	optional := choiceNames(all)
	for _, member := range n.list {
		within, p := join(path, member.name), propertyOf(all, member.name)
		if member.types&(object|array) != 0 {
			parent = member.name
		}
		switch host := a.host(all, "properties"); {
		case slices.Contains(optional, member.name):
		case a.merge.declared[path+"\x00"+member.name] && p.declared != nil:
			empty := a.merge.schema.node(p.declared).get("properties").get(member.name)
			a.property(&addition{name: member.name, parent: parent, host: a.merge.schema.node(p.declared), empty: empty, seen: member.seen}, within)
		case len(p.schemas) > 0:
			a.value(parts(p.schemas...), &member.seen, within, parent)
		case !p.forbidden && host != nil:
			a.property(&addition{name: member.name, parent: parent, host: host, seen: member.seen}, within)
		}
	}
	a.questions(all, n, path)
}

func join(path, name string) string {
	if path == "" {
		return cut(name, 60)
	}
	return path + "." + cut(name, 60)
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

func (a *additions) keyword(host *node, text string) {
	if _, ok := a.members[host]; !ok {
		a.order = append(a.order, host)
	}
	a.members[host] = append(a.members[host], text)
}

// property adds a property to a schema, once, also where the schema is that of
// several places.
func (a *additions) property(add *addition, path string) {
	if a.places[add.host] == nil {
		a.places[add.host] = map[string]*addition{}
	}
	if there := a.places[add.host][add.name]; there != nil {
		there.seen.merge(&add.seen)
		return
	}
	a.places[add.host][add.name] = add
	a.names = append(a.names, add)
	if add.empty == nil {
		a.changes = append(a.changes, Change{Kind: Added, Path: path, Text: typeNouns(typeNames(add.seen.types))})
	}
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
	for _, part := range schemas {
		if part.Enum != nil || part.Const != nil || allowed(part)&^null != text || a.merge.schema.node(part).get("$comment") != nil {
			return
		}
	}
	host := a.host(schemas, "")
	if host == nil {
		return
	}
	list := bracketed("[", literals(m.texts.questions(), allowed(schemas[0])&null != 0), "]", 1)
	a.keyword(host, `"enum": `+indented(list, a.merge.leadWithin(host)))
	a.changes = append(a.changes, Change{Kind: Added, Path: join(path, questionName), Text: counted(len(m.texts.questions()), "question")})
}

func counted(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}

// edits are the additions as edits of the text, the last place first.
func (a *additions) edits() []edit {
	m := a.merge
	properties := map[*node][]string{}
	var edits []edit
	for _, add := range a.names {
		if add.empty != nil {
			edits = append(edits, edit{from: add.empty.from, to: add.empty.to, text: indented(schemaText(&add.seen, add.parent, 1), m.lead(add.empty.from))})
			continue
		}
		lead := m.leadWithin(add.host) + "  "
		if under := add.host.get("properties"); under != nil {
			lead = m.leadWithin(under)
		}
		properties[add.host] = append(properties[add.host], quote(add.name)+": "+indented(schemaText(&add.seen, add.parent, 1), lead))
	}
	for _, add := range a.names {
		list := properties[add.host]
		if list == nil || add.empty != nil {
			continue
		}
		delete(properties, add.host)
		if under := add.host.get("properties"); under != nil {
			e := edit{}
			e.from, e.to, e.text = m.insertInto(under, list)
			edits = append(edits, e)
			continue
		}
		lead := "\n" + m.leadWithin(add.host)
		a.keyword(add.host, `"properties": {`+lead+"  "+strings.Join(list, ","+lead+"  ")+lead+"}")
	}
	for _, host := range a.order {
		e := edit{}
		e.from, e.to, e.text = m.insertInto(host, a.members[host])
		edits = append(edits, e)
	}
	slices.SortStableFunc(edits, func(a, b edit) int { return cmp.Compare(b.from, a.from) })
	return edits
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
