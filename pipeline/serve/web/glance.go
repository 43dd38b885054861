package web

// glance.go: all clients on one page.

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"pipeline/pipeline/diag"
	"pipeline/pipeline/serve/history"
)

// glanceDays is how many days the small plots have.
const glanceDays = 14

// glanceView is the first page.
type glanceView struct {
	Clients []glanceRow
	All     int
	States  []stateCount
	State   State // only these; empty: all
	Dead    int
	Unready string // why nothing can be stored or run; empty: it can
}

type glanceRow struct {
	Client
	Rows spark
	Zone *time.Location
}

type stateCount struct {
	State State
	Count int
}

func (s *Site) glance(r *http.Request) (view, error) {
	all, err := s.c.Source.Clients(r.Context())
	if err != nil {
		return view{}, err
	}
	v := glanceView{All: len(all), State: State(r.URL.Query().Get("state")), Unready: s.c.Source.Unready(r.Context())}
	if v.State != "" && !slices.Contains(States, v.State) {
		return view{}, badRequest{fmt.Errorf("a client is never %q: it is one of %s", v.State, stateList())}
	}
	for _, state := range States {
		n := 0
		for _, c := range all {
			if c.State == state {
				n++
			}
		}
		if n > 0 {
			v.States = append(v.States, stateCount{state, n})
		}
	}
	slices.SortStableFunc(all, func(a, b Client) int { return a.State.rank() - b.State.rank() })
	for _, c := range all {
		v.Dead += c.Dead
		if v.State != "" && c.State != v.State {
			continue
		}
		row := glanceRow{Client: c, Zone: zoneOf(c)}
		if row.Rows, err = s.spark(r.Context(), c); err != nil {
			return view{}, err
		}
		v.Clients = append(v.Clients, row)
	}
	return view{template: "glance", Title: glanceTitle(v.States), Here: "clients", Renews: true, Page: v}, nil
}

func (s State) rank() int { return slices.Index(States, s) }

// needs reports whether somebody should look.
func (s State) needs() bool { return s == Ill || s == Wrong || s == Late }

func stateList() string {
	var words []string
	for _, s := range States {
		words = append(words, string(s))
	}
	return strings.Join(words, ", ")
}

// glanceTitle begins with what needs somebody: it is what a tab shows.
func glanceTitle(states []stateCount) string {
	var words []string
	for _, s := range states {
		if s.State.needs() {
			words = append(words, fmt.Sprintf("%d %s", s.Count, s.State))
		}
	}
	if len(words) == 0 {
		return "Clients"
	}
	return strings.Join(words, ", ") + ": clients"
}

// spark is the rows of a client, day by day.
func (s *Site) spark(ctx context.Context, c Client) (spark, error) {
	const day = 24 * time.Hour
	points, err := s.c.Source.Series(ctx, c.Name, s.c.Now().Truncate(day).Add(-(glanceDays-1)*day), day)
	rows := make([]int, len(points))
	for i, p := range points {
		rows[i] = p.Rows
	}
	return sparkOf("Rows a day, the last "+diag.Count(glanceDays, "day"), rows), err
}

func zoneOf(c Client) *time.Location {
	if c.Plan == nil || c.Plan.Schedule() == nil {
		return nil
	}
	return c.Plan.Schedule().Zone
}

// find is the client that a request names.
func (s *Site) find(r *http.Request) (Client, error) {
	all, err := s.c.Source.Clients(r.Context())
	if err != nil {
		return Client{}, err
	}
	for _, c := range all {
		if c.Name == r.PathValue("client") {
			return c, nil
		}
	}
	return Client{}, ErrNone
}

// Delivered is what became of the last run, in numbers.
func (r glanceRow) Delivered() string {
	run := r.Last
	words := []string{diag.Count(run.Written, "row")}
	if run.Rejected > 0 {
		words = append(words, diag.Thousands(run.Rejected)+" rejected")
	}
	if run.Result == history.Failed || run.Result == history.Lost {
		return ""
	}
	return strings.Join(words, ", ")
}
