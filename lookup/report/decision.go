package report

import (
	"net/netip"
	"slices"

	"routewhy/lookup"
	"routewhy/route"
	"routewhy/route/iproute2"
)

// Decision is what becomes of a packet.
type Decision struct {
	Disposition lookup.Disposition `json:"disposition"`
	// Errno is the kernel's refusal.
	Errno route.Errno `json:"errno,omitzero"`
	// ProgramErrno is what connect(2) gives a program in its place; absent: the same.
	ProgramErrno route.Errno `json:"program_errno,omitzero"`
	// SomeRefused is the error of the flows that a hash gives to a next hop that refuses
	// them, while the other flows get out.
	SomeRefused *Refused `json:"some_refused,omitempty"`
	// MayRefuse is the error with which a received packet is refused if there ever was a
	// route of type local, which no dump shows.
	MayRefuse route.Errno `json:"may_refuse,omitzero"`
	// Default says that the chosen route is 0.0.0.0/0 or ::/0.
	Default bool `json:"default"`
	// Shortcut says how the kernel decided without a route; absent: it did not.
	Shortcut lookup.Shortcut `json:"shortcut,omitempty"`
	// WithoutIPv4 is the device on which the packet fails because it has no IPv4.
	WithoutIPv4 *WithoutIPv4 `json:"without_ipv4,omitempty"`
	// Rule is the rule that decided.
	Rule *iproute2.Rule `json:"rule,omitempty"`
	// Route is the chosen entry, or the one that refuses.
	Route *iproute2.Route `json:"route,omitempty"`
	// NextHops are all next hops that the kernel may use for this packet.
	NextHops []NextHop `json:"nexthops,omitempty"`
	// Ambiguous says why there are several next hops, or why the disposition is unknown.
	Ambiguous Reason `json:"ambiguous,omitzero"`
	// Src is the source address of the packet, if all next hops give the same.
	Src netip.Addr `json:"src,omitzero"`
	// NoSource says that the packet leaves without a source address, because this host has
	// none that fits.
	NoSource bool `json:"no_source,omitempty"`
	// Unassigned says that the destination ends at this host although no device has the
	// address.
	Unassigned bool `json:"unassigned,omitempty"`
	// SentOn says that a received packet leaves again: it is forwarded, or it is a
	// broadcast that is sent on because of bc_forwarding.
	SentOn bool `json:"sent_on,omitempty"`
	// NotSentOn is the device whose network a received broadcast is for, if it is not sent
	// on to that network.
	NotSentOn string `json:"not_sent_on,omitempty"`
	// WayOut is "dead" if there is a route but nothing gets out. Why says why not:
	// "gateway-failed", "target-failed", "own-gateway", "loopback-route", "no-carrier",
	// "no-ipv6", "small-mtu", "device-down" or "bridge-without-port"; and, where the packet was
	// explained, "outer-in-itself", "outer-refused", "outer-on-lo", "outer-source-wrong",
	// "no-peer" or "ipsec-policy".
	WayOut string `json:"way_out,omitempty"`
	Why    Reason `json:"reason,omitzero"`
}

// Refused is the error that a part of all flows gets.
type Refused struct {
	Errno route.Errno `json:"errno"`
	// Share is that part, 0 to 1; absent: it cannot be known.
	Share float64 `json:"share,omitempty"`
}

// WithoutIPv4 is a device whose MTU is too small for IPv4, which takes 68 bytes.
type WithoutIPv4 struct {
	Dev string `json:"dev"`
	MTU uint32 `json:"mtu"`
}

// NextHop is a next hop that the kernel may take.
type NextHop struct {
	Gateway netip.Addr `json:"gateway,omitzero"`
	Dev     string     `json:"dev,omitempty"`
	// Encap is the kind of light-weight tunnel that wraps the packet.
	Encap  string `json:"encap,omitempty"`
	Weight int    `json:"weight,omitempty"`
	// Share is the part of all flows that takes this next hop, 0 to 1; absent: it cannot be
	// known.
	Share float64 `json:"share,omitempty"`
	// Src is the source that a packet without one gets. SrcOneOf is there in its place if
	// it is not known which of several it is.
	Src      netip.Addr   `json:"src,omitzero"`
	SrcOneOf []netip.Addr `json:"src_one_of,omitempty"`
	// NHID is the ID of its next-hop object.
	NHID uint32 `json:"nhid,omitempty"`
	// Neighbour is the state of the gateway's neighbour entry, or of the destination's
	// where there is no gateway; absent: it has none. NeighbourUnread: that is not known.
	Neighbour       string `json:"neighbour,omitempty"`
	NeighbourUnread bool   `json:"neighbour_unread,omitempty"`
	// Stale marks a next hop that the kernel should not use, but may until the next
	// link event.
	Stale bool `json:"stale,omitempty"`
	// RedirectedFrom is the route's own gateway, if the kernel has learnt another one from
	// an ICMP redirect.
	RedirectedFrom netip.Addr `json:"redirected_from,omitzero"`
	// Configured is the route's own gateway, if the packet does not go through it.
	Configured netip.Addr `json:"configured_gateway,omitzero"`
	// Unread says that there is a gateway, but a file does not say which.
	Unread bool `json:"gateway_unread,omitempty"`
	// NoNeighbours says that the device has no neighbours: it is point-to-point, for
	// example a tunnel.
	NoNeighbours bool `json:"no_neighbours,omitempty"`
	// Reach says how the neighbour that gets the frame is reached.
	Reach *Reach `json:"reach,omitempty"`
	// Fault is what is wrong with it.
	Fault Reason `json:"fault,omitzero"`
}

// Reach says how a neighbour is reached: a gateway, or the destination itself.
type Reach struct {
	// Address is the gateway's; absent: it is the destination's.
	Address netip.Addr `json:"address,omitzero"`
	// Dev is the gateway's device; absent: it is the next hop's.
	Dev string `json:"dev,omitempty"`
	// How is one of the codes below.
	How lookup.Code `json:"how"`
	// Network is the network or the host route of the address, for ReachNetwork and
	// ReachRoute.
	Network netip.Prefix `json:"network,omitzero"`
}

// How a neighbour is reached.
const (
	ReachDirect    lookup.Code = "direct"         // it is the destination
	ReachNetwork   lookup.Code = "network"        // it is in a network of the device
	ReachRoute     lookup.Code = "host-route"     // a route to this one address leads there
	ReachRedirect  lookup.Code = "learnt"         // an ICMP redirect named it
	ReachOnLink    lookup.Code = "onlink"         // the route's flag onlink says so
	ReachLinkLocal lookup.Code = "link-local"     // its address is link-local
	ReachUnknown   lookup.Code = "network-unread" // the networks were not read
	ReachNoNetwork lookup.Code = "no-network"     // it is in no network of the device
)

// wayOutDead is the WayOut of a decision if nothing gets out.
const wayOutDead = "dead"

// names finds the names of what a FIB has by numbers.
type names struct {
	fib  *lookup.FIB
	snap *route.Snapshot
}

func namesOf(f *lookup.FIB) names { return names{f, f.Snapshot()} }

// dev is the name of a device; empty for index zero.
func (n names) dev(index int) string {
	if index == 0 {
		return ""
	}
	return n.snap.LinkName(index)
}

// table is the name of a table; empty for table zero.
func (n names) table(t route.Table) string {
	if t == 0 {
		return ""
	}
	return n.snap.Names.Table(t)
}

func (n names) route(r *route.Route) *iproute2.Route {
	if r == nil {
		return nil
	}
	out := iproute2.RouteJSON(n.snap, r)
	return &out
}

func (n names) rule(r *route.Rule) *iproute2.Rule {
	if r == nil {
		return nil
	}
	out := iproute2.RuleJSON(n.snap, r)
	return &out
}

// knowsAddrs reports whether an address that is not there is not the host's.
func (n names) knowsAddrs(fam route.Family) bool {
	return !n.snap.Lacks(route.FactAddrs, fam) && !n.snap.Assumes(route.FactAddrs, fam)
}

// NewDecision is a decision about a packet by names. Gateways tell how the gateways of its
// next hops are reached, in their order; empty: that is left out.
func NewDecision(f *lookup.FIB, flow *route.Flow, d *lookup.Decision, gateways []lookup.Gateway) Decision {
	n := namesOf(f)
	out := Decision{
		Disposition: d.Disposition, Errno: d.Errno, MayRefuse: d.MayRefuse, Default: d.Default(), Shortcut: d.Shortcut,
		Rule: n.rule(d.Rule), Ambiguous: NewReason(d.Ambiguous), Src: d.Src,
		SentOn: d.SentOn(flow), NotSentOn: n.dev(d.Kept(flow)), Why: NewReason(f.DeadEnd(flow, d)),
	}
	if n.knowsAddrs(flow.Family()) {
		out.ProgramErrno = f.ProgramErrno(flow, d)
	}
	if d.SomeRefused != 0 {
		out.SomeRefused = &Refused{d.SomeRefused, d.RefusedShare}
	}
	if d.HasRoute {
		out.Route = n.route(&d.Route)
	}
	if d.Shortcut == lookup.ShortcutNoIPv4 {
		out.WithoutIPv4 = n.withoutIPv4(flow, d)
	}
	if out.Why.Code != "" {
		out.WayOut = wayOutDead
	}
	for i := range d.NextHops {
		h := n.nextHop(flow, d, &d.NextHops[i])
		if i < len(gateways) {
			n.reached(&h, &gateways[i])
		}
		out.NextHops = append(out.NextHops, h)
	}
	if d.Disposition == lookup.DispositionLocal && n.knowsAddrs(flow.Family()) {
		dst := flow.Dst.WithZone("")
		out.Unassigned = !slices.ContainsFunc(n.snap.Addrs, func(a route.Addr) bool { return a.Prefix.Addr() == dst })
	}
	hidden := d.HasRoute && d.Route.Flags&route.FlagNoSource != 0
	out.NoSource = flow.In == 0 && !hidden && !d.Src.IsValid() && len(d.NextHops) == 1 && d.NextHops[0].SrcOneOf == nil && n.knowsAddrs(flow.Family())
	return out
}

func (n names) nextHop(flow *route.Flow, d *lookup.Decision, w *lookup.NextHop) NextHop {
	h := NextHop{
		Gateway: w.Gateway, Dev: n.dev(w.Link), Weight: w.Via.Weight, Share: w.Share, Src: w.Src, SrcOneOf: w.SrcOneOf,
		NHID: w.Object, Stale: w.Stale, Unread: w.Via.Flags&route.NextHopUnread != 0, Fault: NewReason(n.fib.NextHopHealth(flow, d, w)),
	}
	if w.Via.Encap != 0 {
		h.Encap = w.Via.Encap.String()
	}
	if w.SrcOneOf != nil {
		h.Src = netip.Addr{}
	}
	switch {
	case w.Redirected:
		h.RedirectedFrom = w.Via.Gateway
	case w.Via.Gateway != w.Gateway:
		h.Configured = w.Via.Gateway
	}
	if l := n.snap.Link(w.Link); l != nil {
		h.NoNeighbours = l.Flags&(route.LinkPointopoint|route.LinkNoARP) != 0
	}
	return h
}

// reached adds how a next hop's neighbour is reached.
func (n names) reached(h *NextHop, g *lookup.Gateway) {
	if !g.Addr.IsValid() {
		return
	}
	h.Reach = n.reach(g)
	h.Reach.Dev = ""
	if g.HasState {
		h.Neighbour = g.State.String()
	} else {
		h.NeighbourUnread = n.snap.Lacks(route.FactNeighbours, route.FamilyOf(g.Addr))
	}
}

func (n names) reach(g *lookup.Gateway) *Reach {
	r := &Reach{Address: g.Addr, Dev: n.dev(g.Link)}
	switch {
	case g.Direct:
		r.How, r.Address = ReachDirect, netip.Addr{}
	case g.HasOnLink && g.OnLinkBy.IsSingleIP():
		r.How, r.Network = ReachRoute, g.OnLinkBy
	case g.HasOnLink:
		r.How, r.Network = ReachNetwork, g.OnLinkBy
	case g.Redirected:
		r.How = ReachRedirect
	case g.Forced:
		r.How = ReachOnLink
	case g.Addr.IsLinkLocalUnicast():
		r.How = ReachLinkLocal
	case g.OnLinkUnknown:
		r.How = ReachUnknown
	default:
		r.How = ReachNoNetwork
	}
	return r
}

// withoutIPv4 finds the device whose MTU is too small: the device that was asked for, that
// of a next hop, or lo, through which packets to this host itself go.
func (n names) withoutIPv4(flow *route.Flow, d *lookup.Decision) *WithoutIPv4 {
	links := []int{flow.In, flow.Out}
	if d.Disposition == lookup.DispositionInvalid && d.Route.Type != route.TypeLocal {
		for i := range d.Route.NextHops {
			links = append(links, d.Route.NextHops[i].Link)
		}
	}
	if id := d.Route.NextHopID; id != 0 {
		for i := range n.snap.NextHops {
			if o := &n.snap.NextHops[i]; o.ID == id {
				links = append(links, o.NextHop.Link)
			}
		}
	}
	for _, index := range append(links, route.LoopbackIndex) {
		if l := n.snap.Link(index); l != nil && !n.snap.HasIPv4(l) {
			return &WithoutIPv4{l.Name, l.MTU}
		}
	}
	return &WithoutIPv4{Dev: n.snap.LinkName(route.LoopbackIndex)}
}
