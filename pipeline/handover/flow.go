package handover

// flow.go: the way of a record, as a drawing and in words are made of it.

import (
	"fmt"
	"path"
	"strings"

	"pipeline/pipeline"
	"pipeline/pipeline/diag"
)

// Flow is the way of a record: from the source through the steps to the sinks.
type Flow struct {
	Source Node
	Wire   string // between source and first step
	Where  string // the steps are done
	Steps  []Step
	Sinks  []Node
}

// Node is a box with a title and, below it, a detail.
type Node struct{ Title, Detail string }

// Step is a node, and what it puts aside.
type Step struct {
	Node
	Aside *Node
	Kept  bool // what is put aside is kept on disk
}

// maxSinks are drawn; the rest is counted.
const maxSinks = 6

func (p *Pack) flow(plan *pipeline.Plan, o pipeline.Outline) Flow {
	f := Flow{Source: Node{Title: p.Platform, Detail: sourceDetail(plan, o)}, Wire: "read", Where: "pipeline, on the client’s machine", Steps: p.steps(plan, o)}
	switch {
	case plan.PushOnly():
		f.Wire = "POST"
	case plan.Remote():
		f.Wire = "HTTPS"
		if strings.HasPrefix(baseURL(plan, o), "http://") {
			f.Wire = "HTTP"
		}
		if rate := plan.Limit().Rate; rate.Calls > 0 {
			f.Wire += fmt.Sprintf(", at most %d calls in any %s", rate.Calls, span(rate.Per))
		}
	}
	for i, s := range o.Sinks {
		if i == maxSinks-1 && len(o.Sinks) > maxSinks {
			f.Sinks = append(f.Sinks, Node{Title: fmt.Sprintf("and %d more", len(o.Sinks)-i), Detail: "listed under “Delivers to”"})
			break
		}
		name := sinkName(s)
		f.Sinks = append(f.Sinks, Node{Title: strings.ToUpper(name[:1]) + name[1:], Detail: address(s.Target)})
	}
	return f
}

func sourceDetail(plan *pipeline.Plan, o pipeline.Outline) string {
	if plan.PushOnly() {
		return "pushes records as they are made"
	}
	var parts []string
	if stream := plan.Stream().Name; stream != "" {
		parts = append(parts, stream)
	}
	for _, option := range o.Options {
		if option.Name != "base_url" && option.Name != "page_size" {
			parts = append(parts, option.Name+" "+option.Value)
		}
	}
	return strings.Join(parts, ", ")
}

func (p *Pack) steps(plan *pipeline.Plan, o pipeline.Outline) []Step {
	read := Step{Node: Node{"Read", "all records, page by page"}}
	switch {
	case plan.PushOnly():
		read.Detail = "what was pushed since the last run"
	case o.Incremental:
		read.Detail = "what changed since the last run"
	case !plan.Remote():
		read.Detail = "all records"
	}
	if o.Tape {
		read.Aside, read.Kept = &Node{"Answers", "at most 7 days"}, true
	}
	steps := []Step{read}
	if len(o.Each) > 0 {
		steps = append(steps, Step{Node: Node{"Split", "a row for each " + o.Each[len(o.Each)-1].Name}})
	}
	if o.Where.Expression != "" {
		steps = append(steps, Step{Node: Node{"Select", "rows that the rule keeps"}, Aside: &Node{"Left out", "counted only"}})
	}
	steps = append(steps, Step{Node: Node{"Map", fmt.Sprintf("%s from %s", diag.Count(len(p.Columns), "column"), diag.Count(len(readsOf(o)), "field"))}})
	check := Step{Node: Node{"Check", "types of the columns"}, Aside: &Node{"Kept out", path.Base(plan.RejectFile())}, Kept: true}
	if o.Target != "" {
		check.Detail = "against " + path.Base(o.Target)
	}
	steps = append(steps, check)
	deliver := Step{Node: Node{"Deliver", "files whole or not at all"}}
	if len(plan.RowTargets()) > 0 {
		deliver.Detail = "what is new or changed"
		deliver.Aside, deliver.Kept = &Node{"Ledger", "keys and hashes"}, true
	}
	return append(steps, deliver)
}

// Sentences are the flow in words, for those who do not see the drawing.
func (f Flow) Sentences() []string {
	out := []string{strings.TrimSuffix(f.Source.Title+": "+f.Source.Detail, ": ") + ". To the first step: " + f.Wire + "."}
	for _, s := range f.Steps {
		text := s.Title + ": " + s.Detail + "."
		if s.Aside != nil {
			kept := "Put aside"
			if s.Kept {
				kept = "Kept on disk, for the owner only"
			}
			text += fmt.Sprintf(" %s: %s (%s).", kept, lowerFirst(s.Aside.Title), s.Aside.Detail)
		}
		out = append(out, text)
	}
	for _, s := range f.Sinks {
		out = append(out, s.Title+": "+s.Detail+".")
	}
	return out
}

func lowerFirst(s string) string { return strings.ToLower(s[:1]) + s[1:] }
