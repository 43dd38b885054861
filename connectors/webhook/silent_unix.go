//go:build unix

package webhook

import "syscall"

// probe looks at a socket.
type probe struct {
	wire syscall.RawConn
	one  [1]byte
	err  error
	look func(fd uintptr) bool // made once
}

func newProbe(wire syscall.RawConn) *probe {
	p := &probe{wire: wire}
	p.look = func(fd uintptr) bool {
		_, _, p.err = syscall.Recvfrom(int(fd), p.one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		return true
	}
	return p
}

// silent reports whether nothing has come in, neither a byte nor the end of the
// connection. It is a system call, and does not wait.
func (p *probe) silent() bool {
	return p.wire.Read(p.look) == nil && p.err == syscall.EAGAIN //nolint:errorlint // a number of the system
}
