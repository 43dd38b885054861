//go:build unix

package pipeline

import (
	"io/fs"
	"sync"
	"syscall"
)

// noFollow keeps a planted link from leading what is written elsewhere.
const noFollow = syscall.O_NOFOLLOW

// umask is what the process takes away from the permissions of new files. It
// can only be read by setting it, so that is done once.
var umask = sync.OnceValue(func() fs.FileMode {
	old := syscall.Umask(0)
	syscall.Umask(old)
	return fs.FileMode(old)
})
