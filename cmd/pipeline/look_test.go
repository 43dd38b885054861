package main

// look_test.go: preview, plan and diff over what a run has fetched.

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pipeline/pipeline/value"
)

// says fails the test where a command ends with another code, or does not say all
// of it.
func says(t *testing.T, want int, words []string, args ...string) string {
	t.Helper()
	code, said := program(t, args...)
	if code != want {
		t.Errorf("%v: exit code %d, want %d\n%s", args, code, want, said)
	}
	for _, w := range words {
		if !strings.Contains(said, w) {
			t.Errorf("%v does not say %q:\n%s", args, w, said)
		}
	}
	return said
}

// edit puts another text into a file.
func edit(t *testing.T, name, old, new string) {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil || !strings.Contains(string(text), old) {
		t.Fatalf("%s has no %q: %v", name, old, err)
	}
	put(t, name, strings.Replace(string(text), old, new, 1))
}

func TestLookingOverATape(t *testing.T) {
	p := newPlatform(t, 25, 10)
	t.Chdir(workplace(t, p))
	t.Setenv("PIPELINE_GEVME_TOKEN", "secret")
	t.Setenv("COLUMNS", "200")
	calls := func(want int) {
		t.Helper()
		if n, _ := p.counts(); n != want {
			t.Errorf("%d calls, expected %d", n, want)
		}
	}
	says(t, 2, []string{`there is no`}, "diff", "m.yaml", "new.yaml")
	text, err := os.ReadFile("m.yaml")
	if err != nil {
		t.Fatal(err)
	}
	put(t, "new.yaml", strings.Replace(string(text), "email: email", `email: upper(email ?? "")`, 1))
	says(t, 1, []string{"there is nothing to compare over"}, "diff", "m.yaml", "new.yaml")
	calls(0)

	// without a tape, the source is asked
	says(t, 0, []string{"page 3, item 5: row", `"p24@example.com"`}, "preview", "--where", "id == 24", "m.yaml")
	if _, err := os.Stat(".pipeline"); err == nil {
		t.Error("a preview keeps something")
	}
	calls(3)
	says(t, 0, []string{"calls     not known"}, "plan", "m.yaml")
	says(t, 0, nil, "run", "m.yaml")
	calls(6)
	p.mu.Lock()
	p.revoked = true // from here on a call fails
	p.mu.Unlock()

	says(t, 0, []string{"m: reading the tape of ", ", without a call", "page 1, item 1: row", `at    = 2`}, "preview", "m.yaml")
	says(t, 0, []string{"page 3, item 5: row"}, "preview", "--page", "3", "--limit", "9", "m.yaml")
	says(t, 2, []string{"gevme/attendees has no records on page 4"}, "preview", "--page", "4", "m.yaml")
	calls(6)
	says(t, 1, []string{"401"}, "preview", "--fresh", "m.yaml")
	calls(7)
	says(t, 0, []string{"calls     3 calls, less than a minute at the limit (as the run of ", "a tape of "}, "plan", "m.yaml")
	said := says(t, 0, []string{"over the tape of ", ": 25 records", "25 rows changed", "and 23 more"}, "diff", "--limit", "2", "m.yaml", "new.yaml")
	if strings.Contains(said, "example") {
		t.Errorf("a sample is not masked:\n%s", said)
	}
	says(t, 0, []string{"over the tape of "}, "diff", "new.yaml", "m.yaml") // the tape of either is the tape of both

	calls(7)

	// a replay would set receivers back behind a newer run; a look does not
	put(t, "rows.yaml", strings.Replace(string(text), "- csv: {path: out.csv}", `- webhook: {url: "http://127.0.0.1:9/"}`, 1)+"key: [id]\n")
	for _, name := range []string{"last.tape", "unfinished.tape"} {
		put(t, ".pipeline/rows/"+name, read(t, ".pipeline/m/last.tape"))
	}
	says(t, 1, []string{"a newer run was interrupted"}, "run", "--replay", "rows.yaml")
	says(t, 0, []string{"page 1, item 1: row"}, "preview", "rows.yaml")
	says(t, 0, []string{"an unfinished tape of ", "; a tape of "}, "plan", "rows.yaml")
	calls(7)

	// a changed source has another tape
	put(t, ".pipeline/new/last.tape", read(t, ".pipeline/m/last.tape"))
	edit(t, "new.yaml", `event: "1"`, `event: "2"`)
	says(t, 2, []string{`do not read the same: event is "1" and "2"`}, "diff", "m.yaml", "new.yaml")
	says(t, 1, []string{"new: the tape of ", " is of another source (gevme/attendees); reading from the source"}, "preview", "new.yaml")
	says(t, 0, []string{"calls     not known", "a tape of no use: it is of another source: gevme/attendees"}, "plan", "new.yaml")
	edit(t, "new.yaml", `event: "2"`, `event: "1"`)

	// nor is a damaged one of any use
	tape := read(t, ".pipeline/m/last.tape")
	for _, name := range []string{"m", "new"} {
		put(t, filepath.Join(".pipeline", name, "last.tape"), tape[:len(tape)-10])
	}
	says(t, 1, []string{"m: the last tape cannot be used: cut off after 3 exchanges; reading from the source"}, "preview", "m.yaml")
	says(t, 1, []string{"no tape of a complete run in .pipeline/new (the last tape cannot be used: cut off after 3 exchanges)"}, "diff", "m.yaml", "new.yaml")
	says(t, 0, []string{"a tape of no use: cut off after 3 exchanges"}, "plan", "m.yaml")
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// What a platform sends never commands a terminal, and takes the columns that it
// is given.
func TestCells(t *testing.T) {
	for in, want := range map[string]string{
		"plain":                  "plain",
		"a\r\nb\nc\td\x1b[31m":   "a↵b↵c⇥d␛[31m",
		"\u202eevil\u2066\ufeff": "�evil��",
		"\x00\x7f\u0085\xff":     "␀␡��",
		"👨‍👩‍👧 Zoë e\u0301":      "👨‍👩‍👧 Zoë e\u0301",
	} {
		if got := visible(in); got != want {
			t.Errorf("visible(%q) = %q, want %q", in, got, want)
		}
	}
	for _, text := range []string{"", "abc", "陳美玲陳美玲陳美玲", "Zoe\u0308 Zoe\u0308 Zoe\u0308 Zoe\u0308", "👨‍👩‍👧👨‍👩‍👧👨‍👩‍👧👨‍👩‍👧", "a\U0001F600b\U0001F600c\U0001F600"} {
		for width := 1; width < 16; width++ {
			if got := fit(text, width); wide(got) != width {
				t.Errorf("fit(%q, %d) = %q has %d columns", text, width, got, wide(got))
			}
		}
	}
}

// Masked samples have the shape of what they stand for, and nothing of what it
// says.
func TestMasked(t *testing.T) {
	for in, want := range map[string]string{
		`Zoë O'Brien <zoe+1@x-y.com>`: `Xxx X'Xxxxx <xxx+0@x-x.xxx>`,
		`陳美玲 🙂 e` + "\u0301":          `xxx · x`,
		`2026-03-01`:                  `0000-00-00`,
		`٣`:                           `0`,
	} {
		c := comparison{Masked: true}
		if got := c.cell(value.Text(in)); got != `"`+want+`"` {
			t.Errorf("%q is masked as %s, want %s", in, got, want)
		}
	}
}

func TestCropBothShowsTheDifference(t *testing.T) {
	before, after := cropBoth(strings.Repeat("x", 100)+"Gold", strings.Repeat("x", 100)+"Silver", 30)
	if before != "…xxxxxxxxxxxxGold" || after != "…xxxxxxxxxxxxSilver" {
		t.Errorf("the difference is not seen in %q and %q", before, after)
	}
}
