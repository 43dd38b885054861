// Package diag is what the tool says about the files its user wrote: mappings,
// connectors and schemas. Every message has a place, a stable code and, where
// one is known, a fix.
//
// Diagnostics are one of three kinds of failure that are never mixed. Rejects
// are about a record, errors about the world.
package diag

import (
	"cmp"
	"slices"
)

// Severity says whether a diagnostic stops the run.
type Severity uint8

const (
	// Error stops the run: nothing runs until it is mended.
	Error Severity = iota
	// Warning lets the run go on.
	Warning
)

// String is "error" or "warning".
func (s Severity) String() string {
	if s == Warning {
		return "warning"
	}
	return "error"
}

// Pos is a place in a file. Line and Column count from 1, Column in characters
// and not in bytes. The zero Pos is "somewhere in the file".
type Pos struct {
	Line   int `json:"line"`
	Column int `json:"column"`
}

// Span is a stretch of a file from Start up to, not including, End. Where End
// is zero it is one character wide.
type Span struct {
	File  string `json:"file"`
	Start Pos    `json:"start"`
	End   Pos    `json:"end"`
}

// Note points at a second place that explains the first.
type Note struct {
	Span    Span   `json:"span"`
	Message string `json:"message"`
}

// Diagnostic is one thing that is wrong, or doubtful, with a file.
type Diagnostic struct {
	Severity Severity
	Code     string // stable, lower case with dashes: "unknown-name"
	Span     Span
	Message  string // what is wrong: `unknown name "emial"`
	Hint     string // what to do about it, shown behind the underline: `did you mean "email"?`
	Notes    []Note
	Mappings []string // that it concerns, where Merge found it in several
}

// List is diagnostics in the order they were found.
type List []Diagnostic

// Error is l with one more error.
func (l List) Error(code string, at Span, message, hint string, notes ...Note) List {
	return append(l, Diagnostic{Severity: Error, Code: code, Span: at, Message: message, Hint: hint, Notes: notes})
}

// Warn is l with one more warning.
func (l List) Warn(code string, at Span, message, hint string, notes ...Note) List {
	return append(l, Diagnostic{Severity: Warning, Code: code, Span: at, Message: message, Hint: hint, Notes: notes})
}

// HasErrors reports whether anything in l stops a run.
func (l List) HasErrors() bool {
	return slices.ContainsFunc(l, func(d Diagnostic) bool { return d.Severity == Error })
}

// Count is how many errors and warnings l holds.
func (l List) Count() (errors, warnings int) {
	for _, d := range l {
		if d.Severity == Warning {
			warnings++
		} else {
			errors++
		}
	}
	return errors, warnings
}

// Sort puts l in file order, keeping the order of files as they first appear.
func (l List) Sort() {
	order := map[string]int{}
	for _, d := range l {
		if _, ok := order[d.Span.File]; !ok {
			order[d.Span.File] = len(order)
		}
	}
	slices.SortStableFunc(l, func(a, b Diagnostic) int {
		return cmp.Or(
			cmp.Compare(order[a.Span.File], order[b.Span.File]),
			cmp.Compare(a.Span.Start.Line, b.Span.Start.Line),
			cmp.Compare(a.Span.Start.Column, b.Span.Start.Column),
		)
	})
}
