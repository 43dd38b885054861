// A module of its own: only a test of what a power cut does needs FUSE.
module powerfs

go 1.26.0

require github.com/hanwen/go-fuse/v2 v2.12.1

require golang.org/x/sys v0.28.0 // indirect
