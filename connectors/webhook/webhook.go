// Package webhook delivers rows to an address over HTTP: one JSON object per
// request, or an array of them.
//
// A row is delivered once its receiver says so. What is delivered stays
// delivered, whatever becomes of the run: there is nothing to commit and nothing
// to take back. A run that is repeated delivers again, with the same
// Idempotency-Key for the same rows, by which a receiver can tell. Rows that are
// alike to the last character have one key, and are one row to such a receiver.
//
// Requests go out directly, not through a proxy: behind one nobody could tell
// whether they end up in a private network.
package webhook

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"pipeline/pipeline"
)

// Options are the options of the sink, with their defaults.
type Options struct {
	URL          string             `option:"url,required" doc:"where rows are posted to; https, or http on this machine"`
	Headers      map[string]string  `option:"headers" doc:"headers of every request"`
	Batch        int                `option:"batch" doc:"rows of a request: 1 sends an object, more send an array of at most so many"`
	Body         *pipeline.Template `option:"body" doc:"expression that makes the body of a request from row (the first) or rows (all), such as {attendees: rows}"`
	Deletes      string             `option:"deletes" values:"ignore,send" doc:"send {type: delete, key: {…}} for rows that are gone from a complete pull, or ignore that they are"`
	Concurrency  int                `option:"concurrency" doc:"requests under way at once, each on a connection of its own, 1 to 64; rows of one key keep their order"`
	Rate         string             `option:"rate" doc:"most requests in any window of time, such as 50/s; no limit by default"`
	Secret       string             `option:"secret" doc:"key that requests are signed with by the rules of Standard Webhooks: whsec_ and base64"`
	Success      string             `option:"success" doc:"statuses that mean delivered, such as 2xx or 200,202"`
	Timeout      int                `option:"timeout" doc:"seconds that one request may take, 1 to 300"`
	AllowPrivate bool               `option:"allow_private" doc:"allow addresses of a private network; those of this machine need it only where the url does not say localhost"`
}

var defaults = Options{
	Batch:       1,
	Concurrency: 4,
	Deletes:     "ignore",
	Success:     "2xx",
	Timeout:     30,
}

// The bounds of the options.
const (
	maxBatch       = 10_000
	maxConcurrency = 64
	maxTimeout     = 300
)

// Connector is the sink "webhook".
func Connector() pipeline.SinkConnector {
	return pipeline.SinkConnector{
		Name:    "webhook",
		Summary: "Requests to an address, a row or a batch of rows each",
		Options: pipeline.OptionsOf(defaults),
		Check:   check,
		Target:  target,
		Rows:    true,
		Open:    open,
		Courier: newCourier,
	}
}

// target is the address without what may be secret in it.
func target(options pipeline.Options) string {
	u, err := url.Parse(options.String("url"))
	if err != nil {
		return "webhook"
	}
	return nameOf(u)
}

// nameOf is what people are told of an address: its query may hold a token.
func nameOf(u *url.URL) string { return u.Scheme + "://" + u.Host + u.EscapedPath() }

func decoded(options pipeline.Options) Options {
	o := defaults
	options.Decode(&o)
	return o
}

func check(options pipeline.Options) []pipeline.OptionError {
	_, errs := compile(decoded(options))
	return errs
}

func open(_ context.Context, c pipeline.SinkConfig) (pipeline.Writer, error) {
	return openWriter(c)
}

func openWriter(c pipeline.SinkConfig) (*writer, error) {
	p, errs := compile(decoded(c.Options))
	if len(errs) > 0 {
		return nil, fmt.Errorf("open the webhook: %s: %s", errs[0].Option, errs[0].Message)
	}
	transport := func() http.RoundTripper { return newConnection(p, nil) }
	if c.World.HTTP != nil {
		transport = func() http.RoundTripper { return c.World.HTTP }
	}
	if c.Target != "" {
		p.name = c.Target
	}
	return newWriter(p, transport, c), nil
}

// params are the options as the sink uses them.
type params struct {
	url          *url.URL
	name         string // of the url, for messages
	headers      map[string]string
	batch        int
	concurrency  int
	rate         pipeline.Rate
	secret       []byte // nil: requests are not signed
	success      statuses
	timeout      time.Duration
	allowPrivate bool
	envelope     *pipeline.Template // of the body; nil: the rows as they are
}

// compile finds everything that is wrong with the options. No message holds the
// value of a secret one.
func compile(o Options) (params, []pipeline.OptionError) {
	p := params{headers: o.Headers, batch: o.Batch, concurrency: o.Concurrency, timeout: time.Duration(o.Timeout) * time.Second, allowPrivate: o.AllowPrivate, envelope: o.Body}
	var errs []pipeline.OptionError
	wrong := func(option, message, hint string) {
		if message != "" {
			errs = append(errs, pipeline.OptionError{Option: option, Message: message, Hint: hint})
		}
	}
	var message, hint string
	p.url, message, hint = parseURL(o.URL, o.AllowPrivate)
	wrong("url", message, hint)
	if p.url != nil {
		p.name = nameOf(p.url)
	}
	for _, name := range slices.Sorted(maps.Keys(o.Headers)) {
		message, hint = checkHeader(name, o.Headers[name])
		wrong("headers", message, hint)
	}
	wrong("batch", within(o.Batch, maxBatch, "rows"), "")
	wrong("concurrency", within(o.Concurrency, maxConcurrency, "requests"), "")
	wrong("timeout", within(o.Timeout, maxTimeout, "seconds"), "")
	if o.Rate != "" {
		rate, err := pipeline.ParseRate(o.Rate)
		if err != nil {
			wrong("rate", err.Error(), "")
		}
		p.rate = rate
	}
	if o.Secret != "" {
		p.secret, message = pipeline.ParseWebhookSecret(o.Secret)
		wrong("secret", message, "the receiver shows it as whsec_…; keep it in the environment: ${WEBHOOK_SECRET}")
	}
	p.success, message = parseStatuses(o.Success)
	wrong("success", message, "such as 2xx, or 200,202")
	return p, errs
}

func within(n, most int, unit string) string {
	if n >= 1 && n <= most {
		return ""
	}
	return fmt.Sprintf("1 to %d %s are possible, found %d", most, unit, n)
}

// ours are the headers that this sink sets itself, or that HTTP needs for
// itself.
var ours = []string{"content-length", "transfer-encoding", "connection", "host", "trailer", "upgrade", "expect", "idempotency-key", "webhook-id", "webhook-timestamp", "webhook-signature"}

func checkHeader(name, value string) (message, hint string) {
	switch {
	case !isToken(name):
		return fmt.Sprintf("%q is no name of a header", name), "a name has letters, digits and hyphens"
	case slices.Contains(ours, strings.ToLower(name)):
		return fmt.Sprintf("the header %s is set by the sink itself", name), "leave it out"
	case strings.ContainsFunc(value, isControl):
		return fmt.Sprintf("the value of the header %s holds a line break or another control character", name), "a secret that was read from a file often ends in a line break"
	}
	return "", ""
}

// isToken reports whether s can be the name of a header.
func isToken(s string) bool {
	return s != "" && strings.Trim(s, "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}

func isControl(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }

// statuses are the answers that mean delivered.
type statuses [600]bool

func parseStatuses(s string) (set statuses, message string) {
	for word := range strings.SplitSeq(s, ",") {
		word = strings.TrimSpace(word)
		if word == "2xx" {
			for status := 200; status < 300; status++ {
				set[status] = true
			}
			continue
		}
		status, err := strconv.Atoi(word)
		if err != nil || status < 200 || status/100 == 3 || status > 499 {
			return set, fmt.Sprintf("%q is no status of an answer that may mean delivered", word)
		}
		set[status] = true
	}
	return set, ""
}

func (s *statuses) has(status int) bool { return status >= 0 && status < len(s) && s[status] }
