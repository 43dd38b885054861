package handover_test

// browser_test.go: the pack in a real browser, where PIPELINE_CHROMIUM says where
// one is.

import (
	"bytes"
	"context"
	"fmt"
	"image/png"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	"pipeline/pipeline/handover"
)

// TestChromium looks at the page as people do: on a telephone, on a screen, in the
// dark and on paper.
func TestChromium(t *testing.T) {
	chromium := os.Getenv("PIPELINE_CHROMIUM")
	if chromium == "" {
		t.Skip("PIPELINE_CHROMIUM does not say where Chromium is")
	}
	page, _ := laidOut(t, packOf(t, "../../mappings/gevme-attendees.yaml", handover.About{}))
	b := &browser{t: t, program: chromium, server: httptest.NewServer(served(page)), dir: t.TempDir()}
	defer b.server.Close()
	if got := b.contentWidth("wide", 360); got != 500 {
		t.Fatalf("a page that is 500 wide is measured as %d", got)
	}
	for _, width := range []int{360, 768, 1600} {
		if got := b.contentWidth("pack", width); got > width {
			t.Errorf("in a window of %d the page is %d wide", width, got)
		}
	}
	var light picture
	for _, width := range []int{360, 1600} {
		light = b.screenshot(width, false)
		if light.colours < 20 {
			t.Errorf("at %d the page has %d colours: it is blank", width, light.colours)
		}
		if light.width != width {
			t.Errorf("the picture is %d wide, not %d", light.width, width)
		}
	}
	if dark := b.screenshot(1600, true); dark.brightness > light.brightness/2 {
		t.Errorf("the dark page is as bright as %.0f of 255, the light one %.0f", dark.brightness, light.brightness)
	}
	if pages := b.printed(); pages < 5 || pages > 20 {
		t.Errorf("on paper there are %d pages", pages)
	}
}

// probe is a page that shows the pack in a frame and writes down how wide the
// content of that is. The pack itself has no script.
const probe = `<!DOCTYPE html><title>probe</title><iframe id="pack" src="/%s" style="border:0;width:%dpx;height:900px"></iframe>
<script>pack.onload = () => { document.title = "width=" + pack.contentDocument.documentElement.scrollWidth }</script>`

func served(page string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/pack", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, page) })
	mux.HandleFunc("/wide", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `<!DOCTYPE html><body style="margin:0"><div style="width:500px">wide</div>`)
	})
	mux.HandleFunc("/probe/{page}/{width}", func(w http.ResponseWriter, r *http.Request) {
		width, _ := strconv.Atoi(r.PathValue("width"))
		fmt.Fprintf(w, probe, r.PathValue("page"), width)
	})
	return mux
}

// browser is Chromium without a window.
type browser struct {
	t       *testing.T
	program string
	server  *httptest.Server
	dir     string
}

// run is what Chromium prints for a page.
func (b *browser) run(path string, flags ...string) []byte {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), time.Minute)
	defer cancel()
	// no sandbox: it cannot have one as root, and the page is ours
	args := append([]string{"--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", "--user-data-dir=" + filepath.Join(b.dir, "profile")}, flags...)
	cmd := exec.CommandContext(ctx, b.program, append(args, b.server.URL+path)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		b.t.Fatalf("%s: %v\n%s", b.program, err, &stderr)
	}
	return out
}

var widthInTitle = regexp.MustCompile(`<title>width=(\d+)</title>`)

// contentWidth is how wide a page is in a window of some width.
func (b *browser) contentWidth(page string, window int) int {
	b.t.Helper()
	found := widthInTitle.FindSubmatch(b.run(fmt.Sprintf("/probe/%s/%d", page, window), "--window-size=1700,1000", "--virtual-time-budget=5000", "--dump-dom"))
	if found == nil {
		b.t.Fatal("the probe measured nothing")
	}
	n, err := strconv.Atoi(string(found[1]))
	if err != nil {
		b.t.Fatal(err)
	}
	return n
}

// picture is what there is to say of a screenshot.
type picture struct {
	width, colours int
	brightness     float64 // 0 to 255
}

func (b *browser) screenshot(width int, dark bool) picture {
	b.t.Helper()
	path := filepath.Join(b.dir, "page.png")
	flags := []string{fmt.Sprintf("--window-size=%d,2000", width), "--screenshot=" + path}
	if dark {
		flags = append(flags, "--blink-settings=preferredColorScheme=0")
	}
	b.run("/pack", flags...)
	data, err := os.ReadFile(path)
	if err != nil {
		b.t.Fatal(err)
	}
	if keep := os.Getenv("PIPELINE_SCREENSHOTS"); keep != "" { // for looking at
		name := fmt.Sprintf("%d%s.png", width, map[bool]string{true: "-dark"}[dark])
		if err := os.WriteFile(filepath.Join(keep, name), data, 0o644); err != nil {
			b.t.Fatal(err)
		}
	}
	img, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		b.t.Fatal(err)
	}
	seen, sum, n := map[[3]uint32]bool{}, 0.0, 0
	for y := img.Bounds().Min.Y; y < img.Bounds().Max.Y; y += 2 {
		for x := img.Bounds().Min.X; x < img.Bounds().Max.X; x += 2 {
			red, green, blue, _ := img.At(x, y).RGBA()
			seen[[3]uint32{red, green, blue}] = true
			sum += float64(red+green+blue) / 3 / 257
			n++
		}
	}
	return picture{width: img.Bounds().Dx(), colours: len(seen), brightness: sum / float64(n)}
}

var pageObject = regexp.MustCompile(`/Type\s*/Page\b`)

// printed is how many pages the pack has on paper.
func (b *browser) printed() int {
	b.t.Helper()
	path := filepath.Join(b.dir, "pack.pdf")
	b.run("/pack", "--print-to-pdf="+path, "--no-pdf-header-footer")
	data, err := os.ReadFile(path)
	if err != nil {
		b.t.Fatal(err)
	}
	return len(pageObject.FindAll(data, -1))
}
