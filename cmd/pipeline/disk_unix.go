//go:build unix && !openbsd && !netbsd && !solaris && !illumos && !aix

package main

import "syscall"

// diskSpace is what is left to this user on the disk of dir, and its size.
func diskSpace(dir string) (free, total uint64, ok bool) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, 0, false
	}
	size := uint64(s.Bsize)
	return uint64(s.Bavail) * size, uint64(s.Blocks) * size, true //nolint:unconvert // their types differ between systems
}
