package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestPush(t *testing.T) {
	var n atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if n.Add(1)%10 == 0 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		w.WriteHeader(http.StatusAccepted)
	}))
	t.Cleanup(s.Close)
	got := load{urls: []string{s.URL}, rate: 500, senders: 4, length: 200 * time.Millisecond, size: 10}.run(t.Context())
	if len(got.took) != 90 || got.refused["503"] != 10 || n.Load() != 100 {
		t.Errorf("%d requests: %v", n.Load(), got)
	}
	if text := got.String(); !strings.HasPrefix(text, "90 stored, ") || !strings.HasSuffix(text, ", 10 × 503") {
		t.Errorf("it says %s", text)
	}
	if got := (load{urls: []string{s.URL}, senders: 4, length: 50 * time.Millisecond}).run(t.Context()); len(got.took) == 0 {
		t.Errorf("without a rate: %v", got)
	}
}
