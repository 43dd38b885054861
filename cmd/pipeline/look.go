package main

// look.go: where the commands that only look at records get them from: the
// sandbox, the last tape, or the source itself.

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"pipeline/connectors/rest"
	"pipeline/pipeline"
	"pipeline/pipeline/diag"
	"pipeline/pipeline/tape"
)

// lookFlags are the flags of commands that look at records.
type lookFlags struct {
	sandbox bool
	fresh   bool
	state   string
}

func (f *lookFlags) add(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.sandbox, "sandbox", false, "read from the connector's sandbox inside this process instead of the platform")
	cmd.Flags().StringVar(&f.state, "state", "", "the state folder `DIR`, if run was given --state DIR")
	completeFlag(cmd, "state", folders)
}

// one checks a mapping and prints what is wrong with it.
func (a *app) one(file, state, undone string) (checked, *pipeline.Files, error) {
	all, files := a.check([]string{file}, state)
	list, err := a.problems(all, files)
	if err != nil {
		return checked{}, nil, err
	}
	if list.HasErrors() {
		errors, _ := list.Count()
		fmt.Fprintf(a.stderr, "\n%s; nothing was %s\n", diag.Count(errors, "error"), undone)
		return checked{}, nil, exitCode(exitWrong)
	}
	return all[0], files, nil
}

// fetchable reports a mapping that has nothing to fetch.
func fetchable(file string, plan interface {
	PushOnly() bool
	SourceName() string
}) error {
	if !plan.PushOnly() {
		return nil
	}
	return usage("%s maps what is pushed to it (%s), which happens in: pipeline serve %s; records of a file are tried as a golden case: pipeline test --help", file, plan.SourceName(), diag.ShellWord(filepath.Dir(file)))
}

// looking is how a plan is looked at; leave ends it.
func (a *app) looking(ctx context.Context, c checked, f lookFlags) (o pipeline.RunOptions, leave func(), err error) {
	if err := fetchable(c.file, c.plan); err != nil {
		return o, nil, err
	}
	notice := func(message string) { fmt.Fprintf(a.stderr, "%s: %s\n", c.plan.Name(), message) }
	o.World = a.world(c)
	o.World.Notice, o.Notice = notice, notice
	if f.sandbox {
		if !c.plan.Remote() {
			return o, nil, usage("%s reads from %s, which has no sandbox; leave out --sandbox", c.file, c.plan.SourceName())
		}
		leave, err = a.enterSandbox(ctx, c.plan, &o)
		return o, leave, err
	}
	leave = func() {}
	if !c.plan.Remote() {
		return o, leave, nil
	}
	if !f.fresh {
		last, why, err := lastTape(stateOf(f.state, c), c.plan)
		switch {
		case err != nil:
			return o, nil, err
		case why != "":
			notice(why + "; reading from the source")
		case last != nil:
			notice("reading " + aboutTape(last) + ", without a call")
			o.State, o.Replay = stateOf(f.state, c), true
			return o, leave, nil
		}
	}
	a.engine.ShareLimits(rest.LimitsFolder)
	return o, leave, nil
}

// lastTape is the last complete tape in a state folder, nil where there is none
// of this plan's source; why says of one that is there why it is of no use.
func lastTape(dir string, plan *pipeline.Plan) (last *tape.Info, why string, err error) {
	if !plan.KeepsTape() {
		return nil, "", nil
	}
	tapes, err := tape.Inspect(dir)
	if err != nil {
		return nil, "", fmt.Errorf("look for tapes in %s: %w", dir, err)
	}
	for _, t := range tapes {
		switch {
		case !t.Complete:
		case t.Problem != "":
			return nil, "the last tape cannot be used: " + t.Problem, nil
		case t.Identity != plan.Identity():
			return nil, fmt.Sprintf("the tape of %s is of another source (%s)", minute(t.Started), t.Source), nil
		default:
			return &t, "", nil
		}
	}
	return nil, "", nil
}

// aboutTape is a tape in words.
func aboutTape(t *tape.Info) string {
	words := "the tape of " + minute(t.Started)
	if !t.Since.IsZero() {
		words += ", which has what changed since " + minute(t.Since)
	}
	return words
}

// minute is a time as people name it.
func minute(t time.Time) string { return t.Local().Format("2006-01-02 15:04") }
