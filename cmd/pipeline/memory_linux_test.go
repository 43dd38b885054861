package main

// memory_linux_test.go: whatever comes, memory is bounded in bytes. Each case is
// a process of its own, which tells the most memory it ever had.

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// runAndTellPeak is the program, which in the end writes to a file how much of
// its memory was resident at most, in MiB.
func runAndTellPeak(file string) {
	code := run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		panic(err)
	}
	kib, err := strconv.Atoi(string(regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(status)[1]))
	if err != nil {
		panic(err)
	}
	if err := os.WriteFile(file, []byte(strconv.Itoa(kib>>10)), 0o600); err != nil {
		panic(err)
	}
	os.Exit(code)
}

// hugeText writes a text of n characters, without having it.
func hugeText(w io.Writer, n int) {
	_, _ = io.WriteString(w, `"`)
	part := strings.Repeat("0123456789abcdef", 1<<12)
	for ; n > 0; n -= len(part) {
		_, _ = io.WriteString(w, part[:min(n, len(part))])
	}
	_, _ = io.WriteString(w, `"`)
}

// hugeList writes a list of n numbers.
func hugeList(w io.Writer, n int) {
	_, _ = io.WriteString(w, "[0"+strings.Repeat(",1", n-1)+"]")
}

const memoryMapping = `version: 1
name: m
%s
source:
  %s
  %s
fields:
  id: string(id)
  name: string(name)
rejects: {path: rejects.jsonl}
sinks:
  - %s
`

func TestMemoryIsBounded(t *testing.T) {
	const file, api = "file: {path: in.jsonl}", "./api.yaml: {base_url: ${API}}"
	const toCSV, toJSONL, toParquet = "csv: {path: out.csv}", "jsonl: {path: out.jsonl}", "parquet: {path: out.parquet}"
	for _, test := range []struct {
		name, each, source, sink string
		write                    func(w io.Writer) // the records, with what stands between them
		exit                     int
		want                     string // in what it prints
		most                     int    // MiB
	}{
		{"a record of 50 MB in a file", "", file, toCSV, func(w io.Writer) {
			_, _ = io.WriteString(w, `{"id":1,"name":"a"}`+"\n"+`{"id":2,"name":`)
			hugeText(w, 50_000_000)
			_, _ = io.WriteString(w, "}\n"+`{"id":3,"name":"c"}`+"\n")
		}, exitRejected, "too-large: the line is 50000018 bytes long, and a record may have 16777216 (first: line 2)", 100},
		{"a record of 50 MB on a page", "", api, toCSV, func(w io.Writer) {
			_, _ = io.WriteString(w, `[{"id":1,"name":"a"},{"id":2,"name":`)
			hugeText(w, 50_000_000)
			_, _ = io.WriteString(w, `},{"id":3,"name":"c"}]`)
		}, exitRejected, "too-large: the record is 50000018 bytes long, and a record may have 16777216 (first: page 1 item 2)", 160},
		{"an answer without an end", "", api, toCSV, func(w io.Writer) {
			_, _ = io.WriteString(w, `[{"id":2,"name":`)
			hugeText(w, 500_000_000)
		}, exitFailed, "the answer has more than 64 MiB", 120},
		{"pages of 60 MB", "", api, toCSV, func(w io.Writer) {
			_, _ = io.WriteString(w, `[{"id":0,"name":"a"}`)
			for i := 1; i < 600_000; i++ {
				_, _ = fmt.Fprintf(w, `,{"id":%d,"name":"0123456789abcdef","more":"0123456789abcdef0123456789abcdef"}`, i)
			}
			_, _ = io.WriteString(w, `]`)
		}, exitDone, "600,000", 400},
		{"a record of 400,000 rows", `each: {one: "ones ?? []"}`, file, toCSV, func(w io.Writer) {
			_, _ = io.WriteString(w, `{"id":1,"name":"a","ones":[1,2]}`+"\n"+`{"id":2,"name":"b","ones":`)
			hugeList(w, 400_000)
			_, _ = io.WriteString(w, "}\n")
		}, exitDone, "400,002", 150},
		{"lists of lists", `each: {one: "ones ?? []", other: "ones ?? []"}`, file, toCSV, func(w io.Writer) {
			_, _ = io.WriteString(w, `{"id":1,"name":"a","ones":[1,2]}`+"\n"+`{"id":2,"name":"b","ones":`)
			hugeList(w, 1_000_000)
			_, _ = io.WriteString(w, "}\n")
		}, exitRejected, "each one: each-rows: makes more than 32 MiB of rows, the most that one record may (first: line 2)", 180},
		{"many records of many rows", `each: {one: "ones ?? []"}`, file, toCSV, func(w io.Writer) {
			for i := range 1000 {
				_, _ = fmt.Fprintf(w, `{"id":%d,"name":"a","ones":`, i)
				hugeList(w, 1000)
				_, _ = io.WriteString(w, "}\n")
			}
		}, exitDone, "1,000,000", 110},
		{"rejects of 1 MB", "", file, toCSV, func(w io.Writer) {
			for range 100 {
				_, _ = io.WriteString(w, `{"name":`)
				hugeText(w, 1_000_000)
				_, _ = io.WriteString(w, "}\n")
			}
		}, exitRejected, "100", 90},
		{"records of 15 MB", "", file, toCSV, func(w io.Writer) {
			for i := range 8 {
				_, _ = fmt.Fprintf(w, `{"id":%d,"name":`, i)
				hugeText(w, 15_000_000)
				_, _ = io.WriteString(w, "}\n")
			}
		}, exitDone, "8 read", 400},
		{"lines of three bytes", "", file, toCSV, func(w io.Writer) {
			for range 200 {
				_, _ = io.WriteString(w, strings.Repeat("{}\n", 1000))
			}
		}, exitRejected, "200,000", 120},
		{"large values to Parquet", "", file, toParquet, func(w io.Writer) {
			for i := range 100 {
				_, _ = fmt.Fprintf(w, `{"id":%d,"name":`, i)
				hugeText(w, 1_000_000)
				_, _ = io.WriteString(w, "}\n")
			}
		}, exitDone, "100", 110},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			if test.source == file {
				writeFile(t, filepath.Join(dir, "in.jsonl"), test.write)
			}
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				out := bufio.NewWriterSize(w, 64<<10)
				test.write(out)
				_ = out.Flush() // nobody may listen any more
			}))
			defer server.Close()
			text := func(s string) func(io.Writer) { return func(w io.Writer) { _, _ = io.WriteString(w, s) } }
			writeFile(t, filepath.Join(dir, "api.yaml"), text("name: api\nsummary: Any list\nbase_url: http://127.0.0.1\nauth: none\nstreams:\n  all: {path: /all, records: [.]}\n"))
			writeFile(t, filepath.Join(dir, "m.yaml"), text(fmt.Sprintf(memoryMapping, test.each, strings.ReplaceAll(test.source, "${API}", server.URL), "", test.sink)))

			cmd := exec.Command(os.Args[0], "run", "m.yaml", "--progress", "none")
			cmd.Dir = dir
			peak := filepath.Join(dir, "peak")
			cmd.Env = append(os.Environ(), "PIPELINE_TEST_PEAK="+peak, "XDG_STATE_HOME="+filepath.Join(dir, ".state"), "GOGC=", "GOMEMLIMIT=")
			out, err := cmd.CombinedOutput()
			if cmd.ProcessState.ExitCode() != test.exit || !strings.Contains(string(out), test.want) {
				t.Errorf("%v, exit code %d expected, and %s:\n%s", err, test.exit, test.want, out)
			}
			said, err := os.ReadFile(peak)
			if err != nil {
				t.Fatal(err)
			}
			if mib, err := strconv.Atoi(string(said)); err != nil || mib > test.most {
				t.Errorf("%s MiB of memory, expected at most %d (%v)", said, test.most, err)
			} else {
				t.Logf("%d MiB", mib)
			}
		})
	}
}

func writeFile(t *testing.T, path string, write func(io.Writer)) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	out := bufio.NewWriter(f)
	write(out)
	if err := out.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}
