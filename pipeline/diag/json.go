package diag

import (
	"encoding/json"
	"fmt"
	"io"
)

// JSON writes l for programs, as one document:
//
//	{"diagnostics": [{"severity": "error", "code": "unknown-name", "file": "a.yaml",
//	                  "line": 3, "column": 7, "endLine": 3, "endColumn": 12,
//	                  "message": "…", "hint": "…", "notes": […], "mappings": […]}],
//	 "errors": 1, "warnings": 0,
//	 "mappings": [{"file": "a.yaml", "ok": false, "errors": 1, "warnings": 0}]}
//
// What a diagnostic does not have is left out; its mappings are those that share
// it. Columns count characters from 1; the end is the first character after the
// span. The error is that of w.
func JSON(w io.Writer, l List, verdicts []Verdict) error {
	doc := jsonDocument{Diagnostics: make([]jsonDiagnostic, 0, len(l)), Mappings: verdicts}
	doc.Errors, doc.Warnings = l.Count()
	for _, d := range l {
		j := jsonDiagnostic{
			Severity: d.Severity.String(), Code: d.Code,
			jsonPlace: place(d.Span), Message: d.Message, Hint: d.Hint, Mappings: d.Mappings,
		}
		for _, n := range d.Notes {
			j.Notes = append(j.Notes, jsonNote{jsonPlace: place(n.Span), Message: n.Message})
		}
		doc.Diagnostics = append(doc.Diagnostics, j)
	}
	return encode(w, doc)
}

type jsonDocument struct {
	Diagnostics []jsonDiagnostic `json:"diagnostics"`
	Errors      int              `json:"errors"`
	Warnings    int              `json:"warnings"`
	Mappings    []Verdict        `json:"mappings,omitempty"`
}

// Verdict is what came of one mapping.
type Verdict struct {
	File      string   `json:"file"`
	OK        bool     `json:"ok"` // it can run
	Errors    int      `json:"errors"`
	OwnErrors int      `json:"-"` // those that stand in the mapping itself
	Warnings  int      `json:"warnings"`
	BrokenBy  []string `json:"brokenBy,omitempty"` // the other files that have errors
	Columns   int      `json:"columns,omitempty"`
	Source    string   `json:"source,omitempty"`
	Sinks     []string `json:"sinks,omitempty"`
}

type jsonDiagnostic struct {
	Severity string `json:"severity"`
	Code     string `json:"code,omitempty"`
	jsonPlace
	Message string     `json:"message"`
	Hint    string     `json:"hint,omitempty"`
	Notes   []jsonNote `json:"notes,omitempty"`

	Mappings []string `json:"mappings,omitempty"`
}

type jsonNote struct {
	jsonPlace
	Message string `json:"message"`
}

type jsonPlace struct {
	File      string `json:"file,omitempty"`
	Line      int    `json:"line,omitempty"`
	Column    int    `json:"column,omitempty"`
	EndLine   int    `json:"endLine,omitempty"`
	EndColumn int    `json:"endColumn,omitempty"`
}

func place(s Span) jsonPlace {
	return jsonPlace{File: s.File, Line: s.Start.Line, Column: s.Start.Column, EndLine: s.End.Line, EndColumn: s.End.Column}
}

// encode writes v as indented JSON with < and > left readable.
func encode(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return fmt.Errorf("write diagnostics: %w", err)
	}
	return nil
}
