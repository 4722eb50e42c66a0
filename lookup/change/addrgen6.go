package change

import (
	"maps"

	"routewhy/route"
)

// The ways in which a device gets a link-local address (IN6_ADDR_GEN_MODE_*).
const (
	addrGenEUI64  = 0
	addrGenNone   = 1
	addrGenStable = 2
)

// checkAddrGen refuses a way to get a link-local address (inet6_validate_link_af).
func (t *tx) checkAddrGen(l *route.Link, mode *uint8) *Refusal {
	switch {
	case mode == nil:
	case !l.HasIPv6():
		return refuse(route.EAFNOSUPPORT, "")
	case *mode == addrGenStable: // check_stable_privacy
		for _, dev := range []string{l.Name, newDevices} {
			if t.snap.Sysctls[route.ConfPath(route.IPv6, dev, "stable_secret")] != "" {
				return nil
			}
		}
		return &Refusal{Unknown: "it is not read whether a secret is set, as net.ipv6.conf." + l.Name + ".stable_secret"}
	}
	return nil
}

// setAddrGen sets how a device gets its link-local address (inet6_set_link_af). The one that
// it has stays. Which one it would get in another way than before is not known, except from its
// hardware address.
func (t *tx) setAddrGen(index int, mode uint8) {
	l := t.link(index)
	if was, read := t.snap.Sysctls.Conf(route.IPv6, l.Name, "addr_gen_mode"); read && was == int(mode) {
		return
	}
	t.setConf(route.IPv6, l.Name, "addr_gen_mode", int(mode))
	t.forgetLinkLocal(index)
}

// forgetLinkLocal forgets which link-local address a device had.
func (t *tx) forgetLinkLocal(index int) {
	if _, known := t.linkLocal[index]; known {
		t.linkLocal = maps.Clone(t.linkLocal)
		delete(t.linkLocal, index)
	}
}

// writeAddrGen writes how a device gets its link-local address, or how all devices and new ones
// do (addrconf_sysctl_addr_gen_mode). A device for which that changes gets one at once.
func (t *tx) writeAddrGen(dev string, mode int) *Refusal {
	const most = 3 // IN6_ADDR_GEN_MODE_RANDOM
	if mode < 0 || mode > most {
		return refuse(route.EINVAL, "")
	}
	if mode == addrGenStable {
		return &Refusal{Unknown: "it is not read whether a secret is set, as net.ipv6.conf." + dev + ".stable_secret"}
	}
	if dev == allDevices || dev == newDevices {
		t.setConf(route.IPv6, dev, "addr_gen_mode", mode)
		t.setConf(route.IPv6, newDevices, "addr_gen_mode", mode)
	}
	for _, name := range t.named(route.IPv6, dev) {
		l := t.snap.LinkByName(name)
		if was, read := t.snap.Sysctls.Conf(route.IPv6, name, "addr_gen_mode"); l == nil || read && was == mode {
			continue
		}
		t.setAddrGen(l.Index, uint8(mode))
		if l.Flags&route.LinkLoopback == 0 && l.Up() && l.Carrier() && t.setting(route.IPv6, name, "disable_ipv6") == 0 {
			t.makeLinkLocal(l)
		}
	}
	return nil
}

// makeLinkLocal gives a device its link-local address, if it is known which (addrconf_addr_gen).
func (t *tx) makeLinkLocal(l *route.Link) {
	if a, ok := t.generates(l); ok && !t.hasAddr6(&a) {
		a.Flags &^= route.AddrTentative
		a.Protocol = protocolLinkLocal
		t.enterAddr6(l, &a)
	}
}
