package pipeline

// compile_push.go: what makes a mapping run by itself: pushes, and a schedule.

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	yaml "go.yaml.in/yaml/v4"

	"pipeline/pipeline/diag"
)

// optionPush is the option of declared connectors whose streams can be pushed.
const optionPush = "push"

// The codes of diagnostics about pushes.
const (
	codeNoPush      = "not-pushed"   // it cannot be pushed
	codePushReplace = "push-replace" // a sink would keep only what was pushed last
	codePlainSecret = "plain-secret" // a secret stands in the mapping
	codeReconcile   = "bad-reconcile"
	codeSchedule    = "bad-schedule"
	codeSamePath    = "same-path" // two mappings take the same pushes
)

// pushes is what can be pushed to the mapping.
func (c *compiler) pushes(d SourceDecl, decl ConnectorDecl, connector SourceConnector) {
	src := c.plan.source
	c.noPush(connector)
	options, prefix := src.options, ""
	if !connector.PushOnly {
		group, given := src.options[optionPush].(Options)
		if !given {
			if optionNode(decl.options, optionPush) == nil { // else what is wrong with it is said already
				c.reconcile(d.Reconcile)
			}
			return
		}
		options, prefix = group, optionPush+"."
		if src.stream.Pushed == nil {
			c.err(codeNoPush, decl.Name.Span(), fmt.Sprintf("%s cannot be pushed by %s", src.stream.Name, connector.Name), "remove push, or read a stream that can be")
			return
		}
	}
	c.plan.push, _ = NewPush(options, src.stream) // what is wrong with it, the connector's Check said
	c.plan.pushAt = decl.Name.Span()
	if path := optionNode(decl.options, strings.Split(prefix+"path", ".")...); path != nil {
		c.plan.pushAt = c.m.origins.span(path)
		c.plan.push.Shown = shownPath(c.m.origins.text(path), c.plan.push)
	}
	c.plainSecrets(decl.options, connector.Options)
	c.reconcile(d.Reconcile)
}

// shownPath is a path for people: as it is written, but for one that is a secret
// itself.
func shownPath(t Text, p *Push) string {
	if !holdsVariable(t) && p.Auth.Kind == AuthPath {
		return PushRoot + "***"
	}
	return variable.ReplaceAllStringFunc(t.Value, func(ref string) string {
		name, _, _ := strings.Cut(ref[2:len(ref)-1], ":-") // a default may be one too
		return "${" + name + "}"
	})
}

// noPush says of a connector that nothing is known of pushes of what nobody would
// find out from the list of its options.
func (c *compiler) noPush(connector SourceConnector) {
	if connector.PushOnly || optionOf(connector.Options, optionPush) != nil {
		return
	}
	for i := range c.diags {
		if d := &c.diags[i]; d.Code == "unknown-key" && strings.HasPrefix(d.Message, fmt.Sprintf("unknown key %q in %s", optionPush, connector.Name)) {
			d.Code, d.Message = codeNoPush, fmt.Sprintf("nothing is known of pushes by %s", connector.Name)
			d.Hint = "pull it by the clock, under schedule:; or take what it pushes with the source webhook"
		}
	}
}

// plainSecrets warns of secrets that stand in the mapping themselves.
func (c *compiler) plainSecrets(n *yaml.Node, declared []Option) {
	if n == nil || n.Kind != yaml.MappingNode {
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, v := n.Content[i].Value, n.Content[i+1]
		o := optionOf(declared, key)
		switch {
		case o == nil:
		case o.Type == TypeGroup:
			c.plainSecrets(v, o.Group)
		case !o.Secret || key == "path" && provenOtherwise(n):
		case v.Kind == yaml.SequenceNode:
			for _, item := range v.Content {
				c.plainSecret(item)
			}
		default:
			c.plainSecret(v)
		}
	}
}

func (c *compiler) plainSecret(n *yaml.Node) {
	at := c.m.origins.span(n)
	wrong := slices.ContainsFunc(c.diags, func(d diag.Diagnostic) bool { return d.Span == at }) // it has to be another one anyway
	if n.Kind != yaml.ScalarNode || strings.Contains(n.Value, "${") || wrong {
		return
	}
	c.diags = c.diags.Warn(codePlainSecret, at, "a secret stands in the mapping itself, for all who can read it",
		"put it into the environment, or a file .env beside the mapping, and write ${NAME} here")
}

// provenOtherwise reports whether options name another proof than a secret path.
func provenOtherwise(options *yaml.Node) bool {
	return slices.ContainsFunc([]string{"basic", "bearer", "hmac", "secret"}, func(name string) bool { return optionNode(options, name) != nil })
}

// optionNode is what stands behind a path of options; nil where nothing does.
func optionNode(n *yaml.Node, path ...string) *yaml.Node {
	for _, name := range path {
		if n == nil || n.Kind != yaml.MappingNode {
			return nil
		}
		i := 0
		for i < len(n.Content) && n.Content[i].Value != name {
			i += 2
		}
		if i >= len(n.Content) {
			return nil
		}
		n = n.Content[i+1]
	}
	return n
}

func optionOf(declared []Option, name string) *Option {
	for i := range declared {
		if declared[i].Name == name {
			return &declared[i]
		}
	}
	return nil
}

// reconcile is how often all is pulled beside what is pushed.
func (c *compiler) reconcile(t Text) {
	if t.Missing() {
		return
	}
	const form = "write it as 30m, 1h or 24h"
	every, err := time.ParseDuration(c.expand(t))
	switch {
	case c.plan.source.connector.PushOnly:
		c.err(codeReconcile, t.Span(), "reconcile pulls everything, and there is nothing to pull from what is only pushed", "remove it; where the platform has an API, read it with a connector that takes push:")
	case c.plan.push == nil:
		c.err(codeReconcile, t.Span(), "reconcile pulls beside what is pushed, and nothing is pushed to this mapping", "add push: to the connector's options, or say when to pull under schedule:")
	case err != nil:
		c.err(codeReconcile, t.Span(), fmt.Sprintf("%q is no time", t.Value), form)
	case every < least:
		c.err(codeReconcile, t.Span(), fmt.Sprintf("%s is too often: each of them pulls everything", shown(t, every.String())), "at least 1m; "+form)
	default:
		c.plan.reconcile = every
	}
}

// addsPushes reports a sink that would keep only what was pushed last, or that
// would have everything again with each pull.
func (c *compiler) addsPushes(d ConnectorDecl, sink planSink) {
	connector := sink.connector
	if c.plan.push == nil || connector.Rows {
		return
	}
	adds := connector.Adds != nil && connector.Adds(sink.options)
	merges := adds && connector.Keyed != nil && connector.Keyed(sink.options)
	pulls := c.plan.reconcile > 0 || !c.m.Schedule.Cron.Missing()
	switch modes := modesOf(connector); {
	case !adds:
		c.err(codePushReplace, d.Name.Span(), fmt.Sprintf("%s would keep only what was pushed last", connector.Name), cmp.Or(modes, "use a sink that adds, such as csv with mode: merge"))
	case pulls && !merges:
		c.err(codePushReplace, d.Name.Span(), fmt.Sprintf("%s would have everything again with each pull", connector.Name), "add mode: merge, which keeps one row per key; or take the pull away")
	}
}

// modesOf says how a sink can add.
func modesOf(connector SinkConnector) string {
	mode := optionOf(connector.Options, "mode")
	if mode == nil {
		return ""
	}
	var adding []string
	for _, v := range mode.Values {
		if v != "replace" {
			adding = append(adding, "mode: "+v)
		}
	}
	if len(adding) == 0 {
		return ""
	}
	return "add " + strings.Join(adding, " or ") + " to the sink"
}

// schedule is when the mapping runs by itself.
func (c *compiler) schedule() {
	d := c.m.Schedule
	zone := c.zone(d.Timezone)
	if d.Cron.Missing() {
		return
	}
	if c.plan.source.connector.PushOnly {
		c.err(codeSchedule, d.Cron.Span(), "what is pushed is mapped when it comes, and cannot be fetched at a time", "remove schedule")
		return
	}
	schedule, problem, hint := ParseSchedule(c.expand(d.Cron), cmp.Or(zone, time.UTC))
	if problem != "" {
		c.err(codeSchedule, d.Cron.Span(), c.hide(problem), hint)
		return
	}
	c.plan.schedule = schedule
}

// zone is a time zone by its name; UTC where none is named, nil where it is wrong.
func (c *compiler) zone(t Text) *time.Location {
	if t.Missing() {
		return time.UTC
	}
	name := c.expand(t)
	zone, err := time.LoadLocation(name)
	if err != nil || name == "Local" || name == "" {
		c.err(codeTimezone, t.Span(), fmt.Sprintf("unknown time zone %q", t.Value), cmp.Or(suggestZone(name), "write an IANA name such as Asia/Singapore, Europe/Berlin or UTC"))
		return nil
	}
	return zone
}

const codeTimezone = "unknown-timezone"

// suggestZone is a hint at the zone that was meant: by its name, or by its city.
func suggestZone(name string) string {
	if near := diag.Suggest(name, zoneNames); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	cities := make([]string, len(zoneNames))
	for i, zone := range zoneNames {
		cities[i] = zone[strings.LastIndexByte(zone, '/')+1:]
	}
	if near := diag.Suggest(name[strings.LastIndexByte(name, '/')+1:], cities); near != "" {
		for i, city := range cities {
			if city == near {
				return fmt.Sprintf("did you mean %q?", zoneNames[i])
			}
		}
	}
	return ""
}

// SamePaths is, of each plan, what is wrong with it where one before it takes the
// same pushes. Plans may be nil.
func SamePaths(plans []*Plan) []diag.List {
	out := make([]diag.List, len(plans))
	first := map[string]*Plan{}
	for i, p := range plans {
		if p == nil || p.push == nil {
			continue
		}
		other, taken := first[p.push.Path]
		if !taken {
			first[p.push.Path] = p
			continue
		}
		out[i] = out[i].Error(codeSamePath, p.pushAt, fmt.Sprintf("what is pushed to this path goes to the mapping %s already", other.name), "give each mapping a path of its own",
			diag.Note{Span: other.pushAt, Message: "the path stands here too"})
	}
	return out
}
