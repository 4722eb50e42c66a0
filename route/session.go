package route

import (
	"net/netip"
	"slices"
)

// Session is the remote login that a process runs in.
type Session struct {
	// Server is the name of the program that has its socket: sshd, mosh-server.
	Server string
	// Through is the terminal multiplexer between it and the process: tmux, screen; empty:
	// none. The session is then that of an attached client.
	Through string
	// Inodes are the sockets that the server has open; empty: that may not be read.
	Inodes []uint32
	// Local and Remote are the ends of the connection as the server told the login shell
	// (SSH_CONNECTION); the zero AddrPort: it did not.
	Local, Remote netip.AddrPort
}

// Carries reports whether a socket carries the session: that of the connection which the
// login shell was told of, or any of the server's where it was told of none.
func (s *Session) Carries(x *Socket) bool {
	if s.Remote.IsValid() {
		return unmapped(x.Remote) == unmapped(s.Remote) && unmapped(x.Local) == unmapped(s.Local)
	}
	return x.Inode != 0 && slices.Contains(s.Inodes, x.Inode)
}

// unmapped is an address and a port with an IPv4-mapped address as the IPv4 one, and
// without a zone, which a socket keeps elsewhere.
func unmapped(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port())
}
