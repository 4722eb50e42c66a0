package route

import (
	"net/netip"
	"slices"
)

// Session is the remote login that a process runs in.
type Session struct {
	// Server is the name of the program that has the session's socket: sshd, mosh-server.
	Server string
	// Through is the terminal multiplexer between the server and the process: tmux, screen;
	// empty: none. With a multiplexer, the session is that of an attached client.
	Through string
	// Inodes are the sockets that the server has open; empty: they may not be read.
	Inodes []uint32
	// Local and Remote are the ends of the connection, as the server told them to the login
	// shell (SSH_CONNECTION); the zero AddrPort: it did not tell them.
	Local, Remote netip.AddrPort
}

// Carries reports whether a socket carries the session. If the ends of the connection are
// known, that is the socket with these ends. Otherwise it is any socket of the server.
func (s *Session) Carries(x *Socket) bool {
	if s.Remote.IsValid() {
		return unmapped(x.Remote) == unmapped(s.Remote) && unmapped(x.Local) == unmapped(s.Local)
	}
	return x.Inode != 0 && slices.Contains(s.Inodes, x.Inode)
}

// unmapped turns an IPv4-mapped address into the IPv4 address. It also removes the zone,
// because a socket has that in another field.
func unmapped(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port())
}
