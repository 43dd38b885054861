package pipeline

// drift.go: records that are not as the source's schema says. The schema is a
// claim, not a filter: no record is rejected for it, but each break is counted
// and said. What is counted of a page depends on the page alone, and pages are
// added up in their order, so that the number of mappers changes nothing.

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"pipeline/pipeline/diag"
	"pipeline/pipeline/internal/jsonrow"
	"pipeline/pipeline/value"
)

// The kinds of drift.
const (
	driftField    = "new-field"
	driftQuestion = "new-question"
	driftValue    = "new-value"
	driftType     = "other-type"
	driftNull     = "null"
)

// codeDrift is what the error of a run is called that source.drift: fail ended.
const codeDrift = "source-drift"

// Drift is one way in which records differ from what the source's schema says.
type Drift struct {
	Kind  string `json:"kind"`            // new-field, new-question, new-value, other-type or null
	Field string `json:"field,omitempty"` // such as ticket.name; empty for a question
	What  string `json:"what,omitempty"`  // the question, the value, or the type that it is
	Count int    `json:"count"`
	Page  int    `json:"page,omitempty"` // where the first one stood
	Item  int    `json:"item,omitempty"`
	Line  int    `json:"line,omitempty"`
}

// String is what drifted, for people.
func (d Drift) String() string {
	switch d.Kind {
	case driftField:
		return "new field " + d.Field
	case driftQuestion:
		return fmt.Sprintf("new question %q", d.What)
	case driftValue:
		return fmt.Sprintf("%s has the new value %q", d.Field, d.What)
	case driftType:
		return d.Field + " is " + d.What
	default:
		return d.Field + " is null or absent, and never should be"
	}
}

// Where is where the first one stood, for people.
func (d Drift) Where() string { return placeOf(d.Page, d.Item, d.Line) }

// Drifted is the error of a run whose records are not as the source's schema
// says, where source.drift is fail. Nothing of it is published.
type Drifted struct {
	Drift  []Drift
	Schema string // the file that says it
}

// shownDrift is how much drift an error names.
const shownDrift = 5

func (e *Drifted) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "the records are not as %s says, and source.drift is fail; nothing is published", e.Schema)
	for i, d := range e.Drift {
		if i == shownDrift {
			fmt.Fprintf(&b, "\n  and %d more", len(e.Drift)-i)
			break
		}
		fmt.Fprintf(&b, "\n  %d× %s (first: %s)", d.Count, d, d.Where())
	}
	return b.String()
}

// Code is the stable name of this kind of error.
func (e *Drifted) Code() string { return codeDrift }

// maxDrift bounds how much drift is told apart, of a page and of a run: records
// may have names that are made up. What is beyond is counted as "…".
const maxDrift = 100

const beyond = "…"

// drift is what was counted, in the order in which it first came.
type drift struct {
	list  []Drift
	index map[Drift]int // of those that are counted, without their counts and places
}

// add counts one more of d; only its kind, its field and what it is.
func (c *drift) add(d Drift, count int, at func(*Drift)) {
	i, ok := c.index[d]
	if !ok && len(c.list) >= maxDrift {
		d.Field, d.What = beyond, ""
		i, ok = c.index[d]
	}
	if !ok {
		d.Field, d.What = strings.Clone(d.Field), strings.Clone(d.What) // they may point into the page
		i = len(c.list)
		if c.index == nil {
			c.index = map[Drift]int{}
		}
		c.index[d] = i
		at(&d)
		c.list = append(c.list, d)
	}
	c.list[i].Count += count
}

func (c *drift) reset() {
	c.list = c.list[:0]
	clear(c.index)
}

// drifted counts the claims that the value which was decoded last breaks.
func (j *job) drifted(item int) {
	for _, b := range j.dec.Breaks() {
		j.drift.add(driftOf(b), 1, func(d *Drift) { d.Item = item })
	}
}

// driftOf is a break in words that may be shown.
func driftOf(b jsonrow.Break) Drift {
	switch b.Kind {
	case jsonrow.NewName:
		name := shownDatum(b.Text)
		if b.Path != "" {
			name = b.Path + "." + name
		}
		return Drift{Kind: driftField, Field: name}
	case jsonrow.NewValue:
		return Drift{Kind: driftValue, Field: b.Path, What: shownDatum(b.Text)}
	case jsonrow.NewType:
		return Drift{Kind: driftType, Field: b.Path, What: typeNoun(b.Type)}
	default:
		return Drift{Kind: driftNull, Field: b.Path}
	}
}

func typeNoun(k value.Kind) string {
	switch k {
	case value.String:
		return "a text"
	case value.JSON:
		return "an object"
	case value.List:
		return "a list"
	case value.Boolean:
		return "true or false"
	case value.Float:
		return "a number with a fraction"
	default:
		return "a number"
	}
}

// maxShown and maxQuestion are the lengths, in characters, from which a datum and
// a question are cut.
const (
	maxShown    = 40
	maxQuestion = 100
)

// notShown stands for what may be a person's: names and values that are new are
// shown where they look like words of a programme or a form.
const notShown = "(not shown)"

// shownDatum is a name or a value of a record as a message may have it.
func shownDatum(s string) string {
	digits := 0
	for _, r := range s {
		if unicode.IsDigit(r) {
			digits++
		}
		if r == '@' || !unicode.IsPrint(r) || digits > 6 {
			return notShown
		}
	}
	return diag.Crop(s, maxShown)
}

// addDrift adds what a mapped page has to that of the run.
func (r *run) addDrift(j *job) {
	for _, d := range j.drift.list {
		at := j.page.place(d.Item)
		r.drift.add(Drift{Kind: d.Kind, Field: d.Field, What: d.What}, d.Count, func(first *Drift) {
			first.Page, first.Item, first.Line = at.page, at.item, at.line
		})
	}
}

// sortedDrift is the drift so far, the most frequent first.
func (r *run) sortedDrift() []Drift {
	list := slices.Clone(r.drift.list)
	slices.SortStableFunc(list, func(a, b Drift) int {
		return cmp.Or(-cmp.Compare(a.Count, b.Count), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Field, b.Field), cmp.Compare(a.What, b.What))
	})
	return list
}

// drifts is the error of a run that source.drift: fail ends, or nil.
func (r *run) drifts() error {
	if !r.plan.source.driftFails || len(r.drift.list) == 0 {
		return nil
	}
	return &Drifted{Drift: r.sortedDrift(), Schema: r.plan.source.schema}
}
