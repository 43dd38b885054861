package receive

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"pipeline/pipeline"
	"pipeline/pipeline/connectortest"
)

// What was received is a source like any other.
func TestConformance(t *testing.T) {
	b := newBench(t, pipeline.Options{"rate": "1000000/s"})
	padding := strings.Repeat("x", 2000)
	for i := range 400 {
		if r := b.post(secretPath, fmt.Sprintf(`[{"id": %d, "pad": %q}, {"id": "b"}]`, i, padding)); r.StatusCode != 202 {
			t.Fatal(r.StatusCode)
		}
	}
	in := Inbox(b.store, "acme")
	connectortest.Source(t, func(t *testing.T) pipeline.Source {
		last, err := in.Last(t.Context())
		if err != nil || last != 400 {
			t.Fatal(last, err)
		}
		return hookOf(t, nil).Push.Source(in, 0, last)
	})
}

func TestInboxEnds(t *testing.T) {
	b := newBench(t, nil)
	for i := range 5 {
		b.post(secretPath, fmt.Sprint(i))
	}
	in := Inbox(b.store, "acme")
	read := func(after, upTo uint64) (got string) {
		if err := in.Read(t.Context(), after, upTo, func(m pipeline.Pushed) error { got += string(m.Body); return nil }); err != nil {
			t.Fatal(err)
		}
		return got
	}
	for want, at := range map[string][2]uint64{"01234": {0, 5}, "12": {1, 3}, "": {3, 3}, "4": {4, 100}} {
		if got := read(at[0], at[1]); got != want {
			t.Errorf("from %d to %d: %q, want %q", at[0], at[1], got, want)
		}
	}
	wrong := errors.New("no")
	if err := in.Read(t.Context(), 0, 5, func(pipeline.Pushed) error { return wrong }); !errors.Is(err, wrong) {
		t.Errorf("an error of yield became %v", err)
	}
	if err := in.Read(t.Context(), 0, 5, func(m pipeline.Pushed) error {
		if m.Seq == 5 {
			return wrong
		}
		return nil
	}); !errors.Is(err, wrong) {
		t.Errorf("an error at the last became %v", err)
	}
}

// What receiving takes, beside storing.
func BenchmarkReceive(b *testing.B) {
	bench := newBench(b, pipeline.Options{"path": openPath, "hmac": signedOptions()["hmac"], "rate": ""})
	bench.engine = nowhere{}
	body := `{"id": 1, "pad": "` + strings.Repeat("x", 1000) + `"}`
	signature := signatureOf(signedOptions(), body)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		r := httptest.NewRequest("POST", openPath, strings.NewReader(body))
		r.Header.Set("X-Signature", signature)
		w := httptest.NewRecorder()
		if bench.ServeHTTP(w, r); w.Code != 202 {
			b.Fatal(w.Code)
		}
		bench.seen = bench.seen[:0]
	}
}
