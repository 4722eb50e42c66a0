package change

import (
	"cmp"
	"reflect"
	"slices"
	"strings"

	"routewhy/route"
)

// left names what differs from the wanted state. If all is set, it also names what is
// not visible immediately: a lifetime that begins again.
func (u *undoer) left(all bool) []Leftover {
	var list []Leftover
	want, have := u.wanted(), u.present()
	list = append(list, leftLinks(want, have, func(link int) bool { return all && u.now.readdressed[deviceAddr{link: link}] })...)
	for path, v := range want.Sysctls {
		if have.Sysctls[path] != v && !u.gone(path) {
			list = append(list, Leftover{Code: LeftSetting, Path: path})
		}
	}
	for path := range have.Sysctls {
		_, dev, _, conf := confOf(path)
		if conf && dev != allDevices && dev != newDevices && want.LinkByName(dev) == nil {
			continue // it belongs to a device that was made and deleted again
		}
		if _, read := want.Sysctls[path]; !read && path != ipForward {
			list = append(list, Leftover{Code: LeftUnread, Path: path})
		}
	}
	for i := range want.Links {
		for _, f := range []route.Family{route.IPv4, route.IPv6} {
			l := &want.Links[i]
			list = append(list, leftAddrs(l.Name, u.addrs(want, l.Index, f), u.addrs(have, l.Index, f))...)
		}
	}
	list = append(list, leftTemporary(want, have)...)
	for _, f := range []route.Family{route.IPv4, route.IPv6} {
		list = append(list, leftRules(rulesOf(want, f), rulesOf(have, f))...)
	}
	if want.Merged == route.Yes && have.Merged == route.No {
		list = append(list, Leftover{Code: LeftUnmerged})
	}
	list = append(list, leftObjects(want, have)...)
	for _, p := range u.order {
		if !slices.EqualFunc(u.wantAt(p), u.haveAt(p), alikeNow) {
			list = append(list, Leftover{Code: LeftRoute, Table: p.table, Prefix: p.dst})
		}
	}
	list = append(list, u.leftNeighbours()...)
	if all {
		list = append(list, u.leftFirst()...)
		list = append(list, u.anew()...)
	}
	order := leftoverOrder()
	slices.SortStableFunc(list, func(a, b Leftover) int {
		return cmp.Or(cmp.Compare(slices.Index(order, a.Code), slices.Index(order, b.Code)), strings.Compare(a.Path, b.Path))
	})
	return list
}

// leftoverOrder is the order in which the leftovers are told. Those that cause others
// come first.
func leftoverOrder() []LeftoverCode {
	return []LeftoverCode{
		LeftDevice, LeftDeviceState, LeftSetting, LeftAddress, LeftTemporary, LeftAddrOrder, LeftRule, LeftObject, LeftTimers, LeftRoute, LeftFirst, LeftNeighbour,
		LeftHardware, LeftPort, LeftAttribute, LeftUnmerged, LeftUnread, LeftLifetime, LeftAdvertised,
	}
}

// alikeNow is like alike, but also compares the flags of the next hops.
func alikeNow(a, b *route.Route) bool {
	flags := func(x, y route.NextHop) bool {
		return (x.Flags^y.Flags)&(route.NextHopDead|route.NextHopLinkDown) == 0
	}
	return alike(a, b) && (a.NextHopID != 0 || slices.EqualFunc(a.NextHops, b.NextHops, flags))
}

// gone reports whether a setting belongs to a device that is gone.
func (u *undoer) gone(path string) bool {
	_, dev, _, ok := confOf(path)
	return ok && dev != allDevices && dev != newDevices && u.present().LinkByName(dev) == nil
}

// leftLinks compares the devices. If a device has another hardware address, that is told
// apart, and its link-local address, which is made of it, is not compared.
func leftLinks(want, have *route.Snapshot, readdressed func(link int) bool) (list []Leftover) {
	for i := range want.Links {
		w := want.Links[i]
		l := have.Link(w.Index)
		if l != nil && l.IdleCarrier == route.Unknown { // it was not read, or drivers differ
			w.IdleCarrier = route.Unknown
		}
		// A bridge has the least hardware address of its ports, and gets that back with them
		// (br_stp_recalculate_bridge_id).
		again := l != nil && l.Kind == "bridge" && samePorts(want, have, l.Index)
		if l != nil && (again || readdressed(l.Index)) {
			w.LinkLocal = l.LinkLocal
		}
		switch {
		case l == nil:
			list = append(list, Leftover{Code: LeftDevice, Dev: w.Name})
		case !reflect.DeepEqual(*l, w):
			list = append(list, Leftover{Code: LeftDeviceState, Dev: w.Name})
		}
	}
	for i := range have.Links {
		if l := &have.Links[i]; want.Link(l.Index) == nil {
			list = append(list, Leftover{Code: LeftDeviceState, Dev: l.Name})
		}
	}
	return list
}

// samePorts reports whether a bridge has the same ports in two states, and at least one.
func samePorts(a, b *route.Snapshot, bridge int) bool {
	ports := func(s *route.Snapshot) (list []int) {
		for i := range s.Links {
			if s.Links[i].Master == bridge {
				list = append(list, s.Links[i].Index)
			}
		}
		return list
	}
	return len(ports(a)) > 0 && slices.Equal(ports(a), ports(b))
}

func leftAddrs(dev string, want, have []route.Addr) (list []Leftover) {
	if slices.EqualFunc(want, have, sameAddr) {
		return nil
	}
	differ := func(a, b []route.Addr) {
		for i := range a {
			if !slices.ContainsFunc(b, func(x route.Addr) bool { return sameAddr(x, a[i]) }) &&
				!slices.ContainsFunc(list, func(l Leftover) bool { return l.Prefix == a[i].Prefix }) {
				list = append(list, Leftover{Code: LeftAddress, Dev: dev, Prefix: a[i].Prefix})
			}
		}
	}
	differ(want, have)
	differ(have, want)
	if list == nil {
		list = append(list, Leftover{Code: LeftAddrOrder, Dev: dev})
	}
	return list
}

// leftTemporary names the IPv6 addresses that were temporary (RFC 8981) and are not now.
func leftTemporary(want, have *route.Snapshot) (list []Leftover) {
	for i := range want.Addrs {
		w := &want.Addrs[i]
		if w.Prefix.Addr().Is6() && w.Flags&route.AddrSecondary != 0 && slices.ContainsFunc(have.Addrs, func(a route.Addr) bool {
			return a.Link == w.Link && a.Prefix == w.Prefix && a.Flags&route.AddrSecondary == 0
		}) {
			list = append(list, Leftover{Code: LeftTemporary, Dev: want.LinkName(w.Link), Prefix: w.Prefix})
		}
	}
	return list
}

func leftRules(want, have []route.Rule) (list []Leftover) {
	for i := range max(len(want), len(have)) {
		r := want
		if i >= len(want) {
			r = have
		} else if i < len(have) && sameListed(want[i], have[i]) {
			continue
		}
		list = append(list, Leftover{Code: LeftRule, Family: r[i].Family, Priority: r[i].Priority})
	}
	return list
}

func leftObjects(want, have *route.Snapshot) (list []Leftover) {
	for i := range want.NextHops {
		if x := objectOf(have, want.NextHops[i].ID); x == nil || !sameObject(x, &want.NextHops[i]) {
			list = append(list, Leftover{Code: LeftObject, ID: want.NextHops[i].ID})
		}
	}
	for _, o := range have.NextHops {
		if objectOf(want, o.ID) == nil {
			list = append(list, Leftover{Code: LeftObject, ID: o.ID})
		}
	}
	return list
}

// leftNeighbours names only the entries that stay by themselves, because the others come back
// by themselves.
func (u *undoer) leftNeighbours() (list []Leftover) {
	want, have := u.wanted(), u.present()
	left := func(n *route.Neighbour) {
		list = append(list, Leftover{Code: LeftNeighbour, Dev: want.LinkName(n.Link), Prefix: single(n.Addr)})
	}
	for i := range want.Neighbours {
		n := &want.Neighbours[i]
		if stays(n) && (!slices.Contains(have.Neighbours, *n) || u.now.readdressed[deviceAddr{n.Link, n.Addr}]) {
			left(n)
		}
	}
	for i := range have.Neighbours {
		if n := &have.Neighbours[i]; stays(n) && neighbourOf(want, n) == nil {
			left(n)
		}
	}
	return list
}

// advertised reports whether a change makes again a route that the kernel had made from a
// router advertisement.
func (u *undoer) advertised(c *Route) bool {
	return slices.ContainsFunc(u.wantAt(spot{c.table(), c.Route.Dst}), func(r *route.Route) bool {
		return r.Metric == c.Route.Metric && Advertised(u.wanted(), c.Route.Dst, r)
	})
}

// advertisedAddr reports whether a router advertisement had given an address.
func (u *undoer) advertisedAddr(a *route.Addr) bool {
	return slices.ContainsFunc(u.wanted().Addrs, func(w route.Addr) bool {
		return w.Link == a.Link && w.Prefix == a.Prefix && w.Protocol == protocolAdvertised
	})
}

// protocolAdvertised is the protocol of an address that a router advertisement gave
// (IFAPROT_KERNEL_RA).
const protocolAdvertised = 2

// anew names what no reading shows: what gets a new lifetime by the changes, what nobody
// renews any more, and what was set for a device and is set no more.
func (u *undoer) anew() (list []Leftover) {
	for _, l := range u.wanted().Links {
		if u.now.readdressed[deviceAddr{link: l.Index}] && u.present().Link(l.Index) != nil {
			list = append(list, Leftover{Code: LeftHardware, Dev: l.Name})
		}
	}
	for _, c := range u.changes {
		switch c := c.(type) {
		case *Link:
			if c.Master == nil || *c.Master == 0 {
				continue
			}
			if m := u.wanted().Link(*c.Master); m != nil && hasPorts(m) {
				list = append(list, Leftover{Code: LeftPort, Dev: u.wanted().LinkName(c.Index)})
			}
		case *NextHop:
			if c.Verb != Delete && c.Object.Resilient {
				list = append(list, Leftover{Code: LeftTimers, ID: c.Object.ID})
			}
		case *Addr:
			x := Leftover{Dev: u.wanted().LinkName(c.Addr.Link), Prefix: c.Addr.Prefix}
			switch {
			case c.Verb == Delete:
				continue
			case c.Addr.ValidLft != 0 && c.Addr.ValidLft != route.ForeverLft, c.Addr.PreferredLft != 0 && c.Addr.PreferredLft != route.ForeverLft:
				x.Code = LeftLifetime
			case u.advertisedAddr(&c.Addr):
				x.Code = LeftAdvertised
			default:
				continue
			}
			list = append(list, x)
		case *Route:
			x := Leftover{Table: c.table(), Prefix: c.Route.Dst}
			switch {
			case c.Verb == Delete:
				continue
			case u.advertised(c):
				x.Code = LeftAdvertised
			case c.Expires != 0:
				x.Code = LeftLifetime
			default:
				continue
			}
			list = append(list, x)
		}
	}
	return list
}
