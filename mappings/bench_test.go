package mappings

import (
	"os"
	"testing"

	"pipeline/connectors"
	"pipeline/connectors/rest"
	"pipeline/pipeline"
)

// BenchmarkCheck is what `pipeline check` does for one mapping.
func BenchmarkCheck(b *testing.B) {
	const name = "gevme-attendees.yaml"
	src, err := os.ReadFile(name)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		mapping, _ := pipeline.Parse(name, src)
		setup := pipeline.Setup{Registry: connectors.All(rest.New()), Files: &pipeline.Files{Read: os.ReadFile}}
		if _, diags := mapping.Compile(setup); len(diags) > 0 {
			b.Fatal(diags)
		}
	}
}
