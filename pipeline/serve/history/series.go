package history

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// series.go: how things went over time, for plots.

// maxPoints is how many steps a Series may have.
const maxPoints = 10_000

// Series is what happened to a mapping, or to all where it is empty, since a moment
// until now in steps, each of which there is, from the oldest on. step is a minute
// or more.
func (r *Reader) Series(ctx context.Context, mapping string, since time.Time, step time.Duration) ([]Point, error) {
	now := time.Now()
	if step < time.Minute || now.Sub(since)/step > maxPoints {
		return nil, fmt.Errorf("a series from %s in steps of %s has too many of them, more than %d", since.UTC().Format(time.RFC3339), step, maxPoints)
	}
	s := series{first: since.Truncate(step), step: step}
	for at := s.first; !at.After(now); at = at.Add(step) {
		s.points = append(s.points, Point{At: at.UTC()})
	}
	for _, part := range []func(context.Context, *Reader, string) error{s.runs, s.calls, s.pushes, s.deliveries} {
		if err := part(ctx, r, mapping); err != nil {
			return nil, err
		}
	}
	return s.points, nil
}

// series is points in the making.
type series struct {
	first  time.Time
	step   time.Duration
	points []Point
}

// each asks for the sums of each step. The query begins with the time of a row as
// AT, and ends before its conditions.
func (s *series) each(ctx context.Context, r *Reader, mapping, columns, table, at string, scan func(*Point, *sql.Rows, *int) error) error {
	var w where
	w.equal("mapping", mapping)
	w.add(at+" >= ?", s.first.UnixMilli())
	query := fmt.Sprintf("SELECT (%s - %d) / %d, %s FROM %s%s GROUP BY 1", at, s.first.UnixMilli(), s.step.Milliseconds(), columns, table, w.text())
	var spare Point // for the step, which says where the row belongs; clocks differ, so it may be in the future
	return r.rows(ctx, func(rows *sql.Rows) error {
		i := 0
		if err := scan(&spare, rows, &i); err != nil || i >= len(s.points) {
			return err
		}
		return scan(&s.points[i], rows, &i)
	}, query, w.args...)
}

func (s *series) runs(ctx context.Context, r *Reader, mapping string) error {
	return s.each(ctx, r, mapping, "count(*), sum(result = 'failed'), sum(read), sum(written), sum(rejected)", "runs", "ended",
		func(p *Point, rows *sql.Rows, i *int) error {
			return rows.Scan(i, &p.Runs, &p.Failed, &p.Read, &p.Rows, &p.Rejected)
		})
}

func (s *series) calls(ctx context.Context, r *Reader, mapping string) error {
	return s.each(ctx, r, mapping, "sum(count), max(count), max(allowed), sum(waited_ms), max(p50_ms), max(p95_ms), max(p99_ms)", "calls", "minute",
		func(p *Point, rows *sql.Rows, i *int) error {
			return rows.Scan(i, &p.Calls, &p.Most, &p.Limit, &p.Waited, &p.P50, &p.P95, &p.P99)
		})
}

func (s *series) pushes(ctx context.Context, r *Reader, mapping string) error {
	return s.each(ctx, r, mapping, "sum(stored) + sum(twice), sum(refused)", "pushes", "minute",
		func(p *Point, rows *sql.Rows, i *int) error { return rows.Scan(i, &p.Pushed, &p.Refused) })
}

func (s *series) deliveries(ctx context.Context, r *Reader, mapping string) error {
	return s.each(ctx, r, mapping, "sum(arrived), sum(failed), max(p95_ms)", "deliveries", "minute",
		func(p *Point, rows *sql.Rows, i *int) error {
			return rows.Scan(i, &p.Delivered, &p.Undone, &p.SendP95)
		})
}
