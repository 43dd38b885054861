package diag

import "testing"

func TestSuggest(t *testing.T) {
	for _, test := range []struct {
		name       string
		candidates []string
		want       string
	}{
		{"emial", []string{"name", "email", "mail"}, "email"},
		{"Email", []string{"emails", "email"}, "email"},
		{"firstname", []string{"first_names", "first_name"}, "first_name"},
		{"first-name", []string{"last_name", "first_name"}, "first_name"},
		{"atendee_id", []string{"attendee_id"}, "attendee_id"},
		{"registration", []string{"registration_date", "email"}, "registration_date"},
		{"custom_field_values", []string{"custom_field"}, "custom_field"},
		{"date", []string{"created_date", "name"}, "created_date"},
		{"id", []string{"if", "is"}, ""},
		{"ID", []string{"id"}, "id"},
		{"ab", []string{"xy"}, ""},
		{"cat", []string{"car"}, "car"},
		{"phone", []string{"email"}, ""},
		{"", []string{"email"}, ""},
		{"___", []string{"---", ""}, ""},
		{"email", nil, ""},
		{"email", []string{"email"}, ""},
		{"größe", []string{"GRÖSSE", "grösse", "größen"}, "größen"},
		{"a\xff", []string{"b"}, ""},
	} {
		if got := Suggest(test.name, test.candidates); got != test.want {
			t.Errorf("Suggest(%q, %q) = %q, want %q", test.name, test.candidates, got, test.want)
		}
	}
}

func TestDidYouMean(t *testing.T) {
	if got, want := DidYouMean("emial", []string{"email"}), `did you mean "email"?`; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := DidYouMean("zzz", []string{"email"}); got != "" {
		t.Errorf("got %q for a name that is near nothing", got)
	}
}
