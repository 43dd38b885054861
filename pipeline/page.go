package pipeline

import "sync"

// pages are recycled: a run of a million records needs no more of them than a
// run of ten thousand.
var pages = sync.Pool{New: func() any { return new(Page) }}

// maxKept is the largest page memory worth keeping for the next page.
const maxKept = 8 << 20

// NewPage is an empty page for a source to fill. Its Buf and Records may have
// room left from an earlier page.
func NewPage() *Page { return pages.Get().(*Page) }

// Release gives the memory of a page back. Sources call it for a page they did
// not yield; the engine calls it for the others.
func (p *Page) Release() {
	if w := p.whole; w != nil {
		*p = Page{}
		w.release()
		return
	}
	clear(p.Records)
	*p = Page{Buf: p.Buf[:0], Records: p.Records[:0]}
	if cap(p.Buf) > maxKept {
		p.Buf = nil
	}
	pages.Put(p)
}
