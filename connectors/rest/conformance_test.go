package rest_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"pipeline/connectors/floktu"
	"pipeline/connectors/gevme"
	"pipeline/connectors/rest"
	"pipeline/pipeline"
	"pipeline/pipeline/connectortest"
)

// The connectors that are declared are sources like all others.
func TestConformance(t *testing.T) {
	for name, test := range map[string]struct {
		connector func(*rest.Engine) pipeline.SourceConnector
		options   pipeline.Options
		records   int
	}{
		"gevme":  {gevme.Connector, pipeline.Options{"event": "1", "page_size": int64(20)}, 75},
		"floktu": {floktu.Connector, pipeline.Options{"event": int64(1)}, 60},
	} {
		t.Run(name, func(t *testing.T) {
			engine := rest.New()
			fast := pipeline.Rate{Calls: 100_000, Per: time.Minute} // the limit has its own tests
			c := test.connector(engine)
			sandbox, err := engine.Sandbox(name, rest.SandboxOptions{Records: test.records, Rate: fast})
			if err != nil {
				t.Fatal(err)
			}
			server := httptest.NewServer(sandbox)
			t.Cleanup(server.Close)
			// connections that are kept for the next call are no leak
			transport := &http.Transport{DisableKeepAlives: true}
			connectortest.Source(t, func(t *testing.T) pipeline.Source {
				options := pipeline.Options{"base_url": sandbox.BaseURL(server.URL)}
				for k, v := range test.options {
					options[k] = v
				}
				s, err := c.Open(context.Background(), pipeline.SourceConfig{
					Mapping: "test", Connector: name, Options: options, Stream: c.Streams[0].Name, Limit: pipeline.Limit{Rate: fast, Concurrency: c.Limit.Concurrency}, Connection: name,
					World: &pipeline.World{HTTP: transport, Token: func(string) (pipeline.Token, error) { return sandbox.Token(), nil }},
				})
				if err != nil {
					t.Fatal(err)
				}
				return s
			})
		})
	}
}
