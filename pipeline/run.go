package pipeline

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"pipeline/pipeline/internal/jsonrow"
)

// RunOptions is how a plan is run.
type RunOptions struct {
	World *World

	// Limit ends the run after that many records; 0 reads all.
	Limit int
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
	// Progress is told how far the run is after every page. It may be nil.
	Progress func(Report)
}

// Report is how far a run got.
type Report struct {
	Mapping   string        `json:"mapping"`
	Source    string        `json:"source"`
	Pages     int           `json:"pages"`
	Read      int           `json:"read"`               // records
	Written   int           `json:"written"`            // rows
	Exploded  int           `json:"exploded"`           // rows beyond one per record, from each:
	Filtered  int           `json:"filtered"`           // records that made no row
	Unchanged int           `json:"unchanged"`          // rows that a sink of rows has already
	Deleted   int           `json:"deleted"`            // rows whose deletion was sent
	Rejected  int           `json:"rejected"`           // records
	FromTape  int           `json:"from_tape"`          // answers that were not fetched, for they were on the tape
	Causes    []Cause       `json:"causes,omitempty"`   // of rejects, in the order they first came
	Warnings  []string      `json:"warnings,omitempty"` // what a user should look at
	Rejects   string        `json:"rejects,omitempty"`  // the reject file, where there is one
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
	causes   map[string]int // index in report.Causes
	kept     kept
	delivery delivery
	leave    func() // ends what is shared with other runs
}

func (r *run) run(ctx context.Context) (err error) {
	defer func() {
		if r.leave != nil {
			r.leave()
		}
		r.report.FromTape = int(r.kept.hits.Load())
		err = errors.Join(err, r.delivery.close(), r.kept.close(r.o.Share))
	}()
	if err := r.keep(); err != nil {
		return err
	}
	source, err := r.open(ctx)
	if err != nil {
		return errors.Join(err, r.abort())
	}
	stopped, err := r.flow(ctx, source)
	switch {
	case err != nil:
	case stopped:
		err = &Stopped{Page: r.report.Pages, Read: r.report.Read}
	default:
		if err = r.judge(); err == nil {
			err = r.deleteGone(ctx)
		}
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

// keepReasons publishes the reject file of a run that failed for its rejects:
// it is what the user needs next.
func (r *run) keepReasons() error {
	if err := r.reject.flush(); err != nil {
		return err
	}
	r.report.Rejects = r.reject.path
	return r.reject.commit()
}

// open opens the source and all sinks, before the first record is read: what
// is wrong with an output is found out before the first call.
func (r *run) open(ctx context.Context) (Source, error) {
	p, w := r.plan, r.o.World
	for _, s := range p.sinks {
		writer, err := s.connector.Open(ctx, SinkConfig{Mapping: p.name, Options: s.options, Columns: p.columns, Key: p.key, State: r.o.State, World: w})
		if err != nil {
			return nil, err
		}
		if s.connector.Rows {
			r.delivery.sinks = append(r.delivery.sinks, &rowSink{Writer: writer, target: s.target, deletes: s.options.String("deletes") == "send"})
		} else {
			r.files = append(r.files, writer)
		}
		r.sinks = append(r.sinks, writer)
		r.report.Targets = append(r.report.Targets, targetPath(w, s.target))
	}
	if err := r.openDelivery(); err != nil {
		return nil, err
	}
	reject, err := newRejectFile(w.OutPath(p.rejects.path))
	if err != nil {
		return nil, err
	}
	r.reject, r.causes = reject, map[string]int{}
	if r.o.Source != nil {
		return r.o.Source, nil
	}
	options := maps.Clone(p.source.options)
	maps.Copy(options, r.o.Override)
	return p.source.connector.Open(ctx, SourceConfig{
		Mapping: p.name, Connector: p.source.connector.Name, Options: options, Stream: p.source.stream.Name,
		Limit: p.source.limit, Connection: p.source.connection, World: w,
		Since: r.since(), Tape: r.tape(), Offline: r.kept.replay,
	})
}

// tape is what the source keeps its answers on, or nil.
func (r *run) tape() Tape {
	if r.kept.tape == nil {
		return nil
	}
	counted := &countedTape{Tape: r.kept.tape, hits: &r.kept.hits}
	if r.o.Share == nil || r.kept.replay {
		return counted
	}
	shared := r.o.Share.join(r.kept.identity, r.kept.tape)
	r.leave = shared.leave
	counted.Tape = shared
	return counted
}

// countedTape counts the answers that were on the tape.
type countedTape struct {
	Tape
	hits *atomic.Int64
}

func (t *countedTape) Get(request string, dst []byte) ([]byte, bool, error) {
	body, ok, err := t.Tape.Get(request, dst)
	if ok {
		t.hits.Add(1)
	}
	return body, ok, err
}

func targetPath(w *World, target string) string {
	if target == "-" {
		return "stdout"
	}
	return w.OutPath(target)
}

// errEnough ends reading where --limit is reached.
var errEnough = errors.New("enough records were read")

// errStop ends reading where the user asked for it.
var errStop = errors.New("reading was stopped")

// flow moves pages from the source through the mappers to the sinks. A page is
// in one of three places: with the reader, with a mapper, or in the queue of the
// writer, which keeps the order of the source. The number of jobs bounds how
// many pages are on their way, so a slow sink slows the source down.
func (r *run) flow(ctx context.Context, source Source) (stopped bool, err error) {
	workers := r.o.Workers
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	window := workers + 2 // pages: one with each mapper, one being read, one being written
	g, ctx := errgroup.WithContext(ctx)
	free := make(chan *job, window)
	work := make(chan *job, window)
	ordered := make(chan *job, window)
	for range window {
		free <- &job{dec: jsonrow.NewDecoder(r.plan.projection), done: make(chan struct{}, 1)}
	}

	g.Go(func() error {
		defer close(work)
		defer close(ordered)
		err := r.read(ctx, source, free, func(j *job) { ordered <- j; work <- j })
		switch {
		case errors.Is(err, errEnough):
			return nil
		case errors.Is(err, errStop):
			stopped = true // read after g.Wait
			return nil
		}
		return err
	})
	mappers := make([]*mapper, workers)
	for i := range mappers {
		mappers[i] = newMapper(r.plan, r.o.World.Now)
	}
	for _, m := range mappers {
		g.Go(func() error {
			for j := range work {
				m.page(j)
				j.done <- struct{}{}
			}
			return nil
		})
	}
	g.Go(func() error {
		for j := range ordered {
			<-j.done
			if err := r.write(ctx, j); err != nil {
				return err
			}
			j.page.Release()
			free <- j
		}
		return nil
	})
	err = g.Wait()
	r.unasked(mappers)
	return stopped, err
}

// unasked warns of questions that the mapping reads and no record had: they
// were renamed on the form, or are spelt wrong.
func (r *run) unasked(mappers []*mapper) {
	for _, question := range r.plan.questions() {
		asked := slices.ContainsFunc(mappers, func(m *mapper) bool { return m.machine.Asked(question) })
		if r.report.Written > 0 && !asked {
			r.report.Warnings = append(r.report.Warnings, fmt.Sprintf("no record had the question %q; was it renamed on the form?", question))
		}
	}
}

// read takes pages from the source until its end, the limit, or a stop.
func (r *run) read(ctx context.Context, source Source, free <-chan *job, pass func(*job)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if r.o.Stop != nil {
		go func() {
			select {
			case <-r.o.Stop:
				cancel(errStop)
			case <-ctx.Done():
			}
		}()
	}
	left := r.o.Limit
	err := source.Read(ctx, "", func(page *Page) error {
		var j *job
		select {
		case j = <-free:
		case <-ctx.Done():
			page.Release()
			return context.Cause(ctx)
		}
		if r.o.Limit > 0 && len(page.Records) >= left {
			page.Records = page.Records[:left]
			j.page = page
			pass(j)
			return errEnough
		}
		left -= len(page.Records)
		j.page = page
		pass(j)
		return nil
	})
	if err != nil && context.Cause(ctx) == errStop {
		return errStop
	}
	return err
}

// write gives one mapped page to every sink and counts what became of its
// records.
func (r *run) write(ctx context.Context, j *job) error {
	if err := r.unique(j); err != nil {
		return err
	}
	if err := r.deliver(ctx, j); err != nil {
		return err
	}
	if j.batch.Len() > 0 {
		for _, s := range r.files {
			if err := s.Write(ctx, &j.batch); err != nil {
				return err
			}
		}
	}
	if err := r.reject.write(j.lines); err != nil {
		return err
	}
	rep := &r.report
	if j.page.Number > 0 {
		rep.Pages++
	}
	rep.Read += len(j.page.Records)
	rep.Written += j.batch.Len()
	rep.Exploded += j.batch.Len() - j.mapped
	rep.Filtered += j.filtered
	rep.Rejected += len(j.rejected)
	for i := range j.rejected {
		r.cause(j.page, &j.rejected[i])
	}
	if r.o.Progress != nil {
		r.o.Progress(*rep)
	}
	if max := r.plan.rejects.maxCount; max >= 0 && rep.Rejected > max && !r.o.AnyRejects {
		return r.tooMany(fmt.Sprint(max))
	}
	return nil
}

// maxCauses is how many kinds of rejects a report tells apart.
const maxCauses = 100

func (r *run) cause(page *Page, one *rejected) {
	key := one.code + "\x00" + one.field
	if i, ok := r.causes[key]; ok {
		r.report.Causes[i].Count++
		return
	}
	if len(r.causes) == maxCauses {
		return
	}
	r.causes[key] = len(r.report.Causes)
	c := Cause{Code: one.code, Field: one.field, Reason: one.reason, Count: 1, Page: page.Number, Line: page.Records[one.item].Line}
	if page.Number > 0 {
		c.Item = one.item + 1
	}
	r.report.Causes = append(r.report.Causes, c)
}

// judge decides, when all was read, whether the result may be published.
func (r *run) judge() error {
	rep := &r.report
	if rep.Read+rep.Exploded != rep.Written+rep.Filtered+rep.Rejected {
		return fmt.Errorf("%d records were read, but %d written (%d exploded), %d filtered and %d rejected: this is a mistake in pipeline, nothing is published", rep.Read, rep.Written, rep.Exploded, rep.Filtered, rep.Rejected)
	}
	if share := r.plan.rejects.maxShare; float64(rep.Rejected) > share*float64(rep.Read) && !r.o.AnyRejects {
		return r.tooMany(fmt.Sprintf("%g%%", share*100))
	}
	return nil
}

func (r *run) tooMany(allowed string) error {
	return &TooManyRejects{Rejected: r.report.Rejected, Read: r.report.Read, Allowed: allowed, File: r.reject.path}
}

// commit is the law of this engine: all sinks are durable first, rejects among
// them; only then is anything made visible, and last of all may anybody be told
// how far the run got.
func (r *run) commit(ctx context.Context) error {
	all := append([]Writer{}, r.sinks...)
	var errs error
	for _, s := range all {
		errs = errors.Join(errs, s.Flush(ctx))
	}
	errs = errors.Join(errs, r.reject.flush())
	if errs != nil {
		return errors.Join(errs, r.abort())
	}
	if err := r.reject.commit(); err != nil {
		return errors.Join(err, r.abort())
	}
	for _, s := range all {
		if err := s.Commit(ctx); err != nil {
			return errors.Join(err, r.abort())
		}
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
