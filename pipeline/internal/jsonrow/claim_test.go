package jsonrow

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"pipeline/pipeline/value"
)

func claimed() *value.Shape {
	text := &value.Shape{Kind: value.String, Nullable: true}
	return &value.Shape{Kind: value.JSON, Fields: []value.Field{
		{Name: "id", Shape: &value.Shape{Kind: value.Integer}},
		{Name: "status", Shape: &value.Shape{Kind: value.String, Nullable: true, Enum: []string{"ok", "café"}}},
		{Name: "price", Shape: &value.Shape{Kind: value.Float, Nullable: true}},
		{Name: "ticket", Shape: &value.Shape{Kind: value.JSON, Nullable: true, Fields: []value.Field{{Name: "name", Shape: text}, {Name: "no", Shape: &value.Shape{Kind: value.String}}}}},
		{Name: "any", Shape: &value.Shape{Nullable: true}},
		{Name: "map", Shape: &value.Shape{Kind: value.JSON, Nullable: true, Others: true, Fields: []value.Field{{Name: "a", Shape: text}}}},
		{Name: "list", Shape: &value.Shape{Kind: value.List, Nullable: true}},
	}}
}

func TestBreaks(t *testing.T) {
	for _, test := range []struct {
		name, record string
		want         []string
	}{
		{"all is well", `{"id": 1, "status": "ok", "price": 1.5, "ticket": {"name": "x", "no": "1"}, "any": [1], "map": {"a": "", "z": 1}, "list": []}`, nil},
		{"in another order", `{"list": [], "ticket": {"no": "1", "name": "x"}, "id": 1.0, "status": "caf\u00e9"}`, nil},
		{"a null is null", `{"id": 1, "status": null, "price": null, "ticket": null, "list": null}`, nil},
		{"new names", `{"id": 1, "x": {"y": 1}, "ticket": {"no": "", "colour": 1}}`, []string{`0 "" "x"`, `0 "ticket" "colour"`}},
		{"a new value", `{"id": 1, "status": "gone"}`, []string{`1 "status" "gone"`}},
		{"a new escaped value", `{"id": 1, "status": "g\u006fne"}`, []string{`1 "status" "gone"`}},
		{"other types", `{"id": "1", "status": 1, "price": true, "ticket": [], "map": "", "list": {}}`, []string{`2 "id" string`, `2 "status" number`, `2 "price" boolean`, `2 "ticket" list`, `2 "map" string`, `2 "list" json`}},
		{"a fraction", `{"id": 1.5}`, []string{`2 "id" number`}},
		{"what is never null", `{"id": null, "ticket": {"no": null}}`, []string{`3 "id"`, `3 "ticket.no"`}},
		{"what is never absent", `{"ticket": {}}`, []string{`3 "ticket.no"`, `3 "id"`}},
		{"nothing at all", `{}`, []string{`3 "id"`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, paths := range [][][]string{nil, {{"id"}, {"status"}, {"price"}, {"ticket"}, {"ticket", "name"}, {"x"}, {"list"}}} {
				d := NewDecoder(NewClaimed(paths, claimed(), ""))
				if err := d.Decode([]byte(test.record), make([]value.Value, len(paths))); err != nil {
					t.Fatal(err)
				}
				var got []string
				for _, b := range d.Breaks() {
					line := fmt.Sprintf("%d %q", b.Kind, b.Path)
					switch b.Kind {
					case NewName, NewValue:
						line += fmt.Sprintf(" %q", b.Text)
					case NewType:
						line += " " + b.Type.String()
					}
					got = append(got, line)
				}
				if diff := cmp.Diff(test.want, got); diff != "" {
					t.Errorf("reading %v: %s", paths, diff)
				}
			}
		})
	}
}

// What is claimed of a record changes nothing of what is read of it.
func TestClaimsChangeNoValue(t *testing.T) {
	paths := [][]string{{"id"}, {"ticket"}, {"ticket", "name"}, {"status"}, {"any"}, {"absent"}, {"id", "inner"}}
	for _, record := range []string{
		`{"id": 1, "ticket": {"name": "x\n"}, "status": "ok", "any": {"a": 1}, "new": 2}`,
		`{"ticket": "text", "id": {"inner": true}}`,
		`{"any": null, "status": 7, "ticket": []}`,
	} {
		plain, held := make([]value.Value, len(paths)), make([]value.Value, len(paths))
		a, b := NewDecoder(NewProjection(paths)), NewDecoder(NewClaimed(paths, claimed(), ""))
		if err := a.Decode([]byte(record), plain); err != nil {
			t.Fatal(err)
		}
		if err := b.Decode([]byte(record), held); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(show(plain), show(held)); diff != "" {
			t.Errorf("%s: %s", record, diff)
		}
	}
}

func BenchmarkDecodeClaimed(b *testing.B) {
	text := func(nullable bool) *value.Shape { return &value.Shape{Kind: value.String, Nullable: nullable} }
	shape := &value.Shape{Kind: value.JSON, Fields: []value.Field{{Name: "id", Shape: &value.Shape{Kind: value.Integer}}}}
	for _, name := range []string{"first_name", "last_name", "email", "company", "job_title", "country", "phone", "status", "ticket", "created_at", "updated_at", "checked_in", "check_in_date", "custom_fields"} {
		shape.Fields = append(shape.Fields, value.Field{Name: name, Shape: &value.Shape{Nullable: true}})
	}
	shape.Fields[8].Shape = &value.Shape{Kind: value.String, Enum: []string{"confirmed", "cancelled", "registered", "waitlist"}}
	shape.Fields[9].Shape = &value.Shape{Kind: value.JSON, Fields: []value.Field{{Name: "name", Shape: text(true)}, {Name: "group", Shape: text(true)}, {Name: "price", Shape: &value.Shape{Nullable: true}}}}
	paths := [][]string{{"id"}, {"first_name"}, {"last_name"}, {"email"}, {"company"}, {"country"}, {"ticket", "name"}, {"ticket", "price"}, {"status"}, {"created_at"}, {"custom_fields"}}
	record := []byte(benchRecord(0))
	d, slots := NewDecoder(NewClaimed(paths, shape, "")), make([]value.Value, len(paths))
	b.SetBytes(int64(len(record)))
	b.ReportAllocs()
	for b.Loop() {
		d.Reset()
		if err := d.Decode(record, slots); err != nil {
			b.Fatal(err)
		}
	}
	if n := len(d.Breaks()); n > 0 {
		b.Fatalf("%d breaks: %+v", n, d.Breaks())
	}
}
