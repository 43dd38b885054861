package rest

// template.go: a path of a declaration is text with options in braces. An
// option is put in as one segment, escaped, so that no value can change which
// endpoint is called.

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"pipeline/pipeline"
	"pipeline/pipeline/diag"
)

// template is text with names, most often of options, between its pieces: piece 0, name
// 0, piece 1, …
type template struct {
	pieces []string // one more than names
	names  []string
}

// template reads the scalar n. name is told of each {name} in it.
func (r *reader) template(n *yaml.Node, name func(n *yaml.Node, name string)) template {
	var t template
	rest := n.Value
	for {
		before, after, open := strings.Cut(rest, "{")
		t.pieces = append(t.pieces, before)
		if strings.Contains(before, "}") {
			r.error(n, "invalid-value", fmt.Sprintf("%q has a } without a {", n.Value), "")
		}
		if !open {
			return t
		}
		inner, tail, closed := strings.Cut(after, "}")
		if !closed {
			r.error(n, "invalid-value", fmt.Sprintf("%q has a { without a }", n.Value), "")
			return t
		}
		name(n, inner)
		t.names = append(t.names, inner)
		rest = tail
	}
}

// option is the option of that name, or nil.
func option(options []pipeline.Option, name string) *pipeline.Option {
	for i := range options {
		if options[i].Name == name {
			return &options[i]
		}
	}
	return nil
}

// need says that a stream has a use for an option, which is then needed.
func (r *reader) need(s *stream, options []pipeline.Option) func(*yaml.Node, string) {
	return func(n *yaml.Node, name string) {
		o := option(options, name)
		switch {
		case o == nil:
			hint := diag.DidYouMean(name, optionNames(options))
			r.error(n, "unknown-name", fmt.Sprintf("{%s} is not an option of this connector", name), cmp.Or(hint, "declare it under options"))
		case !o.Required && o.Default == nil && !slices.Contains(s.needs, name):
			s.needs = append(s.needs, name)
		}
	}
}

func optionNames(options []pipeline.Option) []string {
	names := make([]string, len(options))
	for i, o := range options {
		names[i] = o.Name
	}
	return names
}

// path is the template with a path segment, already escaped, for each name.
func (t template) path(segment func(name string) string) string {
	var b strings.Builder
	for i, piece := range t.pieces {
		b.WriteString(piece)
		if i < len(t.names) {
			b.WriteString(segment(t.names[i]))
		}
	}
	return b.String()
}

// segments gives options as path segments.
func segments(options pipeline.Options) func(string) string {
	return func(name string) string { return url.PathEscape(optionText(options[name])) }
}

// text is the template with options put in as they are.
func (t template) text(options pipeline.Options) string {
	return t.path(func(name string) string { return optionText(options[name]) })
}

// optionText is an option as an address shows it.
func optionText(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case int64:
		return strconv.FormatInt(v, 10)
	case bool:
		return strconv.FormatBool(v)
	}
	return ""
}

// match is the options that make an escaped path out of the template; ok is
// false where none do.
func (t template) match(escaped string) (options map[string]string, ok bool) {
	options = map[string]string{}
	rest, ok := strings.CutPrefix(escaped, t.pieces[0])
	if !ok {
		return nil, false
	}
	for i, name := range t.names {
		end := len(rest)
		if next := t.pieces[i+1]; next != "" {
			end = strings.Index(rest, next)
		} else if slash := strings.IndexByte(rest, '/'); slash >= 0 {
			end = slash
		}
		if end <= 0 {
			return nil, false
		}
		value, err := url.PathUnescape(rest[:end])
		if err != nil || strings.Contains(rest[:end], "/") {
			return nil, false
		}
		options[name] = value
		rest = rest[end+len(t.pieces[i+1]):]
	}
	return options, rest == ""
}
