package change_test

import (
	"net/netip"
	"time"

	"routewhy/lookup/change"
	"routewhy/route"
)

// addrChange6 draws a change of an IPv6 address.
func (d *drawer) addrChange6() change.Change {
	c := &change.Addr{Verb: pick(d, addrVerbs...)}
	var mine []route.Addr
	for _, a := range d.snap.Addrs {
		if a.Prefix.Addr().Is6() {
			mine = append(mine, a)
		}
	}
	a := &c.Addr
	a.Flags = route.AddrNoDAD
	if len(mine) > 0 && d.chance(60) {
		*a = pick(d, mine...)
		c.Metric, a.Metric, a.Protocol = a.Metric, 0, 0
		a.Flags = a.Flags&route.AddrNoPrefixRoute | route.AddrNoDAD
		a.ValidLft, a.PreferredLft = 0, 0
		if c.Verb == change.Delete {
			a.Flags, a.Scope, c.Metric = 0, 0, 0
			a.Peer = netip.Prefix{}
		}
	} else {
		a.Link = d.device()
		a.Prefix = netip.MustParsePrefix(pick(d, "2001:db8::1/64", "2001:db8::5/64", "2001:db8::77/128", "2001:db8:1::1/64", "fd00::1/64", "fe80::1/64", "fe80::77/10",
			"2001:db8::9/126", "::1/128", "::/64", "ff02::5/64", "2001:db8:7::/64", "2001:db8:9::1/48"))
	}
	for d.chance(35) {
		switch d.rng.IntN(7) {
		case 0:
			a.Link = d.device()
		case 1:
			a.Prefix = netip.PrefixFrom(a.Prefix.Addr(), pick(d, 64, 128, 48, 127))
		case 2:
			a.Peer = netip.PrefixFrom(netip.MustParseAddr(pick(d, "2001:db8::2", "2001:db8:50::1", "2001:db8:50::2")), a.Prefix.Bits())
		case 3, 4:
			a.Flags ^= route.AddrNoPrefixRoute
		case 5:
			c.Metric = pick[uint32](d, 0, 100, 2000)
		case 6:
			a.ValidLft, a.PreferredLft = pick(d, time.Hour, time.Hour, 0, route.ForeverLft), pick(d, time.Minute, 0, time.Hour, 2*time.Hour)
		}
	}
	return c
}

var pool6 = prefixes("::/0", "::/0", "2001:db8::/32", "2001:db8::/64", "2001:db8:1::/64", "2001:db8:9::/48", "2001:db8:9::5/128", "fd00::/8", "2000::/3",
	"ff00::/8", "fe80::/64", "2001:db8:2::/65", "2001:db8:2:0:8000::/65", "::1/128")

// route6 draws a change of an IPv6 route.
func (d *drawer) route6() change.Change {
	c := &change.Route{Verb: pick(d, verbs...)}
	var mine []route.Route
	for _, r := range d.snap.Routes {
		if r.Dst.Addr().Is6() && r.Expires == 0 {
			mine = append(mine, r)
		}
	}
	r := &c.Route
	if len(mine) > 0 && d.chance(55) {
		one := pick(d, mine...)
		c.Route = one.Clone()
		r.Unknown, r.Flags, r.Scope = nil, 0, 0
		c.HasPref = r.Pref != 0
		if r.NextHopID != 0 || r.Type.Errno() != 0 {
			r.NextHops = nil
		}
		if r.NextHopID != 0 && r.Type == route.TypeBlackhole {
			r.Type = route.TypeUnicast
		}
		for i := range r.NextHops {
			r.NextHops[i].Flags &= route.NextHopOnLink
			r.NextHops[i].Encap = 0
			if len(r.NextHops) > 1 {
				r.NextHops[i].Weight = max(1, r.NextHops[i].Weight)
			}
		}
		if c.Verb == change.Delete && d.chance(60) {
			d.loosen4(r)
		}
		if d.chance(30) {
			d.hops6(r)
		}
		for d.chance(30) {
			d.alter6(c)
		}
		d.showsType(r)
		return c
	}
	r.Dst, r.Table, r.Type, r.Protocol = pick(d, pool6...), route.TableMain, route.TypeUnicast, route.ProtocolBoot
	d.hops6(r)
	if c.Verb == change.Delete {
		r.Protocol = 0
		if d.chance(70) {
			r.Type = 0
		}
		if d.chance(50) {
			r.NextHops = nil
		}
	}
	for d.chance(50) {
		d.alter6(c)
	}
	d.showsType(r)
	return c
}

func (d *drawer) alter6(c *change.Route) {
	r := &c.Route
	switch d.rng.IntN(13) {
	case 0:
		r.Dst = pick(d, pool6...)
	case 1:
		r.Table = pick(d, route.TableMain, 100, 110, 1000, route.TableLocal, route.TableDefault, 0)
	case 2:
		r.TOS = pick[uint8](d, 0, 0, 0, 0x10)
	case 3, 4:
		r.Metric = pick[uint32](d, 0, 0, 1, 1024, 10, 256, 2000)
	case 5:
		r.Type = pick(d, route.TypeUnicast, route.TypeUnicast, route.TypeBlackhole, route.TypeUnreachable, route.TypeProhibit, route.TypeThrow,
			route.TypeLocal, route.TypeMulticast, route.TypeAnycast, route.TypeUnspec, 12)
		if r.Type.Errno() != 0 && d.chance(80) {
			r.NextHops = nil
		}
	case 6:
		r.Src = pick(d, netip.Prefix{}, netip.Prefix{}, netip.MustParsePrefix("2001:db8::/64"), netip.MustParsePrefix("2001:db8:1::/48"), netip.MustParsePrefix("fd00::/8"))
	case 7:
		r.Protocol = pick[route.Protocol](d, 0, 2, 3, 4, 12, 16)
	case 8:
		r.PrefSrc = d.addr6()
	case 9, 10:
		d.hops6(r)
	case 11:
		r.Metrics = pick(d, nil, []route.Metric{{ID: 2, Value: 1300}}, []route.Metric{{ID: 2, Value: 1280, Lock: true}}, []route.Metric{{ID: 10, Value: 64}})
	case 12:
		c.HasPref, r.Pref = true, pick(d, route.PreferenceHigh, route.PreferenceLow, route.PreferenceMedium, route.PreferenceInvalid)
	}
}

func (d *drawer) addr6() netip.Addr {
	var own []netip.Addr
	for _, a := range d.snap.Addrs {
		if a.Prefix.Addr().Is6() {
			own = append(own, a.Prefix.Addr())
		}
	}
	if len(own) > 0 && d.chance(60) {
		return pick(d, own...)
	}
	return netip.MustParseAddr(pick(d, "2001:db8::2", "2001:db8:77::1", "::1", "fe80::1", "ff02::1", "::"))
}

func (d *drawer) gateway6() netip.Addr {
	if d.chance(12) {
		return d.addr6()
	}
	return netip.MustParseAddr(pick(d, "2001:db8::2", "2001:db8::3", "2001:db8:1::2", "2001:db8:1::3", "2001:db8:2::2", "fe80::1:0", "fe80::1:1", "fe80::9", "2001:db8:77::1",
		"fd00:0::9", "fd00:1::9", "2001:db8:9::9", "2001:db8:50::1"))
}

func (d *drawer) hop6() route.NextHop {
	var h route.NextHop
	switch n := d.rng.IntN(10); {
	case n < 3:
		h.Gateway = d.gateway6()
	case n < 7:
		h.Gateway, h.Link = d.gateway6(), d.device()
	case n < 9:
		h.Link = d.device()
	}
	if d.chance(8) {
		h.Flags = route.NextHopOnLink
	}
	return h
}

func (d *drawer) hops6(r *route.Route) {
	r.NextHops, r.NextHopID = nil, 0
	switch {
	case d.chance(8):
		ids := []uint32{99}
		for _, o := range d.snap.NextHops {
			ids = append(ids, o.ID)
		}
		r.NextHopID = pick(d, ids...)
	case d.chance(20):
		for range 1 + d.rng.IntN(3) {
			h := d.hop6()
			h.Weight = pick(d, 1, 1, 2, 10)
			r.NextHops = append(r.NextHops, h)
		}
	default:
		if h := d.hop6(); h != (route.NextHop{}) {
			r.NextHops = []route.NextHop{h}
		}
	}
}
