package expression

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"pipeline/pipeline/value"
)

// person is a closed record with what may be missing and what may not.
func person() *value.Shape {
	may := nullable
	text := scalar(value.String)
	session := object(false, "title", text, "room", may(text), "seats", may(scalar(value.Integer)))
	return object(false,
		"id", scalar(value.Integer),
		"email", text,
		"company", may(text),
		"country", may(text),
		"status", &value.Shape{Kind: value.String, Enum: []string{"registered", "cancelled"}},
		"level", &value.Shape{Kind: value.String, Enum: []string{"gold", "silver"}, Nullable: true},
		"tags", &value.Shape{Kind: value.List, Elem: text},
		"days", &value.Shape{Kind: value.List, Elem: text, Least: 2},
		"sessions", may(&value.Shape{Kind: value.List, Elem: session}),
		"speakers", &value.Shape{Kind: value.List, Elem: may(object(false, "name", may(text)))},
		"ticket", may(object(false, "name", text, "price", may(scalar(value.Float)))),
		"created", &value.Shape{Kind: value.String, Format: "date-time"},
		"changed", &value.Shape{Kind: value.String, Format: "date-time", Nullable: true},
		"paid", scalar(value.Boolean),
		"vip", may(scalar(value.Boolean)),
		"amount", scalar(value.Float),
		"points", may(scalar(value.Integer)),
		"either", &value.Shape{},
		"names", &value.Shape{Kind: value.JSON, Open: true, Elem: text},
		"tables", may(&value.Shape{Kind: value.JSON, Open: true, Elem: text}),
		"remarks", &value.Shape{Kind: value.JSON, Open: true, Elem: may(text)},
		"form", &value.Shape{Kind: value.List, Elem: object(true)},
	)
}

// Right expressions, of which nothing may be said.
func TestRightExpressions(t *testing.T) {
	for _, src := range []string{
		// what stands for null
		`company ?? ""`, `upper(company ?? "")`, `upper(company ?? country ?? email)`, `(points ?? 0) + 1`, `vip ?? false`, `len(sessions ?? [])`,
		`(vip ?? false) and paid`, `ticket.name ?? "General"`, `ticket?.name ?? "General"`, `string(ticket.price ?? 0)`, `string(points ?? "")`,
		// nothing is needed
		`company`, `ticket.price`, `company == null`, `company == "ACME"`, `points == 3`, `company != country`, `[company, points]`, `{a: company}`,
		`date(changed)`, `number(company)`, `email(company)`, `lookup("t", company)`, `answer(sessions, "Diet")`, `first(sessions)`, `company in ["a", "b"]`,
		`join([email, company], " ")`, `compact([company, email])`, `sum(sessions ?? [], .seats)`, `sortBy(sessions ?? [], .seats)`, `paid ? company : null`,
		`email[points:]`, `tags[points]`, `sum([1, null])`, `count([null])`,
		// asked for first
		`company != null ? upper(company) : ""`, `company == null ? "" : upper(company)`, `null != company ? upper(company) : ""`,
		`not (company == null) ? upper(company) : ""`, `company != null and len(company) > 3`, `company == null or len(company) > 3`,
		`company != null and points != null ? company + string(points) : ""`, `company == null or points == null ? "" : company + string(points)`,
		`not (company == null or points == null) ? company + string(points) : ""`, `ticket != null ? upper(ticket.name) : ""`,
		`ticket.name != null ? upper(ticket.name) : ""`, `ticket.name == "VIP" ? ticket.name + "!" : ""`, `ticket.price != null ? ticket.name + "!" : ""`,
		`(company ?? "") matches "^A" ? upper(company) : ""`, `not ((company ?? "") matches "^$") ? upper(company) : ""`,
		`"k" in names ? upper(names.k) : ""`, `"k" in (tables ?? {}) ? upper(tables.k) : ""`, `"k" in names and names.k + names["k"] == "aa"`, `names.k ?? ""`,
		`(company ?? "") != "" ? upper(company) : ""`, `company == "ACME" ? lower(company) : ""`, `company in ["a", "b"] ? lower(company) : ""`,
		`len(company ?? "") > 0 ? company[0:1] : ""`, `trim(company ?? "") != "" ? trim(company) : ""`, `(points ?? 0) > 3 ? points * 2 : 0`,
		`vip ?? false ? string(vip) : ""`, `(vip ?? false) and vip`, `company == email ? upper(company) : ""`, `level == "gold" ? level + "!" : ""`,
		`points != null ? points > 3 : false`, `points == null ? false : points > 3`, `points != null and (points > 3 or points < 1)`,
		`company == "a" or company == "b" ? upper(company) : ""`, `paid and company != null ? upper(company) : ""`, `if company != null { upper(company) } else { "" }`,
		`company == null ? "none" : country == null ? company : company + country`, `(company != null ? company : "") + "x"`,
		`email(company) != null ? lower(email(company)) : ""`, `answer(sessions, "Diet") != null ? upper(answer(sessions, "Diet")) : ""`,
		`lookup("t", company) != null ? upper(lookup("t", company)) : ""`, `date(changed) != null and date(changed) > date("2026-01-01")`,
		`let c = company; c != null ? upper(c) : ""`, `let c = company; c != null ? upper(company) : ""`, `let has = company != null; has ? upper(company) : ""`,
		`let n = points ?? 0; n + 1`, `changed != null ? format(changed, "%Y") : ""`, `(company ?? country) != null ? upper(company ?? country) : ""`,
		`company != null ? map(tags, # + company) : []`, `paid ? upper(company ?? "") : null`,
		// items
		`filter(sessions ?? [], .room != null and len(.room) > 3)`, `map(filter(sessions ?? [], .room != null), upper(.room))`,
		`map(filter(speakers, # != null and .name != null), upper(.name))`, `map(filter(speakers, .name != null), upper(.name))`,
		`map(compact(speakers), .name ?? "")`, `map(sessions ?? [], .room ?? "")`, `any(sessions ?? [], .seats != null and .seats > 3)`,
		`sessions != null ? map(sessions, .title) : []`, `find(sessions ?? [], .title == "x")?.room ?? ""`, `sortBy(filter(sessions ?? [], .seats != null), -.seats)`,
		`len(tags) > 0 ? upper(tags[0]) : ""`, `tags[0] != null ? upper(tags[0]) : ""`, `tags != [] ? upper(tags[0]) : ""`, `len(tags) == 0 ? "" : upper(first(tags))`,
		`len(tags) >= 2 ? tags[1] + tags[0] : ""`, `count(tags) > 1 ? tags[-1] + "x" : ""`, `upper(split(email, "@")[0])`, `upper(days[0] + days[-2])`, `upper(["a", "b"][1])`,
		`tags[0] ?? "none"`, `len(sessions ?? []) > 0 ? sessions[0].title + "!" : ""`, `map(1..3, # * 2)`, `any(tags, # == "vip")`, `"vip" in tags`,
		`all(tags, len(#) > 1)`, `join(map(split(email, "."), trim(#)), "|")`, `pluck(sessions ?? [], "title")`, `first(sessions ?? [])?.title`,
		`groupBy(sessions ?? [], .title)["Opening"]`, `map(tags, {let t = trim(#); t + "!"})`, `filter(tags, # contains "a")[0] ?? ""`,
		// types
		`string(id)`, `"Nr " + string(id)`, `id == 3`, `id == 3.0`, `amount > 100`, `amount * id`, `id in [1, 2]`, `email == "x"`, `email < "m"`, `paid == true`,
		`date(created) > date("2026-01-01")`, `timestamp(created) < now()`, `year(created) == 2026`, `format(created, "%d/%m/%Y")`, `created > "2026-01-01"`,
		`date(created, "Asia/Singapore") == date(now())`, `min(id, 3)`, `max(date(created), date(now()))`, `round(amount, 2)`, `decimal(amount) - decimal("0.1")`,
		`status == "registered"`, `status in ["registered", "cancelled"]`, `level == "gold"`, `(level ?? "none") == "none"`, `status != "cancelled" ? "in" : "out"`,
		`paid ? id : amount`, `(paid ? 1 : 2.5) + 1`, `"title" in (first(sessions ?? []) ?? {})`, `email matches "^a"`, `id % 2 == 0`, `-amount`, `tags == []`,
		`$env["email"] + "x"`, `created startsWith "2026"`, `[created] == tags`, `email | lower() | trim()`, `tags | join(", ")`,
		// nothing is known, so that nothing is said
		`lower(either)`, `either + 1`, `either ? 1 : 2`, `either.name.first`, `either ?? ""`, `map(either, .name)`, `either == 3`, `either > date(created)`,
		`lower(form[0].name ?? "")`, `map(form, lower(.name))`, `either[0]`, `date(either) ?? now()`, `number(either) + 1`, `year(date(either))`,
	} {
		scope := Scope{Record: person(), Tables: map[string]Table{"t": {}}}
		if _, problems := Compile(src, scope); len(problems) > 0 {
			t.Errorf("%s\n%s", src, shown(src, problems))
		}
	}
}

// What a condition says does not hold beside it.
func TestWhatDoesNotFollow(t *testing.T) {
	for _, src := range []string{
		`company != null ? "" : upper(company)`, `company != null or upper(company) == "X"`, `company == null and upper(company) == "X"`,
		`country != null ? upper(company) : ""`, `(company ?? "x") != "" ? upper(company) : ""`, `(company != null ? 1 : 2) + len(company)`,
		`company != "a" ? upper(company) : ""`, `not (company == "a") ? upper(company) : ""`, `company != country ? upper(company) : ""`, `company == country ? upper(company) : ""`,
		`company != null or points != null ? upper(company) : ""`, `len(tags) > 0 ? upper(tags[1]) : ""`, `len(tags) >= 0 ? upper(tags[0]) : ""`,
		`any(sessions ?? [], .room != null) ? map(sessions, upper(.room)) : []`, `filter(sessions ?? [], .room != null or upper(.room) == "")`,
		`map(filter(sessions ?? [], .room != null), .seats + 1)`, `map(filter(sessions ?? [], .room == null), upper(.room))`,
		`ticket != null ? ticket.price + 1 : 0`, `let company = "a"; let has = company != null; has ? upper($env["company"]) : ""`,
		`filter(speakers, any(speakers, # != null) and .name + "" == "")`, `(paid ? company != null : true) ? upper(company) : ""`,
		`"k" in remarks ? upper(remarks.k) : ""`, `"k" in names ? upper(names.j) : ""`, `"k" in names ? "" : upper(names.k)`, `upper(names.k)`,
		`"k" in (tables ?? {}) or upper(tables.k) == ""`, `(company ?? "") matches "" ? upper(company) : ""`, `(company ?? email) matches "A" ? upper(company) : ""`,
		`first(tags) + "x"`, `find(tags, # == "a") + "x"`, `(company ?? country) + "x"`, `upper(split(email, "@")[1])`, `email[0:1] == "a" ? upper(tags[0]) : ""`,
	} {
		p, problems := Compile(src, Scope{Record: person()})
		if p != nil || len(problems) != 1 || problems[0].Code != codeNullValue {
			t.Errorf("%s: want one null-value, got\n%s", src, shown(src, problems))
		}
	}
}

// What where: says is known in the fields, also through names under let:.
func TestGiven(t *testing.T) {
	tests := []struct{ where, expr, want string }{
		{`company != null`, `upper(company)`, ""},
		{`paid and (company ?? "") != ""`, `upper(company)`, ""},
		{`hasCompany`, `upper(company)`, ""},
		{`hasCompany and paid`, `upper(firm)`, ""},
		{`firm != ""`, `lower(company)`, "error null-value `company`: company may be null, and lower needs text (write company ?? \"\")"},
		{`(firm ?? "") != ""`, `lower(company)`, ""},
		{`trimmed != ""`, `lower(company)`, ""},
		{`not hasCompany`, `lower(company)`, "error null-value `company`: company may be null, and lower needs text (write company ?? \"\")"},
		{`status != "cancelled"`, `status == "cancelled"`, "warning enum-value `\"cancelled\"`: status is never \"cancelled\" (it can only be registered)"},
		{`len(tags) > 0`, `upper(tags[0])`, ""},
		{`any(sessions ?? [], .room != null)`, `upper(sessions[0].title)`, ""},
	}
	for _, tt := range tests {
		scope := Scope{Record: person(), Locals: map[string]*value.Shape{}, Lets: map[string]*Program{}}
		for _, let := range [][2]string{{"firm", `company`}, {"hasCompany", `firm != null`}, {"trimmed", `trim(company ?? "")`}} {
			p := compile(t, let[1], scope)
			scope.Locals[let[0]], scope.Lets[let[0]] = p.Shape(), p
		}
		scope.Given = []*Program{compile(t, tt.where, scope)}
		_, problems := Compile(tt.expr, scope)
		if got := shown(tt.expr, problems); got != tt.want {
			t.Errorf("where %s: %s\n got %s\nwant %s", tt.where, tt.expr, got, tt.want)
		}
	}
}

// A field that is required rejects what is null by declaration.
func TestNullIsReject(t *testing.T) {
	for _, src := range []string{`upper(company)`, `points + 1`, `map(sessions, .title)`, `format(changed, "%Y")`} {
		if _, problems := Compile(src, Scope{Record: person(), NullIsReject: true}); len(problems) > 0 {
			t.Errorf("%s\n%s", src, shown(src, problems))
		}
	}
}

// A condition of a thousand parts is checked in good time.
func TestLargeConditions(t *testing.T) {
	for _, op := range []string{" and ", " or "} {
		var parts []string
		for i := range 400 {
			parts = append(parts, fmt.Sprintf("a%d == 1", i))
		}
		src := strings.Join(parts, op) + " ? 1 : 2"
		if _, problems := Compile(src, Scope{}); len(problems) > 0 {
			t.Errorf("%s", shown(src, problems))
		}
	}
}

func TestParts(t *testing.T) {
	src := `company != null ? upper((company + "x")[0:2]) : first(tags ?? [])`
	p := compile(t, src, Scope{Record: person()})
	var got []string
	for _, part := range p.Parts() {
		null := ""
		if part.Nullable {
			null = "?"
		}
		got = append(got, src[part.From:part.To]+" "+part.Type.String()+null)
	}
	want := []string{
		src + " string?", `company != null boolean`, `company string?`, `null unknown?`, `upper((company + "x")[0:2]) string`, `(company + "x")[0:2] string`,
		`company + "x" string`, `company string`, `"x" string`, `0 integer`, `2 integer`, `first(tags ?? []) string?`, `tags ?? [] list(string)`, `tags list(string)`, `[] list`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("parts (-want +got):\n%s", diff)
	}
	if part, ok := p.PartAt(strings.Index(src, "tags") + 1); !ok || src[part.From:part.To] != "tags" {
		t.Errorf("under the cursor is %v, %v", part, ok)
	}
	if _, ok := p.PartAt(len(src)); ok {
		t.Error("something stands behind the end")
	}
}
