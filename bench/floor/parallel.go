package main

import (
	"errors"
	"io"
	"sync"
)

// block is a piece of text on its way through a mapper to the writer.
type block struct {
	text []byte
	conv *converter
	done chan error // gets a value when the text is mapped
}

// convertParallel is convertAll with a reader, mappers and a writer of their
// own. The writer takes the blocks in the order in which they were read.
func convertParallel(src source, to target, rejects io.Writer, threads int) (counts, error) {
	blocks := threads + 2
	free, work, ordered := make(chan *block, blocks), make(chan *block, blocks), make(chan *block, blocks)
	for range blocks {
		free <- &block{conv: newConverter(to.encoder()), done: make(chan error, 1)}
	}
	var readErr error // written before ordered is closed, read after
	go func() {
		defer close(ordered)
		defer close(work)
		for b := range free {
			if b.text, readErr = src.next(b.text); readErr != nil {
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
				b.done <- src.convert(b.conv, b.text)
			}
		})
	}
	var total counts
	var failed error
	for b := range ordered {
		if err := <-b.done; failed == nil {
			failed = err
		}
		if failed == nil {
			failed = b.conv.flush(rejects)
		}
		total.add(&b.conv.counts)
		free <- b
	}
	mappers.Wait()
	if failed == nil && !errors.Is(readErr, io.EOF) {
		failed = readErr
	}
	return total, failed
}

// add moves the counts of o to c.
func (c *counts) add(o *counts) {
	c.written += o.written
	c.filtered += o.filtered
	c.rejected += o.rejected
	*o = counts{}
}
