package main

import (
	"bytes"
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"pipeline/pipeline"
)

// tell gives a show the story of a run: a call that is repeated, waits, pages.
func tell(s *show) {
	causes := []pipeline.Cause{{Code: "conversion", Field: "amount", Reason: "it has 4 digits", Count: 1, Page: 1, Item: 7}}
	s.start()
	s.notice("the tape was cut off")
	s.call(pipeline.Call{Status: 503, Err: "the platform has a problem; run again later"})
	s.call(pipeline.Call{WaitFor: time.Now().Add(4 * time.Second), Retry: 1, Err: "the platform answered 503"})
	time.Sleep(4 * time.Second)
	s.call(pipeline.Call{Status: 200, Retry: 1})
	s.progress(pipeline.Report{Pages: 1, Read: 10, Written: 9, Rejected: 1, Total: 40, Causes: causes})
	s.progress(pipeline.Report{Pages: 2, Read: 20, Written: 19, Rejected: 1, Total: 40, Causes: causes}) // too soon for a line
	s.call(pipeline.Call{WaitFor: time.Now().Add(30 * time.Second)})
	s.call(pipeline.Call{WaitFor: time.Now().Add(31 * time.Second)}) // of another call, the same wait
	time.Sleep(30 * time.Second)
	s.call(pipeline.Call{Status: 200})
	s.progress(pipeline.Report{Pages: 3, Read: 30, Written: 29, Rejected: 1, Total: 40, Causes: causes})
	s.end(pipeline.Report{Mapping: "acme", Source: "gevme/attendees", Pages: 3, Read: 30, Written: 29, Rejected: 1, Causes: causes, Rejects: "acme.rejects.jsonl", Targets: []string{"acme.csv"}, Took: 34 * time.Second}, nil)
}

// told is what people and programs are told of that story.
func told(t *testing.T, s *show) (people, programs string) {
	var err, out bytes.Buffer
	s.name, s.from, s.remote, s.err = "acme", "gevme/attendees", true, &err
	if s.events != nil {
		s.events = json.NewEncoder(&out)
	}
	synctest.Test(t, func(*testing.T) { tell(s) })
	return err.String(), out.String()
}

func TestPlainLines(t *testing.T) {
	got, _ := told(t, &show{lines: true})
	at := time.Date(2000, 1, 1, 0, 0, 34, 0, time.UTC).Local().Format("15:04:05") // the clock of synctest begins in 2000
	want := `acme: the tape was cut off
acme: the platform answered 503; trying again in 4.0 s
acme: 10 read, 9 written, 0 filtered, 1 rejected
acme: waiting for the limit until ` + at + `
acme: 30 read, 29 written, 0 filtered, 1 rejected
acme: 30 read, 29 written, 0 filtered, 1 rejected
  from     gevme/attendees, 3 calls (1 repeated), in 34s
  to       acme.csv
  rejects  acme.rejects.jsonl
    1× amount: conversion: it has 4 digits (first: page 1 item 7)
  next     each line of that file has the record and the reason; mend the mapping, then run it again
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestNoProgress(t *testing.T) {
	got, _ := told(t, &show{})
	if want := "acme: the tape was cut off\nacme: 30 read"; !bytes.HasPrefix([]byte(got), []byte(want)) {
		t.Errorf("got\n%s\nexpected the notice and the summary", got)
	}
}

func TestEvents(t *testing.T) {
	people, got := told(t, &show{events: json.NewEncoder(nil)})
	if people != "" {
		t.Errorf("people were told %q", people)
	}
	const cause = `"causes":[{"code":"conversion","field":"amount","reason":"it has 4 digits","count":1,"page":1,"item":7}]`
	at := time.Date(2000, 1, 1, 0, 0, 34, 0, time.UTC).Local().Format("15:04:05")
	want := `{"event":"start","mapping":"acme","source":"gevme/attendees"}
{"event":"notice","mapping":"acme","message":"the tape was cut off"}
{"event":"retry","mapping":"acme","until":"2000-01-01T00:00:04Z","message":"the platform answered 503; trying again in 4.0 s"}
{"event":"progress","mapping":"acme","pages":1,"read":10,"total":40,"written":9,"filtered":0,"rejected":1,"calls":2,"retries":1,"records_per_second":2.5,` + cause + `}
{"event":"wait","mapping":"acme","until":"2000-01-01T00:00:34Z","message":"waiting for the limit until ` + at + `"}
{"event":"progress","mapping":"acme","pages":3,"read":30,"total":40,"written":29,"filtered":0,"rejected":1,"calls":3,"retries":1,"records_per_second":0.3,` + cause + `}
{"event":"summary","mapping":"acme","source":"gevme/attendees","pages":3,"read":30,"written":29,"exploded":0,"filtered":0,"unchanged":0,"deleted":0,"rejected":1,"from_tape":0,` + cause + `,"rejects":"acme.rejects.jsonl","targets":["acme.csv"],"calls":3,"retries":1,"seconds":34,"exit":3}
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestSummaryOfPushes(t *testing.T) {
	s := &show{from: "gevme/attendees"}
	for want, r := range map[string]pipeline.Report{
		"gevme/attendees, in 0.0 s": {},
		"gevme/attendees, in 0.0 s; pushes: 1,200 late, 2 doubled, 1 missed": {Late: 1200, Doubled: 2, Missed: 1},
	} {
		if got := s.source(r); got != want {
			t.Errorf("it says %q, want %q", got, want)
		}
	}
}
