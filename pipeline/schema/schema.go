// Package schema reads JSON Schemas: as the shape of what a source gives, as
// the contract of what a target takes, and as checks that rows run through.
//
// The jsonschema module of santhosh-tekuri decides what a schema means. The
// keywords that most schemas consist of are compiled from its tree to checks
// over values; whatever is rarer it checks itself, on a decoded row.
package schema

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"pipeline/pipeline/diag"
)

// Schema is a compiled JSON Schema. It does not change and may be used by many
// at once.
type Schema struct {
	name  string
	root  *jsonschema.Schema
	files []*file
	names map[string]bool // every name that the schema itself says, which messages may say too
}

// Compile reads a JSON Schema of draft 4, 6, 7, 2019-09 or 2020-12; without
// "$schema" it is 2020-12. name is the path people know it by. open reads
// another file that a "$ref" names, by its path, which is relative to where
// name is relative to; where open is nil none is allowed. Nothing is ever
// fetched from a network. "format" is asserted in every draft.
//
// The Schema is nil where the list has errors. The codes are schema-syntax,
// schema-keyword, schema-pattern and schema-ref.
func Compile(name string, text []byte, open func(path string) ([]byte, error)) (*Schema, diag.List) {
	return (&loader{open: open}).compile(name, text)
}

// CompileClaim is Compile for a schema that says what values look like, and
// that none is held against. Its patterns may be of any dialect: one that is not
// ours is taken to fit anything.
func CompileClaim(name string, text []byte, open func(path string) ([]byte, error)) (*Schema, diag.List) {
	return (&loader{open: open, claim: true}).compile(name, text)
}

func (l *loader) compile(name string, text []byte) (*Schema, diag.List) {
	l.load(name, text)
	if l.diags.HasErrors() {
		return nil, l.diags
	}
	root, err := compile(l.files, l.claim)
	if err != nil {
		l.diags = append(l.diags, explain(err, l.files)...)
		return nil, l.diags
	}
	s := &Schema{name: name, root: root, files: l.files, names: map[string]bool{}}
	for _, f := range l.files {
		s.collectNames(f.root)
	}
	l.diags = append(l.diags, s.checkEndless()...)
	if l.diags.HasErrors() {
		return nil, l.diags
	}
	return s, l.diags
}

// checkEndless finds references that never come to a schema.
func (s *Schema) checkEndless() diag.List {
	const message = "this refers to itself without end, so that no value could ever fit it"
	var list diag.List
	if endless(s.root) {
		return list.Error("schema-ref", s.Span(), message, "")
	}
	object := parts(s.root)
	for _, name := range s.declaredNames(object) {
		p := propertyOf(object, name)
		if slices.ContainsFunc(p.schemas, endless) {
			list = list.Error("schema-ref", s.keySpan(p, name), message, "")
		}
	}
	return list
}

// noNetwork answers for every address that is none of our files.
type noNetwork struct{}

func (noNetwork) Load(string) (any, error) { return nil, errors.New("schemas come from files alone") }

func compile(files []*file, claim bool) (*jsonschema.Schema, error) {
	c := jsonschema.NewCompiler()
	c.UseLoader(noNetwork{})
	c.AssertFormat()
	c.UseRegexpEngine(func(s string) (jsonschema.Regexp, error) {
		re, err := regexp.Compile(s)
		if err != nil && claim {
			return regexp.MustCompile(""), nil
		}
		return re, err
	})
	for _, f := range files {
		if err := c.AddResource(f.url, f.root.decoded()); err != nil {
			return nil, err
		}
	}
	return c.Compile(files[0].url)
}

func (s *Schema) collectNames(n *node) {
	for _, m := range n.members {
		s.names[m.name] = true
		s.collectNames(m.value)
	}
	for _, item := range n.items {
		s.collectNames(item)
	}
}

// Span is where the schema begins.
func (s *Schema) Span() diag.Span {
	span := s.files[0].root.span
	return diag.Span{File: s.name, Start: span.Start}
}

// node is what stands in the file where sch was compiled from.
func (s *Schema) node(sch *jsonschema.Schema) *node { return nodeAt(s.files, sch.Location) }

// nodeAt is what stands at a location of the jsonschema module.
func nodeAt(files []*file, location string) *node {
	url, fragment, _ := strings.Cut(location, "#")
	for _, f := range files {
		if f.url == url {
			return f.root.at(pointer(unescape(fragment)))
		}
	}
	return nil
}

// explain turns an error of the compiler into diagnostics at their places.
func explain(err error, files []*file) diag.List {
	var invalid *jsonschema.SchemaValidationError
	if errors.As(err, &invalid) {
		if list := explainInvalid(invalid, files); len(list) > 0 {
			return list
		}
	}
	at, code := files[0].root.span, "schema-keyword"
	at.End = diag.Pos{}
	message := err.Error()
	for _, f := range files {
		for _, ref := range f.refs {
			if _, fragment, _ := strings.Cut(ref.text, "#"); fragment != "" && strings.Contains(message, fragment) || ref.target == "" && strings.Contains(message, ref.text) {
				at, code = ref.span, "schema-ref"
			}
		}
		message = strings.ReplaceAll(message, f.url, f.name)
	}
	if code == "schema-ref" {
		message = "this refers to nothing that is there: " + message
	}
	return diag.List{}.Error(code, at, message, "")
}

// explainInvalid says what breaks the metaschema, keyword by keyword.
func explainInvalid(invalid *jsonschema.SchemaValidationError, files []*file) diag.List {
	var err *jsonschema.ValidationError
	if !errors.As(invalid.Err, &err) {
		return nil
	}
	seen := map[diag.Span]bool{}
	var list diag.List
	for _, leaf := range leaves(err, nil) {
		location := invalid.URL
		for _, token := range leaf.InstanceLocation {
			location += "/" + escape(token)
		}
		n := nodeAt(files, location)
		if n == nil || seen[n.span] {
			continue
		}
		seen[n.span] = true
		keyword := "this"
		if i := len(leaf.InstanceLocation); i > 0 {
			keyword = fmt.Sprintf("%q", leaf.InstanceLocation[i-1])
		}
		_, reason := describe(leaf)
		list = list.Error("schema-keyword", n.span, keyword+" "+reason, "")
	}
	list.Sort()
	return list
}
