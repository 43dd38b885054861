package diag

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"
	"pgregory.net/rapid"
)

// scalarOf is the value of the key "k", wherever it is.
func scalarOf(t interface {
	Helper()
	Fatalf(string, ...any)
}, src []byte) *yaml.Node {
	t.Helper()
	doc, diags := ParseYAML("a.yaml", src)
	if diags.HasErrors() {
		t.Fatalf("%v in\n%s", diags, src)
	}
	var found *yaml.Node
	var find func(n *yaml.Node)
	find = func(n *yaml.Node) {
		for i, c := range n.Content {
			if n.Kind == yaml.MappingNode && i%2 == 0 && c.Value == "k" {
				found = n.Content[i+1]
			}
			find(c)
		}
	}
	find(doc)
	if found == nil {
		t.Fatalf("no key k in\n%s", src)
	}
	return found
}

func TestLocate(t *testing.T) {
	for _, test := range []struct {
		name, src, find string
		want            Span
	}{
		{"plain", "k: lower(emial)\n", "emial", at("a.yaml", 1, 10, 1, 15)},
		{"plain in a flow mapping", "f: {é: 1, k: lower(emial), b: 2}", "emial", at("a.yaml", 1, 20, 1, 25)},
		{"plain over two lines", "a:\n  k: lower(\n      emial)\n", "emial", at("a.yaml", 3, 7, 3, 12)},
		{"plain over an empty line", "a:\n  k: lower(\n\n      emial)\n", "emial", at("a.yaml", 4, 7, 4, 12)},
		{"with a byte order mark and CR LF", "\ufeffb: 1\r\nk: x +\r\n  emial\r\n", "emial", at("a.yaml", 3, 3, 3, 8)},
		{"single quotes", "k: 'x == ''东'' ? emial : y'\n", "emial", at("a.yaml", 1, 18, 1, 23)},
		{"an escaped quote itself", "k: 'a''b'\n", "'", at("a.yaml", 1, 6, 1, 8)},
		{"double quotes", `k: "x == \"\u4e1c\x41\" ? emial : y"`, "emial", at("a.yaml", 1, 27, 1, 32)},
		{"an escape itself", `k: "a\u00e9b"`, "é", at("a.yaml", 1, 6, 1, 12)},
		{"an escaped line break", "k: \"a \\\n   emial\"", "emial", at("a.yaml", 2, 4, 2, 9)},
		{"literal", "f:\n  k: |\n    x +\n      emial\n  b: 1\n", "emial", at("a.yaml", 4, 7, 4, 12)},
		{"literal with an indentation indicator", "f:\n  k: |1-\n      x + emial\n", "emial", at("a.yaml", 3, 11, 3, 16)},
		{"folded", "k: >-\n  x\n  + emial\n\n\n", "emial", at("a.yaml", 3, 5, 3, 10)},
		{"folded with a comment behind the indicator", "k: > # why\n  x\n  + emial", "emial", at("a.yaml", 3, 5, 3, 10)},
	} {
		t.Run(test.name, func(t *testing.T) {
			n := scalarOf(t, []byte(test.src))
			i := strings.Index(n.Value, test.find)
			if i < 0 {
				t.Fatalf("%q is not in %q", test.find, n.Value)
			}
			got := NewSource("a.yaml", []byte(test.src)).Locate(n).Span(i, i+len(test.find))
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestLocateAtTheEdges(t *testing.T) {
	for _, test := range []struct {
		name, src string
		from, to  int
		want      Span
	}{
		{"the end of a plain scalar", "k: ab # c", 2, 2, at("a.yaml", 1, 6)},
		{"behind the end", "k: ab # c", 7, 9, at("a.yaml", 1, 6)},
		{"before the start", "k: ab", -3, 1, at("a.yaml", 1, 4, 1, 5)},
		{"the end of a quoted one", "k: 'ab' # c", 2, 2, at("a.yaml", 1, 7)},
		{"an empty quoted one", "k: ''", 0, 0, at("a.yaml", 1, 5)},
		{"nothing", "k:", 0, 0, at("a.yaml", 1, 3)},
		{"the end of a block", "k: |-\n  ab\n\nc: d", 2, 2, at("a.yaml", 2, 5)},
		{"an empty block", "k: |\nc: d", 0, 0, at("a.yaml", 2, 1)},
		{"an empty block at the end of the file", "k: |", 0, 0, at("a.yaml", 1, 5)},
		{"half a character", "k: é東b", 1, 3, at("a.yaml", 1, 4, 1, 6)},
		{"an escape that is several bytes", `k: "\u4e1cb"`, 1, 2, at("a.yaml", 1, 5, 1, 11)},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := NewSource("a.yaml", []byte(test.src)).Locate(scalarOf(t, []byte(test.src))).Span(test.from, test.to)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// A walk that does not understand the file says where the scalar starts.
func TestLocateInAnotherFile(t *testing.T) {
	n := scalarOf(t, []byte("a: b\nk: lower(emial)\n"))
	for _, other := range []string{"", "x", "a: b\nk: 'no'\n", "a: b\nk: lower"} {
		got := NewSource("a.yaml", []byte(other)).Locate(n).Span(6, 11)
		if got.End != (Pos{}) || got.Start.Line < 1 || got.Start.Column < 1 {
			t.Errorf("in %q: %v", other, got)
		}
	}
}

// written is YAML text being made, and where in it each byte of a scalar's value
// is.
type written struct {
	src  strings.Builder
	want []int
}

func (w *written) as(value string, source string) {
	for range len(value) {
		w.want = append(w.want, w.src.Len())
	}
	w.src.WriteString(source)
}

func (w *written) same(value string) {
	for i := range len(value) {
		w.want = append(w.want, w.src.Len()+i)
	}
	w.src.WriteString(value)
}

const cr = "\x00" // stands for the line break while a file is made

var words = rapid.StringOfN(rapid.SampledFrom([]rune("abcxyz_.+)é東🎉019")), 1, 6, -1)

// foldedText is text of lines that begin and end with a character that is no
// space, as folding of quoted and plain scalars can carry it.
func (w *written) foldedText(t *rapid.T, indent string, char func(string)) {
	for i, n := 0, rapid.IntRange(1, 8).Draw(t, "words"); i < n; i++ {
		if i > 0 {
			switch rapid.IntRange(0, 3).Draw(t, "between") {
			case 0:
				w.same(strings.Repeat(" ", rapid.IntRange(1, 3).Draw(t, "spaces")))
			case 1:
				w.src.WriteString(strings.Repeat(" ", rapid.IntRange(0, 2).Draw(t, "trailing")))
				w.as(" ", cr+indent)
			default:
				w.src.WriteString(cr)
				for range rapid.IntRange(1, 3).Draw(t, "empty lines") {
					w.src.WriteString(strings.Repeat(" ", rapid.IntRange(0, 3).Draw(t, "spaces of an empty line")))
					w.as("\n", cr)
				}
				w.src.WriteString(indent)
			}
		}
		for _, r := range words.Draw(t, "word") {
			char(string(r))
		}
	}
}

func (w *written) plain(t *rapid.T, indent string) { w.same("x"); w.foldedText(t, indent, w.same) }

func (w *written) single(t *rapid.T, indent string) {
	w.src.WriteString("'")
	w.foldedText(t, indent, func(c string) {
		if rapid.IntRange(0, 4).Draw(t, "quote") == 0 {
			w.as("'", "''")
		}
		w.same(c)
	})
	w.src.WriteString("'")
}

func (w *written) double(t *rapid.T, indent string) {
	w.src.WriteString(`"`)
	w.foldedText(t, indent, func(c string) {
		switch rapid.IntRange(0, 9).Draw(t, "escape") {
		case 0:
			w.as("\n", `\n`)
		case 1:
			w.as(`"`, `\"`)
		case 2:
			w.as("é", `\u00e9`)
		case 3:
			w.as("A", `\x41`)
		case 4:
			w.as("🎉", `\U0001F389`)
		case 5:
			w.src.WriteString(`\` + cr + indent)
		case 6:
			w.as(`\`, `\\`)
		}
		w.same(c)
	})
	w.src.WriteString(`"`)
}

// block writes a literal or folded block; head is for the indicators.
func (w *written) block(t *rapid.T, parent int, folded bool) {
	indicator := "|"
	if folded {
		indicator = ">"
	}
	step := rapid.IntRange(1, 4).Draw(t, "indentation")
	indent := strings.Repeat(" ", parent+step)
	starts := rapid.SampledFrom([]string{"", "", " ", "  "}) // of a line
	first := starts.Draw(t, "start")
	ends := rapid.IntRange(0, 3).Draw(t, "line breaks at the end")
	w.src.WriteString(indicator)
	if first != "" {
		fmt.Fprint(&w.src, step)
	}
	if ends == 0 {
		w.src.WriteString("-")
	} else if ends > 1 {
		w.src.WriteString("+")
	}
	w.src.WriteString(cr)
	for range rapid.IntRange(0, 2).Draw(t, "empty lines before") {
		w.as("\n", cr)
	}
	w.src.WriteString(indent)
	w.same(first)
	w.same(words.Draw(t, "word"))
	blank := first != ""
	for range rapid.IntRange(0, 6).Draw(t, "lines") {
		start := starts.Draw(t, "start")
		extra := rapid.IntRange(0, 2).Draw(t, "empty lines")
		fold := folded && !blank && start == ""
		switch {
		case fold && extra == 0:
			w.as(" ", cr)
		case fold:
			w.src.WriteString(cr)
		default:
			w.as("\n", cr)
		}
		for range extra {
			w.src.WriteString(strings.Repeat(" ", rapid.IntRange(0, parent+step).Draw(t, "spaces of an empty line")))
			w.as("\n", cr)
		}
		w.src.WriteString(indent)
		w.same(start)
		w.same(words.Draw(t, "word") + " #  : \"'\t" + words.Draw(t, "word"))
		blank = start != ""
	}
	for range ends {
		w.as("\n", cr)
	}
	if ends == 0 {
		w.src.WriteString(cr)
	}
}

// Every byte of every scalar is found where it was written.
func TestLocateFindsEveryByte(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var w written
		parent := rapid.SampledFrom([]int{0, 0, 2, 3}).Draw(t, "depth")
		if rapid.Bool().Draw(t, "byte order mark") {
			w.src.WriteString("\ufeff")
		}
		bom := w.src.Len()
		if parent > 0 {
			w.src.WriteString("é: 東" + cr + "a:" + cr + strings.Repeat(" ", parent))
		}
		if style := rapid.IntRange(0, 4).Draw(t, "style"); style < 3 {
			flow := rapid.Bool().Draw(t, "flow")
			if flow {
				w.src.WriteString(`東: {ä: "ö", `)
			}
			w.src.WriteString("k: ")
			write := []func(*rapid.T, string){w.plain, w.single, w.double}[style]
			write(t, strings.Repeat(" ", parent+rapid.IntRange(1, 4).Draw(t, "indentation")))
			if flow {
				w.src.WriteString(", z: 1}")
			}
			w.src.WriteString(cr)
		} else {
			w.src.WriteString("k: ")
			w.block(t, parent, style == 4)
		}
		if rapid.Bool().Draw(t, "more") {
			w.src.WriteString(strings.Repeat(" ", parent) + "z: 1" + cr)
		}
		text, lineBreak := w.src.String(), "\n"
		if rapid.Bool().Draw(t, "CR LF") {
			lineBreak = "\r\n"
		}
		src := []byte(strings.ReplaceAll(text, cr, lineBreak))
		n := scalarOf(t, src)
		if len(n.Value) != len(w.want) {
			t.Fatalf("this test wrote %d bytes, YAML reads %d: %q\n%q", len(w.want), len(n.Value), n.Value, src)
		}
		l := NewSource("a.yaml", src).Locate(n)
		for i := range w.want {
			if !utf8.RuneStart(n.Value[i]) {
				continue
			}
			want := placeIn(text[bom:], w.want[i]-bom)
			if got := l.Span(i, i+1).Start; got != want {
				t.Fatalf("byte %d of %q: got %v, want %v in\n%q", i, n.Value, got, want, src)
			}
		}
	})
}

// placeIn is the line and column of an offset in text.
func placeIn(text string, offset int) Pos {
	before := text[:offset]
	return Pos{
		Line:   strings.Count(before, cr) + 1,
		Column: utf8.RuneCountInString(before[strings.LastIndex(before, cr)+1:]) + 1,
	}
}

func FuzzLocate(f *testing.F) {
	for _, seed := range []string{
		"k: a\n", "k: 'a''b\n\n c'\n", `k: "a\u00e9\n\x41\` + "\n  b\"", "k: |2-\n   a\n\n  b\n", "k: >+\n a\n b\n\n  c\n\n", "\ufeffk: {a: [b, 'c']}\r\n",
		"k: |\n  \n \n", "k: >\n\n   ", "k: !x y", "k: |1", "'k", "k: \"\\", "? - a\n: |\n b", "k: >-\n\ta", "k: |\n a\r\n\r\n",
	} {
		f.Add([]byte(seed), 0, 3)
	}
	f.Fuzz(func(t *testing.T, src []byte, from, to int) {
		doc, _ := ParseYAML("a", src)
		if doc == nil {
			return
		}
		s := NewSource("a", src)
		var visit func(n *yaml.Node)
		visit = func(n *yaml.Node) {
			check := func(span Span) {
				inside(t, s, span.Start)
				if span.End != (Pos{}) {
					inside(t, s, span.End)
				}
			}
			l := s.Locate(n)
			check(l.Span(from, to))
			check(l.Span(0, len(n.Value)))
			check(s.NodeSpan(n))
			if cut, ok := s.CutByComment(n); ok {
				check(cut)
			}
			for _, c := range n.Content {
				visit(c)
			}
		}
		visit(doc)
	})
}

// inside fails where p is not a place of the file: the one behind the last
// character of a line is.
func inside(t *testing.T, s *Source, p Pos) {
	t.Helper()
	if p.Line < 1 || p.Line > len(s.lines) || p.Column < 1 {
		t.Fatalf("%v is not in a file of %d lines", p, len(s.lines))
	}
	end := len(s.text)
	if p.Line < len(s.lines) {
		end = s.lines[p.Line]
	}
	if length := utf8.RuneCount(s.text[s.lines[p.Line-1]:end]); p.Column > length+1 {
		t.Fatalf("%v is behind the end of its line, which has %d characters", p, length)
	}
}
