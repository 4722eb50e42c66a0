package route

import "net/netip"

// Membership is which IPv4 multicast groups a device of this host has joined. Whoever
// listens, on whichever socket, the device has joined for.
type Membership struct {
	Link int `json:"link"`
	// Groups are the groups; empty: none, not even that of all hosts, which a device
	// leaves when it goes down.
	Groups []netip.Addr `json:"groups,omitempty"`
	// Filtered are those of the groups of which packets from some sources are not
	// taken, or may not be: which ones is not told in full.
	Filtered []netip.Addr `json:"filtered,omitempty"`
}
