package web

// rejects.go: the open rejects of a client, by cause, and one of them with its
// record.

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"strconv"

	"pipeline/pipeline"
	"pipeline/pipeline/serve/history"
)

const (
	maxCauses       = 100 // of one page
	recordsOfACause = 10
)

// cause is why records were rejected, with the line of the mapping that did it.
type cause struct {
	pipeline.Cause
	Line    string // as diagnostics show it; empty: no line did
	Records []rejected
}

// rejected is one record, without what is in it.
type rejected struct {
	Number int    // in the reject file
	Mark   string // tells whether that line is still the same
	Where  string
	Push   uint64
}

type rejectsView struct {
	Client
	Causes  []cause
	Count   int
	Damaged int
	More    int // causes that are not shown
}

var errEnough = errors.New("that is all that was asked for")

func (s *Site) rejects(r *http.Request) (view, error) {
	c, err := s.find(r)
	if err != nil {
		return view{}, err
	}
	v := rejectsView{Client: c}
	lines, at, others := s.linesOf(c), map[[2]string]int{}, map[[2]string]bool{}
	err = s.c.Source.Rejects(r.Context(), c.Name, func(l *pipeline.RejectLine) error {
		v.Count++
		if l.Damage != "" {
			v.Damaged++
			return r.Context().Err()
		}
		id := [2]string{l.Code, l.Field}
		i, found := at[id]
		if !found {
			if len(v.Causes) == maxCauses {
				others[id] = true
				return r.Context().Err()
			}
			i, at[id] = len(v.Causes), len(v.Causes)
			of := pipeline.Cause{Code: l.Code, Field: l.Field, Reason: l.Reason, Page: l.Page, Item: l.Item, Line: l.Line}
			v.Causes = append(v.Causes, cause{Cause: of, Line: lines.of(of)})
		}
		of := &v.Causes[i]
		if of.Count++; len(of.Records) < recordsOfACause {
			of.Records = append(of.Records, rejectedOf(l))
		}
		return r.Context().Err()
	})
	if err != nil {
		return view{}, err
	}
	v.More = len(others)
	return view{template: "rejects", Title: "Rejects of " + c.Name, Here: "clients", Page: v}, nil
}

func rejectedOf(l *pipeline.RejectLine) rejected {
	record, _ := l.Record()
	sum := sha256.New()
	_, _ = sum.Write(record) // a hash takes everything
	_, _ = sum.Write([]byte("\x00" + l.Code + "\x00" + l.Field + "\x00" + l.Reason))
	where := pipeline.Cause{Page: l.Page, Item: l.Item, Line: l.Line}.Where()
	return rejected{Number: l.Number, Mark: hex.EncodeToString(sum.Sum(nil)[:8]), Where: where, Push: l.Push}
}

type rejectView struct {
	Client Client
	rejected
	cause
	Key    content
	Value  content
	Record content
	Raw    bool // the record is no JSON
	Lost   bool // it was too large to keep
}

// reject is one reject. Asked with POST, it shows what is in the record.
func (s *Site) reject(r *http.Request) (view, error) {
	c, err := s.find(r)
	if err != nil {
		return view{}, err
	}
	number, err := strconv.Atoi(r.PathValue("line"))
	if err != nil {
		return view{}, errNone
	}
	show, found := r.Method == http.MethodPost, false
	v := rejectView{Client: c}
	err = s.c.Source.Rejects(r.Context(), c.Name, func(l *pipeline.RejectLine) error {
		if l.Number < number {
			return r.Context().Err()
		}
		v.rejected = rejectedOf(l)
		if found = l.Number == number && l.Damage == "" && v.Mark == r.URL.Query().Get("mark"); found {
			v.cause = cause{Cause: pipeline.Cause{Code: l.Code, Field: l.Field, Reason: l.Reason, Page: l.Page, Item: l.Item, Line: l.Line}}
			record, raw := l.Record()
			v.Raw, v.Lost = raw, record == nil
			v.Record, v.Key, v.Value = contentOf("The record", record, show), contentOf("The key", l.Key, show), contentOf("The value that was refused", l.Value, show)
		}
		return errEnough
	})
	if err != nil && !errors.Is(err, errEnough) {
		return view{}, err
	}
	if !found {
		return view{}, badReject(c.Name)
	}
	v.cause.Line = s.linesOf(c).of(v.Cause)
	if show {
		s.noteShown(r, c.Name, "a rejected record")
	}
	return view{template: "reject", Title: "A reject of " + c.Name, Here: "clients", Page: v}, nil
}

// badReject is the error for a reject that is not where it was.
func badReject(client string) error {
	return errors.Join(errNone, errors.New("this reject of "+client+" was mapped since, or another run wrote the file anew: go back to its rejects"))
}

// noteShown keeps who looked at what people wrote, and nothing of it.
func (s *Site) noteShown(r *http.Request, client, what string) {
	who, _ := s.visitor(r)
	by := "somebody with the token"
	if who.name != "" {
		by = who.name
	}
	s.c.Source.Note(history.Event{Kind: history.DataShown, At: s.c.Now(), Mapping: client, Text: what + " was shown to " + by})
}
