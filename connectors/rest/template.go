package rest

// template.go: a path of a declaration is text with options in braces. An
// option is put in as one segment, escaped, so that no value can change which
// endpoint is called.

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"pipeline/pipeline"
	"pipeline/pipeline/diag"
)

// template is text with the names of options between its pieces: piece 0, name
// 0, piece 1, …
type template struct {
	pieces []string // one more than names
	names  []string
}

// template reads the scalar n, in which each {name} must be one of options.
func (r *reader) template(n *yaml.Node, options []pipeline.Option) template {
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
		name, tail, closed := strings.Cut(after, "}")
		if !closed {
			r.error(n, "invalid-value", fmt.Sprintf("%q has a { without a }", n.Value), "")
			return t
		}
		r.templateName(n, name, options)
		t.names = append(t.names, name)
		rest = tail
	}
}

func (r *reader) templateName(n *yaml.Node, name string, options []pipeline.Option) {
	var known []string
	for _, o := range options {
		known = append(known, o.Name)
		if o.Name != name {
			continue
		}
		if !o.Required && o.Default == nil {
			r.error(n, "invalid-value", fmt.Sprintf("{%s} may be missing", name), "make the option required, or give it a default")
		}
		return
	}
	hint := diag.DidYouMean(name, known)
	if hint == "" {
		hint = "declare it under options"
	}
	r.error(n, "unknown-name", fmt.Sprintf("{%s} is not an option of this connector", name), hint)
}

// path is the template with options put in as path segments.
func (t template) path(options pipeline.Options) string { return t.fill(options, url.PathEscape) }

// text is the template with options put in as they are.
func (t template) text(options pipeline.Options) string {
	return t.fill(options, func(s string) string { return s })
}

func (t template) fill(options pipeline.Options, escape func(string) string) string {
	var b strings.Builder
	for i, piece := range t.pieces {
		b.WriteString(piece)
		if i < len(t.names) {
			b.WriteString(escape(optionText(options[t.names[i]])))
		}
	}
	return b.String()
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
