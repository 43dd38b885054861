package main

// initask.go: what init has to know: by flags, or asked on a terminal.

import (
	"cmp"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"pipeline/pipeline"
	"pipeline/pipeline/diag"
)

// asker asks on a terminal. Elsewhere it takes the default, and where there is
// none says which flag is missing.
type asker struct {
	line func(question string) (string, error) // nil: nobody is there
	out  io.Writer
}

func (a *app) asker() *asker {
	p := a.prompter()
	if p == nil {
		return &asker{out: a.stderr}
	}
	return &asker{line: p.line, out: a.stderr}
}

// asked is a question to the user.
type asked struct {
	flag     string // that answers it: --source NAME
	question string
	about    string // of an answer without choices: what it is
	fallback string
	choices  []string // the only answers, where there are any
}

// attempts is how often a question is asked again that was not answered well.
const attempts = 3

func (a *asker) ask(q asked) (string, error) {
	if a.line == nil {
		if q.fallback == "" {
			return "", usage("init needs %s; on a terminal it would ask. %s", q.flag, q.hint())
		}
		return q.fallback, nil
	}
	for range attempts {
		answer, err := a.line(q.text())
		if err != nil {
			return "", usage("init needs %s. %s", q.flag, q.hint())
		}
		answer = cmp.Or(answer, q.fallback)
		if answer != "" && (len(q.choices) == 0 || slices.Contains(q.choices, answer)) {
			return answer, nil
		}
		if answer != "" {
			fmt.Fprintf(a.out, "there is no %q; %s\n", answer, cmp.Or(diag.DidYouMean(answer, q.choices), "choose one of them"))
		}
	}
	return "", usage("init needs %s. %s", q.flag, q.hint())
}

// text is the question as it is asked.
func (q asked) text() string {
	text := q.question
	if len(q.choices) > 0 {
		text += " (" + strings.Join(q.choices, ", ") + ")"
	}
	if q.fallback != "" {
		text += " [" + q.fallback + "]"
	}
	return text + ": "
}

func (q asked) hint() string {
	if len(q.choices) > 0 {
		return "There are " + strings.Join(q.choices, ", ") + "."
	}
	return "It is " + q.about + "."
}

// setOption is an option with what it is set to.
type setOption struct {
	pipeline.Option
	value string
}

// answers finds out what the mapping is made of.
func (n *newMapping) answers() error {
	for _, step := range []func() error{n.askSource, n.askStream, n.askOptions, n.askConnection, n.askSink, n.askSandbox} {
		if err := step(); err != nil {
			return err
		}
	}
	if n.flags.timezone == "" {
		n.flags.timezone = "UTC"
	}
	return nil
}

// one is the connector or stream of a name that a flag gives or the user.
func (n *newMapping) one(given string, q asked) (string, error) {
	if given == "" {
		return n.ask.ask(q)
	}
	if !slices.Contains(q.choices, given) {
		return "", usage("%s: there is no %q; %s", strings.Fields(q.flag)[0], given, cmp.Or(diag.DidYouMean(given, q.choices), "there are "+strings.Join(q.choices, ", ")))
	}
	return given, nil
}

func (n *newMapping) askSource() error {
	var names []string
	for _, c := range n.registry.Sources {
		if !c.PushOnly { // it has no records to learn from yet
			names = append(names, c.Name)
		} else if n.flags.source == c.Name {
			return usage("--source %s: what is pushed cannot be fetched to learn from; begin with a file of bodies (--source file --option path=bodies.jsonl), then put %[1]s in its place: docs/receiving.md", c.Name)
		}
	}
	name, err := n.one(n.flags.source, asked{flag: "--source NAME", question: "where do records come from", choices: names})
	if err != nil {
		return err
	}
	n.source, _ = n.registry.Source(name)
	return nil
}

func (n *newMapping) askStream() error {
	var names []string
	for _, s := range n.source.Streams {
		names = append(names, s.Name)
	}
	n.stream = n.source.Streams[0]
	if len(names) == 1 && n.flags.stream == "" {
		return nil
	}
	name, err := n.one(n.flags.stream, asked{flag: "--stream NAME", question: "which list", fallback: names[0], choices: names})
	if err != nil {
		return err
	}
	n.stream = n.source.Streams[slices.Index(names, name)]
	return nil
}

func (n *newMapping) askOptions() (err error) {
	if n.sourceOptions, err = setOptions("--option", n.flags.options, n.source.Name, n.source.Options); err != nil {
		return err
	}
	for _, o := range n.needed() {
		if slices.ContainsFunc(n.sourceOptions, func(s setOption) bool { return s.Name == o.Name }) {
			continue
		}
		answer, err := n.ask.ask(asked{flag: "--option " + o.Name + "=…", question: o.Name + ", " + o.Doc, about: o.Doc})
		if err != nil {
			return err
		}
		n.sourceOptions = append(n.sourceOptions, setOption{o, answer})
	}
	for i, o := range n.sourceOptions {
		if o.Type == pipeline.TypeInput {
			n.sourceOptions[i].value = besideMapping(o.value, n.file)
		}
	}
	return nil
}

// besideMapping is the path of an input, given as seen from here, as a mapping
// names it: relative to its own folder.
func besideMapping(path, mapping string) string {
	if path == "-" || filepath.IsAbs(path) {
		return path
	}
	relative, err := filepath.Rel(filepath.Dir(mapping), path)
	if err != nil {
		return path
	}
	return filepath.ToSlash(relative)
}

// setOptions are the options that flags set.
func setOptions(flag string, given []string, connector string, options []pipeline.Option) ([]setOption, error) {
	var names []string
	for _, o := range options {
		names = append(names, o.Name)
	}
	var out []setOption
	for _, text := range given {
		name, v, ok := strings.Cut(text, "=")
		i := slices.Index(names, name)
		switch {
		case !ok:
			return nil, usage("%s takes KEY=VALUE, not %q", flag, text)
		case i < 0:
			return nil, usage("%s has no option %q; %s", connector, name, cmp.Or(diag.DidYouMean(name, names), "it has "+strings.Join(names, ", ")))
		}
		out = append(out, setOption{options[i], v})
	}
	return out, nil
}

func (n *newMapping) askConnection() (err error) {
	if n.source.Remote && n.flags.connection == "" {
		n.flags.connection, err = n.ask.ask(asked{flag: "--connection NAME", question: "the name of the credentials", about: "whose credentials the source uses", fallback: n.name})
	}
	return err
}

func (n *newMapping) askSink() error {
	var names []string
	for _, c := range n.registry.Sinks {
		names = append(names, c.Name)
	}
	name, err := n.one(n.flags.sink, asked{flag: "--sink NAME", question: "where do rows go", fallback: "csv", choices: names})
	if err != nil {
		return err
	}
	n.sink = n.registry.Sinks[slices.Index(names, name)]
	if n.sinkOptions, err = setOptions("--sink-option", n.flags.sinkOption, name, n.sink.Options); err != nil {
		return err
	}
	for _, o := range n.sink.Options {
		if !o.Required || slices.ContainsFunc(n.sinkOptions, func(s setOption) bool { return s.Name == o.Name }) {
			continue
		}
		q := asked{flag: "--sink-option " + o.Name + "=…", question: o.Name + ", " + o.Doc, about: o.Doc}
		if o.Type == pipeline.TypeOutput {
			q.fallback = n.name + "." + name
		}
		answer, err := n.ask.ask(q)
		if err != nil {
			return err
		}
		n.sinkOptions = append(n.sinkOptions, setOption{o, answer})
	}
	return nil
}

// askSandbox asks where the records of the case come from.
func (n *newMapping) askSandbox() error {
	switch {
	case n.flags.sandbox && !n.source.Remote:
		return usage("%s has no sandbox; leave out --sandbox", n.source.Name)
	case n.flags.sandbox || !n.source.Remote || n.ask.line == nil:
		return nil
	}
	answer, err := n.ask.ask(asked{flag: "--sandbox", question: "take records from the sandbox, instead of the platform", fallback: "yes", choices: []string{"yes", "no"}})
	n.flags.sandbox = answer == "yes"
	return err
}
