package jsonl_test

import (
	"testing"

	"pipeline/connectors/jsonl"
	"pipeline/pipeline"
	"pipeline/pipeline/connectortest"
)

func TestConformance(t *testing.T) {
	connectortest.FileSink(t, jsonl.Connector(), "out.jsonl", pipeline.Options{"path": "out.jsonl"})
	for compression, path := range map[string]string{"gzip": "out.jsonl.gz", "zstd": "out.jsonl.zst"} {
		t.Run(compression, func(t *testing.T) {
			connectortest.FileSink(t, jsonl.Connector(), path, pipeline.Options{"path": path, "compression": compression})
		})
	}
}
