package golden

// suite.go: a mapping with its cases, and how one is run.

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"pipeline/pipeline"
	"pipeline/pipeline/diag"
)

// Suite is a mapping with its golden cases. Its cases are run one after another.
type Suite struct {
	Mapping string   // its file
	Cases   []string // their files, in order

	plan     *pipeline.Plan
	coverage *pipeline.Coverage
}

// Load compiles a mapping for its cases, and finds these. It looks at no
// environment: ${NAME} has its default, else what the file test.env in the folder
// of the cases says, else a placeholder. The file that a source of files reads need
// not be there. Where the list has errors there is no suite.
func Load(mapping string, files *pipeline.Files, registry *pipeline.Registry) (*Suite, diag.List) {
	set, diags := variables(mapping, files)
	m, more := pipeline.Load(mapping, files)
	diags = append(diags, more...)
	if m == nil {
		return nil, diags
	}
	elsewhere := *files
	elsewhere.Stat = func(string) error { return nil }
	plan, more := m.Compile(pipeline.Setup{Registry: staged(registry), Files: &elsewhere, Getenv: set, Placeholder: placeholder, Cover: true})
	diags = append(diags, more...)
	diags.Sort()
	if diags.HasErrors() {
		return nil, diags
	}
	s := &Suite{Mapping: mapping, plan: plan, coverage: plan.Coverage()}
	var err error
	if s.Cases, err = Cases(mapping); err != nil {
		return nil, diags.Error("missing-file", diag.Span{File: mapping}, fmt.Sprintf("cannot list its cases: %v", err), "")
	}
	return s, diags
}

// Cases are the files of a mapping's cases, in order.
func Cases(mapping string) (files []string, err error) {
	entries, err := os.ReadDir(Folder(mapping))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	for _, e := range entries {
		if !e.IsDir() && filepath.Ext(e.Name()) == extension {
			files = append(files, filepath.Join(Folder(mapping), e.Name()))
		}
	}
	return files, err
}

// variables are those of the file test.env.
func variables(mapping string, files *pipeline.Files) (func(string) (string, bool), diag.List) {
	name := filepath.Join(Folder(mapping), "test.env")
	src, err := files.Read(name)
	if err != nil {
		return nil, nil // without one there are placeholders
	}
	set, diags := pipeline.Dotenv(name, src)
	return func(name string) (string, bool) { v, ok := set[name]; return v, ok }, diags
}

// placeholder stands for a variable: for an address or the key of a webhook where
// the name says that it is one, else a number, which is a text as well.
func placeholder(name string) string {
	switch name = strings.ToUpper(name); {
	case strings.HasSuffix(name, "URL"):
		return "https://example.com"
	case strings.HasSuffix(name, "SECRET"):
		return "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
	}
	return "4711"
}

// Result is how a case went.
type Result struct {
	Name        string // of mapping and case: acme/people
	File        string // of the case
	Took        time.Duration
	Err         error // why it could not be run, or tests nothing
	Differences []Difference

	makers map[string]Maker
	have   *Case
	got    []File
}

// OK reports whether the case is as wanted.
func (r *Result) OK() bool { return r.Err == nil && len(r.Differences) == 0 }

// Updated is the case with what came out in place of what was wanted.
func (r *Result) Updated() *Case { return r.have.with(r.got) }

// Coverage is what of the mapping the cases that were run came to.
func (s *Suite) Coverage() []pipeline.CoverItem { return s.coverage.Items() }

// NameOf is what a case of this mapping is called.
func (s *Suite) NameOf(file string) string {
	return filepath.Base(Folder(s.Mapping)) + "/" + strings.TrimSuffix(filepath.Base(file), extension)
}

// Run runs one case and compares.
func (s *Suite) Run(ctx context.Context, file string) *Result {
	began := time.Now()
	r := &Result{Name: s.NameOf(file), File: file, makers: s.makers()}
	r.have, r.Err = ReadCase(file)
	if r.Err == nil {
		r.got, r.Err = s.play(ctx, r.have)
	}
	if r.Err == nil {
		r.Differences = s.compare(r.have.wanted(), r.got)
	}
	r.Took = time.Since(began)
	return r
}

// play is what a run of the case leaves behind, by name.
func (s *Suite) play(ctx context.Context, c *Case) (got []File, err error) {
	in, err := c.given()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "pipeline-test-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	p := &player{base: s.basePath(), left: in.answers, end: end, asked: map[string]int{}}
	var stdout bytes.Buffer
	world := &pipeline.World{
		HTTP: p, Now: in.now, OutDir: dir, Sealed: true, Stdout: &stdout,
		Token: func(string) (pipeline.Token, error) { return pipeline.Token{Value: "recorded"}, nil },
	}
	if err := s.folders(world); err != nil {
		return nil, err
	}
	o := pipeline.RunOptions{World: world, AnyRejects: true, Workers: 1, Cover: s.coverage}
	if in.input != nil {
		if err := s.feed(in.input, world, &o); err != nil {
			return nil, err
		}
	}
	stage := &stage{}
	report, err := s.plan.Run(onStage(ctx, stage), o)
	if why := context.Cause(ctx); why != nil && ctx.Err() != nil {
		return nil, why // rather than what became of the run when it was ended
	}
	if err == nil {
		err = p.unasked()
	}
	if err == nil && report.Written+report.Rejected == 0 {
		err = fmt.Errorf("this case tests nothing: no record is delivered and none rejected (%d read)", report.Read)
	}
	if err != nil {
		return nil, err
	}
	return s.collect(dir, stage, stdout.Bytes())
}

// basePath is the path of the base URL of the source.
func (s *Suite) basePath() string {
	u, err := url.Parse(s.plan.SourceOptions().String("base_url"))
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(u.EscapedPath(), "/")
}

// folders makes the folders of outputs, which a run does not.
func (s *Suite) folders(world *pipeline.World) error {
	for _, path := range s.plan.Outputs() {
		if err := os.MkdirAll(filepath.Dir(world.OutPath(path)), 0o700); err != nil {
			return err
		}
	}
	return nil
}

// feed makes the records of a case those of the run: through the connector where
// that reads files, else in place of what it would fetch.
func (s *Suite) feed(input *File, world *pipeline.World, o *pipeline.RunOptions) error {
	format := strings.TrimPrefix(input.Name, "input.")
	switch {
	case (s.plan.Remote() || s.plan.PushOnly()) && format != "jsonl":
		return fmt.Errorf("%s does not read files, so its records go in as input.jsonl, not as %s", s.plan.SourceName(), input.Name)
	case s.plan.Remote(), s.plan.PushOnly():
		o.Source = records(linesOf(input.Data))
	case format != "jsonl" && format != "json" && format != "csv":
		return fmt.Errorf("records go in as input.jsonl, input.json or input.csv, not as %s", input.Name)
	default:
		world.Stdin = bytes.NewReader(input.Data)
		o.Override = pipeline.Options{"path": "-", "format": format}
	}
	return nil
}

// records is a source of the records in a case.
type records [][]byte

// Read gives all records as one page.
func (lines records) Read(_ context.Context, _ pipeline.Position, yield func(*pipeline.Page) error) error {
	page := pipeline.NewPage()
	page.Number = 1
	for _, line := range lines {
		page.Records = append(page.Records, pipeline.Record{Text: line})
	}
	return yield(page)
}

// sealedName is what a case calls the output of that path.
func sealedName(path string) string {
	world := &pipeline.World{Sealed: true}
	return filepath.ToSlash(strings.TrimPrefix(world.OutPath(path), string(filepath.Separator)))
}

// collect is what a run left behind, in the order of the names.
func (s *Suite) collect(dir string, stage *stage, stdout []byte) ([]File, error) {
	var got []File
	add := func(name string, data []byte) {
		if len(data) > 0 {
			got = append(got, File{name, data})
		}
	}
	binary := map[string]bool{}
	for path, rows := range stage.rows {
		name := sealedName(path)
		binary[name] = true
		add(name+".jsonl", rows.Bytes())
	}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		name := filepath.ToSlash(strings.TrimPrefix(path, dir+string(filepath.Separator)))
		if binary[name] {
			return nil
		}
		data, err := os.ReadFile(path)
		got = append(got, File{name, data})
		return err
	})
	for i, body := range stage.received {
		name := "webhook.jsonl"
		if i > 0 {
			name = fmt.Sprintf("webhook-%d.jsonl", i+1)
		}
		add(name, body.Bytes())
	}
	add("stdout", stdout)
	slices.SortFunc(got, func(a, b File) int { return strings.Compare(a.Name, b.Name) })
	return got, err
}
