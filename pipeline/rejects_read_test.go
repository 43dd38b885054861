package pipeline

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// rejectsIn reads a reject file of that text.
func rejectsIn(t *testing.T, text []byte) (lines []RejectLine) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "m.rejects.jsonl")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	err := ReadRejects(path, func(l *RejectLine) error {
		one := *l
		one.text, one.record = bytes.Clone(l.text), bytes.Clone(l.record)
		lines = append(lines, one)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

// What is written is what is read, whatever the record is made of.
func TestRejectsAreReadAsTheyWereWritten(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		raw := rapid.SliceOf(rapid.Byte()).Draw(rt, "raw")
		if rapid.Bool().Draw(rt, "text") {
			raw = []byte(rapid.String().Draw(rt, "raw text"))
		}
		page := &Page{Number: 7, First: 3, Records: []Record{{Text: raw, Line: 9}}}
		r := reject{code: "c", field: rapid.String().Draw(rt, "field"), reason: rapid.String().Draw(rt, "reason"), value: []byte(`"v"`)}
		line := (&Plan{name: "m"}).appendReject(nil, page, 0, []byte(`{"id":1}`), r)
		if bytes.IndexByte(line, '\n') != len(line)-1 {
			rt.Fatalf("not one line: %q", line)
		}
		l := parseReject(bytes.TrimSuffix(line, []byte{'\n'}))
		if l.Damage != "" || l.Page != 7 || l.Item != 4 || l.Line != 9 || string(l.Key) != `{"id":1}` || string(l.Value) != `"v"` {
			rt.Fatalf("%+v of %q", l, line)
		}
		if utf8.ValidString(r.field) && (l.Field != r.field || l.Reason != r.reason) {
			rt.Fatalf("%q: %q and %q", line, l.Field, l.Reason)
		}
		if want := raw; l.raw && !bytes.Equal(l.record, want) || !l.raw && len(want) > 0 && !bytes.Equal(bytes.TrimSpace(l.record), bytes.TrimSpace(appendOneLine(nil, want))) {
			rt.Fatalf("%q came back as %q", want, l.record)
		}
	})
}

func TestDamagedRejects(t *testing.T) {
	const sound = `{"mapping":"m","source":"s","line":1,"code":"c","reason":"r","record":{"a":1}}`
	lines := rejectsIn(t, []byte(sound+"\r\n\n"+`{"mapping":"m","sou`+"\n"+
		`{"id":1}`+"\n"+
		`{"mapping":"m","source":"s","code":"c"}`+"\n"+
		`{"mapping":"m","source":"s","code":"c","code":"d","reason":"r"}`+"\n"+
		`{"mapping":"m","source":"s","code":1,"reason":"r"}`+"\n"+
		`{"mapping":"m","source":"s","code":"c","reason":"r","record":{},"raw":"x"}`+"\n"+
		`{"mapping":"m","source":"s","code":"c","reason":"r","raw_base64":"?"}`+"\n"+
		"\xff\n"+sound))
	var got []string
	for _, l := range lines {
		got = append(got, l.Damage)
	}
	want := []string{
		"",
		"it is cut off in the middle",
		`it has the key "id", which rejects have not`,
		"it is no reject, which has a mapping, a source, a code and a reason",
		`it has "code" twice`,
		"its code is of another type than rejects have",
		"it has its record twice",
		"its raw_base64 is no base64: illegal base64 data at input byte 0",
		"it is not UTF-8",
		"",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if last := lines[len(lines)-1]; string(last.text) != sound || string(last.record) != `{"a":1}` || last.Number != 11 {
		t.Errorf("%+v", last)
	}
}

func FuzzParseReject(f *testing.F) {
	f.Add([]byte(`{"mapping":"m","source":"s","page":1,"item":2,"line":1,"key":{"id":1},"code":"c","field":"f","reason":"r","value":1,"record":{"a":1}}`))
	f.Add([]byte(`{"mapping":"m","source":"s","code":"too-large","reason":"r","offset":1,"bytes":2,"sha256":"ab"}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		if l := parseReject(line); l.Damage == "" && (l.Code == "" && !bytes.Contains(line, []byte("code"))) {
			t.Errorf("%q is taken for a reject", line)
		}
	})
}
