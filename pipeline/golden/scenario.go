package golden

// scenario.go: a case as people read it: what goes in and what has to come out, as
// tables.

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"pipeline/pipeline"
)

// Scenario is what a case says, for a document.
type Scenario struct {
	Name    string // without the mapping's
	Story   string // its comment, paragraphs apart by an empty line
	Now     time.Time
	Inputs  []Input
	Outputs []Output
	Rejects []Reject
}

// Input is a file that goes in.
type Input struct {
	Name    string // "input.jsonl", "GET /events/1/attendees"
	Answer  bool   // it is what the platform answers …
	Status  int    // … with this status
	Records int    // as far as they can be counted: 0 where they cannot
	Text    string
}

// Output is a file that has to come out. One that holds no rows has its text alone.
type Output struct {
	Name    string
	Columns []string
	Rows    [][]string // a cell per column, as the file has it; null in JSON is empty
	Text    string
}

// Reject is a record that has to be kept out.
type Reject struct{ Record, Field, Reason, Code string }

// Plan is the mapping as its cases run it: what a variable gives is a placeholder.
func (s *Suite) Plan() *pipeline.Plan { return s.plan }

// Scenario is what the case in a file says.
func (s *Suite) Scenario(file string) (*Scenario, error) {
	c, err := ReadCase(file)
	if err != nil {
		return nil, err
	}
	in, err := c.given()
	if err != nil {
		return nil, err
	}
	_, name, _ := strings.Cut(s.NameOf(file), "/")
	out := &Scenario{Name: name, Story: c.story(), Now: in.now}
	if in.input != nil {
		out.Inputs = append(out.Inputs, Input{Name: in.input.Name, Records: countRecords(in.input.Data), Text: string(in.input.Data)})
	}
	for _, a := range in.answers {
		out.Inputs = append(out.Inputs, Input{Name: a.Request, Answer: true, Status: a.Status, Records: countRecords(a.Body), Text: string(a.Body)})
	}
	columns := s.columns()
	for _, f := range c.wanted() {
		if f.Name == s.rejectFile() {
			out.Rejects = rejectsOf(f.Data)
			continue
		}
		out.Outputs = append(out.Outputs, outputOfFile(f, columns))
	}
	return out, nil
}

func (s *Suite) columns() []string {
	var columns []string
	for _, c := range s.plan.Columns() {
		columns = append(columns, c.Name)
	}
	return columns
}

// story is the comment without the line that sets the clock.
func (c *Case) story() string {
	var b strings.Builder
	for line := range strings.Lines(c.Comment) {
		if !strings.HasPrefix(line, "now:") {
			b.WriteString(line)
		}
	}
	return strings.TrimSpace(b.String())
}

// countRecords is how many records a text holds: lines that are objects, or the
// longest list of an answer.
func countRecords(data []byte) int {
	var all any
	if json.Unmarshal(data, &all) == nil {
		switch v := all.(type) {
		case []any:
			return len(v)
		case map[string]any:
			for _, member := range []string{"items", "data"} {
				if list, ok := v[member].([]any); ok {
					return len(list)
				}
			}
			return 1
		}
	}
	n := 0
	for _, line := range linesOf(data) {
		if len(bytes.TrimSpace(line)) > 0 {
			n++
		}
	}
	return n
}

// outputOfFile is an output as a table, where it is one.
func outputOfFile(f File, columns []string) Output {
	out := Output{Name: f.Name, Text: string(f.Data)}
	t, _, ok := tables(f.Name, f.Data, f.Data, columns)
	if !ok {
		return out
	}
	out.Columns = t.columns
	for _, row := range t.rows {
		var cells []string
		for _, column := range t.columns {
			cell := row.cells[column]
			if strings.HasPrefix(row.text, "{") {
				cell = plainJSON(cell)
			}
			cells = append(cells, cell)
		}
		out.Rows = append(out.Rows, cells)
	}
	return out
}

// plainJSON is a value of JSON as a cell shows it: a text without its quotes.
func plainJSON(cell string) string {
	if cell == "null" {
		return ""
	}
	return unquoted(cell)
}

// rejectsOf are the lines of a reject file.
func rejectsOf(data []byte) []Reject {
	var out []Reject
	for i, line := range linesOf(data) {
		var r struct {
			Page, Item, Line    int
			Key                 json.RawMessage
			Code, Field, Reason string
		}
		if json.Unmarshal(line, &r) != nil {
			continue // it is compared as it is, and shows nothing here
		}
		record := "record " + strconv.Itoa(i+1)
		switch {
		case r.Line > 0:
			record = fmt.Sprintf("line %d", r.Line)
		case r.Item > 0:
			record = fmt.Sprintf("record %d", r.Item)
		}
		if r.Page > 1 {
			record += fmt.Sprintf(" of page %d", r.Page)
		}
		out = append(out, Reject{record, r.Field, r.Reason, r.Code})
	}
	return out
}
