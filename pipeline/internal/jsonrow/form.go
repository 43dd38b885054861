package jsonrow

// form.go: lists of questions with their answers, as registration forms give
// them, are taken apart while they are decoded: every mapping asks for several
// answers, and reading the list again for each would cost as much as the record.
// Each stands in the same frame in every record, which is compared in one go.

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
	maxPairs  = 1000 // of one list
	maxFrames = 64   // questions of a form
	maxFrame  = 400  // bytes of one
)

// frame is how an element of a form is written, but for its answer.
type frame struct {
	head, tail string // what stands before the answer and behind it
	question   string
}

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
// where it was taken apart. They hold until the next value that is read with the
// same projection.
func (d *Decoder) Form(list string) (pairs []value.Pair, ok bool) {
	for _, f := range d.forms {
		if len(f.list) == len(list) && unsafe.StringData(f.list) == unsafe.StringData(list) {
			return d.pairs[f.from:f.to], true
		}
	}
	return nil, false
}

// level is a projection that a value of this record was read with, and what had
// been taken apart before. Inside the values of one level are those of the next.
type level struct {
	projection   *Projection
	forms, pairs int
}

// enter begins a value that is read with p. What was taken apart in the last one
// of that level is not asked for any more.
func (d *Decoder) enter(p *Projection) {
	for k, l := range d.levels {
		if l.projection == p {
			d.forms, d.pairs, d.levels = d.forms[:l.forms], d.pairs[:l.pairs], d.levels[:k+1]
			return
		}
	}
	d.levels = append(d.levels, level{p, len(d.forms), len(d.pairs)})
}

// form reads a list and takes it apart.
func (d *Decoder) form(element *node, p *place, depth, i int) (int, error) {
	start, from, next := i, len(d.pairs), 0
	i = d.space(i + 1)
	more := i >= len(d.src) || d.src[i] != ']'
	if !more {
		i++
	}
	for more {
		if len(d.pairs)-from == maxPairs {
			element = nil // such a list is no form
		}
		var err error
		if i, err = d.pair(element, p, &next, depth, i); err != nil {
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

// pair reads one element; element is nil where nobody asks what it is.
func (d *Decoder) pair(element *node, p *place, next *int, depth, i int) (int, error) {
	if element == nil {
		return d.value(nil, p, depth, i)
	}
	if end := d.framed(p, next, depth, i); end > 0 {
		return end, nil
	}
	d.pairs, d.answer = append(d.pairs, value.Pair{}), 0
	end, err := d.value(element, p, depth, i)
	if err == nil && p != nil && d.answer > 0 {
		pair := d.pairs[len(d.pairs)-1]
		p.remember(frame{head: text(d.src[i:d.answer]), tail: text(d.src[d.answer+len(pair.Answer) : end]), question: pair.Question}, next)
	}
	return end, err
}

// half reads the question or the answer of the pair that was begun last.
func (d *Decoder) half(what part, p *place, depth, i int) (int, error) {
	end, err := d.value(nil, p, depth, i)
	pair := &d.pairs[len(d.pairs)-1]
	if what == question {
		pair.Question = text(d.src[i:end])
	} else {
		pair.Answer, d.answer = text(d.src[i:end]), i
	}
	return end, err
}

// framed reads an element that is written as one of those that are expected
// next, and returns 0 where it is not. Such an element has no name twice, for it
// has the names of the last one.
func (d *Decoder) framed(p *place, next *int, depth, i int) int {
	if p == nil || len(p.frames) == maxFrames {
		return 0 // its questions are data
	}
	for k := *next; k < len(p.frames) && k < *next+lookAhead; k++ {
		f := &p.frames[k]
		if !begins(d.src[i:], f.head) {
			continue
		}
		answer := i + len(f.head)
		end, err := d.value(nil, nil, depth+1, answer)
		if err != nil || !begins(d.src[end:], f.tail) {
			return 0 // to be read as if nothing were known
		}
		d.pairs = append(d.pairs, value.Pair{Question: f.question, Answer: text(d.src[answer:end])})
		*next = k + 1
		return end + len(f.tail)
	}
	return 0
}

func begins(text []byte, with string) bool {
	return len(text) >= len(with) && string(text[:len(with)]) == with
}

// remember remembers how an element is written, behind the one before it. f
// points into the record.
func (p *place) remember(f frame, next *int) {
	if len(f.head)+len(f.tail) > maxFrame || len(p.frames) == maxFrames {
		return
	}
	if k := slices.Index(p.frames, f); k >= 0 {
		*next = k + 1
		return
	}
	p.frames = slices.Insert(p.frames, *next, frame{strings.Clone(f.head), strings.Clone(f.tail), strings.Clone(f.question)})
	*next++
}
