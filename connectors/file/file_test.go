package file

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	stdcsv "encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"pipeline/pipeline"
)

// got is a record with its own memory.
type got struct {
	Text, Raw string
	Line      int
	Code      string
}

// pages reads stdin from a position on, and gives back the records of each page
// and where it ends.
func pages(t testing.TB, options pipeline.Options, stdin io.Reader, from pipeline.Position) (records [][]got, next []pipeline.Position, err error) {
	t.Helper()
	if _, ok := options["path"]; !ok {
		options["path"] = "-"
	}
	s, err := Connector().Open(context.Background(), pipeline.SourceConfig{Options: options, World: &pipeline.World{Stdin: stdin}})
	if err != nil {
		t.Fatal(err)
	}
	err = s.Read(context.Background(), from, func(p *pipeline.Page) error {
		var page []got
		for _, r := range p.Records {
			g := got{Text: string(r.Text), Raw: string(r.Raw), Line: r.Line}
			if r.Fault != nil {
				g.Code = r.Fault.Code
			}
			page = append(page, g)
		}
		if len(page) == 0 || p.Number != 0 {
			t.Errorf("page %d with %d records", p.Number, len(page))
		}
		records, next = append(records, page), append(next, p.Next)
		p.Release()
		return nil
	})
	return records, next, err
}

func all(t testing.TB, format, text string) []got {
	t.Helper()
	var out []got
	for _, one := range []bool{false, true} {
		var stdin io.Reader = strings.NewReader(text)
		if one {
			stdin = iotest.OneByteReader(stdin)
		}
		records, _, err := pages(t, pipeline.Options{"format": format}, stdin, "")
		if err != nil {
			t.Fatal(err)
		}
		var flat []got
		for _, page := range records {
			flat = append(flat, page...)
		}
		if one {
			if diff := cmp.Diff(out, flat); diff != "" {
				t.Errorf("byte by byte it is something else: %s", diff)
			}
		}
		out = flat
	}
	return out
}

func TestLines(t *testing.T) {
	for _, test := range []struct {
		name, text string
		want       []got
	}{
		{"two lines", "{\"a\":1}\n{\"a\":2}\n", []got{{Text: `{"a":1}`, Line: 1}, {Text: `{"a":2}`, Line: 2}}},
		{"no line feed at the end", "{}\n{}", []got{{Text: "{}", Line: 1}, {Text: "{}", Line: 2}}},
		{"CR LF, blank lines", "{}\r\n\r\n \t\r\n{}\r\n", []got{{Text: "{}", Line: 1}, {Text: "{}", Line: 4}}},
		{"byte order mark", "\ufeff{}\n", []got{{Text: "{}", Line: 1}}},
		{"what is no JSON is the mapper's to say", "\xff\x00\n  [1]\n", []got{{Text: "\xff\x00", Line: 1}, {Text: "  [1]", Line: 2}}},
		{"empty", "", nil},
		{"byte order mark alone", "\ufeff", nil},
		{"line feeds alone", "\n\n\n", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, all(t, "jsonl", test.text)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestRows(t *testing.T) {
	row := func(line int, raw, text string) got { return got{Line: line, Raw: raw, Text: text} }
	broken := func(line int, raw, code string) got { return got{Line: line, Raw: raw, Code: code} }
	for _, test := range []struct {
		name, text string
		want       []got
	}{
		{"rows", "id,name\n1,Zoë\n2,\n", []got{row(2, "1,Zoë", `{"id":"1","name":"Zoë"}`), row(3, "2,", `{"id":"2","name":""}`)}},
		{"no line feed at the end", "id\n1", []got{row(2, "1", `{"id":"1"}`)}},
		{"an empty line of a lone CR at the end", "id\n1\n\r", []got{row(2, "1", `{"id":"1"}`)}},
		{"a lone CR at the end", "id\n1\r", []got{row(2, "1", `{"id":"1"}`)}},
		{"CR LF, empty lines, byte order mark", "\ufeff\"id\"\r\n\r\n1\r\n", []got{row(3, "1", `{"id":"1"}`)}},
		{"quotes", "a,b\n\"x, \"\"y\"\"\",\"\"\n", []got{row(2, `"x, ""y""",""`, `{"a":"x, \"y\"","b":""}`)}},
		{"line breaks in quotes", "a,b\n\"1\r\n2\n\",3\n4,5\n", []got{row(2, "\"1\r\n2\n\",3", `{"a":"1\r\n2\n","b":"3"}`), row(5, "4,5", `{"a":"4","b":"5"}`)}},
		{"quoted header over lines", "\"a\nb\",c\n1,2\n", []got{row(3, "1,2", `{"a\nb":"1","c":"2"}`)}},
		{"CR in a cell", "a\nx\ry\n", []got{row(2, "x\ry", `{"a":"x\ry"}`)}},
		{"too many, too few", "a,b\n1\n1,2,3\n1,2\n", []got{broken(2, "1", "csv-syntax"), broken(3, "1,2,3", "csv-syntax"), row(4, "1,2", `{"a":"1","b":"2"}`)}},
		{"a quote in a cell", "a\nx\"y\n1\n", []got{broken(2, `x"y`, "csv-syntax"), row(3, "1", `{"a":"1"}`)}},
		{"text behind a quote", "a\n\"x\"y\n1\n", []got{broken(2, `"x"y`, "csv-syntax"), row(3, "1", `{"a":"1"}`)}},
		{"a quote that stays open", "a\n\"x\n1\n2", []got{broken(2, `"x`, "csv-syntax"), row(3, "1", `{"a":"1"}`), row(4, "2", `{"a":"2"}`)}},
		{"a quote that is closed far too late", "a\n\"x\n1\n\"y\"\n2\n", []got{broken(2, `"x`, "csv-syntax"), row(3, "1", `{"a":"1"}`), row(4, `"y"`, `{"a":"y"}`), row(5, "2", `{"a":"2"}`)}},
		{"not UTF-8", "a\nx\xff\n1\n", []got{broken(2, "x\xff", "invalid-utf8"), row(3, "1", `{"a":"1"}`)}},
		{"NUL", "a\n\x00\n", []got{row(2, "\x00", `{"a":"\u0000"}`)}},
		{"header alone", "a,b\n", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, all(t, "csv", test.text)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestRowsWithAnotherDelimiter(t *testing.T) {
	for _, delimiter := range []string{";", "\t", "¦", "東"} {
		text := strings.ReplaceAll("a|b\n\"x\"|y,z\n", "|", delimiter)
		records, _, err := pages(t, pipeline.Options{"format": "csv", "delimiter": delimiter}, iotest.OneByteReader(strings.NewReader(text)), "")
		if err != nil || len(records) != 1 || records[0][0].Text != `{"a":"x","b":"y,z"}` {
			t.Errorf("%q: %v, %v", delimiter, records, err)
		}
	}
}

func TestArray(t *testing.T) {
	text := "\ufeff[{\"a\": 1},\n  {\"a\":\n2},3]\n"
	want := []got{{Text: `{"a": 1}`, Line: 1}, {Text: "{\"a\":\n2}", Line: 2}, {Text: "3", Line: 3}}
	if diff := cmp.Diff(want, all(t, "json", text)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got := all(t, "json", " [ ] "); got != nil {
		t.Errorf("an empty list has %v", got)
	}
}

func TestReadErrors(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	zipped := gzipped(t, strings.Repeat(`{"a": 1}`+"\n", 1000))
	damaged := bytes.Clone(zipped)
	damaged[len(damaged)-5] ^= 1
	for _, test := range []struct{ path, want string }{
		{filepath.Join(dir, "no.jsonl"), "there is no such file"},
		{dir + "/", "it is a folder; name a file in it"},
		{file("empty.csv", ""), "it is empty; CSV begins with a row of names"},
		{file("blank.csv", "\n\r\n"), "it is empty; CSV begins with a row of names"},
		{file("twice.csv", "a,b,a\n1,2,3\n"), `line 1: columns 1 and 3 are both called "a"`},
		{file("nameless.csv", "\n\na,,b\n"), "line 3: column 2 has no name"},
		{file("latin1.csv", "gr\xf6sse\n"), "line 1, the row of names, is not UTF-8; save the file as UTF-8"},
		{file("quote.csv", "\"a\n1\n"), "line 1, the row of names: a quote is opened and never closed"},
		{file("object.json", `{"data": []}`), "a list [ is wanted, found an object; a JSON file is one list of records (one record per line is `format: jsonl`)"},
		{file("empty.json", ""), "a list [ is wanted, found nothing; a JSON file is one list of records (one record per line is `format: jsonl`)"},
		{file("plain.jsonl.gz", `{"name": "no gzip at all"}`), "it is named .gz and is not gzip"},
		{file("empty.jsonl.gz", ""), "the file is empty, and gzip never is"},
		{file("cut.jsonl.gz", string(zipped[:len(zipped)/2])), "the file is cut off"},
		{file("damaged.jsonl.gz", string(damaged)), "the gzip data are damaged (gzip: invalid checksum)"},
	} {
		t.Run(filepath.Base(test.path), func(t *testing.T) {
			options := pipeline.Options{"path": test.path}
			if test.path == dir+"/" {
				options["format"] = "jsonl"
			}
			_, _, err := pages(t, options, nil, "")
			if want := "read " + test.path + ": " + test.want; err == nil || err.Error() != want {
				t.Errorf("got  %v\nwant %s", err, want)
			}
		})
	}
}

func gzipped(t testing.TB, text string) []byte {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	if _, err := io.WriteString(z, text); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestCheck(t *testing.T) {
	for _, test := range []struct {
		options pipeline.Options
		want    []string
	}{
		{pipeline.Options{"path": "a.jsonl"}, nil},
		{pipeline.Options{"path": "dir.x/a.NDJSON.GZ"}, nil},
		{pipeline.Options{"path": "a.json"}, nil},
		{pipeline.Options{"path": "a.csv.gz", "delimiter": ";"}, nil},
		{pipeline.Options{"path": "a.txt"}, []string{"path"}},
		{pipeline.Options{"path": "a.gz"}, []string{"path"}},
		{pipeline.Options{"path": "-"}, []string{"path"}},
		{pipeline.Options{"path": "-", "format": "csv", "delimiter": "ab"}, []string{"delimiter"}},
		{pipeline.Options{"path": "a.txt", "format": "csv"}, nil},
	} {
		var got []string
		for _, e := range Connector().Check(test.options) {
			got = append(got, e.Option)
			if e.Message == "" || e.Hint == "" {
				t.Errorf("%v: %+v", test.options, e)
			}
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%v: -want +got:\n%s", test.options, diff)
		}
	}
}

// big is text of more than one page in each format.
func big(format string) string {
	var b strings.Builder
	for i := range 5000 {
		record := fmt.Sprintf(`{"id":"%d","note":"%s"}`, i, strings.Repeat("é", i%100))
		switch {
		case format == "csv" && i == 0:
			b.WriteString("\ufeffid,note\n")
			fallthrough
		case format == "csv":
			fmt.Fprintf(&b, "%d,\"%s\n\"\r\n", i, strings.Repeat("é", i%100))
		case format == "json" && i == 0:
			b.WriteString("[" + record)
		case format == "json":
			b.WriteString(",\n" + record)
		default:
			b.WriteString(record + "\n")
		}
	}
	if format == "json" {
		b.WriteString("]")
	}
	return b.String()
}

// Every page says where the next one begins, in a file as in a gzipped one and
// on stdin, and the rest of the records comes from there.
func TestPagesCanBeResumed(t *testing.T) {
	for _, format := range []string{"jsonl", "csv", "json"} {
		for _, kind := range []string{"", ".gz", "-"} {
			t.Run(format+kind, func(t *testing.T) {
				text := []byte(big(format))
				options := pipeline.Options{"format": format}
				if kind == ".gz" {
					text = gzipped(t, string(text))
				}
				if kind != "-" {
					path := filepath.Join(t.TempDir(), "a."+format+kind)
					if err := os.WriteFile(path, text, 0o600); err != nil {
						t.Fatal(err)
					}
					options["path"] = path
				}
				want, next, err := pages(t, options, bytes.NewReader(text), "")
				if err != nil || len(want) < 2 {
					t.Fatalf("%d pages, %v", len(want), err)
				}
				if n := len(flat(want)); n != 5000 {
					t.Fatalf("%d records", n)
				}
				for i, from := range next {
					rest, _, err := pages(t, options, bytes.NewReader(text), from)
					if err != nil {
						t.Fatal(err)
					}
					if diff := cmp.Diff(flat(want[i+1:]), flat(rest)); diff != "" {
						t.Fatalf("from %s: -want +got:\n%s", from, diff)
					}
				}
				for _, wrong := range []pipeline.Position{"x", "1", "-1:2", "5:6:7"} {
					if _, _, err := pages(t, options, bytes.NewReader(text), wrong); err == nil {
						t.Errorf("%s is no position", wrong)
					}
				}
			})
		}
	}
}

func flat(pages [][]got) []got {
	var out []got
	for _, p := range pages {
		out = append(out, p...)
	}
	return out
}

// A record over the bound is read over; the ones before and behind are whole.
func TestTooLarge(t *testing.T) {
	for _, format := range []string{"jsonl", "csv", "json"} {
		for _, size := range []int{maxRecord, maxRecord + pageBytes*3 + 1} {
			t.Run(fmt.Sprintf("%s %d", format, size), func(t *testing.T) {
				long := strings.Repeat("9", size)
				text := "a\n1\n" + long + "\n2\n"
				if format == "json" {
					text = "[1," + long + ",2]"
				}
				s, err := Connector().Open(context.Background(), pipeline.SourceConfig{
					Options: pipeline.Options{"path": "-", "format": format}, World: &pipeline.World{Stdin: strings.NewReader(text)},
				})
				if err != nil {
					t.Fatal(err)
				}
				var faults []pipeline.Fault
				records := 0
				err = s.Read(context.Background(), "", func(p *pipeline.Page) error {
					for _, r := range p.Records {
						records++
						if r.Fault != nil {
							faults = append(faults, *r.Fault)
						}
					}
					return nil
				})
				if err != nil {
					t.Fatal(err)
				}
				if size == maxRecord {
					if len(faults) != 0 {
						t.Errorf("%v", faults[0].Reason)
					}
					return
				}
				sum := sha256.Sum256([]byte(long))
				want := []pipeline.Fault{{Code: "too-large", Offset: int64(strings.Index(text, "9")), Bytes: int64(size), SHA256: hex.EncodeToString(sum[:])}}
				if len(faults) == 1 {
					want[0].Reason = faults[0].Reason
				}
				if diff := cmp.Diff(want, faults); diff != "" {
					t.Errorf("-want +got:\n%s", diff)
				}
				if wantRecords := map[string]int{"jsonl": 4, "csv": 3, "json": 3}[format]; records != wantRecords {
					t.Errorf("%d records, want %d", records, wantRecords)
				}
			})
		}
	}
}

func TestAnErrorOfTheEngineComesBackAsItIs(t *testing.T) {
	enough := errors.New("enough")
	for _, format := range []string{"jsonl", "csv", "json"} {
		s, err := Connector().Open(context.Background(), pipeline.SourceConfig{
			Options: pipeline.Options{"path": "-", "format": format}, World: &pipeline.World{Stdin: strings.NewReader(big(format))},
		})
		if err != nil {
			t.Fatal(err)
		}
		calls := 0
		err = s.Read(context.Background(), "", func(*pipeline.Page) error { calls++; return enough })
		if !errors.Is(err, enough) || err.Error() != "enough" || calls != 1 {
			t.Errorf("%s: got %v after %d calls", format, err, calls)
		}
	}
}

// Reading ends although nothing comes from the terminal.
func TestCancel(t *testing.T) {
	for _, format := range []string{"jsonl", "csv", "json"} {
		never, w := io.Pipe()
		ctx, cancel := context.WithCancel(context.Background())
		s, err := Connector().Open(ctx, pipeline.SourceConfig{Options: pipeline.Options{"path": "-", "format": format}, World: &pipeline.World{Stdin: never}})
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan error)
		go func() { done <- s.Read(ctx, "", func(*pipeline.Page) error { return nil }) }()
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got %v", format, err)
		}
		_ = w.Close()
	}
}

// Of what encoding/csv reads we read the same, and of the rest nothing is lost.
func FuzzRows(f *testing.F) {
	for _, seed := range []string{"a,b\n1,2\n", "a\n\"x\n\"\"y\"\r\n", "\ufeffa,b\n\"1\n2,3\n", "a\r\n\r\n\"\"\n", "a,b\n\"x\"y,\n,\"", "a\r"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		records, _, err := pages(t, pipeline.Options{"format": "csv"}, iotest.HalfReader(strings.NewReader(text)), "")
		if err != nil {
			t.Skip()
		}
		std := stdcsv.NewReader(strings.NewReader(strings.TrimPrefix(text, "\ufeff")))
		want, stdErr := std.ReadAll()
		ours := flat(records)
		if stdErr == nil && utf8.ValidString(text) && !strings.Contains(text, "\r") {
			if len(ours) != len(want)-1 {
				t.Fatalf("%d rows, encoding/csv reads %d of %q", len(ours), len(want)-1, text)
			}
			for i, r := range ours {
				var row map[string]string
				if err := json.Unmarshal([]byte(r.Text), &row); err != nil {
					t.Fatalf("%v in %q", err, r.Text)
				}
				for j, name := range want[0] {
					if row[name] != want[i+1][j] {
						t.Fatalf("row %d: %q is %q, encoding/csv reads %q", i, name, row[name], want[i+1][j])
					}
				}
			}
		}
		for _, r := range ours {
			if r.Raw == "" || !strings.Contains(text, r.Raw) || (r.Text == "") == (r.Code == "") {
				t.Fatalf("%+v of %q", r, text)
			}
		}
	})
}

func BenchmarkReadLines(b *testing.B) { benchmarkRead(b, "jsonl") }
func BenchmarkReadRows(b *testing.B)  { benchmarkRead(b, "csv") }
func BenchmarkReadArray(b *testing.B) { benchmarkRead(b, "json") }

func benchmarkRead(b *testing.B, format string) {
	path := filepath.Join(b.TempDir(), "a."+format)
	text := big(format)
	if format == "jsonl" {
		text = strings.Repeat(text, 20)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
	s, err := Connector().Open(context.Background(), pipeline.SourceConfig{Options: pipeline.Options{"path": path}})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.SetBytes(int64(len(text)))
	records := 0
	for b.Loop() {
		records = 0
		err := s.Read(context.Background(), "", func(p *pipeline.Page) error {
			records += len(p.Records)
			p.Release()
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(records), "ns/record")
	b.ReportMetric(float64(records), "records")
}
