package diag

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the expected diagnostics")

// What is wrong with a YAML file, in the words and at the place that its author
// needs: each file of the archive is followed by what is said about it.
func TestParseYAMLErrors(t *testing.T) {
	const archive = "testdata/yaml.txtar"
	cases := sections(t, archive)
	var rewritten bytes.Buffer
	for i := 0; i+1 < len(cases); i += 2 {
		in, want := cases[i], cases[i+1]
		if want.name != in.name+" says" {
			t.Fatalf("%s is followed by %q", in.name, want.name)
		}
		t.Run(in.name, func(t *testing.T) {
			got := said(t, []byte(in.text))
			fmt.Fprintf(&rewritten, "-- %s --\n%s-- %s --\n%s", in.name, in.text, want.name, got)
			if diff := cmp.Diff(want.text, got); diff != "" && !*update {
				t.Errorf("-want +got:\n%s", diff)
			}
			if got == "" {
				t.Error("nothing was said")
			}
		})
	}
	if *update {
		if err := os.WriteFile(archive, rewritten.Bytes(), 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

type section struct{ name, text string }

// sections reads a txtar archive.
func sections(t *testing.T, file string) []section {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var out []section
	for line := range strings.Lines(string(text)) {
		if name, ok := strings.CutPrefix(line, "-- "); ok {
			out = append(out, section{name: strings.TrimSuffix(name, " --\n")})
		} else if len(out) > 0 {
			out[len(out)-1].text += line
		}
	}
	return out
}

func said(t *testing.T, src []byte) string {
	t.Helper()
	_, diags := ParseYAML("a.yaml", src)
	var out bytes.Buffer
	if err := Text(&out, diags, Files{"a.yaml": src}, false); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// Files that are no text file of an editor.
func TestParseYAMLUnreadable(t *testing.T) {
	for _, test := range []struct{ name, src, want string }{
		{"empty", "", "a.yaml: error: the file is empty\n"},
		{"byte order mark alone", "\ufeff", "a.yaml: error: the file is empty\n"},
		{"comments alone", "# x\n", "a.yaml: error: the file is empty\n"},
		{"document of nothing", "---\n", "a.yaml: error: the file is empty\n"},
		{"UTF-16", "\xff\xfea\x00", "a.yaml: error: the file is in UTF-16\n  save it as UTF-8\n"},
		{"Latin-1", "a: 1\né: \xe9\n", "a.yaml:2:4: error: byte 0xE9 is not UTF-8\n  2 │ é: �\n    │    ~  save the file as UTF-8\n"},
		{"NUL", "a: \x00", "a.yaml:1:4: error: control character U+0000\n  1 │ a: ␀\n    │    ~  remove it, or write it as an escape in double quotes\n"},
		{"lone CR", "a: 1\rb: 2", "a.yaml:1:5: error: a carriage return without a line feed\n  1 │ a: 1␍b: 2\n    │     ~  save the file with the line ends LF or CR LF\n"},
		{"line separator", "a: b\u2028", "a.yaml:1:5: error: invisible line separator U+2028\n  1 │ a: b�\n    │     ~  YAML counts it as the end of a line and editors do not: remove it, or write it as an escape in double quotes\n"},
		{"too large", strings.Repeat("#", maxYAML+1), "a.yaml: error: the file is 1048577 bytes long\n  a YAML file may have at most 1 MiB here; keep data in files of its own\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, said(t, []byte(test.src))); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestParseYAMLDeep(t *testing.T) {
	for name, src := range map[string]string{
		"lists, closed":  strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000),
		"lists, open":    strings.Repeat("[", 1_000_000),
		"mappings":       strings.Repeat("{a: ", 100_000),
		"block lists":    strings.Repeat("- ", 500_000),
		"just too deep":  strings.Repeat("[", maxYAMLDepth+1) + strings.Repeat("]", maxYAMLDepth+1),
		"question marks": strings.Repeat("? ", 100_000),
	} {
		if got := said(t, []byte(src)); !strings.Contains(got, "nested more than 64 deep") {
			t.Errorf("%s: %s", name, got)
		}
	}
	src := strings.Repeat("[", maxYAMLDepth) + strings.Repeat("]", maxYAMLDepth)
	if got := said(t, []byte(src)); got != "" {
		t.Errorf("%d deep: %s", maxYAMLDepth, got)
	}
}

func TestParseYAMLGoesOnAfterADuplicate(t *testing.T) {
	doc, diags := ParseYAML("a.yaml", []byte("a: 1\na: 2\n"))
	if doc == nil || len(diags) != 1 || diags[0].Code != "duplicate-key" {
		t.Errorf("got %v, %v", doc, diags)
	}
}

func TestParseYAMLTakesWhatIsFine(t *testing.T) {
	src := "\ufeffversion: 1\r\nfields:\r\n  a: x ?? y # why\r\n  b: {value: lower(a), type: string}\r\n  c: \"\\u2028\"\r\n...\r\n"
	doc, diags := ParseYAML("a.yaml", []byte(src))
	if len(diags) > 0 || doc == nil || doc.Content[0].Content[0].Value != "version" {
		t.Errorf("got %v, %v", doc, diags)
	}
}

func TestNodeSpan(t *testing.T) {
	for _, test := range []struct {
		name, src string
		want      Span
	}{
		{"plain", "k: a b # c", at("a.yaml", 1, 4, 1, 7)},
		{"quoted", "k: 'a''b' # c", at("a.yaml", 1, 4, 1, 10)},
		{"quoted over two lines", "k: \"a\n  b\" # c", at("a.yaml", 1, 4, 1, 6)},
		{"nothing", "k:", at("a.yaml", 1, 3)},
		{"literal", "k: |2- # c\n   a", at("a.yaml", 1, 4, 1, 7)},
		{"flow mapping", "k: {a: [1, 'x'] , b: {}, } # c", at("a.yaml", 1, 4, 1, 27)},
		{"empty flow list", "k: [] # c", at("a.yaml", 1, 4, 1, 6)},
		{"flow list over two lines", "k: [1, 2,   \n 3]", at("a.yaml", 1, 4, 1, 10)},
		{"block mapping", "k:\n  ab: cd # e\n  f: g\n", at("a.yaml", 2, 3, 2, 9)},
		{"block list", "k:\n  - ab\n  - c\n", at("a.yaml", 2, 3, 2, 7)},
		{"behind what is wide", "{東: é, k: 🎉}", at("a.yaml", 1, 11, 1, 12)},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := NewSource("a.yaml", []byte(test.src)).NodeSpan(scalarOf(t, []byte(test.src)))
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestCutByComment(t *testing.T) {
	for _, test := range []struct {
		src  string
		want Span
		cut  bool
	}{
		{"k: find(x, # == 1)", at("a.yaml", 1, 12, 1, 19), true},
		{"k: find(x,\n  # == 1)\n", at("a.yaml", 2, 3, 2, 10), true},
		{"k: x == \"item #1\"", at("a.yaml", 1, 15, 1, 18), true},
		{"k: x + # the sum", at("a.yaml", 1, 8, 1, 17), true},
		{"k: x and # both\r\n", at("a.yaml", 1, 10, 1, 16), true},
		{"k: lower(x) # the address", Span{}, false},
		{"k: x # + y", Span{}, false},
		{"k: # why\n", Span{}, false},
		{"k: \"find(x, # == 1)\"", Span{}, false},
		{"k: |\n  find(x, # == 1)", Span{}, false},
		{"k: find(x,", Span{}, false},
		{"k: 'a # b' # c", Span{}, false},
		{"k: [a] # c", Span{}, false},
		{`k: x + "\" (" # c`, Span{}, false},
	} {
		got, cut := NewSource("a.yaml", []byte(test.src)).CutByComment(scalarOf(t, []byte(test.src)))
		if diff := cmp.Diff(test.want, got); diff != "" || cut != test.cut {
			t.Errorf("%q: cut %v, -want +got:\n%s", test.src, cut, diff)
		}
	}
}
