// Package golden runs golden cases: records or recorded answers, and what a mapping
// has to make of them, byte for byte.
//
// The cases of mappings/acme.yaml are mappings/acme/*.txtar. The text before the
// first file says what the case is about. These files are what goes in:
//
//	input.jsonl           records, one a line
//	input.csv, .json      the file that a source of files reads
//	GET /events/1/orders  an answer to a request of the source, see Answer
//
// All others are what the run has to leave behind: outputs by the path that the
// mapping gives them, the reject file, webhook.jsonl with the body of each request
// that a webhook would have been sent, and for a Parquet file NAME.parquet.jsonl
// with its rows. A case without a reject file wants no rejects.
//
// A case runs without a network, a state folder or an environment, and at a time
// that does not move.
package golden

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"pipeline/pipeline"
)

// Now is the time of a case that does not say another one.
var Now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// Case is one golden case.
type Case struct {
	Comment string // what it is about; a line "now: 2026-03-01T12:00:00Z" in it sets the clock
	Files   []File // what goes in, and what has to come out
}

// File is one file of a case.
type File struct {
	Name string
	Data []byte
}

// Folder is where the cases of a mapping lie: beside it, under its own name.
func Folder(mapping string) string { return strings.TrimSuffix(mapping, filepath.Ext(mapping)) }

// CasePath is the file of a mapping's case of that name.
func CasePath(mapping, name string) string { return filepath.Join(Folder(mapping), name+extension) }

const extension = ".txtar"

// ReadCase reads the case in a file.
func ReadCase(path string) (*Case, error) {
	src, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the case: %w", err)
	}
	archive := txtar.Parse(src)
	c := &Case{Comment: string(archive.Comment)}
	for _, f := range archive.Files {
		if slices.ContainsFunc(c.Files, func(have File) bool { return have.Name == f.Name && !isRequest(f.Name) }) {
			return nil, fmt.Errorf("the case has the file %q twice", f.Name)
		}
		c.Files = append(c.Files, File{f.Name, f.Data})
	}
	if len(c.Files) == 0 {
		return nil, errors.New(`this is no golden case: it has no files, each of which begins with a line such as "-- input.jsonl --"`)
	}
	return c, nil
}

// Format is the text of the case. A file that holds a line by which a case would
// tell its files apart cannot be written.
func (c *Case) Format() ([]byte, error) {
	archive := &txtar.Archive{Comment: []byte(c.Comment)}
	for _, f := range c.Files {
		if txtar.NeedsQuote(f.Data) {
			return nil, fmt.Errorf(`%s has a line of the form "-- name --", by which a case tells its files apart; take that out of the input`, f.Name)
		}
		archive.Files = append(archive.Files, txtar.File{Name: f.Name, Data: f.Data})
	}
	return txtar.Format(archive), nil
}

// Write puts the case into a file, whole or not at all.
func (c *Case) Write(path string) error {
	text, err := c.Format()
	if err != nil {
		return err
	}
	return pipeline.WriteFile(path, text, 0)
}

// given is what goes into the run of a case.
type given struct {
	now     time.Time
	input   *File // nil: there are answers
	answers []*Answer
}

func isInput(name string) bool { return isRequest(name) || strings.HasPrefix(name, "input.") }

// given is what goes in.
func (c *Case) given() (given, error) {
	g := given{now: Now}
	for line := range strings.Lines(c.Comment) {
		text, ok := strings.CutPrefix(line, "now:")
		if !ok {
			continue
		}
		now, err := time.Parse(time.RFC3339, strings.TrimSpace(text))
		if err != nil {
			return g, fmt.Errorf("now: %s is no time; write it as now: 2026-03-01T12:00:00Z", strings.TrimSpace(text))
		}
		g.now = now
	}
	for _, f := range c.Files {
		switch {
		case isRequest(f.Name):
			a, err := parseAnswer(f)
			if err != nil {
				return g, err
			}
			g.answers = append(g.answers, a)
		case !isInput(f.Name):
		case g.input != nil:
			return g, fmt.Errorf("the case has two inputs, %s and %s", g.input.Name, f.Name)
		default:
			g.input = &f
		}
	}
	switch {
	case g.input != nil && g.answers != nil:
		return g, fmt.Errorf("the case has records in %s and recorded answers too; a run reads one of them", g.input.Name)
	case g.input == nil && g.answers == nil:
		return g, errors.New(`nothing goes in: a case has its records in "-- input.jsonl --", or recorded answers such as "-- GET /events/1/attendees --"`)
	}
	return g, nil
}

// wanted is what has to come out.
func (c *Case) wanted() []File {
	return slices.DeleteFunc(slices.Clone(c.Files), func(f File) bool { return isInput(f.Name) })
}

// with is the case with other files that come out.
func (c *Case) with(got []File) *Case {
	inputs := slices.DeleteFunc(slices.Clone(c.Files), func(f File) bool { return !isInput(f.Name) })
	return &Case{Comment: c.Comment, Files: append(inputs, got...)}
}

// find is the data of the file of that name; ok is false where there is none.
func find(files []File, name string) (data []byte, ok bool) {
	i := slices.IndexFunc(files, func(f File) bool { return f.Name == name })
	if i < 0 {
		return nil, false
	}
	return files[i].Data, true
}

// linesOf are the lines of a text, without their ends.
func linesOf(data []byte) [][]byte {
	if len(data) == 0 {
		return nil
	}
	return bytes.Split(bytes.TrimSuffix(data, []byte("\n")), []byte("\n"))
}
