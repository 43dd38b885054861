package jsonrow

// form.go: lists of questions with their answers, as registration forms give
// them, are taken apart while they are decoded: every mapping asks for several
// answers, and reading the list again for each would cost as much as the record.
// The questions of a form are the same in every record, and are compared with
// those of the last ones before they are read.

import (
	"slices"
	"strings"
	"unsafe"

	"pipeline/pipeline/value"
)

// part is what a member of a pair is.
type part uint8

const (
	question part = iota + 1
	answer
)

// What is remembered is bounded: what is called question may be anything.
const (
	maxPairs = 1000 // of one record
	maxTexts = 64   // questions of a form
	maxText  = 300  // bytes of one
)

// form is a list that was taken apart, found again by the place of its text.
type form struct {
	list     string
	from, to int // its pairs
}

// TakeApart says that answers are looked for in the list that is read into slot,
// if it is one: Form will have its pairs.
func (p *Projection) TakeApart(slot int) {
	if n := p.root.reading(slot); n != nil && fastForms {
		n.element = &node{slot: -1, children: []*node{
			{name: "question", slot: -1, part: question},
			{name: "answer", slot: -1, part: answer},
		}}
	}
}

// reading is the node at or below n whose value goes into slot.
func (n *node) reading(slot int) *node {
	if n.slot == slot {
		return n
	}
	for _, c := range n.children {
		if found := c.reading(slot); found != nil {
			return found
		}
	}
	return nil
}

// Form is the pairs of a list that is in a slot, one for each of its elements,
// where it was taken apart. They hold until the next record.
func (d *Decoder) Form(list string) (pairs []value.Pair, ok bool) {
	for _, f := range d.forms {
		if len(f.list) == len(list) && unsafe.StringData(f.list) == unsafe.StringData(list) {
			return d.pairs[f.from:f.to], true
		}
	}
	return nil, false
}

// form reads a list and takes it apart.
func (d *Decoder) form(element *node, p *place, depth, i int) (int, error) {
	start, from := i, len(d.pairs)
	i = d.space(i + 1)
	more := i >= len(d.src) || d.src[i] != ']'
	if !more {
		i++
	}
	for more {
		if len(d.pairs) == maxPairs {
			element = nil
		} else {
			d.pairs = append(d.pairs, value.Pair{})
		}
		var err error
		if i, err = d.value(element, p, depth, i); err != nil {
			return i, err
		}
		if i, more, err = d.separator(i); err != nil {
			return i, err
		}
	}
	if element != nil {
		d.forms = append(d.forms, form{text(d.src[start:i]), from, len(d.pairs)})
	}
	return i, nil
}

// half reads the question or the answer of the pair that was begun last.
func (d *Decoder) half(what part, p *place, depth, i int) (int, error) {
	pair := &d.pairs[len(d.pairs)-1]
	if what == question && p != nil {
		if known := p.expected(d.src[i:]); known != "" {
			pair.Question = known
			return i + len(known), nil
		}
	}
	end, err := d.value(nil, p, depth, i)
	if err != nil {
		return end, err
	}
	raw := text(d.src[i:end])
	if what == answer {
		pair.Answer = raw
		return end, nil
	}
	pair.Question = raw
	if p != nil && raw[0] == '"' {
		p.remember(raw)
	}
	return end, nil
}

// expected is the question that src begins with, where it is one of those that
// are expected next.
func (p *place) expected(src []byte) string {
	for k := range min(lookAhead, len(p.texts)) {
		i := p.text + k
		if i >= len(p.texts) {
			i -= len(p.texts) // the next form begins
		}
		if t := p.texts[i]; len(src) > len(t) && string(src[:len(t)]) == t {
			p.text = i + 1
			return t
		}
	}
	return ""
}

// remember remembers a question, behind the one that was before it.
func (p *place) remember(raw string) {
	if i := slices.Index(p.texts, raw); i >= 0 {
		p.text = i + 1
		return
	}
	if len(p.texts) < maxTexts && len(raw) <= maxText {
		p.texts = slices.Insert(p.texts, p.text, strings.Clone(raw))
		p.text++
	}
}
