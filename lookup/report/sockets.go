package report

import (
	"net/netip"

	"routewhy/lookup/listen"
	"routewhy/route"
	"routewhy/route/iproute2"
)

// Sockets are those of this host that may take a packet.
type Sockets struct {
	Dst     netip.Prefix `json:"dst"`
	Port    uint16       `json:"port"`
	IPProto string       `json:"ipproto"`
	Dev     string       `json:"dev"`
	// Errno is the error that the sender gets if no socket takes the packet.
	Errno route.Errno `json:"errno,omitzero"`
	// Unread says why it is not known which socket takes it.
	Unread string `json:"unread,omitempty"`
	// Receivers are the sockets that take the packet; if there are several, one of them does.
	// Misses are the other sockets of its port.
	Receivers []Contender `json:"receivers"`
	Misses    []Contender `json:"misses"`
}

// Contender is a socket and why it takes the packet, or why not.
type Contender struct {
	Socket
	Reason Reason `json:"reason"`
}

// Socket is a socket, in names that ss(8) and ip(8) have where they do.
type Socket struct {
	Protocol string     `json:"protocol"`
	Family   string     `json:"family"` // inet, inet6
	Local    netip.Addr `json:"local"`
	Port     uint16     `json:"port"`
	Peer     netip.Addr `json:"peer,omitzero"`
	PeerPort uint16     `json:"peer_port,omitempty"`
	// Dev is the device that it is bound to.
	Dev   string            `json:"dev,omitempty"`
	State route.SocketState `json:"state"`
	// V6Only says that a listening IPv6 socket takes no IPv4.
	V6Only *bool `json:"v6only,omitempty"`
	// Transparent says that it answers from addresses that this host does not have
	// (IP_TRANSPARENT).
	Transparent bool   `json:"transparent,omitempty"`
	Mark        uint32 `json:"mark,omitempty"`
	UID         uint32 `json:"uid"`
	Inode       uint32 `json:"inode,omitempty"`
	// Processes are those that hold it. ProcessesUnread says that they are not known.
	Processes       []route.Process `json:"processes,omitempty"`
	ProcessesUnread bool            `json:"processes_unread,omitempty"`
}

// NewSocket is a socket of a snapshot.
func NewSocket(snap *route.Snapshot, x *route.Socket) Socket {
	j := Socket{
		Protocol: x.ProtoName(), Family: FamilyName(x.Family), Local: x.Local.Addr(), Port: x.Local.Port(),
		State: x.State, Mark: x.Mark, Transparent: x.Transparent, UID: x.UID, Inode: x.Inode, Processes: x.Owners,
		ProcessesUnread: len(x.Owners) == 0 && x.Inode != 0 && snap.Lacks(route.FactProcesses, 0),
	}
	if x.Remote.Port() != 0 {
		j.Peer, j.PeerPort = x.Remote.Addr(), x.Remote.Port()
	}
	if x.Link != 0 {
		j.Dev = snap.LinkName(x.Link)
	}
	if x.Family == route.IPv6 && x.Listens() {
		j.V6Only = &x.V6Only
	}
	return j
}

// met is which sockets of a snapshot take a packet. The snapshot says what could not be
// read of them.
type met struct {
	snap    *route.Snapshot
	verdict listen.Verdict
}

func (m *met) report() *Sockets {
	s, p := m.snap, &m.verdict.Packet
	out := &Sockets{
		Dst: netip.PrefixFrom(p.Dst.Addr(), p.Dst.Addr().BitLen()), Port: p.Dst.Port(), IPProto: iproute2.ProtoName(p.Proto), Dev: s.LinkName(p.Dev),
		Receivers: contenders(s, m.verdict.Receivers), Misses: contenders(s, m.verdict.Misses),
	}
	for _, g := range s.Gaps {
		if g.Fact == route.FactSockets && len(m.verdict.Receivers) == 0 && out.Unread == "" {
			out.Unread = g.Why
		}
	}
	if out.Unread == "" {
		out.Errno = m.verdict.Refused()
	}
	return out
}

func contenders(s *route.Snapshot, all []listen.Candidate) []Contender {
	out := []Contender{}
	for _, c := range all {
		r := c.Reason
		for _, v := range []*any{&r.Want, &r.Have} {
			if i, ok := (*v).(int); ok { // a device
				*v = s.LinkName(i)
			}
		}
		out = append(out, Contender{NewSocket(s, c.Socket), NewReason(r)})
	}
	return out
}
