package iproute2

import (
	"fmt"
	"net/netip"
	"strconv"

	"routewhy/route"
)

// Route is a route as `ip -j -d route show` writes it, with two differences:
// dst is always a prefix with its length, and type, table, metric and scope
// are always there.
type Route struct {
	Type     string           `json:"type"`
	Dst      string           `json:"dst"`
	From     string           `json:"from,omitempty"`
	TOS      string           `json:"tos,omitempty"`
	Gateway  string           `json:"gateway,omitempty"`
	Via      *Via             `json:"via,omitempty"`
	Dev      string           `json:"dev,omitempty"`
	NextHops []NextHop        `json:"nexthops,omitempty"`
	NHID     uint32           `json:"nhid,omitempty"`
	Encap    string           `json:"encap,omitempty"`
	Flow     *Realms          `json:"flow,omitempty"`
	Table    string           `json:"table"`
	Protocol string           `json:"protocol"`
	Scope    string           `json:"scope"`
	PrefSrc  string           `json:"prefsrc,omitempty"`
	Metric   uint32           `json:"metric"`
	Flags    []string         `json:"flags"`
	Metrics  []map[string]any `json:"metrics,omitempty"`
	Expires  *int64           `json:"expires,omitempty"`
	Pref     string           `json:"pref,omitempty"`

	// Locked are the metrics that the kernel may not change (`mtu lock`), and Unread says
	// that there is a gateway which a file does not tell. Neither is of ip-route(8).
	Locked []string `json:"locked,omitempty"`
	Unread bool     `json:"gateway_unread,omitempty"`
}

// Via is a gateway of the other family.
type Via struct {
	Family string `json:"family"`
	Host   string `json:"host"`
}

// NextHop is one leg of a multipath route.
type NextHop struct {
	Gateway string   `json:"gateway,omitempty"`
	Via     *Via     `json:"via,omitempty"`
	Dev     string   `json:"dev,omitempty"`
	Encap   string   `json:"encap,omitempty"`
	Flow    *Realms  `json:"flow,omitempty"`
	Weight  int      `json:"weight"`
	Flags   []string `json:"flags"`
	Unread  bool     `json:"gateway_unread,omitempty"` // see [Route]
}

// Realms are the realms of a route's packets (`realms FROM/TO`), by their numbers.
type Realms struct {
	From string `json:"from,omitempty"`
	To   string `json:"to"`
}

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

// RouteJSON gives a route its JSON form.
func RouteJSON(s *route.Snapshot, r *route.Route) Route {
	j := Route{
		Type: r.Type.String(), Dst: r.Dst.String(), NHID: r.NextHopID,
		Table: s.Names.Table(r.Table), Protocol: s.Names.Protocol(r.Protocol),
		Scope: r.Scope.String(), Metric: r.Metric, Flags: []string{},
	}
	if r.Src.IsValid() && r.Src.Bits() > 0 {
		j.From = r.Src.String()
	}
	if r.TOS != 0 {
		j.TOS = fmt.Sprintf("%#x", r.TOS)
	}
	if r.PrefSrc.IsValid() {
		j.PrefSrc = r.PrefSrc.String()
	}
	if r.Family() == route.IPv6 {
		j.Pref = r.Pref.String()
	}
	if r.Expires != 0 {
		sec := int64(r.Expires.Seconds())
		j.Expires = &sec
	}
	j.Metrics = metricsJSON(r.Metrics)
	for _, m := range r.Metrics {
		if m.Lock {
			j.Locked = append(j.Locked, m.Name())
		}
	}
	j.ways(s, r)
	return j
}

// metricsJSON is a list of one object that has all metrics, as iproute2 writes it, but
// that what it marks with a null (ecn) is true here.
func metricsJSON(all []route.Metric) []map[string]any {
	if len(all) == 0 {
		return nil
	}
	one := map[string]any{}
	for _, m := range all {
		const features, ecn = 12, 1 // RTAX_FEATURES, RTAX_FEATURE_ECN
		if m.ID != features {
			one[m.Name()] = m.Value
			continue
		}
		if m.Value&ecn != 0 {
			one["ecn"] = true
		}
		if rest := m.Value &^ ecn; rest != 0 {
			one[m.Name()] = fmt.Sprintf("%#x", rest)
		}
	}
	return []map[string]any{one}
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
	for _, n := range []struct {
		bit  route.NextHopFlags
		name string
	}{
		{route.NextHopDead, "dead"}, {route.NextHopOnLink, "onlink"}, {route.NextHopPervasive, "pervasive"},
		{route.NextHopOffload, "offload"}, {route.NextHopTrap, "trap"},
		{route.NextHopLinkDown, "linkdown"}, {route.NextHopUnresolved, "unresolved"},
	} {
		if f&n.bit != 0 {
			out = append(out, n.name)
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
