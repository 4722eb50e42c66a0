package rehearse

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"

	"routewhy/lookup/change"
	"routewhy/route"
)

// Request is a netlink request.
type Request struct {
	Type, Flags uint16
	Body        []byte
}

// Encode makes the request for a change. For a setting there is no request. New devices get
// the indexes that index returns. If index is nil, the kernel chooses the indexes.
func Encode(c change.Change, index IndexOf) (Request, error) {
	if index == nil {
		index = func(string) int { return 0 }
	}
	switch c := c.(type) {
	case *change.Route:
		return request(unix.RTM_NEWROUTE, unix.RTM_DELROUTE, c.Verb, encodeRoute(c)), nil
	case *change.Addr:
		return request(unix.RTM_NEWADDR, unix.RTM_DELADDR, c.Verb, encodeAddr(c)), nil
	case *change.Rule:
		return request(unix.RTM_NEWRULE, unix.RTM_DELRULE, c.Verb, encodeRule(c)), nil
	case *change.Link:
		r := request(unix.RTM_NEWLINK, unix.RTM_DELLINK, c.Verb, encodeLink(c))
		r.Flags &^= unix.NLM_F_REPLACE
		return r, nil
	case *change.NewLink:
		return request(unix.RTM_NEWLINK, 0, change.Add, encodeNewLink(c, index)), nil
	case *change.Neighbour:
		return request(unix.RTM_NEWNEIGH, unix.RTM_DELNEIGH, c.Verb, encodeNeighbour(c)), nil
	case *change.NextHop:
		return request(unix.RTM_NEWNEXTHOP, unix.RTM_DELNEXTHOP, c.Verb, encodeNextHop(c)), nil
	}
	return Request{}, fmt.Errorf("no request for a %T", c)
}

// request sets the type and the flags for a verb.
func request(add, del uint16, v change.Verb, body []byte) Request {
	r := Request{Type: add, Body: body}
	switch v {
	case change.Add:
		r.Flags = unix.NLM_F_CREATE | unix.NLM_F_EXCL
	case change.Append:
		r.Flags = unix.NLM_F_CREATE | unix.NLM_F_APPEND
	case change.Prepend:
		r.Flags = unix.NLM_F_CREATE
	case change.Replace:
		r.Flags = unix.NLM_F_CREATE | unix.NLM_F_REPLACE
	case change.Modify:
		r.Flags = unix.NLM_F_REPLACE
	case change.Test:
		r.Flags = unix.NLM_F_EXCL
	case change.Delete:
		r.Type = del
	}
	return r
}

// attr appends an attribute.
func attr(b []byte, typ uint16, data []byte) []byte {
	b = binary.NativeEndian.AppendUint16(b, uint16(4+len(data)))
	b = binary.NativeEndian.AppendUint16(b, typ)
	b = append(b, data...)
	return append(b, make([]byte, (4-len(data)%4)%4)...)
}

func attr32(b []byte, typ uint16, v uint32) []byte {
	return attr(b, typ, binary.NativeEndian.AppendUint32(nil, v))
}

func af(f route.Family) byte {
	switch f {
	case route.IPv4:
		return unix.AF_INET
	case route.IPv6:
		return unix.AF_INET6
	}
	return 0
}

func encodeRoute(c *change.Route) []byte {
	r := &c.Route
	b := make([]byte, unix.SizeofRtMsg)
	b[0], b[1], b[3] = af(r.Family()), byte(r.Dst.Bits()), r.TOS
	if r.Src.IsValid() {
		b[2] = byte(r.Src.Bits())
	}
	if r.Table < 256 {
		b[4] = byte(r.Table)
	}
	b[5], b[6], b[7] = byte(r.Protocol), byte(r.Scope), byte(r.Type)
	if !r.Dst.Addr().IsUnspecified() {
		b = attr(b, unix.RTA_DST, r.Dst.Addr().AsSlice())
	}
	if r.Src.IsValid() {
		b = attr(b, unix.RTA_SRC, r.Src.Addr().AsSlice())
	}
	if r.Table >= 256 {
		b = attr32(b, unix.RTA_TABLE, uint32(r.Table))
	}
	if r.Metric != 0 {
		b = attr32(b, unix.RTA_PRIORITY, r.Metric)
	}
	if r.PrefSrc.IsValid() {
		b = attr(b, unix.RTA_PREFSRC, r.PrefSrc.AsSlice())
	}
	if c.HasPref {
		b = attr(b, 20, []byte{byte(r.Pref)})
	}
	if c.Expires != 0 {
		b = attr32(b, 23, uint32(c.Expires.Seconds()))
	}
	if r.NextHopID != 0 {
		b = attr32(b, 30, r.NextHopID)
	}
	if len(r.Metrics) > 0 {
		b = attr(b, unix.RTA_METRICS, encodeMetrics(r.Metrics))
	}
	return encodeHops(b, c)
}

func encodeMetrics(list []route.Metric) []byte {
	var b []byte
	var lock uint32
	for _, m := range list {
		if m.ID == route.MetricCongestion {
			b = attr(b, m.ID, append([]byte(m.Text), 0))
		} else {
			b = attr32(b, m.ID, m.Value)
		}
		if m.Lock {
			lock |= 1 << m.ID
		}
	}
	if lock != 0 {
		b = attr32(b, 1, lock)
	}
	return b
}

func encodeHops(b []byte, c *change.Route) []byte {
	hops := c.Route.NextHops
	if len(hops) == 0 {
		return b
	}
	if hops[0].Weight == 0 {
		h := hops[0]
		binary.NativeEndian.PutUint32(b[8:], uint32(h.Flags))
		if h.Link != 0 {
			b = attr32(b, unix.RTA_OIF, uint32(h.Link))
		}
		return encodeHop(b, h, c.Family())
	}
	var all []byte
	for _, h := range hops {
		one := make([]byte, 8)
		one[2], one[3] = byte(h.Flags), byte(h.Weight-1)
		binary.NativeEndian.PutUint32(one[4:], uint32(h.Link))
		one = encodeHop(one, h, c.Family())
		binary.NativeEndian.PutUint16(one, uint16(len(one)))
		all = append(all, one...)
	}
	return attr(b, unix.RTA_MULTIPATH, all)
}

func encodeHop(b []byte, h route.NextHop, f route.Family) []byte {
	switch {
	case !h.Gateway.IsValid():
	case route.FamilyOf(h.Gateway) == f:
		b = attr(b, unix.RTA_GATEWAY, h.Gateway.AsSlice())
	default:
		b = attr(b, unix.RTA_VIA, append([]byte{af(route.FamilyOf(h.Gateway)), 0}, h.Gateway.AsSlice()...))
	}
	if h.Realm != 0 {
		b = attr32(b, unix.RTA_FLOW, h.Realm)
	}
	return b
}

func encodeAddr(c *change.Addr) []byte {
	a := &c.Addr
	b := make([]byte, unix.SizeofIfAddrmsg)
	b[0], b[1], b[3] = af(route.FamilyOf(a.Prefix.Addr())), byte(a.Prefix.Bits()), byte(a.Scope)
	binary.NativeEndian.PutUint32(b[4:], uint32(a.Link))
	local, other := a.Prefix.Addr(), a.Prefix.Addr()
	if a.Peer.IsValid() {
		other = a.Peer.Addr()
	}
	b = attr(b, unix.IFA_LOCAL, local.AsSlice())
	if !c.NoAddress {
		b = attr(b, unix.IFA_ADDRESS, other.AsSlice())
	}
	if a.Broadcast.IsValid() {
		b = attr(b, unix.IFA_BROADCAST, a.Broadcast.AsSlice())
	}
	if a.Label != "" {
		b = attr(b, unix.IFA_LABEL, append([]byte(a.Label), 0))
	}
	if a.Flags != 0 {
		b = attr32(b, unix.IFA_FLAGS, uint32(a.Flags))
	}
	if c.Metric != 0 {
		b = attr32(b, 9, c.Metric)
	}
	if a.Protocol != 0 {
		b = attr(b, 11, []byte{a.Protocol})
	}
	if a.PreferredLft != 0 || a.ValidLft != 0 {
		var ci []byte
		ci = binary.NativeEndian.AppendUint32(ci, uint32(a.PreferredLft.Seconds()))
		ci = binary.NativeEndian.AppendUint32(ci, uint32(a.ValidLft.Seconds()))
		b = attr(b, unix.IFA_CACHEINFO, append(ci, make([]byte, 8)...))
	}
	return b
}

func encodeRule(c *change.Rule) []byte {
	r, s := &c.Rule, &c.Rule.Selector
	b := make([]byte, 12)
	b[0], b[3], b[7] = af(r.Family), s.TOS, byte(r.Action)
	if r.Table < 256 {
		b[4] = byte(r.Table)
	} else {
		b = attr32(b, unix.FRA_TABLE, uint32(r.Table))
	}
	if s.Not {
		binary.NativeEndian.PutUint32(b[8:], 2)
	}
	prefix := func(typ uint16, at int, p netip.Prefix) {
		if p.IsValid() {
			b[at] = byte(p.Bits())
			b = attr(b, typ, p.Addr().AsSlice())
		}
	}
	prefix(unix.FRA_DST, 1, s.Dst)
	prefix(unix.FRA_SRC, 2, s.Src)
	if c.HasPriority {
		b = attr32(b, unix.FRA_PRIORITY, r.Priority)
	}
	if s.In != "" {
		b = attr(b, unix.FRA_IIFNAME, append([]byte(s.In), 0))
	}
	if s.Out != "" {
		b = attr(b, unix.FRA_OIFNAME, append([]byte(s.Out), 0))
	}
	if s.Mark != 0 {
		b = attr32(b, unix.FRA_FWMARK, s.Mark)
	}
	if s.Mark != 0 || s.MarkMask != 0 {
		b = attr32(b, unix.FRA_FWMASK, s.MarkMask)
	}
	if r.Goto != 0 {
		b = attr32(b, unix.FRA_GOTO, r.Goto)
	}
	if r.SuppressPrefixLen >= 0 {
		b = attr32(b, unix.FRA_SUPPRESS_PREFIXLEN, uint32(r.SuppressPrefixLen))
	}
	if r.SuppressGroup >= 0 {
		b = attr32(b, unix.FRA_SUPPRESS_IFGROUP, uint32(r.SuppressGroup))
	}
	if r.Protocol != 0 {
		b = attr(b, unix.FRA_PROTOCOL, []byte{byte(r.Protocol)})
	}
	if r.Realm != 0 {
		b = attr32(b, unix.FRA_FLOW, r.Realm)
	}
	if s.HasUIDs {
		b = attr(b, unix.FRA_UID_RANGE, binary.NativeEndian.AppendUint32(binary.NativeEndian.AppendUint32(nil, s.UIDs.Start), s.UIDs.End))
	}
	if s.Proto != 0 {
		b = attr(b, unix.FRA_IP_PROTO, []byte{s.Proto})
	}
	ports := func(typ uint16, p route.PortRange) {
		if p.Start != 0 || p.End != 0 {
			b = attr(b, typ, binary.NativeEndian.AppendUint16(binary.NativeEndian.AppendUint16(nil, p.Start), p.End))
		}
	}
	ports(unix.FRA_SPORT_RANGE, s.SrcPort)
	ports(unix.FRA_DPORT_RANGE, s.DstPort)
	mask := func(typ uint16, p route.PortRange) {
		if p.Mask != 0 {
			b = attr(b, typ, binary.NativeEndian.AppendUint16(nil, p.Mask))
		}
	}
	mask(28, s.SrcPort)
	mask(29, s.DstPort)
	if s.HasDSCP {
		b = attr(b, 25, []byte{s.DSCP})
		b = attr(b, 30, []byte{s.DSCPMask})
	}
	if s.FlowLabelMask != 0 {
		b = attr(b, 26, binary.BigEndian.AppendUint32(nil, s.FlowLabel))
		b = attr(b, 27, binary.BigEndian.AppendUint32(nil, s.FlowLabelMask))
	}
	if s.L3Mdev {
		b = attr(b, unix.FRA_L3MDEV, []byte{1})
	}
	return b
}

func encodeLink(c *change.Link) []byte {
	b := make([]byte, unix.SizeofIfInfomsg)
	binary.NativeEndian.PutUint32(b[4:], uint32(c.Index))
	var flags, mask uint32
	for _, f := range []struct {
		flag uint32
		set  route.Tristate
	}{{unix.IFF_UP, c.Up}, {unix.IFF_NOARP, c.ARP}} {
		if f.set != route.Unknown {
			mask |= f.flag
		}
		if f.set == route.Yes {
			flags |= f.flag
		}
	}
	flags ^= mask & unix.IFF_NOARP // the flag says the opposite
	binary.NativeEndian.PutUint32(b[8:], flags)
	binary.NativeEndian.PutUint32(b[12:], mask)
	if c.Address != nil {
		b = attr(b, unix.IFLA_ADDRESS, c.Address)
	}
	if c.Carrier != route.Unknown {
		b = attr(b, unix.IFLA_CARRIER, []byte{byte(route.No - c.Carrier)})
	}
	if c.Name != "" {
		b = attr(b, unix.IFLA_IFNAME, append([]byte(c.Name), 0))
	}
	if c.MTU != nil {
		b = attr32(b, unix.IFLA_MTU, *c.MTU)
	}
	if c.Group != nil {
		b = attr32(b, unix.IFLA_GROUP, *c.Group)
	}
	if c.Master != nil {
		b = attr32(b, unix.IFLA_MASTER, uint32(*c.Master))
	}
	return addrGen(b, c.AddrGen)
}

// addrGen appends how a device gets its link-local address; nil: nothing.
func addrGen(b []byte, mode *uint8) []byte {
	if mode == nil {
		return b
	}
	const addrGenMode = 8 // IFLA_INET6_ADDR_GEN_MODE
	return attr(b, unix.IFLA_AF_SPEC|unix.NLA_F_NESTED, attr(nil, unix.AF_INET6|unix.NLA_F_NESTED, attr(nil, addrGenMode, []byte{*mode})))
}

// IndexOf returns the index that a new device should have, by its name. Zero: the kernel
// chooses it. What the kernel chooses depends on all devices that ever existed.
type IndexOf func(name string) int

func encodeNewLink(c *change.NewLink, index IndexOf) []byte {
	b := newLinkHead(c, index)
	var data []byte
	switch {
	case c.Peer != nil:
		data = attr(nil, 1, newLinkHead(c.Peer, index)) // VETH_INFO_PEER
	case c.Kind == "vlan":
		data = attr(nil, 1, binary.NativeEndian.AppendUint16(nil, c.VLAN)) // IFLA_VLAN_ID
	case c.Kind == "vrf" && c.Table != 0:
		data = attr32(nil, 1, uint32(c.Table)) // IFLA_VRF_TABLE
	}
	info := attr(nil, unix.IFLA_INFO_KIND, append([]byte(c.Kind), 0))
	if data != nil {
		info = attr(info, unix.IFLA_INFO_DATA|unix.NLA_F_NESTED, data)
	}
	return attr(b, unix.IFLA_LINKINFO|unix.NLA_F_NESTED, info)
}

func newLinkHead(c *change.NewLink, index IndexOf) []byte {
	b := make([]byte, unix.SizeofIfInfomsg)
	binary.NativeEndian.PutUint32(b[4:], uint32(index(c.Name)))
	if c.Up {
		binary.NativeEndian.PutUint32(b[8:], unix.IFF_UP)
		binary.NativeEndian.PutUint32(b[12:], unix.IFF_UP)
	}
	if c.Name != "" {
		b = attr(b, unix.IFLA_IFNAME, append([]byte(c.Name), 0))
	}
	if c.Lower != 0 {
		b = attr32(b, unix.IFLA_LINK, uint32(c.Lower))
	}
	if c.MTU != 0 {
		b = attr32(b, unix.IFLA_MTU, c.MTU)
	}
	if c.Group != 0 {
		b = attr32(b, unix.IFLA_GROUP, c.Group)
	}
	if c.Master != 0 {
		b = attr32(b, unix.IFLA_MASTER, uint32(c.Master))
	}
	return addrGen(b, c.AddrGen)
}

func encodeNeighbour(c *change.Neighbour) []byte {
	n := &c.Neighbour
	b := make([]byte, 12)
	b[0] = af(route.FamilyOf(n.Addr))
	binary.NativeEndian.PutUint32(b[4:], uint32(n.Link))
	binary.NativeEndian.PutUint16(b[8:], uint16(n.State))
	b = attr(b, unix.NDA_DST, n.Addr.AsSlice())
	if c.LinkAddr {
		b = attr(b, unix.NDA_LLADDR, []byte{2, 0, 0, 0, 0, 1})
	}
	return b
}

func encodeNextHop(c *change.NextHop) []byte {
	o := &c.Object
	b := make([]byte, 8)
	b[0], b[2] = af(o.Family), byte(o.Protocol)
	binary.NativeEndian.PutUint32(b[4:], uint32(o.NextHop.Flags))
	if o.ID != 0 {
		b = attr32(b, 1, o.ID)
	}
	if len(o.Group) > 0 {
		var g []byte
		for _, m := range o.Group {
			g = binary.NativeEndian.AppendUint32(g, m.ID)
			g = append(g, byte(m.Weight-1), 0, 0, 0)
		}
		b = attr(b, 2, g)
		if o.Resilient {
			b = attr(b, 3, []byte{1, 0})
			b = attr(b, 12|unix.NLA_F_NESTED, attr(nil, 1, binary.NativeEndian.AppendUint16(nil, uint16(o.Buckets))))
		}
	}
	if o.Blackhole {
		b = attr(b, 4, nil)
	}
	if o.NextHop.Link != 0 {
		b = attr32(b, 5, uint32(o.NextHop.Link))
	}
	if o.NextHop.Gateway.IsValid() {
		b = attr(b, 6, o.NextHop.Gateway.AsSlice())
	}
	if o.FDB {
		b = attr(b, 11, nil)
	}
	return b
}
