package command

import (
	"net/netip"

	"routewhy/route"
	"routewhy/route/iproute2"
)

// getRoute reads `ip route get` (iproute_get in ip/iproute.c).
func (a *args) getRoute(c *Command) {
	c.Reads = true
	f, family := &c.Get, a.family
	learn := func(x netip.Addr) netip.Addr {
		if family == 0 {
			family = route.FamilyOf(x)
		}
		return x
	}
	for a.more() {
		word := a.take()
		switch key := chooseExact(word, "tos dsfield* from* iif* mark* oif* dev notify* connected* vrf* uid* fibmatch* as ipproto* sport* dport* to help*"); key {
		case "tos", "dsfield":
			v := a.value()
			tos, ok := dsfield(v)
			if !ok {
				a.invalid(v, "TOS value is invalid")
			}
			f.TOS = tos
		case "from":
			v := a.value()
			if matches(v, "help") {
				a.refuse(routeUsage)
			}
			f.Src = learn(a.prefix(v, family).in(family).Addr())
		case "iif":
			f.In = a.link(a.value()).Index
		case "oif", "dev":
			f.Out = a.link(a.value()).Index
		case "vrf":
			v := a.value()
			a.vrf(v)
			f.Out = a.link(v).Index
		case "mark":
			f.Mark = a.uint32Of(a.value(), "invalid mark value")
		case "uid":
			f.UID = a.uint32Of(a.value(), "invalid UID")
		case "ipproto":
			v := a.value()
			p, ok := iproute2.Proto(v)
			if !ok {
				a.invalid(v, `Invalid "ipproto" value`)
			}
			f.Proto = p
		case "sport", "dport":
			port := a.port(a.value(), key)
			if key == "sport" {
				f.SrcPort = port
			} else {
				f.DstPort = port
			}
		case "notify", "connected", "fibmatch":
		case "as":
			a.unknown("as, which translates MPLS labels, is not understood")
		case "help":
			a.refuse(routeUsage)
		default:
			if word == "to" {
				word = a.value()
			}
			f.Dst = learn(a.prefix(word, family).in(max(family, route.IPv4)).Addr())
		}
	}
	if !f.Dst.IsValid() {
		a.refuse("need at least a destination address")
	}
}

func (a *args) port(v, name string) uint16 {
	n, ok := number(v, 16)
	if !ok {
		a.invalid(v, "invalid "+name)
	}
	return uint16(n)
}
