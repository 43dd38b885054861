package main

// rejects.go: what was kept out, by cause, and its way through the mapping again.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"pipeline/pipeline"
	"pipeline/pipeline/diag"
	"pipeline/pipeline/tape"
)

func (a *app) rejectsCommand() *cobra.Command {
	var f runFlags
	var d deadFlags
	cmd := &cobra.Command{
		Use:   "rejects FILE",
		Short: "Show what was kept out, by cause; --replay delivers it once the mapping is mended",
		Long: `Show the records that were kept out, grouped by cause, the most frequent first,
with the first of each. FILE is a mapping, whose reject file is found as run
finds it, or a reject file.

With --replay the records are mapped again by the mapping as it is now. What
passes is delivered and leaves the reject file; the others stay, with their new
reason. Where every sink adds to what is there (a webhook, a csv that appends or
merges), only the rejects are mapped. A file that is written whole is made anew
from all records: those on the tape, without a call, or the source's file.

With --deliveries it is about what pipeline serve could not deliver: rows that no
try brought to their receiver. They are in the store of serve, which has to run.
--replay tries them again, with the idempotency keys that they had; --drop says that
they need nothing any more. --sink, --status, --reason and --since say which.

Exit codes with --replay: 0 all were delivered, or there were none; 3 some are
still rejected; 1 and 2 as with run. Without it: 0.`,
		Example: `  pipeline rejects mappings/gevme-attendees.yaml

  # after the mapping was mended
  pipeline rejects mappings/gevme-attendees.yaml --replay

  # what serve gave up because the receiver answered 410, once it is back
  pipeline rejects mappings/acme.yaml --deliveries --status 410 --replay`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage("%s needs one mapping, as in: %s mappings/gevme-attendees.yaml", cmd.CommandPath(), cmd.CommandPath())
			}
			return nil
		},
		ValidArgsFunction: once(mappingFiles),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.checkProgress(); err != nil {
				return err
			}
			if err := d.check(cmd, f); err != nil {
				return err
			}
			return a.rejects(cmd.Context(), args[0], f, d)
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&f.replay, "replay", false, "map them again by the mapping as it is now, and deliver what passes")
	flags.StringVar(&f.out, "out", "", "the folder `DIR` of outputs and rejects, if run was given --out DIR")
	flags.StringVar(&f.state, "state", "", "the state folder `DIR`, if run was given --state DIR")
	flags.BoolVar(&f.json, "json", false, "print the causes as one JSON object; with --replay, events and the summary as JSON lines")
	flags.StringVar(&f.progress, "progress", "auto", "progress of --replay on stderr: `auto|plain|none`")
	flags.BoolVar(&d.deliveries, "deliveries", false, "show deliveries that serve gave up, instead of records")
	flags.BoolVar(&d.drop, "drop", false, "with --deliveries: they need nothing any more")
	flags.StringVar(&d.sink, "sink", "", "with --deliveries: only those of the sink `NAME`, such as webhook-2")
	flags.IntVar(&d.status, "status", 0, "with --deliveries: only those that were answered with `STATUS`")
	flags.StringVar(&d.reason, "reason", "", "with --deliveries: only those with `TEXT` in their reason")
	flags.StringVar(&d.since, "since", "", "with --deliveries: only those given up since `TIME`: 24h, 7d or a date")
	for _, flag := range []string{"sink", "status", "reason", "since"} {
		completeFlag(cmd, flag, words())
	}
	completeFlag(cmd, "progress", words("auto", "plain", "none"))
	completeFlag(cmd, "out", folders)
	completeFlag(cmd, "state", folders)
	return cmd
}

func (a *app) rejects(ctx context.Context, file string, f runFlags, d deadFlags) error {
	if ext := strings.ToLower(filepath.Ext(file)); ext == ".jsonl" || ext == ".ndjson" {
		if d.deliveries {
			return usage("--deliveries needs the mapping: pipeline rejects MAPPING.yaml --deliveries")
		}
		if f.replay {
			return usage("--replay needs the mapping, which says how records are mapped and where they go: pipeline rejects MAPPING.yaml --replay")
		}
		return a.listRejects(file, "", f)
	}
	all, files := a.check([]string{file}, f.state)
	if f.replay && !d.deliveries {
		overlaps(all, files, f.out, true)
		if f.json {
			eventsAlone(all)
		}
	}
	list, err := a.problems(all, files)
	switch {
	case err != nil:
		return err
	case list.HasErrors() && f.replay && f.json:
		return a.wrongAsJSON(list)
	case list.HasErrors():
		wrong, _ := list.Count()
		fmt.Fprintf(a.stderr, "\n%s; mend the mapping first\n", diag.Count(wrong, "error"))
		return exitCode(exitWrong)
	}
	path := all[0].plan.RejectsPath(f.out)
	switch {
	case d.deliveries:
		return a.deadLetters(ctx, all[0], f, d)
	case f.replay:
		return a.replayRejects(ctx, all[0], path, f)
	}
	if err := a.listRejects(path, file, f); err != nil || f.json {
		return err
	}
	a.mentionDead(ctx, all[0], f)
	return nil
}

// replayRejects maps the open rejects again: on their own where every sink adds
// to what is there, else with all other records.
func (a *app) replayRejects(ctx context.Context, c checked, path string, f runFlags) error {
	open, damaged, err := c.plan.CheckRejects(path)
	switch {
	case err != nil:
		return err
	case open == 0 && f.json:
		return json.NewEncoder(a.stdout).Encode(map[string]any{"event": "summary", "mapping": c.plan.Name(), "read": 0, "exit": exitDone})
	case open == 0:
		_, err := fmt.Fprintf(a.stdout, "%s: no open rejects\n", c.plan.Name())
		return err
	case open == damaged:
		return fmt.Errorf("%s has no reject that can be read; run the mapping again", path)
	}
	f.replay = false
	adds, whole := c.plan.AddsOnly()
	if !adds {
		if err := a.wholeAgain(&c, whole, &f); err != nil {
			return err
		}
	}
	f.rejects = adds
	return a.runChecked(ctx, []checked{c}, f)
}

// wholeAgain says that, and from where, all records are mapped.
func (a *app) wholeAgain(c *checked, target string, f *runFlags) error {
	where := "from its source"
	switch {
	case c.plan.ReadsStdin():
		return fmt.Errorf("%s is written whole, and its records came from stdin, which is gone; run it again with the same input: %s", target, f.runCommand(c.file))
	case c.plan.Remote():
		if err := a.wholeTape(c, target, f); err != nil {
			return err
		}
		f.replay = true
		where = "from the tape, without a call"
	}
	if !f.json {
		fmt.Fprintf(a.stderr, "%s: %s is written whole, so all records are mapped again, %s\n", c.plan.Name(), target, where)
	}
	return nil
}

// wholeTape reports that no tape has all the records.
func (a *app) wholeTape(c *checked, target string, f *runFlags) error {
	tapes, err := tape.Inspect(stateOf(f.state, *c))
	if err != nil {
		return err
	}
	if slices.ContainsFunc(tapes, func(t tape.Info) bool { return !t.Complete && t.Exchanges > 0 }) {
		return fmt.Errorf("the last run of %s did not come to its end, and these are its rejects; run it again, and it goes on with the mapping as it is now: %s", c.plan.Name(), f.runCommand(c.file))
	}
	if !slices.ContainsFunc(tapes, func(t tape.Info) bool { return t.Complete && t.Problem == "" }) {
		return fmt.Errorf("%s is written whole, which takes all records, and there is no complete tape of them; fetch them again: %s", target, f.runCommand(c.file))
	}
	return nil
}

// rejectGroup is rejects of one cause.
type rejectGroup struct {
	Code   string       `json:"code"`
	Field  string       `json:"field,omitempty"`
	Reason string       `json:"reason"` // of the first
	Count  int          `json:"count"`
	First  firstOfCause `json:"first"`

	shape string
}

// firstOfCause is where the first record of a cause stood, and what was read.
type firstOfCause struct {
	Page  int    `json:"page,omitempty"`
	Item  int    `json:"item,omitempty"`
	Line  int    `json:"line,omitempty"`
	Value string `json:"value,omitempty"` // as JSON, cropped
}

// rejectList is what a reject file has.
type rejectList struct {
	File    string         `json:"file"`
	Mapping string         `json:"mapping,omitempty"`
	Open    int            `json:"open"`
	Causes  []*rejectGroup `json:"causes"`
	Others  int            `json:"others,omitempty"` // of causes beyond the first maxGroups
	Damaged []damagedLine  `json:"damaged,omitempty"`
	More    int            `json:"damaged_more,omitempty"` // damaged lines beyond the first maxDamaged

	missing bool // there is no such file
	groups  map[string]*rejectGroup
}

type damagedLine struct {
	Line   int    `json:"line"`
	Reason string `json:"reason"`
}

// The bounds of a list: a reject file may be anything.
const (
	maxGroups   = 500
	maxDamaged  = 20
	shownValue  = 60  // characters of a value
	shownReason = 200 // and of a reason
)

// listRejects prints what the reject file at path has; mapping is the file of the
// mapping, empty where the reject file itself was named.
func (a *app) listRejects(path, mapping string, f runFlags) error {
	list := rejectList{File: path, Causes: []*rejectGroup{}, groups: map[string]*rejectGroup{}}
	err := pipeline.ReadRejects(path, func(l *pipeline.RejectLine) error { list.add(l); return nil })
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	list.missing = err != nil
	if list.Open == 0 && len(list.Damaged) > 0 && mapping == "" {
		return usage("%s is no reject file: line %d: %s", path, list.Damaged[0].Line, list.Damaged[0].Reason)
	}
	slices.SortStableFunc(list.Causes, func(x, y *rejectGroup) int { return y.Count - x.Count })
	if f.json {
		events := json.NewEncoder(a.stdout)
		events.SetEscapeHTML(false)
		return events.Encode(list)
	}
	return list.print(a, mapping, f)
}

func (list *rejectList) add(l *pipeline.RejectLine) {
	if l.Damage != "" {
		if len(list.Damaged) == maxDamaged {
			list.More++
			return
		}
		list.Damaged = append(list.Damaged, damagedLine{l.Number, printable(l.Damage, shownReason)})
		return
	}
	list.Open++
	if list.Mapping == "" {
		list.Mapping = printable(l.Mapping, shownValue)
	}
	shape := l.Code + "\x00" + l.Field + "\x00" + shapeOf(l.Reason)
	g := list.groups[shape]
	if g == nil && len(list.Causes) == maxGroups {
		list.Others++
		return
	}
	if g == nil {
		g = &rejectGroup{
			Code: printable(l.Code, shownValue), Field: printable(l.Field, shownValue), Reason: printable(l.Reason, shownReason),
			First: firstOfCause{Page: l.Page, Item: l.Item, Line: l.Line, Value: printable(string(l.Value), shownValue)},
			shape: shape,
		}
		list.groups[shape] = g
		list.Causes = append(list.Causes, g)
	}
	g.Count++
}

// shapeOf is a reason without what differs from record to record: numbers, and
// what stands in quotes.
func shapeOf(reason string) string {
	var b strings.Builder
	quoted, digits := false, false
	for _, r := range reason {
		switch {
		case r == '"':
			quoted = !quoted
			b.WriteRune(r)
		case quoted:
		case unicode.IsDigit(r):
			if !digits {
				b.WriteByte('0')
			}
		default:
			b.WriteRune(r)
		}
		digits = unicode.IsDigit(r)
	}
	return b.String()
}

// printable is text that does nothing to a terminal, of at most so many
// characters.
func printable(text string, most int) string {
	var b strings.Builder
	n := 0
	for _, r := range text {
		if n++; n > most {
			b.WriteRune('…')
			break
		}
		if !unicode.IsPrint(r) {
			fmt.Fprintf(&b, "\\u%04x", r)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

func (list *rejectList) print(a *app, mapping string, f runFlags) error {
	var b strings.Builder
	if list.Open == 0 && len(list.Damaged) == 0 {
		text := "no open rejects: " + list.File + " is empty"
		if list.missing {
			text = "no open rejects: there is no " + list.File
		}
		_, err := fmt.Fprintln(a.stdout, text)
		return err
	}
	t := terminalOf(a.stdout)
	fmt.Fprintf(&b, "%s in %s\n\n", diag.Count(list.Open, "open reject"), list.File)
	for _, g := range list.Causes {
		what := g.Code
		if g.Field != "" {
			what = g.Field + ": " + g.Code
		}
		fmt.Fprintf(&b, "  %s× %s: %s\n", diag.Thousands(g.Count), t.paint(bold, what), g.Reason)
		if first := g.first(); first != "" {
			fmt.Fprintf(&b, "     first: %s\n", first)
		}
	}
	if list.Others > 0 {
		fmt.Fprintf(&b, "  %s× other causes\n", diag.Thousands(list.Others))
	}
	for _, d := range list.Damaged {
		fmt.Fprintf(&b, "  line %d of the file is damaged: %s\n", d.Line, d.Reason)
	}
	if list.More > 0 {
		fmt.Fprintf(&b, "  and %s damaged\n", diag.Count(list.More, "more line"))
	}
	if mapping == "" {
		mapping = "MAPPING.yaml"
	}
	fmt.Fprintf(&b, "\nnext: mend the mapping, then: %s\n", f.rejectsCommand(mapping))
	_, err := a.stdout.Write([]byte(b.String()))
	return err
}

func (g *rejectGroup) first() string {
	where := pipeline.Cause{Page: g.First.Page, Item: g.First.Item, Line: g.First.Line}.Where()
	switch {
	case g.First.Value == "":
		return where
	case where == "":
		return g.First.Value
	}
	return where + ": " + g.First.Value
}

// places are the flags that say where things lie, for the next command.
func (f runFlags) places() string {
	out := ""
	if f.out != "" {
		out += " --out " + diag.ShellWord(f.out)
	}
	if f.state != "" {
		out += " --state " + diag.ShellWord(f.state)
	}
	return out
}

// runCommand goes on with a run of these flags, and rejectsCommand maps its
// rejects again.
func (f runFlags) runCommand(file string) string {
	flags := ""
	if f.sandbox {
		flags += " --sandbox"
	}
	if f.replay {
		flags += " --replay"
	}
	if f.limit > 0 {
		flags += fmt.Sprintf(" --limit %d", f.limit)
	}
	return "pipeline run" + flags + " " + diag.ShellWord(file) + f.places()
}

func (f runFlags) rejectsCommand(file string) string {
	return "pipeline rejects " + diag.ShellWord(file) + f.places() + " --replay"
}
