package main

// verdict.go: what check says of each mapping, a line for one and a table for a
// fleet.

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"pipeline/pipeline/diag"
)

// verdicts are what came of the mappings, in their order.
func verdicts(all []checked) []diag.Verdict {
	out := make([]diag.Verdict, len(all))
	for i, c := range all {
		v := diag.Verdict{File: c.file, OK: c.plan != nil}
		v.Errors, v.Warnings = c.diags.Count()
		for _, d := range c.diags {
			switch {
			case d.Severity != diag.Error:
			case d.Span.File == c.file:
				v.OwnErrors++
			case !slices.Contains(v.BrokenBy, d.Span.File):
				v.BrokenBy = append(v.BrokenBy, d.Span.File)
			}
		}
		if c.plan != nil {
			v.Columns, v.Source = len(c.plan.Columns()), c.plan.From()
			for _, s := range c.plan.Sinks() {
				v.Sinks = append(v.Sinks, s.Connector)
			}
		}
		out[i] = v
	}
	return out
}

func printVerdicts(w io.Writer, all []diag.Verdict) error {
	var text string
	if len(all) == 1 {
		text = oneVerdict(all[0])
	} else {
		text = verdictTable(all)
	}
	_, err := io.WriteString(w, text)
	return err
}

func oneVerdict(v diag.Verdict) string {
	switch {
	case !v.OK:
		return fmt.Sprintf("%s  %s\n", v.File, counts(v.Errors, v.Warnings))
	case v.Warnings > 0:
		return fmt.Sprintf("%s  ok, %s, %s\n", v.File, diag.Count(v.Columns, "column"), counts(0, v.Warnings))
	}
	return fmt.Sprintf("%s  ok, %s\n", v.File, diag.Count(v.Columns, "column"))
}

// tableWidth is how wide the table may be.
const tableWidth = 80

// verdictTable has a row for each mapping, and a last line that counts them.
// The last column gives way where a row is too wide, then the names of files,
// whose ends are what tells them apart.
func verdictTable(all []diag.Verdict) string {
	rows := [][]string{{"mapping", "verdict", "columns", "from", "to"}}
	broken := 0
	for _, v := range all {
		row := []string{v.File, "ok", strconv.Itoa(v.Columns), v.Source, strings.Join(v.Sinks, ", ")}
		if v.Warnings > 0 {
			row[1] = counts(0, v.Warnings)
		}
		if !v.OK {
			broken++
			row = []string{v.File, counts(v.Errors, 0), "", "in the mapping"}
			switch {
			case len(v.BrokenBy) > 0 && v.OwnErrors > 0:
				row[3] += ", in " + strings.Join(v.BrokenBy, ", ")
			case len(v.BrokenBy) > 0:
				row[3] = "in " + strings.Join(v.BrokenBy, ", ")
			}
		}
		rows = append(rows, row)
	}
	var b strings.Builder
	widths := columnWidths(rows)
	for _, row := range rows {
		b.WriteString(tableRow(row, widths) + "\n")
	}
	fmt.Fprintf(&b, "%s, %d broken\n", diag.Count(len(all), "mapping"), broken)
	return b.String()
}

// columnWidths are the widths of all columns but the last, of rows that have
// them all; the names of files get what the others leave.
func columnWidths(rows [][]string) []int {
	const last = 4
	widths := make([]int, last)
	for _, row := range rows {
		for i, cell := range row[:min(last, len(row))] {
			if i < 3 || len(row) > last {
				widths[i] = max(widths[i], utf8.RuneCountInString(cell))
			}
		}
	}
	others := widths[1] + widths[2] + widths[3] + 2*last
	widths[0] = min(widths[0], max(tableWidth-others-len("csv, webhook"), 20))
	return widths
}

func tableRow(row []string, widths []int) string {
	var b strings.Builder
	width := 0
	for i, cell := range row {
		switch {
		case i == len(row)-1:
			b.WriteString(cutEnd(cell, tableWidth-width))
		case i == 0:
			cell = cutStart(cell, widths[0])
			fallthrough
		default:
			left := i != 2 // numbers stand to the right
			b.WriteString(padded(cell, widths[i], left) + "  ")
			width += max(widths[i], utf8.RuneCountInString(cell)) + 2
		}
	}
	return strings.TrimRight(b.String(), " ")
}

func padded(s string, width int, left bool) string {
	fill := strings.Repeat(" ", max(0, width-utf8.RuneCountInString(s)))
	if left {
		return s + fill
	}
	return fill + s
}

// cutEnd and cutStart shorten a text to n characters.
func cutEnd(s string, n int) string {
	if runes := []rune(s); len(runes) > n {
		return string(runes[:max(n-1, 0)]) + "…"
	}
	return s
}

func cutStart(s string, n int) string {
	if runes := []rune(s); len(runes) > n {
		return "…" + string(runes[len(runes)-n+1:])
	}
	return s
}
