package pipeline

import (
	"fmt"
	"sync"
	"time"

	"pipeline/pipeline/diag"
	"pipeline/pipeline/expression"
	"pipeline/pipeline/value"
)

// Template is an expression over the rows of one request, such as
// `{attendees: rows}`: what a sink sends where the receiver wants more than the
// rows. Many goroutines may use it at once.
type Template struct {
	program  *expression.Program
	at       []int
	machines sync.Pool
}

// templateNames are the names that a template may use, in the order of their
// slots.
var templateNames = []string{"row", "rows"}

// compileTemplate compiles the text of an option of TypeExpression.
func compileTemplate(src string) (*Template, []expression.Problem) {
	program, problems := expression.Compile(src, expression.Scope{Record: &value.Shape{Kind: value.JSON, Fields: []value.Field{
		{Name: "row", Shape: &value.Shape{Kind: value.JSON, Open: true, Doc: "the first row of the request"}},
		{Name: "rows", Shape: &value.Shape{Kind: value.List, Doc: "all rows of the request"}},
	}}})
	if program == nil {
		return nil, problems
	}
	t := &Template{program: program}
	t.machines.New = func() any { return expression.NewMachine(time.Time{}) }
	for _, r := range program.Reads() {
		// row.email is a path of its own, which the rows' text does not have slots
		// for
		if len(r.Path) > 1 {
			problems = append(problems, expression.Problem{Severity: diag.Error, Code: "template-path", To: len(src),
				Message: fmt.Sprintf("%s.%s: a body is made of whole rows", r.Path[0], r.Path[1]), Hint: "write row or rows, as in {attendees: rows}; columns are made in fields:"})
			return nil, problems
		}
		for slot, name := range templateNames {
			if r.Path[0] == name {
				t.at = append(t.at, slot)
			}
		}
	}
	return t, problems
}

// JSON is the expression's value for the rows of a request, as JSON: row is the
// first of them, as a JSON object, rows is all of them, as an array.
func (t *Template) JSON(row, rows string) ([]byte, error) {
	m := t.machines.Get().(*expression.Machine)
	defer t.machines.Put(m)
	v, err := m.Eval(t.program, []value.Value{value.JSONText(row), value.ListText(rows)}, t.at)
	if err != nil {
		return nil, err
	}
	return v.AppendJSON(nil), nil
}
