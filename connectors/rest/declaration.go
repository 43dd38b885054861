package rest

import (
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"pipeline/pipeline"
	"pipeline/pipeline/diag"
)

// declaration is a connector's YAML after it was checked. It never changes.
type declaration struct {
	name, summary, docs string
	file                string // as it was named; empty: built in

	baseURL string // without a slash at its end
	options []pipeline.Option
	auth    auth
	limit   pipeline.Limit
	status  map[int]meaning
	streams []stream
	sandbox sandboxDefaults
}

// stream is one list of the API.
type stream struct {
	name, summary string

	path    template
	query   []parameter
	detail  *template // of one record; nil: the list says all
	members []string  // of a listed record, in the path of its detail
	listed  []string  // members that the sandbox lists; none: all
	changes changes
	needs   []string // options without which it cannot be read, though not required
	key     string
	records []string // envelopes as pipeline.Elements takes them: "" is the answer itself
	paging  paging
	schema  pipeline.Document
	pushed  *pipeline.PushedStream // nil: the platform does not push it
}

// parameter is one part of a query.
type parameter struct {
	name  string
	value template
}

// fromRecord reports whether a name in the path of the detail is a member of the
// listed record.
func (s *stream) fromRecord(name string) bool { return slices.Contains(s.members, name) }

// meaning is what a status of an answer means.
type meaning string

const (
	meansRetry meaning = "retry"       // ask again later
	meansFail  meaning = "fail"        // the run ends
	meansSkip  meaning = "skip"        // the list is empty
	meansLogin meaning = "login again" // the token is not good any more
)

// sandboxDefaults is what the sandbox of this connector serves.
type sandboxDefaults struct {
	records int               // of every list
	with    map[string]string // options of the list whose records are pushed
}

// optionName is what options, streams and connectors may be called.
var optionName = regexp.MustCompile(`^[a-z][a-z0-9_-]*$`)

// parse reads a declaration.
func parse(file string, src []byte, schema func(string) ([]byte, error)) (*declaration, diag.List) {
	r := &reader{file: file}
	root := r.load(src)
	if root == nil {
		return nil, r.diags
	}
	o, ok := r.object(root, "the connector", "name", "summary", "docs", "base_url", "options", "auth", "limit", "status", "streams", "sandbox")
	if !ok {
		return nil, r.diags
	}
	d := &declaration{file: file, summary: o.text("summary"), docs: o.text("docs")}
	d.name = o.name(r)
	d.baseURL = r.baseURL(o)
	d.options = r.options(o.get("options"))
	d.auth = r.auth(o.get("auth"))
	d.limit = r.limit(o.get("limit"))
	d.status = r.status(o.get("status"))
	if n := o.get("streams"); n == nil {
		o.missing("streams", "what lists does the API have?")
	} else {
		d.streams = r.streams(n, d.options, schema)
	}
	d.sandbox = sandboxDefaults{records: 100}
	if n := o.get("sandbox"); n != nil {
		if s, ok := r.object(n, "sandbox", "records", "with"); ok {
			d.sandbox.records = int(s.count("records", 0, 100))
			d.sandbox.with = r.with(s.get("with"), d.options)
		}
	}
	r.diags.Sort()
	return d, r.diags
}

// with reads the options of the list whose records the sandbox pushes.
func (r *reader) with(n *yaml.Node, options []pipeline.Option) map[string]string {
	out := map[string]string{}
	if n == nil {
		return out
	}
	o, ok := r.object(n, "with", optionNames(options)...)
	if !ok {
		return out
	}
	for _, e := range o.entries {
		out[e.name] = r.text(e.value, e.name)
	}
	return out
}

func (o *object) name(r *reader) string {
	name, at := o.need("name", "it is how mappings call the connector")
	if name != "" && !optionName.MatchString(name) {
		r.error(at, "invalid-value", "name "+strconv.Quote(name)+" is not a plain name", "lower case letters, digits, - and _, as in my-platform")
	}
	return name
}

func (r *reader) baseURL(o *object) string {
	text, at := o.need("base_url", "the part that all addresses of the API begin with")
	if text == "" {
		return ""
	}
	base, problem, hint := parseBaseURL(text)
	if problem != "" {
		r.error(at, "invalid-value", problem, hint)
		return ""
	}
	return base.String()
}

// parseBaseURL is the address that s is, without a slash at its end, or what is
// wrong with it.
func parseBaseURL(s string) (u *url.URL, problem, hint string) {
	u, err := url.Parse(strings.TrimRight(s, "/"))
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "":
		return nil, "base_url is not a web address", "as in https://api.example.com/v1"
	case u.User != nil:
		return nil, "base_url has a user name in it", "credentials belong to the connection, not into an address"
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return nil, "base_url has a part after ? or #", "leave it out"
	case u.Scheme == "https":
		return u, "", ""
	case u.Scheme == "http" && isLoopback(u.Hostname()):
		return u, "", ""
	case u.Scheme == "http":
		return nil, "base_url is http, over which anyone could read the token", "use https; http is for addresses of this machine (127.0.0.1, localhost)"
	}
	return nil, "base_url begins with " + strconv.Quote(u.Scheme+":"), "use https"
}

// options reads the connector's own options.
func (r *reader) options(n *yaml.Node) []pipeline.Option {
	if n == nil {
		return nil
	}
	all, ok := r.object(n, "options")
	if !ok {
		return nil
	}
	var out []pipeline.Option
	for _, e := range all.entries {
		switch {
		case e.name == optionBaseURL || e.name == optionPageSize || e.name == optionPush:
			r.error(e.key, "invalid-value", "every declared connector has the option "+strconv.Quote(e.name)+" already", "leave it out")
			continue
		case !optionName.MatchString(e.name):
			r.error(e.key, "invalid-value", "option "+strconv.Quote(e.name)+" is not a plain name", "lower case letters, digits, - and _")
			continue
		}
		if opt, ok := r.option(e); ok {
			out = append(out, opt)
		}
	}
	return out
}

func (r *reader) option(e entry) (pipeline.Option, bool) {
	o, ok := r.object(e.value, "option "+e.name, "doc", "type", "required", "default", "values", "max")
	if !ok {
		return pipeline.Option{}, false
	}
	opt := pipeline.Option{Name: e.name, Type: pipeline.TypeString, Doc: o.text("doc"), Max: o.count("max", 1, 0)}
	if n := o.get("type"); n != nil {
		opt.Type = pipeline.OptionType(r.word(n, "type", "string", "integer", "boolean"))
	}
	if n := o.get("required"); n != nil {
		opt.Required = r.boolean(n, "required")
	}
	if n := o.get("values"); n != nil {
		opt.Values = r.texts(n, "values")
	}
	if n := o.get("default"); n != nil {
		opt.Default = r.optionDefault(n, opt)
	}
	return opt, true
}

func (r *reader) optionDefault(n *yaml.Node, opt pipeline.Option) any {
	switch opt.Type {
	case pipeline.TypeInteger:
		i, _ := r.integer(n, "default")
		return i
	case pipeline.TypeBoolean:
		return r.boolean(n, "default")
	}
	s := r.text(n, "default")
	if len(opt.Values) > 0 && !slices.Contains(opt.Values, s) {
		r.error(n, "invalid-value", "default "+strconv.Quote(s)+" is none of the values", diag.DidYouMean(s, opt.Values))
	}
	return s
}

func (r *reader) limit(n *yaml.Node) pipeline.Limit {
	if n == nil {
		return pipeline.Limit{}
	}
	o, ok := r.object(n, "limit", "rate", "concurrency")
	if !ok {
		return pipeline.Limit{}
	}
	limit := pipeline.Limit{Concurrency: int(o.count("concurrency", 1, 0))}
	if n := o.get("rate"); n != nil {
		if text := r.text(n, "rate"); text != "" {
			rate, err := pipeline.ParseRate(text)
			if err != nil {
				r.error(n, "invalid-value", err.Error(), "")
			}
			limit.Rate = rate
		}
	}
	return limit
}

// status reads what statuses mean to this API.
func (r *reader) status(n *yaml.Node) map[int]meaning {
	out := map[int]meaning{}
	if n == nil {
		return out
	}
	o, ok := r.object(n, "status")
	if !ok {
		return out
	}
	for _, e := range o.entries {
		code, err := strconv.Atoi(e.name)
		if err != nil || code < 400 || code > 599 {
			r.error(e.key, "invalid-value", strconv.Quote(e.name)+" is not the status of an error", "a number from 400 to 599")
			continue
		}
		out[code] = meaning(r.word(e.value, "status "+e.name, string(meansRetry), string(meansFail), string(meansSkip), string(meansLogin)))
	}
	return out
}

// means is what a status of an answer that is not a success means.
func (d *declaration) means(status int) meaning {
	if m, ok := d.status[status]; ok {
		return m
	}
	switch status {
	case 401:
		return meansLogin
	case 429, 500, 502, 503, 504:
		return meansRetry
	}
	return meansFail
}

// skips reports whether a status means that there is nothing.
func (d *declaration) skips(status int) bool { return d.means(status) == meansSkip }

// doc is what is said of an option.
func (d *declaration) doc(name string) string {
	if o := option(d.options, name); o != nil {
		return o.Doc
	}
	return ""
}

// schemaPath is where people find a schema that file names.
func schemaPath(file, name string) string {
	return path.Join(path.Dir(strings.ReplaceAll(file, `\`, "/")), name)
}
