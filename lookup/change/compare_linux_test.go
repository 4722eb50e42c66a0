package change_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"routewhy/lookup/change"
	"routewhy/route"
)

// snapshotOf is a state's snapshot with its routes.
func snapshotOf(s *change.State) *route.Snapshot {
	snap := *s.FIB().Snapshot()
	snap.Routes = nil
	e := s.FIB().Edit()
	for _, f := range []route.Family{route.IPv4, route.IPv6} {
		for _, id := range e.Tables(f) {
			e.Routes(f, id, func(dst netip.Prefix, list []*route.Route) bool {
				for _, r := range list {
					full := *r
					full.Dst = dst
					snap.Routes = append(snap.Routes, full)
				}
				return true
			})
		}
	}
	return &snap
}

// compare names what differs between the state that the engine expects and the
// kernel's.
func compare(want, have *route.Snapshot) []string {
	var faults []string
	faults = append(faults, diff("route", routeLines(skipped(want.Routes)), routeLines(skipped(have.Routes)))...)
	faults = append(faults, diff("rule", jsonLines(listed(want.Rules), nil), jsonLines(listed(have.Rules), nil))...)
	faults = append(faults, diff("address", jsonLines(want.Addrs, forgetTime), jsonLines(have.Addrs, forgetTime))...)
	faults = append(faults, diff("link", jsonLines(want.Links, oneDown), jsonLines(have.Links, foreseen(want)))...)
	faults = append(faults, diff("nexthop", jsonLines(want.NextHops, forgetDirect), jsonLines(have.NextHops, forgetDirect))...)
	faults = append(faults, neighbourFaults(neighbours(want), neighbours(have))...)
	for path, v := range have.Sysctls {
		if w, ok := want.Sysctls[path]; ok && w != v { // of a new device not all is known
			faults = append(faults, fmt.Sprintf("%s: %q, the kernel %q", path, w, v))
		}
	}
	if want.Merged != have.Merged && want.Merged != route.Unknown && have.Merged != route.Unknown {
		faults = append(faults, fmt.Sprintf("merged: %v, the kernel %v", want.Merged, have.Merged))
	}
	return faults
}

// skipped is a list without the routes that a dump may leave out. The next hops of an IPv6
// route are routes of their own in the kernel (fib6_siblings). After the first of them, a
// dump goes on after the last one (fib6_dump_node: list_last_entry). It leaves out what was
// added between them, of the same prefix and metric: a route that refuses packets, or that
// has no gateway. Where the last one is, it does not tell, so that what comes after it is left
// out here too.
func skipped(list []route.Route) []route.Route {
	type place struct {
		table    route.Table
		dst, src netip.Prefix
		metric   uint32
	}
	several := map[place]bool{}
	var out []route.Route
	for i := range list {
		r := &list[i]
		at := place{r.Table, r.Dst, r.Src, r.Metric}
		if r.Dst.Addr().Is6() && several[at] {
			continue
		}
		several[at] = several[at] || len(r.NextHops) > 1 && r.NextHopID == 0
		out = append(out, *r)
	}
	return out
}

// neighbours are the neighbours that can be compared. Those of a bridge disappear when the
// bridge's hardware address changes with its ports (br_stp_recalculate_bridge_id, which a
// dump does not show: it takes the least address of the ports).
func neighbours(s *route.Snapshot) []route.Neighbour {
	return slices.DeleteFunc(slices.Clone(s.Neighbours), func(n route.Neighbour) bool {
		l := s.Link(n.Link)
		return n.Addr.IsMulticast() || l != nil && l.Kind == "bridge"
	})
}

// neighbourFaults names the differences between neighbours. Those that are not permanent
// change by themselves (neigh_timer_handler), and may disappear at any time
// (neigh_periodic_work, neigh_forced_gc). Each packet to an address of the host itself makes
// an entry of the loopback device, which asks nobody (ndisc_constructor): NOARP.
func neighbourFaults(want, have []route.Neighbour) (faults []string) {
	find := func(list []route.Neighbour, n route.Neighbour) (route.NeighbourState, bool) {
		i := slices.IndexFunc(list, func(x route.Neighbour) bool { return x.Link == n.Link && x.Addr == n.Addr })
		if i < 0 {
			return 0, false
		}
		return list[i].State, true
	}
	for _, n := range want {
		const unsteady = route.NeighbourIncomplete | route.NeighbourDelay | route.NeighbourProbe
		if n.State&unsteady != 0 {
			continue
		}
		state, ok := find(have, n)
		if n.State == route.NeighbourPermanent && state != n.State || ok && (state.Valid() != n.State.Valid()) {
			faults = append(faults, fmt.Sprintf("neighbour %+v, the kernel: %v, %s", n, ok, state))
		}
	}
	for _, n := range have {
		if n.Link == route.LoopbackIndex && n.State == route.NeighbourNoARP {
			continue
		}
		if _, ok := find(want, n); !ok {
			faults = append(faults, fmt.Sprintf("%s%+v", aloneNeighbour, n))
		}
	}
	return faults
}

// aloneNeighbour begins the fault of a neighbour that was not expected.
const aloneNeighbour = "neighbour that the kernel alone has: "

// listed leaves out the deleted rules that IPv6 still uses. If there is no address to
// ask about, a reading does not find them.
func listed(rules []route.Rule) []route.Rule {
	return slices.DeleteFunc(slices.Clone(rules), func(r route.Rule) bool { return r.Implied })
}

// forgetTime removes what changes only with time.
func forgetTime(a *route.Addr) {
	if a.ValidLft != route.ForeverLft {
		a.ValidLft = time.Minute
	}
	if a.PreferredLft != route.ForeverLft && a.PreferredLft != 0 {
		a.PreferredLft = time.Minute
	}
}

// oneDown treats the two states of a device without carrier as one. Which of them a veth
// gets depends on when the kernel looks at its other end (default_operstate). It leaves out
// whether a device takes all packets: a VRF stores for good what the device had at that time
// for a macvlan or a bridge (cycle_netdev hands dev->flags to dev_change_flags), and no dump
// shows that before (dev_get_flags). It decides about no route.
func oneDown(l *route.Link) {
	const promiscuous = 0x100
	l.Flags &^= promiscuous
	if l.Kind == "bridge" { // it follows from the ports
		l.LinkLocal = netip.Addr{}
	}
	const down, lowerLayerDown = 2, 3
	if l.OperState == lowerLayerDown {
		l.OperState = down
	}
}

// foreseen is oneDown, without the carriers of devices that are down where they are not
// foreseen, because drivers differ.
func foreseen(want *route.Snapshot) func(*route.Link) {
	return func(l *route.Link) {
		oneDown(l)
		if w := want.Link(l.Index); w != nil && !w.LinkLocal.IsValid() { // a random one, mostly
			l.LinkLocal = netip.Addr{}
		}
		if w := want.Link(l.Index); w != nil && w.IdleCarrier == route.Unknown && w.Up() == l.Up() {
			l.IdleCarrier = route.Unknown
		}
	}
}

// forgetDirect removes what the kernel does not tell, and what a state on paper may have.
func forgetDirect(o *route.NextHopObject) { o.NextHop.Flags &^= route.NextHopDirect }

func jsonLines[T any](list []T, change func(*T)) []string {
	lines := make([]string, len(list))
	for i, v := range list {
		if change != nil {
			change(&v)
		}
		b, err := json.Marshal(v)
		if err != nil {
			panic(err)
		}
		lines[i] = string(b)
	}
	return lines
}

// routeLines are routes by table and prefix, in the kernel's order within each.
func routeLines(list []route.Route) []string {
	list = slices.DeleteFunc(slices.Clone(list), func(r route.Route) bool { return r.Expires < 0 })
	slices.SortStableFunc(list, func(a, b route.Route) int {
		return cmp.Or(cmp.Compare(a.Family(), b.Family()), cmp.Compare(a.Table, b.Table), a.Dst.Addr().Compare(b.Dst.Addr()), cmp.Compare(a.Dst.Bits(), b.Dst.Bits()),
			cmp.Compare(a.Src.Bits(), b.Src.Bits()), a.Src.Addr().Compare(b.Src.Addr()))
	})
	lines := make([]string, len(list))
	for i := range list {
		lines[i] = routeText(&list[i])
	}
	return lines
}

func routeText(r *route.Route) string {
	c := r.Clone()
	if c.Expires != 0 {
		c.Expires = time.Minute
	}
	if len(c.NextHops) == 1 { // which few dumps show
		c.NextHops[0].Weight = 0
	}
	if c.NextHopID != 0 { // nexthop_compat_mode decides whether a dump shows the object's
		c.NextHops = nil
	}
	for i := range c.NextHops {
		c.NextHops[i].Flags &^= route.NextHopDirect
	}
	b, err := json.Marshal(c)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// diff names the lines that only one of two lists has, or that both have in another
// order.
func diff(what string, want, have []string) []string {
	if slices.Equal(want, have) {
		return nil
	}
	count := map[string]int{}
	for _, l := range have {
		count[l]++
	}
	var faults []string
	for _, l := range want {
		if count[l]--; count[l] < 0 {
			faults = append(faults, what+" that the kernel has not: "+l)
		}
	}
	for _, l := range have {
		if count[l] > 0 {
			count[l]--
			faults = append(faults, what+" that the kernel alone has: "+l)
		}
	}
	if faults == nil {
		for i := range want {
			if want[i] != have[i] {
				faults = append(faults, what+"s in another order, from: "+want[i]+"\nthe kernel: "+have[i])
				break
			}
		}
	}
	return faults
}
