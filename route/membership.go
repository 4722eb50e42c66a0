package route

import "net/netip"

// Membership says which multicast groups of a family a device of this host has joined.
// The device has joined a group if any socket of any process listens to it there.
type Membership struct {
	Link int `json:"link"`
	// Family is IPv6 if the groups are IPv6 groups. The zero value: IPv4.
	Family Family `json:"family,omitempty"`
	// Groups are the groups. It is empty if the device is in no group, not even in the
	// group of all hosts: a device leaves that one when it goes down.
	Groups []netip.Addr `json:"groups,omitempty"`
	// Filtered are those of the groups for which packets from some sources are not
	// accepted, or may not be. The kernel does not tell all of these sources. IPv6
	// does not check the source before it looks for a socket.
	Filtered []netip.Addr `json:"filtered,omitempty"`
}

// Is6 reports whether the groups are IPv6 groups.
func (m *Membership) Is6() bool { return m.Family == IPv6 }
