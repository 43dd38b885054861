package main

// discover_summary.go: what discover says when it is through: what was found,
// what it cannot be sure of, and what to do with it.

import (
	"fmt"
	"path/filepath"
	"strings"

	"pipeline/pipeline/diag"
)

// fewRecords is how many records are too few to believe what they say of nulls
// and absent fields.
const fewRecords = 100

// shownFields is how many fields a line of the summary names.
const shownFields = 5

func (d *discovery) summary() {
	w, s := d.app.stderr, d.sample.Summary()
	from := d.source.what()
	switch {
	case d.taped != "":
		from += ", from the tape of " + d.taped + ", without a call (--fresh fetches them anew)"
	case d.source.plan.Remote():
		from += ", " + diag.Count(d.calls, "call")
	}
	fmt.Fprintf(w, "%s of %s\n", diag.Count(d.sample.Records(), "record"), from)
	found := diag.Count(s.Fields, "field")
	if s.Listed > 0 {
		found += ", " + diag.Thousands(s.Listed) + " with their values listed"
	}
	if s.Questions > 0 {
		found += ", " + diag.Count(s.Questions, "question")
	}
	fmt.Fprintf(w, "  found    %s\n", found)
	if d.skipped > 0 {
		fmt.Fprintf(w, "  skipped  %s that a run would reject (first: %s)\n", diag.Count(d.skipped, "record"), d.first)
	}
	if n := d.sample.Records(); n < fewRecords {
		fmt.Fprintf(w, "  unsure   %s few: what all of them have is taken to be always there\n", areFew(n))
	}
	d.unsure("always null", s.Null)
	d.unsure("always empty lists", s.Empty)
	d.unsure("of several types", s.Mixed)
	d.unsure("objects whose names are data", s.Maps)
	if d.merge != nil {
		d.unsure("rules that records break and a person has to change", d.merge.Stuck())
	}
	d.next()
}

func areFew(n int) string {
	if n == 1 {
		return "1 record is"
	}
	return fmt.Sprintf("%d records are", n)
}

// unsure is a line on what a person should look at.
func (d *discovery) unsure(what string, fields []string) {
	if len(fields) == 0 {
		return
	}
	more := ""
	if len(fields) > shownFields {
		more = fmt.Sprintf(" and %d more", len(fields)-shownFields)
		fields = fields[:shownFields]
	}
	for i, f := range fields {
		if f == "" {
			fields[i] = "the record"
		}
	}
	fmt.Fprintf(d.app.stderr, "  unsure   %s: %s%s\n", what, strings.Join(fields, ", "), more)
}

// next is the command to type, or the line to write.
func (d *discovery) next() {
	w := d.app.stderr
	switch {
	case d.merge == nil:
		fmt.Fprintf(w, "  next     save it beside the mapping, and write under source: schema: %s\n", d.name())
	case d.changed == 0:
		fmt.Fprintf(w, "  merged   %s fits all of them and was not changed\n", d.f.merge)
	default:
		fmt.Fprintf(w, "  merged   %s into %s\n", diag.Count(d.changed, "change"), d.f.merge)
		if d.source.mapping {
			fmt.Fprintf(w, "  next     pipeline check %s\n", d.source.checked.file)
		}
	}
}

// name is what the schema may well be called.
func (d *discovery) name() string {
	base := d.source.plan.From()
	switch input := d.source.plan.Input(); {
	case d.source.mapping:
		base = d.source.plan.Name() + ".source"
	case input == "-":
		base = "records"
	case input != "":
		base = strings.TrimSuffix(input, ".gz")
		base = strings.TrimSuffix(base, filepath.Ext(base))
	}
	return strings.ReplaceAll(base, "/", ".") + ".schema.json"
}
