package main

// forms_test.go: what is not CSV from lines says the same as what is.

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// rowsOf are the rows of a CSV file by their key, each as its texts.
func rowsOf(t *testing.T, text string) map[string][]string {
	t.Helper()
	all, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string][]string{}
	for _, row := range all[1:] {
		rows[row[0]] = row
	}
	return rows
}

func TestParquetHasTheRows(t *testing.T) {
	src := records(t, 2000)
	out, _, count := toCSV(t, bytes.NewReader(src), 1)
	dir := t.TempDir()
	first := filepath.Join(dir, "1.parquet")
	for _, threads := range []int{1, 3} {
		path := filepath.Join(dir, strconv.Itoa(threads)+".parquet")
		to, err := createParquet(path)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := convertAll(&lineReader{src: bytes.NewReader(src)}, to, io.Discard, threads); err != nil || got != count {
			t.Fatalf("%+v, %v, want %+v", got, err, count)
		}
		if err := to.close(); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(rowsOf(t, out), parquetTexts(t, path)); diff != "" {
			t.Errorf("%d threads (-csv +parquet):\n%s", threads, diff)
		}
		if err := sameRows(first, path); err != nil {
			t.Error(err)
		}
	}
}

// parquetTexts are the rows of a Parquet file as CSV would have them.
func parquetTexts(t *testing.T, path string) map[string][]string {
	t.Helper()
	file, err := openRows(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.close()
	all := make([]parquetRow, file.NumRows())
	if _, err := file.read(all); err != nil {
		t.Fatal(err)
	}
	rows := map[string][]string{}
	for _, r := range all {
		rows[r.AttendeeID] = []string{
			r.AttendeeID, r.FullName, r.Email, r.Company, r.Country, r.Ticket, fmt.Sprintf("%d.%02d", r.Amount/100, r.Amount%100), strconv.FormatBool(r.VIP), r.Dietary,
			time.Unix(int64(r.RegisteredOn)*secondsPerDay, 0).UTC().Format(time.DateOnly), strconv.FormatBool(r.CheckedIn), r.Interests,
		}
	}
	return rows
}

func TestSameRowsFindsADifference(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, rows ...parquetRow) string {
		t.Helper()
		path := filepath.Join(dir, name)
		to, err := createParquet(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := to.(*parquetFile).write(rows); err != nil {
			t.Fatal(err)
		}
		if err := to.close(); err != nil {
			t.Fatal(err)
		}
		return path
	}
	rows := make([]parquetRow, 1500)
	whole := write("whole", rows...)
	short := write("short", rows[1:]...)
	rows[1200].Amount = 1
	other := write("other", rows...)
	for path, want := range map[string]string{whole: "", short: "1500 rows, and", other: "row 1201 differs", filepath.Join(dir, "absent"): "no such file"} {
		err := sameRows(whole, path)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", filepath.Base(path), err, want)
		}
	}
}

func TestHundredths(t *testing.T) {
	for text, want := range map[string]int64{"24.17": 2417, "0": 0, "5": 500, "5.1": 510, "-0.01": -1, "99999999.99": 9_999_999_999} {
		if got, ok := hundredths([]byte(text)); !ok || got != want {
			t.Errorf("%s is %d (%v), want %d", text, got, ok, want)
		}
	}
	for _, text := range []string{"1.234", "1e2", "100000000", "99999999999999999999"} {
		if got, ok := hundredths([]byte(text)); ok {
			t.Errorf("%s is %d, and should not fit", text, got)
		}
	}
}

func TestPagesAreTheLines(t *testing.T) {
	src := records(t, 2000)
	want, wantRejects, wantCount := toCSV(t, bytes.NewReader(src), 1)
	lines := bytes.Split(bytes.TrimSuffix(src, []byte("\n")), []byte("\n"))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		offset, _ := strconv.Atoi(req.FormValue("offset"))
		limit, _ := strconv.Atoi(req.FormValue("limit"))
		page := slices.Concat([]byte("["), bytes.Join(lines[min(offset, len(lines)):min(offset+limit, len(lines))], []byte(",")), []byte("]"))
		w.Header().Set("Content-Length", strconv.Itoa(len(page)))
		_, _ = w.Write(page)
	}))
	defer server.Close()
	for _, ahead := range []int{0, 1, 3} {
		for _, threads := range []int{1, 3} {
			var out, bad bytes.Buffer
			out.WriteString(header)
			count, err := convertAll(newPages(server.URL, 300, ahead), csvFile{nopCloser{&out}}, &bad, threads)
			if err != nil {
				t.Fatal(err)
			}
			if out.String() != want || bad.String() != wantRejects || count != wantCount {
				t.Errorf("%d pages ahead, %d threads: %+v, and not the rows of the lines", ahead, threads, count)
			}
		}
	}
}

func TestBadPages(t *testing.T) {
	for _, page := range []string{`{"id":1}`, `[{"id":1}`, `[{"id":1]`, `[1]`, `[{"id":1},]`, ` `} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, page) }))
		for _, ahead := range []int{0, 2} {
			if count, err := convertAll(newPages(server.URL, 1, ahead), csvFile{nopCloser{io.Discard}}, io.Discard, 1); err == nil {
				t.Errorf("%s is no page, and there is no error: %+v", page, count)
			}
		}
		server.Close()
	}
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	if _, err := convertAll(newPages(server.URL, 1, 0), csvFile{nopCloser{io.Discard}}, io.Discard, 1); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("a page that is not there: %v", err)
	}
}

// receiver keeps what is posted to it.
type receiver struct {
	*httptest.Server
	mu       sync.Mutex
	requests int
	rows     map[string][]string
	conns    map[string]bool
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{rows: map[string][]string{}, conns: map[string]bool{}}
	r.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		r.mu.Lock()
		defer r.mu.Unlock()
		r.requests++
		if body[0] != '[' {
			body = slices.Concat([]byte("["), body, []byte("]"))
		}
		var all []postedRow
		if err != nil || json.Unmarshal(body, &all) != nil {
			t.Errorf("%v: no rows in JSON: %s", err, body)
		}
		for _, row := range all {
			r.rows[row.ID] = row.texts()
		}
	}))
	r.Config.ConnState = func(conn net.Conn, _ http.ConnState) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.conns[conn.RemoteAddr().String()] = true
	}
	r.Start()
	t.Cleanup(r.Close)
	return r
}

// postedRow is what a receiver sees of a row.
type postedRow struct {
	ID           string      `json:"attendee_id"`
	FullName     string      `json:"full_name"`
	Email        string      `json:"email"`
	Company      string      `json:"company"`
	Country      string      `json:"country"`
	Ticket       string      `json:"ticket"`
	Amount       json.Number `json:"amount"`
	VIP          bool        `json:"vip"`
	Dietary      string      `json:"dietary"`
	RegisteredOn string      `json:"registered_on"`
	CheckedIn    bool        `json:"checked_in"`
	Interests    string      `json:"interests"`
}

func (r postedRow) texts() []string {
	return []string{
		r.ID, r.FullName, r.Email, r.Company, r.Country, r.Ticket, r.Amount.String(), strconv.FormatBool(r.VIP), r.Dietary,
		r.RegisteredOn, strconv.FormatBool(r.CheckedIn), r.Interests,
	}
}

func TestPostsAreTheRows(t *testing.T) {
	src := records(t, 2000)
	out, _, count := toCSV(t, bytes.NewReader(src), 1)
	for batch, wantRequests := range map[int]int{1: count.written, 100: (count.written + 99) / 100} {
		r := newReceiver(t)
		to, err := newPoster(r.URL+"/people", batch, 8)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := convertAll(&lineReader{src: bytes.NewReader(src)}, to, io.Discard, 1); err != nil {
			t.Fatal(err)
		}
		if err := to.close(); err != nil {
			t.Fatal(err)
		}
		r.Close()
		if diff := cmp.Diff(rowsOf(t, out), r.rows); diff != "" {
			t.Errorf("batches of %d (-csv +posted):\n%s", batch, diff)
		}
		if r.requests != wantRequests || len(r.conns) != 8 {
			t.Errorf("batches of %d: %d requests over %d connections, want %d over 8", batch, r.requests, len(r.conns), wantRequests)
		}
	}
}

func TestRefusedPost(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	to, err := newPoster(server.URL, 1, 2)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := convertAll(&lineReader{src: bytes.NewReader(records(t, 50))}, to, io.Discard, 1); err != nil {
		t.Fatal(err)
	}
	if err := to.close(); err == nil || !strings.Contains(err.Error(), "404 Not Found") {
		t.Errorf("a receiver that takes nothing: %v", err)
	}
}

func FuzzPage(f *testing.F) {
	f.Add([]byte(`[{"id":1,"ticket":{"name":"\ud83d"}},{"custom_fields":[{"question":"Interests","answer":"\u12`))
	f.Add([]byte(`[{"a":1} ,{"b":`))
	f.Fuzz(func(_ *testing.T, page []byte) {
		c := newConverter(&csvEncoder{to: io.Discard})
		_ = c.page(append(bytes.ReplaceAll(page, []byte("\n"), []byte(" ")), '\n')) // it does not panic
	})
}
