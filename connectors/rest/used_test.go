package rest

import (
	"testing"
	"time"

	"pipeline/pipeline"
)

// What is used of a limit is what all of its users have called, whether the
// budget is of this process or shared with others.
func TestUsed(t *testing.T) {
	for name, share := range map[string]bool{"in memory": false, "shared": true} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			mine := New()
			other := mine
			if share {
				other = New()
				mine.ShareLimits(func() (string, error) { return dir, nil })
				other.ShareLimits(func() (string, error) { return dir, nil })
			}
			var sources []pipeline.Source
			for _, e := range []*Engine{mine, other} {
				c := declare(t, e, shopTotal)
				sandbox, err := e.Sandbox("shop", SandboxOptions{Records: 20})
				if err != nil {
					t.Fatal(err)
				}
				w := newWorld(handled{sandbox})
				w.Token = func(string) (pipeline.Token, error) { return sandbox.Token(), nil }
				sources = append(sources, open(t, c, &w.World, nil))
			}
			used := func(connection string, per time.Duration) int { return mine.Used("shop", "", connection, per) }
			if n := used("acme-eu", time.Minute); n != 0 {
				t.Errorf("%d calls before the first one", n)
			}
			for i, s := range sources {
				pages := 0
				err := s.Read(t.Context(), "", func(p *pipeline.Page) error {
					if pages++; p.Total != 20 {
						t.Errorf("page %d is of %d records, the answers say 20", p.Number, p.Total)
					}
					return nil
				})
				if err != nil || pages != 2 {
					t.Fatalf("%d pages, %v", pages, err)
				}
				if n := used("acme-eu", time.Minute); n != 2*(i+1) {
					t.Errorf("%d calls are used, expected %d", n, 2*(i+1))
				}
			}
			if n := used("acme-eu", time.Nanosecond); n != 0 {
				t.Errorf("%d calls in no time", n)
			}
			if n := used("another", time.Minute); n != 0 {
				t.Errorf("%d calls of another connection", n)
			}
			if n := mine.Used("nowhere", "", "acme-eu", time.Minute); n != 0 {
				t.Errorf("%d calls of no connector", n)
			}
		})
	}
}
