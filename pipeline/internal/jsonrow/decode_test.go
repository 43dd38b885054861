package jsonrow

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"pipeline/pipeline/value"
)

// show writes slots the way the tests below read.
func show(slots []value.Value) []string {
	out := make([]string, len(slots))
	for i, v := range slots {
		switch v.Kind() {
		case value.Boolean:
			out[i] = map[bool]string{true: "true", false: "false"}[v.Bool()]
		case value.Null:
			out[i] = "null"
		default:
			out[i] = v.Kind().String() + " " + v.Text()
		}
	}
	return out
}

func TestDecodeReadsPaths(t *testing.T) {
	p := NewProjection([][]string{{"id"}, {"ticket", "name"}, {"ticket"}, {"tags"}, {"vip"}, {"absent"}, {"ticket", "group", "name"}})
	tests := []struct {
		name, record string
		want         []string
	}{
		{"every kind",
			`{"id": 9007199254740993, "ticket": {"name": "Gold", "group": {"name": "VIP"}}, "tags": ["a", 1], "vip": true}`,
			[]string{"number 9007199254740993", "string Gold", `json {"name": "Gold", "group": {"name": "VIP"}}`, `list ["a", 1]`, "true", "null", "string VIP"}},
		{"nothing there", `{}`, []string{"null", "null", "null", "null", "null", "null", "null"}},
		{"nulls on the way", `{"id": null, "ticket": null}`, []string{"null", "null", "null", "null", "null", "null", "null"}},
		{"text where an object belongs", `{"ticket": "Gold"}`, []string{"null", "invalid text", "string Gold", "null", "null", "null", "invalid text"}},
		{"a list where an object belongs", `{"ticket": []}`, []string{"null", "invalid list", "list []", "null", "null", "null", "invalid list"}},
		{"numbers keep their text", `{"id": -0.10E+5}`, []string{"number -0.10E+5", "null", "null", "null", "null", "null", "null"}},
		{"escapes", `{"id": "a\n\"\\\/\b\f\r\t\u00e9\ud83d\ude00\u0000"}`, []string{"string a\n\"\\/\b\f\r\té😀\x00", "null", "null", "null", "null", "null", "null"}},
		{"an escaped name", `{"\u0069d": 1}`, []string{"number 1", "null", "null", "null", "null", "null", "null"}},
		{"spaces", " {\t\"id\" :\r\n1 } ", []string{"number 1", "null", "null", "null", "null", "null", "null"}},
	}
	d := NewDecoder(p)
	slots := make([]value.Value, p.Slots())
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if err := d.Decode([]byte(test.record), slots); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, show(slots)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDecodeRefuses(t *testing.T) {
	tests := []struct{ name, record, code, reason string }{
		{"nothing", "", "json-syntax", "is empty, a JSON object is wanted"},
		{"cut off", `{"id": `, "json-syntax", "ends where a value is wanted"},
		{"an open text", `{"id": "a`, "json-syntax", "ends where a closing quote is wanted"},
		{"two values", `{} {}`, "json-syntax", "goes on after the end of its JSON value"},
		{"a list", `[1]`, "not-an-object", "is JSON, but not an object"},
		{"null", `null`, "not-an-object", "is JSON, but not an object"},
		{"not JSON", `hello`, "json-syntax", "is not JSON: a value is wanted at byte 1"},
		{"a name twice", `{"a": {"b": 1, "c": 2, "b": 3}}`, "duplicate-name", `has the name "b" twice in one object`},
		{"a name twice, once escaped", `{"ab": 1, "\u0061b": 2}`, "duplicate-name", `has the name "ab" twice in one object`},
		{"invalid UTF-8", "{\"a\": \"\xff\"}", "invalid-utf8", "is not valid UTF-8"},
		{"an encoded surrogate", "{\"a\": \"\xed\xa0\x80\"}", "invalid-utf8", "is not valid UTF-8"},
		{"half a surrogate pair", `{"a": "\ud800x"}`, "invalid-utf8", `has half of a surrogate pair (\ud800 to \udfff) in a text`},
		{"a bare newline", "{\"a\": \"x\ny\"}", "json-syntax", "has an unescaped control character inside a text"},
		{"an unknown escape", `{"a": "\x41"}`, "json-syntax", "has an unknown escape sequence in a text"},
		{"a leading zero", `{"a": 012}`, "json-syntax", "is not JSON: a comma or } is wanted at byte 8"},
		{"NaN", `{"a": NaN}`, "json-syntax", "is not JSON: a value is wanted at byte 7"},
		{"a point without digits", `{"a": 1.}`, "json-syntax", "is not JSON: a digit is wanted at byte 9"},
		{"a trailing comma", `{"a": 1,}`, "json-syntax", "is not JSON: a name in double quotes is wanted at byte 9"},
		{"too deep", strings.Repeat(`{"a":`, 10_000), "too-deep", "is nested more than 64 levels deep"},
		{"too deep a list", `{"a":` + strings.Repeat(`[`, 10_000), "too-deep", "is nested more than 64 levels deep"},
	}
	d := NewDecoder(NewProjection([][]string{{"a"}, {"a", "b"}}))
	slots := make([]value.Value, 2)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var e *Error
			if err := d.Decode([]byte(test.record), slots); !errors.As(err, &e) {
				t.Fatalf("got %v, want an *Error", err)
			}
			if e.Code != test.code || e.Reason != test.reason {
				t.Errorf("got  %s: %s\nwant %s: %s", e.Code, e.Reason, test.code, test.reason)
			}
		})
	}
}

// Strings that were unescaped must stay as they are while the decoder goes on.
func TestUnescapedTextIsNotMoved(t *testing.T) {
	d := NewDecoder(NewProjection([][]string{{"a"}}))
	slots := make([]value.Value, 1)
	var kept []value.Value
	for range 5_000 {
		if err := d.Decode([]byte(`{"a": "x\ny and some more text"}`), slots); err != nil {
			t.Fatal(err)
		}
		kept = append(kept, slots[0])
	}
	for i, v := range kept {
		if v.Text() != "x\ny and some more text" {
			t.Fatalf("value %d became %q", i, v.Text())
		}
	}
}

// FuzzDecode holds the scanner against jsontext: the same texts are JSON, and
// a value that is read is the one that stands there.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{`{"a": 1}`, `{"a":{"b":"\u00e9"},"c":[1,2,{"d":null}]}`, `{"a":-0.1e+5}`, `{"a":1,"a":2}`, "{\"a\":\"\xff\"}", `[]`, `{"a":"\ud83d\ude00"}`, `{"a":true,"b":false} x`} {
		f.Add([]byte(seed))
	}
	p := NewProjection([][]string{{"a"}, {"a", "b"}, {"c"}})
	p.TakeApart(2)
	slots := make([]value.Value, 3)
	f.Fuzz(func(t *testing.T, src []byte) {
		d := NewDecoder(p)
		first := d.Decode(src, slots)
		err := d.Decode(src, slots) // by what it remembers of the first
		var e *Error
		if fmt.Sprint(first) != fmt.Sprint(err) {
			t.Fatalf("%q: got %v, and then %v", src, first, err)
		}
		if errors.As(err, &e) && e.Code == "too-deep" {
			return
		}
		wantValid := jsontext.Value(src).IsValid()
		isObject := wantValid && jsontext.Value(src).Kind() == '{'
		if (err == nil) != isObject {
			t.Fatalf("%q: got %v, jsontext says valid=%v", src, err, wantValid)
		}
		if err != nil && wantValid && e.Code != "not-an-object" {
			t.Fatalf("%q: got %v for valid JSON", src, err)
		}
		if err == nil {
			compareWithTokens(t, src, slots[0])
		}
	})
}

// compareWithTokens reads member "a" with jsontext.
func compareWithTokens(t *testing.T, src []byte, got value.Value) {
	dec := jsontext.NewDecoder(strings.NewReader(string(src)))
	_, _ = dec.ReadToken()
	want := "null"
	for dec.PeekKind() != '}' {
		name, _ := dec.ReadToken()
		isA := name.String() == "a"
		kind := dec.PeekKind()
		v, err := dec.ReadValue()
		if err != nil {
			t.Fatal(err)
		}
		if !isA {
			continue
		}
		switch kind {
		case '"':
			s, _ := jsontext.AppendUnquote(nil, v)
			want = "string " + string(s)
		case '0':
			want = "number " + string(v)
		case '[':
			want = "list " + string(v)
		case '{':
			want = "json " + string(v)
		default:
			want = string(v)
		}
	}
	if s := show([]value.Value{got})[0]; s != want {
		t.Fatalf("%q: got %q, want %q", src, s, want)
	}
}

// BenchmarkDecode is records of one stream, with and without the answers of
// their forms.
func BenchmarkDecode(b *testing.B) {
	const records = 256
	var texts [records][]byte
	size := 0
	for i := range texts {
		texts[i] = []byte(benchRecord(i))
		size += len(texts[i])
	}
	for _, name := range []string{"record", "record and answers"} {
		b.Run(name, func(b *testing.B) {
			p := NewProjection([][]string{{"id"}, {"first_name"}, {"last_name"}, {"email"}, {"company"}, {"country"}, {"ticket", "name"}, {"ticket", "price"}, {"status"}, {"created_at"}, {"custom_fields"}})
			if name != "record" {
				p.TakeApart(10)
			}
			d, slots := NewDecoder(p), make([]value.Value, p.Slots())
			b.SetBytes(int64(size / records))
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if i%records == 0 {
					d.Reset()
				}
				if err := d.Decode(texts[i%records], slots); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// benchRecord is record i of a stream, about 1 KB, as registration platforms
// send it.
func benchRecord(i int) string {
	r := rand.New(rand.NewPCG(1, uint64(i)))
	words := func(most int) string { return strings.Repeat("word ", r.IntN(most+1)) }
	var s strings.Builder
	fmt.Fprintf(&s, `{"id":%d,"first_name":"Zoë %s","last_name":"O'Brien%s","email":"Zoe.OBrien%d@Example.com","company":"Müller & Söhne%s","job_title":"Head of \"Everything\"","country":"sg","phone":"+65 9123 %d","status":"registered",`,
		9007199254740993+i, words(2), words(2), r.IntN(10_000), words(3), r.IntN(10_000))
	fmt.Fprintf(&s, `"ticket":{"name":"Gold%s","group":"VIP","price":"%d.17"},"created_at":"2026-03-01T09:30:00Z","updated_at":"2026-03-02T09:30:00Z","checked_in":false,"check_in_date":null,"custom_fields":[`, words(2), r.IntN(2000))
	for k := range 8 {
		if k > 0 {
			s.WriteByte(',')
		}
		fmt.Fprintf(&s, `{"question":"Question number %d%s","answer":"%s"}`, k, strings.Repeat(" and more", k%4), words(8))
	}
	s.WriteString(`]}`)
	return s.String()
}
