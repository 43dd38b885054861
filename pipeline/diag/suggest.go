package diag

import (
	"fmt"
	"strings"
	"unicode"
)

// maxSuggested is the longest name, in characters, that Suggest compares letter
// by letter: nobody mistypes a longer one, and the comparison is quadratic.
const maxSuggested = 100

// Suggest is the candidate that name was most likely meant to be, or empty
// where none is near. Candidates that differ in case or in "_-. " alone are
// nearest, then those a few typing mistakes away, then long names of which name
// is the beginning or the end, or the other way round. Among equals the first
// one wins.
func Suggest(name string, candidates []string) string {
	typed := fold(name)
	if len(typed) == 0 {
		return ""
	}
	best, least := "", -1
	for _, c := range candidates {
		d, near := distance(typed, fold(c))
		if c == name || !near {
			continue
		}
		if least < 0 || d < least {
			best, least = c, d
		}
	}
	return best
}

// DidYouMean is a hint such as `did you mean "email"?`, or empty where no
// candidate is near.
func DidYouMean(name string, candidates []string) string {
	s := Suggest(name, candidates)
	if s == "" {
		return ""
	}
	return fmt.Sprintf("did you mean %q?", s)
}

// fold is a name without what people mix up: case and separators.
func fold(name string) []rune {
	out := make([]rune, 0, len(name))
	for _, r := range name {
		if len(out) > maxSuggested {
			break
		}
		if !strings.ContainsRune("_-. ", r) {
			out = append(out, unicode.ToLower(r))
		}
	}
	return out
}

// distance is how far two folded names are from each other, and whether that
// is near enough to be a mistake.
func distance(a, b []rune) (d int, near bool) {
	if len(b) == 0 || len(a) > maxSuggested || len(b) > maxSuggested {
		return 0, false
	}
	bound := mistakes(max(len(a), len(b)))
	if d := typos(a, b); d <= bound && d < min(len(a), len(b)) {
		return d, true
	}
	short, long := string(a), string(b)
	if len(a) > len(b) {
		short, long = long, short
	}
	if min(len(a), len(b)) >= 4 && (strings.HasPrefix(long, short) || strings.HasSuffix(long, short)) {
		// farther than any typing mistake; the shorter the rest, the nearer
		return maxSuggested + max(len(a), len(b)) - min(len(a), len(b)), true
	}
	return 0, false
}

// mistakes is how many typing mistakes a name of n characters may hold.
func mistakes(n int) int {
	switch {
	case n <= 2:
		return 0
	case n <= 5:
		return 1
	case n <= 8:
		return 2
	default:
		return n / 3
	}
}

// typos is the Damerau-Levenshtein distance in its restricted form: letters
// left out, added, replaced, or two neighbours swapped.
func typos(a, b []rune) int {
	before, prev, cur := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := range a {
		cur[0] = i + 1
		for j := range b {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			cur[j+1] = min(prev[j+1]+1, cur[j]+1, prev[j]+cost)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				cur[j+1] = min(cur[j+1], before[j-1]+1)
			}
		}
		before, prev, cur = prev, cur, before
	}
	return prev[len(b)]
}
