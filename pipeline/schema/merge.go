package schema

// merge.go: a schema that somebody wrote, and records that it should fit. What
// they wrote stays as it is, to the byte; it is widened where a record demands
// it, and what it does not know yet is added.

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"pipeline/pipeline/diag"
)

// Change is one thing that a merge did to a schema.
type Change struct {
	Kind ChangeKind
	Path string // of the field, such as ticket.name; empty: the record
	Text string // what was added, dropped or widened
}

// ChangeKind says what a Change did.
type ChangeKind byte

// The kinds of changes.
const (
	Added   ChangeKind = '+' // a field, or questions
	Widened ChangeKind = '~' // a claim allows more
	Dropped ChangeKind = '-' // a claim that is not true
)

// Merge is a schema on its way to fit records.
type Merge struct {
	name    string
	open    func(string) ([]byte, error)
	text    string
	schema  *Schema
	changes []Change
	stuck   []string // what a person has to change
	edits   int

	declared map[string]bool // names of closed objects that are declared and not filled in, by object and name
}

// maxEdits bounds the changes of one merge: each takes compiling the schema.
const maxEdits = 500

// NewMerge begins with the schema in text; see Compile.
func NewMerge(name string, text []byte, open func(path string) ([]byte, error)) (*Merge, diag.List) {
	m := &Merge{name: name, open: open, declared: map[string]bool{}, text: strings.TrimPrefix(string(text), "\uFEFF")}
	var diags diag.List
	m.schema, diags = Compile(name, []byte(m.text), open)
	if m.schema == nil {
		return nil, diags
	}
	return m, diags
}

// Add widens the schema until the record fits it.
func (m *Merge) Add(record []byte) error {
	decoded, err := jsonschema.UnmarshalJSON(strings.NewReader(string(record)))
	if err != nil {
		return fmt.Errorf("read a record: %w", err)
	}
	if tooLongInside(decoded) != nil {
		return nil // which no rule is checked for
	}
	for {
		var invalid *jsonschema.ValidationError
		if !errors.As(m.schema.root.Validate(decoded), &invalid) {
			return nil
		}
		if m.edits == maxEdits {
			return fmt.Errorf("%s is too different from the records: after %d changes they still do not fit it; write a new one without --merge", m.name, maxEdits)
		}
		edit, ok := m.mend(invalid, decoded)
		if !ok {
			return nil
		}
		if err := m.apply(edit); err != nil {
			return err
		}
	}
}

// Stuck are the rules that records break and that a person has to change, each
// once.
func (m *Merge) Stuck() []string { return m.stuck }

// edit is a change of the text, and what it means.
type edit struct {
	from, to int
	text     string
	change   Change
}

// apply makes a change and compiles the schema anew.
func (m *Merge) apply(e edit) error {
	text := m.text[:e.from] + e.text + m.text[e.to:]
	s, diags := Compile(m.name, []byte(text), m.open)
	if s == nil {
		return fmt.Errorf("widen %s: %s", m.name, diags[0].Message)
	}
	m.text, m.schema = text, s
	m.edits++
	if i := len(m.changes) - 1; i >= 0 && m.changes[i].Path == e.change.Path && m.changes[i].Kind == e.change.Kind && e.change.Kind == Widened {
		m.changes[i].Text += ", " + e.change.Text // of one field at once
		return nil
	}
	m.changes = append(m.changes, e.change)
	return nil
}

// mend finds an edit that takes one of the breaks away.
func (m *Merge) mend(err *jsonschema.ValidationError, record any) (edit, bool) {
	switch err.ErrorKind.(type) {
	case *kind.Schema, *kind.Group, *kind.Reference, *kind.AllOf:
	case *kind.AnyOf, *kind.OneOf:
		causes := slices.DeleteFunc(slices.Clone(err.Causes), wantsNull)
		if len(causes) != 1 || len(err.Causes) > 2 {
			return m.leave(err)
		}
		return m.mend(causes[0], record)
	default:
		if n := m.schema.nodeOf(err); n != nil {
			if e, ok := m.mendKeyword(n, err, record); ok {
				e.change.Path = pathOf(err.InstanceLocation)
				return e, true
			}
		}
		return m.leave(err)
	}
	sorted := slices.SortedFunc(slices.Values(err.Causes), func(a, b *jsonschema.ValidationError) int {
		return cmp.Or(slices.Compare(a.InstanceLocation, b.InstanceLocation), cmp.Compare(a.SchemaURL, b.SchemaURL), slices.Compare(a.ErrorKind.KeywordPath(), b.ErrorKind.KeywordPath()))
	})
	for _, cause := range sorted { // the module goes through maps, whose order is none
		if e, ok := m.mend(cause, record); ok {
			return e, true
		}
	}
	return edit{}, false
}

// wantsNull reports whether a branch was refused for wanting null.
func wantsNull(err *jsonschema.ValidationError) bool {
	k, ok := err.ErrorKind.(*kind.Type)
	return ok && len(k.Want) == 1 && k.Want[0] == "null"
}

// leave notes a rule that only a person can change.
func (m *Merge) leave(err *jsonschema.ValidationError) (edit, bool) {
	rule := strings.Join(err.ErrorKind.KeywordPath(), "/")
	what := fmt.Sprintf("%s at %s", cmp.Or(rule, "a rule"), cmp.Or(pathOf(err.InstanceLocation), "the record"))
	if !slices.Contains(m.stuck, what) {
		m.stuck = append(m.stuck, what)
	}
	return edit{}, false
}

// nodeOf is the schema that an error is of, where it stands in the file that is
// merged into.
func (s *Schema) nodeOf(err *jsonschema.ValidationError) *node {
	if url, _, _ := strings.Cut(err.SchemaURL, "#"); url != s.files[0].url {
		return nil
	}
	return nodeAt(s.files, err.SchemaURL)
}

// pathOf is a place in a record as people write it; items of lists are [].
func pathOf(location []string) string {
	var b strings.Builder
	for _, step := range location {
		if _, err := strconv.Atoi(step); err == nil && b.Len() > 0 {
			b.WriteString("[]")
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('.')
		}
		b.WriteString(step)
	}
	return b.String()
}

// instanceAt is the value at a place of a decoded record.
func instanceAt(v any, location []string) any {
	for _, step := range location {
		switch at := v.(type) {
		case map[string]any:
			v = at[step]
		case []any:
			i, _ := strconv.Atoi(step)
			v = at[i]
		}
	}
	return v
}

// mendKeyword is the edit of the schema n that allows what broke its rule.
func (m *Merge) mendKeyword(n *node, err *jsonschema.ValidationError, record any) (edit, bool) {
	got := instanceAt(record, err.InstanceLocation)
	switch k := err.ErrorKind.(type) {
	case *kind.Type:
		return widenType(n.get("type"), typeOf(got))
	case *kind.Enum:
		name := ""
		if i := len(err.InstanceLocation); i > 0 {
			name = err.InstanceLocation[i-1]
		}
		return m.widenEnum(n, got, name)
	case *kind.Required:
		return m.dropRequired(n, k.Missing)
	case *kind.AdditionalProperties:
		return m.declare(n, k.Properties, pathOf(err.InstanceLocation))
	}
	path := err.ErrorKind.KeywordPath()
	if len(path) == 0 || !slices.Contains(droppable, path[0]) {
		return edit{}, false
	}
	return drop(n, path[0])
}

// droppable are the rules that are taken away where a record breaks them: what
// they say cannot be made a little weaker.
var droppable = []string{"const", "format", "pattern", "minLength", "maxLength", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minItems", "maxItems", "uniqueItems", "minProperties", "maxProperties", "propertyNames"}

// widenType adds a type to those that there are.
func widenType(n *node, got types) (edit, bool) {
	if n == nil {
		return edit{}, false
	}
	var names []string
	if n.kind == '"' {
		names = []string{n.text}
	}
	for _, item := range n.items {
		names = append(names, item.text)
	}
	added := typeNames(got)[0]
	if i := slices.Index(names, "integer"); i >= 0 && got == fraction {
		names[i] = added
	} else {
		names = append(names, added)
	}
	if i := slices.Index(names, "null"); i >= 0 { // null stands last
		names = append(slices.Delete(names, i, i+1), "null")
	}
	change := Change{Kind: Widened, Text: "may be " + typeNoun(added)}
	return edit{from: n.from, to: n.to, text: "[" + strings.Join(literals(names, false), ", ") + "]", change: change}.single(names), true
}

// single writes one type without brackets.
func (e edit) single(names []string) edit {
	if len(names) == 1 {
		e.text = quote(names[0])
	}
	return e
}

// widenEnum adds a value to a list, or drops the list where the value may not
// stand in a schema.
func (m *Merge) widenEnum(n *node, got any, name string) (edit, bool) {
	list := n.get("enum")
	if list == nil {
		return edit{}, false
	}
	s, isText := got.(string)
	most, length := newTexts(name).bounds()
	switch {
	case got == nil:
	case !isText || len(list.items) >= 2*most || !isWord(s, length) || isPersonal(name):
		return drop(n, "enum")
	}
	literal := "null"
	if isText {
		literal = quote(s)
	}
	e := edit{change: Change{Kind: Widened, Text: "may be " + literal}}
	e.from, e.to, e.text = m.insertInto(list, []string{literal})
	return e, true
}

// dropRequired takes names from those that are required.
func (m *Merge) dropRequired(n *node, missing []string) (edit, bool) {
	list := n.get("required")
	if list == nil || list.kind != '[' {
		return edit{}, false
	}
	e := edit{change: Change{Kind: Widened, Text: strings.Join(missing, ", ") + " may be absent"}}
	var rest []string
	for _, item := range list.items {
		if !slices.Contains(missing, item.text) {
			rest = append(rest, quote(item.text))
		}
	}
	if len(rest) == 0 { // draft 4 has no empty list
		gone, ok := drop(n, "required")
		e.from, e.to, e.text = gone.from, gone.to, gone.text
		return e, ok
	}
	first, last := list.items[0], list.items[len(list.items)-1]
	e.from, e.to, e.text = first.from, last.to, strings.Join(rest, m.between(first.from))
	return e, true
}

// declare declares names in a closed object; what they are is filled in later.
func (m *Merge) declare(n *node, names []string, at string) (edit, bool) {
	slices.Sort(names)
	e := edit{change: Change{Kind: Widened, Text: "may have " + strings.Join(shownNames(names), ", ")}}
	properties := n.get("properties")
	switch {
	case len(names) > maxNames || slices.ContainsFunc(names, func(s string) bool { return len(s) > maxNameBytes || strings.Contains(s, "@") || isID(s) }):
		return drop(n, "additionalProperties")
	case properties != nil && len(properties.members)+len(names) > maxNames:
		return drop(n, "additionalProperties")
	}
	var members []string
	for _, name := range names {
		m.declared[at+"\x00"+name] = true
		members = append(members, quote(name)+": {}")
	}
	if properties == nil {
		properties, members = n, []string{`"properties": {` + strings.Join(members, ", ") + `}`}
	}
	e.from, e.to, e.text = m.insertInto(properties, members)
	return e, true
}

func shownNames(names []string) []string {
	out := make([]string, len(names))
	for i, name := range names {
		out[i] = diag.Crop(name, 40)
	}
	return out
}

// drop takes a keyword away, with the comma that it no longer needs.
func drop(n *node, keyword string) (edit, bool) {
	i := slices.IndexFunc(n.members, func(m member) bool { return m.name == keyword })
	if i < 0 {
		return edit{}, false
	}
	e := edit{from: n.members[i].from, to: n.members[i].value.to, change: Change{Kind: Dropped, Text: keyword}}
	switch {
	case i > 0:
		e.from = n.members[i-1].value.to
	case len(n.members) > 1:
		e.to = n.members[1].from
	}
	return e, true
}
