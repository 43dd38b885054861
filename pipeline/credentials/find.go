package credentials

// find.go: the client id and secret in texts that people send each other: JSON,
// lines of a .env or an INI file, "Client ID: …" in a letter, a table. What it
// finds has a name, so that a person can choose without a secret being shown.

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Found is a client that stands in a text.
type Found struct {
	Name   string // where: `keys.txt`, or `keys.txt, production` where there are several
	ID     string
	Secret Secret
}

// The ends of names, letters and digits alone and in lower case.
var (
	idNames     = []string{"clientid", "clientidentifier", "appid", "applicationid", "consumerkey", "clientkey"}
	secretNames = []string{"clientsecret", "clientsecretkey", "appsecret", "applicationsecret", "consumersecret", "clientpassword"}
)

// Find is every client in a text. file is what the text is called.
func Find(file string, src []byte) []Found {
	text, ok := asText(src)
	if !ok {
		return nil
	}
	f := &finder{}
	if !f.json(text) && !f.table(text) {
		f.lines(text)
	}
	return f.found(file)
}

// asText decodes UTF-8 and, where it says so, UTF-16; ok is false for what is no
// text.
func asText(src []byte) (string, bool) {
	if len(src) >= 2 && (src[0] == 0xff && src[1] == 0xfe || src[0] == 0xfe && src[1] == 0xff) {
		units := make([]uint16, 0, len(src)/2)
		for i := 2; i+1 < len(src); i += 2 {
			low, high := src[i], src[i+1]
			if src[0] == 0xfe {
				low, high = high, low
			}
			units = append(units, uint16(low)|uint16(high)<<8)
		}
		return string(utf16.Decode(units)), true
	}
	text := strings.TrimPrefix(string(src), "\ufeff")
	return text, utf8.ValidString(text) && !strings.ContainsRune(text, 0)
}

// part is an id or a secret that was found.
type part struct {
	group string // what stands before its name, such as production
	value string
}

// finder collects the parts of one text.
type finder struct{ ids, secrets []part }

// add takes what a name stands for, where it is one of those looked for. group is
// where the name is: a section, a row.
func (f *finder) add(group, name, value string) {
	value = strings.TrimSpace(value)
	if value == "" || len(value) > 512 || strings.ContainsFunc(value, unicode.IsControl) {
		return
	}
	if label, ok := labelOf(name, idNames); ok {
		f.ids = append(f.ids, part{joinLabel(group, label), value})
	} else if label, ok := labelOf(name, secretNames); ok {
		f.secrets = append(f.secrets, part{joinLabel(group, label), value})
	}
}

// labelOf is what stands before the end of a name: gevme in GEVME_CLIENT_ID.
func labelOf(name string, ends []string) (string, bool) {
	if len(name) > 200 {
		return "", false
	}
	for _, end := range ends {
		if before, ok := cutName(name, end); ok {
			return strings.ToLower(strings.Trim(before, " _-.:/([")), true
		}
	}
	return "", false
}

// cutName cuts end, in letters and digits, from the end of a name.
func cutName(name, end string) (before string, ok bool) {
	rest := strings.TrimRightFunc(name, notWord)
	for end != "" {
		r, size := utf8.DecodeLastRuneInString(rest)
		if size == 0 {
			return "", false
		}
		switch want := end[len(end)-1]; {
		case unicode.ToLower(r) == rune(want):
			end = end[:len(end)-1]
		case !notWord(r):
			return "", false
		}
		rest = rest[:len(rest)-size]
	}
	return rest, true
}

func notWord(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }

func joinLabel(group, label string) string {
	if group == "" || label == "" {
		return group + label
	}
	return group + "." + label
}

// json reads a JSON text, and reports whether it is one.
func (f *finder) json(text string) bool {
	var v any
	if json.Unmarshal([]byte(text), &v) != nil {
		return false
	}
	switch v.(type) {
	case map[string]any, []any:
		f.walk("", "", v)
		return true
	}
	return false
}

// walk visits the members of a value. The name of an object is part of the names
// in it: {"client": {"id": …}} is a client id.
func (f *finder) walk(group, name string, v any) {
	switch v := v.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(mapKeys(v)) {
			switch child := v[key].(type) {
			case map[string]any, []any:
				f.walk(joinLabel(group, name), key, child)
			case string:
				f.member(group, name, key, child)
			case float64:
				f.member(group, name, key, fmt.Sprintf("%.0f", child))
			}
		}
	case []any:
		for i, child := range v {
			f.walk(joinLabel(group, name), fmt.Sprint(i+1), child)
		}
	}
}

func (f *finder) member(group, object, key, value string) {
	ids, secrets := len(f.ids), len(f.secrets)
	f.add(joinLabel(group, object), key, value)
	if len(f.ids) == ids && len(f.secrets) == secrets && object != "" {
		f.add(group, object+"_"+key, value)
	}
}

func mapKeys(m map[string]any) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// table reads a CSV whose header names both, and reports whether it is one.
func (f *finder) table(text string) bool {
	header, _, _ := strings.Cut(text, "\n")
	for _, comma := range ",;\t" {
		names := strings.Split(header, string(comma))
		id, secret := column(names, idNames), column(names, secretNames)
		if id < 0 || secret < 0 {
			continue
		}
		r := csv.NewReader(strings.NewReader(text))
		r.Comma, r.LazyQuotes, r.FieldsPerRecord, r.TrimLeadingSpace = comma, true, -1, true
		rows, err := r.ReadAll()
		if err != nil || len(rows) < 2 {
			return false
		}
		for i, row := range rows[1:] {
			if id < len(row) && secret < len(row) {
				group := ""
				if len(rows) > 2 {
					group = fmt.Sprintf("row %d", i+2)
				}
				f.add(group, "client id", row[id])
				f.add(group, "client secret", row[secret])
			}
		}
		return true
	}
	return false
}

func column(names, ends []string) int {
	return slices.IndexFunc(names, func(name string) bool {
		_, ok := labelOf(name, ends)
		return ok
	})
}

// lines reads lines of the form NAME=value, NAME: value, or NAME with the value
// in the next line. A line in brackets begins a section.
func (f *finder) lines(text string) {
	section, waiting := "", ""
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch {
		case line == "":
			continue
		case strings.HasPrefix(line, "[") && strings.HasSuffix(line, "]"):
			section, waiting = strings.ToLower(strings.Trim(line, "[] ")), ""
			continue
		case waiting != "" && !strings.ContainsAny(line, " \t"):
			f.add(section, waiting, unquote(line))
			waiting = ""
			continue
		}
		waiting = ""
		line = strings.TrimPrefix(strings.TrimLeft(line, "|*-#>• \t"), "export ")
		at := strings.IndexAny(line, "=:|\t")
		if at < 0 {
			waiting = line
			continue
		}
		name, value := line[:at], unquote(strings.TrimRight(line[at+1:], "|, \t"))
		if value == "" {
			waiting = name
		}
		f.add(section, name, value)
	}
}

// unquote takes away what stands around a value.
func unquote(s string) string {
	s = strings.TrimRight(strings.TrimSpace(s), ",;")
	s = strings.TrimSpace(strings.TrimPrefix(s, "** ")) // **Client ID:** abc
	for _, quote := range []string{`"`, "'", "`", "**"} {
		if len(s) >= 2*len(quote) && strings.HasPrefix(s, quote) && strings.HasSuffix(s, quote) {
			return s[len(quote) : len(s)-len(quote)]
		}
	}
	return s
}

// found pairs ids and secrets of one group, in order.
func (f *finder) found(file string) []Found {
	var out []Found
	for _, id := range f.ids {
		i := slices.IndexFunc(f.secrets, func(s part) bool { return s.group == id.group })
		if i < 0 && len(f.ids) == 1 && len(f.secrets) == 1 {
			i = 0 // named differently, but there is no other
		}
		if i < 0 {
			continue
		}
		name := file
		if id.group != "" {
			name += ", " + printable(id.group)
		}
		out = append(out, Found{name, id.value, Secret(f.secrets[i].value)})
		f.secrets = slices.Delete(f.secrets, i, i+1)
	}
	return out
}

// printable is a name as it can be shown on a terminal.
func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '?'
	}, s)
	if runes := []rune(s); len(runes) > 60 {
		return string(runes[:60]) + "…"
	}
	return s
}
