package handover

// limits.go: how the integration behaves towards both ends, and what it keeps.

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"pipeline/pipeline"
	"pipeline/pipeline/diag"
)

// keptOut is what becomes of records that cannot be delivered.
func (p *Pack) keptOut(plan *pipeline.Plan, o pipeline.Outline) []string {
	out := []string{
		"A record is kept out, and the others go on, where it is no sound JSON object, where an expression cannot be computed (a value is missing or of another kind), or where a value cannot be converted to the type of its column without loss.",
	}
	if o.Target != "" {
		out = append(out, "A row is held against "+path.Base(o.Target)+", the contract of the receiver, before it is delivered. One that breaks it is kept out.")
	}
	if len(plan.KeyColumns()) > 0 && len(plan.RowTargets()) > 0 {
		out = append(out, "A second row of the same key ("+p.keyColumns()+") in one run is kept out.")
	}
	out = append(out, fmt.Sprintf("What is kept out is written to %s with its place, the column, the reason and the whole record, so that it can be mapped again once the cause is mended. It is readable by its owner only.", path.Base(plan.RejectFile())))
	switch limit := o.RejectMax; {
	case strings.HasSuffix(limit, "%"):
		out = append(out, fmt.Sprintf("Where more than %s of all records are kept out, the run fails and publishes no file.", limit))
	case limit != "":
		out = append(out, fmt.Sprintf("The run fails and publishes no file as soon as more than %s are kept out.", records(limit)))
	default:
		out = append(out, "Any number of records may be kept out; each run says how many, and why.")
	}
	return out
}

func records(n string) string {
	if n == "1" {
		return "1 record"
	}
	return n + " records"
}

// limits are how fast the platform and the receivers are asked, and what happens
// on errors.
func (p *Pack) limits(plan *pipeline.Plan, o pipeline.Outline) []Fact {
	var out []Fact
	if plan.Remote() {
		out = p.callLimits(plan)
	}
	if n := len(o.Sinks); n > len(plan.RowTargets()) {
		out = append(out, Fact{"Files", "Appear whole or not at all. The same records give the same bytes, however often a run was interrupted."})
	}
	for i, s := range receivers(o) {
		name := ""
		if len(plan.RowTargets()) > 1 {
			name = fmt.Sprintf(" (webhook %d)", i+1)
		}
		out = append(out, receiverLimits(s, name)...)
	}
	return append(out, Fact{"Accounting", "A run says how many records were read, delivered, left out and kept out, and that these numbers add up."})
}

func (p *Pack) callLimits(plan *pipeline.Plan) []Fact {
	limit := plan.Limit()
	var out []Fact
	if limit.Rate.Calls > 0 {
		out = append(out, Fact{"Call rate", fmt.Sprintf("At most %s in any %s, from whatever moment it is counted. The limit is shared by all runs that use this connection on one machine.", diag.Count(limit.Rate.Calls, "call"), span(limit.Rate.Per))})
	} else {
		out = append(out, Fact{"Call rate", "No limit is set; calls of one list are made one after another"})
	}
	if limit.Concurrency > 0 {
		out = append(out, Fact{"Calls at once", fmt.Sprintf("At most %d. The pages of one list are asked for one after another.", limit.Concurrency)})
	}
	if size := plan.SourceOptions().Int("page_size"); size > 0 {
		out = append(out, Fact{"Records per call", fmt.Sprintf("At most %s, so that 10,000 records take about %s.", diag.Thousands(int(size)), diag.Count(int((10000+size-1)/size), "call"))})
	}
	out = append(out,
		Fact{"Errors of the platform", "A call that fails for a moment (no connection, timeout, 429, 5xx) is tried again, up to 5 times within 5 minutes, with growing random pauses. Retry-After is honoured, and pauses everybody who shares the limit. Any other error ends the run; nothing is published."},
		Fact{"Login", "An answer of 401 ends the run, which asks the operator to log in again. Credentials are never tried in a loop."},
	)
	if plan.Outline().Tape {
		out = append(out, Fact{"Interrupted runs", "Go on where they were: an answer that was fetched is not asked for again."})
	} else {
		out = append(out, Fact{"Interrupted runs", "Start over, for no answers are kept."})
	}
	return out
}

// receivers are the sinks that take rows one by one.
func receivers(o pipeline.Outline) []pipeline.SinkOutline {
	return slices.DeleteFunc(slices.Clone(o.Sinks), func(s pipeline.SinkOutline) bool { return !s.Rows })
}

// receiverLimits are those of an address that rows are posted to; name tells it
// from others.
func receiverLimits(s pipeline.SinkOutline, name string) []Fact {
	size := "One row in each request"
	if n := s.Options.Int("batch"); n > 1 {
		size = fmt.Sprintf("At most %d rows in each request", n)
	}
	pace := fmt.Sprintf("%s, at most %s at once", size, diag.Count(int(s.Options.Int("concurrency")), "request"))
	if rate, err := pipeline.ParseRate(s.Options.String("rate")); err == nil {
		pace += fmt.Sprintf(", at most %d in any %s", rate.Calls, span(rate.Per))
	}
	out := []Fact{
		{"Requests" + name, "To " + address(s.Target) + ". " + pace + fmt.Sprintf(". An answer is waited for up to %d seconds.", s.Options.Int("timeout"))},
		{"Delivery" + name, "At least once, and effectively once where the receiver honours the header Idempotency-Key, which is the same for the same rows. An unchanged row is not sent again, a changed one is."},
		{"Errors of the receiver" + name, "429 and 5xx are tried again for about 5 minutes, Retry-After is honoured. 401 and 410 end the run. Another 4xx keeps the rows of the request out, with the answer."},
	}
	if s.Options.String("deletes") == "send" {
		out = append(out, Fact{"Deletions" + name, "A row that is gone from a complete pull is sent as a deletion by its key. Where more than a fifth of all rows would go, none is sent and the run asks."})
	}
	return out
}

// span is a window of time behind "in any": minute, 4 seconds.
func span(d time.Duration) string {
	text := spanWords(d)
	return strings.TrimPrefix(text, "1 ")
}

func spanWords(d time.Duration) string {
	switch {
	case d%time.Hour == 0:
		return diag.Count(int(d/time.Hour), "hour")
	case d%time.Minute == 0:
		return diag.Count(int(d/time.Minute), "minute")
	}
	return diag.Count(int(d/time.Second), "second")
}

// security is how credentials and people's data are treated.
func (p *Pack) security(plan *pipeline.Plan, o pipeline.Outline) []Fact {
	var out []Fact
	if plan.Remote() {
		base := baseURL(plan, o)
		transport := "HTTPS only, with the certificate checked; redirects to another host are not followed."
		if strings.HasPrefix(base, "http://") {
			transport = "Plain HTTP, to " + base + "."
		}
		out = append(out,
			Fact{"Transport", transport},
			Fact{"Access", "Read only. The integration sees what the platform user behind the token may see, and nothing else."},
			Fact{"Credentials", fmt.Sprintf("Belong to the connection “%s”. They come from the environment or the credential store of the machine that runs the integration. They are in no file of the mapping, in no log, in no message and not in this document.", plan.Connection())},
		)
	}
	out = append(out, p.kept(plan, o)...)
	for _, s := range receivers(o) {
		out = append(out, receiverSecurity(s))
	}
	return append(out,
		Fact{"Logs and messages", "Name fields, columns and types, never a person's values, and no token."},
		Fact{"This document", "Made from the mapping and its golden cases. People in examples and test cases are made up."},
	)
}

// kept is what stays on disk, and how long.
func (p *Pack) kept(plan *pipeline.Plan, o pipeline.Outline) []Fact {
	var out []Fact
	switch {
	case o.Tape:
		out = append(out, Fact{"Answers of the platform", "Kept on the disk of that machine, readable by their owner only, until the next complete run and at most 7 days. “pipeline purge” removes them at once."})
	case plan.Remote():
		out = append(out, Fact{"Answers of the platform", "Not kept."})
	}
	if o.Pushed != "" {
		out = append(out, Fact{"What was pushed", "Kept as it came, without the address of its sender, in the store of “pipeline serve” on that machine, for 30 days."})
	}
	if o.Reconcile > 0 {
		out = append(out, Fact{"Versions of records", "Of each record a hash of its key and the time of its last change are remembered, so that what is pushed late is not delivered over what is newer. “pipeline purge” removes them."})
	}
	out = append(out, Fact{"Records that were kept out", "Kept whole in " + path.Base(plan.RejectFile()) + ", readable by their owner only, until a later run replaces the file, or removes it where none is kept out."})
	if len(plan.RowTargets()) > 0 {
		out = append(out, Fact{"What was delivered", "Remembered as the key and a hash of each row, so that nothing is sent twice. “pipeline purge --deliveries” removes it."})
	}
	if files := len(o.Sinks) - len(plan.RowTargets()); files > 0 {
		out = append(out, Fact{"Files that are delivered", "Lie where the client's operator puts them; how long they are kept is the client's to say."})
	}
	return out
}

func receiverSecurity(s pipeline.SinkOutline) Fact {
	text := "gets rows over HTTPS, never by a redirect to another host."
	if strings.HasPrefix(s.Target, "http://") {
		text = "is on the same machine and gets rows over plain HTTP."
	}
	if s.Signed {
		text += " Requests are signed by the rules of Standard Webhooks (webhook-id, webhook-timestamp, webhook-signature)."
	} else {
		text += " Requests are not signed."
	}
	if len(s.Headers) > 0 {
		text += " Sent with each request: the header" + map[bool]string{true: "s"}[len(s.Headers) > 1] + " " + strings.Join(slices.Clone(s.Headers), ", ") + ", whose values are not shown here."
	}
	return Fact{"Receiver", address(s.Target) + ": " + text}
}
