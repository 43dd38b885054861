// Package gevme is the connector to GEVME's Registration API v2: a declaration
// for package rest, and what is assumed where nothing is documented.
package gevme

import (
	_ "embed"

	"pipeline/connectors/rest"
	"pipeline/pipeline"
)

//go:embed gevme.yaml
var declaration []byte

// Connector is `source: {gevme: {event: …}}`.
func Connector(e *rest.Engine) pipeline.SourceConnector {
	return e.Builtin("connectors/gevme/gevme.yaml", declaration)
}
