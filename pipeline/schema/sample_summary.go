package schema

// sample_summary.go: what a sample found, and what it cannot be sure of.

import "slices"

// Summary is what a sample found.
type Summary struct {
	Fields    int      // at all levels
	Listed    int      // of them, those whose values are listed
	Questions int      // of the forms
	Null      []string // fields that were always null
	Empty     []string // lists that were always empty
	Mixed     []string // fields of several types
	Maps      []string // objects whose names are data
}

// Summary is what was found so far.
func (s *Sample) Summary() Summary {
	var out Summary
	out.add(&s.root, "", "")
	return out
}

func (out *Summary) add(s *seen, path, parent string) {
	switch {
	case s.types == null:
		out.Null = append(out.Null, path)
	case len(typeNames(s.types&^null)) > 1:
		out.Mixed = append(out.Mixed, path)
	case s.types&^null == array && s.items.count == 0:
		out.Empty = append(out.Empty, path)
	}
	if s.texts != nil && s.types&^null == text && s.texts.format() == "" && s.texts.enum(parent) != nil {
		out.Listed++
	}
	if s.items != nil && s.items.count > 0 {
		out.add(s.items, path+"[]", parent)
	}
	if s.names == nil {
		return
	}
	if s.names.isMap() {
		out.Maps = append(out.Maps, path)
		return
	}
	if s.names.asks() {
		if question := s.names.index[questionName].texts; question != nil {
			out.Questions += len(question.questions())
		}
	}
	for _, m := range s.names.list {
		out.Fields++
		if s.names.asks() && slices.Contains([]string{questionName, "answer"}, m.name) {
			continue // of forms, several types are the rule
		}
		out.add(&m.seen, join(path, m.name), m.parent(parent))
	}
}
