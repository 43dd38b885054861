package pipeline

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"
)

// RunOptions is how a plan is run.
type RunOptions struct {
	World *World

	// Limit ends the run after that many records; 0 reads all.
	Limit int
	// Page is the page of the source to begin at, for a Trace; 0 and 1 are the
	// first.
	Page int
	// Workers is how many mappers run beside each other; 0 is one per CPU.
	// What comes out does not depend on it.
	Workers int
	// Stop, when closed, ends reading: what was read is mapped, nothing is
	// published, and Run returns a *Stopped.
	Stop <-chan struct{}
	// State is the folder of what this mapping keeps between runs; empty keeps
	// nothing.
	State string
	// Replay maps what the last complete run fetched, without a call. Fresh
	// starts over where an interrupted run could be gone on with.
	Replay, Fresh bool
	// Rejects maps the open rejects, and nothing else.
	Rejects bool
	// Pushed is read instead of the source: what was pushed since the last such
	// run, or once more what an interrupted one read. It may be nil. PushedStore tells
	// its store from others, in which a place means nothing; it may be empty.
	// PushedAfter is where to begin where State does not say, for that store.
	Pushed      Inbox
	PushedStore string
	PushedAfter uint64
	// PushBegins is told what a run of what was pushed reads, before it has any
	// effect; the run ends with its error. It may be nil.
	PushBegins func(context.Context, PushRange) error
	// Mirror keeps what is fetched for other nodes. It may be nil.
	Mirror Mirror
	// AllowDeletes lets more than a fifth of the known rows be deleted at once.
	AllowDeletes bool
	// Share, where it is not nil, is that of all runs of this process.
	Share *Share
	// Notice is told what a user should know before the run; it may be nil.
	Notice func(message string)
	// Override replaces options of the source, such as its base_url.
	Override Options
	// Source is read instead of the connector's, and rejects.max does not count
	// where AnyRejects is set; both for golden cases.
	Source     Source
	AnyRejects bool
	// Cover is told what of the plan the records come to. It may be nil.
	Cover *Coverage
	// Progress is told how far the run is after every page. It may be nil.
	Progress func(Report)
}

// Report is how far a run got.
type Report struct {
	Mapping   string        `json:"mapping"`
	Source    string        `json:"source"`
	Pages     int           `json:"pages"`
	Read      int           `json:"read"`                // records
	Total     int           `json:"total,omitempty"`     // records that there are to read, where the source was told
	Written   int           `json:"written"`             // rows
	Exploded  int           `json:"exploded"`            // rows beyond one per record, from each:
	Filtered  int           `json:"filtered"`            // records that made no row
	Unchanged int           `json:"unchanged"`           // rows that a sink of rows has already
	Deleted   int           `json:"deleted"`             // rows whose deletion was sent
	Rejected  int           `json:"rejected"`            // records
	Retried   int           `json:"retried,omitempty"`   // of the records read, those from the reject file
	Late      int           `json:"late,omitempty"`      // of the records filtered, those of which a newer version was seen
	Doubled   int           `json:"doubled,omitempty"`   // records that were pushed again as they were
	Missed    int           `json:"missed,omitempty"`    // records that were pulled, and of whose change nobody told
	PushedTo  uint64        `json:"pushed_to,omitempty"` // the last push of which all is published
	FromTape  int           `json:"from_tape"`           // answers that were not fetched, for they were on the tape
	Causes    []Cause       `json:"causes,omitempty"`    // of rejects, in the order they first came
	Warnings  []string      `json:"warnings,omitempty"`  // what a user should look at
	Drift     []Drift       `json:"drift,omitempty"`     // what differs from the source's schema, the most frequent first
	Rejects   string        `json:"rejects,omitempty"`   // the reject file, where there is one
	Targets   []string      `json:"targets"`
	Took      time.Duration `json:"-"`
}

// Stopped is the error of a run that was asked to stop.
type Stopped struct{ Page, Read int }

func (e *Stopped) Error() string {
	if e.Page > 0 {
		return fmt.Sprintf("stopped after page %d; run again to go on", e.Page)
	}
	return fmt.Sprintf("stopped after %d records; run again to go on", e.Read)
}

// TooManyRejects is the error of a run that rejected more than rejects.max
// allows. Its files are not published, the reject file is.
type TooManyRejects struct {
	Rejected, Read int
	Allowed        string
	File           string
}

func (e *TooManyRejects) Error() string {
	return fmt.Sprintf("%d of %d records were rejected, more than the %s that rejects.max allows; nothing is published, see %s", e.Rejected, e.Read, e.Allowed, e.File)
}

// Run is one reader, some mappers and one writer that sees pages in the order
// of the source. The report tells how far it got, with or without an error.
func (p *Plan) Run(ctx context.Context, o RunOptions) (Report, error) {
	began := time.Now()
	r := &run{plan: p, o: o, report: Report{Mapping: p.name, Source: p.From()}}
	err := r.run(ctx)
	r.report.Took = time.Since(began)
	return r.report, err
}

// run is one run of a plan.
type run struct {
	plan     *Plan
	o        RunOptions
	report   Report   // owned by the writer's goroutine
	sinks    []Writer // all of them
	files    []Writer // those that do not take rows one by one
	reject   *rejectFile
	earlier  *openRejects     // what an incremental run found; nil: none
	find     *finder          // looks up originals; nil: it cannot
	causes   map[causeKey]int // index in report.Causes
	drift    drift
	kept     kept
	push     *pushRun // nil: not a run of what was pushed
	versions versions // of records that are pushed
	retrying bool     // the records at hand are from the reject file
	delivery delivery
	leave    func() // ends what is shared with other runs
	looks    bool   // nothing is delivered: it is a Trace
}

func (r *run) run(ctx context.Context) (err error) {
	defer func() {
		if r.leave != nil {
			r.leave()
		}
		r.report.FromTape = int(r.kept.hits.Load())
		err = errors.Join(err, r.closeRejects(), r.delivery.close(), r.versions.close(), r.kept.close(r.o.Share))
	}()
	if err := r.keep(ctx); err != nil || r.push.nothing() {
		return err
	}
	r.retrying = r.o.Rejects
	source, err := r.open(ctx)
	if err == nil {
		err = r.records(ctx, source)
	}
	var many *TooManyRejects
	if errors.As(err, &many) {
		err = errors.Join(err, r.keepReasons())
	}
	if err != nil {
		return errors.Join(err, r.abort())
	}
	return r.commit(ctx)
}

// records gives all records of the source, and open rejects that are tried again,
// to the sinks, and judges whether the result may be published.
func (r *run) records(ctx context.Context, source Source) error {
	stopped, err := r.flow(ctx, source)
	if err == nil && !stopped {
		err = r.judge()
	}
	if err == nil && !stopped && r.reject.old != nil && r.plan.rejects.retry && r.o.Limit == 0 && r.push == nil {
		stopped, err = r.retryOpen(ctx)
	}
	if err != nil {
		return err
	}
	if stopped {
		return &Stopped{Page: r.report.Pages, Read: r.report.Read}
	}
	if only, ok := source.(*retrySource); ok {
		r.stayed(only.kept)
	}
	if err := r.balance(); err != nil {
		return err
	}
	return r.deleteGone(ctx)
}

// keepReasons publishes the reject file of a run that failed for its rejects:
// it is what the user needs next.
func (r *run) keepReasons() error {
	if err := r.reject.flush(true); err != nil {
		return err
	}
	r.report.Rejects = r.reject.path
	if err := r.publishRejects(); err != nil {
		return err
	}
	return r.noteUnpublished()
}

// open opens the source and all sinks, before the first record is read: what
// is wrong with an output is found out before the first call.
func (r *run) open(ctx context.Context) (Source, error) {
	p, w := r.plan, r.o.World
	for i, s := range p.sinks {
		writer, err := s.connector.Open(ctx, p.sinkConfig(i, r.o.State, w))
		if err != nil {
			return nil, err
		}
		if s.connector.Rows {
			r.delivery.sinks = append(r.delivery.sinks, newRowSink(writer, s))
		} else {
			r.files = append(r.files, writer)
		}
		r.sinks = append(r.sinks, writer)
		r.report.Targets = append(r.report.Targets, targetPath(w, s))
	}
	if err := r.openDelivery(); err != nil {
		return nil, err
	}
	if err := r.openRejects(); err != nil {
		return nil, err
	}
	if err := r.loadSettled(); err != nil {
		return nil, err
	}
	if err := r.openVersions(ctx); err != nil {
		return nil, err
	}
	source, err := r.openSource(ctx)
	if err == nil && r.o.Rejects {
		source = r.rejectSource(ctx, source)
	}
	return source, err
}

// openSource opens what the records come from.
func (r *run) openSource(ctx context.Context) (Source, error) {
	p := r.plan
	switch {
	case r.o.Source != nil:
		return r.o.Source, nil
	case r.push != nil:
		return &pushRunSource{push: p.push, run: r.push}, nil
	}
	options := maps.Clone(p.source.options)
	maps.Copy(options, r.o.Override)
	return p.source.connector.Open(ctx, SourceConfig{
		Mapping: p.name, Connector: p.source.connector.Name, Options: options, Stream: p.source.stream.Name,
		Limit: p.source.limit, Connection: p.source.connection, World: r.o.World,
		Since: r.since(), Tape: r.tape(), Offline: r.kept.replay,
	})
}

func targetPath(w *World, s planSink) string {
	switch {
	case s.target == "-":
		return "stdout"
	case s.connector.Rows:
		return s.shown
	}
	return w.OutPath(s.target)
}

// balance asserts that nothing was lost on the way.
func (r *run) balance() error {
	rep := &r.report
	if rep.Read+rep.Exploded != rep.Written+rep.Filtered+rep.Rejected {
		return fmt.Errorf("%d records were read, but %d written (%d exploded), %d filtered and %d rejected: this is a mistake in pipeline, nothing is published", rep.Read, rep.Written, rep.Exploded, rep.Filtered, rep.Rejected)
	}
	return nil
}

// judge decides, when all was fetched, whether the result may be published.
func (r *run) judge() error {
	if err := r.balance(); err != nil {
		return err
	}
	rep := &r.report
	if most := r.plan.rejects.maxPercent; 100*float64(rep.Rejected) > most*float64(rep.Read) && !r.anyRejects() {
		return r.tooMany(fmt.Sprintf("%g%%", most))
	}
	return r.drifts()
}

func (r *run) tooMany(allowed string) error {
	return &TooManyRejects{Rejected: r.report.Rejected, Read: r.report.Read, Allowed: allowed, File: r.reject.path}
}

// commit is the law of this engine: all sinks are durable first, rejects among
// them; only then is anything made visible, and last of all may anybody be told
// how far the run got. Where open rejects go away because their records were
// delivered, they go when that is visible, and not before.
func (r *run) commit(ctx context.Context) error {
	var errs error
	for _, s := range r.sinks {
		errs = errors.Join(errs, s.Flush(ctx))
	}
	errs = errors.Join(errs, r.reject.flush(false))
	if errs != nil {
		return errors.Join(errs, r.abort())
	}
	if err := r.copyOpen(); err != nil {
		return errors.Join(err, r.abort())
	}
	if !r.reject.last {
		if err := r.publishRejects(); err != nil {
			return errors.Join(err, r.abort())
		}
	}
	for i, s := range r.sinks {
		if err := s.Commit(ctx); err != nil {
			if i > 0 {
				err = fmt.Errorf("%w (already published: %s)", err, strings.Join(r.report.Targets[:i], ", "))
			}
			return errors.Join(err, r.abort())
		}
	}
	if err := r.publishRejects(); err != nil {
		return errors.Join(err, r.abort())
	}
	r.report.Rejects = r.reject.published
	return r.advance()
}

// abort leaves nothing half written.
func (r *run) abort() error {
	var errs error
	for _, s := range r.sinks {
		errs = errors.Join(errs, s.Abort())
	}
	if r.reject != nil {
		errs = errors.Join(errs, r.reject.abort())
	}
	return errs
}
