package diag

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func at(file string, line, column int, end ...int) Span {
	s := Span{File: file, Start: Pos{line, column}}
	if len(end) == 2 {
		s.End = Pos{end[0], end[1]}
	}
	return s
}

func TestText(t *testing.T) {
	long := strings.Repeat("abcdefghi ", 30)
	for _, test := range []struct {
		name string
		src  string
		d    Diagnostic
		want string
	}{
		{
			name: "the form of the manual",
			src:  strings.Repeat("\n", 16) + "  email: lower(trim(emial))\n",
			d: Diagnostic{
				Span: at("a.yaml", 17, 21, 17, 26), Message: `unknown name "emial"`, Hint: `did you mean "email"?`,
				Notes: []Note{{at("b.json", 22, 0), "the fields of a GEVME attendee are declared here"}, {at("b.json", 1, 2), "two\nlines"}, {Message: "no place"}},
			},
			want: `
a.yaml:17:21: error: unknown name "emial"
  17 │   email: lower(trim(emial))
     │                     ~~~~~  did you mean "email"?
  b.json:22: note: the fields of a GEVME attendee are declared here
  b.json:1:2: note: two
    lines
  note: no place
`,
		},
		{
			name: "no hint, a warning, a span of one word",
			src:  "a: first_name + 1",
			d:    Diagnostic{Severity: Warning, Span: at("a.yaml", 1, 4), Message: "odd"},
			want: `
a.yaml:1:4: warning: odd
  1 │ a: first_name + 1
    │    ~~~~~~~~~~
`,
		},
		{
			name: "no word at the place",
			src:  "a: (x)",
			d:    Diagnostic{Span: at("a.yaml", 1, 4), Message: "m"},
			want: `
a.yaml:1:4: error: m
  1 │ a: (x)
    │    ~
`,
		},
		{
			name: "no line",
			src:  "a: 1",
			d:    Diagnostic{Span: at("a.yaml", 0, 0), Message: "m\nmore", Hint: "h\ni"},
			want: `
a.yaml: error: m
  more
  h
  i
`,
		},
		{
			name: "no file",
			d:    Diagnostic{Message: "m", Hint: "h"},
			want: `
error: m
  h
`,
		},
		{
			name: "a line and no column",
			src:  "  a: 1  ",
			d:    Diagnostic{Span: at("a.yaml", 1, 0), Message: "m"},
			want: `
a.yaml:1: error: m
  1 │   a: 1
    │   ~~~~
`,
		},
		{
			name: "a line that the file does not have",
			src:  "a: 1\n",
			d:    Diagnostic{Span: at("a.yaml", 3, 1), Message: "m"},
			want: `
a.yaml:3:1: error: m
`,
		},
		{
			name: "a place behind the end of the line, and one behind the end of the file",
			src:  "a: 1\n",
			d:    Diagnostic{Span: at("a.yaml", 2, 9), Message: "m", Hint: "h"},
			want: `
a.yaml:2:9: error: m
  2 │
    │ ~  h
`,
		},
		{
			name: "several lines are underlined to the end of the first",
			src:  "a: |\n  x +   \n  y",
			d:    Diagnostic{Span: at("a.yaml", 2, 3, 3, 4), Message: "m", Hint: "first\n\nsecond"},
			want: `
a.yaml:2:3: error: m
  2 │   x +
    │   ~~~  first
    │
    │        second
`,
		},
		{
			name: "an end before the start, an end behind the line",
			src:  "abc def",
			d:    Diagnostic{Span: at("a.yaml", 1, 5, 1, 2), Message: "m"},
			want: `
a.yaml:1:5: error: m
  1 │ abc def
    │     ~
`,
		},
		{
			name: "end behind the line",
			src:  "abc def",
			d:    Diagnostic{Span: at("a.yaml", 1, 5, 1, 200), Message: "m"},
			want: `
a.yaml:1:5: error: m
  1 │ abc def
    │     ~~~
`,
		},
		{
			name: "wide characters, tabs and combining marks before the span",
			src:  "\ta: \"東京\" + e\u0301 + 🎉 + emial\r\nb: 1\r\n",
			d:    Diagnostic{Span: at("a.yaml", 1, 21, 1, 26), Message: "m", Hint: "h"},
			want: `
a.yaml:1:21: error: m
  1 │     a: "東京" + e` + "\u0301" + ` + 🎉 + emial
    │                          ~~~~~  h
`,
		},
		{
			name: "wide characters in the span",
			src:  "a: 東京",
			d:    Diagnostic{Span: at("a.yaml", 1, 4, 1, 6), Message: "m"},
			want: `
a.yaml:1:4: error: m
  1 │ a: 東京
    │    ~~~~
`,
		},
		{
			name: "nothing is sent that a terminal obeys",
			src:  "a\x1b[31m\x00\x7f\u009b\u202e\xff: x",
			d:    Diagnostic{Span: at("a\x1b.yaml", 1, 1), Message: "m\x1b", Hint: "h\a", Notes: []Note{{at("\r", 1, 1), "\b"}}},
			want: `
a␛.yaml:1:1: error: m␛
  h␇
  ␍:1:1: note: ␈
`,
		},
		{
			name: "nor from the source",
			src:  "a\x1b[31m\x00\x7f\u009b\u202e\xff: x",
			d:    Diagnostic{Span: at("a.yaml", 1, 13, 1, 14), Message: "m"},
			want: `
a.yaml:1:13: error: m
  1 │ a␛[31m␀␡���: x
    │             ~
`,
		},
		{
			name: "a byte order mark is not in the line",
			src:  "\ufeffabc",
			d:    Diagnostic{Span: at("a.yaml", 1, 1), Message: "m"},
			want: `
a.yaml:1:1: error: m
  1 │ abc
    │ ~~~
`,
		},
		{
			name: "a long line is cropped around the span",
			src:  long,
			d:    Diagnostic{Span: at("a.yaml", 1, 151, 1, 160), Message: "m", Hint: "h"},
			want: `
a.yaml:1:151: error: m
  1 │ …abcdefghi abcdefghi abcdefghi abcdefghi abcdefghi abcdefghi abcdefghi abcdefghi abcdefghi abcdefgh…
    │                                          ~~~~~~~~~  h
`,
		},
		{
			name: "at its beginning",
			src:  long,
			d:    Diagnostic{Span: at("a.yaml", 1, 1, 1, 290), Message: "m"},
			want: `
a.yaml:1:1: error: m
  1 │ ` + long[:99] + `…
    │ ` + strings.Repeat("~", 99) + `
`,
		},
		{
			name: "at its end",
			src:  long[:299],
			d:    Diagnostic{Span: at("a.yaml", 1, 291, 1, 300), Message: "m"},
			want: `
a.yaml:1:291: error: m
  1 │ …` + long[250:299] + `
    │ ` + strings.Repeat(" ", 41) + `~~~~~~~~~
`,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			var out bytes.Buffer
			if err := Text(&out, List{test.d}, Files{"a.yaml": []byte(test.src)}, false); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want[1:], out.String()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestTextColor(t *testing.T) {
	l := List{}.
		Error("c", at("a.yaml", 1, 4), "m", "h", Note{at("b.yaml", 1, 1), "n"}).
		Warn("c", at("a.yaml", 1, 4), "m", "")
	var out bytes.Buffer
	if err := Text(&out, l, Files{"a.yaml": []byte("a: b")}, true); err != nil {
		t.Fatal(err)
	}
	want := `<1>a.yaml:1:4:<0> <1;31>error:<0> m
  1 │ a: b
    │    <1;31>~<0>  h
  <1>b.yaml:1:1:<0> <1;36>note:<0> n
<1>a.yaml:1:4:<0> <1;33>warning:<0> m
  1 │ a: b
    │    <1;33>~<0>
`
	got := strings.NewReplacer("\x1b[", "<").Replace(out.String())
	got = strings.NewReplacer("<0m", "<0>", "<1m", "<1>", "<1;31m", "<1;31>", "<1;33m", "<1;33>", "<1;36m", "<1;36>").Replace(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("pipe is broken") }

func TestTextTellsThatItCouldNotWrite(t *testing.T) {
	if err := Text(brokenWriter{}, List{{Message: "m"}}, nil, false); err == nil || err.Error() != "pipe is broken" {
		t.Errorf("got %v", err)
	}
}

func FuzzText(f *testing.F) {
	f.Add("a: 東京\t\x1b", 1, 2, 1, 3, "hint\nof two")
	f.Add(strings.Repeat("é", 300), 1, 250, 1, 290, "")
	f.Fuzz(func(t *testing.T, src string, line, column, endLine, endColumn int, hint string) {
		var out bytes.Buffer
		l := List{}.Error("c", at("a", line, column, endLine, endColumn), "m", hint)
		if err := Text(&out, l, Files{"a": []byte(src)}, false); err != nil {
			t.Fatal(err)
		}
		for _, r := range out.String() {
			if r != '\n' && r < 0x20 || r == 0x7f {
				t.Fatalf("control character %q in %q", r, out.String())
			}
		}
	})
}

func TestFit(t *testing.T) {
	for _, c := range []struct {
		text    string
		columns int
		want    string
	}{
		{"email", 5, "email"},
		{"email", 4, "ema…"},
		{"email", 1, "…"},
		{"参加者", 6, "参加者"},
		{"参加者", 5, "参加…"},
		{"参加者", 4, "参…"},
		{"e\u0301t", 2, "e\u0301t"},
		{"a\x1bb", 3, "a␛b"},
		{"", 1, ""},
	} {
		got := Fit(c.text, c.columns)
		if got != c.want {
			t.Errorf("%q in %d columns is %q, expected %q", c.text, c.columns, got, c.want)
		}
		if n := Columns(got); n > c.columns {
			t.Errorf("%q takes %d columns of %d", got, n, c.columns)
		}
	}
}

func TestCrop(t *testing.T) {
	for _, tt := range []struct {
		text string
		most int
		want string
	}{{"", 0, ""}, {"", 3, ""}, {"Zoë", 3, "Zoë"}, {"Zoë!", 3, "Zoë…"}, {"Zoë", 0, "…"}} {
		if got := Crop(tt.text, tt.most); got != tt.want {
			t.Errorf("Crop(%q, %d) = %q, want %q", tt.text, tt.most, got, tt.want)
		}
	}
}
