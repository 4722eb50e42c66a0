package iproute2

import (
	"fmt"
	"net/netip"
	"strconv"

	"routewhy/route"
)

// realmsJSON takes the two realms of RTA_FLOW and FRA_FLOW apart; nil: there are none.
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

// RouteJSON gives a route its names.
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

// NextHopJSON gives a next hop of a route of a family its JSON form.
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

// Rule is a rule as `ip -j -d rule show` writes it, but that dst is a prefix
// with its length, and what iproute2 marks with a null (not, l3mdev, nop) is
// true here.
type Rule struct {
	Priority       uint32  `json:"priority"`
	Not            bool    `json:"not,omitempty"`
	Src            string  `json:"src"`
	SrcLen         int     `json:"srclen,omitempty"`
	Dst            string  `json:"dst,omitempty"`
	DstLen         int     `json:"dstlen,omitempty"`
	TOS            string  `json:"tos,omitempty"`
	DSCP           string  `json:"dscp,omitempty"`
	DSCPMask       string  `json:"dscp_mask,omitempty"`
	FwMark         string  `json:"fwmark,omitempty"`
	FwMask         string  `json:"fwmask,omitempty"`
	Iif            string  `json:"iif,omitempty"`
	IifDetached    bool    `json:"iif_detached,omitempty"`
	Oif            string  `json:"oif,omitempty"`
	OifDetached    bool    `json:"oif_detached,omitempty"`
	L3Mdev         bool    `json:"l3mdev,omitempty"`
	UIDStart       *uint32 `json:"uid_start,omitempty"`
	UIDEnd         *uint32 `json:"uid_end,omitempty"`
	IPProto        string  `json:"ipproto,omitempty"`
	Sport          uint16  `json:"sport,omitempty"`
	SportStart     uint16  `json:"sport_start,omitempty"`
	SportEnd       uint16  `json:"sport_end,omitempty"`
	SportMask      string  `json:"sport_mask,omitempty"`
	Dport          uint16  `json:"dport,omitempty"`
	DportStart     uint16  `json:"dport_start,omitempty"`
	DportEnd       uint16  `json:"dport_end,omitempty"`
	DportMask      string  `json:"dport_mask,omitempty"`
	FlowLabel      string  `json:"flowlabel,omitempty"`
	FlowLabelMask  string  `json:"flowlabel_mask,omitempty"`
	TunID          uint64  `json:"tun_id,omitempty"`
	Table          string  `json:"table,omitempty"`
	FlowFrom       string  `json:"flow_from,omitempty"`
	FlowTo         string  `json:"flow_to,omitempty"`
	SuppressPrefix *int    `json:"suppress_prefixlen,omitempty"`
	SuppressGroup  *int64  `json:"suppress_ifgroup,omitempty"`
	Action         string  `json:"action,omitempty"`
	Goto           uint32  `json:"goto,omitempty"`
	Unresolved     bool    `json:"unresolved,omitempty"`
	Implied        bool    `json:"implied,omitempty"` // not of ip-rule(8): [route.Rule.Implied]
	Nop            bool    `json:"nop,omitempty"`
	Protocol       string  `json:"protocol,omitempty"`
	// Unknown are the numbers of the attributes that routewhy does not know, 0 for what
	// was not understood of a file. Not of ip-rule(8).
	Unknown []uint16 `json:"unknown,omitempty"`
}

// RuleJSON gives a rule its JSON form.
func RuleJSON(s *route.Snapshot, r *route.Rule) Rule {
	sel := &r.Selector
	j := Rule{
		Priority: r.Priority, Not: sel.Not, Src: "all",
		Iif: sel.In, IifDetached: sel.InDetached, Oif: sel.Out, OifDetached: sel.OutDetached,
		L3Mdev: sel.L3Mdev, TunID: sel.TunnelID, Unresolved: r.Unresolved, Implied: r.Implied,
		Protocol: s.Names.Protocol(r.Protocol),
	}
	if sel.Src.IsValid() && sel.Src.Bits() > 0 {
		j.Src, j.SrcLen = sel.Src.Addr().String(), hostLen(sel.Src)
	}
	if sel.Dst.IsValid() && sel.Dst.Bits() > 0 {
		j.Dst, j.DstLen = sel.Dst.String(), sel.Dst.Bits()
	}
	if sel.Proto != 0 {
		j.IPProto = ProtoName(sel.Proto)
	}
	if sel.HasUIDs {
		j.UIDStart, j.UIDEnd = &sel.UIDs.Start, &sel.UIDs.End
	}
	j.class(sel)
	j.Sport, j.SportStart, j.SportEnd, j.SportMask = portsJSON(sel.SrcPort)
	j.Dport, j.DportStart, j.DportEnd, j.DportMask = portsJSON(sel.DstPort)
	if f := realmsJSON(r.Realm); f != nil {
		j.FlowFrom, j.FlowTo = f.From, f.To
	}
	j.action(s, r)
	for _, u := range r.Unknown {
		j.Unknown = append(j.Unknown, u.Type)
	}
	return j
}

// hostLen is the length that iproute2 writes: none for a host.
func hostLen(p netip.Prefix) int {
	if p.IsSingleIP() {
		return 0
	}
	return p.Bits()
}

func (j *Rule) class(sel *route.Selector) {
	hexed := func(v, mask, all uint64) (string, string) {
		if mask == all {
			return fmt.Sprintf("%#x", v), ""
		}
		return fmt.Sprintf("%#x", v), fmt.Sprintf("%#x", mask)
	}
	if sel.TOS != 0 {
		j.TOS = fmt.Sprintf("%#x", sel.TOS)
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

func portsJSON(r route.PortRange) (port, start, end uint16, mask string) {
	if r.Start != r.End {
		return 0, r.Start, r.End, ""
	}
	if r.Mask != 0 && r.Mask != 0xffff {
		mask = fmt.Sprintf("%#x", r.Mask)
	}
	return r.Start, 0, 0, mask
}

func (j *Rule) action(s *route.Snapshot, r *route.Rule) {
	switch r.Action {
	case route.ActionTable:
		if r.Table != 0 {
			j.Table = s.Names.Table(r.Table)
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
		j.SuppressGroup = &r.SuppressGroup
	}
}
