// Package parquet writes rows as one Parquet file with real types: decimals,
// dates, timestamps in UTC and lists, which DuckDB and its like read without a
// cast.
package parquet

import (
	"context"
	"fmt"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"

	"pipeline/pipeline"
)

// Options are the options of the sink, with their defaults.
type Options struct {
	Path        string `option:"path,output,required" doc:"file to write; - is stdout"`
	Compression string `option:"compression" values:"zstd,snappy,gzip,none" doc:"compression of the columns"`
	RowGroupMB  int    `option:"row_group_mb" doc:"most megabytes of encoded rows that make a row group, 1 to 256"`
}

var defaults = Options{
	Compression: "zstd",
	RowGroupMB:  16,
}

const maxRowGroupMB = 256

// codec is the codec of that name.
func codec(name string) (compress.Codec, error) {
	switch name {
	case "snappy":
		return &parquet.Snappy, nil
	case "gzip":
		return &parquet.Gzip, nil
	case "none":
		return &parquet.Uncompressed, nil
	default:
		return newZstd()
	}
}

// Connector is the sink "parquet".
func Connector() pipeline.SinkConnector {
	return pipeline.SinkConnector{
		Name:    "parquet",
		Summary: "A Parquet file",
		Options: pipeline.OptionsOf(defaults),
		Check:   check,
		Target:  func(o pipeline.Options) string { return o.String("path") },
		Typed:   true,
		Binary:  true,
		Holder:  holder,
		Open:    open,
	}
}

func check(options pipeline.Options) []pipeline.OptionError {
	if mb := decoded(options).RowGroupMB; mb < 1 || mb > maxRowGroupMB {
		return []pipeline.OptionError{{
			Option:  "row_group_mb",
			Message: fmt.Sprintf("a row group has 1 to %d megabytes, found %d", maxRowGroupMB, mb),
			Hint:    fmt.Sprintf("leave it out for %d, which suits most readers", defaults.RowGroupMB),
		}}
	}
	return nil
}

func decoded(options pipeline.Options) Options {
	o := defaults
	options.Decode(&o)
	return o
}

// open finds out about the columns before it touches the disk.
func open(_ context.Context, c pipeline.SinkConfig) (pipeline.Writer, error) {
	o := decoded(c.Options)
	columns, err := columnsOf(c.Columns)
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", o.Path, err)
	}
	packing, err := codec(o.Compression)
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", o.Path, err)
	}
	out, err := pipeline.OpenOutput(c.World, o.Path, pipeline.CompressionNone)
	if err != nil {
		return nil, err
	}
	return newWriter(out, o, c, columns, packing), nil
}
