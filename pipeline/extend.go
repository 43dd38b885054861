package pipeline

// extend.go: a mapping put over the one that it extends, so that clients who
// differ in three fields are three lines long. The files are merged as YAML,
// before anything is asked what it means; every node keeps the file that it
// stands in, so that a diagnostic points at the one that said the thing, and a
// path is relative to it.

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	yaml "go.yaml.in/yaml/v4"

	"pipeline/pipeline/diag"
)

// maxExtends is the bound on mappings that extend each other in a row.
const maxExtends = 10

// Load reads a mapping and those that it extends, puts each over its base, and
// reports what is wrong with the form of all of them. The Mapping is nil where a
// file cannot be read as YAML.
func Load(name string, files *Files) (*Mapping, diag.List) {
	src, err := files.Open(name)
	if errors.Is(err, syscall.EISDIR) {
		return nil, diag.List{}.Error("missing-file", diag.Span{File: name}, "this is a folder, and a mapping is wanted", fmt.Sprintf("name one that is in it: %s", filepath.Join(name, "NAME.yaml")))
	}
	if err != nil {
		return nil, diag.List{}.Error("missing-file", diag.Span{File: name}, fmt.Sprintf("cannot read the mapping: %v", plainCause(err)), files.near(name, name))
	}
	l := &loader{files: files}
	l.origins = &origins{own: &sourceFile{name: name, src: src}, nodes: map[*yaml.Node]origin{}}
	layers, ok := l.layers()
	if !ok {
		l.origins.trace(l.diags)
		return nil, l.diags
	}
	last := len(layers) - 1
	root := layers[last]
	for _, over := range slices.Backward(layers[:last]) {
		root = l.merge(root, over, atRoot)
	}
	m := l.mapping(root)
	l.diags.Sort()
	m.origins.trace(l.diags)
	return m, l.diags
}

// trace says of every diagnostic in an extended file who extends it.
func (o *origins) trace(diags diag.List) {
	for i, d := range diags {
		j := slices.IndexFunc(o.bases, func(b baseFile) bool { return b.name == d.Span.File })
		for ; j >= 0; j-- {
			at := o.bases[j].at.Span()
			if !slices.ContainsFunc(d.Notes, func(n diag.Note) bool { return n.Span == at }) {
				diags[i].Notes = append(diags[i].Notes, diag.Note{Span: at, Message: "it is extended here"})
			}
		}
	}
}

// loader reads the files of one mapping.
type loader struct {
	parser
	files *Files
}

// layers are the contents of the mapping and of those that it extends, each
// before its base.
func (l *loader) layers() (layers []*yaml.Node, ok bool) {
	for file := l.origins.own; ; {
		root, ok := l.read(file)
		if !ok {
			return nil, false
		}
		layers = append(layers, root)
		at, ok := l.extends(root)
		if !ok {
			return nil, false
		}
		if at.Missing() {
			return layers, true
		}
		if file, ok = l.base(at); !ok {
			return nil, false
		}
	}
}

// read is the content of one file.
func (l *loader) read(file *sourceFile) (*yaml.Node, bool) {
	doc, diags := diag.ParseYAML(file.name, file.src)
	l.diags = append(l.diags, diags...)
	if diags.HasErrors() {
		return nil, false
	}
	root := doc.Content[0]
	if file != l.origins.own {
		l.note(file, root)
	}
	if root.Kind != yaml.MappingNode {
		l.wrongType(root, "a mapping", "keys such as version, source, fields and sinks")
		return nil, false
	}
	return root, true
}

// note remembers that n and all within it stand in that file.
func (l *loader) note(file *sourceFile, n *yaml.Node) {
	l.origins.nodes[n] = origin{file, n}
	for _, c := range n.Content {
		l.note(file, c)
	}
}

// extends is what a file says about its base, missing where it has none. A name
// is of one file alone, so that it is taken off a base.
func (l *loader) extends(root *yaml.Node) (Text, bool) {
	if l.origins.of(root).file != l.origins.own {
		remove(root, "name")
	}
	e := remove(root, "extends")
	before := len(l.diags)
	if e.value != nil && e.value.Kind != yaml.ScalarNode {
		l.wrongType(e.value, "extends", "the path of one mapping, which may extend another")
		return Text{}, false
	}
	at := l.text(e, "extends")
	if !at.Missing() && strings.Contains(at.Value, "${") {
		l.diags = l.diags.Error("bad-value", at.Span(), "extends is read before variables are put in", "write the path itself")
	}
	return at, len(l.diags) == before
}

// remove takes an entry out of a mapping node.
func remove(n *yaml.Node, key string) entry {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if k := n.Content[i]; k.Kind == yaml.ScalarNode && k.Value == key {
			e := entry{k, n.Content[i+1]}
			n.Content = slices.Delete(n.Content, i, i+2)
			return e
		}
	}
	return entry{}
}

// base opens the file that a mapping extends.
func (l *loader) base(at Text) (*sourceFile, bool) {
	name := at.file.path(at.Value)
	if l.circle(name, at) {
		return nil, false
	}
	if len(l.origins.bases) == maxExtends {
		l.diags = l.diags.Error("extends-depth", at.Span(), fmt.Sprintf("more than %d mappings extend each other in a row", maxExtends), "extend one that is nearer to the last")
		return nil, false
	}
	src, err := l.files.Open(name)
	if err != nil {
		l.diags = l.diags.Error("missing-file", at.Span(), fmt.Sprintf("cannot read %s: %v", name, plainCause(err)), l.files.inputHint(at.Value, name))
		return nil, false
	}
	file := &sourceFile{name: name, src: src}
	l.origins.bases = append(l.origins.bases, baseFile{file, at})
	return file, true
}

// circle reports a mapping that extends one that extends it in turn.
func (l *loader) circle(name string, at Text) bool {
	chain := []string{filepath.Clean(l.origins.own.name)}
	for _, b := range l.origins.bases {
		chain = append(chain, b.name)
	}
	from := slices.Index(chain, name)
	if from < 0 {
		return false
	}
	var notes []diag.Note
	for i, b := range l.origins.bases[from:] {
		notes = append(notes, diag.Note{Span: b.at.Span(), Message: fmt.Sprintf("%s extends %s here", chain[from+i], b.name)})
	}
	message := name + " extends itself"
	if len(notes) > 0 {
		message = "mappings extend each other in a circle: " + strings.Join(append(chain[from:], name), " → ")
	}
	l.diags = l.diags.Error("extends-circle", at.Span(), message, "the last one of a chain extends nothing", notes...)
	return true
}

// place is where in a mapping something is merged.
type place int

const (
	elsewhere place = iota
	atRoot
	atSource
	atFields
)

func (p place) below(key string) place {
	switch {
	case p == atRoot && key == "source":
		return atSource
	case p == atRoot && key == "fields":
		return atFields
	}
	return elsewhere
}

// merge is base with over put on it: mappings key by key, in the order of base
// and then what is new; of all else over replaces base, and ~ removes it.
func (l *loader) merge(base, over *yaml.Node, at place) *yaml.Node {
	if at == atSource && l.otherConnector(base, over) {
		return over
	}
	out := &yaml.Node{Kind: yaml.MappingNode, Tag: over.Tag, Style: over.Style, Line: over.Line, Column: over.Column}
	l.origins.nodes[out] = l.origins.of(over)
	said := l.index(over, at)
	for i := 0; i+1 < len(base.Content); i += 2 {
		key, value := base.Content[i], base.Content[i+1]
		e, ok := said[l.identity(key, at)]
		if !ok {
			out.Content = append(out.Content, key, value)
			continue
		}
		delete(said, l.identity(key, at))
		if value, ok := l.put(entry{key, value}, e, at); ok {
			out.Content = append(out.Content, e.key, value)
		}
	}
	for i := 0; i+1 < len(over.Content); i += 2 {
		key, value := over.Content[i], over.Content[i+1]
		_, added := said[l.identity(key, at)]
		switch {
		case !added:
		case isRemoval(value) && (at != atSource || slices.Contains(sourceKeys, key.Value)):
			l.nothingToRemove(key, base, over)
		default:
			out.Content = append(out.Content, key, value)
		}
	}
	return out
}

// put is the value of an entry that both have; there is none where it is
// removed.
func (l *loader) put(base, over entry, at place) (*yaml.Node, bool) {
	switch {
	case isRemoval(over.value):
		return nil, false
	case at == atSource && isNull(over.value) && base.value.Kind == yaml.MappingNode:
		return base.value, true // gevme: without options leaves those of the base
	case at == atRoot && over.key.Value == "version":
		l.version(base, diag.Span{}) // over's is looked at with all else
	case at == atFields && base.value.Kind == yaml.ScalarNode && over.value.Kind == yaml.MappingNode:
		base.value = l.longForm(base.value)
	}
	if base.value.Kind != yaml.MappingNode || over.value.Kind != yaml.MappingNode {
		return over.value, true
	}
	merged := l.merge(base.value, over.value, at.below(over.key.Value))
	if at == atRoot && over.key.Value != "source" && len(merged.Content) == 0 {
		return nil, false // rejects: {max: ~} took its last entry
	}
	return merged, true
}

// longForm is a field that is an expression as {value: expression}.
func (l *loader) longForm(expression *yaml.Node) *yaml.Node {
	at := l.origins.of(expression)
	key := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: "value", Line: at.node.Line, Column: at.node.Column}
	long := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Line: at.node.Line, Column: at.node.Column, Content: []*yaml.Node{key, expression}}
	l.origins.nodes[key], l.origins.nodes[long] = at, at
	return long
}

// otherConnector reports whether the source: of over names another connector
// than that of base: what base says of streams, schemas and rates was about
// base's.
func (l *loader) otherConnector(base, over *yaml.Node) bool {
	mine, theirs := l.connectors(over), l.connectors(base)
	for name := range mine {
		if !theirs[name] {
			return true
		}
	}
	return false
}

// connectors are the entries of a source: that are no keys of it, and not meant
// to be: those have a value.
func (l *loader) connectors(source *yaml.Node) map[string]bool {
	out := map[string]bool{}
	for i := 0; i+1 < len(source.Content); i += 2 {
		key, value := source.Content[i], source.Content[i+1]
		if key.Kind == yaml.ScalarNode && !slices.Contains(sourceKeys, key.Value) && (value.Kind == yaml.MappingNode || isNull(value)) {
			out[l.identity(key, atSource)] = true
		}
	}
	return out
}

// index is the entries of a mapping node by identity.
func (l *loader) index(n *yaml.Node, at place) map[string]entry {
	out := map[string]entry{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		out[l.identity(n.Content[i], at)] = entry{n.Content[i], n.Content[i+1]}
	}
	return out
}

// identity is what makes two keys the same: their text, or the file that a
// connector is declared in.
func (l *loader) identity(key *yaml.Node, at place) string {
	if at == atSource && isConnectorFile(key.Value) {
		return l.origins.of(key).file.path(key.Value)
	}
	return key.Value
}

// isRemoval reports whether a value is ~ and not just left out: half a line
// would remove a column.
func isRemoval(n *yaml.Node) bool { return isNull(n) && n.Value != "" }

func (l *loader) nothingToRemove(key, base, over *yaml.Node) {
	names := slices.Sorted(maps.Keys(l.index(base, elsewhere)))
	hint := diag.DidYouMean(key.Value, names)
	if hint == "" {
		hint = "~ removes what an extended mapping says; remove the line"
	}
	file := l.origins.of(over).file
	var notes []diag.Note
	for _, b := range l.origins.bases {
		if b.at.file == file {
			notes = append(notes, diag.Note{Span: b.at.Span(), Message: "what is extended here does not say it"})
		}
	}
	l.diags = l.diags.Error("nothing-to-remove", l.origins.span(key), fmt.Sprintf("there is no %q to remove", key.Value), hint, notes...)
}
