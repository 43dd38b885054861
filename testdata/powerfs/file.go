package main

// file.go: what of a file is durable, and what is not yet.

import (
	"sync"
	"syscall"
	"time"
)

const pageSize = 4096

// disk is all files that were opened, by inode.
type disk struct {
	mu    sync.Mutex
	files map[uint64]*file
	slow  time.Duration
}

// file is one file: pages that are not synced over what the folder behind has.
type file struct {
	mu    sync.Mutex
	back  int // descriptor of the durable file
	pages map[int64][]byte
	size  int64
}

// open is the file behind path, which has that inode.
func (d *disk) open(inode uint64, path string) (*file, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if f := d.files[inode]; f != nil {
		return f, nil
	}
	back, err := syscall.Open(path, syscall.O_RDWR|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	f := &file{back: back, pages: map[int64][]byte{}}
	f.size = f.durable()
	d.files[inode] = f
	return f, nil
}

// known is the file of an inode if it was opened.
func (d *disk) known(inode uint64) *file {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.files[inode]
}

// gone forgets a file whose last name is removed: its inode will be used again.
// Those who have it open keep it.
func (d *disk) gone(inode uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.files, inode)
}

// cut drops what is not synced, and returns how many pages that were.
func (d *disk) cut() (pages int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, f := range d.files {
		f.mu.Lock()
		pages += len(f.pages)
		clear(f.pages)
		f.size = f.durable()
		f.mu.Unlock()
	}
	return pages
}

// durable is the length of the file behind.
func (f *file) durable() int64 {
	var st syscall.Stat_t
	if err := syscall.Fstat(f.back, &st); err != nil {
		return 0
	}
	return st.Size
}

// page is page n, in memory.
func (f *file) page(n int64) []byte {
	p := f.pages[n]
	if p == nil {
		p = make([]byte, pageSize)
		_, _ = syscall.Pread(f.back, p, n*pageSize) // what is not there is zero
		f.pages[n] = p
	}
	return p
}

// write puts b at off, or at the end.
func (f *file) write(b []byte, off int64, atEnd bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if atEnd {
		off = f.size
	}
	for n := 0; n < len(b); {
		at := off + int64(n)
		n += copy(f.page(at / pageSize)[at%pageSize:], b[n:])
	}
	f.size = max(f.size, off+int64(len(b)))
}

// read fills b from off, and returns how much there was.
func (f *file) read(b []byte, off int64) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	if off >= f.size {
		return 0
	}
	b = b[:min(int64(len(b)), f.size-off)]
	got, _ := syscall.Pread(f.back, b, off)
	clear(b[max(got, 0):])
	for n := off / pageSize; n*pageSize < off+int64(len(b)); n++ {
		p, ok := f.pages[n]
		if !ok {
			continue
		}
		if at := n*pageSize - off; at >= 0 {
			copy(b[at:], p)
		} else {
			copy(b, p[-at:])
		}
	}
	return len(b)
}

// sync makes the file durable as it is.
func (f *file) sync(slow time.Duration) error {
	time.Sleep(slow)
	f.mu.Lock()
	defer f.mu.Unlock()
	for n, p := range f.pages {
		if in := min(pageSize, f.size-n*pageSize); in > 0 {
			if _, err := syscall.Pwrite(f.back, p[:in], n*pageSize); err != nil {
				return err
			}
		}
	}
	clear(f.pages)
	if f.durable() == f.size {
		return nil
	}
	return syscall.Ftruncate(f.back, f.size)
}

// truncate sets the length, durably, as a change of a name is.
func (f *file) truncate(size int64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for n, p := range f.pages {
		switch {
		case n*pageSize >= size:
			delete(f.pages, n)
		case (n+1)*pageSize > size:
			clear(p[size-n*pageSize:])
		}
	}
	f.size = size
	if size > f.durable() && len(f.pages) > 0 {
		return nil // its data is not synced, and a longer file of zeros was never there
	}
	return syscall.Ftruncate(f.back, size)
}
