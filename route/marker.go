package route

import (
	"math"
	"net/netip"
	"slices"
	"strings"
)

// The facts about marks, redirects and WireGuard. They are read only if somebody asks for
// them.
const (
	FactRedirects Fact = "learnt redirects"
	FactMarkers   Fact = "what sets marks"
	FactWireGuard Fact = "WireGuard devices"
)

// MarkerKind is a kind of thing that sets the marks of packets.
type MarkerKind uint8

// The kinds.
const (
	// MarkerUnknown is the zero value.
	MarkerUnknown MarkerKind = iota
	// MarkerRule is a rule of nftables, also one that iptables-nft has made.
	MarkerRule
	// MarkerLegacy is a table of iptables-legacy, whose rules are not read.
	MarkerLegacy
	// MarkerSocket are sockets with SO_MARK.
	MarkerSocket
	// MarkerWireGuard is a WireGuard device, which marks the packets that carry its own.
	MarkerWireGuard
)

var markerKindNames = [...]string{"unknown", "nftables", "iptables-legacy", "socket", "wireguard"}

func (k MarkerKind) String() string { return enumName(markerKindNames[:], int(k)) }

// MarshalText gives the name.
func (k MarkerKind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText reads a name, or a number.
func (k *MarkerKind) UnmarshalText(b []byte) error {
	n, err := enumValue(markerKindNames[:], string(b), math.MaxUint8)
	*k = MarkerKind(n)
	return err
}

// Marker is something that sets the marks of packets. The conditions of a rule are not
// read, so the rule may be for some packets only.
type Marker struct {
	Kind MarkerKind `json:"kind"`
	// Mark has the values of the bits in Set. Of the bits in Open, the value is not known:
	// it comes from a connection or a map. All other bits stay as they were.
	Mark uint32 `json:"mark,omitzero"`
	Set  uint32 `json:"set,omitzero"`
	Open uint32 `json:"open,omitzero"`
	// Table is the family and the name of a rule's table: "inet fw4".
	Table string `json:"table,omitzero"`
	Chain string `json:"chain,omitzero"`
	// Handle is the number that the rule has in its table.
	Handle uint64 `json:"handle,omitzero"`
	// Hooks are where packets come to the rule. Empty: no packet comes to it.
	Hooks []MarkerHook `json:"hooks,omitempty"`
	// Counted says that the rule has a counter; Packets is what it has counted.
	Counted bool   `json:"counted,omitzero"`
	Packets uint64 `json:"packets,omitzero"`
	// Sockets is how many have the mark, and Processes are the names of programs that have
	// them open.
	Sockets   int      `json:"sockets,omitzero"`
	Processes []string `json:"processes,omitempty"`
	// Link is the WireGuard device.
	Link int `json:"link,omitzero"`
}

// MarkerHook is a base chain from which packets come to a rule.
type MarkerHook struct {
	// Hook is where the chain is: prerouting, input, forward, output, postrouting, ingress
	// or egress.
	Hook string `json:"hook"`
	// Type is the chain's type: filter, route or nat.
	Type string `json:"type"`
	// Maybe says that the way to the rule leads through a verdict map, which is not read.
	Maybe bool `json:"maybe,omitzero"`
}

// Gives reports whether a packet may get a mark from it that has a value under a mask.
// [Unknown]: that depends on what is not known, or on the mark that the packet had before.
// A marker that only clears bits does not give a mark.
func (m *Marker) Gives(value, mask uint32) Tristate {
	touched := m.Set | m.Open
	switch {
	case value == 0, (m.Mark^value)&m.Set&mask != 0, value&touched == 0:
		return No
	case value&^m.Set == 0 && m.Open&mask == 0:
		return Yes
	}
	return Unknown
}

// Meets reports whether packets of a family come to it.
func (m *Marker) Meets(f Family) bool {
	family, _, _ := strings.Cut(m.Table, " ")
	return family != "ip" && family != "ip6" || (family == "ip") == (f == IPv4)
}

// WireGuard is what a WireGuard device does with the packets that carry its own.
type WireGuard struct {
	Link int `json:"link"`
	// Mark is the mark that they get; zero: none.
	Mark uint32 `json:"mark,omitzero"`
	// Endpoints are where the peers were last heard of.
	Endpoints []netip.AddrPort `json:"endpoints,omitempty"`
	// Allowed are the destinations that its peers take (allowed-ips), of all peers together.
	// The device refuses packets to others. Empty: they are not known, unless TakesNone is set.
	Allowed []netip.Prefix `json:"allowed,omitempty"`
	// TakesNone says that there is no peer, or none with allowed-ips: all packets are refused.
	TakesNone bool `json:"takes_none,omitzero"`
	// Away says that the packets are sent in another network namespace, the one that the
	// device was made in: the socket for them is not in this one.
	Away bool `json:"away,omitzero"`
}

// Unknown reports whether it is not known what the peers take.
func (w *WireGuard) Unknown() bool { return len(w.Allowed) == 0 && !w.TakesNone }

// Takes reports whether a peer takes packets to an address. It is true where that is not known.
func (w *WireGuard) Takes(dst netip.Addr) bool {
	return w.Unknown() || slices.ContainsFunc(w.Allowed, func(p netip.Prefix) bool { return p.Contains(dst) })
}

// Redirect is a destination for which the kernel has learnt another gateway than its route
// has, from an ICMP redirect. It forgets it after some minutes.
type Redirect struct {
	Dst     netip.Addr `json:"dst"`
	Gateway netip.Addr `json:"gateway"`
	Link    int        `json:"link"`
}

// AsksForMark reports whether some rule is for packets with a mark that is not zero.
func (s *Snapshot) AsksForMark() bool {
	for i := range s.Rules {
		if sel := &s.Rules[i].Selector; sel.Mark&sel.MarkMask != 0 {
			return true
		}
	}
	return false
}
