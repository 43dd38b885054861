package main

import (
	"errors"
	"io"
	"sync"
)

// block is some lines on their way through a mapper to the writer.
type block struct {
	lines []byte
	conv  *converter
	done  chan struct{} // gets a value when the lines are mapped
}

// convertParallel is convertAll with a reader, mappers and a writer of their
// own. The writer takes the blocks in the order in which they were read.
func convertParallel(src io.Reader, rows, rejects io.Writer, threads int) (counts, error) {
	blocks := threads + 2
	free, work, ordered := make(chan *block, blocks), make(chan *block, blocks), make(chan *block, blocks)
	for range blocks {
		free <- &block{conv: newConverter(), done: make(chan struct{}, 1)}
	}
	var readErr error // written before ordered is closed, read after
	go func() {
		defer close(ordered)
		defer close(work)
		r := &lineReader{src: src}
		for b := range free {
			if b.lines, readErr = r.next(b.lines); readErr != nil {
				return
			}
			ordered <- b
			work <- b
		}
	}()
	var mappers sync.WaitGroup
	for range threads {
		mappers.Go(func() {
			for b := range work {
				b.conv.convert(b.lines)
				b.done <- struct{}{}
			}
		})
	}
	var total counts
	var writeErr error
	for b := range ordered {
		<-b.done
		if writeErr == nil {
			writeErr = b.conv.flush(rows, rejects)
		}
		total.add(&b.conv.counts)
		free <- b
	}
	mappers.Wait()
	if writeErr != nil {
		return total, writeErr
	}
	if !errors.Is(readErr, io.EOF) {
		return total, readErr
	}
	return total, nil
}

// add moves the counts of o to c.
func (c *counts) add(o *counts) {
	c.written += o.written
	c.filtered += o.filtered
	c.rejected += o.rejected
	*o = counts{}
}
