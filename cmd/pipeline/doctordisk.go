package main

// doctordisk.go: the checks of doctor on the state folder, its disk, and what lies
// in it.

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"github.com/gofrs/flock"

	"pipeline/pipeline/diag"
	"pipeline/pipeline/serve/history"
	"pipeline/pipeline/serve/jetstream"
)

// What a disk has to be like.
const (
	syncTries = 15
	slowSync  = 20 * time.Millisecond // above it, a push waits for the disk
)

// place is the folder to try the disk in: the state folder, or what it will be made in.
func (p *patient) place() string {
	for dir := p.state; ; dir = filepath.Dir(dir) {
		if info, err := os.Stat(dir); err == nil && info.IsDir() || dir == filepath.Dir(dir) {
			return dir
		}
	}
}

func (p *patient) stateFolder(context.Context) {
	info, err := os.Stat(p.state)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		p.ok("state", "%s is not there yet; the first start makes it", p.state)
		return
	case err != nil:
		p.wrong("state", "let the user of serve read it", "%s cannot be looked at: %s", p.state, reason(err))
		return
	case !info.IsDir():
		p.wrong("state", "move it away, or name another folder with --state", "%s is no folder", p.state)
		return
	}
	if mode := info.Mode().Perm(); runtime.GOOS != "windows" && mode&0o077 != 0 {
		p.wrong("state", "chmod 700 "+diag.ShellWord(p.state), "%s can be read by others (%04o), and holds people's data", p.state, mode)
		return
	}
	p.ok("state", "%s is for its owner alone", p.state)
}

// disk tries to write where the state is.
func (p *patient) disk(context.Context) {
	dir := p.place()
	f, err := os.CreateTemp(dir, ".doctor-*")
	if err != nil {
		p.wrong("disk", "let the user of serve write there, or name another folder with --state", "%s cannot be written: %s", dir, reason(err))
		return
	}
	defer func() { _, _ = f.Close(), os.Remove(f.Name()) }() // it was only tried
	p.room(dir)
	took, err := syncTime(f)
	switch {
	case err != nil:
		p.wrong("disk", "look at the disk (dmesg)", "%s cannot be written: %s", dir, reason(err))
	case took > slowSync:
		p.warn("disk", "use a local disk with a write cache that survives a power cut (SSD)", "a write takes %s until it is durable, and so does each push; %s would be good", took.Round(time.Millisecond/10), slowSync)
	default:
		p.ok("disk", "a write is durable after %s", took.Round(time.Millisecond/100))
	}
	p.locks(f.Name())
}

func (p *patient) room(dir string) {
	free, spare, err := jetstream.Room(dir)
	if err != nil {
		return // this system does not say
	}
	fix := "make room, or name a folder on another disk with --state"
	switch {
	case free < spare:
		p.wrong("room", fix, "%s MB are free, and below %s MB nothing is stored: pushes are answered with 503", megabytes(free), megabytes(spare))
	case free < 3*spare:
		p.warn("room", fix, "%s MB are free; below %s MB nothing is stored", megabytes(free), megabytes(spare))
	default:
		p.ok("room", "%s MB are free", megabytes(free))
	}
}

func megabytes(n uint64) string { return diag.Thousands(int(n >> 20)) }

// syncTime is how long the disk takes until what is written is durable, in the
// middle of some tries.
func syncTime(f *os.File) (time.Duration, error) {
	var took []time.Duration
	block := make([]byte, 1024)
	for range syncTries {
		began := time.Now()
		if _, err := f.Write(block); err != nil {
			return 0, err
		}
		if err := f.Sync(); err != nil {
			return 0, err
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	return took[len(took)/2], nil
}

// locks tries whether a lock keeps a second one out, which some network disks only
// pretend.
func (p *patient) locks(name string) {
	first, second := flock.New(name), flock.New(name)
	defer func() { _, _ = first.Close(), second.Close() }()
	fix := "use a local disk, or one whose locks work (NFS 4 with lockd)"
	got, err := first.TryLock()
	switch {
	case err != nil:
		p.wrong("locks", fix, "files cannot be locked there: %s", reason(err))
		return
	case !got:
		p.wrong("locks", fix, "a new file is locked already")
		return
	}
	if got, err := second.TryLock(); err != nil || got {
		p.wrong("locks", fix, "a lock keeps nobody out: two runs could work in one state folder")
		return
	}
	p.ok("locks", "locks on files work")
}

// store looks at the folder of the embedded engine, without opening it.
func (p *patient) store(context.Context) {
	dir := filepath.Join(p.state, "serve", "engine")
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(entries) == 0 {
		p.ok("engine", "there is no store yet; the first start makes it")
		return
	}
	if err != nil {
		p.wrong("engine", "let the user of serve read it", "%s cannot be read: %s", dir, reason(err))
		return
	}
	mode, node, err := jetstream.Whose(dir)
	var unmarked *jetstream.UnmarkedError
	switch {
	case errors.As(err, &unmarked):
		p.wrong("engine", unmarked.Fix, "%s: serve will not open it", unmarked.What)
	case err != nil:
		p.wrong("engine", "let the user of serve read it", "%s", reason(err))
	case mode == "":
		p.ok("engine", "there is no store yet; the first start makes it")
	case node != "":
		p.ok("engine", "its store is that of the node %s (%s)", node, mode)
	default:
		p.ok("engine", "its store is %s", mode)
	}
}

// past reads all of the history.
func (p *patient) past(ctx context.Context) {
	path := filepath.Join(p.state, "serve", "history.db")
	reader, err := history.OpenReadOnly(path)
	if errors.Is(err, history.ErrNone) {
		p.ok("history", "there is none yet")
		return
	}
	if err == nil {
		err = errors.Join(reader.Check(ctx), reader.Close())
	}
	switch {
	case errors.Is(err, history.ErrNoSharing):
		p.wrong("history", "keep the state on a disk that can, as those of this machine: --state DIR", "%s: %v", path, history.ErrNoSharing)
		return
	case err != nil:
		p.warn("history", "nothing has to be done: at its next start serve makes it anew from the log of events", "%v", err)
		return
	}
	p.ok("history", "%s is whole", path)
}
