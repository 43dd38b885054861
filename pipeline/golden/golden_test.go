package golden

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"pipeline/connectors"
	"pipeline/connectors/rest"
	"pipeline/pipeline"
)

// suiteOf is a mapping in a folder of its own, with one case.
func suiteOf(t *testing.T, mapping, text string) (*Suite, string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "acme.yaml")
	path := CasePath(file, "case")
	if err := os.Mkdir(Folder(file), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{file: mapping, path: text} {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s, diags := Load(file, &pipeline.Files{Read: os.ReadFile}, connectors.All(rest.New()))
	if s == nil {
		t.Fatal(diags)
	}
	return s, path
}

// shown is what is said of a case.
func shown(r *Result) string {
	var text strings.Builder
	r.Show(&text, Style{
		Want: func(s string) string { return "[-" + s + "-]" },
		Got:  func(s string) string { return "{+" + s + "+}" },
	})
	return strings.ReplaceAll(text.String(), filepath.Dir(filepath.Dir(r.File))+"/", "")
}

const people = `version: 1
source: {file: {path: people.jsonl}}
fields:
  id: {value: id, type: string}
  name: {value: name, type: string}
sinks:
  - OUT
`

// TestDifferences is an output, what was wanted of it, and what is said of that.
func TestDifferences(t *testing.T) {
	const input = "-- input.jsonl --\n" + `{"id": "1", "name": "Ada  Lovelace, née Byron"}` + "\n" + `{"id": "2", "name": "a\nb\u202e"}` + "\n"
	const maker = "acme.yaml:5:3  name: name\n"
	for _, c := range []struct{ name, sink, want, shown string }{
		{"words of a cell", "csv: {path: o.csv}", "-- o.csv --\nid,name\n1,\"Ada Lovelace, nee Byron\"\n2,\"a\nb\u202e\"\n",
			"  o.csv\n    row 1\n      name\n        want Ada[- -]Lovelace, [-nee-] Byron\n        got  Ada{+  +}Lovelace, {+née+} Byron\n        " + maker},
		{"nothing moves the cursor", "csv: {path: o.csv}", "-- o.csv --\nid,name\n1,\"Ada  Lovelace, née Byron\"\n2,\n",
			"  o.csv\n    row 2\n      name\n        want [-(empty)-]\n        got  {+a\\nb\\u202e+}\n        " + maker},
		{"a row more, and one less", "jsonl: {path: o.jsonl}", "-- o.jsonl --\n{\"id\":\"0\",\"name\":\"x\"}\n{\"id\":\"1\",\"name\":\"Ada  Lovelace, née Byron\"}\n",
			"  o.jsonl\n    [-- row 1: {\"id\":\"0\",\"name\":\"x\"}-]\n    {++ row 2: {\"id\":\"2\",\"name\":\"a\\nb\\u202e\"}+}\n"},
		{"other columns", "csv: {path: o.csv, delimiter: ;}", "-- o.csv --\nid;full\n1;x\n2;y\n",
			"  o.csv\n    [-- the column full is gone-]\n    {++ the column name is new+}\n      " + maker},
		{"the order of columns", "csv: {path: o.csv}", "-- o.csv --\nname,id\n\"Ada  Lovelace, née Byron\",1\n\"a\nb\u202e\",2\n",
			"  o.csv\n    the columns are in another order\n"},
		{"the same cells, written otherwise", "csv: {path: o.csv, header: false}", "-- o.csv --\n\"1\",\"Ada  Lovelace, née Byron\"\n2,\"a\nb\u202e\"\n",
			"  o.csv\n    [-- line 1: \"1\",\"Ada  Lovelace, née Byron\"-]\n    {++ line 1: 1,\"Ada  Lovelace, née Byron\"+}\n"},
		{"a reject that did not come", "csv: {path: o.csv}", "-- o.csv --\nid,name\n1,\"Ada  Lovelace, née Byron\"\n2,\"a\nb\u202e\"\n-- acme.rejects.jsonl --\n{}\n",
			"  acme.rejects.jsonl was wanted, and the run does not write it\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, path := suiteOf(t, strings.Replace(people, "OUT", c.sink, 1), input+c.want)
			r := s.Run(t.Context(), path)
			if diff := cmp.Diff(c.shown, shown(r)); diff != "" {
				t.Fatal(diff)
			}
			if err := r.Updated().Write(path); err != nil {
				t.Fatal(err)
			}
			if again := s.Run(t.Context(), path); !again.OK() {
				t.Errorf("after an update:\n%s", shown(again))
			}
		})
	}
}

// TestRowsAreFoundByTheirKey, in whatever order they come.
func TestRowsAreFoundByTheirKey(t *testing.T) {
	mapping := strings.Replace(strings.Replace(people, "OUT", "csv: {path: o.csv}", 1), "fields:", "key: [id]\nfields:", 1)
	s, path := suiteOf(t, mapping, "-- input.csv --\nid,name\n3,c\n1,A\n-- o.csv --\nid,name\n1,a\n2,b\n3,c\n")
	want := "  o.csv\n    [-- row 1: 1,a-]\n    [-- row 2: 2,b-]\n    {++ row 2: 1,A+}\n"
	if got := shown(s.Run(t.Context(), path)); got != want {
		t.Error(got)
	}
}

func TestVariables(t *testing.T) {
	t.Setenv("PLACE", "outside")
	mapping := strings.Replace(people, "OUT", `csv: {path: "${PLACE}-${NUMBER}-${WORD:-word}.csv"}`, 1)
	_, path := suiteOf(t, mapping, "-- input.jsonl --\n{}\n")
	if err := os.WriteFile(filepath.Join(filepath.Dir(path), "test.env"), []byte("PLACE=inside\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	s, diags := Load(filepath.Dir(path)+".yaml", &pipeline.Files{Read: os.ReadFile}, connectors.All(rest.New()))
	if s == nil {
		t.Fatal(diags)
	}
	if got := shown(s.Run(t.Context(), path)); !strings.HasPrefix(got, "  inside-4711-word.csv was written") {
		t.Error(got)
	}
}

// TestPlayer is requests in order, and which recorded answer each is given.
func TestPlayer(t *testing.T) {
	var ended error
	p := &player{base: "/api", asked: map[string]int{}, end: func(err error) { ended = err }}
	for i, name := range []string{"GET /a", "GET /a", "GET /a?x=1&y=2", "POST /a", "GET https://other.example/b"} {
		p.left = append(p.left, &Answer{Request: name, Status: 200 + i})
	}
	for _, c := range []struct {
		method, url string
		want        int
	}{
		{"GET", "https://x.example/api/a?y=2&x=1", 202}, // with its query before one without
		{"GET", "https://x.example/api/a?y=2", 200},
		{"POST", "https://x.example/api/a", 203},
		{"GET", "https://other.example/b", 204},
		{"GET", "https://x.example/api/a?y=2&x=1", 201},
	} {
		req, _ := http.NewRequest(c.method, c.url, http.NoBody)
		res, err := p.RoundTrip(req)
		if err != nil || res.StatusCode != c.want {
			t.Fatalf("%s %s: %v, %v", c.method, c.url, res, err)
		}
	}
	if err := p.unasked(); err != nil {
		t.Error(err)
	}
	req, _ := http.NewRequest("GET", "https://x.example/api/a?x=1&y=2", http.NoBody)
	if _, err := p.RoundTrip(req); err == nil || ended == nil || !strings.Contains(ended.Error(), "GET /a?x=1&y=2 once more than the 2") {
		t.Error(err, ended)
	}
}

func TestAnswersAreReadAsTheyAreWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := Answer{
			Request: "GET /x",
			Status:  rapid.SampledFrom([]int{200, 204, 404, 503}).Draw(t, "status"),
			Body:    []byte(rapid.StringMatching(`([\[{"a1\n ]*\n)?`).Draw(t, "body")),
		}
		if rapid.Bool().Draw(t, "linked") {
			a.Header = http.Header{"Link": {"</x?page=2>; rel=\"next\"", "</y>"}}
		}
		got, err := parseAnswer(a.File())
		if err != nil {
			t.Fatal(err)
		}
		if got.Status != a.Status || string(got.Body) != string(a.Body) || len(got.Header["Link"]) != len(a.Header["Link"]) {
			t.Fatalf("%q is read as %+v", a.File().Data, got)
		}
	})
}

func TestWrongAnswers(t *testing.T) {
	for text, want := range map[string]string{
		"HTTP ok\n":                "the first line is \"HTTP ok\"; write a status, such as HTTP 404",
		"HTTP 404\n{\"a\": 1}\n":   `an empty line ends the headers, and "{\"a\": 1}" is none`,
		"HTTP 404":                 "",
		"HTTP 404\nnot found\n":    `an empty line ends the headers, and "not found" is none`,
		"HTTP 200\nLink: </x>\n\n": "",
	} {
		_, err := parseAnswer(File{"GET /x", []byte(text)})
		if (want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestAlignIsALongestCommonSubsequence: both lists are there whole and in order,
// what goes together is alike, and a change of one item costs no more than that.
func TestAlignIsALongestCommonSubsequence(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c"}), 0, 12)
		a, b := words.Draw(t, "a"), words.Draw(t, "b")
		i, j, same := 0, 0, 0
		for _, p := range align(a, b) {
			if p.a >= 0 && p.a != i || p.b >= 0 && p.b != j || p.a < 0 && p.b < 0 {
				t.Fatalf("out of order at %v", p)
			}
			if p.a >= 0 && p.b >= 0 {
				if a[p.a] != b[p.b] {
					t.Fatalf("%v go together", p)
				}
				same++
			}
			if p.a >= 0 {
				i++
			}
			if p.b >= 0 {
				j++
			}
		}
		if i != len(a) || j != len(b) || same != longest(a, b) {
			t.Fatalf("%d and %d items, %d alike of %d", i, j, same, longest(a, b))
		}
	})
}

// longest is the length of the longest common subsequence, by its definition.
func longest(a, b []string) int {
	switch {
	case len(a) == 0 || len(b) == 0:
		return 0
	case a[0] == b[0]:
		return 1 + longest(a[1:], b[1:])
	}
	return max(longest(a[1:], b), longest(a, b[1:]))
}

func TestACaseThatCannotBeWritten(t *testing.T) {
	c := Case{Files: []File{{"o.csv", []byte("a\n-- b --\n")}}}
	if _, err := c.Format(); err == nil || !strings.Contains(err.Error(), `o.csv has a line of the form "-- name --"`) {
		t.Error(err)
	}
}

// TestNothingIsWrittenElsewhere: an absolute path stays inside, and so does one that
// leads up.
func TestNothingIsWrittenElsewhere(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "o.csv")
	mapping := strings.Replace(people, "OUT", "csv: {path: "+outside+"}\n  - jsonl: {path: ../../up.jsonl}", 1)
	s, path := suiteOf(t, mapping, "-- input.jsonl --\n{}\n")
	r := s.Run(context.Background(), path)
	if got := shown(r); !strings.Contains(got, "  "+outside[1:]+" was written") || !strings.Contains(got, "  up.jsonl was written") {
		t.Error(got)
	}
	if _, err := os.Stat(outside); err == nil {
		t.Error("the output of a case was published")
	}
}
