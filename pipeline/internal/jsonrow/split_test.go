package jsonrow

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

func TestElements(t *testing.T) {
	envelopes := []string{"", "items", "data"}
	tests := []struct {
		name, doc string
		want      []string
		err       string
	}{
		{"a list", ` [ {"a": "]}"} , {"b":[1,{}]},3 ] `, []string{`{"a": "]}"}`, `{"b":[1,{}]}`, `3`}, ""},
		{"an empty list", `[]`, nil, ""},
		{"in an envelope", `{"total": 2, "items": [{"a": 1}, "x"], "next": null}`, []string{`{"a": 1}`, `"x"`}, ""},
		{"the envelope that has a list", `{"data": [1], "items": {"n": 1}}`, []string{`1`}, ""},
		{"two lists", `{"data": [1], "items": []}`, nil, "it has a list under each of data, items, and nothing says which one counts"},
		{"a list twice", `{"items": [1], "items": [2]}`, nil, "it has a list under each of items, items, and nothing says which one counts"},
		{"a name that is somebody's", `{"ada@example.com": [1]}`, nil, `a list or an object with a list under "items" or an object with a list under "data" is wanted, found an object with the names …`},
		{"a bad element is one bad element", `[{"a": 012}, {"a": 1, "a": 2}]`, []string{`{"a": 012}`, `{"a": 1, "a": 2}`}, ""},
		{"cut off", `[{"a": 1}, {"a": `, nil, "it is cut off in the middle"},
		{"cut off after the list", `{"items": [1]`, nil, "it is cut off in the middle"},
		{"empty", ` `, nil, "the answer is empty"},
		{"an error object", `{"error": "x", "message": "y"}`, nil, `a list or an object with a list under "items" or an object with a list under "data" is wanted, found an object with the names error, message`},
		{"HTML", `<!doctype html>`, nil, `a list or an object with a list under "items" or an object with a list under "data" is wanted, found something like an HTML page`},
		{"more behind it", `[1] 2`, nil, "it goes on after its end at byte 5"},
		{"no comma", `[1 2]`, nil, "a comma or ] is wanted at byte 4"},
		{"a comma too many", `[1,]`, nil, "a value is wanted at byte 4"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			err := Elements([]byte(test.doc), envelopes, func(elem []byte) { got = append(got, string(elem)) })
			if test.err != "" {
				if err == nil || err.Error() != test.err {
					t.Fatalf("got error %v\nwant %s", err, test.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestLookup(t *testing.T) {
	doc := []byte(`{"meta": {"next": "abc", "total": 12}, "items": [{"a": 1, "a": 2}]}`)
	for path, want := range map[string]string{"meta.next": "string abc", "meta.total": "number 12", "meta.gone": "null", "items.x": "null", "gone.x": "null"} {
		v, err := Lookup(doc, strings.Split(path, "."))
		if err != nil {
			t.Fatal(err)
		}
		got := v.Kind().String()
		if v.Text() != "" {
			got += " " + v.Text()
		}
		if got != want {
			t.Errorf("%s: got %s, want %s", path, got, want)
		}
	}
}

func TestMembers(t *testing.T) {
	for doc, want := range map[string]string{
		` {"a": 1,"b" : [2, {"c":3}] , "a":"x\"}", "\u0061":null} `: `a=1 b=[2, {"c":3}] a="x\"}" \u0061=null`,
		`{}`:               "",
		`{"a": bad}`:       "a=bad", // what is inside is not looked at
		``:                 "error: the answer is empty",
		`[{"a":1}]`:        "error: an object is wanted, found a list",
		`{"a":1} {}`:       "error: it goes on after its end at byte 9",
		`{"a":1,}`:         "error: a name in double quotes is wanted at byte 8",
		`{"a":[1,{"b":2}]`: "error: it is cut off in the middle",
		`{"a`:              "error: it is cut off in the middle",
	} {
		var got []string
		err := Members([]byte(doc), func(name, value []byte) { got = append(got, string(name)+"="+string(value)) })
		if err != nil {
			got = []string{"error: " + err.Error()}
		}
		if text := strings.Join(got, " "); text != want {
			t.Errorf("%s: got %s, want %s", doc, text, want)
		}
	}
}

func readArray(r io.Reader, max int) (elems []string, lines []int, large []TooLarge, err error) {
	a := NewArrayReader(r, max)
	for {
		elem, line, err := a.Next(nil)
		var tooLarge *TooLarge
		switch {
		case errors.Is(err, io.EOF):
			return elems, lines, large, nil
		case errors.As(err, &tooLarge):
			large = append(large, *tooLarge)
			continue
		case err != nil:
			return elems, lines, large, err
		}
		elems = append(elems, string(elem))
		lines = append(lines, line)
	}
}

func TestArrayReader(t *testing.T) {
	doc := "[\n{\"a\": \"]\\\"\"},\n 12 , \"x\",\n" + `{"long": "` + strings.Repeat("y", 100) + `"},` + "\n[{}] ]\n"
	for name, r := range map[string]io.Reader{"whole": strings.NewReader(doc), "byte by byte": iotest.OneByteReader(strings.NewReader(doc))} {
		t.Run(name, func(t *testing.T) {
			elems, lines, large, err := readArray(r, 50)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{`{"a": "]\""}`, "12", `"x"`, "[{}]"}, elems); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff([]int{2, 3, 3, 5}, lines); diff != "" {
				t.Error(diff)
			}
			sum := sha256.Sum256([]byte(`{"long": "` + strings.Repeat("y", 100) + `"}`))
			want := []TooLarge{{Offset: int64(strings.Index(doc, `{"long`)), Bytes: 112, SHA256: hex.EncodeToString(sum[:])}}
			if diff := cmp.Diff(want, large); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestArrayReaderRefuses(t *testing.T) {
	for doc, want := range map[string]string{
		``:           "a list [ is wanted, found nothing",
		`{"a": 1}`:   "a list [ is wanted, found an object",
		`[1, 2`:      "it is cut off in the middle",
		`[{"a": 1`:   "it is cut off in the middle",
		"[1\n2]":     "a comma or ] is wanted on line 2",
		"[1,\n]":     "a value is wanted on line 2",
		"[1]\n[2]":   "it goes on after its end on line 2",
		`<html>`:     "a list [ is wanted, found something like an HTML page",
		"[1, 2,, 3]": "a value is wanted on line 1",
	} {
		_, _, _, err := readArray(strings.NewReader(doc), 50)
		if err == nil || err.Error() != want {
			t.Errorf("%q: got %v, want %s", doc, err, want)
		}
	}
}

// FuzzSplit: both splitters cut the same array into the same elements, and
// neither ever panics.
func FuzzSplit(f *testing.F) {
	for _, seed := range []string{`[]`, `[1,"a",{"b":[]}]`, `[{"a":"\"]"} , 2]`, `[1`, `[[],[]]x`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		var whole []string
		err1 := Elements(doc, []string{""}, func(e []byte) { whole = append(whole, string(e)) })
		streamed, _, _, err2 := readArray(iotest.HalfReader(strings.NewReader(string(doc))), len(doc)+1)
		if err1 != nil || err2 != nil {
			if (err1 == nil) != (err2 == nil) {
				t.Fatalf("%q: %v, but streamed: %v", doc, err1, err2)
			}
			return
		}
		if diff := cmp.Diff(whole, streamed); diff != "" {
			t.Fatal(diff)
		}
	})
}

// BenchmarkElements cuts a page of a thousand records, as an API answers with it.
func BenchmarkElements(b *testing.B) {
	const records = 1000
	page := []byte("[" + benchRecord(0))
	for i := 1; i < records; i++ {
		page = append(append(page, ','), benchRecord(i)...)
	}
	page = append(page, ']')
	b.SetBytes(int64(len(page)))
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		if err := Elements(page, []string{""}, func([]byte) { n++ }); err != nil || n != records {
			b.Fatal(n, err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/records, "ns/record")
}
