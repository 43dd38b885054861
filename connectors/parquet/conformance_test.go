package parquet_test

import (
	"testing"

	"pipeline/connectors/parquet"
	"pipeline/pipeline"
	"pipeline/pipeline/connectortest"
)

func TestConformance(t *testing.T) {
	connectortest.FileSink(t, parquet.Connector(), "out.parquet", pipeline.Options{"path": "out.parquet"})
}
