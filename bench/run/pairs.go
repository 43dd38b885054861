package main

// pairs.go: two commands in turn, and whether they did the same.

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"pipeline/bench/measure"
)

// pair is what is measured, and what it is measured against.
type pair struct {
	name  string
	goals goals
	a, b  measure.Command
	after func(side int) error // after each run, of a (0) and of b (1)
	same  func() error         // after each pair
	note  func() string        // at the end; nil: nothing to note
}

// measure runs a pair as often as it is wanted.
func (b *bench) measure(p pair) (result, error) {
	r := result{name: p.name, goals: p.goals}
	for i := range b.n {
		fmt.Fprintf(b.log, "%s: %d of %d\n", p.name, i+1, b.n)
		if err := b.remove(outputs); err != nil {
			return r, err
		}
		for side, command := range []measure.Command{p.a, p.b} {
			served := b.served()
			cost, err := b.run(command)
			if err == nil && p.after != nil {
				err = p.after(side)
			}
			if err != nil {
				return r, err
			}
			served = b.served() - served
			cost.Others = max(0, cost.Others-served)
			r.served += served
			r.costs[side] = append(r.costs[side], cost)
		}
		if p.same != nil {
			if err := p.same(); err != nil {
				return r, fmt.Errorf("%s: the two did not do the same: %w", p.name, err)
			}
		}
	}
	if p.note != nil {
		r.note = p.note()
	}
	return r, nil
}

// run runs a command as if it were the first time.
func (b *bench) run(command measure.Command) (measure.Cost, error) {
	if err := b.ctx.Err(); err != nil {
		return measure.Cost{}, err
	}
	if err := b.remove(states); err != nil {
		return measure.Cost{}, err
	}
	cost, err := measure.Run(command)
	if b.ctx.Err() != nil { // whatever it says: the servers are gone, too
		err = b.ctx.Err()
	}
	return cost, err
}

// sameFiles is an error where the CSV files differ in a byte, or the files of
// rejects in their number.
func (b *bench) sameFiles() error {
	if err := sameBytes(b.path(toolOut), b.path(floorOut)); err != nil {
		return err
	}
	return b.sameRejects()
}

func (b *bench) sameRejects() error {
	tool, err := countLines(b.path(toolRejects))
	if errors.Is(err, os.ErrNotExist) { // a run without rejects leaves none
		tool, err = 0, nil
	}
	if err != nil {
		return err
	}
	floor, err := countLines(b.path(floorRejects))
	if err == nil && tool != floor {
		err = fmt.Errorf("%d records were rejected by pipeline, and %d by the floor", tool, floor)
	}
	return err
}

// sameBytes reads two files piece by piece: what this process holds in memory
// counts for those that it starts.
func sameBytes(a, b string) error {
	left, err := os.Open(a)
	if err != nil {
		return err
	}
	defer func() { _ = left.Close() }() // only read
	right, err := os.Open(b)
	if err != nil {
		return err
	}
	defer func() { _ = right.Close() }() // only read
	x, y := make([]byte, 64<<10), make([]byte, 64<<10)
	for at := 0; ; {
		n, errA := io.ReadFull(left, x)
		m, errB := io.ReadFull(right, y)
		if !bytes.Equal(x[:n], y[:m]) {
			return fmt.Errorf("%s and %s differ behind byte %d", a, b, at)
		}
		if at += n; errA != nil || errB != nil {
			return errors.Join(notEnd(errA), notEnd(errB))
		}
	}
}

// notEnd is err where it is more than the end of a file.
func notEnd(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return err
}

func countLines(path string) (n int, err error) {
	file, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer func() { _ = file.Close() }() // only read
	buf := make([]byte, 64<<10)
	for {
		m, err := file.Read(buf)
		n += bytes.Count(buf[:m], []byte("\n"))
		if err != nil {
			return n, notEnd(err)
		}
	}
}
