package main

import (
	"bytes"
	"context"
	"encoding/xml"
	"os"
	"strings"
	"testing"
)

// TestJUnit holds the report against the structure that CI systems read: suites of
// cases, each with a failure, an error or neither, and counts that are right.
func TestJUnit(t *testing.T) {
	t.Chdir(t.TempDir())
	files := map[string]string{
		"acme.yaml":         "version: 1\nsource: {file: {path: x.jsonl}}\nfields: {name: {value: name, type: string}}\nsinks: [csv: {path: o.csv}]\n",
		"wrong.yaml":        "version: 2\n",
		"acme/broken.txtar": "no case\n",
		"acme/ok.txtar":     "-- input.jsonl --\n{\"name\": \"a\"}\n-- o.csv --\nname\na\n",
		"acme/wrong.txtar":  "-- input.jsonl --\n{\"name\": \"<&]]>\\u0000\"}\n-- o.csv --\nname\nb\n",
	}
	if err := os.Mkdir("acme", 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	if code := run(context.Background(), []string{"test", "--junit", "r.xml", "."}, nil, &out, &out); code != exitWrong {
		t.Fatalf("exit code %d\n%s", code, &out)
	}
	text, err := os.ReadFile("r.xml")
	if err != nil {
		t.Fatal(err)
	}
	type fault struct {
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
	var report struct {
		XMLName  xml.Name `xml:"testsuites"`
		Tests    int      `xml:"tests,attr"`
		Failures int      `xml:"failures,attr"`
		Errors   int      `xml:"errors,attr"`
		Time     float64  `xml:"time,attr"`
		Suites   []struct {
			Name  string `xml:"name,attr"`
			Cases []struct {
				Class   string  `xml:"classname,attr"`
				Name    string  `xml:"name,attr"`
				Time    float64 `xml:"time,attr"`
				Failure *fault  `xml:"failure"`
				Error   *fault  `xml:"error"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	if err := xml.Unmarshal(text, &report); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if report.Tests != 4 || report.Failures != 1 || report.Errors != 2 || len(report.Suites) != 2 || len(report.Suites[0].Cases) != 3 || report.Suites[0].Name != "acme.yaml" {
		t.Fatalf("%+v", report)
	}
	broken, fine, wrong := report.Suites[0].Cases[0], report.Suites[0].Cases[1], report.Suites[0].Cases[2]
	if broken.Error == nil || broken.Failure != nil || !strings.HasPrefix(broken.Error.Message, "this is no golden case") {
		t.Errorf("%+v", broken)
	}
	if fine.Error != nil || fine.Failure != nil || fine.Class != "acme" || fine.Name != "ok" {
		t.Errorf("%+v", fine)
	}
	if mapping := report.Suites[1].Cases[0]; mapping.Error == nil || !strings.Contains(mapping.Error.Text, "wrong.yaml:1:10: error:") {
		t.Errorf("%+v", mapping)
	}
	if wrong.Failure == nil || wrong.Failure.Message != "o.csv not as wanted" || !strings.Contains(wrong.Failure.Text, `<&]]>\u0000`) {
		t.Errorf("%+v", wrong.Failure)
	}
}
