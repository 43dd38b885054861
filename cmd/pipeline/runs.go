package main

// runs.go: what pipeline serve did: its runs, and one of them with all that it said.

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"pipeline/pipeline"
	"pipeline/pipeline/diag"
	"pipeline/pipeline/serve/history"
)

// runsFlags are the flags of runs.
type runsFlags struct {
	state  string
	since  string
	failed bool
	limit  int
	json   bool
}

func (a *app) runsCommand() *cobra.Command {
	var f runsFlags
	cmd := &cobra.Command{
		Use:   "runs [DIR|MAPPING|RUN]",
		Short: "Show the runs of pipeline serve, or one of them whole",
		Long: `Show the runs that pipeline serve made, the newest first: those of a folder that
it serves (without one, of this folder), or of one mapping, given as a file or by
its name. The ID of a run, which stands in the first column, shows that one whole:
what became of its records, why some were rejected, where the rows went.

Runs that were started by pipeline run are not among them: nobody keeps those. The
history goes back 180 days. It can be read while serve is running, or is not.`,
		Example: `  pipeline runs mappings/
  pipeline runs mappings/gevme-attendees.yaml --failed --since 7d
  pipeline runs mappings/ --json --limit 1000`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usage("runs takes one folder, mapping or run, as in: pipeline runs mappings/")
			}
			return nil
		},
		ValidArgsFunction: once(mappingFiles),
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.limit < 1 {
				return usage("--limit takes a number of runs, from 1")
			}
			return a.runs(cmd.Context(), strings.Join(args, ""), f)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.state, "state", "", "the state folder `DIR`, if serve was given --state DIR")
	flags.StringVar(&f.since, "since", "", "a `TIME`: RFC 3339, a date, or how long ago such as 24h or 7d; runs that started then or later")
	flags.BoolVar(&f.failed, "failed", false, "only runs that failed, or were lost with their process")
	flags.IntVar(&f.limit, "limit", 20, "the newest `N` runs")
	flags.BoolVar(&f.json, "json", false, "print a JSON object for each run")
	completeFlag(cmd, "state", folders)
	completeFlag(cmd, "since", words())
	completeFlag(cmd, "limit", words())
	return cmd
}

// runs shows the runs of what is named, or the run that is.
func (a *app) runs(ctx context.Context, named string, f runsFlags) error {
	filter := history.RunsFilter{Limit: f.limit}
	if f.failed {
		filter.Results = []history.Result{history.Failed, history.Lost}
	}
	if f.since != "" {
		var err error
		if filter.Since, err = parseMoment("--since", f.since, time.Now()); err != nil {
			return err
		}
	}
	folder, name := a.runsOf(named, f.state)
	past, err := openHistory(folder, f.state)
	if err != nil {
		return err
	}
	defer func() { _ = past.Close() }() // only read
	if name == "" {
		return a.listRuns(ctx, past, filter, f.json)
	}
	run, found, err := past.Run(ctx, name)
	if err != nil {
		return err
	}
	if found {
		return a.showRun(ctx, past, run, f.json)
	}
	if err := knownMapping(ctx, past, name); err != nil {
		return err
	}
	filter.Mapping = name
	return a.listRuns(ctx, past, filter, f.json)
}

// runsOf is the folder that is served, and the mapping or the run in it; no name is
// all of it.
func (a *app) runsOf(named, state string) (folder, name string) {
	if named == "" {
		return ".", ""
	}
	info, err := os.Stat(named)
	switch {
	case err == nil && info.IsDir():
		return named, ""
	case err != nil && !isYAML(named):
		return ".", named
	}
	all, _ := a.check([]string{named}, state)
	if plan := all[0].plan; plan != nil {
		return filepath.Dir(named), plan.Name()
	}
	return filepath.Dir(named), strings.TrimSuffix(filepath.Base(named), filepath.Ext(named)) // it is wrong now, or gone
}

// serveFolder is where pipeline serve keeps what it keeps for a folder.
func serveFolder(state, folder string) string {
	return filepath.Join(stateFolder(state, filepath.Join(folder, "any.yaml")), "serve")
}

// openHistory opens the history of a folder that is served.
func openHistory(folder, state string) (*history.Reader, error) {
	path := filepath.Join(serveFolder(state, folder), "history.db")
	past, err := history.OpenReadOnly(path)
	if errors.Is(err, history.ErrNone) {
		hint := "pipeline serve " + diag.ShellWord(folder) + " keeps one"
		if folder == "." {
			hint += "; of another folder: pipeline runs DIR"
		}
		return nil, fmt.Errorf("there is no history in %s: %s. Runs of pipeline run are in none", filepath.Dir(path), hint)
	}
	return past, err
}

// knownMapping reports that nobody knows a name.
func knownMapping(ctx context.Context, past *history.Reader, name string) error {
	if _, known, err := past.Client(ctx, name); err != nil || known {
		return err
	}
	clients, err := past.Clients(ctx)
	if err != nil {
		return err
	}
	var names []string
	for _, c := range clients {
		names = append(names, c.Mapping)
	}
	message := fmt.Sprintf("the history knows no mapping and no run %q", name)
	if near := diag.DidYouMean(name, names); near != "" {
		message += "; " + near
	} else if len(names) > 0 {
		message += "; its mappings are " + strings.Join(names, ", ")
	}
	return usage("%s", message)
}

func (a *app) listRuns(ctx context.Context, past *history.Reader, f history.RunsFilter, asJSON bool) error {
	runs, err := past.Runs(ctx, f)
	if err != nil {
		return err
	}
	if asJSON {
		lines := json.NewEncoder(a.stdout)
		lines.SetEscapeHTML(false)
		for _, run := range runs {
			if err := lines.Encode(run); err != nil {
				return err
			}
		}
		return nil
	}
	if len(runs) == 0 {
		fmt.Fprintln(a.stderr, "there is no such run")
		return nil
	}
	t := terminalOf(a.stdout)
	width := 0
	if t.tty {
		width = t.width
	}
	_, err = fmt.Fprint(a.stdout, runsTable(runs, width)+runsCount(runs, f.Limit))
	return err
}

// runsTable has a row for each run.
func runsTable(runs []history.Run, width int) string {
	var cells [][]string
	for _, c := range []struct {
		title string
		cell  func(history.Run) string
	}{
		{"run", func(r history.Run) string { return r.ID }},
		{"mapping", func(r history.Run) string { return r.Mapping }},
		{"started", func(r history.Run) string { return r.Started.Local().Format("2006-01-02 15:04:05") }},
		{"by", func(r history.Run) string { return string(r.Trigger) }},
		{"result", func(r history.Run) string { return string(r.Result) }},
		{"read", func(r history.Run) string { return diag.Thousands(r.Read) }},
		{"written", func(r history.Run) string { return diag.Thousands(r.Written) }},
		{"rejected", func(r history.Run) string { return diag.Thousands(r.Rejected) }},
		{"took", lasted},
	} {
		column := []string{c.title}
		for _, r := range runs {
			column = append(column, c.cell(r))
		}
		cells = append(cells, column)
	}
	return columnTable(cells, 5, 1, []int{8, 5, 3}, width) // took, read, by
}

func lasted(r history.Run) string {
	if r.Result == history.Running || r.Result == history.Lost {
		return ""
	}
	return took(time.Duration(r.TookMS) * time.Millisecond)
}

// runsCount is the last line of the table.
func runsCount(runs []history.Run, limit int) string {
	failed := ""
	for _, r := range slices.Backward(runs) { // the newest
		if r.Result == history.Failed || r.Result == history.Lost {
			failed = r.ID
		}
	}
	text := diag.Count(len(runs), "run")
	if len(runs) == limit {
		text += ", and perhaps older ones (--limit)"
	}
	if failed != "" {
		text += "; why one failed: pipeline runs " + failed
	}
	return text + "\n"
}

func (a *app) showRun(ctx context.Context, past *history.Reader, run history.Run, asJSON bool) error {
	if asJSON {
		out := json.NewEncoder(a.stdout)
		out.SetEscapeHTML(false)
		return out.Encode(run)
	}
	causes, err := past.Causes(ctx, run.ID)
	if err != nil {
		return err
	}
	_, err = fmt.Fprint(a.stdout, runText(terminalOf(a.stdout), run, causes))
	return err
}

// runText is one run with all that is known of it.
func runText(t terminal, run history.Run, causes []pipeline.Cause) string {
	colour := map[history.Result]string{history.Done: green, history.Rejected: yellow, history.Failed: red, history.Lost: red}[run.Result]
	lines := []string{
		fmt.Sprintf("%s: %s  %s", t.paint(bold, run.Mapping), t.paint(colour, string(run.Result)), run.ID),
		"  started  " + moment(run.Started) + fmt.Sprintf(" (%s)", run.Trigger) + on(run.Node),
	}
	add := func(name, format string, args ...any) {
		lines = append(lines, fmt.Sprintf("  %-9s", name)+fmt.Sprintf(format, args...))
	}
	switch run.Result {
	case history.Running:
		return text(append(lines, "  it is still running"))
	case history.Lost:
		return text(append(lines, "  it ended with its process, or lost its node; the next run went on with it"))
	}
	report := *cmp.Or(run.Report, &pipeline.Report{})
	add("took", "%s, %s", lasted(run), diag.Count(run.Calls, "call"))
	add("records", "%s", (&show{}).counts(report))
	if run.Unchanged+run.Deleted > 0 {
		add("ledger", "%s unchanged and not sent again, %s deleted", diag.Thousands(run.Unchanged), diag.Thousands(run.Deleted))
	}
	if run.Late+run.Doubled+run.Missed > 0 {
		add("pushes", "%s late, %s doubled, %s missed", diag.Thousands(run.Late), diag.Thousands(run.Doubled), diag.Thousands(run.Missed))
	}
	for _, target := range report.Targets {
		add("to", "%s", target)
	}
	for i, line := range strings.Split(run.Error, "\n") {
		switch {
		case line == "":
		case i == 0:
			add("error", "%s", line)
		default:
			add("", "%s", line)
		}
	}
	for _, w := range report.Warnings {
		add("warning", "%s", w)
	}
	for _, d := range report.Drift {
		add("drift", "%s× %s (first: %s)", diag.Thousands(d.Count), d, d.Where())
	}
	if run.Rejected > 0 {
		add("rejects", "%s", cmp.Or(report.Rejects, "not published"))
	}
	report.Causes = causes
	return text(lines, (&show{}).causes(report))
}

func on(node string) string {
	if node == "" {
		return ""
	}
	return ", on " + node
}
