package main

// summary.go: the last words of a run, for people: what became of the records,
// where they are, and what to type next where something needs doing.

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"pipeline/connectors/rest"
	"pipeline/pipeline"
	"pipeline/pipeline/diag"
)

// maxSummary is how many lines the end of a run may take: it is read whole.
const maxSummary = 12

// finished is the end of a run that delivered.
func (s *show) finished(r pipeline.Report) string {
	t := s.terminal
	colour := green
	if r.Rejected > 0 {
		colour = yellow
	}
	head := []string{
		t.paint(bold, s.name) + ": " + t.paint(colour, s.counts(r)),
		"  from     " + s.source(r),
	}
	var ledger, tail []string
	if r.Unchanged > 0 || r.Deleted > 0 {
		ledger = []string{fmt.Sprintf("  ledger   %s unchanged and not sent again, %s deleted", diag.Thousands(r.Unchanged), diag.Thousands(r.Deleted))}
	}
	var causes, targets, warnings []string
	for _, target := range r.Targets {
		targets = append(targets, "  to       "+target)
	}
	for _, w := range r.Warnings {
		warnings = append(warnings, t.paint(yellow, "  warning  ")+w)
	}
	if r.Rejected > 0 {
		tail = []string{t.paint(red, "  rejects  ") + r.Rejects}
		causes = s.causes(r)
	}
	next := s.nextAfter(r)
	drift, differences, takeOver := s.drift(r)
	room := maxSummary - len(head) - len(ledger) - len(tail) - len(next) - len(drift) - len(takeOver)
	lines := deal(room, len(causes), len(targets), len(warnings), len(differences))
	return text(head, few(targets, lines[1], "  to       "), ledger, drift, few(differences, lines[3], "    "), takeOver,
		few(warnings, lines[2], "  warning  "), tail, few(causes, lines[0], "    "), next)
}

// shownDrift is how many differences the end of a run names.
const shownDrift = 3

// drift is what differs from the source's schema, between a line that says so and
// one that says what to do about it.
func (s *show) drift(r pipeline.Report) (head, differences, tail []string) {
	if len(r.Drift) == 0 {
		return nil, nil, nil
	}
	for _, d := range r.Drift {
		differences = append(differences, fmt.Sprintf("    %s× %s (first: %s)", diag.Thousands(d.Count), d, d.Where()))
	}
	head = []string{s.terminal.paint(yellow, "  drift    ") + diag.Count(len(r.Drift), "difference") + " from " + s.schema}
	return head, few(differences, shownDrift+1, "    "), []string{"    take it over: " + s.discover}
}

// source is where the records came from, at what price.
func (s *show) source(r pipeline.Report) string {
	from := s.from
	if s.remote {
		from += ", " + diag.Count(s.calls, "call")
		if s.retries > 0 {
			from += fmt.Sprintf(" (%d repeated)", s.retries)
		}
		if r.FromTape > 0 {
			from += fmt.Sprintf(", %s from the tape", diag.Count(r.FromTape, "answer"))
		}
	}
	switch {
	case r.Retried > 0 && r.Retried == r.Read && s.calls == 0:
		from = "the reject file"
	case r.Retried > 0:
		from += fmt.Sprintf(", %s of the records from the reject file", diag.Thousands(r.Retried))
	}
	return from + ", in " + took(r.Took) + pushesWere(r)
}

// pushesWere is what a run found out of what was pushed.
func pushesWere(r pipeline.Report) string {
	var were []string
	for _, one := range []struct {
		n    int
		what string
	}{{r.Late, "late"}, {r.Doubled, "doubled"}, {r.Missed, "missed"}} {
		if one.n > 0 {
			were = append(were, diag.Thousands(one.n)+" "+one.what)
		}
	}
	if were == nil {
		return ""
	}
	return "; pushes: " + strings.Join(were, ", ")
}

// nextAfter is what to do about the rejects.
func (s *show) nextAfter(r pipeline.Report) []string {
	if r.Rejected == 0 {
		return nil
	}
	next := "then run it again"
	if s.rejects != "" {
		next = "then: " + s.rejects
	}
	return []string{"  next     each line of that file has the record and the reason; mend the mapping, " + next}
}

// failed is why a run did not come to its end.
func (s *show) failed(r pipeline.Report, err error) string {
	t := s.terminal
	colour := red
	if exitOf(err) == exitStopped {
		colour = yellow
	}
	first, rest, more := strings.Cut(fmt.Sprintf("%v", err), "\n")
	lines := []string{t.paint(bold, s.name) + ": " + t.paint(colour, first)}
	if more {
		lines = append(lines, strings.Split(rest, "\n")...)
	}
	if r.Read > 0 {
		lines = append(lines, "  until then "+s.counts(r))
	}
	var next, causes []string
	if advice := s.advice(err); advice != "" {
		next = []string{"  next     " + advice}
	}
	var many *pipeline.TooManyRejects
	if errors.As(err, &many) {
		causes = s.causes(r)
	}
	return text(lines, few(causes, max(1, maxSummary-len(lines)-len(next)), "    "), next)
}

// advice is what to type after an error that does not say so itself.
func (s *show) advice(err error) string {
	var stopped *pipeline.Stopped
	var many *pipeline.TooManyRejects
	var drifted *pipeline.Drifted
	var call *rest.Error
	switch {
	case errors.As(err, &drifted):
		return "take it over: " + s.discover
	case errors.As(err, &stopped), strings.Contains(err.Error(), "\n"): // it is said
		return ""
	case errors.As(err, &many):
		if s.goesOn { // the tape of this run is not complete, so that --replay would take an older one
			return "mend the mapping, then the same command goes on with what was fetched: " + s.again
		}
		return "mend the mapping, then: " + s.again
	case errors.As(err, &call) && call.Reason == rest.LoginAgain:
		return "then the same command goes on: " + s.again
	case errors.As(err, &call) && (call.Reason == rest.Unavailable || call.Reason == rest.Limited):
		return "nothing is lost; later, the same command goes on: " + s.again
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return "make room on the disk (df -h .), then the same command goes on: " + s.again
	case errors.Is(err, fs.ErrPermission):
		return "make that place writable, or write somewhere else: " + s.elsewhere
	}
	return ""
}

// causes are the rejects by kind, the most frequent first, each with the place
// of its first one.
func (s *show) causes(r pipeline.Report) []string {
	var lines []string
	for _, c := range byCount(r.Causes) {
		line := fmt.Sprintf("    %s× %s: %s", diag.Thousands(c.Count), kind(c), c.Reason)
		if first := c.Where(); first != "" {
			line += " (first: " + first + ")"
		}
		lines = append(lines, line)
	}
	return lines
}

// deal gives room lines out to lists that want so many, one line at a time, the
// first list first.
func deal(room int, wanted ...int) []int {
	got := make([]int, len(wanted))
	for dealt := true; dealt && room > 0; {
		dealt = false
		for i := range wanted {
			if got[i] < wanted[i] && room > 0 {
				got[i]++
				room--
				dealt = true
			}
		}
	}
	return got
}

// few is list in so many lines; the last one counts what is left out.
func few(list []string, lines int, indent string) []string {
	if len(list) <= lines {
		return list
	}
	lines = max(lines, 1)
	return append(list[:lines-1:lines-1], fmt.Sprintf("%sand %s more", indent, diag.Thousands(len(list)-lines+1)))
}

// text is lines as they are printed.
func text(parts ...[]string) string {
	var b strings.Builder
	for _, lines := range parts {
		for _, line := range lines {
			b.WriteString(line + "\n")
		}
	}
	return b.String()
}

// counts is what became of the records.
func (s *show) counts(r pipeline.Report) string {
	written := "written"
	if r.Exploded != 0 {
		written = "rows written"
	}
	return fmt.Sprintf("%s read, %s %s, %s filtered, %s rejected", diag.Thousands(r.Read), diag.Thousands(r.Written), written, diag.Thousands(r.Filtered), diag.Thousands(r.Rejected))
}

func took(d time.Duration) string {
	if d < 10*time.Second {
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return d.Round(time.Second).String()
}

// table is the end of a run of several mappings.
func (a *app) table(results []result) {
	width := 0 // any
	if t := terminalOf(a.stderr); t.tty {
		width = t.width
	}
	fmt.Fprint(a.stderr, "\n"+resultTable(results, width))
}

// resultTable has a row for each mapping. Where it would be wider than a
// terminal, it has fewer columns; a width of 0 is any.
func resultTable(results []result, width int) string {
	columns := []struct {
		title string
		cell  func(result) string
	}{
		{"mapping", func(r result) string { return r.report.Mapping }},
		{"read", func(r result) string { return diag.Thousands(r.report.Read) }},
		{"written", func(r result) string { return diag.Thousands(r.report.Written) }},
		{"filtered", func(r result) string { return diag.Thousands(r.report.Filtered) }},
		{"rejected", func(r result) string { return diag.Thousands(r.report.Rejected) }},
		{"calls", func(r result) string { return diag.Thousands(r.calls) }},
		{"exit code", func(r result) string { return strconv.Itoa(r.exit) }},
	}
	var cells [][]string // by column
	for _, c := range columns {
		column := []string{c.title}
		for _, r := range results {
			column = append(column, c.cell(r))
		}
		cells = append(cells, column)
	}
	return columnTable(cells, 1, 0, []int{5, 3, 1}, width) // calls, filtered, read
}

// columnTable is a table of columns, each with its title first. The first ones are
// texts, which stand to the left, the others numbers. Where it would be wider than
// width, the columns in least go, one by one, and then the names give way; least is
// from right to left. A width of 0 is any.
func columnTable(cells [][]string, texts, names int, least []int, width int) string {
	total := -len(gap)
	for _, column := range cells {
		total += widest(column) + len(gap)
	}
	for _, i := range least {
		if width > 0 && total > width {
			total -= widest(cells[i]) + len(gap)
			cells = slices.Delete(cells, i, i+1)
			if i < texts {
				texts--
			}
		}
	}
	room := widest(cells[names])
	if width > 0 && total > width {
		room = max(10, room-(total-width))
	}
	var b strings.Builder
	for row := range cells[0] {
		var line strings.Builder
		for i, column := range cells {
			cell, columns := column[row], widest(column)
			if i == names {
				cell, columns = diag.Fit(cell, room), room
			}
			fill := strings.Repeat(" ", columns-diag.Columns(cell))
			if i > 0 {
				line.WriteString(gap)
			}
			if i < texts {
				line.WriteString(cell + fill)
			} else {
				line.WriteString(fill + cell)
			}
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	return b.String()
}

func widest(texts []string) int {
	most := 0
	for _, text := range texts {
		most = max(most, diag.Columns(text))
	}
	return most
}
