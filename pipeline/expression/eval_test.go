package expression

import (
	"errors"
	"testing"
)

// record has the awkward things of real ones: names that are functions, ids
// beyond 2^53, numbers with their zeros, nulls, and a list of answers.
const record = `{
	"count": 3, "first": "Ada", "type": "vip", "now": "later", "len": 5, "map": "M", "date": "2026-03-01T23:30:00+08:00",
	"email": " Zoe@Example.ORG ", "name": "Zoë Ångström", "nothing": null, "paid": true, "filter": [1, 2],
	"id": 9007199254740993, "long_id": 12345678901234567890, "price": 1000.50, "cheap": 0.1, "dear": 0.2, "whole": 42.0,
	"precise": 0.12345678901234567890, "huge": 1e999, "First name": "Zoe", "in": "side",
	"ticket": {"name": "VIP", "price": 24.17, "tags": ["a", "b"]}, "text": "just text",
	"list": [3, 1, 2], "empty": [], "escaped": ["a\"b", "\u00e9\n"],
	"custom_fields": [
		{"question": "Dietary Requirements?", "answer": "Vegan"},
		{"question": "T-shirt\u00a0 size *", "answer": 42},
		{"question": "Newsletter", "answer": true},
		{"question": "Days", "answer": ["Mon", "Tue"]},
		{"question": "Company", "answer": null},
		{"answer": "no question"}, null, "stray"
	]
}`

func TestEval(t *testing.T) {
	tests := []struct{ expr, want string }{
		// a name before ( is a function, any other is the record's
		{`email(email)`, `"zoe@example.org"`},
		{`date(date)`, `"2026-03-01"`},
		{`count(count ?? [])`, `error: type-mismatch`},
		{`count(list)`, `3`},
		{`count + len`, `8`},
		{`first(list) + count`, `6`},
		{`first + " " + type`, `"Ada vip"`},
		{`format(now(), "%Y") + now`, `"2026later"`},
		{`map(filter, # + count)`, `[4,5]`},
		{`filter(filter, # > 1)`, `[2]`},
		{`map + string(len(map))`, `"M1"`},
		{`$env["First name"] + $env["in"]`, `"Zoeside"`},
		{`email | trim() | lower()`, `"zoe@example.org"`},

		// paths: absent and null are the same, at every step
		{`ticket.name`, `"VIP"`},
		{`ticket?.name`, `"VIP"`},
		{`ticket["name"]`, `"VIP"`},
		{`ticket.name + ticket.tags[1]`, `"VIPb"`},
		{`ticket.gone.further ?? "none"`, `"none"`},
		{`gone`, `null`},
		{`nothing.name`, `null`},
		{`text.name`, `error: type-mismatch`},
		{`paid ? "x" : text.name`, `error: type-mismatch`},
		{`text + (paid ? "" : text.name)`, `"just text"`},
		{`text + text.name`, `error: type-mismatch`},
		{`list[0]`, `3`},
		{`list[-1]`, `2`},
		{`list[9]`, `null`},
		{`ticket[type] ?? "none"`, `"none"`},
		{`custom_fields[0].answer`, `"Vegan"`},
		{`custom_fields[9].answer`, `null`},
		{`escaped[0] + escaped[1]`, `"a\"bé\n"`},

		// numbers keep their text until something is computed from them
		{`price`, `1000.50`},
		{`price ?? 0`, `1000.50`},
		{`string(price)`, `"1000.50"`},
		{`string(price ?? 0)`, `"1000.50"`},
		{`string(long_id)`, `"12345678901234567890"`},
		{`string(id)`, `"9007199254740993"`},
		{`price + 0`, `1000.5`},
		{`id + 1`, `9007199254740994`},
		{`id == 9007199254740992`, `false`},
		{`long_id == 12345678901234567890.0`, `true`},
		{`long_id + 1`, `12345678901234567891`},
		{`precise + 0`, `0.12345678901234567890`},
		{`cheap + dear`, `0.3`},
		{`0.1 + 0.2 == 0.3`, `true`},
		{`19.99 * 3`, `59.97`},
		{`10.10 - 0.20`, `9.9`},
		{`whole == 42`, `true`},
		{`7 / 2`, `3.5`},
		{`4 / 2`, `2`},
		{`7 % 4`, `3`},
		{`2 ** 10`, `1024`},
		{`-count`, `-3`},
		{`-0.0 + 0`, `0`},
		{`9223372036854775807 + 1`, `error: number-range`},
		{`-9223372036854775807 - 2`, `error: number-range`},
		{`9223372036854775807 * 2`, `error: number-range`},
		{`3037000500 * 3037000500`, `error: number-range`},
		{`-3 * 4`, `-12`},
		{`5 / 0`, `error: number-range`},
		{`5 % 0`, `error: number-range`},
		{`1e308 * 10.5`, `error: number-range`},
		{`10.0 ** 400`, `error: number-range`},
		{`huge + 1`, `error: number-range`},
		{`decimal("0.10") + 1`, `1.10`},
		{`decimal("0.1") * 0.5 == 0.05`, `true`},
		{`decimal("24.17" + "", 1)`, `error: wrong-value`},
		{`decimal(price)`, `1000.50`},
		{`decimal(price, 3)`, `1000.500`},
		{`decimal("1") < 1.5 and 1 < decimal("1.5")`, `true`},
		{`1 < count <= 3`, `true`},
		{`number("24.17")`, `24.17`},
		{`number("024" + "")`, `error: wrong-value`},
		{`number(" 1" + "")`, `error: wrong-value`},
		{`number(nothing)`, `null`},
		{`integer(whole)`, `42`},
		{`integer("42.5" + "")`, `error: wrong-value`},
		{`integer(long_id)`, `error: number-range`},
		{`round(2.5)`, `3`},
		{`round(-2.5)`, `-3`},
		{`round(1.005, 2)`, `1.01`},
		{`round(decimal("1.005"), 2)`, `1.01`},
		{`round(price, 0)`, `1001`},
		{`abs(-3) + floor(2.7) + ceil(2.1)`, `8`},
		{`max(price, 2, 1e3)`, `1000.50`},
		{`min("b", "a")`, `"a"`},

		// text counts characters
		{`name[0:3]`, `"Zoë"`},
		{`name[:3] + name[-3:]`, `"Zoëröm"`},
		{`name[4:99]`, `"Ångström"`},
		{`name[3:1]`, `""`},
		{`list[1:]`, `[1,2]`},
		{`len(name)`, `12`},
		{`len(ticket)`, `3`},
		{`name contains "Å" and name startsWith "Z" and not (name endsWith "x")`, `true`},
		{`name matches "^Zo."`, `true`},
		{`"a" in ["a", "b"] and 2 not in list == false`, `true`},
		{`"name" in ticket`, `true`},
		{`3.0 in list`, `true`},
		{`string(nothing)`, `error: string-null`},
		{`string(gone ?? "")`, `""`},
		{`string(ticket)`, `"{\"name\":\"VIP\",\"price\":24.17,\"tags\":[\"a\",\"b\"]}"`},
		{`slug("Straße im Łódź")`, `"strasse-im-lodz"`},
		{`title("ANN MCKAY-smith's d’angelo")`, `"Ann Mckay-Smith's D’Angelo"`},
		{`title("3rd (big) one")`, `"3rd (Big) One"`},

		// null
		{`lower(nothing)`, `error: null-value`},
		{`lower(nothing ?? "X")`, `"x"`},
		{`nothing + 1`, `error: null-value`},
		{`nothing < 1`, `error: null-value`},
		{`nothing == null`, `true`},
		{`nothing != nil`, `false`},
		{`gone == "x"`, `false`},
		{`nothing contains "x"`, `error: null-value`},
		{`nothing ? 1 : 2`, `error: null-value`},
		{`not nothing`, `error: null-value`},
		{`paid and nothing`, `error: null-value`},
		{`count and true`, `error: type-mismatch`},
		{`len(nothing)`, `error: null-value`},
		{`filter(nothing, # > 1)`, `error: null-value`},
		{`first(nothing) ?? first(empty)`, `null`},

		// types
		{`type + count`, `error: type-mismatch`},
		{`type < count`, `error: type-mismatch`},
		{`type == count`, `false`},
		{`list == [3, 1.0, 2]`, `true`},
		{`ticket == {name: "VIP", price: 24.17, tags: ["a", "b"]}`, `true`},
		{`lower(count)`, `error: type-mismatch`},
		{`date(date) == type`, `error: type-mismatch`},
		{`date(date) == date("2026-03-01")`, `true`},
		{`date(date) > date("2026-02-28")`, `true`},
		{`timestamp(date) < now()`, `false`},

		// answers
		{`answer(custom_fields, "dietary  requirements")`, `"Vegan"`},
		{`answer(custom_fields, "T-shirt size:")`, `"42"`},
		{`answer(custom_fields, "newsletter")`, `"true"`},
		{`answer(custom_fields, "Days")`, `"Mon, Tue"`},
		{`answer(custom_fields, "Company")`, `null`},
		{`answer(custom_fields, "Other")`, `null`},
		{`answer(gone, "Days") ?? "-"`, `"-"`},
		{`answer(filter(custom_fields, # != null and type(#) == 1), "x")`, `compile`},
		{`answer(type, "x")`, `error: type-mismatch`},

		// lists
		{`map(list, # * 2)`, `[6,2,4]`},
		{`map(list, ({n: #, at: #index}))`, `[{"at":0,"n":3},{"at":1,"n":1},{"at":2,"n":2}]`},
		{`sum(list)`, `6`},
		{`sum([0.1, 0.2, null])`, `0.3`},
		{`sum([type])`, `error: type-mismatch`},
		{`sortBy(list, #)`, `[1,2,3]`},
		{`sortBy(list, #, "desc")`, `[3,2,1]`},
		{`sortBy([1, type], #)`, `error: type-mismatch`},
		{`groupBy(list, # > 1)`, `{"false":[1],"true":[3,2]}`},
		{`find(list, # < 3)`, `1`},
		{`find(custom_fields, .question == "Days").answer`, `["Mon", "Tue"]`},
		{`find(list, # > 9)?.name ?? "none"`, `"none"`},
		{`any(list, any(filter, # == 2))`, `true`},
		{`count(1..10, # % 2 == 0)`, `5`},
		{`join(list, "-")`, `"3-1-2"`},
		{`uniq([1, 1.0, decimal("1.00"), "1", true, true, null, null])`, `[1,"1",true,null]`},
		{`pluck([{a: 1}, {b: 2}], "a")`, `[1,null]`},
		{`filter(list, #)`, `error: type-mismatch`},
		{`list ?? []`, `[3, 1, 2]`},
		{`{b: price, a: [type, null], "c d": {}}`, `{"a":["vip",null],"b":1000.50,"c d":{}}`},
		{`{(type): 1}`, `{"vip":1}`},
		{`{(count): 1}`, `error: type-mismatch`},
		{`["<a&b>", "\u2028"]`, "[\"<a&b>\",\"\u2028\"]"},

		// time
		{`date("2026-03-01T23:30:00+08:00", "UTC")`, `"2026-03-01"`},
		{`date("2026-03-01T23:30:00-08:00", "UTC")`, `"2026-03-02"`},
		{`date("03/04/2026" + "")`, `error: wrong-value`},
		{`date("2026-02-30" + "")`, `error: wrong-value`},
		{`date(nothing)`, `null`},
		{`timestamp("2026-03-01 14:30" + "")`, `error: wrong-value`},
		{`timestamp("2026-03-01t14:30:00z")`, `"2026-03-01T14:30:00Z"`},
		{`timestamp("2026-03-01 14:30 UTC")`, `"2026-03-01T14:30:00Z"`},
		{`timestamp("2026-03-01", "Asia/Singapore")`, `"2026-02-28T16:00:00Z"`},
		{`timestamp(date, type)`, `"2026-03-01T15:30:00Z"`},
		{`timestamp("2026-03-01", type)`, `error: wrong-value`},
		{`year(date) * 100 + month(date)`, `202603`},
		{`format(date(date), "%d/%m/%Y")`, `"01/03/2026"`},
		{`format(date(date), "%H")`, `error: wrong-value`},
		{`format(date, "%a %e %b %y %j 100%%")`, `"Sun 1 Mar 26 060 100%"`},

		{`in_zone("2026-03-01 10:00" + "", "UTC")`, `error: wrong-value`},
		{`in_zone(timestamp(date), "UTC")`, `"2026-03-01T15:30:00Z"`},
		{`in_zone(date, "Nowhere/" + type)`, `error: wrong-value`},
		{`format("2026-03-01T10:00:00.5+02:00", "%T.%f %z " + type)`, `"10:00:00.500 +02:00 vip"`},
		{`format("2026-03-01 10:00", "%H:%M")`, `"10:00"`},
		{`format("2026-03-01 10:00" + "", "%z")`, `error: wrong-value`},
		{`format(date, type)`, `error: wrong-value`},
		{`format(date, type + "%")`, `error: wrong-value`},
		{`timestamp("2026-03-29 02:30", "Europe/Berlin")`, `"2026-03-29T01:30:00Z"`},
		{`string(now()) + string(date(date))`, `"2026-03-01T09:30:00Z2026-03-01"`},
		{`{at: now(), on: date(date), f: 1e-7 * 1, big: 1e21 * 10, d: decimal("1.50")}`, `{"at":"2026-03-01T09:30:00Z","big":1e+22,"d":1.50,"f":1e-07,"on":"2026-03-01"}`},
		{`["\"\\\n\r\t\u0001"]`, `["\"\\\n\r\t\u0001"]`},
		{`[ticket.tags, {t: ticket}]`, `[["a","b"],{"t":{"name":"VIP","price":24.17,"tags":["a","b"]}}]`},

		// what does not fit together
		{`abs(nothing)`, `error: null-value`},
		{`abs(price - 2000)`, `999.5`},
		{`abs(decimal("-1.50"))`, `1.50`},
		{`round(7, 2) + floor(3) + ceil(price)`, `1011`},
		{`round(price, 101)`, `error: number-range`},
		{`round(long_id + decimal("0.5"), 0)`, `12345678901234567891`},
		{`round(long_id)`, `error: number-range`},
		{`round(count, nothing)`, `error: null-value`},
		{`integer(count) + integer(9.0)`, `12`},
		{`integer(9.5 + 0)`, `error: wrong-value`},
		{`decimal(1.5)`, `1.5`},
		{`decimal("x" + "")`, `error: wrong-value`},
		{`decimal("1", type)`, `error: type-mismatch`},
		{`decimal("10") / 4`, `2.5`},
		{`decimal("1") + huge`, `error: number-range`},
		{`min(count, type)`, `error: type-mismatch`},
		{`min(date(date), date("2026-01-01"))`, `"2026-01-01"`},
		{`7.5 % 2`, `error: wrong-value`},
		{`count % -1`, `0`},
		{`2 ** decimal("0.5") > 1.41`, `true`},
		{`type ** 2`, `error: type-mismatch`},
		{`1..2.5`, `error: wrong-value`},
		{`3..1`, `[]`},
		{`-type`, `error: type-mismatch`},
		{`+count`, `3`},
		{`-2.5`, `-2.5`},
		{`truncate(name, -1)`, `error: wrong-value`},
		{`truncate(type, 2) + truncate(type, 9)`, `"vivip"`},
		{`replace(type, nothing ?? "", "x")`, `error: wrong-value`},
		{`replace(type, "z", "x")`, `"vip"`},
		{`split(type, nothing ?? "")`, `error: wrong-value`},
		{`padLeft(type, 20000)`, `error: wrong-value`},
		{`padLeft(name, 14, "é")`, `"ééZoë Ångström"`},
		{`hmac(type, nothing ?? "")`, `error: wrong-value`},
		{`uuid5(type, "x")`, `error: wrong-value`},
		{`uuid5("6ba7b810-9dad-11d1-80b4-00c04fd430c8", "www.example.com") == uuid5("dns", "www.example.com")`, `true`},
		{`name[type:2]`, `error: type-mismatch`},
		{`name[1.5:2]`, `error: wrong-value`},
		{`count[0:1]`, `error: type-mismatch`},
		{`list[type]`, `error: type-mismatch`},
		{`list[0.5]`, `error: wrong-value`},
		{`ticket[count]`, `error: type-mismatch`},
		{`count[0]`, `error: type-mismatch`},
		{`1 in type`, `error: type-mismatch`},
		{`1 in ticket`, `error: type-mismatch`},
		{`"x" in nothing`, `error: null-value`},
		{`count contains "x"`, `error: type-mismatch`},
		{`type contains count`, `error: type-mismatch`},
		{`count matches "x"`, `error: type-mismatch`},
		{`[1, [2]] == [1, [2.0]] and [1] != [2] and {a: 1} != {b: 1} and {a: 1} != {a: 2}`, `true`},
		{`list == [3] or ticket == {} or [date(date)] == list`, `false`},
		{`pluck(list, "x")`, `error: type-mismatch`},
		{`pluck(custom_fields[:1] , "answer")`, `["Vegan"]`},
		{`pluck([null], "x")`, `[null]`},
		{`sortBy([{n: null, i: 1}, {n: 1, i: 2}, {n: null, i: 3}, {n: 0, i: 4}], .n, "desc") | pluck("i")`, `[2,4,1,3]`},
		{`sortBy(list, #, type)`, `error: wrong-value`},
		{`groupBy([nothing], #)`, `error: null-value`},
		{`last(list) + last([1])`, `3`},
		{`email(nothing) ?? "none"`, `"none"`},
		{`email(name) ?? "none"`, `"none"`},

		// an integer is one however it is written
		{`7.0 % 4`, `3`},
		{`7.5 % 2`, `error: wrong-value`},
		{`decimal("7.0") % 4`, `3`},
		{`1e0..2.0`, `[1,2]`},
		{`[4, 5][decimal("1.00")]`, `5`},
		{`"abc"[0:2.0]`, `"ab"`},
		{`truncate("abc", 1e0)`, `"a"`},

		// what decides which part runs
		{`paid ? "yes" : lower(nothing)`, `"yes"`},
		{`not paid or count > 2`, `true`},
		{`paid ?: false`, `true`},
		{`if count > 2 { "many" } else { "few" }`, `"many"`},
		{`let n = count * 2; n + n`, `12`},
		{`let t = ticket; t.name`, `"VIP"`},
		{`let count = 1; count + count(list)`, `4`},
	}
	for _, tt := range tests {
		t.Run(tt.expr, func(t *testing.T) {
			if _, problems := Compile(tt.expr, Scope{}); tt.want == "compile" {
				if len(problems) == 0 {
					t.Fatal("it compiled")
				}
				return
			}
			v, err := evaluate(t, tt.expr, record)
			got := written(v)
			if err != nil {
				var failure *EvalError
				if !errors.As(err, &failure) {
					t.Fatalf("%T is not an *EvalError", err)
				}
				got = "error: " + failure.Code
			}
			if got != tt.want {
				t.Errorf("got %s, want %s (%v)", got, tt.want, err)
			}
		})
	}
}

// A failure shows the place, says what is wrong there, and offers the mending.
func TestEvalErrorsName(t *testing.T) {
	tests := []struct{ expr, at, message string }{
		{`upper(lower(nothing))`, `nothing`, `nothing is null, and lower needs text; write nothing ?? ""`},
		{`lower(first(empty))`, `lower`, `lower needs text, and is given null; write … ?? ""`},
		{`1 + nothing`, `nothing`, `nothing is null, and + needs a number; write nothing ?? 0`},
		{`"nr " + count`, `count`, `count is a number, and + needs text; write string(count)`},
		{`trim(ticket.price)`, `ticket.price`, `ticket.price is a number, and trim needs text; write string(ticket.price)`},
		{`text * 2`, `text`, `text is text, and * needs a number; write number(text)`},
		{`"Zoë" + string($env["First name"] + nothing)`, `nothing`, `nothing is null, and + needs text; write nothing ?? ""`},
		{`"Zoë" + lower($env["gone"])`, `$env["gone"]`, `$env["gone"] is null, and lower needs text; write $env["gone"] ?? ""`},
		{`string(nothing)`, `nothing`, `nothing is null, and string needs a value; write nothing ?? ""`},
		{`any(nothing, # > 1)`, `nothing`, `nothing is null, and any needs a list; write nothing ?? []`},
		{`text.name`, `text.name`, `text.name: text is a string and not an object`},
		{`lower(text.name.first)`, `text.name.first`, `text.name.first: a part of it is a string and not an object`},
		{`count ? 1 : 2`, `count`, `count is a number, and ? needs true or false`},
		{`count / 0`, `/`, `division by zero`},
		{`number(email)`, `number`, `number is given a text that is not a number`},
		{`list[0].name`, `name`, `"name" is read from a number, and only an object has names`},
	}
	for _, tt := range tests {
		_, err := evaluate(t, tt.expr, record)
		var failure *EvalError
		if !errors.As(err, &failure) {
			t.Errorf("%s: no failure", tt.expr)
			continue
		}
		if got := tt.expr[failure.From:failure.To]; got != tt.at || failure.Message != tt.message {
			t.Errorf("%s\n got `%s`: %s\nwant `%s`: %s", tt.expr, got, failure.Message, tt.at, tt.message)
		}
	}
}
