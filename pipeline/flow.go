package pipeline

// flow.go: how pages move, from the source through the mappers to the sinks.

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"
)

// errEnough ends reading where --limit is reached.
var errEnough = errors.New("enough records were read")

// errStop ends reading where the user asked for it.
var errStop = errors.New("reading was stopped")

// flow moves pages from the source through the mappers to the sinks. A page is
// in one of four places: with the reader, with a mapper, on its way to receivers,
// or in the queue of the writer, which keeps the order of the source. The number
// of jobs bounds how many pages are on their way, and room how many bytes, so a
// slow sink slows the source down.
func (r *run) flow(ctx context.Context, source Source) (stopped bool, err error) {
	reading, stopReading := r.reading(ctx)
	defer stopReading(nil)
	workers := r.o.Workers
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	window := workers + 2 // pages: one with each mapper, one being read, one being written
	if r.push != nil {
		r.push.enough = func() { stopReading(errEnough) }
	}
	g, ctx := errgroup.WithContext(ctx)
	defer context.AfterFunc(ctx, func() { stopReading(context.Cause(ctx)) })()
	free := make(chan *job, window)
	work := make(chan *job, window)
	ordered := make(chan *job, window)
	room := semaphore.NewWeighted(maxFlow)
	for range window {
		free <- r.newJob()
	}

	g.Go(func() error {
		defer close(work)
		defer close(ordered)
		err := r.read(reading, source, free, room, func(j *job) { ordered <- j; work <- j })
		switch {
		case errors.Is(err, errEnough):
			return nil
		case errors.Is(err, errStop):
			stopped = true // read after g.Wait
			return nil
		}
		return err
	})
	mappers := r.mappers(ctx, workers)
	for _, m := range mappers {
		g.Go(func() error {
			for j := range work {
				if m.page(j) {
					j.done <- struct{}{}
				}
			}
			return nil
		})
	}
	delivered, leave := r.deliver(ctx, g, ordered, free)
	g.Go(func() error { return r.writeAll(ctx, delivered, room, leave) })
	err = g.Wait()
	r.endPushed()
	if !r.retrying && r.push == nil { // a few records say nothing of the form
		r.questions(mappers)
	}
	r.o.Cover.add(mappers)
	r.report.Drift = r.sortedDrift()
	return stopped, err
}

// mappers are n mappers, which hand a page on in parts where much comes of it.
func (r *run) mappers(ctx context.Context, n int) []*mapper {
	mappers := make([]*mapper, n)
	for i := range mappers {
		mappers[i] = newMapper(r.plan, r.o.World.Now)
		mappers[i].seen = r.o.Cover.sighting()
		mappers[i].part = func(j *job) bool {
			j.more = true
			j.done <- struct{}{}
			select {
			case <-j.again:
				return true
			case <-ctx.Done():
				return false
			}
		}
	}
	return mappers
}

// writeAll writes what was delivered, in its order, and lets go of what it took: a
// page that is not through goes back to its mapper, any other to leave.
func (r *run) writeAll(ctx context.Context, delivered <-chan *job, room *semaphore.Weighted, leave func(*job)) error {
	for j := range delivered {
		if err := r.write(ctx, j); err != nil {
			return err
		}
		if j.more {
			r.delivery.release(j)
			j.more = false
			j.again <- struct{}{} // the mapper goes on with it
			continue
		}
		j.letGo()
		room.Release(j.weight)
		leave(j)
	}
	return nil
}

// questions warns of questions that the mapping reads and no record had, for they
// were renamed on the form or are spelt wrong. New ones are drift.
func (r *run) questions(mappers []*mapper) {
	for _, question := range r.plan.questions() {
		asked := slices.ContainsFunc(mappers, func(m *mapper) bool { return m.machine.Asked(question) })
		if r.report.Written > 0 && !asked {
			r.report.Warnings = append(r.report.Warnings, fmt.Sprintf("no record had the question %q; was it renamed on the form?", question))
		}
	}
}

// reading is a context that ends when the run does, or when the user wants it to
// stop reading.
func (r *run) reading(ctx context.Context) (context.Context, context.CancelCauseFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	if r.o.Stop != nil {
		go func() {
			select {
			case <-r.o.Stop:
				cancel(errStop)
			case <-ctx.Done():
			}
		}()
	}
	return ctx, cancel
}

// read takes pages from the source until its end, the limit, or a stop.
func (r *run) read(ctx context.Context, source Source, free <-chan *job, room *semaphore.Weighted, pass func(*job)) error {
	left := r.o.Limit
	err := source.Read(ctx, "", inPieces(func(page *Page) error {
		var j *job
		weight := page.takes()
		if room.Acquire(ctx, weight) != nil {
			page.Release()
			return context.Cause(ctx)
		}
		select {
		case j = <-free:
		case <-ctx.Done():
			page.Release()
			return context.Cause(ctx)
		}
		j.weight = weight
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
	}))
	for _, asked := range []error{errStop, errEnough} {
		if errors.Is(context.Cause(ctx), asked) && (errors.Is(err, asked) || errors.Is(err, context.Canceled)) {
			return asked // and not, say, a full disk at the same moment
		}
	}
	return err
}

// write gives one page, which the row sinks have been given, to all others and
// counts what became of its records.
func (r *run) write(ctx context.Context, j *job) error {
	if err := r.writeFiles(ctx, j); err != nil {
		return err
	}
	if err := r.reject.write(j.lines); err != nil {
		return err
	}
	rep := &r.report
	rep.Pages = max(rep.Pages, j.page.Number) // a page may come in pieces
	rep.Read += j.read
	rep.Total = max(rep.Total, j.page.Total)
	rep.Written += len(j.items)
	rep.Exploded += len(j.items) - j.mapped
	rep.Filtered += j.filtered
	rep.Late += j.pushes.late
	rep.Doubled += j.pushes.doubled
	rep.Missed += j.pushes.missed
	rep.Unchanged += j.out.unchanged
	rep.Rejected += len(j.rejected)
	if r.retrying {
		rep.Retried += j.read
	} else if r.reject.old != nil {
		if err := r.reject.old.note(j); err != nil {
			return err
		}
	}
	for i := range j.rejected {
		r.cause(j.page, &j.rejected[i])
	}
	if r.o.Progress != nil {
		rep.FromTape = int(r.kept.hits.Load())
		now := *rep
		now.Causes = slices.Clone(rep.Causes) // they are counted on
		r.o.Progress(now)
	}
	if r.tooManyAre(rep.Rejected) {
		return r.tooMany(fmt.Sprint(r.plan.rejects.maxCount))
	}
	return nil
}

// anyRejects reports whether rejects.max does not count: those of the reject file
// have been counted when they were fetched, and what was pushed cannot be asked for
// again, so that one bad push must not hold up those behind it.
func (r *run) anyRejects() bool { return r.o.AnyRejects || r.retrying || r.push != nil }

// maxCauses is how many kinds of rejects a report tells apart.
const maxCauses = 100

// causeKey is what rejects of one kind have in common.
type causeKey struct{ code, field string }

func (r *run) cause(page *Page, one *rejected) {
	key := causeKey{one.code, one.field}
	if i, ok := r.causes[key]; ok {
		r.report.Causes[i].Count++
		return
	}
	if len(r.causes) == maxCauses {
		return
	}
	r.causes[key] = len(r.report.Causes)
	at := page.place(one.item)
	r.report.Causes = append(r.report.Causes, Cause{Code: one.code, Field: one.field, Reason: one.reason, Count: 1, Page: at.page, Item: at.item, Line: at.line})
}
