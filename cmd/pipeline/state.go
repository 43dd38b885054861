package main

// state.go: what is kept for a mapping: looked at, set back, moved.

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"pipeline/pipeline"
	"pipeline/pipeline/diag"
)

// stateFlags are the flags of the state commands.
type stateFlags struct {
	state string
	out   string
	to    string
	json  bool
	yes   bool
	tapes bool
}

// places are the flags that say where things lie, for the next command.
func (f stateFlags) places() string { return runFlags{out: f.out, state: f.state}.places() }

func (a *app) stateCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "state",
		Short: "Look at what runs keep, set it back, move it to another machine",
		Long: `Look at what runs of a mapping keep between them, set back how far an incremental
one got, and move the state to another machine. What changes is shown before it
is written. pipeline purge removes what is of people.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage("state has no %q; it has show, rewind, export and import", args[0])
			}
			return cmd.Help()
		},
	}
	cmd.AddCommand(a.stateShow(), a.stateRewind(), a.stateExport(), a.stateImport())
	return cmd
}

// stateVerb is a command on the state of one mapping.
func (a *app) stateVerb(cmd *cobra.Command, f *stateFlags, arguments string, run func(c checked, dir string, args []string) error) *cobra.Command {
	want := len(strings.Fields(arguments))
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) != want {
			return usage("%s takes %s, as in: %s", cmd.CommandPath(), arguments, strings.TrimSpace(cmd.Example))
		}
		return nil
	}
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		all, files := a.check(args[:1], f.state)
		list, err := a.problems(all, files)
		if err != nil {
			return err
		}
		if list.HasErrors() {
			return exitCode(exitWrong)
		}
		return run(all[0], stateOf(f.state, all[0]), args)
	}
	cmd.Flags().StringVar(&f.state, "state", "", "the state folder `DIR`, if run was given --state DIR")
	completeFlag(cmd, "state", folders)
	cmd.ValidArgsFunction = once(mappingFiles)
	return cmd
}

func (a *app) stateShow() *cobra.Command {
	var f stateFlags
	cmd := &cobra.Command{
		Use:     "show FILE",
		Short:   "Show what is kept for a mapping: tapes, position, pushes, ledger, rejects",
		Example: `  pipeline state show mappings/gevme-attendees.yaml`,
	}
	cmd.Flags().BoolVar(&f.json, "json", false, "print one JSON object")
	cmd.Flags().StringVar(&f.out, "out", "", "the folder `DIR` of rejects, if run was given --out DIR")
	completeFlag(cmd, "out", folders)
	return a.stateVerb(cmd, &f, "FILE", func(c checked, dir string, _ []string) error {
		kept, err := c.plan.Kept(cmd.Context(), dir, f.out)
		if err != nil {
			return err
		}
		if f.json {
			events := json.NewEncoder(a.stdout)
			events.SetEscapeHTML(false)
			return events.Encode(kept)
		}
		return a.showState(c, kept, f)
	})
}

func (a *app) showState(c checked, k pipeline.KeptState, f stateFlags) error {
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "%s: %s bytes in %s\n", k.Mapping, diag.Thousands(int(k.Bytes)), k.Folder)
	for _, t := range k.Tapes {
		fmt.Fprintf(w, "  tape\t%s\n", tapeWords(t))
	}
	switch {
	case k.Position != nil:
		fmt.Fprintf(w, "  position\tthe next run fetches what changed since %s\n", moment(*k.Position))
	case c.plan.Incremental():
		fmt.Fprintf(w, "  position\tnone: the next run fetches all\n")
	}
	if k.Pushed != nil {
		fmt.Fprintf(w, "  pushes\t%s\n", pushWords(k.Pushed))
	}
	if k.Versions != nil {
		fmt.Fprintf(w, "  versions\t%s\n", versionWords(k.Versions))
	}
	for _, r := range k.Receivers {
		fmt.Fprintf(w, "  ledger\t%s at %s, %s; written %s\n", diag.Count(r.Rows, "row"), receiverName(r), diag.Count(r.Runs, "run"), moment(r.Written))
	}
	if k.InUse != "" {
		fmt.Fprintf(w, "  ledger\t%s\n", k.InUse)
	}
	if k.Rejects != nil {
		fmt.Fprintf(w, "  rejects\t%s open in %s: pipeline rejects %s%s\n", diag.Thousands(k.Rejects.Open), k.Rejects.Path, diag.ShellWord(c.file), f.places())
	}
	if len(k.Tapes) == 0 && !c.plan.Incremental() && k.Pushed == nil && k.Versions == nil && len(k.Receivers) == 0 && k.InUse == "" && k.Rejects == nil {
		fmt.Fprintf(w, "  nothing is kept\n")
	}
	return w.Flush()
}

// pushWords is how far runs of what was pushed got; nil is no way.
func pushWords(p *pipeline.PushPlace) string {
	switch {
	case p == nil:
		return "none mapped"
	case p.Interrupted > 0:
		return fmt.Sprintf("a run of those up to number %d was interrupted, or is going on", p.Interrupted)
	}
	return fmt.Sprintf("mapped up to number %d, by the run of %s", p.Seq, moment(*p.Ran))
}

// versionWords is how many records have a version; nil is none.
func versionWords(v *pipeline.KeptVersions) string {
	switch {
	case v == nil:
		return "none"
	case v.InUse != "":
		return v.InUse
	}
	return "of " + diag.Count(v.Records, "record")
}

func tapeWords(t pipeline.KeptTape) string {
	size := fmt.Sprintf("%s, %s bytes", diag.Count(t.Answers, "answer"), diag.Thousands(int(t.Bytes)))
	switch {
	case t.Problem != "" && t.Started.IsZero():
		return t.Problem
	case t.Problem != "":
		return fmt.Sprintf("of %s, %s: %s", moment(t.Started), size, t.Problem)
	case t.Complete:
		return fmt.Sprintf("complete, of %s: %s; kept until %s at most", moment(t.Started), size, moment(t.Until))
	}
	return fmt.Sprintf("of the run of %s, which was interrupted or is going on: %s; the next run goes on with it until %s", moment(t.Started), size, moment(t.Until))
}

func receiverName(r pipeline.Receiver) string {
	if r.Target == "" {
		return "a receiver that the mapping does not name now"
	}
	return r.Target
}

func moment(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05 MST") }

func (a *app) stateRewind() *cobra.Command {
	var f stateFlags
	cmd := &cobra.Command{
		Use:   "rewind FILE --to TIME",
		Short: "Set back how far an incremental run got, so that the next one fetches again from there",
		Long: `Set back how far an incremental run got: the next one fetches what changed since
TIME, which is RFC 3339 (2026-11-20T09:00:00+08:00), a date (its midnight here),
or how long ago (24h, 7d). The change is shown, and made after a yes.`,
		Example: `  pipeline state rewind mappings/gevme-attendees.yaml --to 24h`,
	}
	cmd.Flags().StringVar(&f.to, "to", "", "a `TIME`: RFC 3339, a date, or how long ago such as 24h or 7d")
	cmd.Flags().BoolVar(&f.yes, "yes", false, "make the change without asking")
	completeFlag(cmd, "to", words())
	return a.stateVerb(cmd, &f, "FILE", func(c checked, dir string, _ []string) error { return a.rewind(c, dir, f) })
}

func (a *app) rewind(c checked, dir string, f stateFlags) (err error) {
	if f.to == "" {
		return usage("rewind needs --to TIME, such as --to 24h or --to 2026-11-20")
	}
	to, err := parseMoment("--to", f.to, time.Now())
	if err != nil {
		return err
	}
	if !c.plan.Incremental() {
		return usage("%s reads everything in every run, so there is no position to set back (it has no `sync: incremental`)", c.file)
	}
	from, err := c.plan.PositionIn(dir)
	if err != nil {
		return err
	}
	if from == nil {
		return fmt.Errorf("%s has no position yet: the next run fetches all", c.plan.Name())
	}
	release, err := pipeline.HoldState(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	if !to.Before(*from) {
		return usage("%s is not before the position, %s: what changed in between would never be fetched", moment(to), moment(*from))
	}
	fmt.Fprintf(a.stdout, "%s\n  position  %s -> %s\n", c.plan.Name(), moment(*from), moment(to))
	if file := c.plan.AppendsTo(); file != "" {
		fmt.Fprintf(a.stdout, "  note      %s appends: rows that are fetched again will be in it twice\n", file)
	}
	if err := a.confirm(f.yes); err != nil {
		return err
	}
	if err := c.plan.Rewind(dir, to); err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.stdout, "done; next: pipeline run %s%s\n", diag.ShellWord(c.file), f.places())
	return err
}

// parseMoment is a time as people give it.
func parseMoment(flag, text string, now time.Time) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	if t, err := time.ParseInLocation("2006-01-02", text, time.Local); err == nil {
		return t, nil
	}
	ago, err := time.ParseDuration(text)
	if days, ok := strings.CutSuffix(text, "d"); ok {
		var n int
		n, err = strconv.Atoi(days)
		ago = time.Duration(n) * 24 * time.Hour
	}
	if err != nil || ago <= 0 || ago > 100*365*24*time.Hour {
		return time.Time{}, usage("%s is RFC 3339 (2026-11-20T09:00:00+08:00), a date (2026-11-20), or how long ago (24h, 7d), not %q", flag, text)
	}
	return now.Add(-ago), nil
}

// confirm asks whether to make a change that was shown; without a terminal only
// --yes is a yes.
func (a *app) confirm(yes bool) error {
	if yes {
		return nil
	}
	in, ok := a.stdin.(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		return usage("nothing was changed; add --yes to make this change")
	}
	fmt.Fprint(a.stderr, "make this change? [y/N] ")
	answer, err := bufio.NewReader(in).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if !slices.Contains([]string{"y", "yes"}, strings.ToLower(strings.TrimSpace(answer))) {
		fmt.Fprintln(a.stderr, "nothing was changed")
		return exitCode(exitFailed)
	}
	return nil
}
