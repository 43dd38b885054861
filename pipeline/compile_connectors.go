package pipeline

// The two ends of a mapping: where records come from, and where rows go.

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"pipeline/pipeline/diag"
	"pipeline/pipeline/schema"
	"pipeline/pipeline/value"
)

// source is what is read, and what is known of its records.
func (c *compiler) source() {
	if c.reading() {
		c.sourceSchema(c.m.Source.Schema)
		c.drift(c.m.Source.Drift)
	}
}

// reading finds the connector and decodes its options: all that it takes to read
// records.
func (c *compiler) reading() bool {
	d := c.m.Source
	decl, connector, ok := c.connector(d)
	if !ok {
		return false
	}
	src := &c.plan.source
	src.connector = connector
	src.options = c.options(decl, connector.Name, connector.Options, connector.Check)
	src.shown = map[string]string{}
	for _, o := range connector.Options {
		v, given := src.options[o.Name]
		switch {
		case !given || o.Type == TypeGroup:
		case o.Secret:
			src.shown[o.Name] = "***"
		default:
			src.shown[o.Name] = c.hide(fmt.Sprint(v))
		}
	}
	src.written = c.written(decl)
	src.connection = cmp.Or(c.expand(d.Connection), connector.Name)
	c.stream(d.Stream, connector)
	for _, o := range connector.Options {
		if _, given := src.options[o.Name]; !given && slices.Contains(src.stream.Needs, o.Name) {
			c.err("missing-option", decl.Name.Span(), fmt.Sprintf("the stream %s of %s needs %s", src.stream.Name, connector.Name, o.Name), o.Doc)
		}
	}
	c.limit(d, connector)
	c.keeping(d, connector)
	c.pushes(d, decl, connector)
	return true
}

// drift is what becomes of a run whose records are not as their schema says.
func (c *compiler) drift(t Text) {
	src := &c.plan.source
	src.driftFails = c.word(t, "warn", "fail") == "fail"
	if !t.Missing() && src.schema == "" {
		c.err(codeDrift, t.Span(), "drift says what to do where records are not as their schema says, and this source has no schema",
			"name one under schema: (pipeline discover writes it), or remove drift")
	}
}

func (c *compiler) connector(d SourceDecl) (ConnectorDecl, SourceConnector, bool) {
	known := append([]string{}, sourceKeys...)
	for _, s := range c.setup.Registry.Sources {
		known = append(known, s.Name)
	}
	var found []ConnectorDecl
	for _, decl := range d.Connectors {
		_, ok := c.setup.Registry.Source(decl.Name.Value)
		if ok || isConnectorFile(decl.Name.Value) {
			found = append(found, decl)
			continue
		}
		hint := diag.DidYouMean(decl.Name.Value, known)
		if hint == "" {
			hint = "the sources are " + strings.Join(known[len(sourceKeys):], ", ") + ", or ./FILE.yaml that declares one"
		}
		c.err("unknown-connector", decl.Name.Span(), fmt.Sprintf("unknown source or key %q", decl.Name.Value), hint)
	}
	switch {
	case len(found) == 0 && len(d.Connectors) == 0 && d.at.Start.Line > 1:
		c.err("missing-key", d.at, "source names no connector", `say where records come from, such as gevme: {event: "25198085"}`)
	case len(found) > 1:
		c.err("unknown-key", found[1].Name.Span(), fmt.Sprintf("the source is %s already", found[0].Name.Value), "a mapping reads one source; write a second mapping for the other",
			diag.Note{Span: found[0].Name.Span(), Message: "it was named here"})
	}
	if len(found) != 1 {
		return ConnectorDecl{}, SourceConnector{}, false
	}
	connector, ok := c.declared(found[0])
	return found[0], connector, ok
}

func isConnectorFile(name string) bool {
	return strings.HasSuffix(name, ".yaml") || strings.HasSuffix(name, ".yml")
}

// declared is the connector of that name, or the one that the file of that name
// declares.
func (c *compiler) declared(d ConnectorDecl) (SourceConnector, bool) {
	if !isConnectorFile(d.Name.Value) {
		return c.setup.Registry.Source(d.Name.Value)
	}
	name, src, ok := c.open(d.Name, d.Name.Value)
	if !ok {
		return SourceConnector{}, false
	}
	connector, diags := c.setup.Registry.Declared(name, src, func(ref string) ([]byte, error) {
		return c.setup.Files.Open(filepath.Join(filepath.Dir(name), ref))
	})
	c.diags = append(c.diags, diags...)
	return connector, !diags.HasErrors()
}

func (c *compiler) stream(t Text, connector SourceConnector) {
	if len(connector.Streams) > 0 {
		c.plan.source.stream = connector.Streams[0]
	}
	if t.Missing() {
		return
	}
	var names []string
	for _, s := range connector.Streams {
		if s.Name == t.Value {
			c.plan.source.stream = s
			return
		}
		names = append(names, s.Name)
	}
	hint := diag.DidYouMean(t.Value, names)
	switch {
	case hint == "" && len(names) > 0 && names[0] != "":
		hint = "its streams are " + strings.Join(names, ", ")
	case hint == "":
		hint = "remove stream"
	}
	c.err("unknown-stream", t.Span(), fmt.Sprintf("%s has no stream %q", connector.Name, t.Value), hint)
}

// limit is the connector's, or a lower one.
func (c *compiler) limit(d SourceDecl, connector SourceConnector) {
	c.plan.source.limit = connector.Limit
	if !connector.Remote {
		for _, t := range []Text{d.Connection, d.Rate, d.Concurrency, d.Override, d.Sync, d.Tape, d.Resume} {
			if !t.Missing() {
				why := "is not called over a network"
				if connector.PushOnly {
					why = "is never asked for anything"
				}
				c.err("unknown-key", t.Span(), fmt.Sprintf("%s %s, so this says nothing", connector.Name, why), "remove it")
			}
		}
		return
	}
	override := c.boolean(d.Override)
	if rate := c.expand(d.Rate); rate != "" {
		r, err := ParseRate(rate)
		switch {
		case err != nil:
			c.err("bad-value", d.Rate.Span(), strings.ReplaceAll(err.Error(), strconv.Quote(rate), strconv.Quote(d.Rate.Value)), "")
		case r.Above(connector.Limit.Rate) && !override:
			c.err("rate-too-high", d.Rate.Span(), fmt.Sprintf("%s is more than %s allows", shown(d.Rate, r.String()), connector.Name),
				fmt.Sprintf("it allows %s; where your contract says more, add rate_override: true", connector.Limit.Rate))
		default:
			c.plan.source.limit.Rate = r
		}
	}
	if d.Concurrency.Missing() {
		return
	}
	n, err := strconv.Atoi(c.expand(d.Concurrency))
	switch most := connector.Limit.Concurrency; {
	case err != nil || n < 1:
		c.err("bad-value", d.Concurrency.Span(), "concurrency is a number of calls in flight, from 1", "")
	case most > 0 && n > most && !override:
		c.err("rate-too-high", d.Concurrency.Span(), fmt.Sprintf("%s calls in flight are more than %s allows", shown(d.Concurrency, strconv.Itoa(n)), connector.Name),
			fmt.Sprintf("it allows %d; where your contract says more, add rate_override: true", most))
	default:
		c.plan.source.limit.Concurrency = n
	}
}

// keeping is what a run keeps for the next one: its tape, and how far it got.
func (c *compiler) keeping(d SourceDecl, connector SourceConnector) {
	src := &c.plan.source
	src.tape = connector.Remote && c.word(d.Tape, "on", "off") != "off"
	src.incremental = c.word(d.Sync, "full", "incremental") == "incremental"
	if src.incremental && connector.Remote && !src.stream.Incremental {
		c.err("not-incremental", d.Sync.Span(), fmt.Sprintf("%s cannot say what changed in %s since the last run", connector.Name, src.stream.Name), "write sync: full, or leave it out")
	}
	src.resume = 24 * time.Hour
	if text := c.expand(d.Resume); text != "" {
		age, err := time.ParseDuration(text)
		if err != nil || age < 0 {
			c.err("bad-value", d.Resume.Span(), "resume is a time, after which an interrupted run starts over", "write it as 30m, 24h or 72h")
		}
		src.resume = age
	}
}

// word is a text that is one of few words; the first is the default.
func (c *compiler) word(t Text, words ...string) string {
	if t.Missing() {
		return words[0]
	}
	got := c.expand(t)
	if !slices.Contains(words, got) {
		c.err("bad-value", t.Span(), fmt.Sprintf("%q is not one of %s", t.Value, strings.Join(words, ", ")), diag.DidYouMean(got, words))
	}
	return got
}

// sourceSchema is what the names in expressions are checked against.
func (c *compiler) sourceSchema(t Text) {
	doc := c.plan.source.stream.Schema
	open := func(string) ([]byte, error) { return nil, fmt.Errorf("a built-in schema stands alone") }
	if !t.Missing() {
		name, src, ok := c.open(t, c.expand(t))
		if !ok {
			c.plan.source.schema = t.Value // meant to be there
			return
		}
		doc = Document{Name: name, Text: src}
		open = c.setup.Files.Open
	}
	c.plan.source.schema, c.plan.source.ownSchema = doc.Name, !t.Missing()
	if doc.Name == "" {
		return
	}
	s, diags := schema.CompileClaim(doc.Name, doc.Text, open)
	c.diags = append(c.diags, diags...)
	if !diags.HasErrors() {
		c.scope.Record = s.Shape()
		c.plan.record = c.scope.Record
		c.remember(doc)
	}
}

// remember lets diagnostics show lines of a document that is built in.
func (c *compiler) remember(doc Document) {
	c.setup.Files.show(doc.Name, doc.Text)
}

func (c *compiler) sinks() {
	var names []string
	for _, s := range c.setup.Registry.Sinks {
		names = append(names, s.Name)
	}
	rejects := c.m.at
	if c.m.Rejects.Path.Value != "" {
		rejects = c.m.Rejects.Path.Span()
	}
	targets := map[string]diag.Span{filepath.Clean(c.plan.rejects.path): rejects}
	for _, d := range c.m.Sinks {
		connector, ok := c.setup.Registry.Sink(d.Name.Value)
		if !ok {
			hint := diag.DidYouMean(d.Name.Value, names)
			c.err("unknown-connector", d.Name.Span(), fmt.Sprintf("unknown sink %q", d.Name.Value), cmp.Or(hint, "the sinks are "+strings.Join(names, ", ")))
			continue
		}
		sink := planSink{connector: connector, options: c.options(d, connector.Name, connector.Options, connector.Check), written: c.written(d), at: d.Name.Span()}
		sink.target = connector.Target(sink.options)
		sink.shown = c.hide(sink.target) // an address may well hold a secret in its path
		if first, twice := targets[filepath.Clean(sink.target)]; twice && sink.target != "" {
			c.err("duplicate-target", d.Name.Span(), fmt.Sprintf("two outputs of this mapping go to %s", c.hide(sink.target)), "give each its own path",
				diag.Note{Span: first, Message: "the first one is named here"})
		}
		targets[filepath.Clean(sink.target)] = d.Name.Span()
		c.traits(d, sink)
		c.addsPushes(d, sink)
		c.plan.sinks = append(c.plan.sinks, sink)
	}
}

// traits holds what a sink needs against what the mapping says.
func (c *compiler) traits(d ConnectorDecl, sink planSink) {
	has := func(trait func(Options) bool) bool { return trait != nil && trait(sink.options) }
	connector := sink.connector
	if connector.Rows || has(connector.Keyed) {
		c.plan.keyed = true
		if len(c.m.Key) == 0 {
			c.err("missing-key", d.Name.Span(), fmt.Sprintf("%s needs to know what makes a row the same row", connector.Name), "add key: with the names of the fields that do, such as key: [attendee_id]")
		}
	}
	if connector.Typed {
		c.typed(connector.Name)
	}
	if c.plan.source.incremental && !connector.Rows && !has(connector.Adds) {
		hint := "write to a sink that can add to what is there, such as csv with mode: merge, or add sync: full to the source"
		if connector.Adds != nil {
			hint = "add mode: append or mode: merge to the sink, or sync: full to the source"
		}
		c.err("incremental-replace", d.Name.Span(), fmt.Sprintf("an incremental run reads only what changed, and %s would keep nothing else", connector.Name), hint)
	}
}

// typed reports columns of which nobody says what type they have.
func (c *compiler) typed(sink string) {
	for i, col := range c.plan.columns {
		item := col.Type.Innermost()
		known := item.Known() && (item.Kind != value.Decimal || item.Precision > 0)
		if known || c.plan.fields[i].program == nil {
			continue
		}
		wants, example := "that of "+col.Name, "string"
		if col.Type.Kind == value.List {
			wants, example = "that of the items of "+col.Name, "list(string)"
		}
		c.err("untyped-field", c.m.Fields[i].Name.Span(), fmt.Sprintf("%s needs a type for each column, and %s is not known", sink, wants), fmt.Sprintf("declare it, as in %s: {value: …, type: %s}", col.Name, example))
	}
}
