package web

// client.go: one client: how it is, its runs over time, where its rows go.

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"time"

	"pipeline/pipeline/diag"
	"pipeline/pipeline/handover"
	"pipeline/pipeline/serve/history"
)

// span is a time that plots show, and the steps that it is cut into.
type span struct {
	Name  string // in the address
	Words string
	Of    time.Duration
	Step  time.Duration
}

var spans = []span{
	{"24h", "24 hours", 24 * time.Hour, 30 * time.Minute},
	{"7d", "7 days", 7 * 24 * time.Hour, 3 * time.Hour},
	{"30d", "30 days", 30 * 24 * time.Hour, 12 * time.Hour},
}

const (
	runsOnPage   = 20
	eventsOnPage = 12
)

// clientView is the page of one client.
type clientView struct {
	Client
	Zone         *time.Location
	Spans        []span
	Span         span
	Plots        []plot
	Runs         []history.Run
	Older        string // the run before which the next page begins; empty: there are no more
	Before       string // this page begins before that one
	Destinations []Destination
	Diagnostics  string
	Source       string
	Flow         *handover.Drawing
	FlowWords    []string
	Events       []history.Entry
}

func (s *Site) client(r *http.Request) (view, error) {
	c, err := s.find(r)
	if err != nil {
		return view{}, err
	}
	ctx, v := r.Context(), clientView{Client: c, Zone: zoneOf(c), Spans: spans, Span: spans[1], Before: r.URL.Query().Get("before")}
	for _, span := range spans {
		if span.Name == r.URL.Query().Get("span") {
			v.Span = span
		}
	}
	if v.Plots, err = s.plots(ctx, c, v.Span); err != nil {
		return view{}, err
	}
	if v.Runs, err = s.c.Source.Runs(ctx, history.RunsFilter{Mapping: c.Name, Before: v.Before, Limit: runsOnPage + 1}); err != nil {
		return view{}, err
	}
	if len(v.Runs) > runsOnPage {
		v.Runs = v.Runs[:runsOnPage]
		v.Older = v.Runs[runsOnPage-1].ID
	}
	if v.Destinations, err = s.c.Source.Destinations(ctx, c.Name); err != nil {
		return view{}, err
	}
	if v.Events, err = s.c.Source.Entries(ctx, history.EntriesFilter{Mapping: c.Name, Kinds: notRuns, Limit: eventsOnPage}); err != nil {
		return view{}, err
	}
	v.Diagnostics = snippets(c.Diags, s.c.Source.Files(c))
	if c.Plan != nil {
		v.Source = c.Plan.From()
		flow := handover.Make(handover.About{Mapping: c.File}, c.Plan, nil, nil).Flow
		drawing := flow.Draw()
		v.Flow, v.FlowWords = &drawing, flow.Sentences()
	}
	return view{template: "client", Title: c.Name + ": " + string(c.State), Here: "clients", Renews: v.Before == "", Page: v}, nil
}

// notRuns are the events that the list of runs does not have.
var notRuns = []history.Kind{
	history.MappingLoaded, history.MappingWrong, history.MappingGone, history.DeadLetter, history.DeadReplayed, history.DeadDropped,
	history.DestinationDisabled, history.DestinationEnabled, history.TokenRefused, history.SourceSilent, history.LeaseTaken, history.DataShown,
}

// plots are the numbers of a client over time. Those that it cannot have are left
// out.
func (s *Site) plots(ctx context.Context, c Client, of span) ([]plot, error) {
	points, err := s.c.Source.Series(ctx, c.Name, s.c.Now().Add(-of.Of), of.Step)
	if err != nil {
		return nil, err
	}
	times := make([]time.Time, len(points))
	for i, p := range points {
		times[i] = p.At
	}
	bars := func(name, class string, n func(history.Point) int) values {
		v := values{Name: name, Class: class}
		for _, p := range points {
			v.Of = append(v.Of, float64(n(p)))
		}
		return v
	}
	line := func(name, class string, known func(history.Point) bool, n func(history.Point) int) values {
		v := values{Name: name, Class: class, Line: true}
		for _, p := range points {
			if !known(p) {
				v.Of = append(v.Of, math.NaN())
				continue
			}
			v.Of = append(v.Of, float64(n(p)))
		}
		return v
	}
	each := " in each " + step(of.Step)
	out := []plot{
		draw("rows", "Rows written"+each, "", times, bars("rows", "main", func(p history.Point) int { return p.Rows })),
		draw("rejects", "Records rejected"+each, "", times, bars("rejected", "bad", func(p history.Point) int { return p.Rejected })),
	}
	called := func(p history.Point) bool { return p.Calls > 0 }
	if c.Plan != nil && c.Plan.Remote() {
		limit := line("limit", "limit", func(p history.Point) bool { return p.Limit > 0 }, func(p history.Point) int { return p.Limit })
		most := bars("the most in one minute", "main", func(p history.Point) int { return p.Most })
		out = append(out,
			draw("calls", "Calls in a minute, against the limit", "", times, most, level(limit)),
			draw("latency", "How long answers took", "ms", times,
				line("half of them (p50)", "low", called, func(p history.Point) int { return int(p.P50) }),
				line("95 of 100 (p95)", "middle", called, func(p history.Point) int { return int(p.P95) }),
				line("99 of 100 (p99)", "high", called, func(p history.Point) int { return int(p.P99) })))
	}
	if c.PushPath != "" {
		out = append(out, draw("pushes", "Pushes"+each, "", times,
			bars("stored", "main", func(p history.Point) int { return p.Pushed }), bars("refused", "bad", func(p history.Point) int { return p.Refused })))
	}
	if c.Plan != nil && len(c.Plan.RowTargets()) > 0 {
		sent := func(p history.Point) bool { return p.Delivered+p.Undone > 0 }
		out = append(out,
			draw("deliveries", "Requests to receivers"+each, "", times,
				bars("arrived", "main", func(p history.Point) int { return p.Delivered }), bars("tries that failed", "bad", func(p history.Point) int { return p.Undone })),
			draw("delivery-latency", "How long receivers took", "ms", times, line("95 of 100 (p95)", "middle", sent, func(p history.Point) int { return int(p.SendP95) })))
	}
	return out, nil
}

// level fills the gaps of a limit: between two calls it is what it was.
func level(v values) values {
	last := math.NaN()
	for i := range v.Of {
		if math.IsNaN(v.Of[i]) {
			v.Of[i] = last
		}
		last = v.Of[i]
	}
	for i := len(v.Of) - 2; i >= 0; i-- {
		if math.IsNaN(v.Of[i]) {
			v.Of[i] = v.Of[i+1]
		}
	}
	return v
}

// step is a time that a plot is cut into, after "in each".
func step(d time.Duration) string {
	if d < time.Hour {
		return diag.Count(int(d/time.Minute), "minute")
	}
	return diag.Count(int(d/time.Hour), "hour")
}

// tell does what a button of a client says.
func (s *Site) tell(r *http.Request) (string, error) {
	c, err := s.find(r)
	if err != nil {
		return "", err
	}
	do := r.PathValue("do")
	if err := s.command(r.Context(), do, c.Name, r.PostFormValue("sink")); err != nil {
		return "", err
	}
	s.log(r, do, c.Name)
	return fmt.Sprintf("%s?said=%s", pathTo("client", c.Name), do), nil
}

// command tells serve to do something with a client.
func (s *Site) command(ctx context.Context, do, client, sink string) (err error) {
	switch do {
	case "run":
		err = s.c.Source.Start(ctx, client)
	case "pause":
		err = s.c.Source.Pause(ctx, client)
	case "resume":
		err = s.c.Source.Resume(ctx, client)
	case "enable":
		err = s.c.Source.Enable(ctx, client, sink)
	default:
		return errNone
	}
	if err != nil {
		err = badRequest{err}
	}
	return err
}

// log says in serve's log who did what.
func (s *Site) log(r *http.Request, what, client string) {
	who, _ := s.visitor(r)
	s.c.Log.Info("told by hand", "what", what, "mapping", client, "user", who.name)
}
