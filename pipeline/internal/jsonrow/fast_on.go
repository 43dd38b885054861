//go:build !plain

package jsonrow

// The shortcuts of this package; the build tag plain takes them out, for tests
// that hold both ways against each other.
const (
	fastNames = true // the members of objects are expected in the order of the last ones
	fastForms = true // lists of questions are taken apart while they are decoded
	fastTexts = true // texts are looked through by eight bytes at once
)
