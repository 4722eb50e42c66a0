package iproute2

import (
	"cmp"
	"fmt"
	"net/netip"
	"strings"
)

// Way is where a next hop leads, as ip-route(8) writes it: "via 192.0.2.1 dev
// eth0"; empty if it leads nowhere.
func (h *NextHop) Way() string {
	var a []string
	add := func(given bool, word, value string) {
		if given {
			a = append(a, word+" "+Safe(value))
		}
	}
	add(h.Encap != "", "encap", h.Encap)
	g := h.Via.host(h.Gateway)
	add(g != "", "via", g)
	add(h.Unread, "via", "?")
	add(h.Dev != "", "dev", h.Dev)
	return strings.Join(a, " ")
}

// host is the gateway: the one of the other family if there is one, otherwise own.
func (v *Via) host(own string) string {
	if v != nil {
		return v.Host
	}
	return own
}

// Hops are a route's next hops, one or several; none if the route itself has none.
func (r *Route) Hops() []NextHop {
	if len(r.NextHops) > 0 {
		return r.NextHops
	}
	if r.Dev == "" && r.Gateway == "" && r.Via == nil && r.Encap == "" && !r.Unread {
		return nil
	}
	return []NextHop{{Gateway: r.Gateway, Via: r.Via, Dev: r.Dev, Encap: r.Encap, Flow: r.Flow, Flags: r.Flags, Unread: r.Unread}}
}

// Way is where a route leads: the way of its next hop, or "nexthop …" for each of
// several next hops, or the ID of its next-hop object if nothing else is known.
func (r *Route) Way() string {
	switch r.Type {
	case "blackhole", "unreachable", "prohibit", "throw":
		return ""
	}
	hops := r.Hops()
	switch {
	case len(hops) == 1:
		return hops[0].Way()
	case len(hops) == 0 && r.NHID != 0:
		return fmt.Sprintf("nhid %d", r.NHID)
	}
	ways := make([]string, len(hops))
	for i := range hops {
		ways[i] = "nexthop " + hops[i].Way()
	}
	return strings.Join(ways, " ")
}

// Is4 reports whether the route is an IPv4 route.
func (r *Route) Is4() bool { return !strings.Contains(r.Dst, ":") }

// IsDefault reports whether the route is 0.0.0.0/0 or ::/0.
func (r *Route) IsDefault() bool { return r.Dst == "0.0.0.0/0" || r.Dst == "::/0" }

// Attributes are the other parts of a route that take part in a decision, without
// the usual values: "metric 100 src 192.0.2.2".
func (r *Route) Attributes() string {
	var a []string
	add := func(given bool, word string, value any) {
		if given {
			a = append(a, fmt.Sprintf("%s %v", word, value))
		}
	}
	if m := r.Metric; m != nil {
		add(*m != 0 && (r.Is4() || *m != 1024 && *m != 256), "metric", *m)
	}
	add(r.TOS != "", "tos", r.TOS)
	add(r.PrefSrc != "", "src", r.PrefSrc)
	add(r.SrcUnread, "src", "?")
	add(r.Pref != "" && r.Pref != "medium", "pref", r.Pref)
	mtu, ok := r.PathMetric("mtu")
	add(ok, "mtu", mtu)
	return strings.Join(a, " ")
}

// Destination is a route's destination, with its type if that is not unicast, and
// with its source prefix if it has one: "blackhole 10.66.0.0/16",
// "2001:db8::/32 from 2001:db8:1::/48". The default route is 0.0.0.0/0 or ::/0.
func (r *Route) Destination() string {
	s := r.Dst
	if r.Type != "unicast" {
		s = string(r.Type) + " " + s
	}
	if r.From != "" {
		s += " from " + r.From
	}
	return s
}

// Line is a whole route on one line.
func (r *Route) Line() string {
	parts := []string{r.Destination()}
	for _, p := range []string{r.Way(), r.Attributes()} {
		if p != "" {
			parts = append(parts, p)
		}
	}
	return strings.Join(parts, " ")
}

// Selector is a rule's condition as ip-rule(8) writes it. It is empty for a rule
// that matches every packet.
func (r *Rule) Selector() string {
	var a []string
	add := func(given bool, format string, args ...any) {
		if given {
			a = append(a, fmt.Sprintf(format, args...))
		}
	}
	add(bool(r.Not), "not")
	add(r.Src != "all" && r.Src != "", "from %s", lengthened(r.Src, r.SrcLen))
	add(r.Dst != "", "to %s", shortened(r.Dst))
	add(r.FwMark != "", "fwmark %s", masked(r.FwMark, r.FwMask))
	add(r.Iif != "", "iif %s%s", Safe(r.Iif), detached(r.IifDetached))
	add(r.Oif != "", "oif %s%s", Safe(r.Oif), detached(r.OifDetached))
	if r.UIDStart != nil && r.UIDEnd != nil {
		add(true, "uidrange %d-%d", *r.UIDStart, *r.UIDEnd)
	}
	add(r.TOS != "", "tos %s", r.TOS)
	add(r.DSCP != "", "dscp %s", masked(r.DSCP, r.DSCPMask))
	add(r.FlowLabel != "", "flowlabel %s", masked(r.FlowLabel, r.FlowLabelMask))
	add(r.IPProto != "", "ipproto %s", r.IPProto)
	sport, dport := ports(r.Sport, r.SportStart, r.SportEnd, r.SportMask), ports(r.Dport, r.DportStart, r.DportEnd, r.DportMask)
	add(sport != "", "sport %s", sport)
	add(dport != "", "dport %s", dport)
	add(r.TunID != 0, "tun_id %d", r.TunID)
	add(bool(r.L3Mdev), "l3mdev")
	for _, n := range r.Unknown {
		add(n == 0, "(not understood)")
		add(n != 0, "attribute %d (unknown to routewhy)", n)
	}
	add(len(a) == 1 && bool(r.Not), "from all")
	return strings.Join(a, " ")
}

// lengthened is the prefix of an address and a length. A host has no length.
func lengthened(addr string, length int) string {
	if length == 0 {
		return addr
	}
	return fmt.Sprintf("%s/%d", addr, length)
}

// shortened writes a host prefix as an address, as ip-rule(8) does.
func shortened(prefix string) string {
	p, err := netip.ParsePrefix(prefix)
	if err != nil {
		return prefix
	}
	return Prefix(p)
}

func ports(one, first, last uint16, mask Text) string {
	switch {
	case mask != "":
		return fmt.Sprintf("%#x/%s", one, mask)
	case last != 0:
		return fmt.Sprintf("%d-%d", first, last)
	case one != 0:
		return fmt.Sprint(one)
	}
	return ""
}

func masked(value, mask Text) string {
	if mask == "" {
		return string(value)
	}
	return string(value + "/" + mask)
}

func detached(yes Mark) string {
	if yes {
		return " [no such device]"
	}
	return ""
}

// Does is what a rule does when its selector matches: "lookup", "goto", "nop",
// "blackhole", "unreachable", "prohibit".
func (r *Rule) Does() string {
	switch {
	case r.Goto != 0:
		return "goto"
	case bool(r.Nop):
		return "nop"
	}
	return cmp.Or(r.Action, "lookup")
}

// Prefix writes a host prefix as an address, as ip-rule(8) does.
func Prefix(p netip.Prefix) string {
	if p.IsSingleIP() {
		return p.Addr().String()
	}
	return p.String()
}

// TableName names a table so that it reads well after a rule: "main", "table 201".
func TableName[T ~string](name T) string {
	if name == "" || name[0] >= '0' && name[0] <= '9' {
		return "table " + Safe(string(name))
	}
	return Safe(string(name))
}

// The same texts for routes and rules that have numbers instead of names.
