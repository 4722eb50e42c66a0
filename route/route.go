package route

import (
	"net/netip"
	"slices"
	"time"
)

// Route is one entry of one table: a destination prefix, what to do with packets
// to it, and where to send them. Two entries of a table are the same for the kernel
// (and `ip route add` refuses the second) if Dst, TOS and Metric are equal. For
// IPv6, Src must be equal too, and TOS does not matter.
type Route struct {
	Table Table `json:"table"`
	// Dst is the destination prefix, masked; 0.0.0.0/0 and ::/0 are the
	// default routes. It is always valid.
	Dst netip.Prefix `json:"dst"`
	// Src is the source prefix of an IPv6 source-specific route (`from` in
	// ip-route(8)). The zero Prefix: any source.
	Src netip.Prefix `json:"from,omitzero"`
	// TOS selects packets by their TOS (IPv4); zero: any.
	TOS uint8 `json:"tos,omitzero"`
	// Metric is what the kernel calls the priority; the lower one wins. If no
	// metric was given, IPv4 routes have 0 and IPv6 routes 1024.
	Metric   uint32   `json:"metric,omitzero"`
	Type     Type     `json:"type"`
	Scope    Scope    `json:"scope,omitzero"`
	Protocol Protocol `json:"protocol,omitzero"`
	// PrefSrc is the source address that the route prescribes (`src`). The
	// zero Addr: none.
	PrefSrc netip.Addr `json:"prefsrc,omitzero"`
	// Pref is the RFC 4191 router preference (IPv6).
	Pref Preference `json:"pref,omitzero"`
	// Flags are the flags of the entry itself. The flags of its next hops are
	// in NextHops.
	Flags RouteFlags `json:"flags,omitzero"`
	// Expires is the time that is left. It is negative if the time has passed
	// and the kernel has not yet deleted the entry. Zero: does not expire.
	Expires time.Duration `json:"expires_ns,omitzero"`
	// NextHops are the ways to the destination, in the kernel's order. They
	// are empty for a route that only names a next-hop object: then the ways
	// are in that object, in the snapshot's NextHops.
	NextHops []NextHop `json:"nexthops,omitempty"`
	// NextHopID is the ID of the route's next-hop object; zero: none.
	NextHopID uint32 `json:"nhid,omitzero"`
	// Metrics are the path metrics (RTAX_*), such as the MTU, by their numbers.
	Metrics []Metric `json:"metrics,omitempty"`
	// Unknown are the attributes that routewhy does not know.
	Unknown []Attr `json:"unknown,omitempty"`
}

// Family is the family of the destination.
func (r *Route) Family() Family { return FamilyOf(r.Dst.Addr()) }

// IsDefault reports whether the route is 0.0.0.0/0 or ::/0.
func (r *Route) IsDefault() bool { return r.Dst.Bits() == 0 }

// Clone returns a copy that shares nothing with the route.
func (r *Route) Clone() Route {
	c := *r
	c.NextHops, c.Metrics, c.Unknown = slices.Clone(r.NextHops), slices.Clone(r.Metrics), slices.Clone(r.Unknown)
	return c
}

// RouteFlags are the flags of a route entry (RTM_F_*).
type RouteFlags uint32

// The route flags that have a meaning here.
const (
	FlagCloned        RouteFlags = 0x200   // RTM_F_CLONED: a learnt exception, not a table entry
	FlagOffload       RouteFlags = 0x4000  // RTM_F_OFFLOAD
	FlagTrap          RouteFlags = 0x8000  // RTM_F_TRAP
	FlagOffloadFailed RouteFlags = 1 << 29 // RTM_F_OFFLOAD_FAILED
)

// Flags that are not the kernel's. They say what a file does not tell of a route.
const (
	// FlagOdd says that a part of the route was not understood. The fields that
	// are set are true, but the route has more.
	FlagOdd RouteFlags = 1 << 30
	// FlagNoMetric says that the file does not give the metric. It matters,
	// because the table has other routes to the same prefix, and the metric
	// decides between them.
	FlagNoMetric RouteFlags = 1 << 28
	// FlagNoSource says that the route prescribes a source, but that the source
	// could not be read.
	FlagNoSource RouteFlags = 1 << 27
	// FlagNoType says that the route refuses packets, but not how: it may be of another type
	// that refuses than it has here and, in IPv6, of type throw.
	FlagNoType RouteFlags = 1 << 26
	// FlagByProgram says that a program made the route, and not the kernel, although
	// [Route.LooksAdvertised].
	FlagByProgram RouteFlags = 1 << 25
)

// metricAdvertised is the metric of the routes that the kernel makes from router
// advertisements (IP6_RT_PRIO_USER). Network managers use others.
const metricAdvertised = 1024

// LooksAdvertised reports whether an IPv6 route has all that a dump shows of one that the
// kernel itself made from a router advertisement. A program may have made it so too.
func (r *Route) LooksAdvertised() bool {
	return r.Dst.IsValid() && r.Dst.Addr().Is6() && r.Protocol == ProtocolRA && r.Metric == metricAdvertised && r.Expires != 0 && r.NextHopID == 0 &&
		len(r.NextHops) > 0 && r.NextHops[0].Gateway.IsValid()
}

// NextHop is one way out: a device and, unless the destination is on-link, a
// gateway.
type NextHop struct {
	// Gateway is the next router's address; it may be of the other family
	// (`via inet6`). The zero Addr: the destination itself is on the link.
	Gateway netip.Addr `json:"gateway,omitzero"`
	// Link is the index of the output device; zero: none (a route that
	// refuses has none in IPv4, lo in IPv6).
	Link int `json:"link,omitzero"`
	// Weight is the share of the traffic among the members of a multipath
	// route, 1 or more. It is zero where there is nothing to share.
	Weight int          `json:"weight,omitzero"`
	Flags  NextHopFlags `json:"flags,omitzero"`
	// Encap is the kind of light-weight tunnel (LWTUNNEL_ENCAP_*); zero: none.
	Encap Encap `json:"encap,omitzero"`
	// Realm is the destination realm (`realm`); zero: none.
	Realm uint32 `json:"realm,omitzero"`
}

// NextHopFlags are the flags of a next hop (RTNH_F_*).
type NextHopFlags uint32

// The next-hop flags.
const (
	NextHopDead       NextHopFlags = 0x01 // cannot be used
	NextHopPervasive  NextHopFlags = 0x02
	NextHopOnLink     NextHopFlags = 0x04 // gateway taken as on-link without a check
	NextHopOffload    NextHopFlags = 0x08
	NextHopLinkDown   NextHopFlags = 0x10 // the device has no carrier
	NextHopUnresolved NextHopFlags = 0x20
	NextHopTrap       NextHopFlags = 0x40
	// NextHopUnread is not a flag of the kernel's. It says that there is a gateway, but
	// that a file does not tell which.
	NextHopUnread NextHopFlags = 1 << 16
	// NextHopDirect is not a flag of the kernel's, because the kernel does not show this.
	// It says that the gateway of an IPv4 route was an address of this host, but not of
	// the device, when the route was made. Packets then go straight to the device.
	NextHopDirect NextHopFlags = 1 << 17
)

// Encap is the kind of a light-weight tunnel (enum lwtunnel_encap_types).
type Encap uint16

var encapNames = [...]string{"none", "mpls", "ip", "ila", "ip6", "seg6", "bpf", "seg6local", "rpl", "ioam6", "xfrm"}

func (e Encap) String() string { return enumName(encapNames[:], int(e)) }

// Metric is one path metric of a route (RTAX_*): 2 is the MTU, 8 the advertised
// MSS. Units are the kernel's.
type Metric struct {
	ID    uint16 `json:"id"`
	Value uint32 `json:"value"`
	// Text is the name of the congestion control, for MetricCongestion alone.
	Text string `json:"text,omitzero"`
	// Lock says that the kernel may not change the value (`mtu lock`).
	Lock bool `json:"lock,omitzero"`
}

// MetricMTU is RTAX_MTU, in bytes.
const MetricMTU = 2

// MetricCongestion is RTAX_CC_ALGO, the TCP congestion control. It is the only metric that
// is a name.
const MetricCongestion = 16

var metricNames = [...]string{
	"unspec", "lock", "mtu", "window", "rtt", "rttvar", "ssthresh", "cwnd", "advmss",
	"reordering", "hoplimit", "initcwnd", "features", "rto_min", "initrwnd", "quickack",
	"congctl", "fastopen_no_cookie",
}

// Name is the metric's name in ip-route(8).
func (m Metric) Name() string { return enumName(metricNames[:], int(m.ID)) }

// Attr is a netlink attribute that was not understood. It is kept so that the
// verdict can mention it.
type Attr struct {
	Type uint16 `json:"type"`
	Data []byte `json:"data,omitempty"`
}

// NextHopObject is a next hop that has its own ID and that several routes can use,
// or a group of such next hops (ip-nexthop(8)).
type NextHopObject struct {
	ID     uint32 `json:"id"`
	Family Family `json:"family,omitzero"` // zero for a group
	// NextHop is where packets go, for an object that is not a group.
	NextHop   NextHop `json:"nexthop,omitzero"`
	Blackhole bool    `json:"blackhole,omitzero"`
	// FDB marks objects of the bridge forwarding database; no route uses them.
	FDB bool `json:"fdb,omitzero"`
	// Group are the members of a group, in their order; empty: not a group.
	Group []GroupMember `json:"group,omitempty"`
	// Resilient says that the group maps flows through a bucket table.
	Resilient bool `json:"resilient,omitzero"`
	// Buckets is the size of that table.
	Buckets  int      `json:"buckets,omitzero"`
	Protocol Protocol `json:"protocol,omitzero"`
	Unknown  []Attr   `json:"unknown,omitempty"`
}

// GroupMember is one next-hop object in a group.
type GroupMember struct {
	ID     uint32 `json:"id"`
	Weight int    `json:"weight"` // from 1
}
