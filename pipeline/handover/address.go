package handover

// address.go: where rows go, without what may be secret in an address.

import (
	"net/url"
	"strings"
	"unicode"

	"pipeline/pipeline"
)

const hiddenPart = "[hidden]"

// address is a target that may be shown. Who knows the path of a webhook can often
// write to it, so that a part of it which looks as if it was made by chance is left
// out, as are user, password and query.
func address(target string) string {
	scheme, rest, ok := strings.Cut(target, "://")
	if !ok {
		return target // a file
	}
	rest, _, _ = strings.Cut(rest, "#")
	rest, _, hasQuery := strings.Cut(rest, "?")
	host, path, hasPath := strings.Cut(rest, "/")
	if at := strings.LastIndex(host, "@"); at >= 0 {
		host = host[at+1:]
	}
	out := scheme + "://" + host
	if hasPath {
		parts := strings.Split(path, "/")
		for i, part := range parts {
			if unreadable(part) {
				parts[i] = hiddenPart
			}
		}
		out += "/" + strings.Join(parts, "/")
	}
	if hasQuery {
		out += "?" + hiddenPart
	}
	return out
}

// unreadable reports whether a part of a path looks as if it was made by chance: a
// long run of letters and digits, or of letters in both cases.
func unreadable(part string) bool {
	for from := strings.Index(part, "${"); from >= 0; from = strings.Index(part, "${") {
		_, rest, _ := strings.Cut(part[from:], "}") // the name of a variable is no secret
		part = part[:from] + rest
	}
	if text, err := url.PathUnescape(part); err == nil {
		part = text
	}
	for _, word := range strings.FieldsFunc(part, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
		digits := strings.ContainsAny(word, "0123456789")
		letters := strings.Trim(word, "0123456789") != ""
		mixed := strings.ToLower(word) != word && len(word) > 1 && strings.ToLower(word[1:]) != word[1:]
		switch {
		case len(word) > 16,
			digits && letters && len(word) > 7,
			digits && len(word) > 12,
			mixed && len(word) > 8:
			return true
		}
	}
	return false
}

// baseURL is the address of the platform.
func baseURL(plan *pipeline.Plan, o pipeline.Outline) string {
	for _, option := range o.Options {
		if option.Name == "base_url" {
			return address(option.Value)
		}
	}
	return plan.SourceOptions().String("base_url") // the connector's own, which is no secret
}

// sinkName is what a sink is called in a sentence.
func sinkName(s pipeline.SinkOutline) string {
	switch s.Connector {
	case "csv":
		return "CSV file"
	case "parquet":
		return "Parquet file"
	case "jsonl":
		return "JSON Lines file"
	default:
		return s.Connector
	}
}
