package schema

import (
	"github.com/santhosh-tekuri/jsonschema/v6"

	"pipeline/pipeline/value"
)

// format.go: formats as the jsonschema module knows them. For the common ones a
// quick look says yes to what is surely right and leaves the rest to the module.

func formatCheck(f *jsonschema.Format) check {
	quick := quickFormat(f.Name)
	reason := "is not " + formatNoun(f.Name)
	return func(v value.Value) (string, string) {
		switch {
		case v.Kind() == value.Date && f.Name == "date", v.Kind() == value.Timestamp && f.Name == "date-time":
			return "", ""
		}
		s, ok := textOf(v)
		if !ok || quick(s) || f.Validate(s) == nil {
			return "", ""
		}
		return "schema-format", reason
	}
}

func formatNoun(name string) string {
	switch name {
	case "date":
		return "a date like 2006-01-02"
	case "date-time":
		return "an RFC 3339 time like 2006-01-02T15:04:05Z"
	case "time":
		return "a time of day like 15:04:05Z"
	case "email":
		return "an e-mail address"
	case "uuid":
		return "a UUID"
	case "uri":
		return "an absolute URI"
	case "regex":
		return "a regular expression"
	default:
		return "valid " + name
	}
}

// quickFormat says yes only where the module would.
func quickFormat(name string) func(string) bool {
	switch name {
	case "date":
		return func(s string) bool { return len(s) == len("2006-01-02") && isTyped(s, value.Date) }
	case "date-time":
		return func(s string) bool { return isTyped(s, value.Timestamp) }
	case "email":
		return quickEmail
	case "uuid":
		return quickUUID
	default:
		return func(string) bool { return false }
	}
}

func isTyped(s string, k value.Kind) bool {
	_, err := value.Convert(value.Text(s), value.Type{Kind: k}, nil)
	return err == nil
}

// quickEmail takes letters, digits and the few signs of most addresses, in
// words with a dot between, around one @.
func quickEmail(s string) bool {
	if len(s) > 64 {
		return false
	}
	ats, word := 0, 0 // word is how long the current word is
	for i := range len(s) {
		switch c := s[i]; {
		case c|0x20 >= 'a' && c|0x20 <= 'z' || c-'0' <= 9:
			word++
		case (c == '_' || c == '+' || c == '-') && ats == 0:
			word++
		case c == '-' && word > 0 && i+1 < len(s) && s[i+1] != '.' && s[i+1] != '-':
			word++
		case c == '.' && word > 0:
			word = 0
		case c == '@' && word > 0 && ats == 0:
			ats, word = 1, 0
		default:
			return false
		}
	}
	return ats == 1 && word > 0
}

func quickUUID(s string) bool {
	if len(s) != len("123e4567-e89b-12d3-a456-426614174000") {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; i {
		case 8, 13, 18, 23:
			if c != '-' {
				return false
			}
		default:
			if c-'0' > 9 && (c|0x20 < 'a' || c|0x20 > 'f') {
				return false
			}
		}
	}
	return true
}
