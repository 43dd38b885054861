package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pipeline/pipeline"
	"pipeline/pipeline/serve/deliver"
	"pipeline/pipeline/serve/engine"
	"pipeline/pipeline/serve/history"
	"pipeline/pipeline/serve/jetstream"
)

// arrived is what a receiver was sent, by idempotency key.
type arrived struct {
	mu   sync.Mutex
	keys []string
}

func (a *arrived) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.keys = append(a.keys, r.Header.Get("Idempotency-Key"))
}

func (a *arrived) has(key string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Contains(a.keys, key)
}

// giveUp puts deliveries into the store of a serve that does not run, as if no try
// had delivered them.
func giveUp(t *testing.T, dir string, keys ...string) {
	t.Helper()
	e, err := jetstream.Open(t.Context(), jetstream.Config{Dir: filepath.Join(dir, "clients/.pipeline/serve/engine"), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	recorder := history.NewRecorder(e, history.RecorderOptions{Node: "test"})
	done := make(chan struct{})
	go func() { recorder.Run(ctx); close(done) }()
	d := &deliver.Deliveries{Engine: e, Notes: deliveryNotes{recorder, slog.New(slog.DiscardHandler)}}
	for i, key := range keys {
		// it goes through an outbox that nobody delivers from
		if err := d.Outbox("elsewhere").Put(ctx, pipeline.Request{Sink: "webhook", ID: key, Keys: [][]byte{[]byte("k")}, Body: []byte(`{"id":"9"}`)}); err != nil {
			t.Fatal(err)
		}
		var m engine.Message
		if err := e.Read(ctx, engine.Outbox, "elsewhere", 0, func(each engine.Message) error { m = each; return nil }); err != nil {
			t.Fatal(err)
		}
		m.ID = "dead " + key
		m.Header["status"], m.Header["reason"], m.Header["tries"], m.Header["first"] = fmt.Sprint(422+i), "the receiver does not want it", "3", time.Now().UTC().Format(time.RFC3339)
		receipt, err := e.Append(ctx, engine.Dead, "acme", m)
		if err != nil {
			t.Fatal(err)
		}
		l, err := d.Letter(ctx, "acme", receipt.Seq)
		if err != nil {
			t.Fatal(err)
		}
		d.Notes.GivenUp("acme", "webhook", l)
	}
	cancel()
	<-done
	if err := e.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// Rows are delivered from the outbox, and what was given up is shown, tried again
// with the same idempotency key, or let go.
func TestServeDelivers(t *testing.T) {
	t.Parallel()
	got := &arrived{}
	server := httptest.NewServer(got)
	defer server.Close()
	dir := clientsFolder(t, "webhook: {url: \""+server.URL+"\"}")
	giveUp(t, dir, "msg_one", "msg_two")

	says := func(exit int, args ...string) string {
		t.Helper()
		cmd, stderr := process(t, dir, append([]string{"rejects", "clients/acme.yaml"}, args...)...)
		out, _ := cmd.Output()
		if code := cmd.ProcessState.ExitCode(); code != exit {
			t.Errorf("rejects %v ends with %d, expected %d: %s", args, code, exit, stderr)
		}
		return string(out) + stderr.String()
	}
	if text := says(exitFailed, "--deliveries"); !strings.Contains(text, "no serve is running; what could not be delivered is in its store: start it with pipeline serve clients") {
		t.Errorf("without a serve it says %s", text)
	}
	if text := says(exitWrong, "--status", "410"); !strings.Contains(text, "--status is about deliveries that serve gave up; add --deliveries") {
		t.Errorf("a flag too many: %s", text)
	}

	s := startServe(t, dir)
	if status := s.push(`{"id": 1, "name": "Ada"}`); status != http.StatusAccepted {
		t.Fatalf("the push is answered with %d", status)
	}
	eventually(t, "a row is delivered", func() bool { got.mu.Lock(); defer got.mu.Unlock(); return len(got.keys) == 1 })
	var listed string
	eventually(t, "both are shown", func() bool {
		listed = says(exitDone, "--deliveries")
		return strings.Contains(listed, "2 deliveries were given up")
	})
	if !strings.Contains(listed, "2× webhook: the receiver does not want it (the first: ") {
		t.Errorf("it shows %s", listed)
	}
	if text := says(exitDone); !strings.Contains(text, "2 deliveries were given up as well: pipeline rejects clients/acme.yaml --deliveries\n") {
		t.Errorf("beside rejects it says %s", text)
	}
	if text := says(exitDone, "--deliveries", "--status", "422", "--replay"); !strings.Contains(text, "acme: 1 delivery is tried again, with the same idempotency key\n") {
		t.Errorf("a replay says %s", text)
	}
	eventually(t, "it arrives", func() bool { return got.has("msg_one") })
	eventually(t, "it is let go", func() bool { return strings.Contains(says(exitDone, "--deliveries"), "1 delivery was given up") })
	if text := says(exitDone, "--deliveries", "--drop"); !strings.Contains(text, "acme: 1 delivery is let go\n") {
		t.Errorf("a drop says %s", text)
	}
	eventually(t, "none is open", func() bool { return strings.Contains(says(exitDone, "--deliveries"), "acme: no delivery was given up") })
	if got.has("msg_two") {
		t.Error("what was dropped was delivered")
	}
	if text := says(exitWrong, "--deliveries", "--sink", "webhok"); !strings.Contains(text, `acme has no sink "webhok", and none of that name has given up a delivery; it has webhook`) {
		t.Errorf("a sink that there is not gets %s", text)
	}
	if code := s.stop(); code != 0 {
		t.Errorf("serve ends with %d: %s", code, s.stderr)
	}
}

// Where nothing was given up, and nothing is delivered either, it says why.
func TestRejectsDeliveriesOfAReceiverThatIsGone(t *testing.T) {
	t.Parallel()
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusGone) }))
	t.Cleanup(receiver.Close)
	dir := clientsFolder(t, fmt.Sprintf("webhook: {url: %q}", receiver.URL))
	s := startServe(t, dir)
	if status := s.push(`{"id": "x", "name": "p"}`); status != http.StatusAccepted {
		t.Fatalf("a push is answered with %d", status)
	}
	want := `acme: no delivery was given up
  webhook: nothing is sent there any more: the receiver answers 410 Gone; once it is back, say so on the page of serve
  webhook: 1 delivery waits for another try
`
	var said []byte
	eventually(t, "it says that the receiver is gone", func() bool {
		cmd, _ := process(t, dir, "rejects", "clients/acme.yaml", "--deliveries")
		said, _ = cmd.Output()
		return string(said) == want
	})
	if code := s.stop(); code != exitDone {
		t.Errorf("exit code %d\n%s", code, s.stderr)
	}
}
