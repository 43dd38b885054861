package pipeline

import (
	"crypto/sha256"
	"encoding/hex"
	"path/filepath"

	yaml "go.yaml.in/yaml/v4"

	"pipeline/pipeline/diag"
)

// Mapping is what one mapping file says, and where it says it. Nothing about it
// has been found to make sense yet: that is Compile's part.
type Mapping struct {
	File        string
	Name        Text // empty: the file's name
	Description Text
	Source      SourceDecl
	Schedule    ScheduleDecl
	Each        []Named
	Let         []Named
	Where       Text
	Key         []Text
	Lookups     []LookupDecl
	Fields      []FieldDecl
	Schema      Text
	Rejects     RejectsDecl
	Sinks       []ConnectorDecl

	at      diag.Span // the file's first line, for what is missing
	origins *origins
}

// Text is a scalar of a file and where it stands. It is missing where nothing
// was said.
type Text struct {
	Value string
	node  *yaml.Node
	file  *sourceFile
}

// sourceFile is a file that was read, for showing its lines.
type sourceFile struct {
	name string
	src  []byte

	places *diag.Source // src with an index of its lines; made when it is asked for
}

// index is the file with its places, indexed once and not for each of them.
func (f *sourceFile) index() *diag.Source {
	if f.places == nil {
		f.places = diag.NewSource(f.name, f.src)
	}
	return f.places
}

// Missing reports whether the file does not say this.
func (t Text) Missing() bool { return t.node == nil }

// Span is where the text stands.
func (t Text) Span() diag.Span { return t.file.span(t.node) }

func (f *sourceFile) span(n *yaml.Node) diag.Span { return f.index().NodeSpan(n) }

// path is where an input lies that the file names as path.
func (f *sourceFile) path(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(f.name), path)
}

// origins says where the nodes of a mapping stand, which may be made of several
// files.
type origins struct {
	own   *sourceFile           // of every node that is not listed
	nodes map[*yaml.Node]origin // of the files it extends, and what is made of several
	bases []baseFile            // the files it extends, each after the one that names it
}

// baseFile is a file that is extended, and where it is named.
type baseFile struct {
	*sourceFile
	at Text
}

// digest is the SHA-256 of what was written: the mapping, then those that it extends,
// each after the one that names it.
func (o *origins) digest() string {
	sum := sha256.New()
	sum.Write(o.own.src)
	for _, base := range o.bases {
		sum.Write(base.src)
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// origin is a node as it was written.
type origin struct {
	file *sourceFile
	node *yaml.Node
}

func (o *origins) of(n *yaml.Node) origin {
	if at, ok := o.nodes[n]; ok {
		return at
	}
	return origin{o.own, n}
}

func (o *origins) span(n *yaml.Node) diag.Span {
	at := o.of(n)
	return at.file.span(at.node)
}

// text is a scalar as it stands.
func (o *origins) text(n *yaml.Node) Text {
	at := o.of(n)
	return Text{Value: n.Value, node: at.node, file: at.file}
}

// Named is a name and the expression behind it.
type Named struct{ Name, Value Text }

// LookupDecl is an entry of lookups: a table in a CSV file.
type LookupDecl struct {
	Name  Text
	Path  Text
	Key   Text // the column that lookup() looks in …
	Value Text // … and the one that it gives
}

// FieldDecl is an entry of fields:, short or long form.
type FieldDecl struct {
	Name        Text
	Value       Text
	Type        Text
	Timezone    Text
	Required    Text
	Description Text
}

// ConnectorDecl is a connector's name and its options, not decoded yet.
type ConnectorDecl struct {
	Name    Text
	options *yaml.Node // nil: none are given
}

// SourceDecl is the source: of a mapping.
type SourceDecl struct {
	Connectors  []ConnectorDecl // exactly one in a mapping that makes sense
	Connection  Text
	Stream      Text
	Schema      Text
	Rate        Text
	Concurrency Text
	Override    Text // rate_override
	Sync        Text // full or incremental
	Tape        Text // on or off
	Resume      Text // how long an interrupted run can be gone on with
	Drift       Text // warn or fail
	Reconcile   Text // how often all is pulled beside what is pushed

	at    diag.Span
	diags diag.List // what is wrong with its form
}

// ScheduleDecl is the schedule: of a mapping, short or long form.
type ScheduleDecl struct{ Cron, Timezone Text }

// RejectsDecl is the rejects: of a mapping.
type RejectsDecl struct {
	Path Text
	Max  Text

	Retry Text
}
