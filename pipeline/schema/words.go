package schema

import (
	"fmt"
	"strings"

	"pipeline/pipeline/diag"
)

// words.go: what messages are made of.

// quoted lists a few words for a message: "a", "b" or 7 others.
func quoted(words []string) string {
	const most = 6
	var b strings.Builder
	for i, word := range words {
		switch {
		case i == most:
			fmt.Fprintf(&b, " or %d others", len(words)-most)
			return b.String()
		case i > 0 && i == len(words)-1:
			b.WriteString(" or ")
		case i > 0:
			b.WriteString(", ")
		}
		b.WriteString(diag.Crop(word, 40))
	}
	return b.String()
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// count is "1 is" or "2 are".
func count(n int) string {
	if n == 1 {
		return "1 is"
	}
	return fmt.Sprintf("%d are", n)
}

// typeNoun is what messages call a type of JSON Schema.
func typeNoun(name string) string {
	switch name {
	case "string":
		return "text"
	case "number":
		return "a number"
	case "integer":
		return "a whole number"
	case "boolean":
		return "true or false"
	case "array":
		return "a list"
	case "object":
		return "an object"
	default:
		return name
	}
}

// typeNouns joins the nouns of several types: "text or a number".
func typeNouns(names []string) string {
	nouns := make([]string, 0, len(names))
	for _, name := range names {
		nouns = append(nouns, typeNoun(name))
	}
	return strings.Join(nouns, " or ")
}

// didYouMean is a hint where a word is close to one of candidates.
func didYouMean(word string, candidates []string) string {
	if near := nearest(word, candidates); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	return ""
}

// nearest is the candidate that word was likely meant to be, or empty.
func nearest(word string, candidates []string) string {
	best, bestDistance := "", len(word)/3+1
	if len(word) > 40 {
		return ""
	}
	for _, candidate := range candidates {
		if strings.EqualFold(word, candidate) {
			return candidate
		}
		if d := distance(word, candidate); d <= bestDistance && d < len(candidate) && (best == "" || d < bestDistance) {
			best, bestDistance = candidate, d
		}
	}
	return best
}

// distance is how many letters must be added, removed, changed or swapped with
// their neighbour to make a into b.
func distance(a, b string) int {
	rows := [3][]int{make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)}
	for j := range rows[1] {
		rows[1][j] = j
	}
	for i := range len(a) {
		older, old, row := rows[i%3], rows[(i+1)%3], rows[(i+2)%3]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(old[j]+cost, old[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], older[j-1]+1)
			}
		}
	}
	return rows[(len(a)+1)%3][len(b)]
}
