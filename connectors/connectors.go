// Package connectors is the list of the connectors there are. A new one is a
// line here.
package connectors

import (
	"pipeline/connectors/csv"
	"pipeline/connectors/file"
	"pipeline/connectors/floktu"
	"pipeline/connectors/gevme"
	"pipeline/connectors/jsonl"
	"pipeline/connectors/parquet"
	"pipeline/connectors/rest"
	"pipeline/connectors/webhook"
	"pipeline/pipeline"
)

// All is every connector that is built in. The declared ones among them, and
// those that mappings declare in files of their own, live on engine and share
// its rate budgets.
func All(engine *rest.Engine) *pipeline.Registry {
	return &pipeline.Registry{
		Sources: []pipeline.SourceConnector{
			gevme.Connector(engine),
			floktu.Connector(engine),
			file.Connector(),
			webhook.Source(),
		},
		Sinks: []pipeline.SinkConnector{
			csv.Connector(),
			jsonl.Connector(),
			parquet.Connector(),
			webhook.Connector(),
		},
		Declared: engine.Declare,
	}
}
