package rest

import (
	"strconv"
	"time"

	"go.yaml.in/yaml/v4"

	"pipeline/pipeline"
)

// changes is how a list is asked for what changed after a time. The zero changes
// is not at all.
type changes struct {
	param string   // the parameter that takes the time
	form  timeForm // how it is written
	field string   // the member of a record that tells when it was changed
}

// timeForm is a way to write a time into a query.
type timeForm string

const (
	formUnix    timeForm = "unix"    // seconds since 1970
	formUnixMS  timeForm = "unix_ms" // milliseconds since 1970
	formRFC3339 timeForm = "rfc3339" // in UTC
)

// changes reads `incremental:`.
func (r *reader) changes(n *yaml.Node) changes {
	o, ok := r.object(n, "incremental", "param", "form", "field")
	if !ok {
		return changes{}
	}
	var c changes
	c.param, _ = o.need("param", "the parameter that takes the time after which a record was changed")
	c.field, _ = o.need("field", "the member of a record that tells when it was changed")
	if at := o.get("form"); at == nil {
		o.missing("form", "one of unix_ms, unix, rfc3339")
	} else {
		c.form = timeForm(r.word(at, "form", string(formUnixMS), string(formUnix), string(formRFC3339)))
	}
	return c
}

// text is a time in that form, cut to what the form can tell: earlier, so that
// nothing is missed.
func (f timeForm) text(t time.Time) string {
	switch f {
	case formUnix:
		return strconv.FormatInt(t.Unix(), 10)
	case formUnixMS:
		return strconv.FormatInt(t.UnixMilli(), 10)
	}
	return t.UTC().Truncate(time.Second).Format(time.RFC3339)
}

// time is the time that a text of that form means.
func (f timeForm) time(text string) (time.Time, bool) {
	if f == formRFC3339 {
		t, err := time.Parse(time.RFC3339, text)
		return t, err == nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if f == formUnixMS {
		return time.UnixMilli(n), err == nil
	}
	return time.Unix(n, 0), err == nil
}

// pushed reads `push:`, what is known of pushes of a stream. By default the newer
// of two records is known by what tells when it was changed.
func (r *reader) pushed(n *yaml.Node, s *stream) *pipeline.PushedStream {
	o, ok := r.object(n, "push", "records", "version")
	if !ok {
		return nil
	}
	p := &pipeline.PushedStream{Records: []string{""}, Version: s.changes.field}
	if n := o.get("records"); n != nil {
		p.Records = r.envelopes(n)
	}
	if n := o.get("version"); n != nil {
		p.Version = r.text(n, "version")
	}
	if s.key == "" {
		r.error(n, "invalid-value", "a stream that is pushed needs a key", "say under key which member of a record tells it from others: a push and a pull are told to be of one record by it")
	}
	return p
}
