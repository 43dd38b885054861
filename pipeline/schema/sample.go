package schema

// sample.go: what records look like, learned from the records themselves. What
// is remembered of them is bounded, and of their values no more than words that
// a few of them share: no person's data ends in a schema.

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"pipeline/pipeline/value"
)

// The bounds of a sample. An object of more names, or with longer ones, is a map:
// its names are data.
const (
	maxNames     = 200
	maxNameBytes = 200
	maxSeen      = 4000 // names in all objects together
)

// Sample learns from records what they look like.
type Sample struct {
	root  seen
	names int // in all objects
}

// seen is what was seen of the values of one place.
type seen struct {
	count int // null among them
	types types
	names *names // of the objects
	items *seen  // of the lists
	texts *textSample
}

// names are the members of the objects of one place.
type names struct {
	count  int // objects
	list   []*named
	index  map[string]*named
	others *seen // of all members, where the object is a map; list is empty then
}

// named is a member.
type named struct {
	name string
	seen
}

// Add learns from a record, which is valid JSON and an object.
func (s *Sample) Add(record []byte) error {
	d := json.NewDecoder(bytes.NewReader(record))
	d.UseNumber()
	if err := s.value(d, &s.root, ""); err != nil {
		return fmt.Errorf("read a record: %w", err)
	}
	return nil
}

// Records is how many records were added.
func (s *Sample) Records() int { return s.root.count }

// value reads one value that goes by that name.
func (s *Sample) value(d *json.Decoder, into *seen, name string) error {
	token, err := d.Token()
	if err != nil {
		return err
	}
	into.count++
	switch t := token.(type) {
	case nil:
		into.types |= null
	case bool:
		into.types |= boolean
	case json.Number:
		into.types |= numberKind(t.String())
	case string:
		into.types |= text
		if into.texts == nil {
			into.texts = newTexts(name)
		}
		into.texts.add(t)
	case json.Delim:
		if t == '{' {
			into.types |= object
			return s.object(d, into)
		}
		into.types |= array
		return s.array(d, into, name)
	}
	return nil
}

func numberKind(text string) types {
	if n, ok := value.ParseNumeral(text); ok && n.IsInteger() {
		return whole
	}
	return fraction
}

func (s *Sample) array(d *json.Decoder, into *seen, name string) error {
	if into.items == nil {
		into.items = &seen{}
	}
	for d.More() {
		if err := s.value(d, into.items, name); err != nil {
			return err
		}
	}
	_, err := d.Token()
	return err
}

func (s *Sample) object(d *json.Decoder, into *seen) error {
	if into.names == nil {
		into.names = &names{index: map[string]*named{}}
	}
	into.names.count++
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return err
		}
		name := token.(string) // as encoding/json has it
		if err := s.value(d, s.member(into.names, name), name); err != nil {
			return err
		}
	}
	_, err := d.Token()
	return err
}

// member is what was seen of the member of that name.
func (s *Sample) member(n *names, name string) *seen {
	if n.others != nil {
		return n.others
	}
	if m, ok := n.index[name]; ok {
		return &m.seen
	}
	if len(n.list) == maxNames || len(name) > maxNameBytes || s.names >= maxSeen {
		n.collapse()
		s.names = s.root.size()
		return n.others
	}
	s.names++
	m := &named{name: strings.Clone(name)}
	n.list = append(n.list, m)
	n.index[m.name] = m
	return &m.seen
}

// size is how many names are remembered in it.
func (s *seen) size() int {
	if s == nil {
		return 0
	}
	total := s.items.size()
	if s.names != nil {
		total += s.names.others.size()
		for _, m := range s.names.list {
			total += 1 + m.size()
		}
	}
	return total
}

// collapse makes an object a map.
func (n *names) collapse() {
	if n.others != nil {
		return
	}
	n.others = &seen{texts: &textSample{formats: knownFormats, closed: true}} // of many names: nobody lists them
	for _, m := range n.list {
		n.others.merge(&m.seen)
	}
	n.list, n.index = nil, nil
}

// merge adds what was seen at another place.
func (s *seen) merge(other *seen) {
	s.count += other.count
	s.types |= other.types
	switch {
	case other.texts == nil:
	case s.texts == nil:
		s.texts = other.texts
	default:
		s.texts.merge(other.texts)
	}
	switch {
	case other.items == nil:
	case s.items == nil:
		s.items = other.items
	default:
		s.items.merge(other.items)
	}
	switch {
	case other.names == nil:
	case s.names == nil:
		s.names = other.names
	default:
		s.names.merge(other.names)
	}
}

func (n *names) merge(other *names) {
	n.count += other.count
	if n.others == nil && (other.others != nil || len(n.list)+len(other.list) > maxNames) {
		n.collapse()
	}
	if other.others != nil {
		n.others.merge(other.others)
	}
	for _, m := range other.list {
		into := n.others
		if into == nil && n.index[m.name] != nil {
			into = &n.index[m.name].seen
		}
		if into != nil {
			into.merge(&m.seen)
			continue
		}
		n.list = append(n.list, m)
		n.index[m.name] = m
	}
}

// fewNames is how many names an object may have however rare they are; maps of
// fewer entries are told by the form of their names.
const fewNames = 20

// isMap reports whether the names of the objects are data: an address, a number
// or an id, or names of which nearly each is in nearly no object.
func (n *names) isMap() bool {
	if n.others != nil {
		return true
	}
	ids, rare := 0, 0
	for _, m := range n.list {
		if isID(m.name) {
			ids++
		}
		if strings.Contains(m.name, "@") {
			return true
		}
		if m.count*20 < n.count {
			rare++
		}
	}
	return ids > 0 && ids == len(n.list) || len(n.list) > fewNames && rare*10 > len(n.list)*9
}

// isID reports whether a name is a number, or long and made of digits mostly.
func isID(name string) bool {
	digits := 0
	for _, r := range name {
		if r >= '0' && r <= '9' {
			digits++
		}
	}
	return digits > 0 && (digits == len(name) || len(name) >= 8 && digits*2 > len(name) || quickUUID(name))
}

// asks reports whether the objects are questions with their answers, as
// registration forms give them.
func (n *names) asks() bool {
	return n != nil && !n.isMap() && n.index["question"] != nil && n.index["answer"] != nil
}
