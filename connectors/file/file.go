// Package file reads records from a file or stdin: JSON Lines, a JSON list or
// CSV, each of them gzipped or not.
package file

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"pipeline/pipeline"
)

// Options are the options of the source, with their defaults.
type Options struct {
	Path      string `option:"path,input,required" doc:"file to read; - is stdin. What ends in .gz is gzip"`
	Format    string `option:"format" values:"jsonl,json,csv" doc:"what the file holds: one JSON object per line, a JSON list of objects, or CSV with a row of names; by default what its name says"`
	Delimiter string `option:"delimiter" doc:"the one character between the cells of CSV"`
}

var defaults = Options{Delimiter: ","}

// What a page and a record may hold, in bytes.
const (
	pageBytes = 256 << 10
	maxRecord = 16 << 20
)

// Connector is the source "file".
func Connector() pipeline.SourceConnector {
	return pipeline.SourceConnector{
		Name:    "file",
		Summary: "A file of JSON Lines, JSON or CSV, or stdin",
		Options: pipeline.OptionsOf(defaults),
		Streams: []pipeline.Stream{{}},
		Check:   check,
		Open:    open,
	}
}

func check(options pipeline.Options) (errs []pipeline.OptionError) {
	o := decoded(options)
	if o.Format == "" {
		e := pipeline.OptionError{
			Option:  "path",
			Message: fmt.Sprintf("the name %q does not say what the file holds", filepath.Base(o.Path)),
			Hint:    "add `format:` with jsonl, json or csv",
		}
		if o.Path == "-" {
			e.Message = "stdin does not say what it holds"
		}
		errs = append(errs, e)
	}
	if r, n := utf8.DecodeRuneInString(o.Delimiter); n != len(o.Delimiter) || n == 0 || r == utf8.RuneError || r == '"' || r < ' ' && r != '\t' {
		errs = append(errs, pipeline.OptionError{
			Option:  "delimiter",
			Message: "the delimiter is one character, and no quote, line break or other control character",
			Hint:    `such as "," or ";" or "\t"`,
		})
	}
	return errs
}

// decoded is the options, with the format that the name says where none is
// given.
func decoded(options pipeline.Options) Options {
	o := defaults
	options.Decode(&o)
	if o.Format != "" || o.Path == "-" {
		return o
	}
	switch strings.ToLower(filepath.Ext(strings.TrimSuffix(strings.ToLower(o.Path), ".gz"))) {
	case ".jsonl", ".ndjson":
		o.Format = "jsonl"
	case ".json":
		o.Format = "json"
	case ".csv":
		o.Format = "csv"
	}
	return o
}

func open(_ context.Context, c pipeline.SourceConfig) (pipeline.Source, error) {
	return &source{options: decoded(c.Options), world: c.World}, nil
}

type source struct {
	options Options
	world   *pipeline.World
}

// Read yields pages of about 256 KiB. Pages have no number; a Position is the
// byte and line at which the next page begins.
func (s *source) Read(ctx context.Context, from pipeline.Position, yield func(*pipeline.Page) error) error {
	in, err := s.input(ctx)
	if err != nil {
		return err
	}
	defer in.close()
	at, err := parsePosition(from)
	if err == nil {
		err = s.read(ctx, in, at, yield)
	}
	return in.named(err)
}

func (s *source) read(ctx context.Context, in *input, at position, yield func(*pipeline.Page) error) error {
	switch s.options.Format {
	case "csv":
		return readRows(ctx, in, at, s.options.Delimiter, yield)
	case "json":
		return readArray(ctx, in, at, yield)
	default:
		return readLines(ctx, in, at, yield)
	}
}
