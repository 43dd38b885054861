package diag

// sarif.go: what code hosts read to show diagnostics in a change's own lines.
// https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html

import (
	"io"
	"net/url"
	"path/filepath"
	"strings"
)

// SARIF writes l as one SARIF 2.1.0 run of the tool in that version, with a
// rule for each code. The error is that of w.
func SARIF(w io.Writer, l List, version string) error {
	run := sarifRun{ColumnKind: "unicodeCodePoints", Results: make([]sarifResult, 0, len(l))}
	run.Tool.Driver = sarifDriver{Name: "pipeline", Version: version, Rules: []sarifRule{}}
	index := map[string]int{}
	for _, d := range l {
		if _, ok := index[d.Code]; !ok {
			index[d.Code] = len(run.Tool.Driver.Rules)
			run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, sarifRule{ID: d.Code, Help: sarifText{"pipeline explain " + d.Code}})
		}
		r := sarifResult{RuleID: d.Code, RuleIndex: index[d.Code], Level: d.Severity.String(), Message: sarifText{d.Message}}
		if d.Hint != "" {
			r.Message.Text += "\n" + d.Hint
		}
		if d.Span.File != "" {
			r.Locations = []sarifLocation{sarifPlace(d.Span, nil)}
		}
		for _, n := range d.Notes {
			if n.Span.File != "" {
				r.Related = append(r.Related, sarifPlace(n.Span, &sarifText{n.Message}))
			} else {
				r.Message.Text += "\n" + n.Message
			}
		}
		for _, m := range d.Mappings {
			r.Related = append(r.Related, sarifPlace(Span{File: m}, &sarifText{"this mapping shares it"}))
		}
		run.Results = append(run.Results, r)
	}
	return encode(w, sarifLog{
		Schema:  "https://json.schemastore.org/sarif-2.1.0.json",
		Version: "2.1.0",
		Runs:    []sarifRun{run},
	})
}

type sarifLog struct {
	Schema  string     `json:"$schema"`
	Version string     `json:"version"`
	Runs    []sarifRun `json:"runs"`
}

type sarifRun struct {
	Tool struct {
		Driver sarifDriver `json:"driver"`
	} `json:"tool"`
	ColumnKind string        `json:"columnKind"`
	Results    []sarifResult `json:"results"`
}

type sarifDriver struct {
	Name    string      `json:"name"`
	Version string      `json:"version,omitempty"`
	Rules   []sarifRule `json:"rules"`
}

type sarifRule struct {
	ID   string    `json:"id"`
	Help sarifText `json:"help"`
}

type sarifResult struct {
	RuleID    string          `json:"ruleId"`
	RuleIndex int             `json:"ruleIndex"`
	Level     string          `json:"level"`
	Message   sarifText       `json:"message"`
	Locations []sarifLocation `json:"locations,omitempty"`
	Related   []sarifLocation `json:"relatedLocations,omitempty"`
}

type sarifText struct {
	Text string `json:"text"`
}

type sarifLocation struct {
	Physical sarifPhysical `json:"physicalLocation"`
	Message  *sarifText    `json:"message,omitempty"`
}

type sarifPhysical struct {
	Artifact sarifArtifact `json:"artifactLocation"`
	Region   *sarifRegion  `json:"region,omitempty"`
}

type sarifArtifact struct {
	URI string `json:"uri"`
}

type sarifRegion struct {
	StartLine   int `json:"startLine"`
	StartColumn int `json:"startColumn,omitempty"`
	EndLine     int `json:"endLine,omitempty"`
	EndColumn   int `json:"endColumn,omitempty"`
}

func sarifPlace(s Span, message *sarifText) sarifLocation {
	at := sarifPhysical{Artifact: sarifArtifact{fileURI(s.File)}}
	if s.Start.Line > 0 {
		at.Region = &sarifRegion{s.Start.Line, s.Start.Column, s.End.Line, s.End.Column}
	}
	return sarifLocation{Physical: at, Message: message}
}

// fileURI is a path as SARIF wants it: relative to the repository, or a file:
// address.
func fileURI(file string) string {
	path := filepath.ToSlash(file)
	if !filepath.IsAbs(file) {
		return (&url.URL{Path: path}).String()
	}
	return (&url.URL{Scheme: "file", Path: "/" + strings.TrimPrefix(path, "/")}).String()
}
