package parquet

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"pipeline/pipeline"
	"pipeline/pipeline/value"
)

// TestWhatIsPlainCanBeStored: what the check lets pass without a look is what the
// writer takes.
func TestWhatIsPlainCanBeStored(t *testing.T) {
	texts := []string{"0", "1.5", "-3", "1e400", "1E5", "9007199254740993", "12345678901234567890", "0.1000000000000000000001", "99999999999999999999999999999999.5"}
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.OneOf(
			rapid.Map(rapid.SampledFrom(texts), value.NumberText),
			rapid.Map(rapid.StringMatching(`-?(0|[1-9][0-9]{0,25})(\.[0-9]{1,20})?([eE][0-9]{1,3})?`), value.NumberText),
			rapid.Map(rapid.Int64(), value.Int),
			rapid.Map(rapid.StringN(0, 8, 8), value.Text),
			rapid.Map(rapid.Bool(), value.Bool),
			rapid.Map(rapid.Int64Range(math.MinInt32*2, math.MaxInt32*2), value.Day),
		).Draw(t, "value")
		kind := rapid.SampledFrom([]value.Kind{value.String, value.Integer, value.Boolean, value.Number, value.Date, value.Timestamp}).Draw(t, "type")
		columns, err := columnsOf([]pipeline.Column{{Name: "a", Type: value.Type{Kind: kind}, Nullable: true}})
		if err != nil {
			t.Fatal(err)
		}
		if c := columns[0]; c.plain(&v) {
			if err := c.append(&v); err != nil {
				t.Fatalf("%v as %v is plain, and cannot be stored: %v", v, kind, err)
			}
		}
	})
}

// BenchmarkHolds is the check of a row of each type that is looked at.
func BenchmarkHolds(b *testing.B) {
	holds := holder([]pipeline.Column{
		{Name: "id", Type: value.Type{Kind: value.Integer}, Converted: true},
		{Name: "at", Type: value.Type{Kind: value.Timestamp}, Converted: true},
		{Name: "day", Type: value.Type{Kind: value.Date}, Converted: true},
		{Name: "score", Type: value.Type{Kind: value.Number}, Converted: true},
	})
	row := []value.Value{value.Int(1), value.TimeOf(time.Unix(1e9, 0)), value.Day(20000), value.NumberText("0.8444218515250481")}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := holds(row); err != nil {
			b.Fatal(err)
		}
	}
}
