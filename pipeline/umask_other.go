//go:build !unix

package pipeline

import "io/fs"

func umask() fs.FileMode { return 0 }
