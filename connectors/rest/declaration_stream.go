package rest

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"pipeline/pipeline"
	"pipeline/pipeline/diag"
)

// streams reads the lists of the API; the first is the default.
func (r *reader) streams(n *yaml.Node, options []pipeline.Option, schema func(string) ([]byte, error)) []stream {
	all, ok := r.object(n, "streams")
	if ok && len(all.entries) == 0 {
		r.error(n, "invalid-value", "streams is empty", "name at least one list of the API")
	}
	var out []stream
	for _, e := range all.entries {
		if !optionName.MatchString(e.name) {
			r.error(e.key, "invalid-value", "stream "+strconv.Quote(e.name)+" is not a plain name", "lower case letters, digits, - and _")
			continue
		}
		if s, ok := r.stream(e, options, schema); ok {
			out = append(out, s)
		}
	}
	return out
}

func (r *reader) stream(e entry, options []pipeline.Option, schema func(string) ([]byte, error)) (stream, bool) {
	o, ok := r.object(e.value, "stream "+e.name, "summary", "path", "query", "key", "records", "page", "detail", "listed", "incremental", "push", "schema")
	if !ok {
		return stream{}, false
	}
	s := stream{name: e.name, summary: o.text("summary"), key: o.text("key"), records: []string{""}}
	if text, at := o.need("path", "where the list is, below base_url"); text != "" {
		r.belowBase(at, "path", "it begins with / and has no ? or #: what stands there goes into query")
		s.path = r.template(at, r.need(&s, options))
	}
	if n := o.get("query"); n != nil {
		s.query = r.query(n, r.need(&s, options))
	}
	if n := o.get("detail"); n != nil {
		r.detail(n, &s, options)
	}
	if n := o.get("listed"); n != nil {
		s.listed = r.texts(n, "listed")
	}
	if n := o.get("incremental"); n != nil {
		s.changes = r.changes(n)
	}
	if n := o.get("push"); n != nil {
		s.pushed = r.pushed(n, &s)
	}
	if n := o.get("records"); n != nil {
		s.records = r.envelopes(n)
	}
	if n := o.get("page"); n != nil {
		s.paging = r.paging(n, s.records)
	}
	if n := o.get("schema"); n != nil {
		s.schema = r.schema(n, schema)
	}
	return s, true
}

// belowBase reports what is no path below base_url.
func (r *reader) belowBase(n *yaml.Node, what, hint string) {
	if !strings.HasPrefix(n.Value, "/") || strings.ContainsAny(n.Value, "?#") {
		r.error(n, "invalid-value", what+" "+strconv.Quote(n.Value)+" is not a path below base_url", hint)
	}
}

// detail reads where one record is, by its own members and by options.
func (r *reader) detail(n *yaml.Node, s *stream, options []pipeline.Option) {
	if r.text(n, "detail") == "" {
		return
	}
	r.belowBase(n, "detail", "it begins with / and has no ? or #")
	need := r.need(s, options)
	path := r.template(n, func(n *yaml.Node, name string) {
		switch {
		case option(options, name) != nil:
			need(n, name)
		case name != s.key && diag.DidYouMean(name, optionNames(options)) != "":
			need(n, name) // which says what was meant
		case name == "":
			r.error(n, "unknown-name", "{} names nothing", "name an option, or a member of the listed record such as {id}")
		default:
			s.members = append(s.members, name)
		}
	})
	if len(s.members) == 0 {
		r.error(n, "invalid-value", "detail "+strconv.Quote(n.Value)+" is the same for every record", "name a member of the listed record in it, such as {id}")
	}
	s.detail = &path
}

func (r *reader) query(n *yaml.Node, name func(*yaml.Node, string)) []parameter {
	o, ok := r.object(n, "query")
	if !ok {
		return nil
	}
	var out []parameter
	for _, e := range o.entries {
		r.text(e.value, "query "+e.name)
		out = append(out, parameter{name: e.name, value: r.template(e.value, name)})
	}
	return out
}

// envelopes reads where the list may be, as pipeline.Elements wants it.
func (r *reader) envelopes(n *yaml.Node) []string {
	names := r.texts(n, "records")
	for i, name := range names {
		if name == "." {
			names[i] = ""
		}
	}
	return names
}

func (r *reader) schema(n *yaml.Node, read func(string) ([]byte, error)) pipeline.Document {
	name := r.text(n, "schema")
	if name == "" {
		return pipeline.Document{}
	}
	if read == nil {
		r.error(n, "schema", "schema "+strconv.Quote(name)+" cannot be read here", "")
		return pipeline.Document{}
	}
	text, err := read(name)
	if err != nil {
		r.error(n, "schema", fmt.Sprintf("schema %q cannot be read: %v", name, err), "")
		return pipeline.Document{}
	}
	return pipeline.Document{Name: schemaPath(r.file, name), Text: text}
}

// paging is how a long list is asked for in pages.
type paging struct {
	style pageStyle
	param string   // the parameter that says which page
	first int64    // of style page: the number of the first one
	next  []string // where an answer says what comes next; empty: its Link header
	total []string // where an answer says how many records there are; empty: nowhere
	size  pageSize
}

// pageSize is how many records a page has. The zero pageSize is unknown.
type pageSize struct {
	param        string // the parameter that asks for it; empty: it cannot be asked for
	initial, max int64
}

type pageStyle string

const (
	styleNone   pageStyle = "none"
	styleOffset pageStyle = "offset"
	stylePage   pageStyle = "page"
	styleCursor pageStyle = "cursor"
	styleLink   pageStyle = "link"
)

// paging reads `page:`.
func (r *reader) paging(n *yaml.Node, records []string) paging {
	o, ok := r.object(n, "page", "style", "param", "first", "next", "total", "size")
	if !ok {
		return paging{}
	}
	p := paging{style: styleNone, param: o.text("param"), first: 1}
	if n := o.get("style"); n == nil {
		o.missing("style", "one of none, offset, page, cursor, link")
	} else {
		p.style = pageStyle(r.word(n, "style", string(styleNone), string(styleOffset), string(stylePage), string(styleCursor), string(styleLink)))
	}
	for _, name := range []string{"param", "first", "next", "total", "size"} {
		if at := o.get(name); at != nil && !p.style.takes(name) {
			r.error(at, "invalid-value", fmt.Sprintf("paging of style %s has no %q", p.style, name), "leave it out")
		}
	}
	if p.style.takes("param") && p.param == "" && o.get("param") == nil && p.style != "" {
		o.missing("param", "the parameter that says which page is wanted")
	}
	if p.style == styleCursor && o.get("next") == nil {
		o.missing("next", "where an answer holds the cursor of the next page, as in meta.next")
	}
	p.first = o.count("first", 0, 1)
	p.next = r.steps(o.get("next"), "next", records)
	p.total = r.steps(o.get("total"), "total", records)
	if n := o.get("size"); n != nil {
		p.size = r.size(n)
	} else if p.style == styleOffset || p.style == stylePage {
		o.missing("size", "the end of a list is known by a page that is not full, as in size: {param: limit, default: 100, max: 100}")
	}
	return p
}

// takes reports whether a style has a use for a key.
func (s pageStyle) takes(key string) bool {
	switch s {
	case styleNone:
		return false
	case stylePage:
		return key != "next"
	case styleOffset:
		return key != "next" && key != "first"
	case styleCursor:
		return key != "first"
	case styleLink:
		return key != "first" && key != "param"
	}
	return true // what the style is was said to be wrong already
}

func (r *reader) size(n *yaml.Node) pageSize {
	o, ok := r.object(n, "size", "param", "default", "max")
	if !ok {
		return pageSize{}
	}
	if o.get("default") == nil {
		o.missing("default", "how many records a page has where nobody asks for another number")
	}
	s := pageSize{param: o.text("param"), initial: o.count("default", 1, 0)}
	s.max = o.count("max", 1, s.initial)
	switch {
	case s.max > math.MaxInt32:
		r.error(o.get("max"), "invalid-value", fmt.Sprintf("max is %d, more than any page can hold", s.max), "")
	case s.initial > s.max:
		r.error(o.get("default"), "invalid-value", fmt.Sprintf("default is %d and max is %d", s.initial, s.max), "the default must not be above the max")
	case s.param == "" && s.max != s.initial:
		r.error(o.get("max"), "invalid-value", "without a param nobody can ask for another size", "leave max out, or name the parameter")
	}
	return s
}

// steps reads a path such as meta.next into an answer that is an object.
func (r *reader) steps(n *yaml.Node, what string, records []string) []string {
	if n == nil {
		return nil
	}
	steps := strings.Split(r.text(n, what), ".")
	for _, step := range steps {
		if step == "" {
			r.error(n, "invalid-value", what+" "+strconv.Quote(n.Value)+" is not a path of names", "as in meta.next")
			return nil
		}
	}
	if len(records) == 1 && records[0] == "" {
		r.error(n, "invalid-value", what+" is in an answer that is a list and has no names", "say in records under which name the list is, as in records: data")
	}
	return steps
}
