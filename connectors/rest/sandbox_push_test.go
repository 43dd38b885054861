package rest_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pipeline/connectors/gevme"
	"pipeline/connectors/rest"
)

// registration is what a test looks at.
type registration struct {
	ID        json.Number `json:"id"`
	FirstName string      `json:"first_name"`
	UpdatedAt time.Time   `json:"updated_at"`
}

// pushed are the bodies of so many pushes.
func pushed(t *testing.T, s *rest.Sandbox, o rest.PushOptions) (bodies []string, summary rest.PushSummary) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		bodies = append(bodies, string(body))
		if user, _, ok := r.BasicAuth(); r.Method != "POST" || r.Header.Get("Content-Type") != "application/json" || r.Header.Get("Webhook-Id") != "" || ok && user != "gevme" {
			t.Errorf("%s %v", r.Method, r.Header)
		}
		w.WriteHeader(http.StatusAccepted)
	}))
	defer server.Close()
	o.URL, o.Every = server.URL+"/hooks/x", time.Millisecond
	summary, err := s.Push(t.Context(), o, nil)
	if err != nil {
		t.Fatal(err)
	}
	return bodies, summary
}

func gevmeSandbox(t *testing.T, seed uint64) *rest.Sandbox {
	t.Helper()
	e := rest.New()
	gevme.Connector(e)
	s, err := e.Sandbox("gevme", rest.SandboxOptions{Seed: seed})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSandboxPushes(t *testing.T) {
	s := gevmeSandbox(t, 0)
	bodies, summary := pushed(t, s, rest.PushOptions{Count: 40})
	newest := map[json.Number]registration{}
	got := rest.PushSummary{Problems: map[string]int{}}
	seen := map[string]bool{}
	for _, body := range bodies {
		var r registration
		if err := json.Unmarshal([]byte(body), &r); err != nil {
			t.Fatalf("%v: %s", err, body)
		}
		before, known := newest[r.ID]
		got.Sent++
		got.Good++
		switch {
		case seen[body]:
			got.Doubled++
		case !known:
			got.Distinct++
		case r.UpdatedAt.Before(before.UpdatedAt):
			got.Late++
		case r.UpdatedAt.After(before.UpdatedAt):
			got.Updates++
		default:
			t.Errorf("%s has another body and no other time", r.ID)
		}
		if known && before.FirstName != r.FirstName {
			t.Errorf("%s became another person", r.ID)
		}
		if seen[body] = true; !known || r.UpdatedAt.After(before.UpdatedAt) {
			newest[r.ID] = r
		}
	}
	got.Unsent = 2
	if diff := cmp.Diff(got, summary); diff != "" {
		t.Errorf("what came (-), what the summary says (+):\n%s", diff)
	}

	// what it lists is what was pushed, as it is now, and what was not
	listed := list(t, s, "25198085")
	if len(listed) != summary.Distinct+summary.Unsent {
		t.Errorf("%d are listed, %d were made", len(listed), summary.Distinct+summary.Unsent)
	}
	for _, r := range listed {
		if known, ok := newest[r.ID]; ok && (!known.UpdatedAt.Equal(r.UpdatedAt) || known.FirstName != r.FirstName) {
			t.Errorf("listed %+v, pushed %+v", r, known)
		}
		delete(newest, r.ID)
	}
	if len(newest) > 0 {
		t.Errorf("these were pushed and are not listed: %v", newest)
	}
	if other := list(t, s, "4711"); len(other) != 1000 {
		t.Errorf("another event has %d on its first page", len(other))
	}

	again, _ := pushed(t, gevmeSandbox(t, 0), rest.PushOptions{Count: 40})
	if diff := cmp.Diff(bodies, again); diff != "" {
		t.Errorf("the second time it pushes others:\n%s", diff)
	}
	other, _ := pushed(t, gevmeSandbox(t, 0), rest.PushOptions{Count: 1, With: map[string]string{"event": "4711"}})
	if other[0] == bodies[0] {
		t.Error("another event has the same people")
	}
}

// list is the first page of an event.
func list(t *testing.T, s *rest.Sandbox, event string) []registration {
	t.Helper()
	server := httptest.NewServer(s)
	defer server.Close()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.BaseURL(server.URL)+"/events/"+event+"/attendees?limit=1000", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+s.Token().Value)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var out []registration
	if err := json.NewDecoder(resp.Body).Decode(&out); err != nil {
		t.Fatal(err)
	}
	return out
}

// A push that is refused is counted, and tried again where that is asked for.
func TestSandboxPushRefused(t *testing.T) {
	calls := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if calls++; calls%3 != 0 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer server.Close()
	var told []string
	summary, err := gevmeSandbox(t, 0).Push(t.Context(), rest.PushOptions{URL: server.URL, Every: time.Millisecond, Count: 3}, func(p string) { told = append(told, p) })
	if err != nil || summary.Good != 1 || summary.Problems["answered with 503"] != 2 || strings.Join(told, ", ") != "answered with 503, answered with 503" {
		t.Errorf("%+v, %v, %v", summary, told, err)
	}
	if _, err := gevmeSandbox(t, 0).Push(t.Context(), rest.PushOptions{URL: "127.0.0.1:8600"}, nil); err == nil {
		t.Error("an address without a scheme is taken")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if summary, err := gevmeSandbox(t, 0).Push(ctx, rest.PushOptions{URL: server.URL, Every: time.Hour}, nil); err != nil || summary.Sent != 0 {
		t.Errorf("stopped: %+v, %v", summary, err)
	}
}
