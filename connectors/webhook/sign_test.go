package webhook

import (
	"bufio"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"pipeline/pipeline"
)

const testSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// TestVector is the one that the libraries of Standard Webhooks share.
func TestVector(t *testing.T) {
	key, _ := pipeline.ParseWebhookSecret(testSecret)
	s := newSigner("acme", address, key)
	timestamp, signature := s.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), []byte(`{"test": 2432232314}`))
	if timestamp != "1614265330" || signature != "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=" {
		t.Errorf("got %s %s", timestamp, signature)
	}
}

// signedRequests are some requests as a receiver gets them.
func signedRequests(t *testing.T) []request {
	t.Helper()
	r := &receiver{}
	w := sink(t, r, pipeline.Options{"secret": testSecret, "batch": int64(2)})
	if err := w.Write(t.Context(), rows("a", "Zoë \"Z\"", "c")); err != nil {
		t.Fatal(err)
	}
	return r.got
}

func TestSignatures(t *testing.T) {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(testSecret, "whsec_"))
	if err != nil {
		t.Fatal(err)
	}
	for _, got := range signedRequests(t) {
		h := got.header
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(h.Get("webhook-id") + "." + h.Get("webhook-timestamp") + "." + got.body))
		if want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)); h.Get("webhook-signature") != want {
			t.Errorf("signature %s, want %s", h.Get("webhook-signature"), want)
		}
		if h.Get("webhook-id") != h.Get("Idempotency-Key") {
			t.Errorf("id %s, key %s", h.Get("webhook-id"), h.Get("Idempotency-Key"))
		}
	}
}

// TestStandardWebhooks has the requests verified by the library that receivers
// use.
func TestStandardWebhooks(t *testing.T) {
	modules := os.Getenv("PIPELINE_NODE_MODULES")
	if modules == "" {
		t.Skip("PIPELINE_NODE_MODULES does not name a node_modules folder with standardwebhooks; .ci/run sets it")
	}
	var in strings.Builder
	requests := signedRequests(t)
	forged := requests[0]
	forged.body += " "
	for _, r := range append(requests, forged) {
		headers := map[string]string{}
		for name := range r.header {
			headers[name] = r.header.Get(name)
		}
		line, err := json.Marshal(map[string]any{"headers": headers, "body": r.body})
		if err != nil {
			t.Fatal(err)
		}
		in.Write(append(line, '\n'))
	}
	cmd := exec.CommandContext(t.Context(), "node", "testdata/verify.mjs", modules, testSecret)
	cmd.Stdin = bufio.NewReader(strings.NewReader(in.String()))
	out, err := cmd.CombinedOutput()
	if want := "good\ngood\nNo matching signature found\n"; err != nil || string(out) != want {
		t.Errorf("%v: got %s, want %s", err, out, want)
	}
}

// TestStandardWebhooksReceiver delivers to a server of Node, which closes connections
// as it likes: no row is lost, none is rejected, and each is verified.
func TestStandardWebhooksReceiver(t *testing.T) {
	modules := os.Getenv("PIPELINE_NODE_MODULES")
	if modules == "" {
		t.Skip("PIPELINE_NODE_MODULES does not name a node_modules folder with standardwebhooks; .ci/run sets it")
	}
	cmd := exec.CommandContext(t.Context(), "node", "testdata/receive.mjs", modules, testSecret)
	stop, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	if !lines.Scan() {
		t.Fatal("it did not start: ", lines.Err())
	}
	w := sink(t, nil, pipeline.Options{"url": lines.Text(), "secret": testSecret, "concurrency": int64(4)})
	if err := errors.Join(w.Write(t.Context(), numbered(1000)), w.Flush(t.Context())); err != nil {
		t.Error(err)
	}
	if err := stop.Close(); err != nil {
		t.Error(err)
	}
	lines.Scan()
	var got struct{ Taken, Again, Connections int }
	if err := json.Unmarshal(lines.Bytes(), &got); err != nil {
		t.Errorf("%v: %s", err, lines.Text())
	}
	// it may close a connection when a request is on its way already
	if got.Taken-got.Again != 1000 || got.Again > 20 || got.Connections <= 4 {
		t.Errorf("got %+v", got)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

func TestSecrets(t *testing.T) {
	for secret, want := range map[string]string{
		testSecret: "",
		"whsec_" + base64.StdEncoding.EncodeToString(make([]byte, 64)): "",
		"whsec_" + base64.StdEncoding.EncodeToString(make([]byte, 65)): "the secret has 65 bytes; 24 to 64 are wanted",
		"whsec_" + base64.StdEncoding.EncodeToString(make([]byte, 23)): "the secret has 23 bytes; 24 to 64 are wanted",
		"whsec_***":                        "what follows whsec_ in the secret is not base64",
		"MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw": "the secret does not begin with whsec_",
	} {
		if _, message := pipeline.ParseWebhookSecret(secret); message != want {
			t.Errorf("%d characters: %q, want %q", len(secret), message, want)
		}
	}
}
