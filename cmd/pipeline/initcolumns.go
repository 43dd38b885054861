package main

// initcolumns.go: which columns a mapping can have, and what an expert would make
// of each field of the source.

import (
	"cmp"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode"

	"pipeline/pipeline"
	"pipeline/pipeline/diag"
	"pipeline/pipeline/schema"
	"pipeline/pipeline/value"
)

// column is one that init proposes.
type column struct {
	name       string
	path       string // of the record, as people write it
	expression string
	typ        string // empty: none is declared
	zone       string // where a day begins
	required   bool
	schema     string // of its values
	doc        string
}

// propose decides on the columns, the key and the filter.
func (n *newMapping) propose(plan *pipeline.Plan) error {
	shape := plan.Record()
	if shape == nil || len(shape.Fields) == 0 {
		var err error
		if shape, err = n.inferred(); err != nil {
			return err
		}
	}
	n.columns, n.skipped = nil, nil
	n.proposeKey(shape)
	n.proposeFields(shape, nil)
	n.proposeWhere(shape)
	if err := n.pick(); err != nil {
		return err
	}
	if len(n.columns) == 0 {
		return fmt.Errorf("%s: nothing is known of a record of %s, and there is none to look at; write the mapping by hand, see docs/mapping.md", n.name, n.source.Name)
	}
	return nil
}

// inferred is what the records that were seen look like.
func (n *newMapping) inferred() (*value.Shape, error) {
	var sample schema.Sample
	for _, text := range n.texts {
		if !json.Valid(text) || text[0] != '{' {
			continue // it will be rejected
		}
		if err := sample.Add(text); err != nil {
			return nil, err
		}
	}
	compiled, diags := schema.Compile(n.source.Name, sample.Text(n.source.Name), nil)
	if diags.HasErrors() {
		return nil, fmt.Errorf("%s: make out what is in the records: %s", n.name, diags[0].Message)
	}
	return compiled.Shape(), nil
}

// proposeKey takes the record's own key.
func (n *newMapping) proposeKey(shape *value.Shape) {
	n.key = n.stream.Key
	if n.key != "" {
		return
	}
	for _, f := range shape.Fields {
		scalar := f.Shape.Kind == value.String || f.Shape.Kind == value.Integer
		if scalar && !f.Shape.Nullable && strings.EqualFold(f.Name, "id") {
			n.key = f.Name
		}
	}
}

// proposeFields makes a column of each field of an object that is one value.
func (n *newMapping) proposeFields(object *value.Shape, above []string) {
	for _, f := range object.Fields {
		path := append(slices.Clone(above), f.Name)
		switch {
		case f.Shape.Kind == value.JSON && len(f.Shape.Fields) > 0 && len(above) < 3:
			inner := *f.Shape
			n.proposeFields(&inner, path)
		case f.Shape.Kind == value.List && f.Shape.Elem != nil && asksQuestions(f.Shape.Elem):
			n.proposeAnswers(path)
		case f.Shape.Kind == value.List && f.Shape.Elem != nil && f.Shape.Elem.Kind == value.JSON:
			n.skipped = append(n.skipped, fmt.Sprintf("%s is a list; a row for each of its elements: `each: {%s: %s ?? []}`", strings.Join(path, "."), singular(f.Name), reference(path)))
		case f.Shape.Kind == value.JSON || f.Shape.Kind == value.List || f.Shape.Kind == value.Null:
			n.skipped = append(n.skipped, strings.Join(path, ".")+" may be of several types, or a list")
		default:
			n.columns = append(n.columns, n.column(path, f.Shape, len(above) > 0))
		}
	}
}

func asksQuestions(item *value.Shape) bool {
	_, question := item.Field("question")
	_, answer := item.Field("answer")
	return question && answer
}

func singular(name string) string {
	if one := strings.TrimSuffix(name, "s"); one != name && identifier().MatchString(one) {
		return one
	}
	return "item"
}

// maxQuestions is how many questions of a form become columns.
const maxQuestions = 12

// proposeAnswers makes a column of each question that was seen.
func (n *newMapping) proposeAnswers(path []string) {
	var questions []string
	for _, text := range n.texts {
		items, _ := pipeline.Elements(member(text, path), []string{""}, nil) // what is no list has no questions
		for _, item := range items {
			var q struct {
				Question *string `json:"question"`
			}
			if json.Unmarshal(item.Text, &q) == nil && q.Question != nil && *q.Question != "" && !slices.Contains(questions, *q.Question) {
				questions = append(questions, *q.Question)
			}
		}
	}
	if len(questions) == 0 {
		n.skipped = append(n.skipped, fmt.Sprintf("the answers of the form: `answer(%s, \"Dietary requirements\") ?? \"\"`", reference(path)))
	}
	for i, q := range questions {
		if i == maxQuestions {
			n.skipped = append(n.skipped, fmt.Sprintf("%d more questions of %s", len(questions)-i, strings.Join(path, ".")))
			return
		}
		quoted, _ := json.Marshal(q) // a text
		n.columns = append(n.columns, column{
			name: n.free(columnName(q)), path: q, schema: `"type": "string"`, doc: "Answer to: " + q,
			expression: fmt.Sprintf("answer(%s, %s) ?? \"\"", reference(path), unescapeHTML(quoted)),
		})
	}
}

// unescapeHTML undoes what json.Marshal does for pages.
func unescapeHTML(text []byte) string {
	return strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&").Replace(string(text))
}

// member is the value at a path, nil where there is none.
func member(text []byte, path []string) []byte {
	for _, name := range path {
		var found []byte
		_ = pipeline.Members(text, func(have, v []byte) { // what is no object has no members
			if string(have) == name {
				found = v
			}
		})
		text = found
	}
	return text
}

// column makes one of a field.
func (n *newMapping) column(path []string, shape *value.Shape, within bool) column {
	ref, nullable := reference(path), shape.Nullable || within
	c := column{name: n.free(columnName(strings.Join(path, "_"))), path: strings.Join(path, "."), expression: ref, doc: sentence(shape.Doc)}
	last := strings.ToLower(path[len(path)-1])
	isKey := !within && path[0] == n.key
	if isKey {
		n.key = c.name
	}
	switch {
	case isKey:
		c.schema, c.required = `"type": "string", "minLength": 1`, nullable
		if shape.Kind != value.String {
			c.expression = "string(" + ref + ")"
		}
	case shape.Kind == value.String && shape.Format == "date-time":
		c.typ, c.zone, c.schema = "date", n.flags.timezone, `"type": ["string", "null"], "format": "date"`
	case shape.Kind == value.String && shape.Format == "date":
		c.typ, c.schema = "date", `"type": ["string", "null"], "format": "date"`
	case shape.Kind == value.String:
		c.schema = `"type": "string"`
		c.expression = textExpression(ref, last, nullable)
	case shape.Kind == value.Boolean:
		c.schema = `"type": "boolean"`
		if nullable {
			c.expression += " ?? false"
		}
	case shape.Kind == value.Integer:
		c.schema = `"type": ["integer", "null"]`
	default:
		c.typ, c.schema = "number", `"type": ["number", "null"]`
		if money().MatchString(last) {
			c.typ = `"decimal(12,2)"`
		}
	}
	return c
}

var money = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`price|amount|total|cost|fee|paid|balance|tax|discount`)
})

// textExpression cleans a text as its name suggests; "" stands for null.
func textExpression(ref, name string, nullable bool) string {
	if nullable {
		ref += ` ?? ""`
	}
	switch {
	case strings.HasSuffix(strings.ReplaceAll(name, "-", ""), "email"):
		return "lower(trim(" + ref + "))"
	case strings.HasSuffix(name, "name"):
		return "trim(" + ref + ")"
	}
	return ref
}

// sentence is the first sentence of a text.
func sentence(doc string) string {
	first, _, _ := strings.Cut(strings.ReplaceAll(doc, "\n", " "), ". ")
	return strings.TrimSuffix(first, ".")
}

var (
	identifier = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`) })
	reserved   = []string{"true", "false", "nil", "null", "and", "or", "not", "in", "if", "else", "let", "matches", "contains", "startsWith", "endsWith"}
)

// reference is how an expression reads a path.
func reference(path []string) string {
	var b strings.Builder
	for i, name := range path {
		quoted, _ := json.Marshal(name) // a text
		switch plain := identifier().MatchString(name) && !slices.Contains(reserved, name); {
		case i == 0 && plain:
			b.WriteString(name)
		case i == 0:
			b.WriteString("$env[" + unescapeHTML(quoted) + "]")
		case plain:
			b.WriteString("." + name)
		default:
			b.WriteString("[" + unescapeHTML(quoted) + "]")
		}
	}
	return b.String()
}

// columnName is a name in lower case, with _ between words.
func columnName(text string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(text) {
		switch {
		case r < unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r)):
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "_"):
			b.WriteByte('_')
		}
	}
	name := strings.Trim(b.String(), "_")
	if len(name) > 40 {
		name = strings.TrimRight(name[:40], "_")
	}
	if name == "" || unicode.IsDigit(rune(name[0])) {
		name = "column_" + name
	}
	return strings.TrimRight(name, "_")
}

// free is name, with a number where there is such a column already.
func (n *newMapping) free(name string) string {
	try := name
	for i := 2; slices.ContainsFunc(n.columns, func(c column) bool { return c.name == try }); i++ {
		try = fmt.Sprintf("%s_%d", name, i)
	}
	return try
}

var cancelled = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?i)^cancell?ed$`) })

// proposeWhere leaves out who cancelled, where there is such a thing.
func (n *newMapping) proposeWhere(shape *value.Shape) {
	at := slices.IndexFunc(shape.Fields, func(f value.Field) bool { return strings.EqualFold(f.Name, "status") && f.Shape.Kind == value.String })
	if at < 0 {
		return
	}
	name, status := shape.Fields[at].Name, shape.Fields[at].Shape
	words := slices.Clone(status.Enum)
	for _, text := range n.texts {
		var word string
		if json.Unmarshal(member(text, []string{name}), &word) == nil {
			words = append(words, word)
		}
	}
	if i := slices.IndexFunc(words, cancelled().MatchString); i >= 0 {
		ref := reference([]string{name})
		if status.Nullable {
			ref = "(" + ref + ` ?? "")`
		}
		n.where = fmt.Sprintf("%s != %q", ref, words[i])
	}
}

// pick keeps the columns that --columns names or the user, in that order.
func (n *newMapping) pick() error {
	var names []string
	for _, c := range n.columns {
		names = append(names, c.name)
	}
	if len(n.flags.columns) == 0 && n.ask.line != nil {
		answer, err := n.ask.ask(asked{flag: "--columns A,B,C", question: "which columns, of " + strings.Join(names, ","), fallback: "all"})
		if err != nil {
			return err
		}
		if answer != "all" {
			n.flags.columns = strings.FieldsFunc(answer, func(r rune) bool { return r == ',' || r == ' ' })
		}
	}
	if len(n.flags.columns) == 0 {
		return nil
	}
	var out []column
	for _, want := range n.flags.columns {
		i := slices.IndexFunc(n.columns, func(c column) bool { return c.name == want || c.path == want })
		if i < 0 {
			return usage("--columns: there is no %q; %s", want, cmp.Or(diag.DidYouMean(want, names), "there are "+strings.Join(names, ", ")))
		}
		if !slices.ContainsFunc(out, func(c column) bool { return c.name == n.columns[i].name }) {
			out = append(out, n.columns[i])
		}
	}
	n.columns = out
	return nil
}
