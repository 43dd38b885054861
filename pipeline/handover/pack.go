// Package handover makes the request pack: what a platform's partner team asks for
// before it grants an integration. Objective, data flow diagram, every column with
// its meaning, source and rule, limits, security, and the golden cases as use cases
// that both sides sign.
//
// A Pack is made of a mapping and its golden cases and of nothing else, so that the
// same mapping gives the same bytes: no clock, no environment, no record of a real
// person. HTML and Markdown lay the same Pack out.
package handover

import (
	"cmp"
	"fmt"
	"strings"

	"pipeline/pipeline"
	"pipeline/pipeline/diag"
	"pipeline/pipeline/golden"
)

// About is what the mapping cannot say itself.
type About struct {
	Mapping  string // its file, as people name it
	Date     string // of the document; empty: it has none
	Schedule string // how often it runs; empty: to be filled in by hand
}

// Pack is the request pack, in words. All its texts are plain: whoever lays them
// out escapes them.
type Pack struct {
	Title       string
	Name        string // of the mapping
	Mapping     string // its file
	Platform    string
	Date        string
	Description string // empty: the mapping has none, and the pack asks for it
	Folder      string // of the golden cases

	Facts     []Fact
	Objective []string
	Blanks    []Fact // what people fill in: what it is, and a hint
	Flow      Flow
	Selection []Rule
	Names     []Rule // expressions that have a name of their own
	Reads     []Read
	Columns   []Column
	KeptOut   []string
	Limits    []Fact
	Security  []Fact
	Personal  []Personal
	Cases     []Case
	Sides     []string // who signs
	Coverage  string   // what of the mapping the cases come to
}

// Fact is a name and what there is to say of it.
type Fact struct{ Name, Text string }

// Rule is a rule of the mapping: in words, and as it is written.
type Rule struct{ Name, Words, Expression string }

// Read is a field of the platform's records, what it means and which columns need
// it.
type Read struct {
	Path, Meaning string
	For           []string
}

// Make is the pack of a mapping. scenarios are its golden cases, which are as the
// mapping has them.
func Make(about About, plan *pipeline.Plan, scenarios []*golden.Scenario, coverage []pipeline.CoverItem) *Pack {
	o := plan.Outline()
	p := &Pack{
		Name: plan.Name(), Mapping: about.Mapping, Platform: platformName(plan, o), Date: about.Date,
		Description: o.Description, Folder: golden.Folder(about.Mapping) + "/",
	}
	p.Title = p.Name
	if line, _, more := strings.Cut(o.Description, "\n"); line != "" && !more && len([]rune(line)) <= 110 {
		p.Title = line
	}
	p.Columns = columnsOf(plan, o, scenarios)
	p.Facts = p.facts(plan, o)
	p.Objective = p.objective(plan, o, about.Schedule)
	p.Blanks = blanks(plan, cmp.Or(about.Schedule, o.Schedule))
	p.Flow = p.flow(plan, o)
	p.Selection, p.Names = selection(o), names(o)
	p.Reads = readsOf(o)
	p.KeptOut = p.keptOut(plan, o)
	p.Limits = p.limits(plan, o)
	p.Security = p.security(plan, o)
	p.Personal = personalOf(o, plan.Fields())
	p.Cases = casesOf(p, plan, scenarios)
	p.Coverage = covered(coverage)
	p.Sides = []string{"Client", "Receiver"}
	if plan.Remote() {
		p.Sides[1] = "Platform: " + p.Platform
	}
	return p
}

// platformName is the name of the connector as its summary writes it: gevme is
// GEVME.
func platformName(plan *pipeline.Plan, o pipeline.Outline) string {
	name := plan.SourceName()
	switch {
	case plan.PushOnly():
		return "Sender"
	case !plan.Remote():
		return "File"
	}
	for _, word := range strings.FieldsFunc(o.Summary, func(r rune) bool { return strings.ContainsRune(" ,.;:()", r) }) {
		if strings.EqualFold(word, name) {
			return word
		}
	}
	return name
}

// source is what is read, such as "the stream attendees of GEVME (event 25198085)".
func (p *Pack) source(plan *pipeline.Plan, o pipeline.Outline) string {
	var options []string
	for _, option := range o.Options {
		if option.Name != "base_url" && option.Name != "page_size" {
			options = append(options, option.Name+" "+option.Value)
		}
	}
	text := p.Platform
	switch {
	case plan.PushOnly():
		return "what is pushed to it"
	case !plan.Remote():
		text = "a file"
	}
	if stream := plan.Stream().Name; stream != "" {
		text = stream + " of " + text
	}
	if len(options) > 0 {
		text += " (" + strings.Join(options, ", ") + ")"
	}
	return text
}

func (p *Pack) facts(plan *pipeline.Plan, o pipeline.Outline) []Fact {
	facts := []Fact{{"Reads", p.source(plan, o)}}
	if plan.Remote() {
		facts = append(facts, Fact{"Platform API", baseURL(plan, o)})
		if o.Docs != "" {
			facts = append(facts, Fact{"API documentation", o.Docs})
		}
	}
	var to []string
	for _, s := range o.Sinks {
		to = append(to, sinkName(s)+" "+address(s.Target))
	}
	facts = append(facts, Fact{"Delivers to", strings.Join(to, "; ")})
	if key := p.keyColumns(); key != "" {
		facts = append(facts, Fact{"A row is told apart by", key})
	}
	facts = append(facts, Fact{"Mapping", p.Mapping})
	if p.Date != "" {
		facts = append(facts, Fact{"Date", p.Date})
	}
	return facts
}

// keyColumns are the columns that make a row the same row.
func (p *Pack) keyColumns() string {
	var key []string
	for _, c := range p.Columns {
		if c.Key {
			key = append(key, c.Name)
		}
	}
	return strings.Join(key, ", ")
}

// objective is what goes where, and how often.
func (p *Pack) objective(plan *pipeline.Plan, o pipeline.Outline, schedule string) []string {
	read := fmt.Sprintf("The integration reads %s, turns %s into %s of %s, and delivers them to %s.",
		p.source(plan, o), map[bool]string{true: "each record", false: "the entries of each record"}[len(o.Each) == 0],
		map[bool]string{true: "a row", false: "rows"}[len(o.Each) == 0], diag.Count(len(p.Columns), "column"), sinkList(o))
	out := []string{read}
	switch {
	case plan.PushOnly():
		out = append(out, "It runs by itself, when something is pushed to it.")
	case !plan.Remote():
	case o.Reconcile > 0:
		out = append(out, fmt.Sprintf("It is pushed records as they are made. The whole list is read every %s beside that, so that a push that never came, or came twice, changes nothing.", span(o.Reconcile)))
	case o.Pushed != "":
		out = append(out, "It is pushed records as they are made, and reads the whole list, page by page, when it is run.")
	case o.Incremental:
		out = append(out, "Each run asks for what changed since the run before it, looking back ten minutes so that nothing is missed while clocks differ.")
	default:
		out = append(out, "Each run reads the whole list, page by page.")
	}
	if plan.Remote() {
		out = append(out, "It only reads: nothing on the platform is created, changed or deleted.")
	}
	if o.Pushed != "" {
		out = append(out, "Who pushes proves itself by "+proof(o.Pushed)+". A push is stored before it is answered with 202; what is answered otherwise has to be sent again.")
	}
	switch {
	case schedule != "":
		out = append(out, "It runs "+schedule+".")
	case o.Schedule != "":
		out = append(out, "It runs by itself, by the cron schedule "+o.Schedule+".")
	}
	return out
}

// proof is what proves who pushes.
func proof(kind pipeline.AuthKind) string {
	switch kind {
	case pipeline.AuthBasic:
		return "a user and a password (basic authentication)"
	case pipeline.AuthBearer:
		return "a bearer token"
	case pipeline.AuthHMAC:
		return "a signature (HMAC) of the body"
	case pipeline.AuthStandard:
		return "a signature by the rules of Standard Webhooks"
	}
	return "the address that it pushes to, which holds a secret of 128 bits"
}

// sinkList are the kinds of sinks: "a CSV file and 2 webhooks".
func sinkList(o pipeline.Outline) string {
	var names []string
	count := map[string]int{}
	for _, s := range o.Sinks {
		name := sinkName(s)
		if count[name]++; count[name] == 1 {
			names = append(names, name)
		}
	}
	for i, name := range names {
		if count[name] == 1 {
			names[i] = "a " + name
		} else {
			names[i] = diag.Count(count[name], name)
		}
	}
	if n := len(names); n > 1 {
		return strings.Join(names[:n-1], ", ") + " and " + names[n-1]
	}
	return strings.Join(names, "")
}

// blanks are what only people know.
func blanks(plan *pipeline.Plan, schedule string) []Fact {
	var out []Fact
	if schedule == "" && plan.Schedule() == nil && !plan.PushOnly() {
		out = append(out, Fact{"How often it runs", "such as every night at 02:00, and from when to when"})
	}
	if !plan.Remote() {
		return out
	}
	return append(out,
		Fact{"Organisation on the platform", "its URL"},
		Fact{"Platform user", "the email of the account that the integration logs in as, with the role it needs"},
		Fact{"Redirect (callback) URL", "of the login with OAuth 2.0"},
		Fact{"Credentials go to", "the person who may receive client id and secret; the password is sent separately"},
		Fact{"Technical contact", "name, email"},
	)
}

func selection(o pipeline.Outline) []Rule {
	var out []Rule
	for _, e := range o.Each {
		out = append(out, Rule{"A row each", fmt.Sprintf("A record becomes one row for each %s in its list; a record whose list is empty makes none", e.Name), e.Expression})
	}
	if o.Where.Expression != "" {
		out = append(out, Rule{"Kept", "A row is kept where " + o.Where.Words, o.Where.Expression})
	} else {
		out = append(out, Rule{"Kept", "All rows are kept", ""})
	}
	return out
}

func names(o pipeline.Outline) []Rule {
	var out []Rule
	for _, l := range o.Let {
		out = append(out, Rule{l.Name, "", l.Expression})
	}
	return out
}

// readsOf are the fields of the platform that the mapping reads, in the order in
// which it does.
func readsOf(o pipeline.Outline) []Read {
	var out []Read
	index := map[string]int{}
	add := func(s pipeline.StepText, purpose string) {
		for _, r := range s.Reads {
			i, have := index[r.Path]
			if !have {
				i = len(out)
				index[r.Path] = i
				out = append(out, Read{Path: r.Path, Meaning: r.Doc})
			}
			out[i].For = append(out[i].For, purpose)
		}
	}
	for _, e := range o.Each {
		add(e, "a row each")
	}
	for _, f := range o.Fields {
		add(f, f.Name)
	}
	add(o.Where, "selection")
	return out
}

// covered says how much of the mapping the cases come to; empty without cases.
func covered(items []pipeline.CoverItem) string {
	var words []string
	for _, kind := range []struct {
		kind pipeline.CoverKind
		noun string
	}{{pipeline.CoverField, "columns"}, {pipeline.CoverBranch, "branches of expressions"}, {pipeline.CoverRule, "rules of the target schema"}} {
		n, of := pipeline.CountCovered(items, kind.kind)
		if of > 0 {
			words = append(words, fmt.Sprintf("%d of %d %s", n, of, kind.noun))
		}
	}
	return strings.Join(words, ", ")
}

// Missing is what the mapping should say, for its author.
func (p *Pack) Missing() []string {
	var out []string
	if p.Description == "" {
		out = append(out, "there is no description:, so the pack asks for its objective; say what the client wants to achieve")
	}
	var columns []string
	for _, c := range p.Columns {
		if c.Meaning == "" {
			columns = append(columns, c.Name)
		}
	}
	if n := len(columns); n > 0 {
		out = append(out, fmt.Sprintf("the pack does not say what these columns mean (%d of %d): %s; add description: to the field, or to the target's schema", n, len(p.Columns), oneLine(strings.Join(columns, ", "), 80)))
	}
	if len(p.Cases) == 0 {
		out = append(out, "there are no golden cases, so the pack has no use cases; make one: pipeline record "+p.Mapping+" --case NAME")
	}
	return out
}
