package expression

import (
	"testing"

	"pipeline/pipeline/value"
)

func TestLookup(t *testing.T) {
	tables := map[string]Table{"countries": {"SG": "Singapore", "": "nowhere", "XX": ""}, "Countries": {"SG": "SINGAPORE"}, "none": nil}
	for _, c := range []struct{ src, record, want string }{
		{`lookup("countries", country)`, `{"country": "SG"}`, `"Singapore"`},
		{`lookup("Countries", country)`, `{"country": "SG"}`, `"SINGAPORE"`},
		{`lookup("none", country)`, `{"country": "SG"}`, `null`},
		{`lookup("countries", country)`, `{"country": "sg"}`, `null`},
		{`lookup("countries", country)`, `{"country": " SG"}`, `null`},
		{`lookup("countries", country)`, `{"country": "XX"}`, `""`},
		{`lookup("countries", country)`, `{"country": ""}`, `"nowhere"`},
		{`lookup("countries", country)`, `{"country": null}`, `null`},
		{`lookup("countries", country)`, `{}`, `null`},
		{`lookup("countries", null) ?? "none"`, `{}`, `"none"`},
		{`upper(lookup("countries", upper(trim(country))) ?? "")`, `{"country": " sg "}`, `"SINGAPORE"`},
		{`map(list, lookup("countries", #) ?? "?")`, `{"list": ["SG", "MY"]}`, `["Singapore","?"]`},
		{`lookup(("countries"), lookup)`, `{"lookup": "SG"}`, `"Singapore"`}, // the record may have the name
		{`lookup("countries", country)`, `{"country": 65}`, `country is a number, and lookup needs text; write string(country)`},
		{`upper(lookup("countries", country))`, `{"country": "DE"}`, `upper needs text, and is given null; write … ?? ""`},
	} {
		p := compile(t, c.src, Scope{Tables: tables, NullIsReject: true})
		slots, at := slotsOf(t, p.Reads(), c.record)
		v, err := NewMachine(frozen).Eval(p, slots, at)
		got := ""
		if err != nil {
			got = err.Error()
		} else {
			got = written(v)
		}
		if got != c.want {
			t.Errorf("%s over %s\n got %s\nwant %s", c.src, c.record, got, c.want)
		}
	}
}

func TestLookupGivesTextOrNull(t *testing.T) {
	p := compile(t, `lookup("countries", country)`, Scope{Tables: map[string]Table{"countries": nil}})
	if s := p.Shape(); s == nil || s.Kind != value.String || !s.Nullable {
		t.Errorf("lookup gives %+v", s)
	}
	if len(p.Reads()) != 1 {
		t.Errorf("the table is read of the record: %v", p.Reads())
	}
}
