package pipeline

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// inboxOf is pushes in memory.
type inboxOf []Pushed

func (in inboxOf) Last(context.Context) (uint64, error) {
	if len(in) == 0 {
		return 0, nil
	}
	return in[len(in)-1].Seq, nil
}

func (in inboxOf) Read(_ context.Context, after, upTo uint64, yield func(Pushed) error) error {
	for _, m := range in {
		if m.Seq <= after || m.Seq > upTo {
			continue
		}
		m.Body = bytes.Clone(m.Body)
		if err := yield(m); err != nil {
			return err
		}
		clear(m.Body) // it was yield's only until it returned
	}
	return nil
}

// recordsOf is what a push makes of bodies, one line per record.
func recordsOf(t testing.TB, p *Push, in Inbox, after, upTo uint64, from Position) (lines []string, last Position) {
	t.Helper()
	err := p.Source(in, after, upTo).Read(t.Context(), from, func(page *Page) error {
		for _, r := range page.Records {
			line := fmt.Sprintf("%d %s", r.Push, r.Text)
			if r.Fault != nil {
				line = fmt.Sprintf("%d %s: %s: %s", r.Push, r.Fault.Code, r.Fault.Reason, r.Raw)
			}
			lines = append(lines, line)
		}
		last = page.Next
		page.Release()
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return lines, last
}

func pushOf(t testing.TB, o Options, s Stream) *Push {
	t.Helper()
	o["path"] = "/hooks/acme-3f9c2b7a4e1d8056cafe91b2d3e4f507"
	p, wrong := NewPush(o, s)
	if len(wrong) > 0 {
		t.Fatal(wrong)
	}
	return p
}

func TestRecordsOfBodies(t *testing.T) {
	const form, multipart = "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"
	gevme := Stream{Key: "id", Pushed: &PushedStream{Records: []string{"", "data", "items"}}}
	for name, tt := range map[string]struct {
		options    Options
		stream     Stream
		kind, body string
		want       []string
	}{
		"an object":              {body: ` {"id": 1}` + "\n", want: []string{`1 {"id": 1}` + "\n"}},
		"with a mark":            {body: "\ufeff" + `{"id": 1}`, want: []string{`1 {"id": 1}`}},
		"a list":                 {body: `[{"id": 1}, 2, {"id": 3}]`, want: []string{`1 {"id": 1}`, `1 2`, `1 {"id": 3}`}},
		"an empty list":          {body: `[]`},
		"a list that is cut off": {body: `[{"id": 1}, {"id"`, want: []string{`1 json-syntax: the list is broken: it is cut off in the middle: [{"id": 1}, {"id"`}},
		"no JSON":                {body: `hello`, want: []string{`1 hello`}},
		"nothing":                {want: []string{`1 `}},
		"an envelope, unknown":   {body: `{"data": {"id": 1}}`, want: []string{`1 {"data": {"id": 1}}`}},
		"records":                {options: Options{"records": "data.items"}, body: `{"data": {"items": [{"id": 1}, {"id": 2}]}}`, want: []string{`1 {"id": 1}`, `1 {"id": 2}`}},
		"records, one":           {options: Options{"records": "data"}, body: `{"data": {"id": 1}}`, want: []string{`1 {"id": 1}`}},
		"records, none":          {options: Options{"records": "data.items"}, body: `{"data": {}}`, want: []string{`1 push-form: the body has nothing under data.items, where records: says that its records are: {"data": {}}`}},
		"records, a list":        {options: Options{"records": "data"}, body: `[1]`, want: []string{`1 push-form: the body has no data: an object is wanted, found a list: [1]`}},
		"gevme, bare":            {stream: gevme, body: `{"id": 1, "data": {"x": 1}}`, want: []string{`1 {"id": 1, "data": {"x": 1}}`}},
		"gevme, in data":         {stream: gevme, body: `{"event": "e", "data": {"id": 1}}`, want: []string{`1 {"id": 1}`}},
		"gevme, items":           {stream: gevme, body: `{"items": [{"id": 1}, {"id": 2}]}`, want: []string{`1 {"id": 1}`, `1 {"id": 2}`}},
		"gevme, list":            {stream: gevme, body: `[{"id": 1}]`, want: []string{`1 {"id": 1}`}},
		"gevme, data is a text":  {stream: gevme, body: `{"data": "x"}`, want: []string{`1 {"data": "x"}`}},
		"a form":                 {kind: form + "; charset=UTF-8", body: "name=Zo%C3%AB+Z&tag=a&tag=b&empty=&=x", want: []string{`1 {"name":"Zoë Z","tag":["a","b"],"empty":"","":"x"}`}},
		"a form, broken":         {kind: form, body: "a=%zz", want: []string{`1 push-form: the body is no form: it has a % that is not followed by two hexadecimal digits: a=%zz`}},
		"a form, not UTF-8":      {kind: form, body: "a=%ff", want: []string{`1 push-form: the body is no form: a name or a value in it is not UTF-8: a=%ff`}},
		"a form that is said":    {options: Options{"content": "form"}, kind: "application/json", body: "a=1", want: []string{`1 {"a":"1"}`}},
		"JSON that is said":      {options: Options{"content": "json"}, kind: form, body: `{"a": 1}`, want: []string{`1 {"a": 1}`}},
		"multipart":              {kind: multipart, body: "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--x--\r\n", want: []string{`1 {"a":"1"}`}},
		"multipart, a file":      {kind: multipart, body: "--x\r\nContent-Disposition: form-data; name=\"a\"; filename=\"a.csv\"\r\n\r\n1\r\n--x--\r\n", want: []string{"1 push-form: the body is no form: it has a file in it: --x\r\nContent-Disposition: form-data; name=\"a\"; filename=\"a.csv\"\r\n\r\n1\r\n--x--\r\n"}},
		"multipart, of another":  {kind: "multipart/form-data; boundary=y", body: "--x\r\n\r\n1\r\n--x--\r\n", want: []string{"1 push-form: the body is no form: its parts are broken or cut off: --x\r\n\r\n1\r\n--x--\r\n"}},
		"multipart, no end":      {kind: multipart, body: "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--x\r\n", want: []string{`1 {"a":"1"}`}},
		"multipart, no parts":    {kind: multipart, body: "--x--\r\n", want: []string{"1 {}"}},
		"multipart, cut off":     {kind: multipart, body: "--x\r\nContent-Disp", want: []string{"1 push-form: the body is no form: its parts are broken or cut off: --x\r\nContent-Disp"}},
	} {
		t.Run(name, func(t *testing.T) {
			if tt.options == nil {
				tt.options = Options{}
			}
			got, _ := recordsOf(t, pushOf(t, tt.options, tt.stream), inboxOf{{Seq: 1, ContentType: tt.kind, Body: []byte(tt.body)}}, 0, 1, "")
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("records (-want +got):\n%s", diff)
			}
		})
	}
}

// Whatever lies in an inbox, it is read in order, each once, and from wherever a
// page ended on.
func TestSourceOfPushes(t *testing.T) {
	p := pushOf(t, Options{}, Stream{})
	rapid.Check(t, func(rt *rapid.T) {
		var in inboxOf
		seq := uint64(0)
		var want []string
		for range rapid.IntRange(0, 12).Draw(rt, "pushes") {
			seq += uint64(rapid.IntRange(1, 3).Draw(rt, "hole"))
			n := rapid.IntRange(0, 3).Draw(rt, "records")
			padding := strings.Repeat("x", rapid.SampledFrom([]int{0, 10, 10, 10, 90_000, 300_000}).Draw(rt, "padding"))
			var list []string
			for i := range n {
				list = append(list, fmt.Sprintf(`{"id": %d, "p": %q}`, i, padding))
				want = append(want, fmt.Sprintf("%d %s", seq, list[i]))
			}
			in = append(in, Pushed{Seq: seq, Body: []byte("[" + strings.Join(list, ",") + "]")})
		}
		got, _ := recordsOf(t, p, in, 0, seq, "")
		if !slices.Equal(got, want) {
			rt.Fatalf("%d records are read, %d were pushed", len(got), len(want))
		}
		middle := rapid.Uint64Range(0, seq).Draw(rt, "middle")
		first, _ := recordsOf(t, p, in, 0, middle, "")
		rest, _ := recordsOf(t, p, in, middle, seq, "")
		resumed, _ := recordsOf(t, p, in, 0, seq, Position(fmt.Sprint(middle)))
		if !slices.Equal(append(first, rest...), want) || !slices.Equal(rest, resumed) {
			rt.Fatalf("cut at %d, %d and %d records are read", middle, len(first), len(rest))
		}
	})
}

// FuzzForm: a form is an object that has what url.ParseQuery finds in it.
func FuzzForm(f *testing.F) {
	for _, s := range []string{"", "a=1&a=2&b=", "%41=%", "a=%C3%AB+", "&&=&", "a;b=1", "\xff=1", "a=1\r\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		made, err := formObject(formURLEncoded, []byte(body))
		if err != nil {
			return
		}
		var got map[string]any
		if err := json.Unmarshal(made, &got); err != nil {
			t.Fatalf("%s: %v", made, err)
		}
		if strings.ContainsAny(body, ";") { // which the library takes for a mistake, and browsers for a letter
			return
		}
		want, err := url.ParseQuery(strings.TrimRight(body, "\r\n"))
		if err != nil || len(want) != len(got) {
			t.Fatalf("%q is %s, and %v to the library (%v)", body, made, want, err)
		}
		for name, texts := range want {
			if len(texts) == 1 && got[name] != texts[0] {
				t.Errorf("%q is %v, want %v", name, got[name], texts)
			}
			if list, _ := got[name].([]any); len(texts) > 1 && len(list) != len(texts) {
				t.Errorf("%q is %v, want %v", name, got[name], texts)
			}
		}
	})
}

func TestIsRandom(t *testing.T) {
	for text, want := range map[string]bool{
		"3f9c2b7a4e1d8056cafe91b2d3e4f507":         true,
		"acme-3F9C2B7A4E1D8056CAFE91B2D3E4F507":    true,
		"pXk3-vQ9_tZb8RmW2yLsJ4":                   true,
		"acme.pXk3vQ9tZb8RmW2yLsJ4Ga":              true,
		"3f9c2b7a4e1d8056cafe91b2d3e4f50":          false, // 31
		"0123456701234567012345670123456":          false,
		"00000000000000000000000000000000":         false,
		"acme-registrations-production":            false,
		"AcmeRegistrationsWebhook":                 false,
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa": false,
		"2026-03-01-2026-03-02-2026-03-03":         false,
		"4f1c2c0e-8a57-4a3c-9e57-1b0f2f6f2a11":     false, // a UUID has 122
		"":                                         false,
	} {
		if got := isRandom(text); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

// Nearly every secret that openssl or a password manager makes is taken for one.
func TestIsRandomTakesRandomOnes(t *testing.T) {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	refused := 0
	for seed := range 2000 {
		x := uint64(seed)*0x9e3779b97f4a7c15 + 1
		var b strings.Builder
		for range 22 {
			x ^= x << 13
			x ^= x >> 7
			x ^= x << 17
			b.WriteByte(alphabet[x%64])
		}
		if !isRandom(b.String()) {
			refused++
		}
	}
	if refused > 60 {
		t.Errorf("%d of 2,000 are refused", refused)
	}
}
