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
