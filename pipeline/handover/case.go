package handover

// case.go: golden cases as use cases, and as tests that both sides accept by.

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"pipeline/pipeline"
	"pipeline/pipeline/diag"
	"pipeline/pipeline/golden"
)

// Case is a use case, and how it is accepted.
type Case struct {
	ID      string // "UAT-1"
	Title   string
	Name    string // as the tool calls it: acme/people
	Story   []string
	Inputs  []Input
	Steps   []string
	Outputs []Output
	Rejects []golden.Reject
	Command string // that runs it
}

// Input is what goes in, in short.
type Input struct {
	About string
	Lines []string
	More  int // lines that are left out
}

// Output is what has to come out. One that is no table has its lines alone.
type Output struct {
	Name     string
	Rows     int      // all of them
	Columns  []string // of a table that fits a page as it is, with …
	Cells    [][]string
	Upright  []Upright // … else pieces of it with a line for each column
	Lines    []string
	MoreRows int // that are left out
}

// Upright is a few rows of a wide table, a line for each column.
type Upright struct {
	Heads []string // "row 1", …
	Lines []UprightLine
}

// UprightLine is a column of those rows.
type UprightLine struct {
	Column string
	Cells  []string
}

const (
	maxInputLines = 8   // of an input that are shown
	maxInputWidth = 180 // characters of each
	maxRows       = 12  // of an output that are shown
	maxCell       = 160 // characters of a cell
	maxFlat       = 5   // columns of a table that fits a page as it is
	uprightRows   = 4   // of a wide table beside each other
)

func casesOf(p *Pack, plan *pipeline.Plan, scenarios []*golden.Scenario) []Case {
	var out []Case
	for i, s := range scenarios {
		c := Case{ID: fmt.Sprintf("UAT-%d", i+1), Title: title(s.Name), Name: s.Name, Rejects: s.Rejects}
		for _, paragraph := range strings.Split(s.Story, "\n\n") {
			if text := strings.Join(strings.Fields(paragraph), " "); text != "" {
				c.Story = append(c.Story, text)
			}
		}
		for _, in := range s.Inputs {
			c.Inputs = append(c.Inputs, p.input(in))
		}
		for _, o := range s.Outputs {
			c.Outputs = append(c.Outputs, outputOf(o, plan))
		}
		c.Command = "pipeline test " + p.Folder + s.Name + ".txtar"
		c.Steps = p.stepsOf(plan, s)
		out = append(out, c)
	}
	return out
}

// title is a case's name as a headline: awkward-people is "Awkward people".
func title(name string) string {
	text := strings.Join(strings.FieldsFunc(name, func(r rune) bool { return r == '-' || r == '_' || r == '.' }), " ")
	first, size := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(first)) + text[size:]
}

func (p *Pack) input(in golden.Input) Input {
	about := fmt.Sprintf("%s in %s", diag.Count(in.Records, "record"), in.Name)
	if in.Answer {
		about = in.Name
		switch {
		case in.Status != 200:
			about += fmt.Sprintf(": the answer is a %d", in.Status)
		case in.Records > 0:
			about += ": the answer has " + diag.Count(in.Records, "record")
		}
	}
	out := Input{About: about}
	for line := range strings.Lines(in.Text) {
		line = strings.TrimSpace(line)
		switch {
		case line == "":
		case len(out.Lines) < maxInputLines:
			out.Lines = append(out.Lines, oneLine(line, maxInputWidth))
		default:
			out.More++
		}
	}
	return out
}

// stepsOf are what a tester does.
func (p *Pack) stepsOf(plan *pipeline.Plan, s *golden.Scenario) []string {
	given := "Give the integration the records below."
	if s.Inputs[0].Answer {
		given = fmt.Sprintf("Let %s answer as below, or register the same people for a test event.", p.Platform)
	} else if plan.Remote() {
		given = fmt.Sprintf("Give the integration the records below, or register the same people on %s for a test event.", p.Platform)
	}
	out := []string{given, "Run the integration once. In the automated test the clock stands at " + s.Now.Format(time.RFC3339) + "."}
	for _, o := range s.Outputs {
		rows := "what is shown below"
		if n := len(o.Rows); n > 0 {
			rows = diag.Count(n, "row") + ", as below"
		}
		out = append(out, fmt.Sprintf("Compare %s: it has %s.", o.Name, rows))
	}
	if len(s.Outputs) == 0 {
		out = append(out, "See that nothing is delivered.")
	}
	if n := len(s.Rejects); n > 0 {
		return append(out, fmt.Sprintf("See that %s kept out, with the reasons below.", map[bool]string{true: "1 record is", false: fmt.Sprintf("%d records are", n)}[n == 1]))
	}
	return append(out, "See that no record is kept out.")
}

func outputOf(o golden.Output, plan *pipeline.Plan) Output {
	out := Output{Name: o.Name, Rows: len(o.Rows)}
	known := slices.ContainsFunc(plan.Columns(), func(c pipeline.Column) bool { return slices.Contains(o.Columns, c.Name) })
	if !known || len(o.Rows) == 0 {
		lines := strings.Split(strings.TrimRight(o.Text, "\n"), "\n")
		for _, line := range lines[:min(len(lines), maxRows)] {
			out.Lines = append(out.Lines, oneLine(line, 2*maxCell))
		}
		out.MoreRows = max(len(lines)-maxRows, 0)
		return out
	}
	shown := o.Rows[:min(len(o.Rows), maxRows)]
	out.MoreRows = len(o.Rows) - len(shown)
	if len(o.Columns) <= maxFlat {
		out.Columns = o.Columns
		for _, row := range shown {
			out.Cells = append(out.Cells, shortened(row))
		}
		return out
	}
	for from := 0; from < len(shown); from += uprightRows {
		out.Upright = append(out.Upright, upright(o.Columns, shown[from:min(from+uprightRows, len(shown))], from))
	}
	return out
}

// upright are rows with a line for each column; first is how many come before.
func upright(columns []string, rows [][]string, first int) Upright {
	var u Upright
	for i := range rows {
		u.Heads = append(u.Heads, fmt.Sprintf("Row %d", first+i+1))
	}
	for i, column := range columns {
		line := UprightLine{Column: column}
		for _, row := range rows {
			line.Cells = append(line.Cells, oneLine(row[i], maxCell))
		}
		u.Lines = append(u.Lines, line)
	}
	return u
}

func shortened(row []string) []string {
	out := make([]string, len(row))
	for i, cell := range row {
		out[i] = oneLine(cell, maxCell)
	}
	return out
}
