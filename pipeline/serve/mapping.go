package serve

import (
	"fmt"
	"strings"
	"time"

	"pipeline/pipeline"
	"pipeline/pipeline/diag"
)

// Loader compiles mapping files, whole, as `pipeline check` does: what is wrong
// between two of them is said of the later one. Its results are in the same order.
type Loader func(files []string) []Mapping

// Mapping is a mapping file as the program knows it.
type Mapping struct {
	File  string
	Plan  *pipeline.Plan // nil where there are errors
	Diags diag.List
	Hash  string // of all that it was made from

	// Reads are the files that it was made from, or would be if they were there;
	// Needs those that only have to be there.
	Reads, Needs []string

	Schedule  Schedule      // nil: none
	Reconcile time.Duration // how often everything is pulled beside what is pushed; 0: never
	Pushed    bool          // it is pushed to …
	PushOnly  bool          // … and cannot be pulled

	State      string // its state folder
	OutDir     string // of outputs and rejects; empty: the working directory
	Credential string // whose calls are counted together; no secret. Empty: it makes none

	// World is a new one for each run. Its Token is asked again for each call.
	World func() *pipeline.World
	// Advice is what to do about the error of a run.
	Advice func(err error) Advice
}

// Schedule is when a mapping runs.
type Schedule interface {
	// Next is the first time after t.
	Next(t time.Time) time.Time
	String() string
}

// Advice is what is to be done about the error of a run.
type Advice struct {
	Next string // the command to type, or what to do; empty: nothing is known
	// Token says that the token is missing or was refused: no call is of use before
	// there is another one.
	Token bool
	// Mend says that the same run ends in the same way, until somebody changes the
	// mapping or the records.
	Mend bool
}

// Problems is what is wrong with it, in a line.
func (m *Mapping) Problems() string {
	errors, _ := m.Diags.Count()
	for _, d := range m.Diags {
		if d.Severity != diag.Error {
			continue
		}
		first := fmt.Sprintf("%d:%d: %s", d.Span.Start.Line, d.Span.Start.Column, d.Message)
		if d.Span.File != m.File || d.Span.Start.Line == 0 {
			first = strings.TrimPrefix(d.Span.File+": ", m.File+": ") + d.Message
		}
		if errors > 1 {
			first += fmt.Sprintf(" (and %s more)", diag.Count(errors-1, "error"))
		}
		return first
	}
	return ""
}
