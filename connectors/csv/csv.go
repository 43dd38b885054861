// Package csv writes rows as CSV, RFC 4180, for people with a spreadsheet and
// for programs.
package csv

import (
	"context"
	"strings"
	"unicode/utf8"

	"pipeline/pipeline"
)

// Options are the options of the sink, with their defaults.
type Options struct {
	Path        string `option:"path,output,required" doc:"file to write; - is stdout"`
	Delimiter   string `option:"delimiter" doc:"the one character between cells"`
	Header      bool   `option:"header" doc:"begin with a row of the column names"`
	Quote       string `option:"quote" values:"minimal,all" doc:"quote the cells that need it, or all of them"`
	Newline     string `option:"newline" values:"lf,crlf" doc:"end of a row"`
	Null        string `option:"null" doc:"text of a null; nothing by default"`
	BOM         bool   `option:"bom" doc:"begin with a byte order mark, by which Excel knows UTF-8"`
	Formulas    string `option:"formulas" values:"keep,escape" doc:"put ' before a text that a spreadsheet would run as a formula (it begins with = + - @ tab or a line break, and is no plain number), or keep it as it is"`
	Compression string `option:"compression" values:"none,gzip" doc:"compression of the file"`
}

var defaults = Options{
	Delimiter:   ",",
	Header:      true,
	Quote:       "minimal",
	Newline:     "lf",
	Formulas:    "escape",
	Compression: pipeline.CompressionNone,
}

// Connector is the sink "csv".
func Connector() pipeline.SinkConnector {
	return pipeline.SinkConnector{
		Name:    "csv",
		Summary: "A CSV file, or stdout",
		Options: pipeline.OptionsOf(defaults),
		Check:   check,
		Target:  func(o pipeline.Options) string { return o.String("path") },
		Open:    open,
	}
}

func check(options pipeline.Options) (errs []pipeline.OptionError) {
	o := decoded(options)
	if r, n := utf8.DecodeRuneInString(o.Delimiter); n != len(o.Delimiter) || n == 0 || r == utf8.RuneError || r == '"' || r < ' ' && r != '\t' {
		errs = append(errs, pipeline.OptionError{
			Option:  "delimiter",
			Message: "the delimiter is one character, and no quote, line break or other control character",
			Hint:    `such as "," or ";" or "\t"`,
		})
	}
	if strings.ContainsAny(o.Null, "\r\n") {
		errs = append(errs, pipeline.OptionError{Option: "null", Message: "the text of a null cannot hold a line break"})
	}
	if strings.HasSuffix(o.Path, ".gz") && o.Compression == pipeline.CompressionNone {
		errs = append(errs, pipeline.OptionError{Option: "path", Message: "the name says gzip, and the file is not compressed", Hint: "add `compression: gzip`, or take the .gz off the name"})
	}
	return errs
}

func decoded(options pipeline.Options) Options {
	o := defaults
	options.Decode(&o)
	return o
}

func open(_ context.Context, c pipeline.SinkConfig) (pipeline.Writer, error) {
	o := decoded(c.Options)
	out, err := pipeline.OpenOutput(c.World, o.Path, o.Compression)
	if err != nil {
		return nil, err
	}
	return newWriter(out, o, c.Columns), nil
}
