package main

// preview.go: a few records before and after.

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"pipeline/pipeline"
	"pipeline/pipeline/diag"
)

// previewFlags are the flags of preview.
type previewFlags struct {
	lookFlags
	limit int
	page  int
	where string
	json  bool
}

func (a *app) previewCommand() *cobra.Command {
	var f previewFlags
	cmd := &cobra.Command{
		Use:   "preview FILE",
		Short: "Show a few records before and after, side by side",
		Long: `Show a few records before and after, side by side: on the left what the mapping
reads of a record, on the right the row that it makes. ~ marks what is not as it
was read. A record that is filtered or rejected is shown with the reason.

Where the last run of the mapping left a tape, its records are shown, without a
call; else as few pages as needed are fetched. Nothing is delivered, and no file
is written. What is shown are people's data as they are, for your own terminal;
nothing is masked.`,
		Example: `  pipeline preview --sandbox mappings/gevme-attendees.yaml

  # only records of which this is true; a condition with spaces stands in quotes,
  # as in --where 'status == "cancelled"'
  pipeline preview --sandbox --limit 1 --where checked_in mappings/gevme-attendees.yaml

  pipeline preview --sandbox --page 2 --json mappings/gevme-attendees.yaml`,
		Args:              oneFile,
		ValidArgsFunction: once(mappingFiles),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case f.limit < 1:
				return usage("--limit takes a number of records, from 1")
			case f.page < 1:
				return usage("--page takes the number of a page, from 1")
			case cmd.Flags().Changed("where") && f.where == "":
				return usage(`--where takes a condition over the record, as in --where 'status == "cancelled"'`)
			}
			return a.preview(cmd.Context(), args[0], f)
		},
	}
	flags := cmd.Flags()
	flags.IntVar(&f.limit, "limit", 3, "show `N` records")
	flags.IntVar(&f.page, "page", 1, "begin at page `N` of the source")
	flags.StringVar(&f.where, "where", "", "show only records of which `EXPR` is true")
	flags.BoolVar(&f.json, "json", false, "print one JSON object per record on stdout")
	flags.BoolVar(&f.fresh, "fresh", false, "fetch records, also where there is a tape")
	f.add(cmd)
	return cmd
}

// oneFile is the Args of commands that take one mapping.
func oneFile(cmd *cobra.Command, args []string) error {
	if len(args) > 1 {
		return usage("%s takes one mapping, and there are %d", cmd.CommandPath(), len(args))
	}
	return files(cmd, args)
}

func (a *app) preview(ctx context.Context, file string, f previewFlags) error {
	c, files, err := a.one(file, f.state, "read")
	if err != nil {
		return err
	}
	if f.page > 1 && !c.plan.Remote() {
		return usage("%s reads from %s, which has no pages; leave out --page", c.file, c.plan.SourceName())
	}
	p := &preview{app: a, plan: c.plan, flags: f}
	if p.filter, err = a.filter(c, f.where); err != nil {
		return err
	}
	p.show = newSideBySide(a, c.plan, files.Seen).record
	if f.json {
		p.show = newRecordLines(a, c.plan).record
	}
	o, leave, err := a.looking(ctx, c, f.lookFlags)
	if err != nil {
		return err
	}
	defer leave()
	o.Page = f.page
	if err := c.plan.Trace(ctx, o, p.see); err != nil {
		return err
	}
	return p.end()
}

// filter compiles --where. It is nil where nothing was said.
func (a *app) filter(c checked, where string) (*pipeline.Filter, error) {
	if where == "" {
		return nil, nil
	}
	filter, diags := c.plan.Filter("--where", where, time.Now())
	if err := diag.Text(a.stderr, diags, diag.Files{"--where": []byte(where)}, a.colour()); err != nil {
		return nil, err
	}
	if filter == nil {
		errors, _ := diags.Count()
		fmt.Fprintf(a.stderr, "\n%s; nothing was read\n", diag.Count(errors, "error"))
		return nil, exitCode(exitWrong)
	}
	return filter, nil
}

// preview picks the records that are shown.
type preview struct {
	app    *app
	plan   *pipeline.Plan
	flags  previewFlags
	filter *pipeline.Filter // nil: all
	show   func(*pipeline.Outcome) error

	read, shown int
	unclear     int    // records for which --where could not be worked out
	why         string // the first of them, and why
}

func (p *preview) see(o *pipeline.Outcome) error {
	p.read++
	if p.filter != nil && !p.holds(o) {
		return nil
	}
	if err := p.show(o); err != nil {
		return err
	}
	if p.shown++; p.shown == p.flags.limit {
		return pipeline.ErrEnough
	}
	return nil
}

func (p *preview) holds(o *pipeline.Outcome) bool {
	ok, err := p.filter.Holds(o.Text)
	if err != nil {
		if p.unclear++; p.unclear == 1 {
			p.why = fmt.Sprintf("%s: %v", placeOf(o), err)
		}
	}
	return ok
}

// end says why there was not more to show.
func (p *preview) end() error {
	name := p.plan.Name()
	if p.unclear > 0 {
		fmt.Fprintf(p.app.stderr, "%s: --where cannot be worked out for %s, which are not shown; the first: %s\n", name, diag.Count(p.unclear, "record"), p.why)
	}
	switch {
	case p.shown > 0:
	case p.read == 0 && p.flags.page > 1:
		return usage("%s has no records on page %d: the source ends before it", p.plan.From(), p.flags.page)
	case p.read == 0:
		fmt.Fprintf(p.app.stderr, "%s: the source has no records\n", name)
	default:
		fmt.Fprintf(p.app.stderr, "%s: --where is true of none of %s\n", name, diag.Count(p.read, "record"))
	}
	return nil
}

// placeOf is where a record stood.
func placeOf(o *pipeline.Outcome) string {
	if o.Page > 0 {
		return fmt.Sprintf("page %d, item %d", o.Page, o.Item)
	}
	return fmt.Sprintf("line %d", o.Line)
}

// recordLines are records as lines of JSON.
type recordLines struct {
	out     *json.Encoder
	columns []pipeline.Column
}

func newRecordLines(a *app, plan *pipeline.Plan) *recordLines {
	l := &recordLines{out: json.NewEncoder(a.stdout), columns: plan.Columns()}
	l.out.SetEscapeHTML(false)
	return l
}

// recordLine is one record of --json.
type recordLine struct {
	Page     int               `json:"page,omitempty"`
	Item     int               `json:"item,omitempty"`
	Line     int               `json:"line,omitempty"`
	Record   json.RawMessage   `json:"record,omitempty"`
	Raw      string            `json:"raw,omitempty"` // of what is no JSON
	Rows     []json.RawMessage `json:"rows,omitempty"`
	Filtered bool              `json:"filtered,omitempty"`
	Reject   *rejectLine       `json:"reject,omitempty"`
}

type rejectLine struct {
	Code   string `json:"code"`
	Field  string `json:"field,omitempty"`
	Reason string `json:"reason"`
}

func (l *recordLines) record(o *pipeline.Outcome) error {
	line := recordLine{Page: o.Page, Item: o.Item, Line: o.Line, Filtered: len(o.Rows) == 0 && o.Reject == nil}
	if json.Valid(o.Text) {
		line.Record = o.Text
	} else {
		line.Raw = string(o.Record)
	}
	for _, row := range o.Rows {
		line.Rows = append(line.Rows, pipeline.NewRowJSON(l.columns).Append(nil, row))
	}
	if r := o.Reject; r != nil {
		line.Reject = &rejectLine{r.Code, r.Field, r.Reason}
	}
	return l.out.Encode(line)
}
