//go:build !unix

package observe

// OpenFilesLimit is how many files this process may have open.
func OpenFilesLimit() (uint64, bool) { return 0, false }
