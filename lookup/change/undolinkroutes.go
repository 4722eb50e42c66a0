package change

import (
	"cmp"
	"net/netip"
	"slices"

	"routewhy/route"
)

// linkRoutes reports whether all routes of a group are those that the kernel makes for each
// device that has IPv6: fe80::/64 and ff00::/8 (addrconf_add_linklocal,
// addrconf_add_mroute). A packet there that names its device takes the route of this device,
// wherever that stands. Only a packet that names none takes the first one. So the way back does
// not restore the order of these routes: a new IPv6 route comes last, and each other device
// would lose its route for some time.
func linkRoutes(dst netip.Prefix, group []*route.Route) bool {
	return ofEachDevice(dst) && !slices.ContainsFunc(group, func(r *route.Route) bool {
		return r.Protocol != route.ProtocolKernel || r.NextHopID != 0 || len(r.NextHops) != 1 || r.NextHops[0].Gateway.IsValid()
	})
}

// ofEachDevice reports whether a prefix is one for which the kernel makes a route for each
// device.
func ofEachDevice(dst netip.Prefix) bool {
	return dst == netip.MustParsePrefix("fe80::/64") || dst == netip.MustParsePrefix("ff00::/8")
}

// sorted brings the routes to a prefix into an order that is the same whenever the way back
// would leave them as they are: the order among different sources has no meaning, and that of
// linkRoutes is not restored.
func (p spot) sorted(list []*route.Route) []*route.Route {
	list = bySource(list)
	for i := 0; i < len(list); {
		n := i + 1
		for n < len(list) && groupOf(list[n]) == groupOf(list[i]) {
			n++
		}
		if part := list[i:n]; linkRoutes(p.dst, part) {
			slices.SortStableFunc(part, func(a, b *route.Route) int { return cmp.Compare(a.NextHops[0].Link, b.NextHops[0].Link) })
		}
		i = n
	}
	return list
}

// arrangeLinkRoutes deletes the superfluous routes of a group, and adds the missing ones.
func (u *undoer) arrangeLinkRoutes(p spot, want, have []*route.Route) {
	lacks := func(list []*route.Route, r *route.Route) bool {
		return !slices.ContainsFunc(list, func(x *route.Route) bool { return alikeNow(x, r) })
	}
	for _, r := range have {
		if lacks(want, r) {
			u.remove(p, r)
		}
	}
	for _, r := range want {
		if lacks(have, r) {
			u.do(requestRoute(Append, p, r))
		}
	}
}

// leftFirst names the devices that packets to fe80::/64 and ff00::/8 took that name no device,
// if they take another one now.
func (u *undoer) leftFirst() (list []Leftover) {
	for _, p := range u.order {
		was := firstLink(u.want, p)
		if !ofEachDevice(p.dst) || !u.inPlace(p) || was == firstLink(u.now, p) {
			continue
		}
		x := Leftover{Code: LeftFirst, Prefix: p.dst, Dev: u.wanted().LinkName(was)}
		at := slices.IndexFunc(list, func(l Leftover) bool { return l.Dev == x.Dev })
		switch {
		case at < 0:
			list = append(list, x)
		case list[at].Prefix != x.Prefix:
			list[at].Prefix = netip.Prefix{}
		}
	}
	return list
}

// firstLink is the device of the first route to a prefix by which packets can leave; zero:
// there is none.
func firstLink(s *State, p spot) int {
	for _, r := range s.fib.Edit().At(p.table, p.dst) {
		if r.Src.Bits() > 0 {
			continue
		}
		for _, h := range r.NextHops {
			if h.Flags&route.NextHopDead == 0 {
				return h.Link
			}
		}
	}
	return 0
}
