package main

// mappings.go: from file names to plans, the part that check and run share.

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"pipeline/pipeline"
	"pipeline/pipeline/diag"
)

// checked is one mapping file after Compile.
type checked struct {
	file  string
	plan  *pipeline.Plan // nil where there are errors
	diags diag.List

	source *pipeline.SourcePlan // instead of plan, where nothing but the source counts

	withoutToken string // the command to offer where there is no token; empty: that of run

	// getenv is the environment, and behind it the .env beside the mapping.
	getenv func(name string) (string, bool)
}

// reads is what the mapping reads from.
func (c checked) reads() interface {
	SourceName() string
	SourceOptions() pipeline.Options
} {
	if c.source != nil {
		return c.source
	}
	return c.plan
}

// check parses and compiles the mappings, all of them, before anything runs.
// state is where they keep what they keep, if it was said.
func (a *app) check(names []string, state string) ([]checked, *pipeline.Files) {
	files := &pipeline.Files{Read: readFile, Stat: readable, Near: nearFile, Seen: diag.Files{}}
	var out []checked
	for _, name := range names {
		out = append(out, a.checkOne(name, files))
	}
	sameNames(out, state)
	samePaths(out)
	return out, files
}

// sameNames reports mappings of one name that keep their state in one folder:
// each would take the other's for its own.
func sameNames(all []checked, state string) {
	first := map[string]string{}
	for i := range all {
		c := &all[i]
		if c.plan == nil {
			continue
		}
		place := filepath.Join(stateFolder(state, c.file), c.plan.Name())
		if other, twice := first[place]; twice {
			c.diags = c.diags.Error("same-name", diag.Span{File: c.file}, fmt.Sprintf("the mapping is named %s, and so is %s", c.plan.Name(), other), "what runs keep lies under the name; give one of them another name:")
			c.plan = nil
			continue
		}
		first[place] = c.file
	}
}

// samePaths reports mappings of one folder, which are served together, that would
// take the same pushes.
func samePaths(all []checked) {
	folders := map[string][]int{}
	for i, c := range all {
		folder := filepath.Dir(absolute(c.file))
		folders[folder] = append(folders[folder], i)
	}
	for _, of := range folders {
		plans := make([]*pipeline.Plan, len(of))
		for k, i := range of {
			plans[k] = all[i].plan
		}
		for k, diags := range pipeline.SamePaths(plans) {
			if len(diags) > 0 {
				all[of[k]].diags = append(all[of[k]].diags, diags...)
				all[of[k]].plan = nil
			}
		}
	}
}

// handedOver reports mappings that nodes cannot take over from each other.
func handedOver(all []checked) {
	for i := range all {
		c := &all[i]
		if c.plan == nil {
			continue
		}
		if diags := c.plan.HandedOver(); len(diags) > 0 {
			c.diags, c.plan = append(c.diags, diags...), nil
		}
	}
}

func (a *app) checkOne(name string, files *pipeline.Files) checked {
	c := checked{file: name}
	c.getenv, c.diags = pipeline.Environment(name, files, os.LookupEnv)
	m, diags := pipeline.Load(name, files)
	c.diags = append(c.diags, diags...)
	if m != nil {
		c.plan, diags = m.Compile(pipeline.Setup{Registry: a.registry, Files: files, Getenv: c.getenv})
		c.diags = append(c.diags, diags...)
	}
	c.diags.Sort()
	if c.diags.HasErrors() {
		c.plan = nil
	}
	return c
}

// maxFile is the bound on a file that is read whole. What it holds has a lower
// one; this one is for the name of the wrong file.
const maxFile = 64 << 20

func readFile(name string) ([]byte, error) {
	if isPipe(name) {
		return nil, errors.New("it is a pipe, and only a file can be read again when something is wrong with it")
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // only read
	src, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(src) > maxFile {
		err = errors.New("it is larger than 64 MiB")
	}
	return src, err
}

// isPipe reports whether a name is that of a pipe: opening one waits for
// somebody who writes into it, perhaps for ever.
func isPipe(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.Mode()&fs.ModeNamedPipe != 0
}

// readable reports why a file cannot be read. A pipe is left to those who read
// it: it is opened once.
func readable(name string) error {
	if isPipe(name) {
		return nil
	}
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

// nearFile is a file of the same folder and kind with a similar name.
func nearFile(name string) string {
	entries, err := os.ReadDir(filepath.Dir(name))
	if err != nil {
		return ""
	}
	var names []string
	for _, e := range entries {
		if !e.IsDir() && filepath.Ext(e.Name()) == filepath.Ext(name) {
			names = append(names, e.Name())
		}
	}
	return diag.Suggest(filepath.Base(name), names)
}

func isYAML(name string) bool {
	return strings.HasSuffix(name, ".yaml") || strings.HasSuffix(name, ".yml")
}

// expandFolders replaces folders by the mappings in them.
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

// found is what is wrong with all mappings, each thing once.
func found(all []checked) diag.List {
	groups := make([]diag.Group, len(all))
	for i, c := range all {
		groups[i] = diag.Group{Mapping: c.file, List: c.diags}
	}
	return diag.Merge(groups)
}

// problems prints what is wrong, and reports whether anything stops a run.
func (a *app) problems(all []checked, files *pipeline.Files) (diag.List, error) {
	list := found(all)
	if len(list) == 0 {
		return nil, nil
	}
	return list, diag.Text(a.stderr, list, files.Seen, a.colour())
}

// colour reports whether stderr is a terminal that wants colours.
func (a *app) colour() bool { return terminalOf(a.stderr).colour }
