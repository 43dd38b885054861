package main

// overlap.go: outputs that are somebody's input, or another one's output.

import (
	"fmt"
	"os"
	"path/filepath"

	"pipeline/pipeline"
	"pipeline/pipeline/diag"
)

// overlaps reports mappings that would write over what one of them reads, and,
// where they run together, over what another one writes. out is the folder of
// --out.
func overlaps(all []checked, files *pipeline.Files, out string, together bool) {
	inputs := newReadFiles(files.Names())
	written := map[string]string{} // by path: the mapping
	stdin, stdout := "", ""
	for i := range all {
		c := &all[i]
		if c.plan == nil {
			continue
		}
		wrong := func(message, hint string) {
			c.diags = c.diags.Error("output-overlaps", diag.Span{File: c.file}, message, hint)
		}
		if together && c.plan.ReadsStdin() {
			if stdin != "" {
				wrong(fmt.Sprintf("stdin is read by %s already", stdin), "run the mappings one after another, each with its own input")
			}
			stdin = c.file
		}
		world := &pipeline.World{OutDir: out}
		for _, output := range c.plan.Outputs() {
			if output == "-" {
				if together && stdout != "" {
					wrong(fmt.Sprintf("stdout is written by %s already", stdout), "give one of them a file")
				}
				stdout = c.file
				continue
			}
			path := world.OutPath(output)
			if input := inputs.same(path); input != "" {
				wrong(fmt.Sprintf("it writes %s, which is read: %s", path, input), "give the output a name of its own")
			}
			full := absolute(path)
			if other, twice := written[full]; together && twice {
				wrong(fmt.Sprintf("it writes %s, and so does %s", path, other), "give each its own path")
			}
			written[full] = c.file
		}
		if c.diags.HasErrors() {
			c.plan = nil
		}
	}
}

// eventsAlone reports mappings that write rows to stdout, where --json prints events.
func eventsAlone(all []checked) {
	for i := range all {
		c := &all[i]
		if c.plan == nil {
			continue
		}
		if at, ok := c.plan.WritesStdout(); ok {
			c.diags = c.diags.Error("output-overlaps", at, "this writes rows to stdout, where --json prints events", "give the rows a file, or leave --json out")
			c.plan = nil
		}
	}
}

// readFiles finds a file among those that are read.
type readFiles struct {
	byPath map[string]string // the name by the absolute path
	names  []string
}

func newReadFiles(names []string) readFiles {
	r := readFiles{byPath: map[string]string{}, names: names}
	for _, name := range names {
		r.byPath[absolute(name)] = name
	}
	return r
}

// same is the file among them that is the one at path, by whatever name.
func (r readFiles) same(path string) string {
	if name, ok := r.byPath[absolute(path)]; ok {
		return name
	}
	info, err := os.Stat(path)
	if err != nil {
		return "" // nothing is there that a run could write over
	}
	for _, name := range r.names {
		if other, err := os.Stat(name); err == nil && os.SameFile(info, other) {
			return name
		}
	}
	return ""
}

func absolute(path string) string {
	full, err := filepath.Abs(path)
	if err != nil {
		return filepath.Clean(path)
	}
	return full
}
