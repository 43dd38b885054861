package serve_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"pipeline/connectors"
	"pipeline/connectors/rest"
	"pipeline/pipeline"
	"pipeline/pipeline/serve"
	"pipeline/pipeline/serve/enginetest"
)

// A node stops in the middle of a pull. The other one goes on with it: no answer is
// fetched twice, and the run has the start that it had.
func TestPullGoesOnElsewhere(t *testing.T) {
	t.Parallel()
	const pages, last = 30, 12
	dir := t.TempDir()
	var mu sync.Mutex
	calls, reached := map[string]int{}, make(chan struct{})
	platform := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		calls[r.URL.RawQuery]++
		stops := len(calls) == last && calls[r.URL.RawQuery] == 1
		mu.Unlock()
		if stops { // what is under way when the node stops is this call, however long that takes
			close(reached)
			<-r.Context().Done()
			return
		}
		offset, _ := strconv.Atoi(r.URL.Query().Get("offset"))
		var list []string
		for i := offset; i < min(offset+10, 10*pages); i++ { // long, for an answer to need several pieces
			list = append(list, fmt.Sprintf(`{"id": %d, "email": "p%d@example.com", "note": %q}`, i, i, noise(i, 200_000)))
		}
		_, _ = fmt.Fprintf(w, `[%s]`, strings.Join(list, ","))
	}))
	t.Cleanup(platform.Close)
	src := fmt.Sprintf("version: 1\nsource: {gevme: {event: \"1\", base_url: %q, page_size: 10}, concurrency: 1}\nfields: {id: string(id), at: {value: now(), type: timestamp}}\nsinks: [csv: {path: out.csv}]\n", platform.URL)
	if err := os.WriteFile(filepath.Join(dir, "m.yaml"), []byte(src), 0o600); err != nil {
		t.Fatal(err)
	}
	e := enginetest.NewMemory()
	node := func(name string) (end func()) {
		s := serve.New(serve.Config{Dir: dir, Engine: e, Node: name, Load: func(files []string) []serve.Mapping {
			return []serve.Mapping{pullMapping(t, files[0], filepath.Join(dir, name))}
		}})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- s.Run(ctx) }()
		eventually(t, "it is asked for", func() bool { return s.Start(ctx, "m") == nil })
		return func() {
			cancel()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
	}
	endA := node("a")
	<-reached
	began := time.Now()
	endA()
	endB := node("b")
	eventually(t, "b has all", func() bool {
		out, _ := os.ReadFile(filepath.Join(dir, "b", "out.csv"))
		if strings.Count(string(out), "\n") != 10*pages+1 {
			return false
		}
		at, err := time.Parse(time.RFC3339Nano, strings.Split(strings.Split(string(out), "\n")[1], ",")[1])
		if err != nil || at.After(began) {
			t.Errorf("the run began at %v, %v", at, err)
		}
		return true
	})
	endB()
	platform.Close() // waits for the call that nobody waits for
	for query, n := range calls {
		// the call that was under way when a was stopped was of no use
		if n > 1 && query != fmt.Sprintf("limit=10&offset=%d", 10*(last-1)) {
			t.Errorf("%s was asked for %d times", query, n)
		}
	}
}

// noise is text that cannot be packed.
func noise(seed, n int) string {
	x := uint64(seed)*2654435761 + 88172645463325252
	text := make([]byte, n)
	for i := range text {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		text[i] = ' ' + byte(x%90)
	}
	return strings.NewReplacer(`"`, "!", `\`, "/").Replace(string(text))
}

func pullMapping(t *testing.T, file, out string) serve.Mapping {
	src, err := os.ReadFile(file)
	if err != nil {
		t.Error(err)
	}
	m, diags := pipeline.Parse(file, src)
	plan, more := m.Compile(pipeline.Setup{Registry: connectors.All(rest.New()), Files: &pipeline.Files{Read: os.ReadFile}})
	if diags = append(diags, more...); diags.HasErrors() {
		t.Errorf("%v", diags)
	}
	if err := os.MkdirAll(out, 0o700); err != nil {
		t.Error(err)
	}
	return serve.Mapping{File: file, Plan: plan, Hash: string(src), State: filepath.Join(out, "state"), OutDir: out, World: func() *pipeline.World {
		return &pipeline.World{Now: time.Now(), OutDir: out, Token: func(string) (pipeline.Token, error) { return pipeline.Token{Value: "secret"}, nil }}
	}}
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if holds() {
			return
		}
	}
	t.Fatalf("in two minutes it did not happen: %s", what)
}
