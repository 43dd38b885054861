//go:build plain

package jsonrow

const (
	fastNames = false
	fastForms = false
	fastTexts = false
)
