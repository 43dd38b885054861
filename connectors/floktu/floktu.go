// Package floktu is the connector to Floktu's API v2.0: a declaration for
// package rest, and what is assumed where nothing is documented.
package floktu

import (
	_ "embed"

	"pipeline/connectors/rest"
	"pipeline/pipeline"
)

//go:embed floktu.yaml
var declaration []byte

// Connector is `source: {floktu: {event: …}}`.
func Connector(e *rest.Engine) pipeline.SourceConnector {
	return e.Builtin("connectors/floktu/floktu.yaml", declaration)
}
