package handover

// column.go: what a column is, in words.

import (
	"slices"
	"strings"

	"pipeline/pipeline"
	"pipeline/pipeline/golden"
	"pipeline/pipeline/value"
)

// Column is a column of the rows that are delivered.
type Column struct {
	Name       string
	Key        bool // it is a part of what makes a row the same row
	Meaning    string
	Type       string
	Optional   bool // it may be null
	Sources    []string
	Expression string // empty: the source as it is
	Rules      []string
	Examples   []string // from the golden cases, which hold made-up people
}

const (
	maxExpression = 300 // characters of an expression that are shown
	maxExample    = 60  // and of an example
)

func columnsOf(plan *pipeline.Plan, o pipeline.Outline, scenarios []*golden.Scenario) []Column {
	var out []Column
	for i, f := range plan.Fields() {
		c := Column{
			Name: f.Name, Key: slices.Contains(plan.KeyColumns(), i), Meaning: f.Description,
			Type: typeWords(f.Type), Optional: f.Nullable, Expression: oneLine(o.Fields[i].Expression, maxExpression),
		}
		for _, r := range o.Fields[i].Reads {
			c.Sources = append(c.Sources, r.Path)
			if c.Meaning == "" && len(o.Fields[i].Reads) == 1 {
				c.Meaning = r.Doc
			}
		}
		if len(c.Sources) == 1 && c.Sources[0] == c.Expression {
			c.Expression = ""
		}
		c.Rules = rulesInWords(f, o.Rules[i], o.Fields[i].Zone)
		for _, text := range examples(scenarios, f.Name, 2) {
			c.Examples = append(c.Examples, oneLine(text, maxExample))
		}
		out = append(out, c)
	}
	return out
}

// typeWords is a type as people say it who do not know ours.
func typeWords(t value.Type) string {
	switch t.Kind {
	case value.Null:
		return "as it comes"
	case value.String:
		return "text"
	case value.Integer:
		return "whole number"
	case value.Float, value.Number:
		return "number"
	case value.Boolean:
		return "true or false"
	case value.Timestamp:
		return "time (UTC)"
	default:
		return t.String()
	}
}

// formats are what the formats of JSON Schema mean.
var formats = map[string]string{
	"email": "an email address", "idn-email": "an email address", "date": "a day, as 2026-03-31", "date-time": "a time, as 2026-03-31T09:30:00Z",
	"uri": "an address of the web", "uuid": "a UUID", "time": "a time of day",
}

// bounds are what stands before the value of a bound.
var bounds = map[string]string{
	"minimum": "at least ", "maximum": "at most ", "exclusiveMinimum": "more than ", "exclusiveMaximum": "less than ",
	"multipleOf": "a multiple of ", "pattern": "matches the pattern ", "minItems": "entries, at least ", "maxItems": "entries, at most ",
}

// rulesInWords are the rules of a column; what is said by its type is left out.
func rulesInWords(f pipeline.FieldInfo, rules []string, zone string) []string {
	var out, listed []string
	if !f.Nullable {
		out = append(out, "required")
	}
	if zone != "" {
		out = append(out, "the day in "+zone)
	}
	for _, rule := range rules {
		keyword, arg, _ := strings.Cut(rule, " ")
		switch {
		case rule == "null" || rule == "format date" && f.Type.Kind == value.Date || rule == "format date-time" && f.Type.Kind == value.Timestamp:
		case keyword == "enum" || keyword == "const":
			listed = append(listed, arg)
		case rule == "minLength 1":
			out = append(out, "not empty")
		case keyword == "minLength":
			out = append(out, "at least "+arg+" characters")
		case keyword == "maxLength":
			out = append(out, "at most "+arg+" characters")
		case keyword == "format" && formats[arg] != "":
			out = append(out, formats[arg])
		case bounds[keyword] != "":
			out = append(out, bounds[keyword]+arg)
		default:
			out = append(out, rule)
		}
	}
	if len(listed) > 0 {
		out = append(out, "one of "+strings.Join(listed, ", "))
	}
	return out
}

// examples are values of a column as the cases want them delivered, each once. An
// empty cell is none.
func examples(scenarios []*golden.Scenario, column string, most int) []string {
	var out []string
	for _, s := range scenarios {
		for _, o := range s.Outputs {
			at := slices.Index(o.Columns, column)
			for _, row := range o.Rows {
				if at < 0 || len(out) == most || row[at] == "" || isEscaped(row[at]) || slices.Contains(out, row[at]) {
					continue
				}
				out = append(out, row[at])
			}
		}
	}
	return out
}

// isEscaped reports whether a cell was kept from being run by a spreadsheet: it is
// what a test is about, and no good example.
func isEscaped(cell string) bool {
	return len(cell) > 1 && cell[0] == '\'' && strings.IndexByte("=+-@\t\r\n", cell[1]) >= 0
}

// oneLine is a text without line breaks, cut to so many characters.
func oneLine(text string, most int) string {
	text = strings.Join(strings.Fields(text), " ")
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return text
}
