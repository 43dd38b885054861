package main

// init.go: the first mapping of a client, with its target schema and a golden
// case. What it asks is in initask.go, what it writes in initmapping.go.

import (
	"context"
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
	"pipeline/pipeline/golden"
)

// initFlags are the flags of init.
type initFlags struct {
	source     string
	options    []string
	connection string
	stream     string
	columns    []string
	sink       string
	sinkOption []string
	timezone   string
	sandbox    bool
}

func (a *app) initCommand() *cobra.Command {
	var f initFlags
	cmd := &cobra.Command{
		Use:   "init NAME",
		Short: "Write a first mapping, its target schema and a golden case",
		Long: `Write a first mapping, NAME.yaml, the schema of its rows, NAME.schema.json, and a
golden case, NAME/first.txtar, from the sandbox or from real records, without
the people in them. Everything is as you would write it by hand, and is yours to
change; what is there already is never written over.

On a terminal it asks for what the flags do not say. Elsewhere the source and
its required options have to be said; all else has a default.`,
		Example: `  pipeline init acme --source gevme --option event=25198085 --sandbox
  pipeline init acme-names --source gevme --option event=25198085 --columns id,first_name,email --sink parquet --sandbox
  pipeline init acme-orders --source floktu --option event=4711 --timezone Asia/Singapore --sandbox`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage("init needs a name for the mapping, as in: pipeline init acme")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.initMapping(cmd.Context(), args[0], f)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.source, "source", "", "the connector `NAME` that records come from; pipeline connectors lists them")
	flags.StringArrayVar(&f.options, "option", nil, "an option of the source, as `KEY=VALUE`; may be given several times")
	flags.StringVar(&f.connection, "connection", "", "the `NAME` of the credentials (default: that of the mapping)")
	flags.StringVar(&f.stream, "stream", "", "the list `NAME` that is read (default: the source's first)")
	flags.StringSliceVar(&f.columns, "columns", nil, "the columns, as `A,B,C`, by their names or paths such as ticket.name (default: all)")
	flags.StringVar(&f.sink, "sink", "", "the connector `NAME` that rows go to (default: csv)")
	flags.StringArrayVar(&f.sinkOption, "sink-option", nil, "an option of the sink, as `KEY=VALUE`; may be given several times")
	flags.StringVar(&f.timezone, "timezone", "", "the `ZONE` in which days begin, such as Asia/Singapore (default: UTC)")
	flags.BoolVar(&f.sandbox, "sandbox", false, "take the records of the case from the connector's sandbox")
	completeFlag(cmd, "source", a.sourceNames)
	completeFlag(cmd, "sink", a.sinkNames)
	return cmd
}

func (a *app) initMapping(ctx context.Context, name string, f initFlags) error {
	n := newMapping{app: a, flags: f, ask: a.asker()}
	if err := n.place(name); err != nil {
		return err
	}
	if err := n.answers(); err != nil {
		return err
	}
	if err := n.look(ctx); err != nil {
		return err
	}
	return n.write(ctx)
}

// sourceNames offers what records can come from.
func (a *app) sourceNames(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	var names []string
	for _, c := range a.registry.Sources {
		names = append(names, cobra.CompletionWithDesc(c.Name, c.Summary))
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// sinkNames offers where rows can go.
func (a *app) sinkNames(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	var names []string
	for _, c := range a.registry.Sinks {
		names = append(names, cobra.CompletionWithDesc(c.Name, c.Summary))
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// newMapping is a mapping in the making.
type newMapping struct {
	*app
	flags initFlags
	ask   *asker

	name, file, schemaFile, caseFile string

	source        pipeline.SourceConnector
	sink          pipeline.SinkConnector
	stream        pipeline.Stream
	sourceOptions []setOption
	sinkOptions   []setOption

	texts   [][]byte // records that were seen
	columns []column
	skipped []string // what no column is made of, and why
	where   string
	key     string // the column; empty: none
}

// place decides where everything goes. Nothing may be there.
func (n *newMapping) place(name string) error {
	name = strings.TrimSuffix(name, ".yaml")
	n.name, n.file, n.schemaFile = filepath.Base(name), name+".yaml", name+".schema.json"
	n.caseFile = golden.CasePath(n.file, "first")
	if !pipeline.IsName(n.name) {
		return usage("%q cannot be a mapping's name: files are named after it; use letters, digits, dots, dashes and underscores, at most 100 of them", n.name)
	}
	if info, err := os.Stat(filepath.Dir(name)); err != nil || !info.IsDir() {
		return usage("there is no folder %s for the mapping; make it first: mkdir -p %s", filepath.Dir(name), filepath.Dir(name))
	}
	var there []string
	for _, file := range []string{n.file, n.schemaFile, n.caseFile} {
		if _, err := os.Lstat(file); err == nil {
			there = append(there, file)
		}
	}
	if len(there) > 0 {
		return usage("nothing is written over, and there is %s already; choose another name, or move it away", strings.Join(there, " and "))
	}
	return nil
}

// look reads records, to see what is in them, and decides on the columns.
func (n *newMapping) look(ctx context.Context) error {
	n.columns = []column{{name: "nothing", expression: `""`, schema: `{"type": "string"}`}}
	c, files, err := n.compile()
	if err != nil {
		return err
	}
	if why := n.unreachable(c); why != nil {
		fmt.Fprintf(n.stderr, "%s: no records are read, and there is no golden case yet: %s\n", n.name, why)
	} else {
		r := n.recorder(c, files)
		if err := r.read(ctx); err != nil {
			return err
		}
		for _, seen := range r.seen {
			n.texts = append(n.texts, seen.text)
		}
	}
	return n.propose(c.plan)
}

// unreachable is why no records can be had now; nil where they can.
func (n *newMapping) unreachable(c checked) error {
	if n.flags.sandbox || !n.source.Remote {
		return nil
	}
	if _, err := n.world(c).Token(c.plan.Connection()); err != nil {
		return errors.New("there are no credentials for the connection " + c.plan.Connection())
	}
	return nil
}

func (n *newMapping) recorder(c checked, files *pipeline.Files) *recorder {
	f := recordFlags{lookFlags: lookFlags{sandbox: n.flags.sandbox}, limit: 10, read: 300}
	return &recorder{app: n.app, c: c, files: files, flags: f, path: n.caseFile}
}

// compile checks the mapping as it would be written now.
func (n *newMapping) compile() (checked, *pipeline.Files, error) {
	made := map[string][]byte{n.file: []byte(n.text()), n.schemaFile: []byte(n.schemaText())}
	files := &pipeline.Files{Stat: readable, Near: nearFile, Seen: diag.Files{}, Read: func(name string) ([]byte, error) {
		if src, ok := made[filepath.Clean(name)]; ok {
			return src, nil
		}
		return readFile(name)
	}}
	c := n.checkOne(filepath.Clean(n.file), files)
	if !c.diags.HasErrors() {
		return c, files, nil
	}
	if err := diag.Text(n.stderr, c.diags, files.Seen, n.colour()); err != nil {
		return c, nil, err
	}
	fmt.Fprintln(n.stderr, "\nnothing was written; see: pipeline init --help")
	return c, nil, exitCode(exitWrong)
}

// write puts everything in its place, and says what to do next.
func (n *newMapping) write(ctx context.Context) error {
	c, files, err := n.compile()
	if err != nil {
		return err
	}
	for _, file := range []struct{ name, text string }{{n.file, n.text()}, {n.schemaFile, n.schemaText()}} {
		if err := writeNew(file.name, file.text); err != nil {
			return err
		}
		fmt.Fprintf(n.stdout, "wrote %s\n", file.name)
	}
	if len(n.texts) > 0 {
		if err := n.firstCase(ctx, c, files); err != nil {
			return fmt.Errorf("%w\nthe mapping is written; try another case with: pipeline record %s --case first", err, n.file)
		}
	}
	n.next()
	return nil
}

// firstCase records the golden case from what was seen.
func (n *newMapping) firstCase(ctx context.Context, c checked, files *pipeline.Files) error {
	r := n.recorder(c, files)
	r.now, r.from = time.Now().UTC().Truncate(time.Second), c.plan.From()
	if n.flags.sandbox {
		r.from = "the sandbox of " + r.from
	}
	paths := c.plan.Paths()
	for _, text := range n.texts {
		err := c.plan.Trace(ctx, r.one(text), func(o *pipeline.Outcome) error {
			r.seen = append(r.seen, newCandidate(o, paths))
			return nil
		})
		if err != nil {
			return err
		}
	}
	return r.finish(ctx)
}

func (n *newMapping) next() {
	sandbox := ""
	if n.flags.sandbox {
		sandbox = "--sandbox "
	}
	fmt.Fprintf(n.stderr, "next, look through them, then:\n  pipeline check %s\n", diag.ShellWord(n.file))
	if len(n.texts) > 0 {
		fmt.Fprintf(n.stderr, "  pipeline test %s\n", diag.ShellWord(n.file))
	} else {
		fmt.Fprintf(n.stderr, "  pipeline record %s --case first\n", diag.ShellWord(n.file))
	}
	fmt.Fprintf(n.stderr, "  pipeline run %s%s\n", sandbox, diag.ShellWord(n.file))
}

// writeNew writes a file that must not be there.
func writeNew(name, text string) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return fmt.Errorf("write %s: %s", name, reason(err))
	}
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

// needed are the options of the source that have to be said.
func (n *newMapping) needed() []pipeline.Option {
	return slices.DeleteFunc(slices.Clone(n.source.Options), func(o pipeline.Option) bool {
		return !o.Required && !slices.Contains(n.stream.Needs, o.Name)
	})
}
