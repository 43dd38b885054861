package pipeline_test

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"pipeline/pipeline"
)

func TestDotenv(t *testing.T) {
	got, diags := pipeline.Dotenv(".env", []byte("\ufeff# comment\r\n\r\nA=1\r\n  export B=two words # comment\nC='as \"it\" stands \\n $A #'\nD=\"a \\\"b\\\"\\n\\t\\$\\\\\" # comment\nE=\nF= # nothing\nG=a#b$A\nH=''\nI=Zoë=ja \n\t\n_J9=x"))
	if len(diags) > 0 {
		t.Fatal(diags)
	}
	want := map[string]string{"A": "1", "B": "two words", "C": `as "it" stands \n $A #`, "D": "a \"b\"\n\t$\\", "E": "", "F": "", "G": "a#b$A", "H": "", "I": "Zoë=ja", "_J9": "x"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestDotenvHasABound(t *testing.T) {
	if _, diags := pipeline.Dotenv(".env", make([]byte, 1<<20+1)); len(diags) != 1 || diags[0].Message != "the file is 1048577 bytes long" {
		t.Errorf("%v", diags)
	}
}

// The environment goes first, also where it says that a name is empty.
func TestEnvironment(t *testing.T) {
	outer := func(name string) (string, bool) {
		v, ok := map[string]string{"A": "outer", "B": ""}[name]
		return v, ok
	}
	files := inMemory(map[string]string{"clients/.env": "A=inner\nB=inner\nC=inner\n", ".env": "D=elsewhere\n"})
	getenv, diags := pipeline.Environment("clients/acme.yaml", files, outer)
	if len(diags) > 0 {
		t.Fatal(diags)
	}
	for name, want := range map[string]string{"A": "outer", "B": "", "C": "inner"} {
		if got, ok := getenv(name); got != want || !ok {
			t.Errorf("%s is %q, %t", name, got, ok)
		}
	}
	if v, ok := getenv("D"); ok {
		t.Errorf("the .env of another folder was read: %q", v)
	}
	if len(files.Seen) > 0 {
		t.Errorf("a diagnostic could show the lines of %v", slices.Collect(maps.Keys(files.Seen)))
	}
}

func TestEnvironmentBesideAFolder(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, ".env"), 0o700); err != nil {
		t.Fatal(err)
	}
	_, diags := pipeline.Environment(filepath.Join(dir, "acme.yaml"), &pipeline.Files{Read: os.ReadFile}, os.LookupEnv)
	if len(diags) > 0 {
		t.Errorf("%v", diags)
	}
}

var name = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// What was read can be written between quotes and is then read as the same.
func FuzzDotenv(f *testing.F) {
	for _, seed := range []string{"A=1", "A=\"\\n\" # x", "export A='b'\r\nB= c", "A=\"", "\xff=", "A=b\nA=c", "A=\"\\", "A='x' y"} {
		f.Add(seed)
	}
	quote := strings.NewReplacer("\\", `\\`, `"`, `\"`, "\n", `\n`, "\r", `\r`, "$", `\$`)
	f.Fuzz(func(t *testing.T, src string) {
		set, diags := pipeline.Dotenv(".env", []byte(src))
		var again strings.Builder
		for n, v := range set {
			if !name.MatchString(n) {
				t.Errorf("%q is a name", n)
			}
			again.WriteString(n + `="` + quote.Replace(v) + "\"\n")
		}
		for _, d := range diags {
			if d.Span.Start.Line < 1 || d.Span.Start.Column < 1 {
				t.Errorf("%+v stands nowhere", d)
			}
		}
		back, diags := pipeline.Dotenv(".env", []byte(again.String()))
		if diff := cmp.Diff(set, back); diff != "" || len(diags) > 0 {
			t.Errorf("%s%v", diff, diags)
		}
	})
}
