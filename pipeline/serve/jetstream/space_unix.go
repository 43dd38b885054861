//go:build unix && !openbsd && !netbsd && !solaris && !illumos && !aix

package jetstream

import "syscall"

// diskSpace is what is left to this user on the disk of dir, and its size.
func diskSpace(dir string) (free, total uint64, err error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, 0, err
	}
	size := uint64(s.Bsize)
	return uint64(s.Bavail) * size, uint64(s.Blocks) * size, nil //nolint:unconvert // signed on some systems
}
