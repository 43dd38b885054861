package diag

// merge.go: what several mappings have in common is said once. A base with a
// mistake breaks every client that extends it.

import (
	"fmt"
	"slices"
	"strings"
)

// Group is what was found in a mapping and in the files that it names.
type Group struct {
	Mapping string
	List    List
}

// Merge is the diagnostics of all groups in their order. What several groups say
// of the same place is there once, at the first of them, with the notes that they
// share and the mappings that it concerns.
func Merge(groups []Group) List {
	type place struct {
		severity            Severity
		code, message, hint string
		span                Span
	}
	at := map[place]int{}
	var out List
	for _, g := range groups {
		for _, d := range g.List {
			p := place{d.Severity, d.Code, d.Message, d.Hint, d.Span}
			i, again := at[p]
			if !again {
				at[p] = len(out)
				d.Mappings = []string{g.Mapping}
				out = append(out, d)
				continue
			}
			first := &out[i]
			if !slices.Contains(first.Mappings, g.Mapping) {
				first.Mappings = append(first.Mappings, g.Mapping)
				first.Notes = slices.DeleteFunc(slices.Clone(first.Notes), func(n Note) bool { return !slices.Contains(d.Notes, n) })
			}
		}
	}
	for i := range out {
		if len(out[i].Mappings) == 1 {
			out[i].Mappings = nil
		}
	}
	return out
}

// namedMappings is how many mappings a note names.
const namedMappings = 5

// concerns is the note that says which mappings share d.
func (d Diagnostic) concerns() string {
	verb := "breaks"
	if d.Severity == Warning {
		verb = "concerns"
	}
	named, more := d.Mappings, ""
	if len(named) > namedMappings {
		named, more = named[:namedMappings], fmt.Sprintf(" and %d more", len(named)-namedMappings)
	}
	return fmt.Sprintf("%s %d mappings: %s%s", verb, len(d.Mappings), strings.Join(named, ", "), more)
}
