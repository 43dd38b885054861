package pipeline

import (
	"cmp"
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"

	yaml "go.yaml.in/yaml/v4"

	"pipeline/pipeline/diag"
	"pipeline/pipeline/expression"
	"pipeline/pipeline/value"
)

// Setup is what Compile may look at beside the mapping itself.
type Setup struct {
	Registry *Registry
	Files    *Files
	Getenv   func(name string) (string, bool) // for ${NAME}; nil: nothing is set

	// Placeholder is what stands for a ${NAME} that is not set and has no default,
	// in tests; where it is nil that is a diagnostic.
	Placeholder func(name string) string
	// Cover makes expressions note which of their branches are taken, for Coverage.
	Cover bool
}

// Compile finds out whether the mapping makes sense, without the network, and
// reports all that does not at once. The Plan is nil where there are errors.
func (m *Mapping) Compile(s Setup) (*Plan, diag.List) {
	c := &compiler{m: m, setup: s, plan: &Plan{}}
	c.scope.Cover = s.Cover
	c.name()
	c.source()
	c.lookups()
	c.expressions()
	c.target()
	c.keys()
	c.bind()
	c.rejects()
	c.sinks()
	c.schedule()
	c.diags.Sort()
	m.origins.trace(c.diags)
	if c.diags.HasErrors() {
		return nil, c.diags
	}
	return c.plan, c.diags
}

// compiler turns one mapping into a plan.
type compiler struct {
	m     *Mapping
	setup Setup
	plan  *Plan
	diags diag.List
	put   []variablePut // what ${NAME} put in, for keeping it out of messages
	stood []*yaml.Node  // where placeholders stand for what is not known

	scope  expression.Scope
	record paths   // what is read of a record
	each   []paths // what is read of the elements of each level of each:
}

// paths are the paths that are read of one value, each once.
type paths struct {
	list  [][]string
	index map[string]int // of each in list
}

// slot is the index of a path, which is added where it is new.
func (p *paths) slot(path []string) int {
	key := strings.Join(path, "\x00")
	if i, ok := p.index[key]; ok {
		return i
	}
	if p.index == nil {
		p.index = map[string]int{}
	}
	p.index[key] = len(p.list)
	p.list = append(p.list, path)
	return len(p.list) - 1
}

func (c *compiler) err(code string, at diag.Span, message, hint string, notes ...diag.Note) {
	c.diags = c.diags.Error(code, at, message, hint, notes...)
}

// maxName leaves room for what is put behind a name in names of files.
const maxName = 100

var goodName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[\pL\pN][\pL\pN._-]*$`) })

// IsName reports whether files can be named after s: letters, digits, dots, dashes
// and underscores, at most 100 bytes of them.
func IsName(s string) bool { return goodName().MatchString(s) && len(s) <= maxName }

func (c *compiler) name() {
	base := filepath.Base(c.m.File)
	c.plan.name = strings.TrimSuffix(base, filepath.Ext(base))
	c.plan.description = strings.TrimSpace(c.m.Description.Value)
	c.plan.digest = c.m.origins.digest()
	if c.m.Name.Missing() {
		return
	}
	c.plan.name = c.expand(c.m.Name)
	if !IsName(c.plan.name) {
		c.err("bad-value", c.m.Name.Span(), fmt.Sprintf("%q cannot be a mapping's name", c.m.Name.Value), "files are named after it: use letters, digits, dots, dashes and underscores, at most 100 of them")
	}
}

// keys finds the columns of key:, and the record's own key.
func (c *compiler) keys() {
	for _, t := range c.m.Key {
		if t.Missing() {
			continue
		}
		i := c.column(t.Value)
		if i < 0 {
			hint := diag.DidYouMean(t.Value, c.fieldNames())
			c.err("unknown-field", t.Span(), fmt.Sprintf("key names %q, which is not a field", t.Value), cmp.Or(hint, "key takes names of fields: what makes a row the same row"))
			continue
		}
		c.plan.key = append(c.plan.key, i)
	}
	if name := c.plan.source.stream.Key; name != "" {
		c.plan.recordKey = &recordKey{name: name, slot: c.record.slot([]string{name})}
	}
}

func (c *compiler) column(name string) int {
	for i, f := range c.m.Fields {
		if f.Name.Value == name {
			return i
		}
	}
	return -1
}

func (c *compiler) fieldNames() []string {
	var names []string
	for _, f := range c.m.Fields {
		names = append(names, f.Name.Value)
	}
	return names
}

func (c *compiler) rejects() {
	r := rejectsPlan{path: c.plan.name + ".rejects.jsonl", maxCount: -1, maxPercent: 100}
	if path := c.expand(c.m.Rejects.Path); path != "" {
		r.path = path
		if path == "-" {
			c.err("bad-value", c.m.Rejects.Path.Span(), "rejects go to a file, not to stdout", "name a file, or leave path out")
		}
	}
	r.retry = c.boolean(c.m.Rejects.Retry)
	if max := c.expand(c.m.Rejects.Max); max != "" {
		share, isShare := strings.CutSuffix(max, "%")
		n, err := strconv.ParseFloat(strings.TrimSpace(share), 64)
		switch {
		case err != nil || strings.Trim(share, "0123456789. ") != "" || n < 0 || (isShare && n > 100) || (!isShare && n != float64(int(n))):
			c.err("bad-value", c.m.Rejects.Max.Span(), fmt.Sprintf("%q is neither a number of records nor a share of them", c.m.Rejects.Max.Value), "write a count such as 100, or a share such as 5%")
		case isShare:
			r.maxPercent = n
		default:
			r.maxCount = int(n)
		}
	}
	c.plan.rejects = r
}

// typeOf is a declared type; unknown where none is declared or it is wrong.
func (c *compiler) typeOf(t Text) value.Type {
	if t.Missing() {
		return value.Unknown
	}
	typ, err := value.ParseType(t.Value)
	if err != nil {
		hint := ""
		if named, ok := typesElsewhere[strings.ToLower(t.Value)]; ok {
			hint = fmt.Sprintf("did you mean %q?", named)
		}
		c.err("unknown-type", t.Span(), err.Error(), cmp.Or(hint, diag.DidYouMean(t.Value, value.Types), "the types are "+strings.Join(value.Types, ", ")))
	}
	return typ
}

// typesElsewhere is what our types are called in other places.
var typesElsewhere = map[string]string{
	"datetime": "timestamp", "date-time": "timestamp", "time": "timestamp", "int": "integer", "bigint": "integer",
	"float": "number", "double": "number", "bool": "boolean", "text": "string", "varchar": "string", "array": "list(string)", "object": "json",
}

func (c *compiler) boolean(t Text) bool {
	if t.Missing() {
		return false
	}
	switch c.expand(t) {
	case "true":
		return true
	case "false":
	default:
		c.err("bad-value", t.Span(), "this is neither true nor false", "")
	}
	return false
}
