package route

import "net/netip"

// Flow is the packet, or the socket about to send one, that a decision is
// about: the fields of struct flowi4 and flowi6 that the decision may depend
// on. The zero value of a field is what `ip route get` sends when the field is
// not given, except for UID and, in IPv4, Proto (17, UDP).
type Flow struct {
	Dst netip.Addr
	// Src is the packet's source; the zero Addr: not chosen yet.
	Src netip.Addr
	// In is the index of the receiving device; zero: sent by this host.
	In int
	// Out is the index of the device that the sender is bound to; zero: none.
	Out  int
	Mark uint32
	// TOS is the whole octet: DSCP in the upper six bits. The lower two (ECN)
	// never take part.
	TOS uint8
	// UID is the owner of the sending socket, NoUID for none.
	UID   uint32
	Proto uint8
	// SrcPort and DstPort are zero where unknown.
	SrcPort, DstPort uint16
	// FlowLabel is IPv6's, 20 bits.
	FlowLabel uint32
	// Bound says that a socket sends it that is bound to Out: IPv6 then keeps to that device
	// whatever the source is (ip6_route_output_flags_noref in net/ipv6/route.c).
	// RTM_GETROUTE asks without a socket.
	Bound bool
	// Transparent says that a transparent socket sends it (IP_TRANSPARENT): IPv4 then does
	// not ask whether a device has the source (FLOWI_FLAG_ANYSRC). RTM_GETROUTE asks
	// without a socket.
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
// (RTM_GETROUTE). The zero value was not asked.
type Answer struct {
	Asked bool
	// Errno is the kernel's refusal; zero: it found a way.
	Errno Errno
	Type  Type
	// Table is the table of the matched entry; zero where none was used. In
	// IPv4 it is main for an address of this host while local and main share
	// one trie.
	Table   Table
	Gateway netip.Addr
	Link    int
	// Src is the source that the kernel chose; the zero Addr where it chose
	// none or one was given.
	Src netip.Addr
	// MTU is the path's where the kernel states one; zero: not stated.
	MTU uint32
	// MTULocked says that the MTU is fixed (`mtu lock`).
	MTULocked bool
	// Expires says that the answer comes from a learnt exception.
	Expires bool
	// Redirected says that Gateway may have been learnt from an ICMP redirect. IPv4
	// says that it was (RTCF_REDIRECTED); IPv6 only that the answer comes from a
	// learnt exception (RTM_F_CLONED), which may be a path MTU alone.
	Redirected bool
	// Entry is the table entry that the answer names (RTM_F_FIB_MATCH). It is
	// present where HasEntry is set; EntryErrno tells why not.
	Entry      Route
	HasEntry   bool
	EntryErrno Errno
}
