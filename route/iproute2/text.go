package iproute2

import (
	"fmt"
	"net/netip"
	"strings"

	"routewhy/route"
)

// Way is where a next hop leads, as ip-route(8) writes it: "via 192.0.2.1 dev
// eth0"; empty where it leads nowhere.
func Way(s *route.Snapshot, h *route.NextHop) string {
	var b strings.Builder
	if h.Encap != 0 {
		fmt.Fprintf(&b, "encap %s ", h.Encap)
	}
	if h.Gateway.IsValid() {
		fmt.Fprintf(&b, "via %s ", h.Gateway)
	}
	if h.Flags&route.NextHopUnread != 0 {
		b.WriteString("via ? ")
	}
	if h.Link != 0 {
		fmt.Fprintf(&b, "dev %s", Safe(s.LinkName(h.Link)))
	}
	return strings.TrimRight(b.String(), " ")
}

// RouteWay is where a route leads: its way, "nexthop …" for each of several, or
// the ID of its next-hop object where that is all that is known.
func RouteWay(s *route.Snapshot, r *route.Route) string {
	switch {
	case r.Type.Refuses() || r.Type == route.TypeThrow:
		return ""
	case len(r.NextHops) == 1:
		return Way(s, &r.NextHops[0])
	case len(r.NextHops) == 0 && r.NextHopID != 0:
		return fmt.Sprintf("nhid %d", r.NextHopID)
	}
	ways := make([]string, len(r.NextHops))
	for i := range r.NextHops {
		ways[i] = "nexthop " + Way(s, &r.NextHops[i])
	}
	return strings.Join(ways, " ")
}

// Attributes are the rest of a route that takes part in a decision, without
// what is usual: "metric 100 src 192.0.2.2".
func Attributes(r *route.Route) string {
	var a []string
	add := func(format string, args ...any) { a = append(a, fmt.Sprintf(format, args...)) }
	if r.Metric != 0 && (r.Dst.Addr().Is4() || r.Metric != 1024 && r.Metric != 256) {
		add("metric %d", r.Metric)
	}
	if r.TOS != 0 {
		add("tos %#x", r.TOS)
	}
	if r.PrefSrc.IsValid() {
		add("src %s", r.PrefSrc)
	}
	if r.Pref != route.PreferenceMedium {
		add("pref %s", r.Pref)
	}
	for _, m := range r.Metrics {
		if m.ID == route.MetricMTU {
			add("mtu %d", m.Value)
		}
	}
	return strings.Join(a, " ")
}

// Destination is a route's destination with its type where that is not
// unicast, and its source prefix where it has one: "blackhole 10.66.0.0/16",
// "2001:db8::/32 from 2001:db8:1::/48". The default route is 0.0.0.0/0 or ::/0.
func Destination(r *route.Route) string {
	s := r.Dst.String()
	if r.Type != route.TypeUnicast {
		s = r.Type.String() + " " + s
	}
	if r.Src.IsValid() && r.Src.Bits() > 0 {
		s += " from " + r.Src.String()
	}
	return s
}

// RouteLine is a whole route on one line.
func RouteLine(s *route.Snapshot, r *route.Route) string {
	parts := []string{Destination(r)}
	for _, p := range []string{RouteWay(s, r), Attributes(r)} {
		if p != "" {
			parts = append(parts, p)
		}
	}
	return strings.Join(parts, " ")
}

// Selector is a rule's condition as ip-rule(8) writes it, empty for a rule
// that matches every packet.
func Selector(r *route.Rule) string {
	s := &r.Selector
	var a []string
	add := func(format string, args ...any) { a = append(a, fmt.Sprintf(format, args...)) }
	if s.Not {
		add("not")
	}
	addPrefixes(s, add)
	if s.MarkMask != 0 {
		add("fwmark %s", masked(uint64(s.Mark), uint64(s.MarkMask), 0xffffffff))
	}
	if s.In != "" {
		add("iif %s", Safe(s.In)+detached(s.InDetached))
	}
	if s.Out != "" {
		add("oif %s", Safe(s.Out)+detached(s.OutDetached))
	}
	if s.HasUIDs {
		add("uidrange %d-%d", s.UIDs.Start, s.UIDs.End)
	}
	addClass(s, add)
	if s.Proto != 0 {
		add("ipproto %s", ProtoName(s.Proto))
	}
	addPorts("sport", s.SrcPort, add)
	addPorts("dport", s.DstPort, add)
	if s.TunnelID != 0 {
		add("tun_id %d", s.TunnelID)
	}
	if s.L3Mdev {
		add("l3mdev")
	}
	for _, u := range r.Unknown {
		if u.Type == 0 {
			add("(not understood)")
			continue
		}
		add("attribute %d (unknown to routewhy)", u.Type)
	}
	if len(a) == 1 && s.Not {
		add("from all")
	}
	return strings.Join(a, " ")
}

func addPrefixes(s *route.Selector, add func(string, ...any)) {
	if s.Src.IsValid() && (s.Src.Bits() > 0) {
		add("from %s", Prefix(s.Src))
	}
	if s.Dst.IsValid() && s.Dst.Bits() > 0 {
		add("to %s", Prefix(s.Dst))
	}
}

func addClass(s *route.Selector, add func(string, ...any)) {
	if s.TOS != 0 {
		add("tos %#x", s.TOS)
	}
	if s.HasDSCP {
		add("dscp %s", masked(uint64(s.DSCP), uint64(s.DSCPMask), 0x3f))
	}
	if s.FlowLabelMask != 0 {
		add("flowlabel %s", masked(uint64(s.FlowLabel), uint64(s.FlowLabelMask), 0xfffff))
	}
}

func addPorts(name string, r route.PortRange, add func(string, ...any)) {
	switch {
	case r == (route.PortRange{}):
	case r.Mask != 0 && r.Mask != 0xffff:
		add("%s %#x/%#x", name, r.Start, r.Mask)
	case r.Start == r.End:
		add("%s %d", name, r.Start)
	default:
		add("%s %d-%d", name, r.Start, r.End)
	}
}

func masked(v, mask, all uint64) string {
	if mask == all {
		return fmt.Sprintf("%#x", v)
	}
	return fmt.Sprintf("%#x/%#x", v, mask)
}

func detached(yes bool) string {
	if yes {
		return " [no such device]"
	}
	return ""
}

// Prefix writes a host prefix as an address, as ip-rule(8) does.
func Prefix(p netip.Prefix) string {
	if p.IsSingleIP() {
		return p.Addr().String()
	}
	return p.String()
}

// Table names a table so that it reads well after a rule: "main", "table 201".
func Table(s *route.Snapshot, t route.Table) string {
	name := s.Names.Table(t)
	if name == "" || name[0] >= '0' && name[0] <= '9' {
		return "table " + Safe(name)
	}
	return Safe(name)
}
