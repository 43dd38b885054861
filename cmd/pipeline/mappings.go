package main

// mappings.go: from file names to plans, the part that check and run share.

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/term"

	"pipeline/pipeline"
	"pipeline/pipeline/diag"
)

// checked is one mapping file after Compile.
type checked struct {
	file  string
	plan  *pipeline.Plan // nil where there are errors
	diags diag.List
}

// check parses and compiles the mappings, all of them, before anything runs.
func (a *app) check(names []string) ([]checked, *pipeline.Files) {
	files := &pipeline.Files{Read: os.ReadFile, Stat: readable, Seen: diag.Files{}}
	var out []checked
	for _, name := range names {
		out = append(out, a.checkOne(name, files))
	}
	return out, files
}

func (a *app) checkOne(name string, files *pipeline.Files) checked {
	src, err := files.Open(name)
	if err != nil {
		d := diag.List{}.Error("missing-file", diag.Span{File: name}, "cannot read the mapping: "+reason(err), nearFile(name))
		return checked{file: name, diags: d}
	}
	m, diags := pipeline.Parse(name, src)
	if m == nil {
		return checked{file: name, diags: diags}
	}
	plan, more := m.Compile(pipeline.Setup{Registry: a.registry, Files: files, Getenv: os.LookupEnv})
	diags = append(diags, more...)
	diags.Sort()
	if diags.HasErrors() {
		plan = nil
	}
	return checked{file: name, plan: plan, diags: diags}
}

// readable reports why a file cannot be read.
func readable(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // only opened
	info, err := f.Stat()
	if err == nil && info.IsDir() {
		return errors.New("it is a folder")
	}
	return err
}

func reason(err error) string {
	if errors.Is(err, fs.ErrNotExist) {
		return "there is no such file"
	}
	var pathError *fs.PathError
	if errors.As(err, &pathError) {
		return pathError.Err.Error()
	}
	return err.Error()
}

// nearFile suggests a file of the same folder.
func nearFile(name string) string {
	entries, err := os.ReadDir(filepath.Dir(name))
	if err != nil {
		return ""
	}
	var names []string
	for _, e := range entries {
		if isYAML(e.Name()) {
			names = append(names, e.Name())
		}
	}
	if near := diag.Suggest(filepath.Base(name), names); near != "" {
		return fmt.Sprintf("did you mean %s?", filepath.Join(filepath.Dir(name), near))
	}
	return ""
}

func isYAML(name string) bool {
	return strings.HasSuffix(name, ".yaml") || strings.HasSuffix(name, ".yml")
}

// expand replaces folders by the mappings in them.
func expandFolders(args []string) ([]string, error) {
	var out []string
	for _, arg := range args {
		info, err := os.Stat(arg)
		if err != nil || !info.IsDir() {
			out = append(out, arg)
			continue
		}
		entries, err := os.ReadDir(arg)
		if err != nil {
			return nil, fmt.Errorf("list %s: %w", arg, err)
		}
		before := len(out)
		for _, e := range entries {
			if !e.IsDir() && isYAML(e.Name()) {
				out = append(out, filepath.Join(arg, e.Name()))
			}
		}
		if len(out) == before {
			return nil, usage("there is no mapping (*.yaml) in the folder %s", arg)
		}
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// problems prints what is wrong, and reports whether anything stops a run.
func (a *app) problems(all []checked, files *pipeline.Files) (diag.List, error) {
	var list diag.List
	for _, c := range all {
		list = append(list, c.diags...)
	}
	if len(list) == 0 {
		return nil, nil
	}
	return list, diag.Text(a.stderr, list, files.Seen, a.colour())
}

// colour reports whether stderr is a terminal that wants colours.
func (a *app) colour() bool {
	f, ok := a.stderr.(*os.File)
	return ok && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && term.IsTerminal(int(f.Fd()))
}
