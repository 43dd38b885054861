package main

// show.go: what a run says while it goes, to people and to programs.

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"sync"
	"time"

	"pipeline/pipeline"
	"pipeline/pipeline/diag"
)

// show tells people, or programs, how the run of one mapping goes. Its methods
// may be called from several goroutines; none of them writes while it holds mu,
// for the live view asks for the standing while it writes.
type show struct {
	name      string
	from      string
	again     string // the command that was typed, to go on or to start over
	goesOn    bool   // … without fetching anything twice
	elsewhere string // that command, with another folder for outputs
	rejects   string // the command that maps the rejects again; empty: there is none
	remote    bool
	rate      pipeline.Rate
	most      int           // records that are read at most; 0: all
	used      func() int    // calls in the window of rate, of everybody who shares it; for the live view
	err       io.Writer     // progress and the summary
	terminal  terminal      // what err is
	events    *json.Encoder // --json; nil: none
	lines     bool          // print a line for progress now and then
	schema    string        // that says what the source's records are …
	discover  string        // … and the command that takes over what they are

	mu       sync.Mutex
	running  bool
	began    time.Time
	last     time.Time // of a progress line
	report   pipeline.Report
	pace     pace // of records
	estimate estimate
	calls    int
	answers  int // calls that were of use
	retries  int
	wait     time.Time // no call before
	trouble  string    // why it waits, where that is not the limit
	waited   time.Time // the end of the wait that was said last
}

// between is the least time between two progress lines, and the shortest wait
// that is worth a line.
const between = 2 * time.Second

func newShow(a *app, c checked, f runFlags) *show {
	plan := c.plan
	s := &show{
		name: plan.Name(), again: f.runCommand(c.file), from: plan.From(), remote: plan.Remote(), rate: plan.Limit().Rate, most: f.limit,
		err: a.stderr, terminal: terminalOf(a.stderr),
		lines: f.progress != "none" && a.view == nil && !f.json,
	}
	if f.replay {
		s.rate = pipeline.Rate{} // there are no calls
	}
	s.schema, s.discover = discoverCommand(c, f)
	if !f.sandbox && f.limit == 0 {
		s.goesOn = plan.KeepsTape() && !f.replay
		s.rejects = f.rejectsCommand(c.file)
	}
	if f.rejects {
		s.again = s.rejects
	}
	f.out = "DIR"
	s.elsewhere = f.runCommand(c.file)
	if f.json {
		s.events = json.NewEncoder(a.stdout)
		s.events.SetEscapeHTML(false)
	}
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
	Pages     int              `json:"pages"`
	Read      int              `json:"read"`
	Total     int              `json:"total,omitempty"`
	Written   int              `json:"written"`
	Filtered  int              `json:"filtered"`
	Rejected  int              `json:"rejected"`
	Calls     int              `json:"calls"`
	Retries   int              `json:"retries"`
	PerSecond float64          `json:"records_per_second"`
	Causes    []pipeline.Cause `json:"causes,omitempty"`
}

// summary is the last line of --json.
type summary struct {
	Event string `json:"event"`
	pipeline.Report
	Calls   int     `json:"calls"`
	Retries int     `json:"retries"`
	Seconds float64 `json:"seconds"`
	Error   string  `json:"error,omitempty"`
	Code    string  `json:"code,omitempty"` // of the error, where it has one
	Exit    int     `json:"exit"`
}

func (s *show) emit(v any) {
	if s.events != nil {
		_ = s.events.Encode(v) // stdout is gone: nobody listens
	}
}

func (s *show) start() {
	s.mu.Lock()
	s.running, s.began, s.last = true, time.Now(), time.Now()
	s.estimate.began = s.began
	s.pace.add(s.began, 0)
	s.mu.Unlock()
	s.emit(event{Event: "start", Mapping: s.name, Source: s.from})
}

// progress is told after every page; people and programs hear of it now and then.
func (s *show) progress(r pipeline.Report) {
	r.Causes = slices.Clone(r.Causes) // the run goes on counting in its own
	now := time.Now()
	s.mu.Lock()
	s.report = r
	s.pace.add(now, r.Read)
	due := now.Sub(s.last) >= between
	if due {
		s.last = now
	}
	e := event{Event: "progress", Mapping: s.name, counted: &counted{r.Pages, r.Read, r.Total, r.Written, r.Filtered, r.Rejected, s.calls, s.retries, math.Round(10*s.pace.perSecond()) / 10, r.Causes}}
	s.mu.Unlock()
	if !due {
		return
	}
	s.emit(e)
	if s.lines {
		fmt.Fprintf(s.err, "%s: %s\n", s.name, s.counts(r))
	}
}

// call is told of every call to the source, and of waits.
func (s *show) call(c pipeline.Call) {
	if e, ok := s.heard(c); ok {
		e.Mapping = s.name
		s.emit(e)
		if s.lines {
			fmt.Fprintf(s.err, "%s: %s\n", s.name, e.Message)
		}
	}
}

// heard counts a call and is what there is to say about it.
func (s *show) heard(c pipeline.Call) (e event, say bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wait, s.trouble = c.WaitFor, c.Err
	until := c.WaitFor.UTC().Format(time.RFC3339)
	switch {
	case c.WaitFor.IsZero():
		if s.calls++; s.calls == 1 {
			s.estimate.begin(time.Now(), s.done())
		}
		if c.Err == "" {
			s.answers++
		}
		if c.Retry > 0 {
			s.retries++
		}
		return event{}, false
	case c.Err != "":
		return event{Event: "retry", Until: until, Message: fmt.Sprintf("%s; trying again in %s", c.Err, took(time.Until(c.WaitFor)))}, true
	case time.Until(c.WaitFor) >= between && c.WaitFor.After(s.waited.Add(between)):
		// once for each wait of more than a moment, so that nothing seems stuck
		s.waited = c.WaitFor
		return event{Event: "wait", Until: until, Message: "waiting for the limit until " + c.WaitFor.Format("15:04:05")}, true
	}
	return event{}, false
}

// notice says what a user should know before the run.
func (s *show) notice(message string) {
	s.emit(event{Event: "notice", Mapping: s.name, Message: message})
	if s.events == nil {
		fmt.Fprintf(s.err, "%s: %s\n", s.name, message)
	}
}

// end says how a run went, and that it is over.
func (s *show) end(r pipeline.Report, err error) result {
	s.mu.Lock()
	s.running = false
	res := result{report: r, calls: s.calls, exit: exitDone}
	sum := summary{Event: "summary", Report: r, Calls: s.calls, Retries: s.retries, Seconds: time.Since(s.began).Seconds()}
	s.mu.Unlock()
	var words string
	switch {
	case err != nil:
		res.exit, sum.Error, sum.Code = exitOf(err), err.Error(), codeOf(err)
		words = s.failed(r, err)
	default:
		if r.Rejected > 0 {
			res.exit = exitRejected
		}
		words = s.finished(r)
	}
	sum.Exit = res.exit
	s.emit(sum)
	if s.events == nil {
		_, _ = io.WriteString(s.err, words) // as with all that is said
	}
	return res
}

// standing is how the run stands; ok is false while it does not run.
func (s *show) standing(now time.Time) (st standing, ok bool) {
	s.mu.Lock()
	ask, calls := s.used, s.calls
	s.mu.Unlock()
	used := 0
	if calls > 0 && s.rate.Calls > 0 {
		used = ask()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pace.add(now, s.report.Read)
	return standing{
		now: now, name: s.name, remote: s.remote, report: s.report, rate: s.rate, answers: s.answers, used: used, retries: s.retries,
		speed: s.pace.perSecond(), wait: s.wait, trouble: s.trouble,
		left: s.estimate.left(now, s.done(), s.all(), s.answers, s.rate, used),
	}, s.running
}

// done and all are how much of how much is through: records where their number
// is known, else answers of as many as the last run took. all is 0 where neither
// is known.
func (s *show) done() int {
	if s.countsRecords() {
		return s.report.Read
	}
	return s.answers + s.report.FromTape
}

func (s *show) all() int {
	if !s.countsRecords() {
		return s.estimate.answers
	}
	if total := s.report.Total; total > 0 && (s.most == 0 || total < s.most) {
		return total
	}
	return s.most
}

func (s *show) countsRecords() bool { return s.report.Total > 0 || s.most > 0 }

// codeOf is the stable name of an error that has one.
func codeOf(err error) string {
	var coded interface{ Code() string }
	if errors.As(err, &coded) {
		return coded.Code()
	}
	return ""
}

// discoverCommand is the source's schema and the command that takes over into it
// what the records have. A schema that is built in is written anew.
func discoverCommand(c checked, f runFlags) (schema, command string) {
	schema, own := c.plan.SourceSchema()
	command = "pipeline discover "
	if f.sandbox {
		command += "--sandbox "
	}
	if own {
		return schema, command + "--merge " + diag.ShellWord(schema) + " " + diag.ShellWord(c.file)
	}
	return schema, fmt.Sprintf("%s%s > %s, and name that under source.schema", command, diag.ShellWord(c.file), diag.ShellWord(c.plan.Name()+".source.schema.json"))
}
