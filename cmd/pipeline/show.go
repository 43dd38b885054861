package main

// show.go: what a run says while it goes and when it is over.

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"

	"pipeline/pipeline"
)

// show tells people, or programs, how a run goes.
type show struct {
	name   string
	file   string // of the mapping
	from   string
	remote bool
	err    io.Writer     // progress and the summary
	events *json.Encoder // --json; nil: none
	pages  bool          // print a line for pages

	mu      sync.Mutex // calls and waits come from the source's goroutine
	began   time.Time
	last    time.Time // of a progress line
	calls   int
	retries int
	waited  time.Time // the end of the wait that was said last
}

// between is the least time between two progress lines, and the shortest wait
// that is worth a line.
const between = 2 * time.Second

func newShow(a *app, c checked, f runFlags) *show {
	plan := c.plan
	s := &show{name: plan.Name(), file: c.file, from: plan.From(), remote: plan.Remote(), err: a.stderr, began: time.Now(), last: time.Now()}
	if f.json {
		s.events = json.NewEncoder(a.stdout)
		s.events.SetEscapeHTML(false)
	}
	s.pages = f.progress != "none"
	return s
}

// event is a line of --json.
type event struct {
	Event   string `json:"event"`
	Mapping string `json:"mapping"`
	Source  string `json:"source,omitempty"`
	Until   string `json:"until,omitempty"`
	Message string `json:"message,omitempty"`
	*counted
}

type counted struct {
	Pages    int `json:"pages"`
	Read     int `json:"read"`
	Written  int `json:"written"`
	Filtered int `json:"filtered"`
	Rejected int `json:"rejected"`
	Calls    int `json:"calls"`
}

// summary is the last line of --json.
type summary struct {
	Event string `json:"event"`
	pipeline.Report
	Calls   int     `json:"calls"`
	Retries int     `json:"retries"`
	Seconds float64 `json:"seconds"`
	Error   string  `json:"error,omitempty"`
	Exit    int     `json:"exit"`
}

func (s *show) emit(v any) {
	if s.events != nil {
		_ = s.events.Encode(v) // stdout is gone: nobody listens
	}
}

func (s *show) start() {
	s.emit(event{Event: "start", Mapping: s.name, Source: s.from})
}

// progress is told after every page; people see a line a second.
func (s *show) progress(r pipeline.Report) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Since(s.last) < between {
		return
	}
	s.last = time.Now()
	s.emit(event{Event: "progress", Mapping: s.name, counted: &counted{r.Pages, r.Read, r.Written, r.Filtered, r.Rejected, s.calls}})
	if s.pages && s.events == nil {
		fmt.Fprintf(s.err, "%s: %s\n", s.name, s.counts(r))
	}
}

func (s *show) counts(r pipeline.Report) string {
	if r.Exploded != 0 {
		return fmt.Sprintf("%s read, %s rows written, %s filtered, %s rejected", thousands(r.Read), thousands(r.Written), thousands(r.Filtered), thousands(r.Rejected))
	}
	return fmt.Sprintf("%s read, %s written, %s filtered, %s rejected", thousands(r.Read), thousands(r.Written), thousands(r.Filtered), thousands(r.Rejected))
}

// call is told of every call to the source, and of waits.
func (s *show) call(c pipeline.Call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case c.WaitFor.IsZero():
		s.calls++
		if c.Retry > 0 {
			s.retries++
		}
	case c.Err != "":
		s.say(event{Event: "retry", Message: fmt.Sprintf("%s; trying again in %s", c.Err, took(time.Until(c.WaitFor)))})
	case time.Until(c.WaitFor) >= between && c.WaitFor.After(s.waited.Add(between)):
		// once for each wait of more than a moment, so that nothing seems stuck
		s.waited = c.WaitFor
		s.say(event{Event: "wait", Until: c.WaitFor.UTC().Format(time.RFC3339), Message: "waiting for the limit until " + c.WaitFor.Format("15:04:05")})
	}
}

// say is one line for people, or one event for programs.
func (s *show) say(e event) {
	e.Mapping = s.name
	s.emit(e)
	if s.events == nil {
		fmt.Fprintf(s.err, "%s: %s\n", s.name, e.Message)
	}
}

// notice says what a user should know before the run.
func (s *show) notice(message string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.say(event{Event: "notice", Message: message})
}

func (s *show) summary(r pipeline.Report, err error, exit int) result {
	sum := summary{Event: "summary", Report: r, Calls: s.calls, Retries: s.retries, Seconds: time.Since(s.began).Seconds(), Exit: exit}
	if err != nil {
		sum.Error = err.Error()
	}
	s.emit(sum)
	return result{report: r, calls: s.calls, exit: exit}
}

// failed says why a run did not come to its end.
func (s *show) failed(r pipeline.Report, err error) result {
	exit := exitOf(err)
	if s.events == nil {
		fmt.Fprintf(s.err, "%s: %v\n", s.name, err)
		if r.Read > 0 {
			fmt.Fprintf(s.err, "  until then %s\n", s.counts(r))
		}
		var many *pipeline.TooManyRejects
		if errors.As(err, &many) {
			s.causes(r)
		}
	}
	return s.summary(r, err, exit)
}

// finished says what became of the records, where they are, and what to do
// next where something needs doing.
func (s *show) finished(r pipeline.Report) result {
	exit := exitDone
	if r.Rejected > 0 {
		exit = exitRejected
	}
	if s.events == nil {
		s.sayFinished(r)
	}
	return s.summary(r, nil, exit)
}

func (s *show) sayFinished(r pipeline.Report) {
	fmt.Fprintf(s.err, "%s: %s\n", s.name, s.counts(r))
	from := s.from
	if s.remote {
		from += ", " + plural(s.calls, "call")
		if s.retries > 0 {
			from += fmt.Sprintf(" (%d repeated)", s.retries)
		}
		if r.FromTape > 0 {
			from += fmt.Sprintf(", %s from the tape", plural(r.FromTape, "answer"))
		}
	}
	fmt.Fprintf(s.err, "  from     %s, in %s\n", from, took(r.Took))
	for _, target := range r.Targets {
		fmt.Fprintf(s.err, "  to       %s\n", target)
	}
	if r.Unchanged > 0 || r.Deleted > 0 {
		fmt.Fprintf(s.err, "  ledger   %s unchanged and not sent again, %s deleted\n", thousands(r.Unchanged), thousands(r.Deleted))
	}
	for i, warning := range r.Warnings {
		if i == shownWarnings {
			fmt.Fprintf(s.err, "  warning  and %d more\n", len(r.Warnings)-i)
			break
		}
		fmt.Fprintf(s.err, "  warning  %s\n", warning)
	}
	if r.Rejected > 0 {
		fmt.Fprintf(s.err, "  rejects  %s\n", r.Rejects)
		s.causes(r)
		next := "run it again"
		if s.remote {
			next = "map the same records again, without a call: pipeline run --replay " + s.file
		}
		fmt.Fprintf(s.err, "  next     each line of that file has the record and the reason; mend the mapping, then %s\n", next)
	}
}

// shownCauses and shownWarnings keep the summary on one screen.
const (
	shownCauses   = 4
	shownWarnings = 2
)

// causes are the rejects by kind, the first of each with its place.
func (s *show) causes(r pipeline.Report) {
	for i, c := range r.Causes {
		if i == shownCauses {
			fmt.Fprintf(s.err, "    and %s more\n", plural(len(r.Causes)-i, "kind"))
			return
		}
		what := c.Code
		if c.Field != "" {
			what = c.Field + ": " + c.Code
		}
		fmt.Fprintf(s.err, "    %s× %s: %s (first: %s)\n", thousands(c.Count), what, c.Reason, place(c))
	}
}

func place(c pipeline.Cause) string {
	var words []string
	if c.Page > 0 {
		words = append(words, fmt.Sprintf("page %d item %d", c.Page, c.Item))
	}
	if c.Line > 0 {
		words = append(words, fmt.Sprintf("line %d", c.Line))
	}
	return strings.Join(words, ", ")
}

func took(d time.Duration) string {
	if d < 10*time.Second {
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return d.Round(time.Second).String()
}

// thousands is n with commas.
func thousands(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
