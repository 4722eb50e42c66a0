package report

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"routewhy/lookup"
	"routewhy/lookup/listen"
	"routewhy/lookup/special"
	"routewhy/route"
)

// Zero is what the zero address means on a host: as a destination, which is the
// explanation, and elsewhere.
type Zero struct {
	Explanation
	Facts ZeroFacts `json:"zero"`
}

// ZeroFacts are the zero address in routes, in what sockets listen on, as a source, and in
// the columns of route(8).
type ZeroFacts struct {
	// Defaults are the entries of the family's /0, Halves those of the two /1 (0.0.0.0/1 and
	// 128.0.0.0/1), Host those of the zero address alone, and Network those of 0.0.0.0/8.
	Defaults []Entry `json:"defaults"`
	Halves   []Entry `json:"halves"`
	Host     []Entry `json:"host"`
	Network  []Entry `json:"network,omitempty"`
	// RoutesUnread says that no route of the family is known, and DefaultUnknown that there
	// may be a default route in a table that is not.
	RoutesUnread   bool `json:"routes_unread,omitempty"`
	DefaultUnknown bool `json:"default_unknown,omitempty"`
	// ConnectErrno is what connect(2) to the zero address gives because this host does not
	// have its loopback address, or does not let packets to it out.
	ConnectErrno route.Errno `json:"connect_errno,omitzero"`
	// Meant are the commands of the default routes that were probably meant, in the order of
	// Host.
	Meant []string `json:"meant,omitempty"`
	// Listening are the sockets that take packets of the family; absent: they are not known.
	// ListeningUnread says why not all of them are.
	Listening       []Socket `json:"listening,omitzero"`
	ListeningUnread string   `json:"listening_unread,omitempty"`
	// Localnet are the devices on which route_localnet lets neighbours reach the loopback
	// addresses of IPv4. LocalnetUnread says that the setting was not read.
	Localnet       []string `json:"localnet,omitempty"`
	LocalnetUnread bool     `json:"localnet_unread,omitempty"`
	// Unreached says why no other host reaches a socket on the zero address; absent: others
	// may.
	Unreached lookup.Code `json:"unreached,omitempty"`
	// NoAddress are the devices that are up and have no address of the family, or none of
	// IPv6 that may be used yet; absent: it is not known which.
	NoAddress []string `json:"no_address,omitzero"`
	// RouteLines are the lines of `route -n` with a zero in them.
	RouteLines []RouteLine `json:"columns,omitempty"`
	// Standards are the documents about the address.
	Standards []Document `json:"standards"`
}

// RouteLine is a line of route(8) with a zero in it.
type RouteLine struct {
	Destination string `json:"destination"`
	Gateway     string `json:"gateway"`
	Genmask     string `json:"genmask"`
	Flags       string `json:"flags"`
	Metric      uint32 `json:"metric"`
	Iface       string `json:"iface"`
	// Type is the route's where it refuses.
	Type string `json:"type,omitempty"`
	// GatewayIPv6 says that the gateway is of IPv6, for which the line has no place.
	GatewayIPv6 bool `json:"gateway_ipv6,omitempty"`
	// Means is what the zeros mean, in words; printers of text set it.
	Means string `json:"means,omitempty"`
}

// Document is a standard.
type Document struct {
	Document string `json:"document"`
	Section  string `json:"section,omitempty"`
}

// ZeroAddr is the zero address of a family.
func ZeroAddr(f route.Family) netip.Addr {
	if f == route.IPv4 {
		return netip.IPv4Unspecified()
	}
	return netip.IPv6Unspecified()
}

// NewZero adds to the explanation of the zero address as a destination what a FIB tells
// that has all routes, and the sockets that listen.
func NewZero(e *Explanation, whole *lookup.FIB) *Zero {
	n, fam := namesOf(whole), e.Query.Family()
	zero, pair := ZeroAddr(fam), lookup.SlashOnePair(fam)
	entries := func(p netip.Prefix) []Entry { return NewEntries(whole, whole.EntryStatuses(p)) }
	z := &Zero{Explanation: *e, Facts: ZeroFacts{
		Defaults: entries(fam.Default()), Halves: append(entries(pair[0]), entries(pair[1])...),
		Host:         entries(netip.PrefixFrom(zero, zero.BitLen())),
		RoutesUnread: n.snap.Lacks(route.FactRoutes, fam), DefaultUnknown: whole.Covering(fam.Default()).Disposition == lookup.DispositionUnknown,
		Unreached: n.unreached(whole, fam), Listening: n.listening(fam), ListeningUnread: n.whyLacks(route.FactSockets), NoAddress: n.bare(fam),
	}}
	f := &z.Facts
	f.ConnectErrno = connectsToLoopback(whole, fam)
	if fam == route.IPv4 {
		f.Network, f.RouteLines = entries(netip.PrefixFrom(zero, 8)), n.routeLines()
		f.LocalnetUnread = n.snap.Lacks(route.FactSysctls, route.IPv4)
		for _, index := range listen.NewHost(whole).Localnet() {
			f.Localnet = append(f.Localnet, n.dev(index))
		}
	}
	for i := range f.Host {
		f.Meant = append(f.Meant, meant(&f.Host[i]))
	}
	known, _ := special.Of(zero)
	for _, d := range known.Documents {
		f.Standards = append(f.Standards, Document{d.Name, d.Section})
	}
	if why := n.whyLacks(route.FactProcesses); why != "" {
		z.Warnings = append(z.Warnings, NewRemark(RemarkProcesses, "", why))
	}
	return z
}

// connectsToLoopback is what connect(2) to a family's zero address gives. It is made to
// 127.0.0.1 or ::1 instead, and IPv4 looks that up from the same address.
func connectsToLoopback(whole *lookup.FIB, f route.Family) route.Errno {
	flow := route.Flow{Dst: listen.Loopback(ZeroAddr(f))}
	if f == route.IPv4 {
		flow.Src = flow.Dst
	}
	d := whole.Lookup(flow)
	return cmp.Or(whole.ProgramErrno(&flow, &d), d.Errno)
}

// Why no other host reaches a socket that is bound to the zero address.
const (
	UnreachedNoAddress lookup.Code = "no-address" // this host has no address of the family but loopback
	UnreachedNoDevice  lookup.Code = "no-uplink"  // nothing comes in by any device
)

// unreached says why no other host reaches a socket that is bound to the zero address; empty:
// others may. One that is bound to :: takes IPv4 too.
func (n names) unreached(whole *lookup.FIB, fam route.Family) lookup.Code {
	host := listen.NewHost(whole)
	switch {
	case !n.knowsAddrs(fam) || n.snap.Lacks(route.FactLinks, 0):
	case host.Uplinks() == 0:
		return UnreachedNoDevice
	case !host.External(fam) && (fam == route.IPv4 || !host.External(route.IPv4)):
		return UnreachedNoAddress
	}
	return ""
}

// Status is what the page comes to: its answer is usable whatever a look-up of :: itself
// finds, which nobody makes.
func (z *Zero) Status() Status {
	switch {
	case z.Disagreement() != nil:
		return StatusDisagrees
	case z.Facts.ConnectErrno != 0:
		return StatusNoRoute
	case z.Query.Family() == route.IPv4 && z.WayOut != "": // lo is down
		return StatusNoRoute
	}
	return StatusAnswered
}

// whyLacks says why a fact is not known as a whole; empty: it is.
func (n names) whyLacks(f route.Fact) string {
	for _, g := range n.snap.Gaps {
		if g.Fact == f {
			return g.Why
		}
	}
	return ""
}

// listening are the listening sockets that take packets of a family; nil: they were not
// read.
func (n names) listening(fam route.Family) []Socket {
	var out []Socket
	for i := range n.snap.Sockets {
		x := &n.snap.Sockets[i]
		is4 := x.Family == route.IPv4 || x.Local.Addr().Is4In6()
		if x.Listens() && (is4 == (fam == route.IPv4) || fam == route.IPv4 && x.DualStack()) {
			out = append(out, NewSocket(n.snap, x))
		}
	}
	if out == nil && !n.snap.Lacks(route.FactSockets, 0) {
		out = []Socket{}
	}
	return out
}

// bare are the devices that are up and have no address of a family, or of IPv6 none that
// may be used yet; nil: it is not known.
func (n names) bare(fam route.Family) []string {
	if !n.knowsAddrs(fam) || n.snap.Lacks(route.FactLinks, 0) {
		return nil
	}
	with := map[int]bool{}
	for i := range n.snap.Addrs {
		if a := &n.snap.Addrs[i]; route.FamilyOf(a.Prefix.Addr()) == fam && (a.Prefix.Addr().Is4() || a.Flags&route.AddrTentative == 0) {
			with[a.Link] = true
		}
	}
	out := []string{}
	for i := range n.snap.Links {
		if l := &n.snap.Links[i]; l.Up() && l.Flags&route.LinkLoopback == 0 && l.Master == 0 && !with[l.Index] {
			out = append(out, l.Name)
		}
	}
	return out
}

// meant is the command that makes a default route of a host route for the zero address.
func meant(e *Entry) string {
	r := &e.Route
	cmd := "ip -6 route add ::/0 "
	if r.Is4() {
		cmd = "ip route add 0.0.0.0/0 "
	}
	bare := *r
	bare.TOS, bare.PrefSrc, bare.Pref, bare.Metrics = "", "", "", nil
	cmd = strings.TrimSpace(cmd + bare.Way() + " " + bare.Attributes())
	if r.Table != "main" {
		cmd += " table " + string(r.Table)
	}
	return cmd
}

// routeLines are this host's own lines of `route -n` (from /proc/net/route, see
// fib_route_seq_show in net/ipv4/fib_trie.c) that have a zero in them. There,
// table main alone is shown, of several next hops the first, and no broadcast.
func (n names) routeLines() []RouteLine {
	var routes []route.Route
	for in := range n.fib.InTable(route.IPv4, route.TableMain) {
		if in.Type != route.TypeBroadcast && in.Type != route.TypeMulticast && hasZero(in) {
			routes = append(routes, *in)
		}
	}
	slices.SortStableFunc(routes, func(a, b route.Route) int {
		return cmp.Or(a.Dst.Addr().Compare(b.Dst.Addr()), cmp.Compare(b.Dst.Bits(), a.Dst.Bits()))
	})
	var out []RouteLine
	for i := range routes {
		out = append(out, n.routeLine(&routes[i]))
	}
	return out
}

// hasZero reports whether a route's line has 0.0.0.0 in it, as its destination or for
// want of a gateway.
func hasZero(r *route.Route) bool {
	if len(r.NextHops) == 0 || r.Dst.Addr().IsUnspecified() {
		return true
	}
	gateway := r.NextHops[0].Gateway
	return !gateway.Is4() || gateway.IsUnspecified()
}

const zero4 = "0.0.0.0"

func (n names) routeLine(r *route.Route) RouteLine {
	c := RouteLine{
		Destination: r.Dst.Addr().String(), Gateway: zero4, Genmask: netmask(r.Dst.Bits()),
		Flags: "U", Metric: r.Metric, Iface: "*",
	}
	var hop route.NextHop
	if len(r.NextHops) > 0 {
		hop = r.NextHops[0]
	}
	if hop.Link != 0 {
		c.Iface = n.dev(hop.Link)
	}
	if hop.Gateway.Is4() {
		c.Gateway = hop.Gateway.String()
		c.Flags += "G"
	}
	if r.Dst.IsSingleIP() {
		c.Flags += "H"
	}
	if r.Type == route.TypeUnreachable || r.Type == route.TypeProhibit {
		c.Flags = strings.Replace(c.Flags, "U", "!", 1)
	}
	if r.Type.Refuses() {
		c.Type = r.Type.String()
	}
	c.GatewayIPv6 = len(r.NextHops) == 1 && hop.Gateway.Is6()
	return c
}

// netmask is the mask of IPv4 that has so many leading ones.
func netmask(bits int) string {
	ones := netip.AddrFrom4([4]byte{255, 255, 255, 255})
	return netip.PrefixFrom(ones, bits).Masked().Addr().String()
}
