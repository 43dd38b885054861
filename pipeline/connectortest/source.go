// Package connectortest is what a source and a sink are, as tests: a connector
// that passes them can be run by the engine.
package connectortest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"

	"pipeline/pipeline"
)

// soon is how long a source may take to return when it is told to end: far less
// than any of its waits, and enough for a machine that does other things as well.
const soon = 10 * time.Second

// Source exercises a source. open makes a new one over the same data each time
// it is called; the data has at least three pages.
func Source(t *testing.T, open func(t *testing.T) pipeline.Source) {
	t.Run("the same twice", func(t *testing.T) {
		whole := read(t, open(t), "")
		if len(whole) < 3 {
			t.Fatalf("%d pages, at least 3 are needed to try anything", len(whole))
		}
		if again := read(t, open(t), ""); !slices.Equal(texts(whole), texts(again)) {
			t.Error("reading twice gave different records")
		}
	})
	t.Run("resume from every position", func(t *testing.T) {
		whole := read(t, open(t), "")
		for i, page := range whole[:len(whole)-1] {
			rest := read(t, open(t), page.next)
			if want := texts(whole[i+1:]); !slices.Equal(texts(rest), want) {
				t.Errorf("resumed after page %d: %d records, want %d", i+1, len(texts(rest)), len(want))
			}
		}
	})
	t.Run("end when the engine does", func(t *testing.T) {
		enough := errors.New("enough")
		pages := 0
		err := open(t).Read(t.Context(), "", func(p *pipeline.Page) error {
			p.Release()
			pages++
			return enough
		})
		if !errors.Is(err, enough) || pages != 1 {
			t.Errorf("after %d pages Read returned %v, want what yield returned", pages, err)
		}
	})
	t.Run("cancel", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() {
			done <- open(t).Read(ctx, "", func(p *pipeline.Page) error {
				p.Release()
				cancel()
				<-ctx.Done()
				return ctx.Err()
			})
		}()
		select {
		case err := <-done:
			if err == nil {
				t.Error("Read returned nil although it was cancelled")
			}
		case <-time.After(soon):
			t.Errorf("Read did not return within %v of being cancelled", soon)
		}
		cancel()
	})
	t.Run("no goroutine is left", func(t *testing.T) { leaves(t, func() { read(t, open(t), "") }) })
}

// page is a copy of what a source yielded.
type page struct {
	number  int
	records []string
	next    pipeline.Position
}

func read(t *testing.T, s pipeline.Source, from pipeline.Position) []page {
	t.Helper()
	var pages []page
	err := s.Read(t.Context(), from, func(p *pipeline.Page) error {
		kept := page{number: p.Number, next: p.Next}
		for _, r := range p.Records {
			kept.records = append(kept.records, fmt.Sprintf("%d %d %s %v", p.Number, r.Line, r.Text, r.Fault))
		}
		p.Release()
		pages = append(pages, kept)
		return nil
	})
	if err != nil {
		t.Fatalf("read from %q: %v", from, err)
	}
	return pages
}

func texts(pages []page) []string {
	var out []string
	for _, p := range pages {
		out = append(out, p.records...)
	}
	return out
}

// leaves checks that f leaves no goroutine behind.
func leaves(t *testing.T, f func()) {
	t.Helper()
	before := runtime.NumGoroutine()
	f()
	for end := time.Now().Add(soon); runtime.NumGoroutine() > before; runtime.Gosched() {
		if time.Now().After(end) {
			stacks := make([]byte, 1<<16)
			t.Fatalf("%d goroutines before, %d after:\n%s", before, runtime.NumGoroutine(), stacks[:runtime.Stack(stacks, true)])
		}
	}
}
