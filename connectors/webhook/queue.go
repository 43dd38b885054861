package webhook

import (
	"cmp"
	"errors"
	"slices"
	"sync"

	"pipeline/pipeline"
)

// queue hands out the tasks of one batch, in order, each after those that it
// has to come after.
type queue struct {
	mu       sync.Mutex
	changed  sync.Cond
	tasks    []task
	first    int // of those not handed out
	finished []bool
	refused  []pipeline.RefusedRow
	err      error // the first one; no task is handed out after it
}

func newQueue(tasks []task) *queue {
	q := &queue{tasks: tasks, finished: make([]bool, len(tasks))}
	q.changed.L = &q.mu
	return q
}

// next is the index of a task that may be done now. It waits for the tasks
// before it: they were handed out earlier, so somebody is at work on them.
func (q *queue) next() (i int, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.first == len(q.tasks) {
		return 0, false
	}
	i = q.first
	q.first++
	for _, before := range q.tasks[i].after {
		for !q.finished[before] && q.err == nil {
			q.changed.Wait()
		}
	}
	return i, q.err == nil
}

// done says what became of task i.
func (q *queue) done(i int, refusal *pipeline.RefusedRow, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.finished[i] = true
	if q.err == nil {
		q.err = err
	}
	if refusal != nil {
		for row := q.tasks[i].from; row < q.tasks[i].to; row++ {
			refused := *refusal
			refused.Row = row
			q.refused = append(q.refused, refused)
		}
	}
	q.changed.Broadcast()
}

// outcome is the error of Write, once all workers have ended.
func (q *queue) outcome() error {
	if len(q.refused) == 0 {
		return q.err
	}
	slices.SortFunc(q.refused, func(a, b pipeline.RefusedRow) int { return cmp.Compare(a.Row, b.Row) })
	refused := &pipeline.Refused{Rows: q.refused}
	if q.err == nil {
		return refused
	}
	return errors.Join(q.err, refused)
}
