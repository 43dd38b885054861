package handover

// markdown.go: the pack as Markdown, as GitHub and its like show it; the diagram is
// a Mermaid flowchart.

import (
	"fmt"
	"io"
	"strings"

	"pipeline/pipeline/diag"
)

// Markdown writes the pack as Markdown.
func (p *Pack) Markdown(w io.Writer) error {
	m := &markdown{}
	m.line("# Integration request: %s", plain(p.Title))
	m.facts(p.Facts)
	m.objective(p)
	m.flow(p.Flow)
	m.requirements(p)
	m.line("## 4. Limits and errors")
	m.facts(p.Limits)
	m.security(p)
	m.acceptance(p)
	m.signOff(p)
	_, err := io.WriteString(w, m.String())
	return err
}

// markdown is a document in the making: blocks apart by an empty line.
type markdown struct{ strings.Builder }

func (m *markdown) line(format string, args ...any) {
	if m.Len() > 0 {
		m.WriteByte('\n')
	}
	fmt.Fprintf(m, format+"\n", args...)
}

func (m *markdown) list(marker string, items []string) {
	m.WriteByte('\n')
	for _, item := range items {
		m.WriteString(marker + " " + item + "\n")
	}
}

// table writes rows of cells that are Markdown already.
func (m *markdown) table(head []string, rows [][]string) {
	m.WriteString("\n| " + strings.Join(head, " | ") + " |\n|" + strings.Repeat("---|", len(head)) + "\n")
	for _, row := range rows {
		m.WriteString("| " + strings.Join(row, " | ") + " |\n")
	}
}

func (m *markdown) facts(facts []Fact) {
	var rows [][]string
	for _, f := range facts {
		rows = append(rows, []string{"**" + plain(f.Name) + "**", plain(f.Text)})
	}
	m.table([]string{"", ""}, rows)
}

func (m *markdown) objective(p *Pack) {
	m.line("## 1. Objective")
	if p.Description != "" {
		m.line("%s", plain(p.Description))
	} else {
		m.line("> **To be written:** what the client wants to achieve, in one or two sentences. Put it under `description:` in %s and make this document again.", code(p.Mapping))
	}
	for _, text := range p.Objective {
		m.line("%s", plain(text))
	}
	m.line("### To be filled in")
	var rows [][]string
	for _, b := range p.Blanks {
		rows = append(rows, []string{"**" + plain(b.Name) + "**: " + plain(b.Text), strings.Repeat("&nbsp;", 20)})
	}
	m.table([]string{"what", "answer"}, rows)
}

func (m *markdown) flow(f Flow) {
	m.line("## 2. Data flow")
	m.line("```mermaid\n%s```", f.mermaid())
	var items []string
	for _, text := range f.Sentences() {
		items = append(items, plain(text))
	}
	m.list("1.", items)
}

// mermaid is the flow as a flowchart.
func (f Flow) mermaid() string {
	var b strings.Builder
	node := func(n Node) string {
		text := n.Title
		if n.Detail != "" {
			text += "<br>" + n.Detail
		}
		return `"` + mermaidText(text) + `"`
	}
	fmt.Fprintf(&b, "flowchart TD\n  source[%s] -->|\"%s\"| step1\n  subgraph host [\"%s\"]\n", node(f.Source), mermaidText(f.Wire), mermaidText(f.Where))
	for i, s := range f.Steps {
		fmt.Fprintf(&b, "    step%d[%s]\n", i+1, node(s.Node))
		if i > 0 {
			fmt.Fprintf(&b, "    step%d --> step%d\n", i, i+1)
		}
		if s.Aside != nil {
			open, end := "(", ")"
			if s.Kept {
				open, end = "[(", ")]"
			}
			fmt.Fprintf(&b, "    step%d -.-> aside%d%s%s%s\n", i+1, i+1, open, node(*s.Aside), end)
		}
	}
	b.WriteString("  end\n")
	for i, s := range f.Sinks {
		fmt.Fprintf(&b, "  step%d --> sink%d[%s]\n", len(f.Steps), i+1, node(s))
	}
	return b.String()
}

// mermaidText is a label of a flowchart, in which nothing means anything.
func mermaidText(text string) string {
	text = strings.NewReplacer("&", "#amp;", `"`, "#quot;", "#", "#35;", "<br>", "<br>", "<", "#lt;", ">", "#gt;", "`", "#96;", "{", "#123;", "}", "#125;", "[", "#91;", "]", "#93;").Replace(text)
	return strings.Join(strings.Fields(text), " ")
}

func (m *markdown) requirements(p *Pack) {
	m.line("## 3. Detailed requirements")
	m.line("### 3.1 Columns that are delivered")
	var rows [][]string
	for _, c := range p.Columns {
		rows = append(rows, columnRow(c))
	}
	m.table([]string{"column", "meaning", "type and rules", "source", "example"}, rows)
	m.line("### 3.2 Which records")
	var items []string
	for _, r := range p.Selection {
		items = append(items, plain(r.Words)+"."+spaced(code(r.Expression)))
	}
	for _, r := range p.Names {
		items = append(items, code(r.Name)+" is "+code(r.Expression))
	}
	m.list("-", items)
	m.line("### 3.3 Fields that are read")
	m.line("%s of a record; all others are ignored.", diag.Count(len(p.Reads), "field"))
	rows = nil
	for _, r := range p.Reads {
		rows = append(rows, []string{cellCode(r.Path), plain(r.Meaning), plain(strings.Join(r.For, ", "))})
	}
	m.table([]string{"field", "meaning in the source", "needed for"}, rows)
	m.line("### 3.4 What is kept out")
	items = nil
	for _, text := range p.KeptOut {
		items = append(items, plain(text))
	}
	m.list("-", items)
}

func columnRow(c Column) []string {
	name := cellCode(c.Name)
	if c.Key {
		name += " (key)"
	}
	meaning := plain(c.Meaning)
	if meaning == "" {
		meaning = "**To be written:** `description:`"
	}
	rules := "**" + plain(c.Type) + "**"
	if c.Optional {
		rules += ", may be empty"
	}
	for _, r := range c.Rules {
		rules += "; " + plain(r)
	}
	var sources []string
	for _, s := range c.Sources {
		sources = append(sources, cellCode(s))
	}
	source := strings.Join(sources, ", ")
	if source == "" {
		source = "fixed"
	}
	if c.Expression != "" {
		source += "<br>made by " + cellCode(c.Expression)
	}
	var samples []string
	for _, e := range c.Examples {
		samples = append(samples, plain(e))
	}
	return []string{name, meaning, rules, source, strings.Join(samples, "<br>")}
}

func (m *markdown) security(p *Pack) {
	m.line("## 5. Security and personal data")
	m.facts(p.Security)
	m.line("### Columns with data of people")
	if len(p.Personal) == 0 {
		m.line("No column looks as if it held data of people. Names and formats tell only so much: please check.")
		return
	}
	m.line("Found by their names and formats; please check the list.")
	var rows [][]string
	for _, c := range p.Personal {
		kind := plain(c.Kind)
		if c.Special {
			kind += " (**special category**)"
		}
		rows = append(rows, []string{cellCode(c.Column), kind})
	}
	m.table([]string{"column", "what it tells"}, rows)
}

func (m *markdown) acceptance(p *Pack) {
	m.line("## 6. Use cases and acceptance tests")
	if len(p.Cases) == 0 {
		m.line("> **To be made:** golden cases, which become the use cases and acceptance tests of this document. Record one from the platform, with its people replaced by made-up ones: %s, or write one in %s.", code("pipeline record "+p.Mapping+" --case NAME"), code(p.Folder))
		return
	}
	m.line("%s, each with made-up people. All of them pass as automated tests of the mapping; they come to %s.", diag.Count(len(p.Cases), "case"), p.Coverage)
	for _, c := range p.Cases {
		m.acceptanceOf(c)
	}
}

func (m *markdown) acceptanceOf(c Case) {
	m.line("### %s %s", c.ID, plain(c.Title))
	for _, text := range c.Story {
		m.line("%s", plain(text))
	}
	var steps []string
	for _, s := range c.Steps {
		steps = append(steps, plain(s))
	}
	m.list("1.", steps)
	for _, in := range c.Inputs {
		lines := in.Lines
		if in.More > 0 {
			lines = append(lines[:len(lines):len(lines)], "… "+diag.Count(in.More, "line")+" more")
		}
		m.line("Input: %s", code(in.About))
		m.fence(lines)
	}
	for _, o := range c.Outputs {
		m.output(o)
	}
	if len(c.Rejects) > 0 {
		m.line("Expected to be kept out:")
		var rows [][]string
		for _, r := range c.Rejects {
			field := "whole record"
			if r.Field != "" {
				field = cellCode(r.Field)
			}
			rows = append(rows, []string{plain(r.Record), field, plain(r.Reason)})
		}
		m.table([]string{"record", "column", "reason"}, rows)
	}
	m.line("☐ Pass ☐ Fail · Remarks: ____________________")
	m.line("Automated: %s", code(c.Command))
}

func (m *markdown) output(o Output) {
	m.line("Expected in %s:", code(o.Name))
	cells := func(texts []string) []string {
		out := make([]string, len(texts))
		for i, text := range texts {
			out[i] = plain(text)
		}
		return out
	}
	if o.Columns != nil {
		var rows [][]string
		for _, row := range o.Cells {
			rows = append(rows, cells(row))
		}
		m.table(cells(o.Columns), rows)
	}
	for _, u := range o.Upright {
		var rows [][]string
		for _, l := range u.Lines {
			rows = append(rows, append([]string{cellCode(l.Column)}, cells(l.Cells)...))
		}
		m.table(append([]string{"column"}, u.Heads...), rows)
	}
	if o.Lines != nil {
		m.fence(o.Lines)
	}
	if o.MoreRows > 0 {
		m.line("… and %d more in the case file.", o.MoreRows)
	}
}

func (m *markdown) signOff(p *Pack) {
	m.line("## 7. Sign-off")
	m.line("Signed by both sides when the requirements are agreed upon, and again when the acceptance tests have passed.")
	head := append([]string{""}, p.Sides...)
	for i := range head {
		head[i] = plain(head[i])
	}
	var rows [][]string
	for _, what := range []string{"Name", "Role", "Date", "Signature"} {
		rows = append(rows, append([]string{what}, make([]string, len(head)-1)...))
	}
	m.table(head, rows)
}

// fence writes lines as they are, between marks that are longer than any of theirs.
func (m *markdown) fence(lines []string) {
	text := strings.Join(lines, "\n")
	marks := strings.Repeat("`", max(3, longestTicks(text)+1))
	m.line("%s\n%s\n%s", marks, text, marks)
}

// plain is a text in which nothing means anything to Markdown, on one line.
func plain(text string) string {
	var b strings.Builder
	for _, r := range strings.Join(strings.Fields(text), " ") {
		switch {
		case r == '&':
			b.WriteString("&amp;")
		case r == '<':
			b.WriteString("&lt;")
		case strings.ContainsRune("\\`*_[]|~>#$", r):
			b.WriteByte('\\')
			b.WriteRune(r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// code is a text as code, on one line; empty for none.
func code(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if text == "" {
		return ""
	}
	marks := strings.Repeat("`", longestTicks(text)+1)
	if strings.HasPrefix(text, "`") || strings.HasSuffix(text, "`") {
		text = " " + text + " "
	}
	return marks + text + marks
}

// cellCode is code in a table, which ends a cell at | even within code.
func cellCode(text string) string { return strings.ReplaceAll(code(text), "|", `\|`) }

func spaced(text string) string {
	if text == "" {
		return ""
	}
	return " " + text
}

// longestTicks is the longest run of backticks.
func longestTicks(text string) int {
	longest, run := 0, 0
	for _, r := range text {
		run++
		if r != '`' {
			run = 0
		}
		longest = max(longest, run)
	}
	return longest
}
