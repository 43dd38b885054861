package parquet

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"pipeline/pipeline"
	"pipeline/pipeline/value"
)

// attendees are the columns and rows of the comparison with other tools: twelve
// columns, four of them with a value of its own in nearly every row.
func attendees(n int) *pipeline.Batch {
	text, number := value.Type{Kind: value.String}, value.Type{Kind: value.Decimal, Precision: 10, Scale: 2}
	b := &pipeline.Batch{Columns: []pipeline.Column{
		{Name: "attendee_id", Type: text}, {Name: "full_name", Type: text}, {Name: "email", Type: text}, {Name: "company", Type: text, Nullable: true},
		{Name: "country", Type: text}, {Name: "ticket", Type: text}, {Name: "amount", Type: number, Nullable: true}, {Name: "vip", Type: value.Type{Kind: value.Boolean}},
		{Name: "dietary", Type: text}, {Name: "registered_on", Type: value.Type{Kind: value.Date}}, {Name: "checked_in", Type: value.Type{Kind: value.Boolean}},
		{Name: "interests", Type: text, Nullable: true},
	}}
	pick := func(i, k int, from ...string) value.Value {
		return value.Text(from[uint32(i*2654435761+k*40503)>>8%uint32(len(from))])
	}
	for i := range n {
		h := uint32(i * 2654435761)
		name := fmt.Sprintf("%s %s", pick(i, 1, "Mei", "Zoë", "Ravi", "Ana", "Tom", "Li", "Nur").Text(), pick(i, 2, "Tan", "O'Neill", "Kumar", "Silva", "Müller").Text())
		b.Append([]value.Value{
			value.Text(fmt.Sprint(9007199254740993 + i)), value.Text(name), value.Text(fmt.Sprintf("person.%d@example%d.com", h, h%97)), value.Text(fmt.Sprintf("Company %d Pte Ltd", h%5000)),
			pick(i, 3, "SG", "MY", "ID", "DE", "BR"), pick(i, 4, "General", "VIP", "Speaker"), value.DecimalText(fmt.Sprintf("%d.%02d", h%900, h%100)), value.Bool(h%7 == 0),
			pick(i, 5, "", "Vegan", "Halal", "No pork"), value.Day(20000 + int64(h%400)), value.Bool(h%3 == 0), pick(i, 6, "AI|Cloud", "Security", "Data|AI|Robots", "Cloud"),
		})
	}
	return b
}

// BenchmarkWrite is a million rows in batches of a thousand for every b.N of a
// thousand: row groups end in between.
func BenchmarkWrite(b *testing.B) {
	batch := attendees(1000)
	for _, codec := range []string{"zstd", "snappy", "none"} {
		b.Run(codec, func(b *testing.B) {
			b.ReportAllocs()
			path := filepath.Join(b.TempDir(), "out.parquet")
			ctx := context.Background()
			w, err := Connector().Open(ctx, pipeline.SinkConfig{Mapping: "bench", Options: pipeline.Options{"path": path, "compression": codec}, Columns: batch.Columns, World: &pipeline.World{}})
			if err != nil {
				b.Fatal(err)
			}
			rows := 0
			for b.Loop() {
				if err := w.Write(ctx, batch); err != nil {
					b.Fatal(err)
				}
				rows += batch.Len()
			}
			if err := w.Flush(ctx); err != nil {
				b.Fatal(err)
			}
			if err := w.Commit(ctx); err != nil {
				b.Fatal(err)
			}
			info, err := os.Stat(path)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(rows), "ns/row")
			b.ReportMetric(float64(info.Size())/float64(rows), "B/row")
		})
	}
}
