package observe

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"pipeline/pipeline/serve/engine"
	"pipeline/pipeline/serve/history"
)

// alert.go: what is wrong is told to somebody's webhook, once when it begins, once
// a day while it lasts, and once when it is over. What was told is a value in the
// engine, moved on by comparing: so that of several nodes one tells it, and a start
// does not tell all again.

// AlertOptions is whom Alerts tell what.
type AlertOptions struct {
	URL    string        // of the webhook
	Secret string        // whsec_…, that signs by Standard Webhooks; empty: unsigned
	Silent time.Duration // how long a source may send nothing; 0: for ever
	Node   string
	Client *http.Client
	Log    *slog.Logger
}

// Alerts tells what is wrong.
type Alerts struct {
	o        AlertOptions
	key      []byte
	engine   engine.Engine
	history  *history.Reader
	recorder *history.Recorder
	started  time.Time
	queue    chan Alert
}

// The times of alerts.
const (
	alertLook    = 15 * time.Second // between looks
	alertAgain   = 24 * time.Hour
	alertQueue   = 1000             // alerts that wait for the webhook
	silenceGrace = 15 * time.Minute // after a start, in which what is late can come
)

// alertsValue is the name of what was told, in the cursors.
const alertsValue = "alerts"

// Status is where a problem is.
type Status string

// Where problems are.
const (
	Begun Status = "begun"
	Still Status = "still" // a day later
	Over  Status = "over"
)

// Alert is what the webhook is sent. Text says all of it, under the name by which
// chats show what comes in.
type Alert struct {
	Type string    `json:"type"` // such as client.ill
	At   time.Time `json:"timestamp"`
	Text string    `json:"text"`
	Data AlertData `json:"data"`
}

// AlertData is the parts of an Alert.
type AlertData struct {
	Status  Status    `json:"status"`
	Mapping string    `json:"mapping,omitempty"` // empty: serve as a whole
	Sink    string    `json:"sink,omitempty"`
	Since   time.Time `json:"since"`
	Reason  string    `json:"reason,omitempty"`
	Healthy bool      `json:"healthy"` // nothing else is wrong with the mapping
	Node    string    `json:"node,omitempty"`
}

// types are the alerts' names of problems.
var types = map[history.Kind]string{
	history.RunEnded:            "client.ill",
	history.MappingWrong:        "mapping.wrong",
	history.TokenRefused:        "token.refused",
	history.SourceSilent:        "source.silent",
	history.DestinationDisabled: "destination.disabled",
	history.DeadLetter:          "deliveries.dead",
	history.Audit:               "engine.problem",
}

// says is what a problem is, for people.
var says = map[history.Kind]string{
	history.RunEnded:            "the last run failed",
	history.MappingWrong:        "the changed mapping is wrong, the one before goes on",
	history.TokenRefused:        "the source refused the token",
	history.SourceSilent:        "the source is silent",
	history.DestinationDisabled: "the destination is disabled",
	history.DeadLetter:          "deliveries were given up",
	history.Audit:               "the audit of the engine found something",
}

// NewAlerts is Alerts that tell nothing before Run, or what is wrong with o.
func NewAlerts(o AlertOptions, e engine.Engine, h *history.Reader, r *history.Recorder) (*Alerts, error) {
	u, err := url.Parse(o.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, errors.New("the address for alerts has to be a URL, such as https://chat.example/hooks/…")
	}
	key, err := signingKey(o.Secret)
	if err != nil {
		return nil, err
	}
	return &Alerts{o: o, key: key, engine: e, history: h, recorder: r, started: time.Now(), queue: make(chan Alert, alertQueue)}, nil
}

// Run looks and tells until ctx is done.
func (a *Alerts) Run(ctx context.Context) {
	sent := make(chan struct{})
	go func() { a.send(ctx); close(sent) }()
	said := ""
	for ctx.Err() == nil {
		err := a.look(ctx, time.Now())
		switch {
		case err == nil:
			said = ""
		case ctx.Err() == nil && err.Error() != said:
			said = err.Error()
			a.o.Log.Error("it is not known what to alert of", "error", said)
		}
		select {
		case <-ctx.Done():
		case <-time.After(alertLook):
		}
	}
	<-sent
}

// look finds what to tell, and tells it if nobody else does.
func (a *Alerts) look(ctx context.Context, now time.Time) error {
	if err := a.silences(ctx, now); err != nil {
		return err
	}
	problems, err := a.history.Problems(ctx)
	if err != nil {
		return err
	}
	entry, err := a.engine.Get(ctx, engine.Cursors, alertsValue)
	if err != nil && !errors.Is(err, engine.ErrNoValue) {
		return err
	}
	alerts, next := changes(now, problems, toldOf(entry.Value))
	if len(alerts) == 0 {
		return nil
	}
	value, err := json.Marshal(next)
	if err != nil {
		return err
	}
	if _, err := a.engine.Put(ctx, engine.Cursors, alertsValue, value, entry.Revision); err != nil {
		if errors.Is(err, engine.ErrConflict) { // another node tells it
			return nil
		}
		return err
	}
	for _, alert := range alerts {
		alert.Data.Node = a.o.Node
		select {
		case a.queue <- alert:
		default:
			a.o.Log.Error("an alert is lost: too many wait for the webhook", "alert", alert.Type, "mapping", alert.Data.Mapping)
		}
	}
	return nil
}

// told is a problem that was told.
type told struct {
	Mapping string       `json:"mapping"`
	Kind    history.Kind `json:"kind"`
	Sink    string       `json:"sink,omitempty"`
	Since   time.Time    `json:"since"`
	Last    time.Time    `json:"last"` // when it was told
}

func (t told) is(p history.Problem) bool {
	return t.Mapping == p.Mapping && t.Kind == p.Kind && t.Sink == p.Sink
}

// toldOf reads what was told. What cannot be read is told again.
func toldOf(value []byte) (list []told) {
	if json.Unmarshal(value, &list) != nil {
		return nil
	}
	return list
}

// changes are what is to be told at now, and what is told then.
func changes(now time.Time, problems []history.Problem, before []told) (alerts []Alert, next []told) {
	for _, p := range problems {
		i := slices.IndexFunc(before, func(t told) bool { return t.is(p) })
		switch {
		case i < 0:
			alerts = append(alerts, alertOf(now, p, Begun, problems))
			next = append(next, told{p.Mapping, p.Kind, p.Sink, p.Since, now})
		case now.Sub(before[i].Last) >= alertAgain:
			alerts = append(alerts, alertOf(now, p, Still, problems))
			next = append(next, told{p.Mapping, p.Kind, p.Sink, before[i].Since, now})
		default:
			next = append(next, before[i])
		}
	}
	for _, t := range before {
		if !slices.ContainsFunc(problems, t.is) {
			alerts = append(alerts, alertOf(now, history.Problem{Mapping: t.Mapping, Kind: t.Kind, Sink: t.Sink, Since: t.Since}, Over, problems))
		}
	}
	return alerts, next
}

func alertOf(now time.Time, p history.Problem, status Status, problems []history.Problem) Alert {
	others := slices.ContainsFunc(problems, func(o history.Problem) bool { return o.Mapping == p.Mapping })
	data := AlertData{Status: status, Mapping: p.Mapping, Sink: p.Sink, Since: p.Since.UTC(), Reason: Clean(p.Text), Healthy: status == Over && !others}
	name := cmp.Or(types[p.Kind], string(p.Kind))
	if data.Healthy && p.Mapping != "" {
		name = "client.healthy"
	}
	return Alert{Type: name, At: now.UTC(), Text: sentence(p.Kind, data), Data: data}
}

// sentence is an alert for people, in one line.
func sentence(kind history.Kind, d AlertData) string {
	who := cmp.Or(d.Mapping, "pipeline serve")
	what := cmp.Or(says[kind], string(kind))
	if d.Sink != "" {
		what += " (" + d.Sink + ")"
	}
	switch {
	case d.Healthy:
		return fmt.Sprintf("%s: healthy again; over is: %s", who, what)
	case d.Status == Over:
		return fmt.Sprintf("%s: over is: %s; something else is still wrong", who, what)
	case d.Status == Still:
		what = "still: " + what
	}
	if first, _, _ := strings.Cut(d.Reason, "\n"); first != "" {
		what += ": " + first
	}
	return fmt.Sprintf("%s: %s (since %s)", who, what, d.Since.Format("2006-01-02 15:04 MST"))
}

// silences notes sources that send nothing. Whoever sends something later ends it.
func (a *Alerts) silences(ctx context.Context, now time.Time) error {
	if a.o.Silent <= 0 || now.Sub(a.started) < min(silenceGrace, a.o.Silent) {
		return nil
	}
	clients, err := a.history.Clients(ctx)
	if err != nil {
		return err
	}
	for _, c := range clients {
		last := c.Heard
		if last.IsZero() {
			last = c.Loaded
		}
		known := slices.ContainsFunc(c.Problems, func(p history.Problem) bool { return p.Kind == history.SourceSilent })
		if known || last.IsZero() || now.Sub(last) < a.o.Silent || !c.Push && c.Schedule == "" {
			continue
		}
		a.recorder.Add(history.Event{
			ID: "silent." + last.UTC().Format("20060102T150405"), Kind: history.SourceSilent, Mapping: c.Mapping,
			Text: fmt.Sprintf("nothing came from %s since %s", cmp.Or(c.Source, "it"), last.UTC().Format("2006-01-02 15:04 MST")),
		})
	}
	return nil
}
