package main

// discover.go: the schema of a source, written from its records.

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"pipeline/connectors/rest"
	"pipeline/pipeline"
	"pipeline/pipeline/diag"
	"pipeline/pipeline/schema"
)

// discoverFlags are the flags of discover.
type discoverFlags struct {
	limit      int
	merge      string
	sandbox    bool
	fresh      bool
	state      string
	options    []string
	stream     string
	connection string
}

func (a *app) discoverCommand() *cobra.Command {
	var f discoverFlags
	cmd := &cobra.Command{
		Use:   "discover FILE|CONNECTOR",
		Short: "Read records and write their schema: types, nulls, listed values, questions",
		Long: `Read records and write their JSON Schema to stdout: the types, what may be null
or absent, the values of fields that have few, and the questions of a form's
answers. Under source.schema of a mapping, check holds its expressions against
it, and run says where records differ from it.

FILE is a mapping, whose source is read whatever is wrong with the rest of it, or
a data file (.jsonl, .json, .csv, gzipped or not; - is stdin). CONNECTOR is a
source's name or its ./FILE.yaml, with its options. What the last run of a
mapping fetched is read from its tape, without a call.

With --merge the records are merged into a schema that is there: it is widened
where they demand it and gets what it does not know; all else stays as it was
written. What was changed is shown.

Values end in the schema only where few different ones come again and again, and
never those of names, addresses, numbers and free text. A field that is in all
records is taken to be in all that will come: the more records, the better.`,
		Example: `  # the schema of a platform's records, as its sandbox makes them up
  pipeline discover --sandbox gevme --option event=1 > attendee.schema.json

  # of the source of a mapping, which need not be finished
  pipeline discover --sandbox mappings/gevme-attendees.yaml > attendee.schema.json

  # after the form was changed: take over what is new
  pipeline discover --sandbox --merge attendee.schema.json mappings/gevme-attendees.yaml`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage("pipeline discover takes one mapping, data file or connector, as in: pipeline discover people.jsonl")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.limit < 0 {
				return usage("--limit takes a number of records; 0 reads all")
			}
			return a.discover(cmd.Context(), args[0], f)
		},
	}
	flags := cmd.Flags()
	flags.IntVar(&f.limit, "limit", 1000, "end after `N` records; 0 reads all")
	flags.StringVar(&f.merge, "merge", "", "merge into the schema in `FILE` and show what was changed")
	flags.BoolVar(&f.sandbox, "sandbox", false, "read from the connector's sandbox inside this process instead of the platform")
	flags.BoolVar(&f.fresh, "fresh", false, "call the platform even where a tape has the records of the last run")
	flags.StringVar(&f.state, "state", "", "look for the tape in the folder `DIR` (default: PIPELINE_STATE, else .pipeline beside the mapping)")
	flags.StringArrayVar(&f.options, "option", nil, "an option of the connector, as `NAME=VALUE`; may be given several times")
	flags.StringVar(&f.stream, "stream", "", "which `LIST` of the connector; its first, if not said")
	flags.StringVar(&f.connection, "connection", "", "whose credentials: the `NAME` of the connection (default: the connector's)")
	return cmd
}

// discovery is one run of discover.
type discovery struct {
	app    *app
	f      discoverFlags
	source discoverSource

	sample schema.Sample
	merge  *schema.Merge // nil: a new schema is written

	changed int // in the schema that was merged into
	calls   int
	skipped int    // records that are none
	first   string // why the first of them is none, and where it stood
	taped   string // when the tape was made that was read; empty: none was
}

func (a *app) discover(ctx context.Context, arg string, f discoverFlags) error {
	d := &discovery{app: a, f: f}
	var err error
	if d.source, err = a.discoverSource(arg, f); err != nil {
		return err
	}
	if err := d.openMerge(); err != nil {
		return err
	}
	if err := d.read(ctx); err != nil {
		return err
	}
	if d.sample.Records() == 0 {
		return d.nothing()
	}
	if d.merge != nil {
		err = d.writeMerged()
	} else {
		_, err = a.stdout.Write(d.sample.Text(d.source.what()))
	}
	if err == nil {
		d.summary()
	}
	return err
}

// openMerge reads the schema that is merged into, before any call.
func (d *discovery) openMerge() error {
	if d.f.merge == "" {
		return nil
	}
	text, err := readFile(d.f.merge)
	if err != nil {
		hint := "to write a new one: pipeline discover … > " + d.f.merge
		if near := nearFile(d.f.merge); near != "" {
			hint = "did you mean " + filepath.Join(filepath.Dir(d.f.merge), near) + "?"
		}
		return usage("--merge: cannot read %s: %s; %s", d.f.merge, reason(err), hint)
	}
	files := &pipeline.Files{Read: readFile, Stat: readable, Near: nearFile, Seen: diag.Files{d.f.merge: text}}
	var diags diag.List
	d.merge, diags = schema.NewMerge(d.f.merge, text, files.Open)
	if !diags.HasErrors() {
		return nil
	}
	if err := diag.Text(d.app.stderr, diags, files.Seen, d.app.colour()); err != nil {
		return err
	}
	return usage("--merge: %s is not a JSON Schema that can be read; nothing was changed", d.f.merge)
}

// read gives the records to the sample, and to what is merged into.
func (d *discovery) read(ctx context.Context) error {
	c := d.source.checked
	c.withoutToken = d.sandboxCommand()
	o := pipeline.RunOptions{World: d.app.world(c), Limit: d.f.limit}
	o.World.Calls = func(c pipeline.Call) {
		if c.WaitFor.IsZero() {
			d.calls++
		}
	}
	plan := d.source.plan
	if d.f.sandbox {
		leave, err := d.app.sandboxOf(ctx, plan.Name(), plan.SourceName(), &o)
		if err != nil {
			return err
		}
		defer leave()
	} else {
		d.app.engine.ShareLimits(rest.LimitsFolder)
		if err := d.replay(&o); err != nil {
			return err
		}
	}
	return plan.Read(ctx, o, d.see)
}

// sandboxCommand is this command with --sandbox.
func (d *discovery) sandboxCommand() string {
	command := "pipeline discover --sandbox " + diag.ShellWord(d.source.checked.file)
	for _, o := range d.f.options {
		command += " --option " + diag.ShellWord(o)
	}
	if d.f.stream != "" {
		command += " --stream " + diag.ShellWord(d.f.stream)
	}
	return command
}

// replay reads the tape of the mapping's last run, where there is one.
func (d *discovery) replay(o *pipeline.RunOptions) error {
	if d.f.fresh || !d.source.mapping {
		return nil
	}
	state := filepath.Join(stateFolder(d.f.state, d.source.checked.file), d.source.plan.Name())
	began, ok, err := d.source.plan.Taped(state)
	if err != nil {
		return fmt.Errorf("look for a tape: %w", err)
	}
	if ok {
		o.State, o.Replay = state, true
		d.taped = began.Local().Format("2006-01-02 15:04")
	}
	return nil
}

func (d *discovery) see(r pipeline.ReadRecord) error {
	if r.Reject != nil {
		if d.skipped++; d.skipped == 1 {
			d.first = fmt.Sprintf("%s: %v", r.Where(), r.Reject)
		}
		return nil
	}
	if d.merge != nil {
		if err := d.merge.Add(r.Text); err != nil {
			return err
		}
	}
	return d.sample.Add(r.Text)
}

// nothing is the error of a source without records.
func (d *discovery) nothing() error {
	if d.skipped > 0 {
		return fmt.Errorf("of the %s of %s none can be read, so there is nothing to learn; the first (%s)", diag.Count(d.skipped, "record"), d.source.what(), d.first)
	}
	return fmt.Errorf("%s has no records, so there is nothing to learn", d.source.what())
}

// writeMerged publishes the schema that was merged into, where it was changed,
// and shows the changes.
func (d *discovery) writeMerged() error {
	text, changes, err := d.merge.Finish(&d.sample)
	if err != nil || len(changes) == 0 {
		return err
	}
	if err := pipeline.WriteFile(d.f.merge, text, 0); err != nil {
		return err
	}
	t := terminalOf(d.app.stdout)
	colours := map[schema.ChangeKind]string{schema.Added: green, schema.Widened: yellow, schema.Dropped: red}
	for _, c := range changes {
		path := c.Path
		if path == "" {
			path = "the record"
		}
		fmt.Fprintln(d.app.stdout, t.paint(colours[c.Kind], fmt.Sprintf("%c %s: %s", c.Kind, path, c.Text)))
	}
	d.changed = len(changes)
	return nil
}
