package main

// test.go: golden cases, from the command line. What a case is and how it is run
// is in pipeline/golden.

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"pipeline/pipeline"
	"pipeline/pipeline/diag"
	"pipeline/pipeline/golden"
)

// testFlags are the flags of test.
type testFlags struct {
	update   bool
	junit    string
	cover    bool
	coverMin float64
	pattern  string
	run      *regexp.Regexp // of pattern; nil: all
}

func (a *app) testCommand() *cobra.Command {
	var f testFlags
	cmd := &cobra.Command{
		Use:   "test FILE|DIR…",
		Short: "Run the golden cases of mappings, without a network",
		Long: `Run the golden cases of mappings: records or recorded answers, and what the
mapping has to make of them, byte for byte. The cases of mappings/acme.yaml are
mappings/acme/*.txtar. A case runs at a time that does not move, without a
network, an environment or anything kept by runs; webhooks are written down.

A case fails where anything comes out that it does not want, rejects among it.
--update writes what came out into the cases, and shows what that changes.

The last line of each mapping is its coverage: columns that have a value in some
row, branches of expressions that were taken, rules of the target schema that a
value came to. --cover lists what no case comes to.

Exit codes: 0 all cases are as wanted; 1 a case is not, or a mapping has none, or
--cover-min is not reached; 2 a mapping or the command line is wrong.`,
		Example: `  pipeline test mappings/
  pipeline test --cover mappings/gevme-attendees.yaml

  # one case
  pipeline test mappings/gevme-attendees/awkward-people.txtar

  # in CI
  pipeline test --junit test.xml --cover-min 80 mappings/`,
		Args:              files,
		ValidArgsFunction: mappingFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.coverMin < 0 || f.coverMin > 100 {
				return usage("--cover-min takes a percentage, from 0 to 100")
			}
			if f.pattern != "" {
				var err error
				if f.run, err = regexp.Compile(f.pattern); err != nil {
					return usage("--run takes a regular expression over names such as gevme-attendees/awkward-people: %v", err)
				}
			}
			return a.testFiles(cmd.Context(), args, f)
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&f.update, "update", false, "write what comes out into the cases, and show what that changes")
	flags.StringVar(&f.junit, "junit", "", "write the results into `FILE` as JUnit XML")
	flags.BoolVar(&f.cover, "cover", false, "list what no case comes to, each with its place")
	flags.Float64Var(&f.coverMin, "cover-min", 0, "fail where the cases of a mapping cover less than `PCT` percent of it")
	flags.StringVar(&f.pattern, "run", "", "run only cases whose name, such as acme/people, matches `PATTERN`")
	return cmd
}

// testFiles runs the cases of all mappings, also where one of these is wrong.
func (a *app) testFiles(ctx context.Context, args []string, f testFlags) error {
	targets, err := testTargets(args)
	if err != nil {
		return err
	}
	t := &tester{app: a, flags: f, out: terminalOf(a.stdout), github: os.Getenv("GITHUB_ACTIONS") == "true"}
	t.load(targets)
	if err := diag.Text(a.stderr, t.diags, t.files.Seen, a.colour()); err != nil {
		return err
	}
	if t.diags.HasErrors() {
		t.worst = exitWrong
		t.annotate(t.diags)
	}
	for _, s := range t.suites {
		if err := t.suite(ctx, s); err != nil {
			return err
		}
	}
	if f.run != nil && len(t.results) == 0 && t.worst == exitDone {
		return usage("no case matches --run %s", f.pattern)
	}
	if f.junit != "" {
		if err := t.writeJUnit(f.junit); err != nil {
			return err
		}
	}
	t.sum()
	if t.worst != exitDone {
		return exitCode(t.worst)
	}
	return nil
}

// testTarget is a mapping to test.
type testTarget struct {
	mapping string
	cases   []string // those that were named; nil: all
	named   bool     // and not just found in a folder
}

// testTargets are the mappings that the arguments name, in the order of their names.
func testTargets(args []string) ([]*testTarget, error) {
	var out []*testTarget
	add := func(mapping string) *testTarget {
		for _, t := range out {
			if t.mapping == mapping {
				return t
			}
		}
		out = append(out, &testTarget{mapping: mapping})
		return out[len(out)-1]
	}
	for _, arg := range args {
		if filepath.Ext(arg) == ".txtar" {
			mapping, err := mappingOf(arg)
			if err != nil {
				return nil, err
			}
			t := add(mapping)
			t.cases = append(t.cases, arg)
			continue
		}
		if mapping := filepath.Clean(arg) + ".yaml"; readable(mapping) == nil && !holdsMapping(arg) {
			arg = mapping // it is the folder of its cases
		}
		names, err := expandFolders([]string{arg})
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			t := add(name)
			t.named = t.named || name == arg
		}
	}
	slices.SortFunc(out, func(a, b *testTarget) int { return cmp.Compare(a.mapping, b.mapping) })
	return out, nil
}

// holdsMapping reports whether there is a mapping in a folder.
func holdsMapping(folder string) bool {
	names, err := expandFolders([]string{folder})
	return err == nil && len(names) > 0
}

// mappingOf is the mapping that a case belongs to: the one that its folder is
// named after.
func mappingOf(file string) (string, error) {
	if err := readable(file); err != nil {
		hint := ""
		if near := nearFile(file); near != "" {
			hint = "; did you mean " + filepath.Join(filepath.Dir(file), near) + "?"
		}
		return "", usage("cannot read the case %s: %s%s", file, reason(err), hint)
	}
	absolute, err := filepath.Abs(filepath.Dir(file))
	if err != nil {
		return "", err
	}
	folder := filepath.Dir(file)
	if folder == "." { // the case was named from within its folder
		folder = filepath.Join("..", filepath.Base(absolute))
	}
	for _, ext := range []string{".yaml", ".yml"} {
		if readable(folder+ext) == nil {
			return folder + ext, nil
		}
	}
	return "", usage("%s belongs to no mapping: a case lies in the folder that is named after its mapping, and there is no %s.yaml", file, folder)
}

// tester is one run of test.
type tester struct {
	*app
	flags  testFlags
	out    terminal
	github bool

	files   *pipeline.Files
	diags   diag.List
	suites  []*suiteToRun
	wrong   []wrongMapping
	results []*suiteToRun // those that ran a case
	worst   int
	failed  int
	differ  int // of them: --update could write what came out
}

// suiteToRun is a mapping with the cases that are run, and how they went.
type suiteToRun struct {
	*golden.Suite
	target  *testTarget
	results []*golden.Result
	took    time.Duration
}

// wrongMapping is a mapping whose cases cannot be run.
type wrongMapping struct {
	file  string
	diags diag.List
}

func (t *tester) load(targets []*testTarget) {
	t.files = &pipeline.Files{Read: readFile, Stat: readable, Near: nearFile, Seen: diag.Files{}}
	for _, target := range targets {
		suite, diags := golden.Load(target.mapping, t.files, t.registry)
		t.diags = append(t.diags, diags...)
		if suite == nil {
			t.wrong = append(t.wrong, wrongMapping{target.mapping, diags})
			continue
		}
		t.suites = append(t.suites, &suiteToRun{Suite: suite, target: target})
	}
}

// suite runs the cases of one mapping.
func (t *tester) suite(ctx context.Context, s *suiteToRun) error {
	cases := s.Cases
	if s.target.cases != nil {
		cases = s.target.cases
	}
	if len(cases) == 0 {
		t.without(s)
		return nil
	}
	part := s.target.cases != nil
	began := time.Now()
	for _, file := range cases {
		if t.flags.run != nil && !t.flags.run.MatchString(s.NameOf(file)) {
			part = true
			continue
		}
		result := s.Run(ctx, file)
		if err := ctx.Err(); err != nil {
			return err
		}
		s.results = append(s.results, result)
		if err := t.result(result); err != nil {
			return err
		}
	}
	s.took = time.Since(began)
	if len(s.results) == 0 {
		return nil
	}
	t.results = append(t.results, s)
	t.coverage(s, part)
	return nil
}

// without says that a mapping has no cases. One that was named should have some.
func (t *tester) without(s *suiteToRun) {
	if t.flags.run != nil {
		return
	}
	severity := "warning"
	if s.target.named {
		severity = "error"
		t.worst = worse(t.worst, exitFailed)
	}
	fmt.Fprintf(t.stderr, "%s: %s: no golden cases in %s/; make one: pipeline record %s --case NAME\n", s.Mapping, severity, golden.Folder(s.Mapping), s.Mapping)
}

// result prints how a case went, and writes it anew where that was asked for.
func (t *tester) result(r *golden.Result) error {
	word, colour := "ok     ", green
	update := t.flags.update && r.Err == nil && !r.OK()
	switch {
	case update:
		word, colour = "updated", yellow
	case !r.OK():
		word, colour = "FAIL   ", red
		t.failed++
		if r.Err == nil {
			t.differ++
		}
		t.worst = worse(t.worst, exitFailed)
	}
	fmt.Fprintf(t.stdout, "%s %s  %s\n", t.out.paint(colour, word), r.Name, t.out.paint(dim, milliseconds(r.Took)))
	r.Show(t.stdout, golden.Style{
		Want:  func(s string) string { return t.out.paint(red, s) },
		Got:   func(s string) string { return t.out.paint(green, s) },
		Aside: func(s string) string { return t.out.paint(dim, s) },
	})
	if update {
		if err := r.Updated().Write(r.File); err != nil {
			return fmt.Errorf("update %s: %w", r.File, err)
		}
		return nil
	}
	if !r.OK() && t.github {
		t.annotateResult(r)
	}
	return nil
}

// sum is the last line.
func (t *tester) sum() {
	ran := 0
	for _, s := range t.results {
		ran += len(s.results)
	}
	if ran < 2 {
		return
	}
	if t.failed > 0 {
		fmt.Fprintf(t.stdout, "%s of %s failed", diag.Thousands(t.failed), diag.Count(ran, "case"))
		if t.differ > 0 {
			fmt.Fprint(t.stdout, "; where what came out is right, add --update")
		}
		fmt.Fprintln(t.stdout)
		return
	}
	fmt.Fprintf(t.stdout, "%s ok\n", diag.Count(ran, "case"))
}

func milliseconds(d time.Duration) string { return fmt.Sprintf("%d ms", d.Milliseconds()) }

// coverage says how much of the mapping its cases come to. Where only some of them
// were run, that says little, and is no reason to fail.
func (t *tester) coverage(s *suiteToRun, part bool) {
	items := s.Coverage()
	var words []string
	all, hit := 0, 0
	for _, kind := range []struct {
		kind pipeline.CoverKind
		noun string
	}{{pipeline.CoverField, "fields"}, {pipeline.CoverBranch, "branches"}, {pipeline.CoverRule, "schema rules"}} {
		n, of := pipeline.CountCovered(items, kind.kind)
		all, hit = all+of, hit+n
		words = append(words, fmt.Sprintf("%s %d/%d", kind.noun, n, of))
	}
	percent := 100 * float64(hit) / float64(max(all, 1))
	line := fmt.Sprintf("%s: %.1f%% covered (%s)", s.Mapping, percent, strings.Join(words, ", "))
	low := percent < t.flags.coverMin && !part
	switch {
	case low:
		t.worst = worse(t.worst, exitFailed)
		line = t.out.paint(red, line) + fmt.Sprintf("; --cover-min wants %g%%", t.flags.coverMin)
	case hit < all && !t.flags.cover:
		line += "; --cover lists the rest"
	}
	fmt.Fprintln(t.stdout, line)
	if !t.flags.cover && !low {
		return
	}
	for _, item := range items {
		if !item.Covered {
			fmt.Fprintf(t.stdout, "  %s:%d:%d: %s: %s\n", item.Span.File, item.Span.Start.Line, item.Span.Start.Column, item.Kind, item.What)
		}
	}
}
