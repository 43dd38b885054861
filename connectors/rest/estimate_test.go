package rest

import (
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"pipeline/pipeline"
)

// What one call tells of the others is what they come to; a list whose answers do
// not tell is not guessed at.
func TestEstimate(t *testing.T) {
	for _, test := range []struct {
		name, text string
		records    int
		want       pipeline.Estimate
	}{
		{"total", shopTotal, 25, pipeline.Estimate{Records: 25, Calls: 3}},
		{"total of full pages", shopTotal, 20, pipeline.Estimate{Records: 20, Calls: 2}},
		{"total over links", shopNext, 25, pipeline.Estimate{Records: 25, Calls: 3}},
		{"one short page", shopOffset, 7, pipeline.Estimate{Records: 7, Calls: 1}},
		{"nothing", shopOffset, 0, pipeline.Estimate{Calls: 1}},
		{"all in one answer", shopNone, 12, pipeline.Estimate{Records: 12, Calls: 1}},
		{"a call for each record", shopNone + "    detail: /people/{id}\n", 12, pipeline.Estimate{Records: 12, Calls: 13}},
		{"no total", shopOffset, 25, pipeline.Estimate{}},
		{"no total, cursor", shopCursor, 25, pipeline.Estimate{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, w := shopOf(t, test.text, test.records)
				got, err := s.(pipeline.Estimator).Estimate(t.Context())
				if err != nil || got != test.want {
					t.Errorf("%+v, expected %+v (%v)", got, test.want, err)
				}
				if w.made() != 1 {
					t.Errorf("%d calls for it", w.made())
				}
				if pages, err := readAll(t.Context(), s, ""); err != nil || got.Calls > 0 && w.made()-1 != got.Calls {
					t.Errorf("%d calls for %d pages, %v", w.made()-1, len(pages), err)
				}
			})
		})
	}
}

// A page that can be begun at is the one that would have come there.
func TestAt(t *testing.T) {
	for name, text := range map[string]string{"offset": shopOffset, "total": shopTotal, "page": shopPage, "none": shopNone} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, _ := shopOf(t, text, 25)
				all, err := readAll(t.Context(), s, "")
				if err != nil {
					t.Fatal(err)
				}
				for n := 1; n <= len(all)+1; n++ {
					from, ok := s.(pipeline.Paged).At(n)
					if !ok {
						t.Fatalf("page %d cannot be begun at", n)
					}
					got, err := readAll(t.Context(), s, from)
					if err != nil {
						t.Fatal(err)
					}
					if n > len(all) {
						if len(got) > 1 || len(got) == 1 && len(got[0].Records) > 0 {
							t.Errorf("behind the end there is %v", got)
						}
						continue
					}
					if diff := cmp.Diff(all[n-1:], got); diff != "" {
						t.Errorf("from page %d (-whole +begun):\n%s", n, diff)
					}
				}
			})
		})
	}
	for name, text := range map[string]string{"cursor": shopCursor, "link": shopLink} {
		s, _ := shopOf(t, text, 25)
		if from, ok := s.(pipeline.Paged).At(2); ok {
			t.Errorf("%s: page 2 is at %s", name, from)
		}
	}
}

// shopOf is a source of that many records, from the sandbox of a declaration.
func shopOf(t *testing.T, text string, records int) (pipeline.Source, *world) {
	t.Helper()
	e := New()
	c := declare(t, e, text)
	sandbox, err := e.Sandbox("shop", SandboxOptions{Records: max(1, records)})
	if err != nil {
		t.Fatal(err)
	}
	sandbox.records = records
	w := newWorld(handled{sandbox})
	w.Token = func(string) (pipeline.Token, error) { return sandbox.Token(), nil }
	return open(t, c, &w.World, nil), w
}
