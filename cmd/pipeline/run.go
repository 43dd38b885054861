package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"pipeline/connectors/rest"
	"pipeline/pipeline"
	"pipeline/pipeline/diag"
)

// runFlags are the flags of run.
type runFlags struct {
	sandbox  bool
	deletes  bool
	replay   bool
	rejects  bool // map the open rejects only
	fresh    bool
	limit    int
	out      string
	state    string
	json     bool
	progress string
}

func (a *app) runCommand() *cobra.Command {
	var f runFlags
	cmd := &cobra.Command{
		Use:   "run FILE…",
		Short: "Run mappings: read, map, check, deliver",
		Long: `Run mappings: read records from the source, map them, check the rows, deliver
them. It begins with everything that check says; with a mistake in a mapping,
no call is made.

Output files appear whole or not at all. Records that cannot be delivered are
kept in NAME.rejects.jsonl, each with its place and the reason.

What is fetched is kept on a tape before it is used. After a crash, the same
command goes on where it was and makes the same files; with --replay a changed
mapping is run over what was fetched, without a call. Several mappings run
beside each other, and what two of them read is fetched once.

Credentials come from the environment or the .env beside the mapping
(PIPELINE_<CONNECTION>_TOKEN), else from what pipeline auth login has stored.

Exit codes: 0 all rows delivered; 1 the network, the disk, the credentials or
too many rejects stopped it; 2 a mapping or the command line is wrong;
3 finished, and some records were rejected; 130 stopped by a signal.`,
		Example: `  # on the platform's sandbox, without an account
  pipeline run --sandbox mappings/gevme-attendees.yaml

  # the first ten records, as gevme-attendees.sample.csv
  pipeline run --limit 10 mappings/gevme-attendees.yaml

  # all of it
  pipeline run mappings/gevme-attendees.yaml

  # after the mapping was changed: map what was fetched again, without a call
  pipeline run --replay mappings/gevme-attendees.yaml`,
		Args:              files,
		ValidArgsFunction: mappingFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case cmd.Flags().Changed("limit") && f.limit < 1:
				return usage("--limit takes a number of records, from 1")
			case f.replay && (f.fresh || f.sandbox || f.limit > 0):
				return usage("--replay maps all that was fetched before, so it goes with none of --fresh, --sandbox and --limit")
			}
			if err := f.checkProgress(); err != nil {
				return err
			}
			return a.runFiles(cmd.Context(), args, f)
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&f.sandbox, "sandbox", false, "read from the connector's sandbox inside this process instead of the platform")
	flags.BoolVar(&f.replay, "replay", false, "map what the last complete run fetched again, without a call")
	flags.BoolVar(&f.fresh, "fresh", false, "start over instead of going on with an interrupted run")
	flags.BoolVar(&f.deletes, "allow-deletes", false, "let a run delete more than a fifth of the rows that a receiver has")
	flags.IntVar(&f.limit, "limit", 0, "end after `N` records; files are named NAME.sample.EXT unless --out is given, and what webhooks are given is not remembered")
	flags.StringVar(&f.out, "out", "", "put outputs and rejects into the folder `DIR`, which must exist")
	flags.StringVar(&f.state, "state", "", "keep tapes and positions in the folder `DIR` (default: PIPELINE_STATE, else .pipeline beside the mapping)")
	flags.BoolVar(&f.json, "json", false, "print events and the summary as JSON lines on stdout")
	flags.StringVar(&f.progress, "progress", "auto", "progress on stderr: `auto|plain|none`; auto is live on a terminal, else plain")
	completeFlag(cmd, "progress", words("auto", "plain", "none"))
	completeFlag(cmd, "out", folders)
	completeFlag(cmd, "state", folders)
	completeFlag(cmd, "limit", words())
	return cmd
}

// checkProgress reports a --progress that there is not.
func (f runFlags) checkProgress() error {
	if !slices.Contains([]string{"auto", "plain", "none"}, f.progress) {
		return usage("--progress is auto, plain or none, not %q", f.progress)
	}
	return nil
}

func (a *app) runFiles(ctx context.Context, args []string, f runFlags) error {
	all, files := a.check(args, f.state)
	overlaps(all, files, f.out, true)
	if f.json {
		eventsAlone(all)
	}
	list, err := a.problems(all, files)
	if err != nil {
		return err
	}
	if list.HasErrors() && f.json {
		return a.wrongAsJSON(list)
	}
	if list.HasErrors() {
		errors, _ := list.Count()
		fmt.Fprintf(a.stderr, "\n%s; nothing was run\n", diag.Count(errors, "error"))
		return exitCode(exitWrong)
	}
	return a.runChecked(ctx, all, f)
}

// runChecked runs mappings in which nothing is wrong.
func (a *app) runChecked(ctx context.Context, all []checked, f runFlags) error {
	if err := a.conflicts(all, f); err != nil {
		return err
	}
	if !f.sandbox { // which nobody else calls
		a.engine.ShareLimits(rest.LimitsFolder)
	}
	restore := func() {}
	if a.wantsView(all, f) {
		restore = a.openView()
	}
	stop, undo := a.signals(restore)
	defer undo()
	return a.runAll(ctx, all, f, stop)
}

// wrongAsJSON is the events of a run that did not begin: programs read stdout.
func (a *app) wrongAsJSON(list diag.List) error {
	events := json.NewEncoder(a.stdout)
	events.SetEscapeHTML(false)
	errors, _ := list.Count()
	for _, d := range list {
		at := fmt.Sprintf("%s:%d:%d", d.Span.File, d.Span.Start.Line, d.Span.Start.Column)
		if err := events.Encode(map[string]any{"event": "diagnostic", "severity": d.Severity.String(), "code": d.Code, "at": at, "message": d.Message, "hint": d.Hint}); err != nil {
			return err
		}
	}
	if err := events.Encode(map[string]any{"event": "summary", "error": diag.Count(errors, "error") + "; nothing was run", "exit": exitWrong}); err != nil {
		return err
	}
	return exitCode(exitWrong)
}

// beside is how many mappings run beside each other.
const beside = 4

// runAll runs the mappings; one that fails does not stop the others.
func (a *app) runAll(ctx context.Context, all []checked, f runFlags, stop <-chan struct{}) error {
	share := &pipeline.Share{}
	results := make([]result, len(all))
	shows := make([]*show, len(all))
	for i, c := range all {
		shows[i] = newShow(a, c, f)
	}
	if a.view != nil {
		a.view.show(shows)
	}
	var g errgroup.Group
	g.SetLimit(beside)
	for i, c := range all {
		g.Go(func() error {
			results[i] = a.runPlan(ctx, c, f, shows[i], share, stop)
			return nil
		})
	}
	_ = g.Wait() // results say how it went
	a.closeView()
	closed := share.Close()
	if len(all) > 1 && !f.json {
		a.table(results)
	}
	worst := exitDone
	for _, r := range results {
		worst = worse(worst, r.exit)
	}
	if closed != nil {
		fmt.Fprintf(a.stderr, "pipeline: %v\n", closed)
		worst = worse(worst, exitFailed)
	}
	if worst != exitDone {
		return exitCode(worst)
	}
	return nil
}

// result is how one mapping of several went.
type result struct {
	report pipeline.Report
	calls  int
	exit   int
}

// conflicts are mistakes between mappings and the command line.
func (a *app) conflicts(all []checked, f runFlags) error {
	for _, c := range all {
		if !f.rejects {
			if err := fetchable(c.file, c.plan); err != nil {
				return err
			}
		}
		if f.sandbox && !c.plan.Remote() {
			return usage("%s reads from %s, which has no sandbox; run it without --sandbox", c.file, c.plan.SourceName())
		}
		if f.sandbox && f.out == "" && c.plan.Adds() {
			return usage("%s adds to files, and --sandbox would add made-up people; give it another place with --out DIR", c.file)
		}
		if f.sandbox && f.out == "" && published(stateOf(f.state, c)) {
			return usage("%s has been run for real, and --sandbox would put made-up people into its files; give them another place with --out DIR", c.file)
		}
		isRemote := func(target string) bool { return !isLoopback(target) }
		if f.sandbox && slices.ContainsFunc(c.plan.RowTargets(), isRemote) {
			return usage("%s would send made-up people to its webhook; give it an address of this machine to try it with --sandbox", c.file)
		}
	}
	return nil
}

// published reports whether a run of the mapping with that state came to its
// end: then its files are real.
func published(state string) bool {
	for _, kept := range []string{"last.tape", "position.json", "ledger.db"} {
		if _, err := os.Stat(filepath.Join(state, kept)); err == nil {
			return true
		}
	}
	return false
}

// isLoopback reports whether an address is of this machine.
func isLoopback(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}

// worse is the exit code to end with: 130, 2, 1, 3, 0, the worst first.
func worse(a, b int) int {
	for _, code := range []int{exitStopped, exitWrong, exitFailed, exitRejected} {
		if a == code || b == code {
			return code
		}
	}
	return exitDone
}

// signals closes stop at the first SIGINT or SIGTERM and leaves at the second,
// with the terminal as restore leaves it.
func (a *app) signals(restore func()) (stop chan struct{}, undo func()) {
	stderr := a.stderr
	stop = make(chan struct{})
	got := make(chan os.Signal, 2)
	signal.Notify(got, os.Interrupt, syscall.SIGTERM)
	done := make(chan struct{})
	go func() {
		select {
		case <-got:
		case <-done:
			return
		}
		fmt.Fprintln(stderr, "stopping when what was read is mapped; once more to leave at once")
		close(stop)
		select {
		case <-got:
			restore()
			os.Exit(exitStopped)
		case <-done:
		}
	}()
	return stop, func() { signal.Stop(got); close(done) }
}

// runPlan runs one mapping and says how it went.
func (a *app) runPlan(ctx context.Context, c checked, f runFlags, show *show, share *pipeline.Share, stop <-chan struct{}) result {
	world := a.world(c)
	world.OutDir, world.Sample = f.out, f.limit > 0 && f.out == ""
	world.Calls, world.Notice = show.call, show.notice
	o := pipeline.RunOptions{
		World: world, Limit: f.limit, Stop: stop, Progress: show.progress, Notice: show.notice,
		Replay: f.replay, Rejects: f.rejects, Fresh: f.fresh, AllowDeletes: f.deletes, Share: share,
	}
	if !f.sandbox && f.limit == 0 {
		o.State = stateOf(f.state, c)
	}
	if f.sandbox {
		leave, err := a.enterSandbox(ctx, c.plan, &o)
		if err != nil {
			return show.end(pipeline.Report{Mapping: c.plan.Name()}, err)
		}
		defer leave()
	}
	if a.view != nil {
		a.forecast(show, c.plan, o)
	}
	show.start()
	return show.end(c.plan.Run(ctx, o))
}

// stateFolder is where the mappings beside file keep what they keep.
func stateFolder(flag, file string) string {
	return cmp.Or(flag, os.Getenv("PIPELINE_STATE"), filepath.Join(filepath.Dir(file), ".pipeline"))
}

// exitOf is the exit code of a run that ended with err.
func exitOf(err error) int {
	var stopped *pipeline.Stopped
	if errors.As(err, &stopped) {
		return exitStopped
	}
	return exitFailed
}
