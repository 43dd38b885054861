package expression

import "testing"

func TestWords(t *testing.T) {
	for src, want := range map[string]string{
		`status != "cancelled"`: `status is not "cancelled"`,
		`(status ?? "registered") != "cancelled" and (email ?? "") != ""`: `status ("registered" where there is none) is not "cancelled" and email is not empty`,
		`ticket.name == "Gold" || (age >= 18 && vip)`:                     `ticket.name is "Gold" or (age is at least 18 and vip)`,
		`ticket?.group in ["VIP", "Press"]`:                               `ticket.group is one of "VIP", "Press"`,
		`check_in != nil`:                                                 `check_in is given`,
		`not (a or b)`:                                                    `it is not so that (a or b)`,
		`len(attendees ?? []) > 0`:                                        `len(attendees ?? []) is more than 0`,
		`lower(trim(email)) endsWith "@acme.x"`:                           `lower(trim(email)) ends with "@acme.x"`,
		`(((`:                                                             `(((`,
	} {
		if got := Words(src); got != want {
			t.Errorf("%s\n got %s\nwant %s", src, got, want)
		}
	}
}

func TestShown(t *testing.T) {
	for _, test := range []struct {
		src  string
		all  bool
		want string
	}{
		{`lower("x")`, false, `lower("x")`},
		{`hmac(lower(email), "canary")`, false, `hmac(lower(email), "…")`},
		{`"é" + hmac("a", 'can' + "ary") + "b"`, false, `"é" + hmac("a", "…" + "…") + "b"`},
		{`"canary"`, true, `"…"`},
	} {
		if got := Shown(test.src, test.all); got != test.want {
			t.Errorf("%s: %s, want %s", test.src, got, test.want)
		}
	}
}
