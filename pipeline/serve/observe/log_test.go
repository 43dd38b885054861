package observe

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/trace"

	"pipeline/pipeline"
)

// TestLogKeepsSecrets logs canaries in every way there is.
func TestLogKeepsSecrets(t *testing.T) {
	const canary = "Canary7f3a9c"
	type row struct{ Email, Name string }
	for _, format := range logFormats {
		var out bytes.Buffer
		log, err := NewLog(&out, format)
		if err != nil {
			t.Fatal(err)
		}
		for _, leak := range []string{
			"https://user:" + canary + "@app.example/in", "https://" + canary + "@app.example", "https://app.example/hooks/" + canary,
			"https://app.example/in?key=" + canary + "&x=1", "POST /hooks/acme-" + canary + "?a=" + canary + " answered", "Authorization: Bearer " + canary + "abc",
			"Basic " + canary + "==", "whsec_" + canary + "+/=", `{"access_token":"` + canary + `"}`, "client_secret=" + canary + "&grant_type=x",
			"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0." + canary, canary + "@example.com", "nats://a:" + canary + "@b:4222", "password: " + canary,
		} {
			log.Info(leak, "why", leak, "err", errors.New(leak), "list", []string{leak}, slog.Group("in", "deep", leak))
			log.With("reason", leak).WithGroup("g").Error("x", "y", leak)
		}
		log.Info("x", "token", canary, "Set-Cookie", canary, "client_secret", []byte(canary), "t", pipeline.Token{Value: canary}, "row", row{Email: canary + "@example.com"})
		if text := out.String(); strings.Contains(text, canary) {
			for line := range strings.Lines(text) {
				if strings.Contains(line, canary) {
					t.Error(line)
				}
			}
		}
	}
}

// TestLogSaysWhatMatters has lines that must stay as they are.
func TestLogSaysWhatMatters(t *testing.T) {
	for _, text := range []string{
		"read acme.yaml:17:21: unknown name", "the code is type: email is no email", "dial tcp 127.0.0.1:4222: connection refused",
		"/work/mappings/acme.yaml", "429 at https://api.gevme.com", "3 of 5 records", "größe = 3",
	} {
		if got := Clean(text); got != text {
			t.Errorf("%q became %q", text, got)
		}
	}
	var out bytes.Buffer
	log, err := NewLog(&out, "json")
	if err != nil {
		t.Fatal(err)
	}
	ctx := trace.ContextWithSpanContext(context.Background(), trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}}))
	log.With("mapping", "acme", "run", "r1").InfoContext(ctx, "it ran", "read", 3)
	if got := out.String(); !strings.HasSuffix(got, `"level":"INFO","msg":"it ran","mapping":"acme","run":"r1","read":3,"trace_id":"01000000000000000000000000000000","span_id":"0200000000000000"}`+"\n") {
		t.Error(got)
	}
	if _, err := NewLog(&out, "xml"); err == nil || err.Error() != `a log is json or text, not "xml"` {
		t.Error(err)
	}
}
