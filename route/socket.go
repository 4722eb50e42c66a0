package route

import (
	"net/netip"
	"strconv"
)

// The facts about sockets. They are read only if somebody asks for them.
const (
	FactSockets   Fact = "sockets"
	FactProcesses Fact = "process names"
	FactMarks     Fact = "socket marks"
)

// The protocols whose sockets are read.
const (
	ProtoTCP uint8 = 6
	ProtoUDP uint8 = 17
)

// Socket is a TCP or UDP socket (struct inet_diag_msg).
type Socket struct {
	Proto uint8 `json:"proto"`
	// Family is the family of the socket itself. An IPv6 socket may accept IPv4
	// too, see V6Only. Its addresses are then in IPv4-mapped form.
	Family Family `json:"family"`
	// Local is the address and port that the socket is bound to. The zero address
	// of the family means every address. A link-local address has no zone here,
	// see Link.
	Local netip.AddrPort `json:"local,omitzero"`
	// Remote is the other end of a connection; port zero: not connected.
	Remote netip.AddrPort `json:"remote,omitzero"`
	State  SocketState    `json:"state"`
	UID    uint32         `json:"uid"`
	// Inode is the socket's number in sockfs; zero: it has none.
	Inode uint32 `json:"inode,omitzero"`
	// Link is the device that it is bound to (SO_BINDTODEVICE, or the zone of
	// a link-local address); zero: none.
	Link int `json:"link,omitzero"`
	// V6Only says that an IPv6 socket accepts no IPv4 (IPV6_V6ONLY). The kernel
	// sets it for every socket that is bound to an IPv6 address.
	V6Only bool `json:"v6only,omitzero"`
	// Transparent says that its packets may have a source that no device of this host has
	// (IP_TRANSPARENT, IPV6_TRANSPARENT).
	Transparent bool `json:"transparent,omitzero"`
	// Mark is SO_MARK, the mark of what the socket sends, its answers too. The
	// kernel shows it only with CAP_NET_ADMIN; zero: none, or not shown, see
	// [FactMarks].
	Mark uint32 `json:"mark,omitzero"`
	// Owners are the processes that have the socket open, if they were asked for
	// and may be seen.
	Owners []Process `json:"owners,omitempty"`
}

// Process is a process that has a socket open.
type Process struct {
	PID int `json:"pid"`
	// Name is /proc/PID/comm: up to 15 bytes, which the process itself can choose.
	Name string `json:"name"`
}

// SocketState is a TCP state (enum in include/net/tcp_states.h). A UDP socket
// is in SocketEstablished if it is connected, and otherwise in SocketClose.
type SocketState uint8

// The states that have a meaning here.
const (
	SocketEstablished SocketState = 1
	SocketTimeWait    SocketState = 6
	SocketClose       SocketState = 7
	SocketListen      SocketState = 10
)

var socketStateNames = [...]string{
	"unknown", "established", "syn-sent", "syn-recv", "fin-wait-1", "fin-wait-2",
	"time-wait", "close", "close-wait", "last-ack", "listen", "closing", "new-syn-recv",
}

// String is the state's name as ss(8) writes it in a filter.
func (s SocketState) String() string { return enumName(socketStateNames[:], int(s)) }

// MarshalText gives the name.
func (s SocketState) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads a name or a number.
func (s *SocketState) UnmarshalText(b []byte) error {
	n, err := enumValue(socketStateNames[:], string(b), 255)
	*s = SocketState(n)
	return err
}

// Listens reports whether the socket accepts packets from anybody. That is a TCP
// listener, or a UDP socket that is bound and not connected.
func (s *Socket) Listens() bool {
	if s.Proto == ProtoTCP {
		return s.State == SocketListen
	}
	return s.State == SocketClose && s.Local.Port() != 0
}

// DualStack reports whether the socket is an IPv6 socket that is bound to every address
// and that accepts IPv4 as well.
func (s *Socket) DualStack() bool {
	return s.Family == IPv6 && !s.V6Only && s.Local.Addr().IsUnspecified()
}

// ProtoName is the protocol's name: "tcp" or "udp".
func (s *Socket) ProtoName() string {
	switch s.Proto {
	case ProtoTCP:
		return "tcp"
	case ProtoUDP:
		return "udp"
	}
	return strconv.Itoa(int(s.Proto))
}
