package main

// record.go: golden cases from real records, without the people in them. Which
// records are taken is in recordchoose.go.

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"pipeline/pipeline"
	"pipeline/pipeline/diag"
	"pipeline/pipeline/golden"
	"pipeline/pipeline/scrub"
	"pipeline/pipeline/value"
)

// recordFlags are the flags of record.
type recordFlags struct {
	lookFlags
	name   string
	limit  int
	read   int
	update bool
}

func (a *app) recordCommand() *cobra.Command {
	var f recordFlags
	cmd := &cobra.Command{
		Use:   "record FILE --case NAME",
		Short: "Write a golden case from real records, without the people in them",
		Long: `Write a golden case from real records: what goes in is fetched from the source,
what has to come out is what the mapping makes of it today. pipeline test holds
the mapping to it from then on.

Records are taken so that they go different ways: kept, filtered and rejected,
each branch of an expression, values that the schemas list, nulls, and texts
that are awkward. Where the last run of the mapping left a tape, they are taken
from it, without a call.

People are replaced: each word of a name, an address or a free text by another
one of the same length, script, accents and capitals, each telephone number, id
and birthday by another one; the same one everywhere in the case. What the
mapping compares with stays, and so do questions, times, amounts, true, false
and null. Nobody can turn that back, and recording again gives other people.
Look through the case before you commit it.`,
		Example: `  pipeline record --sandbox mappings/gevme-attendees.yaml --case sandbox
  pipeline record --sandbox --limit 5 --case sandbox --update mappings/gevme-attendees.yaml`,
		Args:              oneFile,
		ValidArgsFunction: once(mappingFiles),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case f.name == "":
				return usage("record needs a name for the case, as in: pipeline record %s --case first", args[0])
			case !pipeline.IsName(f.name):
				return usage("%q cannot be the name of a case: a file is named after it; use letters, digits, dots, dashes and underscores, at most 100 of them", f.name)
			case f.limit < 1:
				return usage("--limit takes a number of records, from 1")
			case f.read < f.limit:
				return usage("--read takes a number of records, from that of --limit: the records are chosen among those that are read")
			}
			return a.record(cmd.Context(), args[0], f)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.name, "case", "", "the `NAME` of the case: it is FOLDER/NAME.txtar in the folder named after the mapping")
	flags.IntVar(&f.limit, "limit", 10, "put `N` records into the case")
	flags.IntVar(&f.read, "read", 300, "choose them among the first `N` records; where each record is a call, fewer are cheaper")
	flags.BoolVar(&f.update, "update", false, "write over a case of that name")
	flags.BoolVar(&f.fresh, "fresh", false, "fetch records, also where there is a tape")
	f.add(cmd)
	return cmd
}

func (a *app) record(ctx context.Context, file string, f recordFlags) error {
	c, files, err := a.one(file, f.state, "recorded")
	if err != nil {
		return err
	}
	r := &recorder{app: a, c: c, files: files, flags: f, path: golden.CasePath(file, f.name)}
	if err := r.free(); err != nil {
		return err
	}
	if err := r.read(ctx); err != nil {
		return err
	}
	if err := r.finish(ctx); err != nil {
		return err
	}
	fmt.Fprintf(a.stderr, "  next      look through it for what should not be in your repository, then: pipeline test %s\n", diag.ShellWord(file))
	return nil
}

// recorder makes one case.
type recorder struct {
	*app
	c     checked
	files *pipeline.Files
	flags recordFlags
	path  string // of the case

	now     time.Time // of the records
	from    string    // where they come from, in words
	seen    []*candidate
	skipped int // those that a case cannot hold
	changed int // those of which something else would become without their people
	fields  []scrub.Field
}

// free reports that there is a case of that name, which stays.
func (r *recorder) free() error {
	switch _, err := os.Stat(r.path); {
	case errors.Is(err, fs.ErrNotExist), err == nil && r.flags.update:
		return nil
	case err == nil:
		return usage("there is a case %s already; give this one another name, or write over it with --update", r.path)
	default:
		return fmt.Errorf("look for the case %s: %s", r.path, reason(err))
	}
}

// read looks at the first records of the source.
func (r *recorder) read(ctx context.Context) error {
	o, leave, err := r.looking(ctx, r.c, r.flags.lookFlags)
	if err != nil {
		return err
	}
	defer leave()
	r.now, r.from = o.World.Now, r.c.plan.From()
	switch {
	case r.flags.sandbox:
		r.from = "the sandbox of " + r.c.plan.From()
	case o.Replay:
		last, _, err := lastTape(o.State, r.c.plan)
		if err != nil {
			return err
		}
		r.now = last.Started
	}
	o.Limit = r.flags.read
	paths := r.c.plan.Paths()
	err = r.c.plan.Trace(ctx, o, func(out *pipeline.Outcome) error {
		if c := newCandidate(out, paths); c != nil {
			r.seen = append(r.seen, c)
		} else {
			r.skipped++
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("%s: %w", r.c.plan.Name(), err)
	}
	if len(r.seen) == 0 {
		return fmt.Errorf("%s: there is nothing to record: %s gave no record that a case can hold (%d read)", r.c.plan.Name(), r.from, r.skipped)
	}
	return nil
}

// finish writes the case, and says what is in it.
func (r *recorder) finish(ctx context.Context) error {
	covering, err := r.covering()
	if err != nil {
		return err
	}
	if err := r.cover(ctx, covering); err != nil {
		return err
	}
	chosen, texts, err := r.scrubbed(ctx)
	if err != nil {
		return err
	}
	if err := r.write(ctx, texts); err != nil {
		return err
	}
	r.say(chosen)
	return nil
}

// covering is the plan, compiled so that it tells which branches records take.
func (r *recorder) covering() (*pipeline.Plan, error) {
	m, diags := pipeline.Load(r.c.file, r.files)
	if m != nil {
		plan, more := m.Compile(pipeline.Setup{Registry: r.registry, Files: r.files, Getenv: r.c.getenv, Cover: true})
		if plan != nil {
			return plan, nil
		}
		diags = append(diags, more...)
	}
	return nil, fmt.Errorf("%s was changed while it was read (%d problems)", r.c.file, len(diags))
}

// rounds is how often other records are chosen in place of those that cannot be
// without their people.
const rounds = 5

// scrubbed chooses records and takes the people out of them. A record of which
// something else becomes by that is left out.
func (r *recorder) scrubbed(ctx context.Context) (chosen []*candidate, texts [][]byte, err error) {
	pool := r.seen
	for range rounds {
		chosen, texts = choose(pool, r.flags.limit), nil
		s := scrub.New(r.scrubOptions())
		for _, c := range chosen {
			s.Learn(c.text)
		}
		var good []*candidate
		for _, c := range chosen {
			text := s.Record(c.text)
			class, err := r.classOf(ctx, text)
			if err != nil {
				return nil, nil, err
			}
			if class == c.class {
				good, texts = append(good, c), append(texts, text)
			}
		}
		r.fields = s.Fields()
		if len(good) == len(chosen) {
			return chosen, texts, nil
		}
		r.changed += len(chosen) - len(good)
		pool = slices.DeleteFunc(slices.Clone(pool), func(c *candidate) bool { return slices.Contains(chosen, c) && !slices.Contains(good, c) })
		chosen = good
	}
	if len(chosen) == 0 {
		return nil, nil, fmt.Errorf("%s: without their people, the mapping makes something else of each record that was tried; it must compare with what people type. Write a case by hand, with made-up records in input.jsonl: see docs/testing.md", r.c.plan.Name())
	}
	return chosen, texts, nil
}

// scrubOptions say what of the records the mapping depends on.
func (r *recorder) scrubOptions() scrub.Options {
	o := scrub.Options{Texts: r.c.plan.Texts(), Listed: r.c.plan.Listed(), Amounts: r.c.plan.Amounts(), Keys: []string{"id"}, Now: r.now}
	if key := r.c.plan.Stream().Key; key != "" {
		o.Keys = append(o.Keys, key)
	}
	for _, f := range r.c.plan.Fields() {
		o.Texts = append(o.Texts, f.Target.Enum...)
	}
	o.Texts = append(o.Texts, enumsOf(r.c.plan.Record())...)
	return o
}

// enumsOf are the texts that a schema lists, anywhere in it.
func enumsOf(shape *value.Shape) []string {
	if shape == nil {
		return nil
	}
	out := slices.Clone(shape.Enum)
	for _, f := range shape.Fields {
		out = append(out, enumsOf(f.Shape)...)
	}
	return append(out, enumsOf(shape.Elem)...)
}

// write makes the case: what goes in, and what comes out of that today.
func (r *recorder) write(ctx context.Context, texts [][]byte) error {
	suite, diags := golden.Load(r.c.file, r.files, r.registry)
	if suite == nil {
		return fmt.Errorf("%s cannot be tested: %s", r.c.file, diags[0].Message)
	}
	dir, err := os.MkdirTemp("", "pipeline-record-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }() // the system's own folder
	draft := filepath.Join(dir, filepath.Base(r.path))
	if err := r.draft(texts).Write(draft); err != nil {
		return err
	}
	result := suite.Run(ctx, draft)
	if result.Err != nil {
		return fmt.Errorf("%s: run the case: %w", r.c.plan.Name(), result.Err)
	}
	if err := os.MkdirAll(filepath.Dir(r.path), 0o777); err != nil {
		return fmt.Errorf("make the folder of the cases: %w", err)
	}
	if err := result.Updated().Write(r.path); err != nil {
		return err
	}
	if again := suite.Run(ctx, r.path); !again.OK() {
		return fmt.Errorf("%s does not come out the same twice; see: pipeline test %s", r.path, r.path)
	}
	return nil
}

// draft is the case without what comes out.
func (r *recorder) draft(texts [][]byte) *golden.Case {
	comment := fmt.Sprintf("Recorded from %s: %s of %s, chosen so that they go different ways.\nThe people are made up.\n", r.from, diag.Count(len(texts), "record"), diag.Thousands(len(r.seen)))
	if r.c.plan.Calls("now") {
		comment += "now: " + r.now.UTC().Format(time.RFC3339) + "\n"
	}
	input := append(bytes.Join(texts, []byte("\n")), '\n')
	return &golden.Case{Comment: comment, Files: []golden.File{{Name: "input.jsonl", Data: input}}}
}

// say tells what is in the case, and what to look at.
func (r *recorder) say(chosen []*candidate) {
	rows, filtered, rejected := 0, 0, 0
	for _, c := range chosen {
		switch {
		case strings.HasPrefix(c.class, classRejected):
			rejected++
		case c.class == classFiltered:
			filtered++
		default:
			rows++
		}
	}
	fmt.Fprintf(r.stdout, "wrote %s: %s, of which %d delivered, %d filtered, %d rejected\n", r.path, diag.Count(len(chosen), "record"), rows, filtered, rejected)
	var replaced []string
	kept := map[string][]string{}
	var whys []string
	for _, f := range r.fields {
		if f.Replaced {
			replaced = append(replaced, f.Path)
		}
		if f.Kept == "" {
			continue
		}
		if kept[f.Kept] == nil {
			whys = append(whys, f.Kept)
		}
		kept[f.Kept] = append(kept[f.Kept], f.Path)
	}
	fmt.Fprintf(r.stderr, "  replaced  %s\n", strings.Join(replaced, ", "))
	slices.Sort(whys)
	for _, why := range whys {
		fmt.Fprintf(r.stderr, "  kept      %s: %s\n", why, strings.Join(kept[why], ", "))
	}
	if r.changed > 0 {
		fmt.Fprintf(r.stderr, "  left out  %s of which the mapping would make something else without the people in it\n", diag.Count(r.changed, "record"))
	}
	if r.skipped > 0 {
		fmt.Fprintf(r.stderr, "  left out  %s that no line can hold\n", diag.Count(r.skipped, "record"))
	}
}
