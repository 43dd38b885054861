package main

// diff.go: what a change of a mapping changes, over records that were fetched
// before.

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"pipeline/pipeline"
	"pipeline/pipeline/diag"
	"pipeline/pipeline/golden"
)

// diffFlags are the flags of diff.
type diffFlags struct {
	lookFlags
	limit    int
	json     bool
	markdown bool
	unmasked bool
}

func (a *app) diffCommand() *cobra.Command {
	var f diffFlags
	cmd := &cobra.Command{
		Use:   "diff OLD NEW",
		Short: "Show the rows and cells that a change of a mapping changes",
		Long: `Show what changes from one mapping to another over the same records: rows that are
new, gone or changed, cells by column, and records that are rejected or filtered
now and were not, or no longer. Rows are told apart by key: where both mappings
have the same one, else by their place.

The records are those of the last tape of NEW, else of OLD, so that no call is
made; else the inputs of the golden cases beside NEW or OLD. A file is simply
read. Differences are no failure: the exit code is 0.

Samples hold people's data. On a terminal they are shown as they are; everywhere
else they are masked, with their shape: letters become x, digits 0. --unmasked
shows them all the same.`,
		Example: `  pipeline diff --sandbox mappings/gevme-attendees.yaml mappings/gevme-attendees.yaml

  # against the mapping of another branch, for a pull request:
  # git show main:mappings/gevme-attendees.yaml > before/gevme-attendees.yaml
  pipeline diff --markdown before/gevme-attendees.yaml mappings/gevme-attendees.yaml`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 2 {
				return usage("%s takes two mappings, the old and the new one, and there are %d", cmd.CommandPath(), len(args))
			}
			return nil
		},
		ValidArgsFunction: mappingFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case f.limit < 1:
				return usage("--limit takes a number of samples, from 1")
			case f.json && f.markdown:
				return usage("--json and --markdown both write to stdout; choose one")
			}
			return a.diff(cmd.Context(), args[0], args[1], f)
		},
	}
	flags := cmd.Flags()
	flags.IntVar(&f.limit, "limit", 5, "show at most `N` samples of each difference")
	flags.BoolVar(&f.markdown, "markdown", false, "print a summary for a pull request")
	flags.BoolVar(&f.json, "json", false, "print one JSON object on stdout")
	flags.BoolVar(&f.unmasked, "unmasked", false, "show samples as they are, also where stdout is no terminal")
	f.add(cmd)
	return cmd
}

func (a *app) diff(ctx context.Context, oldFile, newFile string, f diffFlags) error {
	old, new, err := a.two(oldFile, newFile, f.state)
	if err != nil {
		return err
	}
	t := terminalOf(a.stdout)
	c := newComparison(old.plan, new.plan, f.limit, !f.unmasked && (f.json || f.markdown || !t.tty))
	c.Old, c.New = filepath.ToSlash(old.file), filepath.ToSlash(new.file)
	if err := a.compare(ctx, old, new, f, c); err != nil {
		return err
	}
	c.finish()
	switch {
	case f.json:
		out := json.NewEncoder(a.stdout)
		out.SetEscapeHTML(false)
		return out.Encode(c)
	case f.markdown:
		_, err = fmt.Fprint(a.stdout, markdownOf(c))
		return err
	}
	return (&diffText{t: t, c: c}).print(a.stdout)
}

// two checks both mappings, and that they read the same.
func (a *app) two(oldFile, newFile, state string) (old, new checked, err error) {
	// each by itself: they may well have the same name
	old, _, oldErr := a.one(oldFile, state, "compared")
	if filepath.Clean(oldFile) == filepath.Clean(newFile) {
		return old, old, oldErr
	}
	new, _, err = a.one(newFile, state, "compared")
	switch {
	case oldErr != nil:
		return old, new, oldErr
	case err != nil:
		return old, new, err
	case old.plan.Identity() == new.plan.Identity():
		return old, new, nil
	}
	return old, new, usage("%s and %s do not read the same: %s; give both the same source, with the same options, stream and connection, to see what the change of the mapping does", old.file, new.file, otherSource(old.plan, new.plan))
}

// otherSource is the first thing in which two sources differ.
func otherSource(old, new *pipeline.Plan) string {
	if old.From() != new.From() {
		return fmt.Sprintf("%s and %s", old.From(), new.From())
	}
	before, after := old.ShownOptions(), new.ShownOptions()
	names := slices.Sorted(maps.Keys(before))
	for _, name := range slices.Compact(append(names, slices.Sorted(maps.Keys(after))...)) {
		if before[name] != after[name] {
			return fmt.Sprintf("%s is %q and %q", name, before[name], after[name])
		}
	}
	if old.Connection() != new.Connection() {
		return fmt.Sprintf("the connection is %q and %q", old.Connection(), new.Connection())
	}
	return "their options differ"
}

// compare finds records and maps them by both mappings.
func (a *app) compare(ctx context.Context, old, new checked, f diffFlags, c *comparison) error {
	see := func(name string) func(before, after *pipeline.Outcome) error {
		return func(before, after *pipeline.Outcome) error {
			c.record(recordPlace{Case: name, Page: before.Page, Item: before.Item, Line: before.Line}, before, after)
			return nil
		}
	}
	if f.sandbox || !new.plan.Remote() && !new.plan.PushOnly() {
		c.Over = overRead(new.plan, f.sandbox)
		return a.compareLooking(ctx, old, new, f.lookFlags, see(""))
	}
	problem := ""
	for _, one := range []checked{new, old} {
		last, why, err := lastTape(stateOf(f.state, one), one.plan)
		switch {
		case err != nil:
			return err
		case why != "" && problem == "":
			problem = why
		case last != nil:
			c.Over = aboutTape(last)
			return a.compareTape(ctx, old, new, stateOf(f.state, one), see(""))
		}
	}
	for _, one := range []checked{new, old} {
		cases, err := golden.Cases(one.file)
		if err != nil {
			return fmt.Errorf("list the golden cases of %s: %s", one.file, reason(err))
		}
		if len(cases) > 0 {
			if problem != "" {
				fmt.Fprintf(a.stderr, "%s: %s\n", new.plan.Name(), problem)
			}
			c.Over = diag.Count(len(cases), "golden case") + " of " + filepath.ToSlash(one.file)
			return compareGolden(ctx, old, new, cases, see)
		}
	}
	if problem != "" {
		problem = " (" + problem + ")"
	}
	return fmt.Errorf("there is nothing to compare over: no tape of a complete run in %s%s, and no golden case in %s; run one of the mappings once, or use --sandbox",
		stateOf(f.state, new), problem, golden.Folder(new.file))
}

// overRead says what is read where there is neither a tape nor a case.
func overRead(plan *pipeline.Plan, sandbox bool) string {
	switch {
	case sandbox:
		return "the sandbox of " + plan.SourceName()
	case plan.ReadsStdin():
		return "stdin"
	}
	return strings.TrimSpace(plan.From() + " " + plan.ShownOptions()["path"])
}

func (a *app) compareLooking(ctx context.Context, old, new checked, f lookFlags, see func(before, after *pipeline.Outcome) error) error {
	o, leave, err := a.looking(ctx, new, f)
	if err != nil {
		return err
	}
	defer leave()
	return old.plan.Compare(ctx, new.plan, o, see)
}

func (a *app) compareTape(ctx context.Context, old, new checked, dir string, see func(before, after *pipeline.Outcome) error) error {
	o := pipeline.RunOptions{World: a.world(new), State: dir, Replay: true}
	return old.plan.Compare(ctx, new.plan, o, see)
}

func compareGolden(ctx context.Context, old, new checked, cases []string, see func(name string) func(before, after *pipeline.Outcome) error) error {
	for _, file := range cases {
		name := strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))
		err := golden.Look(ctx, file, new.plan, func(ctx context.Context, o pipeline.RunOptions) error {
			return old.plan.Compare(ctx, new.plan, o, see(name))
		})
		if err != nil {
			return fmt.Errorf("golden case %s: %w", file, err)
		}
	}
	return nil
}
