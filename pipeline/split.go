package pipeline

import (
	"io"

	"pipeline/pipeline/internal/jsonrow"
	"pipeline/pipeline/value"
)

// Elements appends to dst a Record for each element of the array that body is
// ("" in envelopes), or that it holds under one of the names in envelopes. The
// records are slices of body. Only the structure is looked at: what is inside
// an element is the mapper's to judge. Where body is no such thing, or is cut
// off, the error says what was there instead.
func Elements(body []byte, envelopes []string, dst []Record) ([]Record, error) {
	err := jsonrow.Elements(body, envelopes, func(elem []byte) {
		dst = append(dst, Record{Text: elem})
	})
	return dst, err
}

// Members calls yield with the name of each member of the JSON object doc, as it
// is written between its quotes, and with its value; both are slices of doc. As
// with Elements only the structure is looked at. Where doc is no object, or is
// cut off, the error says what was there instead.
func Members(doc []byte, yield func(name, value []byte)) error {
	return jsonrow.Members(doc, yield)
}

// Lookup is the value under a path of names in the JSON document body; null
// where it is absent.
func Lookup(body []byte, path ...string) (value.Value, error) {
	return jsonrow.Lookup(body, path)
}

// ArrayReader cuts a JSON array into its elements as it arrives, holding no
// more than one of them.
type ArrayReader = jsonrow.ArrayReader

// TooLarge is the error of ArrayReader.Next for an element that is longer than
// allowed.
type TooLarge = jsonrow.TooLarge

// NewArrayReader reads the array that r holds. An element longer than max bytes
// is read over and reported as *TooLarge.
func NewArrayReader(r io.Reader, max int) *ArrayReader { return jsonrow.NewArrayReader(r, max) }
