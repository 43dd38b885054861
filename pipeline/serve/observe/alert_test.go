package observe

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"pipeline/pipeline"
	"pipeline/pipeline/serve/engine"
	"pipeline/pipeline/serve/enginetest"
	"pipeline/pipeline/serve/history"
)

// desk is somebody who is alerted.
type desk struct {
	answers []int // statuses, the last one again and again; 0: no answer
	got     []*http.Request
	bodies  []string
	at      []time.Time
}

func (d *desk) RoundTrip(r *http.Request) (*http.Response, error) {
	body, _ := io.ReadAll(r.Body)
	d.got, d.bodies, d.at = append(d.got, r), append(d.bodies, string(body)), append(d.at, time.Now())
	status := 204
	if len(d.answers) > 0 {
		status, d.answers = d.answers[0], d.answers[min(1, len(d.answers)-1):]
	}
	if status == 0 {
		return nil, errors.New("no route")
	}
	return &http.Response{StatusCode: status, Status: http.StatusText(status), Body: http.NoBody, Header: http.Header{"Location": {"https://elsewhere.example"}}}, nil
}

const secret = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="

func newAlerts(t *testing.T, e engine.Engine, h *history.Reader, r *history.Recorder, o AlertOptions) *Alerts {
	t.Helper()
	o.URL = "https://chat.example/hooks/canary-in-the-path"
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	a, err := NewAlerts(o, e, h, r)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// queued are the texts of alerts that are on their way.
func queued(a *Alerts) (texts []string) {
	for len(a.queue) > 0 {
		alert := <-a.queue
		texts = append(texts, alert.Type+" "+string(alert.Data.Status)+" | "+alert.Text)
	}
	return texts
}

// TestAlerts is a story of two nodes, one of which dies.
func TestAlerts(t *testing.T) {
	memory := enginetest.NewMemory()
	db, reader := past(t, memory)
	first, second := newAlerts(t, memory, reader, nil, AlertOptions{Node: "a"}), newAlerts(t, memory, reader, nil, AlertOptions{Node: "b"})
	at := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	failed := &history.End{Result: history.Failed}
	for _, step := range []struct {
		after  time.Duration
		events []history.Event
		dead   bool // the first node
		want   []string
	}{
		{0, []history.Event{{Kind: history.MappingLoaded, Mapping: "acme"}}, false, nil},
		{time.Minute, []history.Event{{Kind: history.RunEnded, Mapping: "acme", Run: "1", Text: "dial tcp: refused\nmore", End: failed}}, false,
			[]string{"client.ill begun | acme: the last run failed: dial tcp: refused (since 2026-11-22 09:01 UTC)"}},
		{2 * time.Minute, []history.Event{{Kind: history.RunEnded, Mapping: "acme", Run: "2", Text: "another", End: failed}}, false, nil},
		{3 * time.Minute, []history.Event{{Kind: history.TokenRefused, Mapping: "acme", Text: "401 for jo@acme.example"}, {Kind: history.DestinationDisabled, Mapping: "zebra", Sink: "webhook", Text: "410"}}, true,
			[]string{"token.refused begun | acme: the source refused the token: 401 for *** (since 2026-11-22 09:03 UTC)", "destination.disabled begun | zebra: the destination is disabled (webhook): 410 (since 2026-11-22 09:03 UTC)"}},
		{24*time.Hour + time.Minute, nil, true, []string{"client.ill still | acme: still: the last run failed: another (since 2026-11-22 09:01 UTC)"}},
		{25 * time.Hour, []history.Event{{Kind: history.RunEnded, Mapping: "acme", Run: "3", End: &history.End{Result: history.Done, Report: pipeline.Report{Read: 1}}}}, true,
			[]string{"destination.disabled still | zebra: still: the destination is disabled (webhook): 410 (since 2026-11-22 09:03 UTC)", "client.healthy over | acme: healthy again; over is: the last run failed", "client.healthy over | acme: healthy again; over is: the source refused the token"}},
		{26 * time.Hour, []history.Event{{Kind: history.Audit, Text: "a hole"}}, true, []string{"engine.problem begun | pipeline serve: the audit of the engine found something: a hole (since 2026-11-23 11:00 UTC)"}},
		{27 * time.Hour, []history.Event{{Kind: history.Audit}}, true, []string{"engine.problem over | pipeline serve: healthy again; over is: the audit of the engine found something"}},
	} {
		now := at.Add(step.after)
		for i := range step.events {
			step.events[i].At = now
		}
		happen(t, memory, db, step.events...)
		var got []string
		for _, a := range []*Alerts{first, second, first} {
			if a == first && step.dead {
				continue
			}
			if err := a.look(t.Context(), now); err != nil {
				t.Fatal(err)
			}
			got = append(got, queued(a)...)
		}
		if diff := cmp.Diff(step.want, got); diff != "" {
			t.Errorf("after %s: %s", step.after, diff)
		}
	}
}

func TestSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		memory := enginetest.NewMemory()
		now := time.Now()
		db, reader := past(t, memory,
			history.Event{Kind: history.MappingLoaded, At: now, Mapping: "acme", Client: &history.ClientInfo{Source: "gevme attendees", Schedule: "0 * * * *"}},
			history.Event{Kind: history.MappingLoaded, At: now, Mapping: "byhand", Client: &history.ClientInfo{Source: "csv"}},
		)
		defer db.Close()
		defer reader.Close()
		recorder := history.NewRecorder(memory, history.RecorderOptions{})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { recorder.Run(ctx); close(done) }()
		a := newAlerts(t, memory, reader, recorder, AlertOptions{Silent: 24 * time.Hour})
		count := func() int {
			synctest.Wait()
			if _, err := db.CatchUp(t.Context(), memory); err != nil {
				t.Fatal(err)
			}
			entries, err := reader.Entries(t.Context(), history.EntriesFilter{Kinds: []history.Kind{history.SourceSilent}})
			if err != nil {
				t.Fatal(err)
			}
			return len(entries)
		}
		a.started = now.Add(23*time.Hour + 55*time.Minute) // it was just started
		if err := a.look(t.Context(), now.Add(24*time.Hour)); err != nil || count() != 0 {
			t.Error("an alert before anything can have come", err)
		}
		for range 3 {
			if err := a.look(t.Context(), now.Add(25*time.Hour)); err != nil {
				t.Fatal(err)
			}
		}
		if n := count(); n != 1 {
			t.Errorf("%d events", n)
		}
		if err := a.look(t.Context(), now.Add(25*time.Hour)); err != nil {
			t.Fatal(err)
		}
		if got := queued(a); len(got) != 1 || !strings.HasPrefix(got[0], "source.silent begun | acme: the source is silent: nothing came from gevme attendees since 2000-01-01 00:00 UTC") {
			t.Error(got)
		}
		cancel()
		<-done
	})
}

func TestAlertsArrive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &desk{answers: []int{503, 0, 429, 204}}
		var said bytes.Buffer
		a := newAlerts(t, enginetest.NewMemory(), nil, nil, AlertOptions{Secret: secret, Client: &http.Client{Transport: d}, Log: slog.New(slog.NewTextHandler(&said, nil))})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { a.send(ctx); close(done) }()
		since := time.Now()
		a.queue <- alertOf(since, history.Problem{Mapping: "acme", Kind: history.RunEnded, Since: since, Text: "no"}, Begun, nil)
		time.Sleep(time.Minute)
		synctest.Wait()
		if len(d.got) != 4 || d.at[3].Sub(d.at[0]) != 36*time.Second {
			t.Fatal(d.at)
		}
		last, body := d.got[3], d.bodies[3]
		id, stamp := last.Header.Get("webhook-id"), last.Header.Get("webhook-timestamp")
		key, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(id + "." + stamp + "." + body))
		if want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)); last.Header.Get("webhook-signature") != want || id != d.got[0].Header.Get("webhook-id") || stamp == d.got[0].Header.Get("webhook-timestamp") {
			t.Errorf("%v", last.Header)
		}
		var alert map[string]any
		if err := json.Unmarshal([]byte(body), &alert); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(map[string]any{"type": "client.ill", "timestamp": "2000-01-01T00:00:00Z", "text": "acme: the last run failed: no (since 2000-01-01 00:00 UTC)",
			"data": map[string]any{"status": "begun", "mapping": "acme", "since": "2000-01-01T00:00:00Z", "reason": "no", "healthy": false}}, alert); diff != "" {
			t.Error(diff)
		}
		for _, final := range []int{404, 302} { // not tried again, not followed
			n := len(d.got)
			d.answers = []int{final}
			a.queue <- Alert{}
			time.Sleep(time.Hour)
			synctest.Wait()
			if len(d.got) != n+1 {
				t.Errorf("%d tries after %d", len(d.got)-n, final)
			}
		}
		d.answers = []int{0}
		n := len(d.got)
		a.queue <- Alert{}
		time.Sleep(72 * time.Hour)
		synctest.Wait()
		if len(d.got) != n+len(alertPauses)+1 {
			t.Error(len(d.got) - n)
		}
		a.queue <- Alert{}
		time.Sleep(time.Second)
		synctest.Wait()
		cancel()
		<-done
		if text := said.String(); strings.Count(text, "an alert is lost") != 4 || strings.Contains(text, "canary") || strings.Contains(text, "chat.example") {
			t.Error(text)
		}
	})
}

func TestAlertOptions(t *testing.T) {
	for _, test := range []struct{ url, secret, want string }{
		{"chat.example/hook", "", "the address for alerts has to be a URL, such as https://chat.example/hooks/…"},
		{"https://chat.example", "tooshort", "the secret for alerts has to be whsec_ and 24 to 64 bytes in base64, such as: echo whsec_$(openssl rand -base64 32)"},
	} {
		if _, err := NewAlerts(AlertOptions{URL: test.url, Secret: test.secret}, nil, nil, nil); err == nil || err.Error() != test.want {
			t.Error(err)
		}
	}
}

// TestAlertsNeverWait has a webhook that takes nothing, and more problems than can
// wait for it.
func TestAlertsNeverWait(t *testing.T) {
	memory := enginetest.NewMemory()
	db, reader := past(t, memory)
	var events []history.Event
	for i := range alertQueue + 5 {
		events = append(events, history.Event{Kind: history.DestinationDisabled, At: time.Now(), Mapping: "m", Sink: strings.Repeat("x", i)})
	}
	happen(t, memory, db, events...)
	var said bytes.Buffer
	a := newAlerts(t, memory, reader, nil, AlertOptions{Log: slog.New(slog.NewTextHandler(&said, nil))})
	if err := a.look(t.Context(), time.Now()); err != nil || strings.Count(said.String(), "too many wait") != 5 {
		t.Error(err, said.String())
	}
}
