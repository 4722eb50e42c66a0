package command

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"routewhy/lookup/change"
	"routewhy/route"
	"routewhy/route/iproute2"
)

// Print is the ip command that asks for a change in a state. Names of devices are
// written in a form that is safe for a terminal.
func Print(c change.Change, s *change.State) string {
	p := &printer{snap: s.FIB().Snapshot()}
	p.add("ip")
	switch c := c.(type) {
	case *change.Route:
		p.route(c)
	case *change.Rule:
		p.rule(c)
	case *change.Addr:
		p.addr(c)
	case *change.Link:
		p.link(c)
	case *change.NextHop:
		p.nextHop(c)
	case *change.Neighbour:
		p.neighbour(c)
	case *change.Sysctl:
		return "sysctl -w " + settingWord(c.Path) + "=" + quoted(c.Value)
	}
	return strings.Join(p.words, " ")
}

// settingWord is a setting in the form that sysctl takes. Its separator is the dot, or
// the slash if a device's name has a dot.
func settingWord(path string) string {
	if strings.Contains(path, ".") {
		return quoted(path) // if the separator is a slash, sysctl does not change dots
	}
	return quoted(strings.ReplaceAll(path, "/", "."))
}

// quoted is a word in the form that a shell takes.
func quoted(s string) string {
	s = iproute2.Safe(s)
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_-./:@%+=,", r)
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

type printer struct {
	snap  *route.Snapshot
	words []string
}

func (p *printer) add(words ...string) { p.words = append(p.words, words...) }

// dev names a device.
func (p *printer) dev(index int) string { return quoted(p.snap.LinkName(index)) }

// object writes the family, the object and the verb.
func (p *printer) object(f route.Family, name string, v change.Verb) {
	if f == route.IPv6 {
		p.add("-6")
	}
	p.add(name, verbWord(v))
}

// viaInet6 reports whether ip(8) reads an IPv4 route as an IPv6 route unless it is told the
// family. The word default has no family, so ip takes the family of the first gateway.
func viaInet6(r *route.Route) bool {
	return r.Dst == route.IPv4.Default() && slices.ContainsFunc(r.NextHops, func(h route.NextHop) bool { return h.Gateway.Is6() })
}

func verbWord(v change.Verb) string {
	if v == change.Delete {
		return "del"
	}
	return v.String()
}

func decimal[T ~uint8 | ~uint16 | ~uint32 | ~int](n T) string {
	return strconv.FormatUint(uint64(n), 10)
}

func hex[T ~uint8 | ~uint32](n T) string { return "0x" + strconv.FormatUint(uint64(n), 16) }

// prefixWord is a prefix in the form that people write.
func prefixWord(d netip.Prefix) string {
	switch {
	case d.Bits() == 0 && d.Addr().IsUnspecified():
		return "default"
	case d.IsSingleIP():
		return d.Addr().String()
	}
	return d.String()
}

func (p *printer) route(c *change.Route) {
	r := &c.Route
	if viaInet6(&c.Route) {
		p.add("-4")
	}
	p.object(c.Family(), "route", c.Verb)
	if r.Type != route.TypeUnicast && r.Type != route.TypeUnspec {
		p.add(r.Type.String())
	}
	p.add(prefixWord(r.Dst))
	if r.Src.IsValid() {
		p.add("from", prefixWord(r.Src))
	}
	several := len(r.NextHops) > 0 && r.NextHops[0].Weight != 0
	switch {
	case r.NextHopID != 0:
		p.add("nhid", decimal(r.NextHopID))
	case len(r.NextHops) > 0 && !several:
		p.hop(&r.NextHops[0], c.Family())
	}
	p.attributes(c, several)
	if several && r.NextHopID == 0 {
		for i := range r.NextHops {
			h := &r.NextHops[i]
			p.add("nexthop")
			p.hop(h, c.Family())
			p.add("weight", strconv.Itoa(h.Weight))
		}
	}
}

// hop writes a next hop.
func (p *printer) hop(h *route.NextHop, f route.Family) {
	if h.Gateway.IsValid() {
		p.add("via")
		if g := route.FamilyOf(h.Gateway); g != f {
			p.add(familyName(g))
		}
		p.add(h.Gateway.String())
	}
	if h.Link != 0 {
		p.add("dev", p.dev(h.Link))
	}
	if h.Flags&route.NextHopOnLink != 0 {
		p.add("onlink")
	}
	if h.Realm != 0 {
		p.add("realm", realmWord(h.Realm))
	}
}

func realmWord(n uint32) string {
	from, to := n>>16, n&0xffff
	if from > 255 || to > 255 { // ip takes no larger realms, but a number for both
		return "0x" + strconv.FormatUint(uint64(n), 16)
	}
	if from != 0 {
		return decimal(from) + "/" + decimal(to)
	}
	return decimal(n)
}

// attributes writes what a route has besides its prefix and its next hops.
func (p *printer) attributes(c *change.Route, several bool) {
	r := &c.Route
	if r.Table != 0 && r.Table != usualTable(r.Type) {
		p.add("table", quoted(p.snap.Names.Table(r.Table)))
	}
	if r.Protocol != 0 && (c.Verb == change.Delete || r.Protocol != route.ProtocolBoot) {
		p.add("proto", quoted(p.snap.Names.Protocol(r.Protocol)))
	}
	further := several || len(r.NextHops) > 0 && r.NextHops[0].Gateway.IsValid()
	if c.Family() == route.IPv4 && r.Scope != usualScope(c.Verb, route.IPv4, r, further) {
		p.add("scope", r.Scope.String())
	}
	if r.PrefSrc.IsValid() {
		p.add("src", r.PrefSrc.String())
	}
	if r.TOS != 0 {
		p.add("tos", hex(r.TOS))
	}
	if r.Metric != 0 {
		p.add("metric", decimal(r.Metric))
	}
	if c.Expires > 0 {
		p.add("expires", strconv.Itoa(int(c.Expires.Seconds())))
	}
	if c.HasPref {
		p.add("pref", r.Pref.String())
	}
	for _, m := range r.Metrics {
		p.metric(m)
	}
}

// metric writes a path metric.
func (p *printer) metric(m route.Metric) {
	p.add(m.Name())
	if m.Lock && m.ID != metricRTOMin {
		p.add("lock")
	}
	switch {
	case m.ID == route.MetricCongestion:
		p.add(quoted(m.Text))
	case m.ID == metricFeatures && m.Value == 1:
		p.add("ecn")
	case m.ID == metricRTOMin:
		p.add(decimal(m.Value) + "ms")
	default:
		p.add(decimal(m.Value))
	}
}

func (p *printer) rule(c *change.Rule) {
	r, s := &c.Rule, &c.Rule.Selector
	p.object(r.Family, "rule", c.Verb)
	if c.HasPriority {
		p.add("pref", decimal(r.Priority))
	}
	if s.Not {
		p.add("not")
	}
	if s.Src.IsValid() {
		p.add("from", ruleWord(s.Src))
	}
	if s.Dst.IsValid() {
		p.add("to", ruleWord(s.Dst))
	}
	p.selector(s)
	switch r.Action {
	case route.ActionTable:
		if r.Table != 0 {
			p.add("lookup", quoted(p.snap.Names.Table(r.Table)))
		}
	case route.ActionGoto:
		p.add("goto", decimal(r.Goto))
	case route.ActionUnspec:
	default:
		p.add(r.Action.String())
	}
	if r.SuppressPrefixLen >= 0 {
		p.add("suppress_prefixlength", strconv.Itoa(r.SuppressPrefixLen))
	}
	if r.SuppressGroup >= 0 {
		p.add("suppress_ifgroup", strconv.FormatInt(r.SuppressGroup, 10))
	}
	if r.Protocol != 0 && (c.Verb == change.Delete || r.Protocol != route.ProtocolBoot) {
		p.add("protocol", quoted(p.snap.Names.Protocol(r.Protocol)))
	}
	if r.Realm != 0 {
		p.add("realms", realmWord(r.Realm))
	}
}

// ruleWord is a prefix of a rule.
func ruleWord(d netip.Prefix) string {
	if d.Bits() == 0 {
		return "all"
	}
	return prefixWord(d)
}

// selector writes what a rule selects besides the two prefixes.
func (p *printer) selector(s *route.Selector) {
	if s.TOS != 0 {
		p.add("tos", hex(s.TOS))
	}
	if s.Mark != 0 || s.MarkMask != 0 {
		text := hex(s.Mark)
		if s.MarkMask != 1<<32-1 {
			text += "/" + hex(s.MarkMask)
		}
		p.add("fwmark", text)
	}
	if s.In != "" {
		p.add("iif", quoted(s.In))
	}
	if s.Out != "" {
		p.add("oif", quoted(s.Out))
	}
	if s.HasUIDs {
		p.add("uidrange", decimal(s.UIDs.Start)+"-"+decimal(s.UIDs.End))
	}
	if s.Proto != 0 {
		p.add("ipproto", iproute2.ProtoName(s.Proto))
	}
	p.ports("sport", s.SrcPort)
	p.ports("dport", s.DstPort)
	if s.HasDSCP {
		p.add("dscp", hex(s.DSCP))
	}
	if s.FlowLabelMask != 0 {
		p.add("flowlabel", hex(s.FlowLabel)+"/"+hex(s.FlowLabelMask))
	}
	if s.L3Mdev {
		p.add("l3mdev")
	}
	if s.TunnelID != 0 {
		p.add("tun_id", strconv.FormatUint(s.TunnelID, 10))
	}
}

func (p *printer) ports(name string, r route.PortRange) {
	switch {
	case r == route.PortRange{}:
	case r.Mask != 0:
		p.add(name, decimal(r.Start)+"/0x"+strconv.FormatUint(uint64(r.Mask), 16))
	case r.Start == r.End:
		p.add(name, decimal(r.Start))
	default:
		p.add(name, decimal(r.Start)+"-"+decimal(r.End))
	}
}

func (p *printer) addr(c *change.Addr) {
	a := &c.Addr
	p.object(route.FamilyOf(a.Prefix.Addr()), "addr", c.Verb)
	if a.Peer.IsValid() {
		p.add(a.Prefix.Addr().String(), "peer", a.Peer.String())
	} else {
		p.add(a.Prefix.String())
	}
	if a.Broadcast.IsValid() {
		p.add("brd", a.Broadcast.String())
	}
	if a.Label != "" && a.Label != p.snap.LinkName(a.Link) {
		p.add("label", quoted(a.Label))
	}
	if c.Verb != change.Delete && a.Scope != usualAddrScope(a.Prefix.Addr()) {
		p.add("scope", a.Scope.String())
	}
	p.add("dev", p.dev(a.Link))
	if c.Metric != 0 {
		p.add("metric", decimal(c.Metric))
	}
	for _, f := range addrFlags() {
		if a.Flags&f.flag != 0 && f.flag != route.AddrPermanent {
			p.add(f.name)
		}
	}
	for _, t := range []struct {
		name string
		left int64
		is   bool
	}{
		{"valid_lft", int64(a.ValidLft.Seconds()), a.ValidLft != 0 && a.ValidLft != route.ForeverLft},
		{"preferred_lft", int64(a.PreferredLft.Seconds()), a.PreferredLft != route.ForeverLft && (a.PreferredLft != 0 || a.ValidLft != 0)},
	} {
		if t.is {
			p.add(t.name, strconv.FormatInt(t.left, 10))
		}
	}
}

// toggle adds a keyword that takes on or off.
func (p *printer) toggle(name string, is route.Tristate) {
	switch is {
	case route.Yes:
		p.add(name, "on")
	case route.No:
		p.add(name, "off")
	}
}

func (p *printer) link(c *change.Link) {
	if c.Verb == change.Delete {
		p.add("link", "del", p.dev(c.Index))
		return
	}
	p.add("link", "set", p.dev(c.Index))
	if c.MTU != nil {
		p.add("mtu", decimal(*c.MTU))
	}
	if c.Name != "" {
		p.add("name", quoted(c.Name))
	}
	if c.Group != nil {
		p.add("group", decimal(*c.Group))
	}
	switch {
	case c.Master == nil:
	case *c.Master == 0:
		p.add("nomaster")
	default:
		p.add("master", p.dev(*c.Master))
	}
	p.toggle("arp", c.ARP)
	p.toggle("carrier", c.Carrier)
	switch c.Up {
	case route.Yes:
		p.add("up")
	case route.No:
		p.add("down")
	}
}

func (p *printer) nextHop(c *change.NextHop) {
	o := &c.Object
	p.object(o.Family, "nexthop", c.Verb)
	if o.ID != 0 {
		p.add("id", decimal(o.ID))
	}
	if c.Verb == change.Delete {
		return
	}
	if len(o.Group) > 0 {
		p.group(o)
	}
	if o.Blackhole {
		p.add("blackhole")
	}
	p.hop(&o.NextHop, o.Family)
	if o.FDB {
		p.add("fdb")
	}
	if o.Protocol != 0 {
		p.add("proto", quoted(p.snap.Names.Protocol(o.Protocol)))
	}
}

// group writes the members of a group.
func (p *printer) group(o *route.NextHopObject) {
	var members []string
	for _, m := range o.Group {
		text := decimal(m.ID)
		if m.Weight > 1 {
			text += "," + strconv.Itoa(m.Weight)
		}
		members = append(members, text)
	}
	p.add("group", strings.Join(members, "/"))
	if o.Resilient {
		p.add("type", "resilient", "buckets", strconv.Itoa(o.Buckets))
	}
}

func (p *printer) neighbour(c *change.Neighbour) {
	n := &c.Neighbour
	p.object(0, "neigh", c.Verb)
	p.add(n.Addr.String(), "dev", p.dev(n.Link))
	if c.Verb != change.Delete {
		p.add("nud", strings.ToLower(n.State.String()))
	}
}
