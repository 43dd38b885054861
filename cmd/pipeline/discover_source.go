package main

// discover_source.go: what discover reads: the source of a mapping, a data file,
// or a connector with its options.

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"pipeline/pipeline"
	"pipeline/pipeline/diag"
	"pipeline/pipeline/value"
)

// discoverSource is a source to learn from.
type discoverSource struct {
	plan    *pipeline.SourcePlan
	checked checked // the file and the environment of its mapping
	mapping bool    // it is that of a mapping
}

// what names the records' origin, for people and for the schema's title.
func (s discoverSource) what() string {
	if input := s.plan.Input(); input != "-" {
		return cmp.Or(input, s.plan.From())
	}
	return "stdin"
}

// saidInMapping recognises a mapping by its keys; a connector has others.
var saidInMapping = regexp.MustCompile(`(?m)^(source|extends|fields|sinks)[ \t]*:`)

func (a *app) discoverSource(arg string, f discoverFlags) (discoverSource, error) {
	src, err := readHead(arg)
	switch {
	case isYAML(arg) && (err != nil || saidInMapping.Match(src)):
		return a.sourceOfMapping(arg, f)
	case isYAML(arg):
		return a.sourceByName(arg, f)
	}
	if c, ok := a.registry.Source(arg); ok && c.Remote {
		return a.sourceByName(arg, f)
	}
	info, err := os.Stat(arg)
	switch {
	case err == nil && info.IsDir():
		return discoverSource{}, usage("%s is a folder; name a mapping or a data file in it", arg)
	case err == nil, arg == "-", strings.ContainsAny(arg, `./\`):
		return a.sourceOfFile(arg, f)
	}
	var names []string
	for _, s := range a.registry.Sources {
		if s.Remote {
			names = append(names, s.Name)
		}
	}
	hint := "the connectors are " + strings.Join(names, ", ")
	if near := cmp.Or(diag.Suggest(arg, names), nearFile(arg)); near != "" {
		hint = fmt.Sprintf("did you mean %s?", near)
	}
	return discoverSource{}, usage("there is no connector and no file %q; %s", arg, hint)
}

// readHead is the beginning of a YAML file, enough to tell what it is.
func readHead(name string) ([]byte, error) {
	if !isYAML(name) {
		return nil, nil
	}
	return readFile(name)
}

// sourceOfMapping is the source of a mapping, of which nothing else counts.
func (a *app) sourceOfMapping(name string, f discoverFlags) (discoverSource, error) {
	for flag, given := range map[string]bool{"--option": len(f.options) > 0, "--stream": f.stream != "", "--connection": f.connection != ""} {
		if given {
			return discoverSource{}, usage("%s is for a connector; the mapping %s says itself what it reads", flag, name)
		}
	}
	files := &pipeline.Files{Read: readFile, Stat: readable, Near: nearFile, Seen: diag.Files{}}
	s, diags := a.compileSource(name, files)
	s.mapping = true
	if diags.HasErrors() {
		if err := diag.Text(a.stderr, diags, files.Seen, a.colour()); err != nil {
			return s, err
		}
		return s, exitCode(exitWrong)
	}
	if err := fetchable(name, s.plan); err != nil {
		return s, err
	}
	if f.sandbox && !s.plan.Remote() {
		return s, usage("%s reads from %s, which has no sandbox; leave --sandbox out", name, s.plan.SourceName())
	}
	return s, nil
}

func (a *app) compileSource(name string, files *pipeline.Files) (discoverSource, diag.List) {
	s := discoverSource{checked: checked{file: name}}
	getenv, diags := pipeline.Environment(name, files, os.LookupEnv)
	s.checked.getenv = getenv
	m, wrong := pipeline.Load(name, files)
	if m == nil {
		return s, append(diags, wrong...)
	}
	plan, wrong := m.CompileSource(pipeline.Setup{Registry: a.registry, Files: files, Getenv: getenv})
	s.plan, s.checked.source = plan, plan
	return s, append(diags, wrong...)
}

// sourceOfFile is a data file, or stdin.
func (a *app) sourceOfFile(name string, f discoverFlags) (discoverSource, error) {
	if f.sandbox || f.stream != "" || f.connection != "" {
		return discoverSource{}, usage("%s is a data file: --sandbox, --stream and --connection are for connectors", name)
	}
	if _, err := os.Stat(name); err != nil && name != "-" {
		hint := ""
		if near := nearFile(name); near != "" {
			hint = "; did you mean " + filepath.Join(filepath.Dir(name), near) + "?"
		}
		return discoverSource{}, usage("cannot read %s: %s%s", name, reason(err), hint)
	}
	f.options = append([]string{"path=" + name}, f.options...)
	s, err := a.sourceByName("file", f)
	s.checked.file = name
	return s, err
}

// commandLine is the file that a source on the command line is said to be in:
// paths are relative to the working directory, and so is .env.
const commandLine = "discover.yaml"

// sourceByName is a connector with the options of the command line. It is
// compiled as the mapping that says the same.
func (a *app) sourceByName(name string, f discoverFlags) (discoverSource, error) {
	src, err := commandLineMapping(name, f)
	if err != nil {
		return discoverSource{}, err
	}
	files := &pipeline.Files{Read: readFile, Stat: readable, Near: nearFile, Seen: diag.Files{commandLine: src}}
	s, diags := a.compileSource(commandLine, files)
	s.checked.file = name
	if !diags.HasErrors() {
		return s, nil
	}
	if i := slices.IndexFunc(diags, func(d diag.Diagnostic) bool { return d.Severity == diag.Error && d.Span.File != commandLine }); i >= 0 {
		if err := diag.Text(a.stderr, diags, files.Seen, a.colour()); err != nil {
			return s, err
		}
		return s, exitCode(exitWrong)
	}
	return s, usage("%s", onCommandLine(diags))
}

// commandLineMapping is the source as a mapping says it.
func commandLineMapping(name string, f discoverFlags) ([]byte, error) {
	quote := func(s string) string { return string(value.AppendJSONString(nil, s)) } // YAML reads JSON
	var b bytes.Buffer
	fmt.Fprintf(&b, "version: 1\nsource:\n  %s:\n", quote(name))
	given := map[string]bool{}
	for _, o := range f.options {
		key, v, ok := strings.Cut(o, "=")
		switch {
		case !ok || key == "":
			return nil, usage("--option takes NAME=VALUE, not %q", o)
		case given[key]:
			return nil, usage("--option %s is given twice", key)
		}
		given[key] = true
		fmt.Fprintf(&b, "    %s: %s\n", quote(key), quote(v))
	}
	if f.stream != "" {
		fmt.Fprintf(&b, "  stream: %s\n", quote(f.stream))
	}
	if f.connection != "" {
		fmt.Fprintf(&b, "  connection: %s\n", quote(f.connection))
	}
	return b.Bytes(), nil
}

// onCommandLine is what is wrong with a source, for those who typed it.
func onCommandLine(diags diag.List) string {
	var lines []string
	for _, d := range diags {
		if d.Severity != diag.Error {
			continue
		}
		line := strings.Replace(d.Message, "unknown key", "unknown option", 1)
		hint := strings.Replace(d.Hint, "add `format:` with", "add --option format= with", 1)
		hint = strings.Replace(hint, "the keys here are", "the options are", 1)
		if words := strings.Fields(d.Message); d.Code == "missing-option" {
			hint = strings.TrimSpace(fmt.Sprintf("add --option %s=…", words[len(words)-1]))
			if d.Hint != "" {
				hint += " (" + d.Hint + ")"
			}
		}
		if hint != "" {
			line += "; " + hint
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}
