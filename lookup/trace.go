package lookup

import (
	"net/netip"

	"routewhy/route"
)

// Decision is what the kernel does with a packet.
type Decision struct {
	Disposition Disposition
	// Errno is the kernel's refusal as RTM_GETROUTE returns it; zero: none. It is ENODEV,
	// without a shortcut, where the packet's device does not exist.
	Errno    route.Errno
	Shortcut Shortcut
	// Rule is the rule that decided; nil: none did.
	Rule *route.Rule
	// Route is the chosen entry, or the one that refuses, where HasRoute is set.
	Route    route.Route
	HasRoute bool
	// NextHops are all next hops that the kernel may take, in its own order. There is more
	// than one only if Ambiguous says why, and none if the packet is refused.
	NextHops []NextHop
	// Ambiguous says why there are several NextHops or why the disposition is unknown;
	// the zero Reason: the decision is certain.
	Ambiguous Reason
	// SomeRefused is the error for flows that a hash gives to a leg that is not
	// in NextHops, because the packet may not take it; zero: there is none.
	SomeRefused route.Errno
	// RefusedShare is the part of all flows that get it, 0 to 1; zero: it cannot be
	// known.
	RefusedShare float64
	// MayRefuse is the error with which the kernel refuses a received packet if there ever
	// was a route of type local, which no dump shows ([CodeLocalOnce]); zero: it makes no
	// difference.
	MayRefuse route.Errno
	// Src is the source address of the packet: the given one, or the chosen one if all
	// NextHops agree. The zero Addr: there is none, or it depends on the next hop, or is
	// one of NextHop.SrcOneOf.
	Src netip.Addr

	entry *entry // of Route
}

// NextHop is one next hop that the kernel may take.
type NextHop struct {
	// Link is the output device as RTM_GETROUTE names it: lo, or the VRF
	// device, for what is delivered locally.
	Link int
	// Gateway is the next router; the zero Addr: on-link, or not used.
	Gateway netip.Addr
	// Redirected says that Gateway was learnt from an ICMP redirect, in place of
	// Via's: see [FIB.Redirect].
	Redirected bool
	// Via is the next hop as configured.
	Via route.NextHop
	// Object is the ID of its next-hop object; zero: it has none.
	Object uint32
	// Share is the part of all flows that takes this next hop, 0 to 1; zero: it cannot
	// be known.
	Share float64
	// Src is the source address that a packet without one gets.
	Src netip.Addr
	// OtherSrc is another source that it may get instead, because the kernel may keep an
	// earlier choice with the next hop (0.0.0.0: no source). The zero Addr: there is none.
	OtherSrc netip.Addr
	// SrcOneOf are all sources that it may get, Src among them: the device that came into
	// the namespace first gives its own, and it is not known which one that is
	// ([CodeSrcUnordered]). Nil: Src is certain.
	SrcOneOf []netip.Addr
	// Stale marks a member of a multipath route that the kernel should not
	// use, but may until the next link event (fib_rebalance).
	Stale bool
}

// Default reports whether the chosen route is a default route.
func (d *Decision) Default() bool { return d.HasRoute && d.Route.IsDefault() }

// Entry identifies all of a route except for its destination: routes that differ in
// nothing else have the same Entry. The zero Entry: there is none. An Entry may only be
// compared with others of the same FIB.
type Entry struct{ e *entry }

// Entry is the chosen route's.
func (d *Decision) Entry() Entry { return Entry{d.entry} }

// Table is the table of the chosen route; zero: there is none.
func (d *Decision) Table() route.Table {
	if d.HasRoute {
		return d.Route.Table
	}
	return route.TableUnspec
}

// Trace is a decision with everything that took part in it, in the kernel's
// order.
type Trace struct {
	Flow     route.Flow
	Decision Decision
	// Merged says that IPv4's local and main tables were searched as one.
	Merged bool
	Rules  []RuleTrial
	Source SourceTrial
	// Next is the decision if the chosen route went away; nil: there is no such route.
	Next *Decision
	// Socket is what becomes of a connected socket's packet instead: it looks up
	// again with the source that it got, Src. Nil: the same.
	Socket *SocketTrial
	// First is the look-up that a connected socket made before, to get a source;
	// nil: it made no other. See [FIB.Connect].
	First *Trace
	// BySource are the second look-ups of a connection, one for each source that
	// First may choose, where these are several.
	BySource []*Trace
	// Reverse is the reverse-path look-up of a received packet; nil: none.
	Reverse *ReversePath
	// ReverseElse is that of a further next hop of a multipath route, if the filter treats
	// the packet differently there; nil: there is none.
	ReverseElse *ReversePath
	// Unread are the settings, by their path below /proc/sys, that matter but could not be
	// read: the decision rests on their defaults.
	Unread []string
	// Gateways says how each of the decision's next hops reaches its gateway, in the same
	// order.
	Gateways []Gateway

	tied []*entry // the equal default routes that the chosen one is one of; nil: it is alone
}

// SentOn reports whether the packet of the trace does.
func (t *Trace) SentOn() bool { return t.Decision.SentOn(&t.Flow) }

// SentOn reports whether a received packet leaves again: it is forwarded, or a
// broadcast that bc_forwarding sends on.
func (d *Decision) SentOn(flow *route.Flow) bool {
	return flow.In != 0 && len(d.NextHops) > 0 &&
		(d.Disposition == DispositionUnicast || d.Disposition == DispositionBroadcast && d.NextHops[0].Via.Link != 0)
}

// SocketTrial is the second look-up of a connected socket.
type SocketTrial struct {
	// Src is the source that the socket got from the first.
	Src      netip.Addr
	Decision Decision
}

// RuleTrial is what became of one policy rule.
type RuleTrial struct {
	Rule    *route.Rule
	Verdict Verdict
	Reason  Reason
	// Others are the further parts of the rule's selector that do not match either, in the
	// order in which the kernel would compare them; it stops at the first, Reason.
	Others []Reason
	// Table is the table that the rule leads to (a VRF's for an l3mdev rule);
	// zero: none.
	Table route.Table
	// Candidates are the routes of the table that cover the destination, from
	// the longest prefix to the shortest, where the table was consulted.
	Candidates []Candidate
	// Shadow is what the table has for the packet although the rule was not
	// reached or does not match; nil: nothing, or the table was consulted.
	Shadow *route.Route
}

// Candidate is one route that covers the destination.
type Candidate struct {
	Route   route.Route
	Verdict Verdict
	Reason  Reason

	entry *entry // of Route
}

// SourceTrial says how the source address was chosen, for the first next hop.
type SourceTrial struct {
	Addr   netip.Addr
	Reason Reason
	// Link is the device that has the address; zero: unknown or none.
	Link int
	// Candidates are the addresses that were considered, in the kernel's order.
	Candidates []SourceCandidate
}

// SourceCandidate is one address that could have been the source.
type SourceCandidate struct {
	Addr    route.Addr
	Verdict Verdict
	Reason  Reason
}

// ReversePath is the look-up of the way back to a received packet's source.
type ReversePath struct {
	// Filter is the effective rp_filter: 0 off, 1 strict, 2 loose.
	Filter int
	// FilterFrom is the sysctl that makes it so: "all" or the device's name.
	FilterFrom string
	// FilterUnread says that the setting could not be read: Filter is the usual one.
	FilterUnread bool
	// Trace is the reverse look-up; nil where the filter did not need one.
	Trace  *Trace
	Passed bool
	// Short says that the source was only compared with this host's addresses.
	Short  bool
	Reason Reason
}

// Gateway says how a gateway is reached, or the destination itself if that is a
// neighbour.
type Gateway struct {
	// Addr is the neighbour; the zero Addr: the device has no neighbours.
	Addr netip.Addr
	// Direct says that Addr is the destination.
	Direct bool
	Link   int
	// OnLinkBy is the network that makes it a neighbour; valid where HasOnLink
	// is set. OnLinkUnknown: the routes or the addresses that could tell were not
	// read.
	OnLinkBy      netip.Prefix
	HasOnLink     bool
	OnLinkUnknown bool
	// Forced says that the route has the flag onlink, which replaces that check.
	Forced bool
	// Redirected says that Addr was learnt from an ICMP redirect.
	Redirected bool
	// State is the gateway's neighbour entry, where HasState is set.
	State    route.NeighbourState
	HasState bool
}
