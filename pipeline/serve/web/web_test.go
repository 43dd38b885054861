package web_test

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pipeline/pipeline/serve/history"
	"pipeline/pipeline/serve/web"
)

// visit is a browser without a window: it keeps cookies, and follows no redirect.
type visit struct {
	t       *testing.T
	handler http.Handler
	peer    string
	header  http.Header
	cookies map[string]*http.Cookie
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

func newVisit(t *testing.T, c web.Config) *visit {
	t.Helper()
	c.Token = secret
	if c.Now == nil {
		c.Now = clock
	}
	return &visit{t: t, handler: web.New(c).Page(), peer: "192.0.2.7:4711", header: http.Header{}, cookies: map[string]*http.Cookie{}}
}

// loggedIn has typed the token.
func loggedIn(t *testing.T, f *fake) *visit {
	t.Helper()
	v := newVisit(t, web.Config{Source: f})
	if got := v.post("/login", url.Values{"token": {secret}}); got.status != http.StatusSeeOther {
		t.Fatalf("log in: %d\n%s", got.status, got.body)
	}
	return v
}

func (v *visit) do(method, path string, body io.Reader) answer {
	v.t.Helper()
	r := httptest.NewRequestWithContext(v.t.Context(), method, path, body)
	r.RemoteAddr = v.peer
	for name, values := range v.header {
		r.Header[name] = values
	}
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for _, c := range v.cookies {
		r.AddCookie(c)
	}
	w := httptest.NewRecorder()
	v.handler.ServeHTTP(w, r)
	for _, c := range w.Result().Cookies() {
		v.cookies[c.Name] = c
		if c.MaxAge < 0 {
			delete(v.cookies, c.Name)
		}
	}
	return answer{w.Code, w.Header(), w.Body.String()}
}

func (v *visit) get(path string) answer { v.t.Helper(); return v.do(http.MethodGet, path, nil) }

func (v *visit) post(path string, form url.Values) answer {
	v.t.Helper()
	return v.do(http.MethodPost, path, strings.NewReader(form.Encode()))
}

var formField = regexp.MustCompile(`name="form" value="([0-9a-f]{64})"`)

// press sends a form of a page that holds its token.
func (v *visit) press(page, path string, form url.Values) answer {
	v.t.Helper()
	found := formField.FindStringSubmatch(v.get(page).body)
	if found == nil {
		v.t.Fatalf("%s has no form", page)
	}
	form.Set("form", found[1])
	return v.post(path, form)
}

// see is the text of a page that is there.
func (v *visit) see(path string) string {
	v.t.Helper()
	got := v.get(path)
	if got.status != http.StatusOK {
		v.t.Fatalf("%s: %d\n%s", path, got.status, got.body)
	}
	return textOf(v.t, got.body)
}

// textOf is what a page says, its parts apart by spaces. The page must be whole:
// every element that begins ends.
func textOf(t *testing.T, page string) string {
	t.Helper()
	var out []string
	walk(t, page, nil, func(text string) { out = append(out, strings.Fields(text)...) })
	return beforeSign.ReplaceAllString(strings.Join(out, " "), "$1")
}

// beforeSign are spaces that only the marks between parts made.
var beforeSign = regexp.MustCompile(` ([,.:)])`)

func walk(t *testing.T, page string, start func(xml.StartElement), text func(string)) {
	t.Helper()
	in := xml.NewDecoder(strings.NewReader(strings.TrimPrefix(page, "<!DOCTYPE html>")))
	in.Entity = xml.HTMLEntity
	for {
		token, err := in.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatalf("the page is not whole: %v\n%s", err, page)
		}
		switch token := token.(type) {
		case xml.StartElement:
			if start != nil {
				start(token)
			}
		case xml.CharData:
			if text != nil {
				text(string(token))
			}
		}
	}
}

func contains(t *testing.T, where, text string, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if !strings.Contains(text, want) {
			t.Errorf("%s does not say %q:\n%s", where, want, text)
		}
	}
}

func lacks(t *testing.T, where, text string, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if strings.Contains(text, want) {
			t.Errorf("%s says %q:\n%s", where, want, text)
		}
	}
}

func TestGlance(t *testing.T) {
	v := loggedIn(t, full(t))
	page := v.get("/")
	text := textOf(t, page.body)
	contains(t, "the first page", text,
		"1 ill, 1 wrong, 1 late: clients · pipeline", "all 6", "3 dead letters",
		"globex ill GEVME refused the token of connection globex (status 401)",
		`hooli.yaml wrong 14:10: unknown name "emial"`,
		"initech late the run of 2026-11-22 09:00 has not begun",
		"umbrella running by a push, now, 4,200 records read",
		"wayne paused it was paused by hand",
		"acme healthy done, with rejects 4 minutes ago 1,202 rows, 2 rejected",
		"2026-11-22 09:45 UTC in 15 minutes, 17:45 in Asia/Singapore",
	)
	if order := []int{strings.Index(text, "globex ill"), strings.Index(text, "hooli.yaml wrong"), strings.Index(text, "acme healthy")}; !slices.IsSorted(order) {
		t.Error("those that need somebody are not first")
	}
	contains(t, "the page", page.body, `<meta http-equiv="refresh" content="60"/>`, `aria-label="2 open rejects of acme"`, `aria-label="Rows a day, the last 14 days: 40; 53; 66;`)
	for state, shape := range map[string]string{"ill": "M5 1h6l4 4v6", "wrong": "M8 1l7.5 14", "late": "M8 4v4.3l3 1.8", "running": "M3 1.5l11.5", "paused": "M3 2h3.5v12", "healthy": "M4.7 8.3l2.3"} {
		_, cell, _ := strings.Cut(page.body, `<span class="state `+state+`">`)
		if cell, _, _ = strings.Cut(cell, "</span>"); !strings.Contains(cell, shape) || !strings.HasSuffix(strings.TrimSpace(cell), state) {
			t.Errorf("%s has not its shape and word: %s", state, cell)
		}
	}

	ill := v.see("/?state=ill")
	contains(t, "those that are ill", ill, "globex")
	lacks(t, "those that are ill", ill, "umbrella")
	contains(t, "a state without clients", v.see("/?state=healthy"), "acme")
	if got := v.get("/?state=happy"); got.status != http.StatusBadRequest || !strings.Contains(got.body, "it is one of ill, wrong, late, running, paused, healthy") {
		t.Errorf("an unknown state: %d %s", got.status, got.body)
	}
}

func TestGlanceWithoutClients(t *testing.T) {
	contains(t, "the first page", loggedIn(t, &fake{}).see("/"), "There is no mapping in the folder yet.")
}

// Where the store cannot store, clients that look healthy are not told alone.
func TestGlanceWhereNothingCanBeStored(t *testing.T) {
	f := full(t)
	lacks(t, "the first page", loggedIn(t, f).see("/"), "503")
	f.unready = "the store cannot store"
	contains(t, "the first page", loggedIn(t, f).see("/"), "Pushes are answered with 503, and no run begins: the store cannot store. pipeline doctor says what to do.")
}

func TestRenewingCanBeSwitchedOff(t *testing.T) {
	v := loggedIn(t, full(t))
	got := v.press("/", "/refresh", url.Values{"refresh": {"off"}, "back": {"/client/acme?span=24h"}})
	if to := got.header.Get("Location"); to != "/client/acme?span=24h" {
		t.Errorf("it leads to %q", to)
	}
	for _, path := range []string{"/", "/client/acme"} {
		lacks(t, path, v.get(path).body, "http-equiv")
	}
	v.press("/", "/refresh", url.Values{"refresh": {"on"}})
	contains(t, "/", v.get("/").body, `http-equiv="refresh"`)
	for _, path := range []string{"/dead", "/client/acme/rejects", "/ask/drop"} { // where somebody types or decides
		lacks(t, path, v.get(path).body, "http-equiv")
	}
	if got := v.press("/", "/refresh", url.Values{"refresh": {"off"}, "back": {"https://evil.example/"}}); got.header.Get("Location") != "/" {
		t.Errorf("it leads to %q", got.header.Get("Location"))
	}
}

func TestClient(t *testing.T) {
	v := loggedIn(t, full(t))
	page := v.get("/client/acme")
	text := textOf(t, page.body)
	contains(t, "the page of acme", text,
		"acme: healthy", "Reads from gevme/attendees", "at */15 * * * * (Asia/Singapore)", "when something is pushed to /hooks/acme-…", "everything every 1 hour",
		"2026-11-22 09:45 UTC, in 15 minutes (17:45 in Asia/Singapore)", "2 records, by cause",
		"disabled: it answered 410 Gone Send there again: webhook", "webhook-2 https://crm.example.org/in sending none",
		"Rows written in each 3 hours", "Calls in a minute, against the limit", "How long answers took", "Requests to receivers in each 3 hours",
		"half of them (p50) (ms) 95 of 100 (p95) (ms)",
		"run00abcdefg running", "call 3: GEVME answered 503 five times", "lost: its process died",
		"The way of a record", "GEVME: attendees, event 25198085.", "destination-disabled webhook: it answered 410 Gone",
	)
	lacks(t, "the page of acme", page.body, hookSecret, "whsec_", "T024BE7LD12345678")
	for _, id := range []string{"rows", "rejects", "calls", "latency", "pushes", "deliveries", "delivery-latency"} {
		contains(t, "the page", page.body, fmt.Sprintf(`aria-labelledby="%s-title %[1]s-desc"`, id))
	}

	contains(t, "a day", v.see("/client/acme?span=24h"), "Rows written in each 30 minutes")
	if got := strings.Count(page.body, `data-label="Became"`); got != 20 {
		t.Errorf("there are %d runs", got)
	}
	older := v.see("/client/acme?before=run19abcdefg")
	contains(t, "older runs", older, "run20abcdefg", "Newest", "Older")
	lacks(t, "older runs", older, "run19abcdefg")
	contains(t, "the oldest runs", v.see("/client/acme?before=run39abcdefg"), "run44abcdefg")

	contains(t, "the page of globex", v.see("/client/globex"), "What to do: pipeline auth login gevme --connection globex", "since 2026-11-22 06:30 UTC, 3 hours ago", "It is tried again at 2026-11-22 09:34 UTC")
	contains(t, "the page of umbrella", v.see("/client/umbrella"), "It runs by a push")
	lacks(t, "the page of umbrella", v.see("/client/umbrella"), "Run now") // it cannot be pulled
	contains(t, "the page of wayne", v.see("/client/wayne"), "Let it run by itself again")
	wrong := v.see("/client/hooli.yaml")
	contains(t, "the page of hooli.yaml", wrong, "What is wrong with its file", "Runs not at all: its file was never right", `mappings/hooli.yaml:2:10: error: unknown name "emial"`, "2 │ email: emial", `~~~~~ did you mean "email"?`)
	lacks(t, "the page of hooli.yaml", wrong, "Run now", "The way of a record")
}

func TestRun(t *testing.T) {
	v := loggedIn(t, full(t))
	text := v.see("/run/run02abcdefg")
	contains(t, "the run", text, "failed call 3: GEVME answered 503", "Nothing of this run was published.", "by its schedule", "12, and 4 answers that were there already",
		"Records read 1,204", "2 records: conversion in amount ticket.price is a text, which is no decimal(10,2)",
		`mappings/acme.yaml:15:`, `15 │ amount: {value: ticket.price, type: "decimal(10,2)"}`, "~~~~~~~~~~~~",
		"1 record: duplicate-name", "The first one: page 3 item 17.", "the token ends in 3 days", "acme.csv")
	contains(t, "a run that goes on", v.get("/run/run00abcdefg").body, `http-equiv="refresh"`)
	lacks(t, "a run that ended", v.get("/run/run01abcdefg").body, `http-equiv="refresh"`)
}

var recordLink = regexp.MustCompile(`href="(/client/acme/rejects/\d+\?mark=[0-9a-f]{16})"`)

func TestRejects(t *testing.T) {
	f := full(t)
	v := loggedIn(t, f)
	page := v.get("/client/acme/rejects")
	contains(t, "the rejects", textOf(t, page.body), "4 records kept out, by 2 causes", "2 records: conversion in amount", "15 │ amount: {value: ticket.price", "page 3 item 17", "push 12", "1 line of the reject file cannot be read any more")
	lacks(t, "the rejects", page.body, person, "free")
	links := recordLink.FindAllStringSubmatch(page.body, -1)
	if len(links) != 3 {
		t.Fatalf("there are %d links: %q", len(links), links)
	}

	hidden := v.get(links[0][1])
	contains(t, "a reject", textOf(t, hidden.body), "What the record says is hidden.", "first_name text, 8 characters", "ticket.price text, 4 characters", "tags[0] text, 1 character", "The value that was refused")
	lacks(t, "a reject", hidden.body, person, "free", "A-17")
	if len(f.told) > 0 {
		t.Errorf("looking at hidden data is noted: %q", f.told)
	}

	shown := v.press(links[0][1], links[0][1], url.Values{})
	contains(t, "a reject that is shown", textOf(t, shown.body), "first_name text, 8 characters "+person, "A-17", "it is noted that you asked for it")
	if want := []string{"note data-shown acme: a rejected record was shown to somebody with the token"}; !slices.Equal(f.told, want) {
		t.Errorf("noted is %q", f.told)
	}
	lacks(t, "the reject afterwards", v.get(links[0][1]).body, person)

	if got := v.post(links[0][1], url.Values{}); got.status != http.StatusForbidden || strings.Contains(got.body, person) {
		t.Errorf("without the token of the form: %d", got.status)
	}
	other := strings.Replace(links[0][1], "/1?", "/3?", 1) // the file was written anew
	if got := v.get(other); got.status != http.StatusNotFound || !strings.Contains(got.body, "go back to its rejects") {
		t.Errorf("another record at that place: %d %s", got.status, got.body)
	}
	contains(t, "no rejects", loggedIn(t, &fake{clients: f.clients}).see("/client/wayne/rejects"), "No record is kept out.")
}

func TestDead(t *testing.T) {
	f := full(t)
	v := loggedIn(t, f)
	contains(t, "dead letters", v.see("/dead"), "Letter 3 globex webhook no answer no answer within 15 s", "Letter 1 acme webhook 410 it answered 410 Gone 3")
	for filter, want := range map[string]string{
		"client=acme": "2 1", "sink=webhook": "3 2 1", "sink=other": "", "status=410": "1", "reason=Bad+Request": "2",
		"since=19h": "3 2", "since=2026-11-21": "3 2 1", "state=dropped": "", "state=all": "3 2 1", "client=acme&status=400": "2",
	} {
		var got []string
		for _, found := range regexp.MustCompile(`>Letter (\d+)<`).FindAllStringSubmatch(v.get("/dead?"+filter).body, -1) {
			got = append(got, found[1])
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s shows %v, want %s", filter, got, want)
		}
	}
	for filter, want := range map[string]string{"status=gone": "status is that of an answer, such as 410, not &#34;gone&#34;", "since=soon": "since is a time such as 24h, 7d or 2026-11-22", "state=lost": "state is one of open, replayed, dropped, all", "before=x": "before is the number of a letter"} {
		if got := v.get("/dead?" + filter); got.status != http.StatusBadRequest || !strings.Contains(got.body, want) {
			t.Errorf("%s: %d %s", filter, got.status, got.body)
		}
	}

	letter := v.get("/dead/acme/1")
	contains(t, "a letter", textOf(t, letter.body), "it answered 410 Gone", "status 410", "9f86d081884c7d65-0", "full_name text, 8 characters", "tags[1] empty text", "age number, 2 characters", "ok true or false", "none null", "at object without members")
	lacks(t, "a letter", letter.body, person, "vip")
	shown := v.press("/dead/acme/1", "/dead/acme/1", url.Values{})
	contains(t, "a letter that is shown", textOf(t, shown.body), person, "vip")

	got := v.press("/dead/acme/1", "/dead/acme/1/replay", url.Values{})
	contains(t, "after the replay", v.see(got.header.Get("Location")), "1 dead letter will be sent again, with the same idempotency key.")
	contains(t, "the letter", v.see("/dead/acme/1"), "replayed, 2026-11-22 09:30 UTC")
	lacks(t, "the letter", v.get("/dead/acme/1").body, "/dead/acme/1/replay")

	contains(t, "the question", v.see("/ask/drop?client=acme"), "Drop dead letters?", "1 dead letter will be dropped: nobody sends it any more. Of acme.", "Drop 1 letter")
	v.press("/ask/drop?client=acme", "/ask/drop", url.Values{"client": {"acme"}, "until": {now.Format("2006-01-02T15:04:05Z")}})
	want := []string{"note data-shown acme: a dead letter, 1, was shown to somebody with the token", "replay acme 1", "drop acme 2"}
	if !slices.Equal(f.told, want) {
		t.Errorf("told was %q", f.told)
	}
	contains(t, "the question afterwards", v.see("/ask/drop?client=acme"), "The filter shows none that is open.")
	for path, status := range map[string]int{"/dead/acme/99": 404, "/dead/acme/x": 404, "/dead/globex/1": 404, "/ask/burn": 404} {
		if got := v.get(path); got.status != status {
			t.Errorf("%s: %d", path, got.status)
		}
	}
}

// Letters that die while somebody reads the question are not dealt with.
func TestWhatDiesAfterTheQuestionStays(t *testing.T) {
	f := full(t)
	v := loggedIn(t, f)
	got := v.press("/ask/replay", "/ask/replay", url.Values{"until": {f.letters[1].Died.Format("2006-01-02T15:04:05Z")}})
	contains(t, "afterwards", v.see(got.header.Get("Location")), "2 dead letters will be sent again")
	if want := []string{"replay acme 1", "replay acme 2"}; !slices.Equal(f.told, want) {
		t.Errorf("told was %q", f.told)
	}
	if got := v.press("/ask/replay", "/ask/replay", url.Values{"until": {"soon"}}); got.status != http.StatusConflict {
		t.Errorf("without a time: %d", got.status)
	}
}

// A filter that shows more than one page is dealt with whole.
func TestReplayOfManyLetters(t *testing.T) {
	f := full(t)
	first := f.letters[0]
	f.letters = nil
	for i := range 2345 {
		l := first
		l.Seq = uint64(i + 1)
		f.letters = append(f.letters, l)
	}
	v := loggedIn(t, f)
	contains(t, "the question", v.see("/ask/replay"), "2,345 dead letters will be sent again")
	v.press("/ask/replay", "/ask/replay", url.Values{"until": {now.Format("2006-01-02T15:04:05Z")}})
	if len(f.told) != 2345 || f.told[0] != "replay acme 1" {
		t.Errorf("%d were told, the first %q", len(f.told), f.told[:1])
	}
	f.letters = f.letters[:101]
	for i := range f.letters {
		f.letters[i].State = history.LetterOpen
	}
	contains(t, "the list", v.get("/dead").body, `href="/dead?before=2"`)
	contains(t, "its second page", v.see("/dead?before=2"), "Letter 1", "Newest")
}

func TestButtons(t *testing.T) {
	f := full(t)
	v := loggedIn(t, f)
	for do, says := range map[string]string{"run": "It runs as soon as there is a turn.", "pause": "It is paused.", "resume": "It runs by itself again.", "enable": "Requests are sent there again."} {
		got := v.press("/client/acme", "/client/acme/"+do, url.Values{"sink": {"webhook"}})
		if got.status != http.StatusSeeOther {
			t.Errorf("%s: %d", do, got.status)
			continue
		}
		contains(t, do, v.see(got.header.Get("Location")), says)
		lacks(t, do, v.get(got.header.Get("Location")).body, "http-equiv", `value="/client/acme?said`) // it is said once
	}
	slices.Sort(f.told)
	if want := []string{"enable acme webhook", "pause acme", "resume acme", "run acme"}; !slices.Equal(f.told, want) {
		t.Errorf("told was %q", f.told)
	}
	for path, status := range map[string]int{"/client/nobody/run": 404, "/client/acme/explode": 404} {
		if got := v.press("/", path, url.Values{}); got.status != status {
			t.Errorf("%s: %d", path, got.status)
		}
	}
}

func TestFailures(t *testing.T) {
	f := full(t)
	v := loggedIn(t, f)
	for path, status := range map[string]int{"/nothing": 404, "/client/nobody": 404, "/client/nobody/rejects": 404, "/run/none": 404, "/client/acme/rejects/0": 404, "/client/acme/rejects/x": 404, "/client/acme/rejects/999": 404} {
		if got := v.get(path); got.status != status {
			t.Errorf("%s: %d", path, got.status)
		}
	}
	f.err = errors.New("ask history.db: it is damaged")
	for _, path := range []string{"/", "/client/acme", "/dead", "/run/run01abcdefg", "/client/acme/rejects"} {
		got := v.get(path)
		if got.status != http.StatusInternalServerError {
			t.Errorf("%s: %d", path, got.status)
		}
		contains(t, path, textOf(t, got.body), "Something is wrong with serve", "it is damaged; the log of serve has more.")
	}
}

// Who goes away before an answer is no error of serve: the log does not have it.
func TestVisitorsThatGoAway(t *testing.T) {
	var log bytes.Buffer
	f := &fake{err: context.Canceled}
	v := newVisit(t, web.Config{Source: f, Log: slog.New(slog.NewTextHandler(&log, nil))})
	v.post("/login", url.Values{"token": {secret}})
	gone, leave := context.WithCancel(t.Context())
	leave()
	v.handler = withContext(gone, v.handler)
	if got := v.get("/"); got.status != http.StatusServiceUnavailable || !strings.Contains(got.body, "who asked went away before it was answered") {
		t.Errorf("%d\n%s", got.status, got.body)
	}
	if log.Len() > 0 {
		t.Errorf("it logs %s", &log)
	}
}

func withContext(ctx context.Context, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { next.ServeHTTP(w, r.WithContext(ctx)) })
}
