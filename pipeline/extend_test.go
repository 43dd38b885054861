package pipeline_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"pipeline/pipeline"
)

// inMemory are files by name.
func inMemory(files map[string]string) *pipeline.Files {
	return &pipeline.Files{Read: func(name string) ([]byte, error) {
		if src, ok := files[name]; ok {
			return []byte(src), nil
		}
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}}
}

// said is what a mapping says, on one line each.
func said(m *pipeline.Mapping) string {
	var b strings.Builder
	line := func(what string, texts ...pipeline.Text) {
		for _, t := range texts {
			if !t.Missing() {
				fmt.Fprintf(&b, "%s %s @%s\n", what, t.Value, t.Span().File)
			}
		}
	}
	line("name", m.Name)
	for _, c := range m.Source.Connectors {
		line("source", c.Name)
	}
	line("stream", m.Source.Stream)
	line("rate", m.Source.Rate)
	for _, l := range m.Let {
		line("let "+l.Name.Value, l.Value)
	}
	line("where", m.Where)
	line("key", m.Key...)
	for _, l := range m.Lookups {
		line("lookup "+l.Name.Value, l.Path, l.Key, l.Value)
	}
	for _, f := range m.Fields {
		line("field "+f.Name.Value, f.Value, f.Type, f.Required)
	}
	line("schema", m.Schema)
	line("rejects", m.Rejects.Path, m.Rejects.Max)
	for _, s := range m.Sinks {
		line("sink", s.Name)
	}
	return b.String()
}

const baseMapping = `version: 1
name: the-base
source:
  shop: {event: 1}
  stream: people
  rate: 5/s
let: {full: first + last}
where: paid
key: [id, full]
lookups: {towns: {path: towns.csv, key: zip, value: town}}
fields:
  id: string(id)
  full: full
  amount: {value: price, type: integer, required: true}
schema: row.schema.json
rejects: {max: 5%}
sinks: [csv: {path: a.csv}, jsonl: {path: a.jsonl}]
`

func TestExtends(t *testing.T) {
	for _, c := range []struct {
		name, over string
		changes    string // lines of the base's own, "-" gone and "+" come, in their order
	}{
		{"nothing else", ``, ``},
		{"a name is its own", `name: client`, `+name client @in/acme.yaml`},
		{"scalars replace", `where: unpaid`, `-where paid @base.yaml
+where unpaid @in/acme.yaml`},
		{"lists replace", "key: [full]\nsinks: [parquet: {}]", `-key id @base.yaml
-key full @base.yaml
+key full @in/acme.yaml
-sink csv @base.yaml
-sink jsonl @base.yaml
+sink parquet @in/acme.yaml`},
		{"~ removes", "where: ~\nschema: null\nrejects: {max: ~}\nlet: {full: ~}\nsource: {rate: ~}\nfields: {full: ~, amount: {required: ~}}", `-rate 5/s @base.yaml
-let full first + last @base.yaml
-where paid @base.yaml
-field full full @base.yaml
-field amount true @base.yaml
-schema row.schema.json @base.yaml
-rejects 5% @base.yaml`},
		{"fields keep their places, and new ones come behind", "fields: {new: a, id: b, newer: c}", `-field id string(id) @base.yaml
+field id b @in/acme.yaml
+field new a @in/acme.yaml
+field newer c @in/acme.yaml`},
		{"a short field replaces a long one whole", "fields: {amount: total}", `-field amount price @base.yaml
-field amount integer @base.yaml
-field amount true @base.yaml
+field amount total @in/acme.yaml`},
		{"a long field keeps what it does not say", "fields: {amount: {value: total}, full: {type: string}}", `-field amount price @base.yaml
+field full string @in/acme.yaml
+field amount total @in/acme.yaml`},
		{"a long field with a value replaces a short one", "fields: {full: {value: name, type: string}}", `-field full full @base.yaml
+field full name @in/acme.yaml
+field full string @in/acme.yaml`},
		{"options merge under their connector", "source: {shop: {size: 2}}", `-source shop @base.yaml
+source shop @in/acme.yaml`},
		{"a connector without options leaves them", "source: {shop: }", `-source shop @base.yaml
+source shop @in/acme.yaml`},
		{"another connector replaces the source", "source: {stall: {event: 2}}", `-source shop @base.yaml
-stream people @base.yaml
-rate 5/s @base.yaml
+source stall @in/acme.yaml`},
		{"another connector without options, too", "source: {stall: ~, rate: 1/s}", `-source shop @base.yaml
-stream people @base.yaml
-rate 5/s @base.yaml
+source stall @in/acme.yaml
+rate 1/s @in/acme.yaml`},
		{"tables merge", "lookups: {towns: {path: t.csv}}", `-lookup towns towns.csv @base.yaml
+lookup towns t.csv @in/acme.yaml`},
	} {
		t.Run(c.name, func(t *testing.T) {
			files := inMemory(map[string]string{"base.yaml": baseMapping, "in/acme.yaml": "extends: ../base.yaml\n" + c.over})
			m, diags := pipeline.Load("in/acme.yaml", files)
			if len(diags) > 0 {
				t.Fatal(diags)
			}
			if diff := cmp.Diff(c.changes, changes(said(load(t, "base.yaml", baseMapping)), said(m))); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func load(t *testing.T, name, src string) *pipeline.Mapping {
	t.Helper()
	m, diags := pipeline.Parse(name, []byte(src))
	if len(diags) > 0 {
		t.Fatal(diags)
	}
	return m
}

// changes are the lines that are gone, and those that came; a base's name is
// never passed on.
func changes(before, after string) string {
	var out []string
	old, now := strings.Split(strings.TrimSpace(before), "\n")[1:], strings.Split(strings.TrimSpace(after), "\n")
	for len(old)+len(now) > 0 {
		switch {
		case len(old) > 0 && len(now) > 0 && old[0] == now[0]:
			old, now = old[1:], now[1:]
		case len(old) > 0 && !strings.Contains(after, old[0]+"\n"):
			out, old = append(out, "-"+old[0]), old[1:]
		case len(now) > 0:
			out, now = append(out, "+"+now[0]), now[1:]
		default:
			out, old = append(out, "-"+old[0]), old[1:]
		}
	}
	return strings.Join(out, "\n")
}

// A connector in a file is the same where the paths lead to the same file, and
// another one where they only look alike.
func TestExtendsConnectorFile(t *testing.T) {
	base := "version: 1\nsource:\n  ./shop.yaml: {event: 1}\n  stream: people\nfields: {id: id}\nsinks: [csv: {}]\n"
	for connector, kept := range map[string]bool{"../base/shop.yaml": true, "./shop.yaml": false} {
		m, diags := pipeline.Load("in/acme.yaml", inMemory(map[string]string{
			"base/base.yaml": base,
			"in/acme.yaml":   "extends: ../base/base.yaml\nsource: {" + connector + ": {size: 2}}\n",
		}))
		if len(diags) > 0 {
			t.Fatal(diags)
		}
		if len(m.Source.Connectors) != 1 || m.Source.Connectors[0].Name.Value != connector || m.Source.Stream.Missing() == kept {
			t.Errorf("%s over ./shop.yaml of base/: %d connectors, stream %q", connector, len(m.Source.Connectors), m.Source.Stream.Value)
		}
	}
}

func TestExtendsAsFarAsTen(t *testing.T) {
	files := map[string]string{"10.yaml": baseMapping}
	for i := range 10 {
		files[fmt.Sprintf("%d.yaml", i)] = fmt.Sprintf("extends: %d.yaml\nfields: {f%d: id}\n", i+1, i)
	}
	m, diags := pipeline.Load("0.yaml", inMemory(files))
	if len(diags) > 0 {
		t.Fatal(diags)
	}
	var names []string
	for _, f := range m.Fields {
		names = append(names, f.Name.Value)
	}
	if want := "id full amount f9 f8 f7 f6 f5 f4 f3 f2 f1 f0"; strings.Join(names, " ") != want {
		t.Errorf("fields %v, want %s", names, want)
	}
}

func TestParseReadsNoOtherFile(t *testing.T) {
	m, diags := pipeline.Parse("acme.yaml", []byte("extends: base.yaml\n"))
	if m != nil || len(diags) != 1 || diags[0].Code != "missing-file" {
		t.Errorf("Parse of a mapping that extends another: %v, %v", m, diags)
	}
}

func TestLoadSaysWhyAMappingCannotBeRead(t *testing.T) {
	_, diags := pipeline.Load("acme.yaml", &pipeline.Files{Read: func(string) ([]byte, error) { return nil, errors.New("the disk is on fire") }})
	if len(diags) != 1 || diags[0].Message != "cannot read the mapping: the disk is on fire" || diags[0].Span.File != "acme.yaml" {
		t.Errorf("%+v", diags)
	}
}

func TestLoadOfAFolder(t *testing.T) {
	_, diags := pipeline.Load("clients", &pipeline.Files{Read: func(string) ([]byte, error) { return nil, syscall.EISDIR }})
	if len(diags) != 1 || diags[0].Message != "this is a folder, and a mapping is wanted" || diags[0].Hint != "name one that is in it: clients/NAME.yaml" {
		t.Errorf("%+v", diags)
	}
}

func FuzzLoad(f *testing.F) {
	f.Add("extends: b.yaml\nfields: {a: ~, b: {type: x}}\nsource: {x: {}}", baseMapping)
	f.Add("extends: b.yaml\nsource: ~\n? [a]\n: b", "extends: a.yaml\nversion: 2")
	f.Add("extends: b.yaml\nfields: {amount: {type: date}}\nlookups: {towns: ~}", "extends: c.yaml\nversion: 1\nlookups: {towns: 7}\nfields: {amount: 1}")
	f.Fuzz(func(t *testing.T, a, b string) {
		m, diags := pipeline.Load("a.yaml", inMemory(map[string]string{"a.yaml": a, "b.yaml": b, "c.yaml": baseMapping}))
		if m == nil && !diags.HasErrors() {
			t.Error("there is neither a mapping nor a reason")
		}
		for _, d := range diags {
			if !strings.HasSuffix(d.Span.File, ".yaml") {
				t.Errorf("%+v stands nowhere", d)
			}
		}
		if m == nil {
			return
		}
		said(m)
		m.Compile(pipeline.Setup{Registry: registry(nil), Files: inMemory(nil)})
	})
}

func TestSinksKnowWhichMappingMadeTheirRows(t *testing.T) {
	var got string
	r := &pipeline.Registry{
		Sources: []pipeline.SourceConnector{{Name: "test", Streams: []pipeline.Stream{{}}, Open: func(context.Context, pipeline.SourceConfig) (pipeline.Source, error) { return &pagesSource{}, nil }}},
		Sinks: []pipeline.SinkConnector{{Name: "sink", Target: func(pipeline.Options) string { return "sink" }, Open: func(_ context.Context, c pipeline.SinkConfig) (pipeline.Writer, error) {
			got = c.Digest
			return &memorySink{}, nil
		}}},
	}
	base := "version: 1\nsource: {test: {}}\nfields: {id: string(id)}\nsinks: [sink: {}]\n"
	over := "extends: base.yaml\nkey: [id]\n"
	files := inMemory(map[string]string{"base.yaml": base, "acme.yaml": over})
	for name, text := range map[string]string{"base.yaml": base, "acme.yaml": over + base} {
		m, diags := pipeline.Load(name, files)
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		plan, diags := m.Compile(pipeline.Setup{Registry: r, Files: files})
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		if _, err := plan.Run(t.Context(), pipeline.RunOptions{World: &pipeline.World{OutDir: t.TempDir()}}); err != nil {
			t.Fatal(err)
		}
		if want := fmt.Sprintf("%x", sha256.Sum256([]byte(text))); got != want {
			t.Errorf("%s: the digest is %q, want %q", name, got, want)
		}
	}
}
