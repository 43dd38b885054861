// Command powerfs is a file system for tests that can have its power cut: what
// was written to a file and not synced is gone after it.
//
//	powerfs -back DIR -mount DIR -control 127.0.0.1:7070
//
// It shows the folder of -back at -mount. What is written stays in memory until
// the file is synced, or is written with O_SYNC. POST /cut to the control address
// drops what is not synced, as a cut does, and answers how many bytes that were;
// POST /quit unmounts. -sync 1ms makes each sync take that long, so that figures
// of two machines can be compared.
//
// The model is that of LazyFS: names, folders and truncations are durable at once,
// data and lengths are not. So it does not find a missing sync of a folder.
package main

import (
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

func main() {
	back := flag.String("back", "", "folder that has what is durable")
	mount := flag.String("mount", "", "folder to show it at")
	control := flag.String("control", "127.0.0.1:0", "address that takes /cut and /quit; it is printed")
	slow := flag.Duration("sync", 0, "how long a sync takes at least")
	flag.Parse()
	if err := run(*back, *mount, *control, *slow); err != nil {
		log.Fatal("powerfs: ", err)
	}
}

func run(back, mount, control string, slow time.Duration) error {
	for _, dir := range []string{back, mount} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	d := &disk{files: map[uint64]*file{}, slow: slow}
	root, err := d.root(back)
	if err != nil {
		return err
	}
	never := time.Duration(0) // caches of the kernel would hide a cut
	server, err := fs.Mount(mount, root, &fs.Options{
		AttrTimeout: &never, EntryTimeout: &never,
		MountOptions: fuse.MountOptions{DirectMountStrict: true, FsName: "powerfs", MaxWrite: 1 << 20, DisableXAttrs: true},
	})
	if err != nil {
		return fmt.Errorf("mount %s: %w (it takes root and /dev/fuse)", mount, err)
	}
	listener, err := net.Listen("tcp", control)
	if err != nil {
		return err
	}
	fmt.Println(listener.Addr())
	http.HandleFunc("POST /cut", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, d.cut()) })
	quit := make(chan struct{})
	http.HandleFunc("POST /quit", func(http.ResponseWriter, *http.Request) { close(quit) })
	go func() { log.Println(http.Serve(listener, nil)) }() //nolint:gosec // a test's own, on loopback
	<-quit
	return server.Unmount()
}
