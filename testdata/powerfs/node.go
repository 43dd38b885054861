package main

// node.go: files and folders as the kernel asks for them. Names are those of the
// folder behind; what is in files goes through file.go.

import (
	"context"
	"path/filepath"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// node is a file or a folder.
type node struct {
	fs.LoopbackNode
	disk *disk
}

// handle is an open file.
type handle struct {
	*file
	disk          *disk
	synced, atEnd bool // as it was opened
}

// root is the folder of that path.
func (d *disk) root(path string) (fs.InodeEmbedder, error) {
	var st syscall.Stat_t
	if err := syscall.Stat(path, &st); err != nil {
		return nil, err
	}
	data := &fs.LoopbackRoot{Path: path, Dev: uint64(st.Dev)}
	data.NewNode = func(r *fs.LoopbackRoot, _ *fs.Inode, _ string, _ *syscall.Stat_t) fs.InodeEmbedder {
		return &node{LoopbackNode: fs.LoopbackNode{RootData: r}, disk: d}
	}
	top := &node{LoopbackNode: fs.LoopbackNode{RootData: data}, disk: d}
	data.RootNode = top
	return top, nil
}

// behind is the path in the folder behind.
func (n *node) behind() string { return filepath.Join(n.RootData.Path, n.Path(nil)) }

// inode is that of a path behind, and how many names it has; 0 where there is none.
func inode(path string) (ino, names uint64) {
	var st syscall.Stat_t
	if syscall.Lstat(path, &st) != nil {
		return 0, 0
	}
	return st.Ino, uint64(st.Nlink)
}

func (n *node) handle(path string, flags uint32) (*handle, syscall.Errno) {
	ino, _ := inode(path)
	f, err := n.disk.open(ino, path)
	if err != nil {
		return nil, fs.ToErrno(err)
	}
	return &handle{file: f, disk: n.disk, synced: flags&(syscall.O_SYNC|syscall.O_DSYNC) != 0, atEnd: flags&syscall.O_APPEND != 0}, 0
}

// Open implements fs.NodeOpener.
func (n *node) Open(_ context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	h, errno := n.handle(n.behind(), flags)
	if errno != 0 {
		return nil, 0, errno
	}
	if flags&syscall.O_TRUNC != 0 {
		errno = fs.ToErrno(h.truncate(0))
	}
	return h, fuse.FOPEN_DIRECT_IO, errno
}

// Create implements fs.NodeCreater.
func (n *node) Create(ctx context.Context, name string, flags, mode uint32, out *fuse.EntryOut) (*fs.Inode, fs.FileHandle, uint32, syscall.Errno) {
	plain := flags &^ uint32(syscall.O_SYNC|syscall.O_DSYNC|syscall.O_APPEND)
	child, opened, _, errno := n.LoopbackNode.Create(ctx, name, plain, mode, out)
	if errno != 0 {
		return nil, nil, 0, errno
	}
	if r, ok := opened.(fs.FileReleaser); ok {
		r.Release(ctx)
	}
	h, errno := n.handle(filepath.Join(n.behind(), name), flags)
	if errno != 0 {
		return nil, nil, 0, errno
	}
	return child, h, fuse.FOPEN_DIRECT_IO, 0
}

// length puts the length that is to be seen into what the folder behind says.
func (n *node) length(ino uint64, a *fuse.Attr) {
	if f := n.disk.known(ino); f != nil {
		f.mu.Lock()
		a.Size = uint64(f.size)
		f.mu.Unlock()
	}
}

// Getattr implements fs.NodeGetattrer.
func (n *node) Getattr(ctx context.Context, opened fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	if h, ok := opened.(*handle); ok { // it may have no name any more
		var st syscall.Stat_t
		if err := syscall.Fstat(h.back, &st); err != nil {
			return fs.ToErrno(err)
		}
		out.FromStat(&st)
		h.mu.Lock()
		out.Size = uint64(h.size)
		h.mu.Unlock()
		return 0
	}
	errno := n.LoopbackNode.Getattr(ctx, nil, out)
	if errno == 0 {
		n.length(out.Ino, &out.Attr)
	}
	return errno
}

// Lookup implements fs.NodeLookuper.
func (n *node) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	child, errno := n.LoopbackNode.Lookup(ctx, name, out)
	if errno == 0 {
		ino, _ := inode(filepath.Join(n.behind(), name))
		n.length(ino, &out.Attr)
	}
	return child, errno
}

// Setattr implements fs.NodeSetattrer.
func (n *node) Setattr(ctx context.Context, opened fs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	if size, ok := in.GetSize(); ok {
		h, ok := opened.(*handle)
		if !ok {
			var errno syscall.Errno
			if h, errno = n.handle(n.behind(), 0); errno != 0 {
				return errno
			}
		}
		if err := h.truncate(int64(size)); err != nil {
			return fs.ToErrno(err)
		}
		in.Valid &^= fuse.FATTR_SIZE
	}
	if in.Valid&(fuse.FATTR_MODE|fuse.FATTR_UID|fuse.FATTR_GID|fuse.FATTR_ATIME|fuse.FATTR_MTIME) != 0 {
		if errno := n.LoopbackNode.Setattr(ctx, nil, in, out); errno != 0 {
			return errno
		}
	}
	return n.Getattr(ctx, opened, out)
}

// Unlink implements fs.NodeUnlinker.
func (n *node) Unlink(ctx context.Context, name string) syscall.Errno {
	ino, names := inode(filepath.Join(n.behind(), name))
	errno := n.LoopbackNode.Unlink(ctx, name)
	if errno == 0 && names <= 1 {
		n.disk.gone(ino)
	}
	return errno
}

// Rename implements fs.NodeRenamer.
func (n *node) Rename(ctx context.Context, name string, to fs.InodeEmbedder, newName string, flags uint32) syscall.Errno {
	folder, ok := to.(*node)
	if !ok {
		return syscall.EXDEV
	}
	replaced, names := inode(filepath.Join(folder.behind(), newName))
	errno := n.LoopbackNode.Rename(ctx, name, to, newName, flags)
	if errno == 0 && replaced != 0 && names <= 1 {
		n.disk.gone(replaced)
	}
	return errno
}

// CopyFileRange, Statx and Getxattr would go around file.go.
func (n *node) CopyFileRange(context.Context, fs.FileHandle, uint64, *fs.Inode, fs.FileHandle, uint64, uint64, uint64) (uint32, syscall.Errno) {
	return 0, syscall.ENOSYS
}

// Statx implements fs.NodeStatxer.
func (n *node) Statx(context.Context, fs.FileHandle, uint32, uint32, *fuse.StatxOut) syscall.Errno {
	return syscall.ENOSYS
}

// Getxattr implements fs.NodeGetxattrer.
func (n *node) Getxattr(context.Context, string, []byte) (uint32, syscall.Errno) {
	return 0, syscall.ENOSYS
}

// Write implements fs.FileWriter.
func (h *handle) Write(_ context.Context, b []byte, off int64) (uint32, syscall.Errno) {
	h.write(b, off, h.atEnd)
	if h.synced {
		return uint32(len(b)), fs.ToErrno(h.sync(h.disk.slow))
	}
	return uint32(len(b)), 0
}

// Read implements fs.FileReader.
func (h *handle) Read(_ context.Context, b []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	return fuse.ReadResultData(b[:h.read(b, off)]), 0
}

// Fsync implements fs.FileFsyncer.
func (h *handle) Fsync(context.Context, uint32) syscall.Errno { return fs.ToErrno(h.sync(h.disk.slow)) }

// Flush implements fs.FileFlusher: closing a file makes nothing durable.
func (h *handle) Flush(context.Context) syscall.Errno { return 0 }
