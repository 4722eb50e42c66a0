package iproute2

import (
	"fmt"
	"net/netip"
	"strconv"

	"routewhy/route"
)

// realmsJSON separates the two realms of RTA_FLOW and FRA_FLOW; nil: there are none.
func realmsJSON(both uint32) *Realms {
	if both == 0 {
		return nil
	}
	r := &Realms{To: strconv.Itoa(int(both & 0xffff))}
	if from := both >> 16; from != 0 {
		r.From = strconv.Itoa(int(from))
	}
	return r
}

// RouteJSON converts a route to its form with names.
func RouteJSON(s *route.Snapshot, r *route.Route) Route {
	metric := Number(r.Metric)
	j := Route{
		Type: Text(r.Type.String()), Dst: r.Dst.String(), NHID: r.NextHopID,
		Table: Text(s.Names.Table(r.Table)), Protocol: Text(s.Names.Protocol(r.Protocol)),
		Scope: Text(r.Scope.String()), Metric: &metric, Flags: []string{},
	}
	if r.Src.IsValid() && r.Src.Bits() > 0 {
		j.From = r.Src.String()
	}
	if r.TOS != 0 {
		j.TOS = Text(fmt.Sprintf("%#x", r.TOS))
	}
	if r.PrefSrc.IsValid() {
		j.PrefSrc = r.PrefSrc.String()
	}
	if r.Family() == route.IPv6 {
		j.Pref = r.Pref.String()
	}
	if r.Expires != 0 {
		sec := Seconds(r.Expires.Seconds())
		j.Expires = &sec
	}
	j.setMetrics(r.Metrics)
	j.SrcUnread = r.Flags&route.FlagNoSource != 0
	j.ways(s, r)
	return j
}

func (j *Route) ways(s *route.Snapshot, r *route.Route) {
	if len(r.NextHops) == 1 {
		h := NextHopJSON(s, r.Family(), &r.NextHops[0])
		j.Gateway, j.Via, j.Dev, j.Encap, j.Flags, j.Flow, j.Unread = h.Gateway, h.Via, h.Dev, h.Encap, h.Flags, h.Flow, h.Unread
		return
	}
	for i := range r.NextHops {
		j.NextHops = append(j.NextHops, NextHopJSON(s, r.Family(), &r.NextHops[i]))
	}
}

// NextHopJSON converts a next hop to its form with names. F is the family of its route.
func NextHopJSON(s *route.Snapshot, f route.Family, h *route.NextHop) NextHop {
	n := NextHop{
		Dev: devJSON(s, h.Link), Encap: encapJSON(h.Encap), Flow: realmsJSON(h.Realm), Weight: h.Weight, Flags: flagsJSON(h.Flags),
		Unread: h.Flags&route.NextHopUnread != 0,
	}
	n.Gateway, n.Via = gatewayJSON(f, h.Gateway)
	return n
}

func devJSON(s *route.Snapshot, link int) string {
	if link == 0 {
		return ""
	}
	return s.LinkName(link)
}

func encapJSON(e route.Encap) string {
	if e == 0 {
		return ""
	}
	return e.String()
}

func gatewayJSON(f route.Family, g netip.Addr) (string, *Via) {
	switch {
	case !g.IsValid():
		return "", nil
	case route.FamilyOf(g) == f:
		return g.String(), nil
	case f == route.IPv4:
		return "", &Via{"inet6", g.String()}
	}
	return "", &Via{"inet", g.String()}
}

func flagsJSON(f route.NextHopFlags) []string {
	out := []string{}
	for _, n := range nextHopFlags() {
		if f&n.Bit != 0 {
			out = append(out, n.Name)
		}
	}
	return out
}

// RuleJSON converts a rule to its form with names.
func RuleJSON(s *route.Snapshot, r *route.Rule) Rule {
	sel := &r.Selector
	j := Rule{
		Priority: r.Priority, Not: Mark(sel.Not), Src: "all",
		Iif: sel.In, IifDetached: Mark(sel.InDetached), Oif: sel.Out, OifDetached: Mark(sel.OutDetached),
		L3Mdev: Mark(sel.L3Mdev), TunID: sel.TunnelID, Unresolved: Mark(r.Unresolved), Implied: r.Implied,
		Protocol: Text(s.Names.Protocol(r.Protocol)),
	}
	if sel.Src.IsValid() && sel.Src.Bits() > 0 {
		j.Src, j.SrcLen = sel.Src.Addr().String(), hostLen(sel.Src)
	}
	if sel.Dst.IsValid() && sel.Dst.Bits() > 0 {
		j.Dst, j.DstLen = sel.Dst.String(), sel.Dst.Bits()
	}
	if sel.Proto != 0 {
		j.IPProto = Text(ProtoName(sel.Proto))
	}
	if sel.HasUIDs {
		j.UIDStart, j.UIDEnd = &sel.UIDs.Start, &sel.UIDs.End
	}
	j.class(sel)
	j.Sport, j.SportStart, j.SportEnd, j.SportMask = portsJSON(sel.SrcPort)
	j.Dport, j.DportStart, j.DportEnd, j.DportMask = portsJSON(sel.DstPort)
	if f := realmsJSON(r.Realm); f != nil {
		j.FlowFrom, j.FlowTo = Text(f.From), Text(f.To)
	}
	j.action(s, r)
	for _, u := range r.Unknown {
		j.Unknown = append(j.Unknown, u.Type)
	}
	return j
}

// hostLen is the prefix length that iproute2 writes. For a host it writes none.
func hostLen(p netip.Prefix) int {
	if p.IsSingleIP() {
		return 0
	}
	return p.Bits()
}

func (j *Rule) class(sel *route.Selector) {
	hexed := func(v, mask, all uint64) (Text, Text) {
		if mask == all {
			return Text(fmt.Sprintf("%#x", v)), ""
		}
		return Text(fmt.Sprintf("%#x", v)), Text(fmt.Sprintf("%#x", mask))
	}
	if sel.TOS != 0 {
		j.TOS = Text(fmt.Sprintf("%#x", sel.TOS))
	}
	if sel.MarkMask != 0 {
		j.FwMark, j.FwMask = hexed(uint64(sel.Mark), uint64(sel.MarkMask), 0xffffffff)
	}
	if sel.HasDSCP {
		j.DSCP, j.DSCPMask = hexed(uint64(sel.DSCP), uint64(sel.DSCPMask), 0x3f)
	}
	if sel.FlowLabelMask != 0 {
		j.FlowLabel, j.FlowLabelMask = hexed(uint64(sel.FlowLabel), uint64(sel.FlowLabelMask), 0xfffff)
	}
}

func portsJSON(r route.PortRange) (port, start, end uint16, mask Text) {
	if r.Start != r.End {
		return 0, r.Start, r.End, ""
	}
	if r.Mask != 0 && r.Mask != 0xffff {
		mask = Text(fmt.Sprintf("%#x", r.Mask))
	}
	return r.Start, 0, 0, mask
}

func (j *Rule) action(s *route.Snapshot, r *route.Rule) {
	switch r.Action {
	case route.ActionTable:
		if r.Table != 0 {
			j.Table = Text(s.Names.Table(r.Table))
		}
	case route.ActionGoto:
		j.Goto = r.Goto
	case route.ActionNop:
		j.Nop = true
	default:
		j.Action = r.Action.String()
	}
	if r.SuppressPrefixLen >= 0 {
		j.SuppressPrefix = &r.SuppressPrefixLen
	}
	if r.SuppressGroup >= 0 {
		group := Group(r.SuppressGroup)
		j.SuppressGroup = &group
	}
}
