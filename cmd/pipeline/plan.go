package main

// plan.go: what a run would do, before it does it.

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"pipeline/pipeline"
	"pipeline/pipeline/tape"
)

func (a *app) planCommand() *cobra.Command {
	var f lookFlags
	var probe, asJSON bool
	cmd := &cobra.Command{
		Use:   "plan FILE",
		Short: "Say what a run would do: calls, minutes, columns, sinks",
		Long: `Say what a run would do: how many calls it takes and how long at the limit, which
columns it makes and where each comes from, where rows go, and what is kept from
earlier runs.

It needs neither the network nor a token: the number of calls is that of the last
run. With --probe one call of the list is made instead, where the platform says in
its answer how many records there are.`,
		Example: `  pipeline plan mappings/gevme-attendees.yaml
  pipeline plan --sandbox --probe mappings/floktu-attendees.yaml
  pipeline plan --json mappings/gevme-attendees.yaml`,
		Args:              oneFile,
		ValidArgsFunction: once(mappingFiles),
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.sandbox && !probe {
				return usage("--sandbox says where --probe makes its call; plan makes none without it")
			}
			return a.plan(cmd.Context(), args[0], f, probe, asJSON)
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&probe, "probe", false, "make one call of the list to find out how many there will be")
	flags.BoolVar(&asJSON, "json", false, "print one JSON object on stdout")
	f.add(cmd)
	return cmd
}

func (a *app) plan(ctx context.Context, file string, f lookFlags, probe, asJSON bool) error {
	c, _, err := a.one(file, f.state, "planned")
	if err != nil {
		return err
	}
	if probe && !c.plan.Remote() {
		return usage("%s reads from %s, which is not called; leave out --probe", c.file, c.plan.SourceName())
	}
	p := describePlan(c.plan)
	if err := p.keeps(stateOf(f.state, c), c.plan); err != nil {
		return err
	}
	if probe {
		f.fresh = true // the question is for the source
		o, leave, err := a.looking(ctx, c, f)
		if err != nil {
			return err
		}
		defer leave()
		estimate, err := c.plan.Probe(ctx, o)
		if err != nil {
			return err
		}
		p.Calls = planCalls{Records: estimate.Records, Calls: estimate.Calls, From: "probe"}
	}
	p.Calls.take(c.plan.Limit().Rate)
	if asJSON {
		out := json.NewEncoder(a.stdout)
		out.SetEscapeHTML(false)
		return out.Encode(p)
	}
	show := planText{out: a.stdout, t: terminalOf(a.stdout), p: p}
	return show.print()
}

// planned is what a run would do, as --json has it.
type planned struct {
	Mapping string       `json:"mapping"`
	Source  planSource   `json:"source"`
	Calls   planCalls    `json:"calls"`
	Key     []string     `json:"key,omitempty"`
	Where   string       `json:"where,omitempty"`
	Columns []planColumn `json:"columns"`
	Sinks   []planSink   `json:"sinks"`
	Rejects planRejects  `json:"rejects"`
	State   planState    `json:"state"`

	Push      *planPush `json:"push,omitempty"`
	Reconcile string    `json:"reconcile,omitempty"`
	Schedule  string    `json:"schedule,omitempty"`
}

// planPush is what is pushed, as far as it is no secret.
type planPush struct {
	Path string `json:"path"`
	Auth string `json:"auth"`
	ID   string `json:"id,omitempty"`
	Rate string `json:"rate"`
}

type planSource struct {
	Connector   string            `json:"connector"`
	Stream      string            `json:"stream,omitempty"`
	Options     map[string]string `json:"options"`
	Connection  string            `json:"connection,omitempty"`
	BaseURL     string            `json:"base_url,omitempty"`
	Rate        string            `json:"rate,omitempty"`
	Concurrency int               `json:"concurrency,omitempty"`
	Detail      bool              `json:"call_per_record,omitempty"`
	Incremental bool              `json:"incremental,omitempty"`
	Remote      bool              `json:"remote"`
}

// planCalls is how many calls a run takes. From is "last run" or "probe", empty
// where it is not known.
type planCalls struct {
	Calls   int        `json:"calls,omitempty"`
	Records int        `json:"records,omitempty"`
	Minutes *float64   `json:"minutes,omitempty"` // at the limit, where there is one
	From    string     `json:"from,omitempty"`
	Run     *time.Time `json:"run,omitempty"` // when the last run began
}

type planColumn struct {
	Name        string   `json:"name"`
	Type        string   `json:"type"`
	Nullable    bool     `json:"nullable"`
	Enum        []string `json:"enum,omitempty"`
	Format      string   `json:"format,omitempty"`
	MaxLength   int      `json:"max_length,omitempty"`
	From        []string `json:"from"`
	Expression  string   `json:"expression"`
	Description string   `json:"description,omitempty"`
}

type planSink struct {
	Connector string `json:"connector"`
	Target    string `json:"target"`
	Mode      string `json:"mode,omitempty"`
}

type planRejects struct {
	Path string `json:"path"`
	Max  string `json:"max,omitempty"`
}

// planState is what earlier runs left.
type planState struct {
	Folder     string     `json:"folder,omitempty"`
	Tape       *planTape  `json:"tape,omitempty"`
	Unfinished *planTape  `json:"unfinished,omitempty"`
	Ledger     bool       `json:"ledger"`
	Since      *time.Time `json:"since,omitempty"` // what an incremental run asks for
}

type planTape struct {
	Started time.Time `json:"started"`
	Answers int       `json:"answers"`
	Bytes   int64     `json:"bytes"`
	Problem string    `json:"problem,omitempty"`
}

func describePlan(plan *pipeline.Plan) *planned {
	p := &planned{Mapping: plan.Name(), Where: plan.Where(), Columns: []planColumn{}, Sinks: []planSink{}}
	options := plan.ShownOptions()
	p.Source = planSource{
		Connector: plan.SourceName(), Stream: plan.Stream().Name, Options: options, BaseURL: options["base_url"],
		Concurrency: plan.Limit().Concurrency, Detail: plan.Stream().Detail, Incremental: plan.Incremental(), Remote: plan.Remote(),
	}
	maps.DeleteFunc(options, func(name, _ string) bool { return name == "base_url" || plan.IsDefault(name) || plan.PushOnly() }) // which Push says
	if plan.Remote() {
		p.Source.Connection, p.Source.Rate = plan.Connection(), plan.Limit().Rate.String()
	}
	for _, f := range plan.Fields() {
		p.Columns = append(p.Columns, planColumn{
			Name: f.Name, Type: f.Type.String(), Nullable: f.Nullable, Enum: f.Target.Enum, Format: f.Target.Format, MaxLength: f.Target.MaxLength,
			From: append([]string{}, f.Reads...), Expression: f.Expression, Description: f.Description,
		})
	}
	if push := plan.Push(); push != nil {
		p.Push = &planPush{Path: push.Shown, Auth: string(push.Auth.Kind), Rate: push.Rate.String()}
		if push.ID != nil {
			p.Push.ID = push.ID.String()
		}
	}
	if every := plan.Reconcile(); every > 0 {
		p.Reconcile = pipeline.Period(every).String()
	}
	if s := plan.Schedule(); s != nil {
		p.Schedule = s.String()
	}
	for _, i := range plan.KeyColumns() {
		p.Key = append(p.Key, plan.Columns()[i].Name)
	}
	for _, s := range plan.Sinks() {
		p.Sinks = append(p.Sinks, planSink{s.Connector, s.Target, s.Mode})
	}
	p.Rejects.Path, p.Rejects.Max = plan.RejectFile(), plan.MostRejects()
	return p
}

// keeps says what earlier runs left in dir, and how many calls the last one took.
func (p *planned) keeps(dir string, plan *pipeline.Plan) error {
	if _, err := os.Stat(dir); err != nil {
		return nil //nolint:nilerr // nothing is kept
	}
	p.State.Folder = dir
	tapes, err := tape.Inspect(dir)
	if err != nil {
		return fmt.Errorf("look for tapes in %s: %w", dir, err)
	}
	for _, t := range tapes {
		kept := &planTape{Started: t.Started, Answers: t.Exchanges, Bytes: t.Bytes, Problem: t.Problem}
		if t.Problem == "" && t.Identity != plan.Identity() {
			kept.Problem = "it is of another source: " + t.Source
		}
		if !t.Complete {
			p.State.Unfinished = kept
			continue
		}
		p.State.Tape = kept
		if kept.Problem == "" {
			p.Calls = planCalls{Calls: t.Exchanges, From: "last run", Run: &t.Started}
		}
	}
	_, err = os.Stat(filepath.Join(dir, "ledger.db"))
	p.State.Ledger = err == nil
	p.State.Since, err = plan.PositionIn(dir)
	return err
}

// take works out how long the calls take where nothing but the limit holds them
// up: those of the first window go at once.
func (c *planCalls) take(rate pipeline.Rate) {
	if rate.Calls == 0 || c.Calls == 0 {
		return
	}
	windows := (c.Calls - 1) / rate.Calls // that have to pass before the last call
	minutes := (time.Duration(windows) * rate.Per).Minutes()
	c.Minutes = &minutes
}
