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
	inputs := files.Names()
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
			if input := sameAs(path, inputs); input != "" {
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

// sameAs is the first of the inputs that is the file at path, by whatever name.
func sameAs(path string, inputs []string) string {
	info, err := os.Stat(path)
	for _, input := range inputs {
		if absolute(path) == absolute(input) {
			return input
		}
		if other, failed := os.Stat(input); err == nil && failed == nil && os.SameFile(info, other) {
			return input
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
