package pipeline

// courier.go: what delivers rows after the run that made them has ended. Such a run
// leaves its requests in the Outbox of its World.

import (
	"context"
	"fmt"
	"time"
)

// Courier makes single tries to deliver the requests of one sink. Its methods may
// be called at the same time.
type Courier interface {
	// Try sends a request once. It returns soon after ctx is done.
	Try(ctx context.Context, id string, body []byte) Try
	// Concurrency is how many tries may be under way at once.
	Concurrency() int
	// Target tells receivers apart, and tells nobody where they are: it is a hash.
	Target() string
}

// Try is what became of a try.
type Try struct {
	Verdict Verdict
	Status  int           // of the answer; 0 where there was none
	After   time.Duration // the receiver asks to be left alone for so long; 0: it does not
	Reason  string        // for people; without secrets and personal data
	Took    time.Duration
}

// Verdict is what a try says of the next one.
type Verdict int

// The verdicts.
const (
	TryLater  Verdict = iota // the receiver cannot take it now
	Delivered                //
	Refuses                  // the receiver does not want this request
	Gone                     // the receiver wants no request any more
)

// Couriers are the couriers of the sinks of rows, by the names that their requests
// have in the outbox.
func (p *Plan) Couriers(w *World) (map[string]Courier, error) {
	couriers := map[string]Courier{}
	for i := range p.sinks {
		s := &p.sinks[i]
		if !s.connector.Rows || s.connector.Courier == nil {
			continue
		}
		c, err := s.connector.Courier(p.sinkConfig(i, "", w))
		if err != nil {
			return nil, err
		}
		couriers[p.sinkName(i)] = c
	}
	return couriers, nil
}

// SinkNames tell the sinks of a mapping apart, in their order: csv, webhook,
// webhook-2.
func (p *Plan) SinkNames() []string {
	names := make([]string, len(p.sinks))
	for i := range p.sinks {
		names[i] = p.sinkName(i)
	}
	return names
}

// RowSinks are the names of those that take rows one by one.
func (p *Plan) RowSinks() []string {
	var names []string
	for i := range p.sinks {
		if p.sinks[i].connector.Rows {
			names = append(names, p.sinkName(i))
		}
	}
	return names
}

// sinkName is the name of sink i.
func (p *Plan) sinkName(i int) string {
	name, n := p.sinks[i].connector.Name, 1
	for _, s := range p.sinks[:i] {
		if s.connector.Name == name {
			n++
		}
	}
	if n > 1 {
		name = fmt.Sprint(name, "-", n)
	}
	return name
}

// sinkConfig is what sink i is given.
func (p *Plan) sinkConfig(i int, state string, w *World) SinkConfig {
	s := p.sinks[i]
	return SinkConfig{Mapping: p.name, Digest: p.digest, Name: p.sinkName(i), Target: s.shown, Options: s.options, Columns: p.columns, Key: p.key, State: state, World: w}
}
