package rest

// estimate.go: what can be told of a list without reading it.

import (
	"context"

	"pipeline/pipeline"
)

// At implements pipeline.Paged: only lists that are asked for by number can be
// begun in their middle; of one that comes in one piece the end is known.
func (s *source) At(n int) (pipeline.Position, bool) {
	at := spot{Page: n, Records: s.size * int64(n-1)}
	switch style := s.stream.paging.style; {
	case n < 1:
	case style == styleNone || style == "":
		at = spot{Page: n, End: n > 1} // there is but one
		return at.position(), true
	case s.size < 1:
	case style == stylePage:
		at.Size = s.size
		return at.position(), true
	case style == styleOffset:
		return at.position(), true
	}
	return "", false
}

// Estimate implements pipeline.Estimator: the first page says how many records
// there are, or is all of them.
func (s *source) Estimate(ctx context.Context) (pipeline.Estimate, error) {
	c := s.chain(s.session())
	if err := c.resume(""); err != nil {
		return pipeline.Estimate{}, err
	}
	got := c.fetch(ctx)
	if got.err != nil {
		return pipeline.Estimate{}, got.err
	}
	defer got.page.Release()
	page := len(got.page.Records)
	records, calls := c.all, 1
	switch {
	case c.at.End:
		records = page
	case records == 0:
		return pipeline.Estimate{}, nil
	default:
		calls = (records + page - 1) / page // a page without records is the last one
	}
	if s.stream.detail != nil {
		calls += records
	}
	return pipeline.Estimate{Records: records, Calls: calls}, nil
}
