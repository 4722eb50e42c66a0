package command

import (
	"net/netip"
	"slices"
	"strings"

	"routewhy/lookup/change"
	"routewhy/route"
)

// tunnel reads `ip tunnel`.
func (a *args) tunnel(c *Command) {
	verb := "list"
	if a.more() {
		word := a.take()
		verb = choose(word, "add change delete show list lst prl 6rd help")
		if verb == "" {
			a.refuse("Command %q is unknown, try %q.", raw(word), raw("ip tunnel help"))
		}
	}
	switch verb {
	case "show", "list", "lst":
		a.show(c)
		return
	case "help":
		a.refuse("Usage: ip tunnel { add | change | del | show | prl | 6rd } [ NAME ]")
	case "add", "delete":
	default:
		a.unknown("ip tunnel %s is not understood", verb)
	}
	name, mode, ends := "", "", tunnelEnds{}
	for a.more() {
		word := a.take()
		switch chooseExact(word, "mode key ikey okey seq iseq oseq csum icsum ocsum nopmtudisc pmtudisc remote local dev ttl hoplimit tos dsfield* name "+
			a.of6("encaplimit tclass tc flowlabel fl dscp")) {
		case "mode":
			mode = a.tunnelMode(a.value())
			if mode == "" {
				a.refuse("Unknown tunnel mode %q", raw(a.words[a.at-1].text))
			}
		case "remote", "local":
			a.tunnelEnd(&ends, word, a.value())
		case "dev":
			a.link(a.value())
		case "ttl", "hoplimit":
			v := a.value()
			if n, ok := number(v, 32); v != "inherit" && (!ok || n > 255) {
				a.invalid(v, "invalid TTL")
			}
		case "key", "ikey", "okey", "tos", "dsfield", "encaplimit", "tclass", "tc", "flowlabel", "fl", "dscp":
			a.value()
		case "seq", "iseq", "oseq", "csum", "icsum", "ocsum", "nopmtudisc", "pmtudisc":
		default:
			if word == "name" {
				word = a.value()
			}
			if name != "" {
				a.garbage("name", word)
			}
			name = a.ifname(word, `"name" not a valid ifname`)
		}
	}
	if verb == "delete" {
		a.deleteTunnel(c, name)
		return
	}
	if mode == "" && a.family == route.IPv6 {
		mode = "ip6tnl"
	}
	if mode == "" {
		a.refuse("cannot determine tunnel mode (ipip, gre, vti or sit)")
	}
	c.Changes = append(c.Changes, &change.NewLink{Name: name, Kind: mode, PointToPoint: ends.two(mode), Local: ends.local, Remote: ends.remote})
}

// tunnelEnds are the outer addresses of a tunnel; the zero Addr: any.
type tunnelEnds struct{ local, remote netip.Addr }

// tunnelEnd reads one of them.
func (a *args) tunnelEnd(to *tunnelEnds, word, v string) {
	var x netip.Addr
	if v != "any" && v != "default" {
		x = a.addr(v, max(a.family, 0))
	}
	if x.IsValid() && x.IsUnspecified() {
		x = netip.Addr{}
	}
	if word == "remote" {
		to.remote = x
	} else {
		to.local = x
	}
}

// two reports whether a tunnel has exactly one other end (ip_tunnel_bind_dev,
// ip6_tnl_link_config).
func (e *tunnelEnds) two(kind string) bool {
	switch kind {
	case "ip6tnl", "ip6gre":
		return e.local.IsValid() && e.remote.IsValid()
	case "ipip", "gre", "sit", "vti", "isatap":
		return e.remote.IsValid() && !e.remote.IsMulticast()
	}
	return false
}

// deleteTunnel asks a device to go (SIOCDELTUNNEL), which only a tunnel understands.
func (a *args) deleteTunnel(c *Command, name string) {
	l := a.device(name)
	switch {
	case l == nil:
		c.Kernel = &change.Refusal{Errno: route.ENODEV}
	case !slices.Contains([]string{"ipip", "gre", "sit", "vti", "ip6tnl", "ip6gre", "vti6"}, l.Kind):
		c.Kernel = &change.Refusal{Errno: route.EOPNOTSUPP}
	default:
		c.Changes = append(c.Changes, &change.Link{Verb: change.Delete, Index: l.Index})
	}
}

// of6 are keywords that `ip -6 tunnel` alone has.
func (a *args) of6(words string) string {
	if a.family == route.IPv6 {
		return words
	}
	return ""
}

// tunnelMode is the kind of device for a mode; empty: there is no such mode.
func (a *args) tunnelMode(word string) string {
	if a.family == route.IPv6 {
		return tunnelMode6(word)
	}
	switch word {
	case "ipip", "ip/ip", "ipv4/ipv4":
		return "ipip"
	case "gre", "gre/ip", "gre/ipv4":
		return "gre"
	case "sit", "ipv6/ip", "ipv6/ipv4":
		return "sit"
	case "vti", "isatap":
		return word
	}
	return ""
}

// tunnelMode6 is the kind of device for a mode of a tunnel over IPv6 (ip/ip6tunnel.c).
func tunnelMode6(word string) string {
	switch word {
	case "ipv6/ipv6", "ip6ip6", "ip/ipv6", "ipv4/ipv6", "ipip6", "ip4ip6", "any/ipv6", "any":
		return "ip6tnl"
	case "ip6gre", "gre/ipv6":
		return "ip6gre"
	case "vti6":
		return word
	}
	return ""
}

// tuntap reads `ip tuntap`.
func (a *args) tuntap(c *Command) {
	verb := "list"
	if a.more() {
		verb = choose(a.take(), "add del show list lst help")
	}
	switch verb {
	case "show", "list", "lst":
		a.show(c)
		return
	case "add", "del":
	default:
		a.unknown("ip tuntap %s is not understood", verb)
	}
	name, mode := "", ""
	for a.more() {
		word := a.take()
		switch chooseExact(word, "mode* user* group* pi one_queue vnet_hdr multi_queue name dev*") {
		case "mode":
			mode = a.value()
			if mode != "tun" && mode != "tap" {
				a.invalid(mode, "mode value is invalid")
			}
		case "user", "group":
			a.value()
		case "name", "dev":
			name = a.ifname(a.value(), `"name" not a valid ifname`)
		case "":
			if name != "" {
				a.garbage("name", word)
			}
			name = a.ifname(word, `"dev" not a valid ifname`)
		}
	}
	if mode == "" {
		a.refuse("You failed to specify a tunnel mode")
	}
	a.changeTunTap(c, verb == "add", strings.TrimSpace(name), mode)
}

// changeTunTap makes a TUN or TAP device, or deletes it. TUNSETIFF makes a device or takes the
// one that is there, and ip adds with IFF_TUN_EXCL.
func (a *args) changeTunTap(c *Command, add bool, name, mode string) {
	l := a.device(name)
	switch {
	case add && l == nil:
		c.Changes = append(c.Changes, &change.NewLink{Name: name, Kind: mode})
	case add:
		c.Kernel = &change.Refusal{Errno: route.EBUSY}
	case l == nil:
	case l.Kind != "tun" || (l.Flags&route.LinkPointopoint != 0) != (mode == "tun"):
		c.Kernel = &change.Refusal{Errno: route.EINVAL}
	case l.Up() && l.Carrier() || l.IdleCarrier == route.Yes: // a program has it open
		c.Kernel = &change.Refusal{Errno: route.EBUSY}
	default:
		c.Changes = append(c.Changes, &change.Link{Verb: change.Delete, Index: l.Index})
	}
}
