// Package deliver brings rows to receivers over days. A run leaves its requests in
// the engine's outbox; a worker for each sink takes them from there in order, tries
// those again that fail, and keeps as given up what no try delivers.
//
// A worker's place is one value: how far it got, and the few requests before that
// which wait for another try. A request is sent first and the place is moved on
// then, so that a crash sends some of them again, with the same idempotency key,
// and loses none. Requests that share a row's key keep their order; a request that
// waits holds back no others.
package deliver

import (
	"time"

	"pipeline/pipeline"
	"pipeline/pipeline/serve/engine"
)

// Notes is told what happens. Its methods may be called at the same time, and take
// no time.
type Notes interface {
	Tried(mapping, sink string, t pipeline.Try)
	GivenUp(mapping, sink string, l Letter)
	Disabled(mapping, sink, reason string)
	Enabled(mapping, sink string)
	Replayed(mapping string, l Letter)
	Dropped(mapping string, l Letter)
}

// Deliveries delivers what is in the outbox of an engine.
type Deliveries struct {
	Engine engine.Engine
	Notes  Notes
}

// delays are those before each try after the first one, as Standard Webhooks
// recommends: ten tries in 75.6 hours.
var delays = []time.Duration{
	5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour,
	10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour,
}

const (
	jitter     = 0.2 // of a delay, more or less
	mayRefuse  = 3   // tries that a receiver has to refuse a request
	maxAfter   = 24 * time.Hour
	failsInRow = 5 // … and the receiver is left alone
	firstProbe = 5 * time.Second
	lastProbe  = 5 * time.Minute
)
