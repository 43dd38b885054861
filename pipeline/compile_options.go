package pipeline

// Options of connectors: YAML to values of the types that the connector
// declares, with ${NAME} put in.

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	yaml "go.yaml.in/yaml/v4"

	"pipeline/pipeline/diag"
)

// options decodes what d gives and adds the defaults of what it does not.
func (c *compiler) options(d ConnectorDecl, name string, declared []Option, check func(Options) []OptionError) Options {
	out := Options{}
	for _, o := range declared {
		if o.Default != nil {
			out[o.Name] = o.Default
		}
	}
	p := &parser{file: d.Name.file}
	if d.options != nil && d.options.Kind != yaml.MappingNode {
		p.wrongType(d.options, name, fmt.Sprintf("its options, as in %s: {%s}", name, exampleOptions(declared)))
		c.diags = append(c.diags, p.diags...)
		return out
	}
	given := map[string]entry{}
	if d.options != nil {
		given = p.entries(d.options, name, optionNames(declared))
	}
	c.diags = append(c.diags, p.diags...)
	failed := false
	for _, o := range declared {
		e, ok := given[o.Name]
		if !ok {
			if o.Required {
				failed = true
				c.err("missing-option", d.Name.Span(), fmt.Sprintf("%s needs %s", name, o.Name), o.Doc)
			}
			continue
		}
		v, ok := c.option(o, e, d.Name.file)
		failed = failed || !ok
		if ok {
			out[o.Name] = v
		}
	}
	if check == nil || failed {
		return out
	}
	for _, problem := range check(out) {
		at := d.Name.Span()
		if e, ok := given[problem.Option]; ok {
			at = d.Name.file.span(e.value)
		}
		c.err("bad-option", at, problem.Message, problem.Hint)
	}
	return out
}

func optionNames(declared []Option) []string {
	names := make([]string, len(declared))
	for i, o := range declared {
		names[i] = o.Name
	}
	return names
}

func exampleOptions(declared []Option) string {
	for _, o := range declared {
		if o.Required {
			return o.Name + ": …"
		}
	}
	return "…"
}

// option is one value, of the type that o declares.
func (c *compiler) option(o Option, e entry, file *sourceFile) (any, bool) {
	p := &parser{file: file}
	defer func() { c.diags = append(c.diags, p.diags...) }()
	switch o.Type {
	case TypeStrings:
		var list []string
		for _, item := range p.list(e, o.Name, "a list of texts") {
			list = append(list, c.expand(p.text(entry{e.key, item}, o.Name)))
		}
		return list, len(p.diags) == 0
	case TypeMap:
		texts := map[string]string{}
		for _, item := range p.named(e, o.Name, "names with a text each") {
			texts[item.key.Value] = c.expand(p.text(item, item.key.Value))
		}
		return texts, len(p.diags) == 0
	}
	t := p.text(e, o.Name)
	if t.Missing() {
		return nil, false
	}
	return c.scalar(o, t)
}

func (c *compiler) scalar(o Option, t Text) (any, bool) {
	s, before := c.expand(t), len(c.diags)
	bad := func(message, hint string) (any, bool) {
		c.err("bad-option", t.Span(), message, hint)
		return nil, false
	}
	switch o.Type {
	case TypeInteger:
		n, err := strconv.ParseInt(s, 10, 64)
		switch {
		case err != nil:
			return bad(fmt.Sprintf("%s takes a whole number", o.Name), o.Doc)
		case n < 0 || (o.Max > 0 && (n > o.Max || n < 1)):
			return bad(fmt.Sprintf("%s is %d", o.Name, n), allowed(o))
		}
		return n, true
	case TypeBoolean:
		if s != "true" && s != "false" {
			return bad(fmt.Sprintf("%s takes true or false", o.Name), o.Doc)
		}
		return s == "true", true
	case TypeInput:
		if s == "-" {
			return s, true
		}
		return c.input(t, s)
	}
	if len(o.Values) > 0 && !slices.Contains(o.Values, s) {
		return bad(fmt.Sprintf("%s cannot be %q", o.Name, s), cmp.Or(diag.DidYouMean(s, o.Values), "it is one of "+strings.Join(o.Values, ", ")))
	}
	return s, len(c.diags) == before
}

func allowed(o Option) string {
	if o.Max > 0 {
		return fmt.Sprintf("it may be 1 to %d", o.Max)
	}
	return "it may not be negative"
}

// input is the path of a file that the mapping names, which must be there.
func (c *compiler) input(t Text, path string) (any, bool) {
	full := path
	if !filepath.IsAbs(path) {
		full = filepath.Join(filepath.Dir(t.file.name), path)
	}
	if err := c.setup.Files.Exists(full); err != nil {
		c.err("missing-file", t.Span(), fmt.Sprintf("cannot read %s: %v", full, plainCause(err)), inputHint(path))
		return nil, false
	}
	return full, true
}

// open reads a file that the mapping names.
func (c *compiler) open(t Text, path string) (name string, src []byte, ok bool) {
	name = path
	if !filepath.IsAbs(path) {
		name = filepath.Join(filepath.Dir(t.file.name), path)
	}
	src, err := c.setup.Files.Open(name)
	if err != nil {
		c.err("missing-file", t.Span(), fmt.Sprintf("cannot read %s: %v", name, plainCause(err)), inputHint(path))
		return name, nil, false
	}
	return name, src, true
}

func inputHint(path string) string {
	if filepath.IsAbs(path) {
		return ""
	}
	return "the path is relative to this mapping's folder"
}

func plainCause(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return errors.New("there is no such file")
	}
	return cause(err)
}

var variable = regexp.MustCompile(`\$\{([^}]*)\}`)

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// expand is the text with ${NAME} and ${NAME:-default} put in.
func (c *compiler) expand(t Text) string {
	if t.Missing() || !strings.Contains(t.Value, "${") {
		return t.Value
	}
	return variable.ReplaceAllStringFunc(t.Value, func(ref string) string {
		name, fallback, hasFallback := strings.Cut(ref[2:len(ref)-1], ":-")
		if !variableName.MatchString(name) {
			c.err("bad-value", t.Span(), fmt.Sprintf("%s names no variable", ref), "write ${NAME}, or ${NAME:-what to use where it is not set}")
			return ""
		}
		if c.setup.Getenv != nil {
			if v, ok := c.setup.Getenv(name); ok && (v != "" || !hasFallback) {
				return v
			}
		}
		if !hasFallback {
			c.err("missing-variable", t.Span(), fmt.Sprintf("the variable %s is not set", name), fmt.Sprintf("set it with: export %s=…", name))
		}
		return fallback
	})
}
