package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	csvsink "pipeline/connectors/csv"
	"pipeline/connectors/file"
	"pipeline/pipeline"
)

// records are n records of bench/gen, made by running it: a test cannot import
// a program.
func records(t testing.TB, n int) []byte {
	t.Helper()
	cmd := exec.Command("go", "run", "../gen", "-n", strconv.Itoa(n))
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go run ../gen: %v", err)
	}
	return out
}

// toCSV is what the floor makes of JSON lines.
func toCSV(t testing.TB, src io.Reader, threads int) (rows, rejects string, count counts) {
	t.Helper()
	var out, bad bytes.Buffer
	out.WriteString(header)
	count, err := convertAll(&lineReader{src: src}, csvFile{nopCloser{&out}}, &bad, threads)
	if err != nil {
		t.Fatal(err)
	}
	return out.String(), bad.String(), count
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

// TestAgainstReference holds the floor against the same mapping written for
// being plainly right.
func TestAgainstReference(t *testing.T) {
	src := records(t, 2000)
	want, wantRejects := reference(t, src)
	if rejects := bytes.Count(wantRejects, []byte("\n")); rejects < 10 || rejects > 40 {
		t.Fatalf("%d of 2,000 records are rejected: the records do not test what they should", rejects)
	}
	for _, threads := range []int{1, 3} {
		rows, rejects, got := toCSV(t, bytes.NewReader(src), threads)
		if diff := cmp.Diff(string(want), rows); diff != "" {
			t.Errorf("%d threads: rows (-reference +floor):\n%s", threads, diff)
		}
		if diff := cmp.Diff(string(wantRejects), rejects); diff != "" {
			t.Errorf("%d threads: rejects (-reference +floor):\n%s", threads, diff)
		}
		if sum := got.written + got.filtered + got.rejected; sum != 2000 || got.rejected != bytes.Count(wantRejects, []byte("\n")) {
			t.Errorf("%d threads: %+v do not add up to 2,000", threads, got)
		}
	}
}

// TestAgainstMapping holds the floor against bench/w1.yaml itself: the CSV is
// the same byte for byte, and the same records are rejected.
func TestAgainstMapping(t *testing.T) {
	src := records(t, 2000)
	run, out, rejects := mapping(t, src)
	run()
	rows, bad, _ := toCSV(t, bytes.NewReader(src), 1)
	got, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(got), rows); diff != "" {
		t.Errorf("rows (-mapping +floor):\n%s", diff)
	}
	kept, err := os.ReadFile(rejects)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(rejectedRecords(t, kept), rejectedRecords(t, []byte(bad))); diff != "" {
		t.Errorf("rejected records (-mapping +floor):\n%s", diff)
	}
}

// mapping is bench/w1.yaml over src, ready to run, and where its files will be.
func mapping(t testing.TB, src []byte) (run func(), out, rejects string) {
	t.Helper()
	dir := t.TempDir()
	in, out, rejects := filepath.Join(dir, "in.jsonl"), filepath.Join(dir, "out.csv"), filepath.Join(dir, "rejects.jsonl")
	if err := os.WriteFile(in, src, 0o600); err != nil {
		t.Fatal(err)
	}
	const name = "../w1.yaml"
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	m, diags := pipeline.Parse(name, text)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	environment := map[string]string{"BENCH_IN": in, "BENCH_OUT": out, "BENCH_REJECTS": rejects}
	plan, diags := m.Compile(pipeline.Setup{
		Registry: &pipeline.Registry{Sources: []pipeline.SourceConnector{file.Connector()}, Sinks: []pipeline.SinkConnector{csvsink.Connector()}},
		Files:    &pipeline.Files{Read: os.ReadFile},
		Getenv:   func(name string) (string, bool) { v, ok := environment[name]; return v, ok },
	})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	return func() {
		if _, err := plan.Run(context.Background(), pipeline.RunOptions{World: &pipeline.World{Now: time.Now()}}); err != nil {
			t.Fatal(err)
		}
	}, out, rejects
}

func rejectedRecords(t *testing.T, file []byte) (all []string) {
	t.Helper()
	for line := range bytes.Lines(file) {
		var reject struct{ Record json.RawMessage }
		if err := json.Unmarshal(line, &reject); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		all = append(all, string(reject.Record))
	}
	return all
}

// TestOddRecords are records that bench/gen does not write.
func TestOddRecords(t *testing.T) {
	const plain = `{"id":1,"first_name":"A","last_name":"B","email":"a@b.c","company":"C","country":"sg","status":"x","ticket":{"name":"T","group":"VIP","price":"1"},"created_at":"2025-01-01T16:00:00Z","checked_in":true,"custom_fields":[{"question":"Interests","answer":"a, b"}]}`
	var src strings.Builder
	for _, edit := range []string{
		"", "", // as it is
		`"id":1`, `"id":"12"`, `"id":1`, `"id":null`, `"id":1`, `"id":1e3`, `"id":1`, `"id":{"x":[1]}`,
		`"A"`, `"\ud83d\ude00\b\f\r\t\/\\"`, `"A"`, `null`, `"A"`, `["A"]`,
		`"a@b.c"`, `"\u00a0A@B.C\u00a0"`, `"a@b.c"`, `"a@b."`, `"a@b.c"`, `"a@.c"`, `"a@b.c"`, `"a@b.c.d"`, `"a@b.c"`, `"@b.c"`, `"a@b.c"`, `"\u212A@b.c"`,
		`"company":"C"`, `"company":7`, `"company":"C",`, "",
		`"sg"`, `"\u017fg"`, `"sg"`, `"s"`, `"sg"`, `true`,
		`"ticket":{"name":"T","group":"VIP","price":"1"}`, `"ticket":null`, `"ticket":{"name":"T","group":"VIP","price":"1"}`, `"ticket":"T"`, `"group":"VIP"`, `"other":{"a":["}"]}`,
		`"price":"1"`, `"price":1.50`, `"price":"1"`, `"price":"-0.0"`, `"price":"1"`, `"price":"-0.1"`, `"price":"1"`, `"price":"01"`, `"price":"1"`, `"price":"1e2"`, `"price":"1"`, `"price":"1."`, `"price":"1"`, `"price":""`,
		`2025-01-01T16:00:00Z`, `2025-01-01T15:59:59.999Z`, `2025-01-01T16:00:00Z`, `1980-01-01T16:15:00Z`, `2025-01-01T16:00:00Z`, `1969-12-31T16:29:59Z`,
		`2025-01-01T16:00:00Z`, `2024-02-29T23:59:59-23:59`, `2025-01-01T16:00:00Z`, `2025-02-29T00:00:00Z`, `2025-01-01T16:00:00Z`, `2025-01-01 16:00:00Z`, `2025-01-01T16:00:00Z`, `0001-01-01T00:00:00Z`, `2025-01-01T16:00:00Z`, `1900-02-29T00:00:00Z`,
		`true`, `"true"`, `true`, `null`,
		`"a, b"`, `" a ,, \"b\" "`, `"a, b"`, `null`, `"a, b"`, `[1]`, `[{"question":"Interests","answer":"a, b"}]`, `null`, `[{"question":"Interests","answer":"a, b"}]`, `{}`,
		`"status":"x"`, `"status":"c\u0061ncelled"`, `,`, " ,\t", `:`, " : ",
	} {
		src.WriteString(edit)
		src.WriteByte(0)
	}
	edits := strings.Split(src.String(), "\x00")
	var lines []string
	for i := 0; i+1 < len(edits); i += 2 {
		line := plain
		if edits[i] != "" {
			line = strings.Replace(plain, edits[i], edits[i+1], 1)
			if line == plain {
				t.Fatalf("%s is not in the record", edits[i])
			}
		}
		lines = append(lines, line)
	}
	input := []byte("\n" + strings.Join(lines, "\r\n")) // no break after the last one
	want, wantRejects := reference(t, input)
	rows, rejects, _ := toCSV(t, bytes.NewReader(input), 1)
	if diff := cmp.Diff(string(want), rows); diff != "" {
		t.Errorf("rows (-reference +floor):\n%s", diff)
	}
	if diff := cmp.Diff(string(wantRejects), rejects); diff != "" {
		t.Errorf("rejects (-reference +floor):\n%s", diff)
	}
}

// TestLongLines reads records that are longer than a block.
func TestLongLines(t *testing.T) {
	long := `{"id":` + strings.Repeat(" ", 3*blockSize) + `"x"}`
	src := strings.Repeat(long+"\n"+`{"status":"cancelled"}`+"\n", 3)
	for _, threads := range []int{1, 2} {
		_, _, got := toCSV(t, strings.NewReader(src), threads)
		if want := (counts{filtered: 3, rejected: 3}); got != want {
			t.Errorf("%d threads: %+v, want %+v", threads, got, want)
		}
	}
}

func TestRun(t *testing.T) {
	dir := t.TempDir()
	in, out, rejects := filepath.Join(dir, "in"), filepath.Join(dir, "out"), filepath.Join(dir, "rejects")
	o := options{in: in, to: "csv", out: out, rejects: rejects, threads: 1}
	if err := run(o); err == nil {
		t.Error("a file that is not there was read")
	}
	if err := os.WriteFile(in, []byte(`{"id":"x"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := run(o); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{out: header, rejects: `{"reason":"attendee_id","record":{"id":"x"}}` + "\n"} {
		if got, err := os.ReadFile(file); err != nil || string(got) != want {
			t.Errorf("%s holds %q (%v), want %q", file, got, err, want)
		}
	}
}

// FuzzConvert: what is no JSON gives anything, but neither a panic nor a record
// that is lost.
func FuzzConvert(f *testing.F) {
	f.Add([]byte(`{"id":1,"ticket":{"name":"\ud83d"},"custom_fields":[{"question":"Interests","answer":"\u12`))
	f.Add([]byte(`{"a":[{"b":"\`))
	f.Add([]byte("{\"id\"\n:1}"))
	f.Fuzz(func(t *testing.T, src []byte) {
		_, _, got := toCSV(t, bytes.NewReader(src), 1)
		lines := 0
		for _, line := range bytes.Split(src, []byte("\n")) {
			if len(bytes.Trim(line, " \t\r")) > 0 {
				lines++
			}
		}
		if got.written+got.filtered+got.rejected != lines {
			t.Errorf("%+v of %d lines", got, lines)
		}
	})
}

func BenchmarkFloor(b *testing.B) {
	src := records(b, 2000)
	c := newConverter(&csvEncoder{to: io.Discard})
	b.SetBytes(int64(len(src)))
	b.ReportAllocs()
	for b.Loop() {
		c.lines(src)
		if err := c.flush(io.Discard); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/2000, "ns/record")
}

// BenchmarkMapping is the same by the tool, files included:
//
//	go test ./bench/floor -run - -bench Mapping -cpuprofile cpu.prof
func BenchmarkMapping(b *testing.B) {
	src := records(b, 20_000)
	run, _, _ := mapping(b, src)
	b.SetBytes(int64(len(src)))
	b.ReportAllocs()
	for b.Loop() {
		run()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/20_000, "ns/record")
}

// reference is bench/w1.yaml by way of the standard library.
func reference(t *testing.T, src []byte) (rows, rejects []byte) {
	t.Helper()
	var out, bad bytes.Buffer
	out.WriteString(header)
	w := csv.NewWriter(&out)
	for _, line := range bytes.Split(src, []byte("\n")) {
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			continue
		}
		d := json.NewDecoder(bytes.NewReader(line))
		d.UseNumber()
		var rec map[string]any
		if err := d.Decode(&rec); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if rec["status"] == "cancelled" {
			continue
		}
		row, broken := referenceRow(t, rec)
		if broken != "" {
			bad.WriteString(`{"reason":"` + broken + `","record":` + string(line) + "}\n")
			continue
		}
		if err := w.Write(row); err != nil {
			t.Fatal(err)
		}
	}
	w.Flush()
	return out.Bytes(), bad.Bytes()
}

var (
	idPattern      = regexp.MustCompile(`^[0-9]+$`)
	emailPattern   = regexp.MustCompile(`^[^@\s]+@[^@\s]+\.[^@\s]+$`)
	countryPattern = regexp.MustCompile(`^[A-Z]{2}$`)
	amountPattern  = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)
)

func referenceRow(t *testing.T, rec map[string]any) (row []string, broken string) {
	zone, err := time.LoadLocation("Asia/Singapore")
	if err != nil {
		t.Fatal(err)
	}
	ticket, isTicket := rec["ticket"].(map[string]any)
	fields, isList := rec["custom_fields"].([]any)
	first, ok1 := rec["first_name"].(string)
	last, ok2 := rec["last_name"].(string)
	company, okCompany := textOr(rec["company"], "")
	name, okName := textOr(ticket["name"], "General")
	price := numberOrText(ticket["price"])
	amount, err := strconv.ParseFloat(price, 64)
	dietary, ok3 := answer(fields, "Dietary requirements")
	interests, ok4 := answer(fields, "Interests")
	created, _ := rec["created_at"].(string)
	at, timeErr := time.Parse(time.RFC3339, created)
	checkedIn, isBool := rec["checked_in"].(bool)
	email, _ := rec["email"].(string)
	email = strings.ToLower(strings.TrimSpace(email))
	country, _ := rec["country"].(string)
	country = strings.ToUpper(country)
	switch {
	case !idPattern.MatchString(numberOrText(rec["id"])):
		return nil, "attendee_id"
	case !ok1 || !ok2:
		return nil, "full_name"
	case !emailPattern.MatchString(email):
		return nil, "email"
	case !okCompany:
		return nil, "company"
	case !countryPattern.MatchString(country):
		return nil, "country"
	case !okName || !isTicket && rec["ticket"] != nil:
		return nil, "ticket"
	case !amountPattern.MatchString(price) || err != nil || amount < 0:
		return nil, "amount"
	case !isList && rec["custom_fields"] != nil || !ok3 || !ok4:
		return nil, "dietary"
	case timeErr != nil:
		return nil, "registered_on"
	case !isBool:
		return nil, "checked_in"
	}
	topics := strings.Split(interests, ",")
	for i := range topics {
		topics[i] = strings.TrimSpace(topics[i])
	}
	return []string{
		numberOrText(rec["id"]), strings.TrimSpace(first + " " + last), email, company, country, name, price,
		strconv.FormatBool(ticket["group"] == "VIP"), dietary, at.In(zone).Format(time.DateOnly),
		strconv.FormatBool(checkedIn), strings.Join(topics, "|"),
	}, ""
}

func textOr(v any, fallback string) (string, bool) {
	if v == nil {
		return fallback, true
	}
	s, ok := v.(string)
	return s, ok
}

func numberOrText(v any) string {
	if n, ok := v.(json.Number); ok {
		return n.String()
	}
	s, _ := v.(string)
	return s
}

func answer(fields []any, question string) (string, bool) {
	for _, f := range fields {
		if pair, ok := f.(map[string]any); ok && pair["question"] == question {
			return textOr(pair["answer"], "")
		}
	}
	return "", true
}
