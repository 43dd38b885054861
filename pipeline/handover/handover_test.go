package handover_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"pipeline/connectors"
	"pipeline/connectors/rest"
	"pipeline/pipeline"
	"pipeline/pipeline/golden"
	"pipeline/pipeline/handover"
)

var update = flag.Bool("update", false, "write what comes out into testdata")

// packOf is the pack of a mapping with its golden cases.
func packOf(t *testing.T, mapping string, about handover.About) *handover.Pack {
	t.Helper()
	suite, diags := golden.Load(mapping, &pipeline.Files{Read: os.ReadFile}, connectors.All(rest.New()))
	if suite == nil {
		t.Fatal(diags)
	}
	var scenarios []*golden.Scenario
	for _, file := range suite.Cases {
		if r := suite.Run(t.Context(), file); !r.OK() {
			t.Fatalf("%s: %v %v", file, r.Err, r.Differences)
		}
		s, err := suite.Scenario(file)
		if err != nil {
			t.Fatal(err)
		}
		scenarios = append(scenarios, s)
	}
	about.Mapping = strings.TrimPrefix(filepath.ToSlash(mapping), "../../")
	return handover.Make(about, suite.Plan(), scenarios, suite.Coverage())
}

// written is a pack of files in a folder, laid out.
func written(t *testing.T, files map[string]string) (page, text string, p *handover.Pack) {
	t.Helper()
	dir := t.TempDir()
	for name, data := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(data), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	p = packOf(t, filepath.Join(dir, "acme.yaml"), handover.About{})
	page, text = laidOut(t, p)
	return page, text, p
}

func laidOut(t *testing.T, p *handover.Pack) (page, text string) {
	t.Helper()
	var html, markdown bytes.Buffer
	if err := errors.Join(p.HTML(&html), p.Markdown(&markdown)); err != nil {
		t.Fatal(err)
	}
	return html.String(), markdown.String()
}

// TestReadyMapping holds the pack of a ready mapping against the one that was looked
// at in a browser.
func TestReadyMapping(t *testing.T) {
	p := packOf(t, "../../mappings/gevme-attendees.yaml", handover.About{Date: "2026-03-01"})
	page, text := laidOut(t, p)
	again, _ := laidOut(t, packOf(t, "../../mappings/gevme-attendees.yaml", handover.About{Date: "2026-03-01"}))
	if page != again {
		t.Error("the same mapping gives another page")
	}
	soundPage(t, page)
	soundTables(t, text)
	for name, got := range map[string]string{"gevme-attendees.html": page, "gevme-attendees.md": text} {
		path := filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got); diff != "" {
			t.Errorf("%s: -want +got; where that is right, -update:\n%s", name, diff)
		}
	}
}

// soundPage reads a page as what it is: elements that end, each id once, links that
// lead somewhere, headings in order, and nothing from elsewhere.
func soundPage(t *testing.T, page string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(page))
	d.Strict, d.AutoClose, d.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	var open []string
	ids, links := map[string]bool{}, []string{}
	level := 0
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		switch e := token.(type) {
		case xml.StartElement:
			name := e.Name.Local
			open = append(open, name)
			if slices.Contains([]string{"script", "img", "iframe", "object", "link", "form", "i", "b"}, name) {
				t.Errorf("the page has an element %s", name)
			}
			if len(name) == 2 && name[0] == 'h' && name[1] >= '1' && name[1] <= '6' {
				if now := int(name[1] - '0'); now > level+1 {
					t.Errorf("a heading %s follows one of level %d", name, level)
				} else {
					level = now
				}
			}
			for _, a := range e.Attr {
				switch {
				case a.Name.Local == "id" && ids[a.Value]:
					t.Errorf("the id %s is there twice", a.Value)
				case a.Name.Local == "id":
					ids[a.Value] = true
				case a.Name.Local == "href":
					links = append(links, a.Value)
				case a.Name.Local == "src", a.Name.Local == "style", strings.HasPrefix(a.Name.Local, "on"):
					t.Errorf("%s has the attribute %s", name, a.Name.Local)
				}
			}
		case xml.EndElement:
			if len(open) == 0 || open[len(open)-1] != e.Name.Local {
				t.Fatalf("%s ends within %v", e.Name.Local, open)
			}
			open = open[:len(open)-1]
		}
	}
	for _, link := range links {
		if !ids[strings.TrimPrefix(link, "#")] {
			t.Errorf("the link %s leads nowhere", link)
		}
	}
	if !strings.HasPrefix(page, "<!DOCTYPE html>\n<html lang=\"en\">") || len(open) > 0 {
		t.Errorf("the page is not whole: %v", open)
	}
}

// soundTables holds each row of a Markdown table against its head: what is in a
// cell must not make more of them.
func soundTables(t *testing.T, text string) {
	t.Helper()
	bars := func(line string) int {
		return strings.Count(line, "|") - strings.Count(line, `\|`)
	}
	head, fence, tables := 0, "", 0
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		switch marks := line[:len(line)-len(strings.TrimLeft(line, "`"))]; {
		case fence != "" && line == fence:
			fence = ""
		case fence != "":
		case len(marks) > 2:
			fence = marks
		case !strings.HasPrefix(line, "|"):
			head = 0
		case head == 0:
			head, tables = bars(line), tables+1
		case bars(line) != head:
			t.Errorf("a row of %d bars in a table of %d: %s", bars(line), head, line)
		}
	}
	if tables < 5 || fence != "" {
		t.Errorf("%d tables; open: %q", tables, fence)
	}
}

const hostile = `version: 1
name: אירוע-بيانات
description: |
  <script>canary()</script> & "quotes" | pipes *stars* ` + "`ticks`" + ` ${HOME}
  שלום 😀 </style></svg>
source:
  gevme: {event: "${EVENT}"}
let:
  pepper: '"secret-canary"'
where: email != "a<b>|c"
key: ["<img src=x onerror=alert(1)>"]
fields:
  "<img src=x onerror=alert(1)>": {value: string(id), type: string}
  "a|b` + "`" + `c": {value: 'hmac(email ?? "", pepper)', type: string, description: "עברית | ` + "`x`" + ` <i>"}
  hashed: {value: 'hmac(email ?? "", "secret-canary")', type: string}
  long: {value: 'LONG', type: string}
rejects: {max: 100}
sinks:
  - webhook: {url: "https://hooks.example.com/services/T00000000/secretcanary00000/x?token=secret-canary", headers: {Authorization: "Bearer secret-canary", X-Key: "${KEY}"}, secret: "${WH_SECRET}", batch: 100, rate: 10/s, deletes: send}
  - webhook: {url: "https://${HOST:-secret-canary.example.org}/in"}
  - csv: {path: out/a.csv}
`

// TestHostile is a mapping whose every text wants to be something else.
func TestHostile(t *testing.T) {
	mapping := strings.Replace(hostile, "LONG", strings.Repeat(`trim(first_name ?? "") + `, 100)+`"|"`, 1)
	t.Setenv("EVENT", "leaked-canary")
	t.Setenv("KEY", "leaked-canary")
	page, text, _ := written(t, map[string]string{"acme.yaml": mapping})
	soundPage(t, page)
	soundTables(t, text)
	for name, got := range map[string]string{"page": page, "Markdown": text} {
		for _, secret := range []string{"secret-canary", "secretcanary", "leaked", "T00000000", "Bearer"} {
			if i := strings.Index(got, secret); i >= 0 {
				t.Errorf("the %s has %q: %s", name, secret, got[max(0, i-80):min(len(got), i+80)])
			}
		}
		for _, wanted := range []string{"https://hooks.example.com/services/", "signed by the rules of Standard Webhooks", "Authorization, X-Key", "אירוע-بيانات", "pseudonym", "pipeline record", "2 webhooks and a CSV file", "at most 10 in any second", "more than 100 records"} {
			if !strings.Contains(got, wanted) {
				t.Errorf("the %s does not say %q", name, wanted)
			}
		}
	}
}

// TestWide is a mapping of 200 columns about which nobody said anything.
func TestWide(t *testing.T) {
	var mapping, in, head, row strings.Builder
	mapping.WriteString("version: 1\nsource: {file: {path: in.csv}}\nfields:\n")
	for i := range 200 {
		name := "column_" + strings.Repeat("x", i%40) + string(rune('a'+i%26)) + strings.Repeat("y", i/26)
		comma := map[bool]string{true: ","}[i > 0]
		mapping.WriteString("  " + name + ": {value: " + name + ", type: string}\n")
		in.WriteString(comma + `"` + name + `": "v"`)
		head.WriteString(comma + name)
		row.WriteString(comma + "v")
	}
	mapping.WriteString("sinks:\n  - csv: {path: out.csv}\n")
	page, text, p := written(t, map[string]string{
		"acme.yaml":      mapping.String(),
		"acme/one.txtar": "-- input.jsonl --\n{" + in.String() + "}\n-- out.csv --\n" + head.String() + "\n" + row.String() + "\n",
	})
	soundPage(t, page)
	soundTables(t, text)
	if n := strings.Count(page, "To be written: description:"); n != 200 {
		t.Errorf("%d columns ask for what they mean, not 200", n)
	}
	if missing := p.Missing(); len(missing) != 2 || !strings.Contains(missing[1], "(200 of 200)") {
		t.Errorf("what is missing: %q", missing)
	}
	if strings.Contains(page, "Call rate") {
		t.Error("a file has no call rate")
	}
}
