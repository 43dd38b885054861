package web

// mask.go: a record or a body, value by value: as kind and length, or as it is.

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"pipeline/pipeline/diag"
)

// The bounds of what is shown of one record.
const (
	maxValues    = 300
	maxDepth     = 64
	maxValueText = 2000 // characters of one value
	maxShown     = 64 << 10
)

// content is what a record or body holds.
type content struct {
	Name   string // "The record"
	Values []item
	Cut    string // what is not shown, in words
	Shown  bool   // values are as they are
}

// item is one value.
type item struct {
	Path string // empty: it is the whole
	Kind string // "text, 14 characters"
	Text string // what it says, where that was asked for
}

// contentOf takes a text apart. Without show nothing of what it says is in it, but
// the names of its members.
func contentOf(name string, text []byte, show bool) content {
	c := content{Name: name, Shown: show}
	in := json.NewDecoder(bytes.NewReader(text))
	in.UseNumber()
	v := opener{in: in, c: &c}
	if err := v.value("", 0); !json.Valid(text) || err != nil && !errors.Is(err, errEnough) {
		c = content{Name: name, Shown: show}
		c.add("", wholeKind(text), strings.ToValidUTF8(string(text[:min(len(text), maxShown)]), "�"))
	}
	return c
}

func wholeKind(text []byte) string {
	switch {
	case len(text) == 0:
		return "nothing"
	case !utf8.Valid(text):
		return diag.Count(len(text), "byte") + " that are no text"
	}
	return "text, " + characters(utf8.RuneCount(text))
}

func characters(n int) string { return diag.Count(n, "character") }

// add adds a value; of too many the rest is left out.
func (c *content) add(path, kind, text string) {
	if len(c.Values) >= maxValues {
		c.Cut = fmt.Sprintf("The first %d values are shown.", maxValues)
		return
	}
	if !c.Shown {
		text = ""
	}
	if path != "" && utf8.RuneCountInString(text) > maxValueText {
		text = string([]rune(text)[:maxValueText]) + "…"
	}
	c.Values = append(c.Values, item{path, kind, text})
}

// opener reads JSON.
type opener struct {
	in *json.Decoder
	c  *content
}

func (o opener) value(path string, depth int) error {
	if o.c.Cut != "" {
		return errEnough
	}
	token, err := o.in.Token()
	if err != nil {
		return err
	}
	switch t := token.(type) {
	case json.Delim:
		if depth >= maxDepth {
			return fmt.Errorf("it is more than %d deep", maxDepth)
		}
		if t == '{' {
			return o.object(path, depth)
		}
		return o.list(path, depth)
	case string:
		kind := "text, " + characters(utf8.RuneCountInString(t))
		if t == "" {
			kind = "empty text"
		}
		o.c.add(path, kind, t)
	case json.Number:
		o.c.add(path, "number, "+characters(len(t)), t.String())
	case bool:
		o.c.add(path, "true or false", fmt.Sprint(t))
	default:
		o.c.add(path, "null", "null")
	}
	return nil
}

func (o opener) object(path string, depth int) error {
	if !o.in.More() {
		o.c.add(path, "object without members", "{}")
	}
	for o.in.More() {
		name, err := o.in.Token()
		if err != nil {
			return err
		}
		inner := fmt.Sprint(name)
		if path != "" {
			inner = path + "." + inner
		}
		if err := o.value(inner, depth+1); err != nil {
			return err
		}
	}
	_, err := o.in.Token()
	return err
}

func (o opener) list(path string, depth int) error {
	if !o.in.More() {
		o.c.add(path, "empty list", "[]")
	}
	for i := 0; o.in.More(); i++ {
		if err := o.value(fmt.Sprintf("%s[%d]", path, i), depth+1); err != nil {
			return err
		}
	}
	_, err := o.in.Token()
	return err
}
