package csv_test

import (
	"context"
	"testing"

	"pipeline/connectors/csv"
	"pipeline/pipeline"
	"pipeline/pipeline/connectortest"
)

func TestConformance(t *testing.T) {
	connector := csv.Connector()
	open := connector.Open
	connector.Open = func(ctx context.Context, c pipeline.SinkConfig) (pipeline.Writer, error) {
		c.Key = []int{0} // for merge
		return open(ctx, c)
	}
	for compression, path := range map[string]string{"none": "out.csv", "gzip": "out.csv.gz", "zstd": "out.csv.zst"} {
		for _, mode := range []string{"replace", "append", "merge"} {
			t.Run(mode+"/"+compression, func(t *testing.T) {
				connectortest.FileSink(t, connector, path, pipeline.Options{"path": path, "compression": compression, "mode": mode})
			})
		}
	}
}
