// Package csv writes rows as CSV, RFC 4180, for people with a spreadsheet and
// for programs. A file can be made anew by every run, or be added to.
package csv

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"pipeline/pipeline"
)

// Options are the options of the sink, with their defaults.
type Options struct {
	Path        string `option:"path,output,required" doc:"file to write; - is stdout"`
	Mode        string `option:"mode" values:"replace,append,merge" doc:"which rows of earlier runs stay: none (replace), all (append), or those whose key does not come again (merge: the mapping needs a key, and keys are compared as the text of their cells); new rows come last, and the columns must be the same"`
	Delimiter   string `option:"delimiter" doc:"the one character between cells"`
	Header      bool   `option:"header" doc:"begin with a row of the column names"`
	Quote       string `option:"quote" values:"minimal,all" doc:"quote the cells that need it, or all of them"`
	Newline     string `option:"newline" values:"lf,crlf" doc:"end of a row"`
	Null        string `option:"null" doc:"text of a null; nothing by default"`
	BOM         bool   `option:"bom" doc:"begin with a byte order mark, by which Excel knows UTF-8"`
	Formulas    string `option:"formulas" values:"keep,escape" doc:"put ' before a text that a spreadsheet would run as a formula (it begins with = + - @ tab or a line break, and is no plain number), or keep it as it is"`
	Compression string `option:"compression" values:"none,gzip,zstd" doc:"compression of the file"`
}

// The modes.
const (
	modeReplace = "replace"
	modeAppend  = "append"
	modeMerge   = "merge"
)

var defaults = Options{
	Mode:        modeReplace,
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
		Keyed:   func(o pipeline.Options) bool { return o.String("mode") == "merge" },
		Adds:    func(o pipeline.Options) bool { return o.String("mode") != "replace" },
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
	if o.Path == "-" && o.Mode != modeReplace {
		errs = append(errs, pipeline.OptionError{
			Option:  "mode",
			Message: fmt.Sprintf("stdout has no rows of earlier runs, so there is nothing to %s", map[string]string{modeAppend: "append to", modeMerge: "merge into"}[o.Mode]),
			Hint:    "name a file in path, or take mode away",
		})
	}
	return append(errs, pipeline.CheckCompression(o.Path, o.Compression)...)
}

func decoded(options pipeline.Options) Options {
	o := defaults
	options.Decode(&o)
	return o
}

func open(ctx context.Context, c pipeline.SinkConfig) (pipeline.Writer, error) {
	o := decoded(c.Options)
	if o.Mode == modeMerge && len(c.Key) == 0 {
		return nil, fmt.Errorf("merge into %s: nothing says which rows are the same; give the mapping a key, such as `key: [id]`", c.World.OutPath(o.Path))
	}
	out, err := pipeline.OpenOutput(c.World, o.Path, o.Compression)
	if err != nil {
		return nil, err
	}
	w := newWriter(out, o)
	var opened pipeline.Writer = encoder{w}
	switch o.Mode {
	case modeAppend:
		opened, err = openAppend(ctx, w, c)
	case modeMerge:
		opened, err = openMerge(ctx, w, c)
	default:
		w.buf = w.appendHead(w.buf, c.Columns)
	}
	if err != nil {
		return nil, errors.Join(err, out.Abort())
	}
	return opened, nil
}
