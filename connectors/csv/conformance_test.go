package csv_test

import (
	"testing"

	"pipeline/connectors/csv"
	"pipeline/pipeline"
	"pipeline/pipeline/connectortest"
)

func TestConformance(t *testing.T) {
	connectortest.FileSink(t, csv.Connector(), "out.csv", pipeline.Options{"path": "out.csv"})
	t.Run("gzip", func(t *testing.T) {
		connectortest.FileSink(t, csv.Connector(), "out.csv.gz", pipeline.Options{"path": "out.csv.gz", "compression": "gzip"})
	})
}
