package webhook

// source.go: records that are pushed to `pipeline serve`. Receiving and storing
// them is the part of pipeline/serve/receive, reading what was stored that of
// pipeline.Push; what is here says what a mapping may say.

import (
	"context"
	"fmt"

	"pipeline/pipeline"
)

// Source is the source "webhook".
func Source() pipeline.SourceConnector {
	return pipeline.SourceConnector{
		Name:     "webhook",
		Summary:  "What is pushed to pipeline serve over HTTP: JSON or forms",
		Options:  pipeline.PushOptionList(),
		Streams:  []pipeline.Stream{{Pushed: &pipeline.PushedStream{}}},
		PushOnly: true,
		Check: func(o pipeline.Options) []pipeline.OptionError {
			_, wrong := pipeline.NewPush(o, pipeline.Stream{})
			return wrong
		},
		Open: func(_ context.Context, c pipeline.SourceConfig) (pipeline.Source, error) {
			return nothing{c.Mapping}, nil // its rejects can be mapped again
		},
	}
}

// nothing is what can be fetched from where things are pushed.
type nothing struct{ mapping string }

// Read implements pipeline.Source.
func (n nothing) Read(context.Context, pipeline.Position, func(*pipeline.Page) error) error {
	return fmt.Errorf("%s takes what is pushed to it, which pipeline serve receives; there is nothing that could be fetched", n.mapping)
}
