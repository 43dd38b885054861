package rest

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"pipeline/pipeline"
)

// Every mistake has a place, and all of them are said at once.
func TestDeclareRefuses(t *testing.T) {
	const head = "name: x\nbase_url: https://x.example\nstreams: {all: {path: /all}}\n"
	for name, test := range map[string]struct {
		text string
		want []string
	}{
		"empty":           {"", []string{"0:0 yaml-syntax: the file is empty; a connector was expected"}},
		"only a comment":  {"# nothing\n", []string{"0:0 yaml-syntax: the file is empty; a connector was expected"}},
		"a list":          {"[1]", []string{"1:1 wrong-type: the connector is a list; expected keys and values"}},
		"not YAML":        {"name: [1,\n", []string{"2:1 yaml-syntax: this is not YAML: did not find expected node content"}},
		"not UTF-8":       {"name: \xff\n", []string{"0:0 yaml-syntax: the file is not UTF-8 text (save it as UTF-8)"}},
		"two documents":   {head + "---\nname: y\n", []string{"4:1 yaml-syntax: a second document begins here; a file declares one connector (move it to a file of its own)"}},
		"too large":       {strings.Repeat("#", maxDeclaration+1), []string{"0:0 too-large: the file has 1048577 bytes; a connector may have 1 MiB"}},
		"nothing in it":   {"{}", []string{`1:1 missing-key: the connector needs "name" (it is how mappings call the connector)`, `1:1 missing-key: the connector needs "base_url" (the part that all addresses of the API begin with)`, `1:1 missing-key: the connector needs "streams" (what lists does the API have?)`}},
		"unknown key":     {head + "limits: {}\n", []string{`4:1 unknown-key: the connector has no key "limits" (did you mean "limit"?)`}},
		"key said twice":  {head + "name: y\n", []string{`4:1 duplicate-key: the connector has "name" twice (leave one out)`}},
		"an alias":        {"name: &a x\nsummary: *a\nbase_url: https://x.example\nstreams: {all: {path: /all}}", []string{"2:10 wrong-type: summary is a YAML alias; expected text (write it out: aliases are not taken here)"}},
		"a number":        {"name: 12\nbase_url: https://x.example\nstreams: {all: {path: /all}}", []string{`1:7 wrong-type: name is a number; expected text (put it in quotes: "12")`}},
		"name":            {"name: My Shop\nbase_url: https://x.example\nstreams: {all: {path: /all}}", []string{`1:7 invalid-value: name "My Shop" is not a plain name (lower case letters, digits, - and _, as in my-platform)`}},
		"base_url":        {"name: x\nbase_url: http://x.example\nstreams: {all: {path: /all}}", []string{"2:11 invalid-value: base_url is http, over which anyone could read the token (use https; http is for addresses of this machine (127.0.0.1, localhost))"}},
		"rate":            {head + "limit: {rate: 500 per minute, concurrency: 0}\n", []string{`4:15 invalid-value: a rate is written as calls per time, such as 500/min, 8/s, 40/4s or 1000/h; found "500 per minute"`, "4:44 invalid-value: concurrency is 0; it must be at least 1"}},
		"auth":            {head + "auth: beerer\n", []string{`4:7 invalid-value: auth cannot be "beerer" (did you mean "bearer"?)`}},
		"auth twice":      {head + "auth: {oauth2: {authorize: /a, token: /t}, header: {name: X}}\n", []string{"4:7 invalid-value: auth needs one way to log in (one of oauth2, header, bearer, basic, none)"}},
		"oauth2":          {head + "auth: {oauth2: {authorize: 'http://x.example/a', callback: put}}\n", []string{`4:28 invalid-value: authorize is "http://x.example/a" (a path below base_url such as /oauth/token, or an https address)`, `4:16 missing-key: oauth2 needs "token" (where a code becomes a token)`, `4:60 invalid-value: callback cannot be "put" (known are get, post)`}},
		"header":          {head + "auth: {header: {name: \"a b\"}}\n", []string{`4:23 invalid-value: "a b" cannot be the name of a header (letters, digits and -)`}},
		"status":          {head + "status: {200: skip, 404: ignore}\n", []string{`4:10 invalid-value: "200" is not the status of an error (a number from 400 to 599)`, `4:26 invalid-value: status 404 cannot be "ignore" (known are retry, fail, skip, login again)`}},
		"options":         {head + "options: {base_url: {}, e: {type: int, required: 1}, n: {type: integer, default: many}}\n", []string{`4:11 invalid-value: every declared connector has the option "base_url" already (leave it out)`, `4:35 invalid-value: type cannot be "int" (known are string, integer, boolean)`, `4:50 wrong-type: required is a number; expected true or false`, `4:82 wrong-type: default is text; expected a whole number`}},
		"template":        {"name: x\nbase_url: https://x.example\noptions: {event: {}, other: {default: a}}\nstreams: {all: {path: '/a/{evnt}/{event}/{other}/{'}}", []string{`4:23 invalid-value: "/a/{evnt}/{event}/{other}/{" has a { without a }`, `4:23 unknown-name: {evnt} is not an option of this connector (did you mean "event"?)`}},
		"path":            {"name: x\nbase_url: https://x.example\nstreams: {all: {path: 'all?x=1'}}", []string{`3:23 invalid-value: path "all?x=1" is not a path below base_url (it begins with / and has no ? or #: what stands there goes into query)`}},
		"no streams":      {"name: x\nbase_url: https://x.example\nstreams: {}", []string{"3:10 invalid-value: streams is empty (name at least one list of the API)"}},
		"page":            {"name: x\nbase_url: https://x.example\nstreams: {all: {path: /all, page: {style: offset, next: a}}}", []string{`3:35 missing-key: page needs "param" (the parameter that says which page is wanted)`, `3:35 missing-key: page needs "size" (the end of a list is known by a page that is not full, as in size: {param: limit, default: 100, max: 100})`, `3:57 invalid-value: paging of style offset has no "next" (leave it out)`, `3:57 invalid-value: next is in an answer that is a list and has no names (say in records under which name the list is, as in records: data)`}},
		"page style":      {"name: x\nbase_url: https://x.example\nstreams: {all: {path: /all, page: {style: offsett}}}", []string{`3:43 invalid-value: style cannot be "offsett" (did you mean "offset"?)`}},
		"page size":       {"name: x\nbase_url: https://x.example\nstreams: {all: {path: /all, page: {style: offset, param: o, size: {param: l, default: 10, max: 5}}}}", []string{"3:87 invalid-value: default is 10 and max is 5 (the default must not be above the max)"}},
		"cursor":          {"name: x\nbase_url: https://x.example\nstreams: {all: {path: /all, records: data, page: {style: cursor, param: c}}}", []string{`3:50 missing-key: page needs "next" (where an answer holds the cursor of the next page, as in meta.next)`}},
		"schema":          {"name: x\nbase_url: https://x.example\nstreams: {all: {path: /all, schema: nope.json}}", []string{`3:37 schema: schema "nope.json" cannot be read: no such file`}},
		"detail of later": {"name: x\nbase_url: https://x.example\nstreams: {all: {path: /all, pathh: /a}}", []string{`3:29 unknown-key: stream all has no key "pathh" (did you mean "path"?)`}},
	} {
		t.Run(name, func(t *testing.T) {
			_, diags := New().Declare("x.yaml", []byte(test.text), func(string) ([]byte, error) { return nil, errors.New("no such file") })
			var got []string
			for _, d := range diags {
				line := fmt.Sprintf("%d:%d %s: %s", d.Span.Start.Line, d.Span.Start.Column, d.Code, d.Message)
				if d.Hint != "" {
					line += " (" + d.Hint + ")"
				}
				got = append(got, line)
			}
			if diff := cmp.Diff(sorted(test.want), sorted(got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func sorted(list []string) map[string]bool {
	set := map[string]bool{}
	for _, s := range list {
		set[s] = true
	}
	return set
}

func TestSchemaIsNamedAsPeopleFindIt(t *testing.T) {
	c, diags := New().Declare("clients/shop.yaml", []byte("name: x\nbase_url: https://x.example\nstreams: {all: {path: /all, key: id, schema: shop.json}}"), func(name string) ([]byte, error) {
		return []byte(`{"title":"` + name + `"}`), nil
	})
	if len(diags) > 0 {
		t.Fatal(diags)
	}
	want := []pipeline.Stream{{Name: "all", Key: "id", Schema: pipeline.Document{Name: "clients/shop.json", Text: []byte(`{"title":"shop.json"}`)}}}
	if diff := cmp.Diff(want, c.Streams); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Whatever a file holds, it is a connector or has an error with a place in it.
func FuzzDeclare(f *testing.F) {
	for _, text := range []string{shopOffset, shopCursor, shopNext, "&a [*a]", "a: {<<: *x}", "? [a]\n: b", "streams: {a: {path: /{}}}"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		e := New()
		c, diags := e.Declare("x.yaml", text, func(string) ([]byte, error) { return []byte("{}"), nil })
		if diags.HasErrors() {
			return
		}
		if c.Name == "" || len(c.Streams) == 0 || c.Open == nil {
			t.Errorf("no error, and no connector: %+v", c)
		}
		if _, err := e.Sandbox(c.Name, SandboxOptions{Records: 3}); err != nil {
			t.Errorf("no sandbox: %v", err)
		}
		c.Check(pipeline.Options{"base_url": "https://x.example", "page_size": int64(1)})
	})
}
