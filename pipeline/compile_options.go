package pipeline

// Options of connectors: YAML to values of the types that the connector
// declares, with ${NAME} put in.

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strconv"
	"strings"

	yaml "go.yaml.in/yaml/v4"

	"pipeline/pipeline/diag"
	"pipeline/pipeline/internal/disk"
)

// options decodes what d gives and adds the defaults of what it does not.
func (c *compiler) options(d ConnectorDecl, name string, declared []Option, check func(Options) []OptionError) Options {
	given := map[string]entry{}
	out, ok := c.optionGroup(optionGroup{name: name, at: d.Name.Span(), declared: declared, given: given}, d.options)
	if check == nil || !ok {
		return out
	}
	for _, problem := range check(out) {
		at := d.Name.Span()
		e, said := given[problem.Option]
		if said {
			at = c.m.origins.span(e.value)
		}
		if !said || !c.stoodIn(e.value) {
			c.err("bad-option", at, c.hide(problem.Message), c.hide(problem.Hint))
		}
	}
	return out
}

// optionGroup is options that stand together: those of a connector, or of one of its
// options.
type optionGroup struct {
	name     string // what messages call it
	prefix   string // before the names of its options in given
	at       diag.Span
	declared []Option
	given    map[string]entry // what the mapping gives, by path such as push.path
}

// optionGroup decodes the options under n; ok is false where one is wrong or missing.
func (c *compiler) optionGroup(g optionGroup, n *yaml.Node) (out Options, ok bool) {
	out, ok = Options{}, true
	for _, o := range g.declared {
		if o.Default != nil {
			out[o.Name] = o.Default
		}
	}
	p := &parser{origins: c.m.origins}
	if n != nil && n.Kind != yaml.MappingNode {
		p.wrongType(n, g.name, fmt.Sprintf("its options, as in %s: {%s}", g.name, exampleOptions(g.declared)))
		c.diags = append(c.diags, p.diags...)
		return out, false
	}
	given := map[string]entry{}
	if n != nil {
		given = p.entries(n, g.name, optionNames(g.declared))
	}
	c.diags = append(c.diags, p.diags...)
	for _, o := range g.declared {
		e, said := given[o.Name]
		if !said {
			if o.Required {
				ok = false
				c.err("missing-option", g.at, fmt.Sprintf("%s needs %s", g.name, o.Name), o.Doc)
			}
			continue
		}
		g.given[g.prefix+o.Name] = e
		v, fine := c.optionOrGroup(g, o, e)
		if ok = ok && fine; fine {
			out[o.Name] = v
		}
	}
	return out, ok
}

func (c *compiler) optionOrGroup(g optionGroup, o Option, e entry) (any, bool) {
	if o.Type != TypeGroup {
		return c.option(o, e)
	}
	return c.optionGroup(optionGroup{name: o.Name, prefix: g.prefix + o.Name + ".", at: c.m.origins.span(e.key), declared: o.Group, given: g.given}, e.value)
}

// stoodIn reports whether a placeholder stands for a ${NAME} below n, so that it
// cannot be said what is wrong with it.
func (c *compiler) stoodIn(n *yaml.Node) bool {
	return slices.Contains(c.stood, c.m.origins.of(n).node) || slices.ContainsFunc(n.Content, c.stoodIn)
}

// written are the options of d that are texts, as they stand in the file.
func (c *compiler) written(d ConnectorDecl) map[string]string {
	out := map[string]string{}
	if d.options == nil || d.options.Kind != yaml.MappingNode {
		return out // reported by options
	}
	for i := 0; i+1 < len(d.options.Content); i += 2 {
		if key, v := d.options.Content[i], d.options.Content[i+1]; v.Kind == yaml.ScalarNode {
			out[key.Value] = v.Value
		}
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
func (c *compiler) option(o Option, e entry) (any, bool) {
	p := &parser{origins: c.m.origins}
	defer func() { c.diags = append(c.diags, p.diags...) }()
	switch o.Type {
	case TypeStrings:
		var list []string
		if e.value.Kind == yaml.ScalarNode && !isNull(e.value) { // a list of one
			return []string{c.expand(p.text(e, o.Name))}, true
		}
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
	switch o.Type {
	case TypeExpression:
		return c.template(p.expression(e, o.Name))
	case TypeIdentity:
		return c.identity(p.expression(e, o.Name))
	}
	t := p.text(e, o.Name)
	if t.Missing() {
		return nil, false
	}
	return c.scalar(o, t)
}

// template compiles an option that is an expression.
func (c *compiler) template(t Text) (any, bool) {
	if t.Missing() {
		return nil, false
	}
	template, problems := compileTemplate(t.Value)
	c.problems(t.file.index().Locate(t.node), problems)
	return template, template != nil
}

// identity compiles an option that says what tells pushes apart.
func (c *compiler) identity(t Text) (any, bool) {
	if t.Missing() {
		return nil, false
	}
	identity, problems := compileIdentity(t.Value)
	c.problems(t.file.index().Locate(t.node), problems)
	return identity, identity != nil
}

func (c *compiler) scalar(o Option, t Text) (any, bool) {
	before := len(c.diags)
	s := c.expand(t)
	if len(c.diags) > before {
		return nil, false // a variable that is not set
	}
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
			return bad(fmt.Sprintf("%s is %s", o.Name, shown(t, strconv.FormatInt(n, 10))), allowed(o))
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
		return bad(fmt.Sprintf("%s cannot be %q", o.Name, t.Value), cmp.Or(diag.DidYouMean(s, o.Values), "it is one of "+strings.Join(o.Values, ", ")))
	}
	return s, true
}

func allowed(o Option) string {
	if o.Max > 0 {
		return fmt.Sprintf("it may be 1 to %d", o.Max)
	}
	return "it may not be negative"
}

// input is the path of a file that the mapping names, which must be there.
func (c *compiler) input(t Text, path string) (any, bool) {
	full := t.file.path(path)
	if err := c.setup.Files.Exists(full); err != nil {
		c.cannotRead(t, path, err)
		return nil, false
	}
	return full, true
}

// open reads a file that the mapping names.
func (c *compiler) open(t Text, path string) (name string, src []byte, ok bool) {
	name = t.file.path(path)
	src, err := c.setup.Files.Open(name)
	if err != nil {
		c.cannotRead(t, path, err)
	}
	return name, src, err == nil
}

// cannotRead reports a file that t names as path.
func (c *compiler) cannotRead(t Text, path string, err error) {
	full := t.file.path(path)
	hint := c.setup.Files.inputHint(path, full)
	c.err("missing-file", t.Span(), fmt.Sprintf("cannot read %s: %v", shown(t, full), plainCause(err)), c.hide(hint))
}

func plainCause(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return errors.New("there is no such file")
	}
	return disk.Cause(err)
}

var variable = regexp.MustCompile(`\$\{([^}]*)\}`)

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// variablePut is what came of a ${NAME}.
type variablePut struct{ reference, value string }

// expand is the text with ${NAME} and ${NAME:-default} put in.
func (c *compiler) expand(t Text) string {
	if t.Missing() || !holdsVariable(t) {
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
				c.put = append(c.put, variablePut{ref, v})
				return v
			}
		}
		if !hasFallback && c.setup.Placeholder != nil {
			c.stood = append(c.stood, t.node)
			return c.setup.Placeholder(name)
		}
		if !hasFallback {
			c.err("missing-variable", t.Span(), fmt.Sprintf("the variable %s is not set", name), fmt.Sprintf("set it: export %s=…, or %[1]s=… in a file .env beside the mapping", name))
		}
		return fallback
	})
}

func holdsVariable(t Text) bool { return strings.Contains(t.Value, "${") }

// shown is what a message shows of a text: what came of it, unless that may be
// a secret.
func shown(t Text, expanded string) string {
	if holdsVariable(t) {
		return t.Value
	}
	return expanded
}

// hidden is the length from which a value is kept out of other people's
// messages: below it, it is no secret, and words would be torn apart.
const hidden = 4

// hide is a message, made by a connector perhaps, without what ${NAME} put in.
func (c *compiler) hide(message string) string {
	for _, v := range c.put {
		if len(v.value) < hidden {
			continue
		}
		quoted := strconv.Quote(v.value)
		message = strings.ReplaceAll(message, v.value, v.reference)
		message = strings.ReplaceAll(message, quoted[1:len(quoted)-1], v.reference)
	}
	return message
}
