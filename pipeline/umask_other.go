//go:build !unix

package pipeline

import "io/fs"

const noFollow = 0

func umask() fs.FileMode { return 0 }
