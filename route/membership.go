package route

import "net/netip"

// Membership is which multicast groups of a family a device of this host has joined.
// Whoever listens, on whichever socket, the device has joined for.
type Membership struct {
	Link int `json:"link"`
	// Family is IPv6 where the groups are of it. The zero value: IPv4.
	Family Family `json:"family,omitempty"`
	// Groups are the groups; empty: none, not even that of all hosts, which a device
	// leaves when it goes down.
	Groups []netip.Addr `json:"groups,omitempty"`
	// Filtered are those of the groups of which packets from some sources are not
	// taken, or may not be: which ones is not told in full. IPv6 asks for no source
	// before it looks for a socket.
	Filtered []netip.Addr `json:"filtered,omitempty"`
}

// Is6 reports whether the groups are of IPv6.
func (m *Membership) Is6() bool { return m.Family == IPv6 }
