package route

import "net/netip"

// Flow is the packet that a decision is about, or the socket that is about to
// send one. It has the fields of struct flowi4 and flowi6 that the decision may
// depend on. The zero value of a field is what `ip route get` sends when the
// field is not given, except for UID and, in IPv4, Proto (17, UDP).
type Flow struct {
	Dst netip.Addr
	// Src is the packet's source; the zero Addr: not chosen yet.
	Src netip.Addr
	// In is the index of the device that receives the packet; zero: this host
	// sends it.
	In int
	// Out is the index of the device that the sender is bound to; zero: none.
	Out  int
	Mark uint32
	// TOS is the whole octet: the upper six bits are the DSCP. The decision
	// never depends on the lower two (ECN).
	TOS uint8
	// UID is the owner of the sending socket; NoUID: no socket sends it.
	UID   uint32
	Proto uint8
	// SrcPort and DstPort are zero where unknown.
	SrcPort, DstPort uint16
	// FlowLabel is IPv6's, 20 bits.
	FlowLabel uint32
	// Bound says that the packet is sent by a socket that is bound to Out. IPv6 then uses
	// only that device, whatever the source is (ip6_route_output_flags_noref in
	// net/ipv6/route.c). RTM_GETROUTE asks without a socket.
	Bound bool
	// Transparent says that the packet is sent by a transparent socket (IP_TRANSPARENT).
	// IPv4 then does not check whether a device has the source (FLOWI_FLAG_ANYSRC).
	// RTM_GETROUTE asks without a socket.
	Transparent bool
	// TunnelID is the ID in the metadata of a received tunnel packet.
	TunnelID uint64
}

// NoUID is the user ID of a packet that no socket sent (INVALID_UID).
const NoUID = ^uint32(0)

// Family is the family of the destination.
func (f *Flow) Family() Family { return FamilyOf(f.Dst) }

// FamilyOf is the family of an address; zero for the zero Addr. An IPv4
// address mapped into IPv6 is IPv6.
func FamilyOf(a netip.Addr) Family {
	switch {
	case a.Is4():
		return IPv4
	case a.Is6():
		return IPv6
	}
	return 0
}

// Answer is what the kernel said when it was asked about a Flow
// (RTM_GETROUTE). The zero value means that the kernel was not asked.
type Answer struct {
	Asked bool
	// Errno is the error with which the kernel refused; zero: it found a way.
	Errno Errno
	Type  Type
	// Table is the table of the matched entry; zero: no table was used. In
	// IPv4 it is main even for an address of this host, as long as local and
	// main share one trie.
	Table   Table
	Gateway netip.Addr
	Link    int
	// Src is the source that the kernel chose; the zero Addr: it chose none, or
	// the flow had one.
	Src netip.Addr
	// MTU is the MTU of the path; zero: the kernel did not state it.
	MTU uint32
	// MTULocked says that the MTU is fixed (`mtu lock`).
	MTULocked bool
	// Expires says that the answer comes from a learnt exception.
	Expires bool
	// Redirected says that Gateway may have been learnt from an ICMP redirect. IPv4
	// says that it was (RTCF_REDIRECTED). IPv6 says only that the answer comes from a
	// learnt exception (RTM_F_CLONED), which may hold nothing but a path MTU.
	Redirected bool
	// Entry is the table entry that the answer names (RTM_F_FIB_MATCH). It is
	// there only if HasEntry is set; otherwise EntryErrno says why it is not.
	Entry      Route
	HasEntry   bool
	EntryErrno Errno
}
