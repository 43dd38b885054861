package main

// test_report.go: results of golden cases for machines: JUnit XML, and annotations
// of GitHub Actions.

import (
	"encoding/xml"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"pipeline/pipeline"
	"pipeline/pipeline/diag"
	"pipeline/pipeline/golden"
)

// The elements of JUnit XML, as CI systems read it.
type junitSuites struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Errors   int          `xml:"errors,attr"`
	Time     string       `xml:"time,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Errors   int         `xml:"errors,attr"`
	Time     string      `xml:"time,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Class   string      `xml:"classname,attr"` // the mapping
	Name    string      `xml:"name,attr"`
	File    string      `xml:"file,attr"`
	Time    string      `xml:"time,attr"`
	Failure *junitFault `xml:"failure"` // it is not as wanted
	Error   *junitFault `xml:"error"`   // it could not be run
}

type junitFault struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// writeJUnit writes the results, whole or not at all.
func (t *tester) writeJUnit(path string) error {
	all := junitOf(t.results)
	for _, w := range t.wrong {
		all.wrong(w)
	}
	text, err := xml.MarshalIndent(all, "", "  ")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return pipeline.WriteFile(path, []byte(xml.Header+string(text)+"\n"), 0)
}

func junitOf(suites []*suiteToRun) junitSuites {
	var all junitSuites
	total := 0.0
	for _, s := range suites {
		suite := junitSuite{Name: s.Mapping, Time: seconds(s.took.Seconds())}
		total += s.took.Seconds()
		for _, r := range s.results {
			mapping, name, _ := strings.Cut(r.Name, "/")
			c := junitCase{Class: mapping, Name: name, File: r.File, Time: seconds(r.Took.Seconds())}
			suite.Tests++
			var text strings.Builder
			r.Show(&text, golden.Style{})
			switch {
			case r.Err != nil:
				c.Error = &junitFault{r.Err.Error(), text.String()}
				suite.Errors++
			case !r.OK():
				c.Failure = &junitFault{differs(r), text.String()}
				suite.Failures++
			}
			suite.Cases = append(suite.Cases, c)
		}
		all.Tests, all.Failures, all.Errors = all.Tests+suite.Tests, all.Failures+suite.Failures, all.Errors+suite.Errors
		all.Suites = append(all.Suites, suite)
	}
	all.Time = seconds(total)
	return all
}

// wrong adds a mapping whose cases cannot be run, as one that cannot either.
func (all *junitSuites) wrong(w wrongMapping) {
	fault := &junitFault{Message: "the mapping is wrong"}
	for _, d := range w.diags {
		fault.Text += fmt.Sprintf("%s:%d:%d: %s: %s\n", d.Span.File, d.Span.Start.Line, d.Span.Start.Column, d.Severity, d.Message)
	}
	name := filepath.Base(golden.Folder(w.file))
	all.Suites = append(all.Suites, junitSuite{
		Name: w.file, Tests: 1, Errors: 1, Time: seconds(0),
		Cases: []junitCase{{Class: name, Name: "check", File: w.file, Time: seconds(0), Error: fault}},
	})
	all.Tests++
	all.Errors++
}

func seconds(s float64) string { return strconv.FormatFloat(s, 'f', 3, 64) }

// differs names what differs, and no values: they stand in the details.
func differs(r *golden.Result) string {
	var names []string
	for _, d := range r.Differences {
		names = append(names, d.File)
	}
	return strings.Join(names, ", ") + " not as wanted"
}

// annotate puts diagnostics where GitHub shows them: at the lines of the files.
func (t *tester) annotate(list diag.List) {
	if !t.github {
		return
	}
	for _, d := range list {
		t.annotation(d.Severity.String(), d.Span, d.Code, d.Message)
	}
}

// annotateResult is one annotation for each line of the mapping that made what is
// not wanted, and one for the case where no line did.
func (t *tester) annotateResult(r *golden.Result) {
	blamed := r.Blamed()
	for _, m := range blamed {
		t.annotation("error", m.Span, r.Name, "what comes out is not what the case "+r.Name+" wants: "+m.Text)
	}
	if len(blamed) > 0 {
		return
	}
	message := differs(r)
	if r.Err != nil {
		message = r.Err.Error()
	}
	t.annotation("error", diag.Span{File: r.File, Start: diag.Pos{Line: 1, Column: 1}}, r.Name, message)
}

var (
	annotationData     = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	annotationProperty = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

func (t *tester) annotation(severity string, at diag.Span, title, message string) {
	fmt.Fprintf(t.stdout, "::%s file=%s,line=%d,col=%d,title=%s::%s\n", severity,
		annotationProperty.Replace(at.File), max(at.Start.Line, 1), max(at.Start.Column, 1), annotationProperty.Replace(title), annotationData.Replace(message))
}
