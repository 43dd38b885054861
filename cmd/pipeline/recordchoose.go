package main

// recordchoose.go: which records are worth keeping: those that go ways which no
// other one goes.

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"pipeline/pipeline"
	"pipeline/pipeline/diag"
	"pipeline/pipeline/value"
)

// candidate is a record that may be put into a case.
type candidate struct {
	text  []byte         // in one line
	class string         // what becomes of it
	ways  map[string]int // what it shows, with its weight
}

// What becomes of a record. Of a delivered one it is the number of its rows, of a
// rejected one the code and the field stand behind.
const (
	classFiltered = "filtered"
	classRejected = "rejected "
)

func classOf(o *pipeline.Outcome) string {
	switch {
	case o.Reject != nil:
		return classRejected + o.Reject.Code + " " + o.Reject.Field
	case len(o.Rows) == 0:
		return classFiltered
	}
	return diag.Count(len(o.Rows), "row")
}

// The weights of what records show: what becomes of them, the parts of the mapping
// that they come to, what is not there, and how texts are awkward.
const (
	weightClass   = 50
	weightCover   = 20
	weightNull    = 5
	weightAwkward = 1
)

// newCandidate copies a record; nil for one that is no line of JSON.
func newCandidate(o *pipeline.Outcome, paths []string) *candidate {
	text := bytes.Map(func(r rune) rune {
		if r == '\n' || r == '\r' {
			return ' '
		}
		return r
	}, bytes.TrimSpace(o.Text))
	if !bytes.ContainsAny(o.Text, "\r\n") {
		text = bytes.Clone(bytes.TrimSpace(o.Text)) // as it is, where it is no UTF-8
	}
	if len(text) == 0 {
		return nil
	}
	c := &candidate{text: text, class: classOf(o), ways: map[string]int{}}
	c.ways["class "+c.class] = weightClass
	for _, read := range o.Read {
		for i, v := range read {
			c.look(paths[i], v)
		}
	}
	return c
}

// look notes what is to be seen of one value.
func (c *candidate) look(path string, v value.Value) {
	if v.IsNull() {
		c.ways["null "+path] = weightNull
		return
	}
	text := v.Text()
	for what, is := range map[string]bool{
		"other scripts": strings.IndexFunc(text, func(r rune) bool { return r > unicode.MaxLatin1 }) >= 0,
		"accents":       strings.IndexFunc(text, func(r rune) bool { return r > unicode.MaxASCII }) >= 0,
		"spaces":        strings.TrimSpace(text) != text,
		"lines":         strings.ContainsAny(text, "\r\n"),
		"quotes":        strings.ContainsAny(text, `"'<&`),
		"formula":       text != "" && strings.ContainsAny(text[:1], "=+-@"),
		"empty":         text == "",
		"long":          len(text) > 100,
		"far":           len(text) > 15 && strings.Trim(text, "0123456789") == "",
	} {
		if is {
			c.ways[what+" "+path] = weightAwkward
		}
	}
}

// cover adds to each candidate which parts of the mapping it comes to.
func (r *recorder) cover(ctx context.Context, covering *pipeline.Plan) error {
	for _, c := range r.seen {
		coverage := covering.Coverage()
		o := r.one(c.text)
		o.Cover = coverage
		if err := covering.Trace(ctx, o, func(*pipeline.Outcome) error { return nil }); err != nil {
			return err
		}
		for i, item := range coverage.Items() {
			if item.Covered {
				c.ways[fmt.Sprintf("cover %d", i)] = weightCover
			}
		}
	}
	return nil
}

// classOf is what becomes of a record as it is in a case.
func (r *recorder) classOf(ctx context.Context, text []byte) (class string, err error) {
	err = r.c.plan.Trace(ctx, r.one(text), func(o *pipeline.Outcome) error {
		class = classOf(o)
		return nil
	})
	return class, err
}

// one reads a single record.
func (r *recorder) one(text []byte) pipeline.RunOptions {
	world := r.world(r.c)
	world.Now = r.now
	return pipeline.RunOptions{World: world, Source: single(text)}
}

// single is a source of one record.
type single []byte

func (s single) Read(_ context.Context, _ pipeline.Position, yield func(*pipeline.Page) error) error {
	page := pipeline.NewPage()
	page.Number = 1
	page.Records = append(page.Records, pipeline.Record{Text: s})
	return yield(page)
}

// choose takes the records that show most of what none before them does, and then
// the first ones, in the order of the source.
func choose(pool []*candidate, most int) []*candidate {
	if len(pool) <= most {
		return pool
	}
	shown := map[string]bool{}
	taken := map[*candidate]bool{}
	for len(taken) < most {
		var best *candidate
		bestGain := -1
		for _, c := range pool {
			if gain := c.gain(shown); !taken[c] && gain > bestGain {
				best, bestGain = c, gain
			}
		}
		taken[best] = true
		for way := range best.ways {
			shown[way] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(pool), func(c *candidate) bool { return !taken[c] })
}

// gain is the weight of what a record shows that was not shown yet.
func (c *candidate) gain(shown map[string]bool) int {
	gain := 0
	for way, weight := range c.ways {
		if !shown[way] {
			gain += weight
		}
	}
	return gain
}
