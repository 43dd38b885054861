package pipeline_test

import (
	"slices"
	"testing"

	"pipeline/connectors"
	"pipeline/connectors/rest"
	"pipeline/pipeline"
)

// TestWritten: paths are followed through let: and each: to the record, also where
// an element has the name of its list.
func TestWritten(t *testing.T) {
	src := []byte(`
version: 1
source: {file: {path: x.jsonl}}
each:
  person: people ?? []
  pets: person.pets ?? []
let: {from: 'country(person.home.country ?? "")'}
where: status != "gone"
fields:
  from: from ?? ""
  born: country(pets.born) ?? ""
  price: {value: pets.price, type: "decimal(10,2)"}
sinks: [csv: {path: out.csv}]
`)
	m, diags := pipeline.Parse("x.yaml", src)
	if m == nil {
		t.Fatal(diags)
	}
	plan, diags := m.Compile(pipeline.Setup{Registry: connectors.All(rest.New()), Files: &pipeline.Files{Read: func(string) ([]byte, error) { return nil, nil }}})
	if plan == nil {
		t.Fatal(diags)
	}
	if got, want := plan.Listed(), []string{"people.home.country", "people.pets.born"}; !slices.Equal(got, want) {
		t.Errorf("listed are %v, want %v", got, want)
	}
	if got, want := plan.Amounts(), []string{"people.pets.price"}; !slices.Equal(got, want) {
		t.Errorf("amounts are %v, want %v", got, want)
	}
	if got := plan.Texts(); !slices.Contains(got, "gone") {
		t.Errorf("texts are %q", got)
	}
	if plan.Calls("now") || !plan.Calls("country") {
		t.Error("it calls country, and not now")
	}
}
