package jsonl_test

import (
	"testing"

	"pipeline/connectors/jsonl"
	"pipeline/pipeline"
	"pipeline/pipeline/connectortest"
)

func TestConformance(t *testing.T) {
	connectortest.FileSink(t, jsonl.Connector(), "out.jsonl", pipeline.Options{"path": "out.jsonl"})
}
