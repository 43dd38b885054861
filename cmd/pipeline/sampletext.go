package main

// sampletext.go: how texts before and after are shown: without what they say, where
// nobody may know it, and cropped to where they differ.

import (
	"strings"
	"unicode"

	"pipeline/pipeline/value"
)

// masked is the text of a value with its shape and without what it says: letters
// are x and X, digits 0. Of values that say nothing of a person it is the text.
func masked(v value.Value, text string) string {
	switch v.Kind() {
	case value.Null, value.Boolean, value.Invalid:
		return text
	}
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsUpper(r):
			return 'X'
		case unicode.IsLetter(r):
			return 'x'
		case unicode.IsNumber(r):
			return '0'
		case unicode.IsMark(r):
			return -1
		case r > '~' && r != '…' && r != '↵' && r != '⇥':
			return '·'
		}
		return r
	}, text)
}

// ahead is how many columns of what two texts begin with stand before the first
// difference, where both have to be cropped.
const ahead = 12

// cropBoth crops two texts to that many columns each, so that the first difference
// is seen.
func cropBoth(before, after string, width int) (string, string) {
	if wide(before) <= width && wide(after) <= width {
		return before, after
	}
	a, b := []rune(before), []rune(after)
	same := 0
	for same < min(len(a), len(b)) && a[same] == b[same] {
		same++
	}
	if same > ahead && same > width/2 {
		cut := same - ahead
		before, after = "…"+string(a[cut:]), "…"+string(b[cut:])
	}
	return cropped(before, width), cropped(after, width)
}
