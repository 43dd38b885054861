package web

// words_test.go: the words, numbers and shapes that pages are made of.

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestVeil(t *testing.T) {
	for given, want := range map[string]string{
		`source: {webhook: {path: /hooks/acme-0123456789abcdef}}`: `source: {webhook: {path: /hooks/•••••••••••••••••••••}}`,
		"  bearer: s3cr3t": "  bearer: ••••••",
		`  - webhook: {url: "https://ana:pw@x.example/in", secret: whsec_AAAA}`: `  - webhook: {url: "https://•••••••x.example/in", secret: •••••••••••`,
		"  Authorization: Bearer abc":                                           "  Authorization: ••••••••••",
		"  secret: ${ACME_SECRET}":                                              "  secret: ${ACME_SECRET}",
		"  email: lower(trim(email))":                                           "  email: lower(trim(email))",
		"# secret: none\n  x: 1":                                                "# secret: ••••\n  x: 1",
		"  token_count: 3":                                                      "  token_count: 3",
		"path: /hooks/${HOOK}":                                                  "path: /hooks/${HOOK}",
		"secretary: Zoë\nfields:\n  password: length":                           "secretary: Zoë\nfields:\n  password: ••••••",
	} {
		if got := string(veil([]byte(given))); got != want {
			t.Errorf("%s is shown as %s, want %s", given, got, want)
		}
	}
}

func TestSpoken(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "1 second", 59 * time.Second: "59 seconds", time.Minute: "1 minute", 61 * time.Minute: "1 hour 1 minute", 2 * time.Hour: "2 hours",
		11*time.Hour + 59*time.Minute: "11 hours", 47 * time.Hour: "47 hours", 72 * time.Hour: "3 days",
	} {
		if got := spoken(d); got != want {
			t.Errorf("%s is spoken as %q, want %q", d, got, want)
		}
	}
	at := time.Date(2026, 11, 22, 17, 30, 0, 0, time.UTC)
	for other, want := range map[time.Duration]string{0: "now", 30 * time.Second: "now", -90 * time.Second: "in 1 minute", 3*time.Hour - time.Minute: "3 hours ago", -26 * time.Hour: "in 26 hours"} {
		if got := ago(at, at.Add(-other)); got != want {
			t.Errorf("%s before is %q, want %q", other, got, want)
		}
	}
	singapore, err := time.LoadLocation("Asia/Singapore")
	if err != nil {
		t.Fatal(err)
	}
	if got := inZone(at, singapore); got != "2026-11-23 01:30 in Asia/Singapore" { // another day there
		t.Error(got)
	}
	if got := inZone(at, time.UTC); got != "" {
		t.Error(got)
	}
	for ms, want := range map[int64]string{0: "0 ms", 999: "999 ms", 3200: "3.2 s", 754_000: "12 min 34 s"} {
		if got := took(ms); got != want {
			t.Errorf("%d ms took %q, want %q", ms, got, want)
		}
	}
}

func TestDraw(t *testing.T) {
	day := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	times := []time.Time{day, day.Add(time.Hour), day.Add(2 * time.Hour)}
	p := draw("x", "Calls", "", times, values{Name: "calls", Class: "main", Of: []float64{0, 1500, 3}}, values{Name: "limit", Class: "limit", Line: true, Of: []float64{math.NaN(), 500, 500}})
	want := plot{
		ID: "x", Title: "Calls", Width: 400, Height: 150,
		Words:   "From 2026-11-22 00:00 UTC on. calls: 1,503, the most 1,500 at 2026-11-22 01:00 UTC; limit: at most 500, at 2026-11-22 01:00 UTC.",
		Bars:    []shape{{"main", "M172.3 130.0V41.5h93.3V130.0zM289.0 130.0V128.5h93.3V130.0z"}},
		Lines:   []shape{{"limit", "M218.0 100.5h2L335.7 100.5"}},
		Ticks:   []tick{{38, 130, "0", "end"}, {38, 71, "1k", "end"}, {38, 12, "2k", "end"}},
		Times:   []tick{{44, 145, "00:00 UTC", "start"}, {219, 145, "01:00 UTC", "middle"}, {394, 145, "02:00 UTC", "end"}},
		Names:   []name{{"bars main", "M6 8V0h8v8z", "calls"}, {"lines limit", "M0 4H20", "limit"}},
		Columns: []string{"From", "calls", "limit"},
		Rows:    [][]string{{"2026-11-22 02:00 UTC", "3", "500"}, {"2026-11-22 01:00 UTC", "1,500", "500"}},
	}
	if diff := cmp.Diff(want, p); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	none := draw("x", "Calls", "", times, values{Name: "calls", Of: []float64{0, math.NaN(), 0}})
	if none.None == "" || len(none.Rows) != 0 || !strings.Contains(none.Words, "calls: none") {
		t.Errorf("nothing is drawn as %+v", none)
	}
	if p := draw("x", "Calls", "", nil); p.None == "" {
		t.Errorf("no time is drawn as %+v", p)
	}
	for most, top := range map[float64]float64{1: 1, 3: 4, 5: 6, 9: 10, 10: 10, 11: 20, 700: 800, 81: 100} {
		if got := niceTop(most); got != top {
			t.Errorf("the axis of %v ends at %v, want %v", most, got, top)
		}
	}
}

// Nothing of a value is in what is shown unasked, whatever it is.
func TestContentHides(t *testing.T) {
	deep := strings.Repeat(`{"a":`, 100) + `"person"` + strings.Repeat("}", 100)
	wide := `["person"` + strings.Repeat(`,"person"`, 5000) + `]`
	for given, want := range map[string][]string{
		`"person"`:               {"text, 6 characters"},
		`{"a":{"b":["person"]}}`: {"text, 6 characters"},
		`person`:                 {"text, 6 characters"},
		`{"a":"person"`:          {"text, 13 characters"},
		"\xffperson":             {"7 bytes that are no text"},
		``:                       {"nothing"},
		`[]`:                     {"empty list"},
		deep:                     {"text, 608 characters"},
	} {
		var kinds []string
		for _, v := range contentOf("x", []byte(given), false).Values {
			kinds = append(kinds, v.Kind)
			if v.Text != "" {
				t.Errorf("%.40q shows %q", given, v.Text)
			}
		}
		if !slices.Equal(kinds, want) {
			t.Errorf("%.40q is %q, want %q", given, kinds, want)
		}
	}
	if c := contentOf("x", []byte(wide), false); len(c.Values) != maxValues || c.Cut != "The first 300 values are shown." {
		t.Errorf("of a wide one there are %d: %s", len(c.Values), c.Cut)
	}
	long := contentOf("x", []byte(`{"a":"`+strings.Repeat("é", 5000)+`"}`), true).Values[0]
	if got := len([]rune(long.Text)); got != maxValueText+1 {
		t.Errorf("%d characters of a long one are shown", got)
	}
}
