package web_test

// browser_test.go: the page in a real browser, where PIPELINE_CHROMIUM says where
// one is and PIPELINE_NODE_MODULES where playwright-core and axe-core are.

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"pipeline/pipeline/serve/history"
	"pipeline/pipeline/serve/web"
)

// seen is what testdata/browser.mjs says of what it saw.
type seen struct {
	Pages  int      `json:"pages"`  // that were looked at, in each size and colour
	Axe    int      `json:"axe"`    // rules of axe that passed
	Wrong  []string `json:"wrong"`  // what is not as it should be
	Titles []string `json:"titles"` // that a screen reader says, on the way by keyboard
}

func TestChromium(t *testing.T) {
	chromium, modules := os.Getenv("PIPELINE_CHROMIUM"), os.Getenv("PIPELINE_NODE_MODULES")
	if chromium == "" || modules == "" {
		t.Skip("PIPELINE_CHROMIUM does not say where Chromium is, or PIPELINE_NODE_MODULES where playwright-core and axe-core are; .ci/run sets both")
	}
	f := full(t)
	for i := range 44 {
		c := f.clients[i%2*5]
		c.Name, c.State, c.Why, c.Dead, c.Rejects = fmt.Sprintf("client-%02d", i), web.Healthy, "", 0, i%3
		f.clients = append(f.clients, c)
	}
	site := web.New(web.Config{Source: f, Token: secret, Now: clock})
	server := httptest.NewServer(site.Page())
	defer server.Close()

	cmd := exec.CommandContext(t.Context(), "node", "testdata/browser.mjs", modules, chromium, server.URL, secret, t.TempDir(), os.Getenv("PIPELINE_SCREENSHOTS"))
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var got seen
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, wrong := range got.Wrong {
		t.Error(wrong)
	}
	if got.Pages < 40 || got.Axe < 500 {
		t.Errorf("only %d pages were looked at, and %d rules passed", got.Pages, got.Axe)
	}
	want := []string{"Log in", "1 ill, 1 wrong, 1 late: clients", "acme: healthy", "Dead letters", "A dead letter of acme", "Dead letters"}
	if !slices.Equal(got.Titles, want) {
		t.Errorf("the way by keyboard was %q", got.Titles)
	}
	if i := f.find("acme", 1); f.letters[i].State != history.LetterReplayed || !slices.Contains(f.told, "replay acme 1") {
		t.Errorf("the letter was not replayed: %q", f.told)
	}
	if strings.Join(f.told, " ") == "" {
		t.Error("nothing was told")
	}
}

// TestChromiumFindsMistakes holds the test above against a page that is wrong.
func TestChromiumFindsMistakes(t *testing.T) {
	chromium, modules := os.Getenv("PIPELINE_CHROMIUM"), os.Getenv("PIPELINE_NODE_MODULES")
	if chromium == "" || modules == "" {
		t.Skip("PIPELINE_CHROMIUM does not say where Chromium is, or PIPELINE_NODE_MODULES where playwright-core and axe-core are; .ci/run sets both")
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte(`<!DOCTYPE html><html><body><img src="x.png"><div style="width:500px">wide</div><script>1</script></body></html>`))
	}))
	defer server.Close()
	cmd := exec.CommandContext(t.Context(), "node", "testdata/browser.mjs", modules, chromium, server.URL, "", t.TempDir(), "")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{"axe: html-has-lang", "axe: image-alt", "scrolls sideways", "Content Security Policy"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("%s was not found: %s", want, out)
		}
	}
}
