package schema

import (
	"fmt"
	neturl "net/url"
	"path"
	"strings"

	"pipeline/pipeline/diag"
	"pipeline/pipeline/internal/disk"
)

// files.go: a schema and the files it refers to. Inside, each goes by an
// address of our own, so that no path, however odd, is ever read as a URL.

const maxFiles = 32

// file is one schema file.
type file struct {
	name string // the path people know it by
	url  string
	root *node
	ids  []string // every $id in it
	refs []*node  // every $ref in it
}

// loader reads a schema and what it refers to.
type loader struct {
	open  func(path string) ([]byte, error)
	files []*file // in the order they were met
	diags diag.List
	claim bool // no value is held against the schema
}

// load is the file of that name, read and checked once; nil where it is wrong.
func (l *loader) load(name string, text []byte) *file {
	f := &file{name: name, url: fmt.Sprintf("schema:///%d.json", len(l.files))}
	l.files = append(l.files, f)
	root, diags := parseJSON(name, text)
	l.diags = append(l.diags, diags...)
	if root == nil {
		return f
	}
	f.root = root
	if root.kind != '{' {
		l.diags = l.diags.Error("schema-syntax", root.span, "a JSON Schema for records is an object, this is "+nodeNoun(root), "")
		return f
	}
	collectIDs(root, f)
	c := &checker{loader: l, file: f}
	c.draft()
	c.schema(root, "")
	return f
}

// find is the file of that name, which the $ref at points to.
func (l *loader) find(name string, at *node) *file {
	for _, f := range l.files {
		if f.name == name {
			return f
		}
	}
	switch {
	case l.open == nil:
		l.diags = l.diags.Error("schema-ref", at.span, fmt.Sprintf("this schema stands alone and cannot refer to %s", name), "")
		return nil
	case len(l.files) == maxFiles:
		l.diags = l.diags.Error("schema-ref", at.span, fmt.Sprintf("more than %d files refer to one another", maxFiles), "")
		return nil
	}
	text, err := l.open(name)
	if err != nil {
		l.diags = l.diags.Error("schema-ref", at.span, fmt.Sprintf("cannot read %s: %v", name, disk.Cause(err)), "")
		return nil
	}
	return l.load(name, text)
}

// collectIDs notes every $id of f, to tell what a $ref can mean by it.
func collectIDs(n *node, f *file) {
	for _, m := range n.members {
		if (m.name == "$id" || m.name == "id") && m.value.kind == '"' && !strings.HasPrefix(m.value.text, "#") {
			f.ids = append(f.ids, strings.TrimSuffix(m.value.text, "#"))
		}
		collectIDs(m.value, f)
	}
	for _, item := range n.items {
		collectIDs(item, f)
	}
}

// embedded reports whether f has schemas inside that bear their own $id, and
// with it their own root for "#/…".
func (f *file) embedded() bool {
	own := 0
	if n := f.root.get("$id"); n != nil && n.kind == '"' {
		own = 1
	}
	return len(f.ids) > own
}

// ref checks a $ref and reads the file it points into, if it is another one.
func (c *checker) ref(n *node) {
	c.file.refs = append(c.file.refs, n)
	base, fragment, _ := strings.Cut(n.text, "#")
	address, err := neturl.Parse(base)
	switch {
	case err != nil:
		c.error("schema-ref", n, fmt.Sprintf("%q is not an address", diag.Crop(n.text, 60)), "")
	case base == "":
		c.fragment(n, c.file, fragment)
	case c.isKnown(base):
	case address.IsAbs() || address.Host != "":
		c.error("schema-ref", n, fmt.Sprintf("%s is not fetched: a schema comes from files alone", diag.Crop(base, 60)),
			"save it beside this file and refer to it by its path")
	case path.IsAbs(address.Path):
		c.error("schema-ref", n, "the path of another schema is relative to this file", "")
	default:
		c.otherFile(n, address.Path, fragment)
	}
}

// isKnown reports whether base is the $id of something in this file, or a
// schema of JSON Schema itself.
func (c *checker) isKnown(base string) bool {
	for _, id := range c.file.ids {
		if id == base {
			return true
		}
	}
	return strings.HasPrefix(base, "http://json-schema.org/") || strings.HasPrefix(base, "https://json-schema.org/")
}

func (c *checker) otherFile(n *node, to, fragment string) {
	name := path.Join(path.Dir(strings.ReplaceAll(c.file.name, `\`, "/")), to)
	f := c.loader.find(name, n)
	if f == nil || f.root == nil {
		return
	}
	n.target = f.url
	if fragment != "" {
		n.target += "#" + fragment
	}
	c.fragment(n, f, fragment)
}

// fragment checks that "#/definitions/…" leads somewhere.
func (c *checker) fragment(n *node, f *file, fragment string) {
	decoded, err := neturl.PathUnescape(fragment)
	if err != nil {
		c.error("schema-ref", n, fmt.Sprintf("%q is not an address", diag.Crop(n.text, 60)), "")
		return
	}
	if decoded != "" && decoded[0] != '/' || f.embedded() {
		return // an anchor, which the compiler knows about
	}
	tokens := pointer(decoded)
	for i := range tokens {
		if f.root.at(tokens[:i+1]) != nil {
			continue
		}
		hint := ""
		if parent := f.root.at(tokens[:i]); parent != nil {
			hint = didYouMean(tokens[i], parent.names())
		}
		c.error("schema-ref", n, fmt.Sprintf("there is no %s in %s", diag.Crop("#"+decoded, 60), f.name), hint)
		return
	}
}

// names are the names of an object's members.
func (n *node) names() []string {
	names := make([]string, len(n.members))
	for i, m := range n.members {
		names[i] = m.name
	}
	return names
}
