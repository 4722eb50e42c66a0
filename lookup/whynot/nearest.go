package whynot

import (
	"net/netip"
	"slices"

	"routewhy/lookup"
	"routewhy/route"
)

// noEntry says that no wanted entry covers the destination, and which one is nearest.
// Without this fact, there is an entry only for the destination.
func (q *search) noEntry(s *state, t *lookup.Trace) []option {
	f := Fact{order: len(s.rules)}
	add := route.Route{Dst: q.target(), Type: route.TypeUnicast, Table: tableFor(t)}
	switch q.want.Kind {
	case Rule:
		return q.noEntryByRule(s, &f, add)
	case Source:
		if f.Reason = (lookup.Reason{Code: CodeNone}); q.owner(s) == 0 {
			f.Reason = lookup.Reason{Code: CodeNotOwn, Want: q.want.Addr}
			return []option{found(f, nil)}
		}
		add.PrefSrc = q.want.Addr
	case Prefix:
		if !q.want.Prefix.Contains(s.dst()) {
			f.Reason = lookup.Reason{Code: CodeOutside, Want: q.want.Prefix, Have: differs(q.want.Prefix.Addr(), s.dst())}
			return []option{found(f, nil)}
		}
		add.Dst, f.Reason = q.want.Prefix, lookup.Reason{Code: CodeNone}
		if f.Route = s.covers(func(r *route.Route) bool { return r.Dst == q.want.Prefix }); f.Route == nil {
			if f.Route = sameAddress(s, q.want.Prefix); f.Route != nil {
				f.Code = CodeLength
			}
		}
	case Default:
		add.Dst, f.Reason = s.family().Default(), lookup.Reason{Code: CodeNoDefault}
		f.Route = s.covers(func(r *route.Route) bool { return r.IsDefault() })
	default:
		f.Route = q.look().nearest
		f.Reason = lookup.Reason{Code: CodeNone}
		if f.Route != nil && f.Route.Dst.Contains(s.dst()) {
			f.Route = nil // another fact is about it
		}
		if f.Route != nil {
			f.Reason = lookup.Reason{Code: CodeNoEntry, Want: f.Route.Dst, Have: differs(f.Route.Dst.Addr(), s.dst())}
		}
		thrown := s.covers(func(r *route.Route) bool { return r.Table == q.want.Table && r.Type == route.TypeThrow })
		if q.want.Kind == Table && thrown != nil {
			f.Route, f.Reason = thrown, lookup.Reason{Code: CodeNone}
		}
	}
	if q.want.Kind == Table {
		add.Table = q.want.Table
	}
	hop, ok := q.hop(s, f.Route)
	if !ok {
		return []option{found(f, nil)}
	}
	add.NextHops = []route.NextHop{hop}
	return []option{found(f, func(s *state) *state { return s.with(&add) })}
}

// sameAddress is a route whose destination begins with the address of a prefix, and has
// another length; nil: there is none. Somebody may have forgotten the length.
func sameAddress(s *state, p netip.Prefix) *route.Route {
	e := s.fib.Edit()
	for _, id := range e.Tables(s.family()) {
		for bits := p.Addr().BitLen(); bits > 0; bits-- {
			other := netip.PrefixFrom(p.Addr(), bits)
			if other.Masked().Addr() != p.Addr() {
				break // shorter ones begin with another address too
			}
			if all := e.At(id, other); len(all) > 0 && other != p && all[0].Type == route.TypeUnicast {
				f := full(all[0], other)
				return &f
			}
		}
	}
	return nil
}

// noDefault are the possible reasons why there is no default route at all.
func (q *search) noDefault(order int) []Fact {
	var out []Fact
	for _, n := range q.root.fib.WhyNoDefault(q.root.family()) {
		out = append(out, Fact{Reason: n.Reason, Rule: n.Rule, Route: n.Route, order: order})
	}
	return out
}

func (q *search) noEntryByRule(s *state, f *Fact, add route.Route) []option {
	snap := s.fib.Snapshot()
	i := slices.IndexFunc(snap.Rules, func(r route.Rule) bool { return r.Family == s.family() && r.Priority == q.want.Priority })
	if i < 0 {
		f.Reason = lookup.Reason{Code: CodeNoRule, Want: q.want.Priority}
		return []option{found(*f, nil)}
	}
	if snap.Rules[i].Action != route.ActionTable {
		return nil
	}
	f.Rule, f.order, f.Reason = &snap.Rules[i], s.rules[i], lookup.Reason{Code: CodeNone}
	hop, ok := q.hop(s, nil)
	if add.Table = snap.Rules[i].Table; add.Table == 0 || !ok {
		return []option{found(*f, nil)}
	}
	add.NextHops = []route.NextHop{hop}
	return []option{found(*f, func(s *state) *state { return s.with(&add) })}
}

// tableFor is the table in which a route to the destination would decide. It is the
// table of the rule that decided, or main. If a rule refuses the packet before main is asked, it
// is the first table that was asked before: that rule need not go.
func tableFor(t *lookup.Trace) route.Table {
	if d := &t.Decision; d.HasRoute && d.Route.Table != route.TableLocal {
		return d.Route.Table
	}
	first := route.TableUnspec
	for i := range t.Rules {
		switch r := &t.Rules[i]; {
		case r.Verdict == lookup.VerdictRefuses && r.Rule.Action != route.ActionTable && first != route.TableUnspec:
			return first
		case r.Verdict == lookup.VerdictRefuses || r.Table == route.TableMain && r.Verdict == lookup.VerdictContinue:
			return route.TableMain
		case r.Verdict == lookup.VerdictContinue && r.Rule.Action == route.ActionTable && r.Table != route.TableLocal && first == route.TableUnspec:
			first = r.Table
		}
	}
	return route.TableMain
}

// hop is a next hop with which a new entry would bring the packet where it is wanted
// to go. It is like the next hop of the nearest entry. It is dead if its device is
// down, or has IPv6 switched off.
func (q *search) hop(s *state, near *route.Route) (route.NextHop, bool) {
	snap := s.fib.Snapshot()
	h := route.NextHop{}
	switch q.want.Kind {
	case Device:
		h.Link = q.want.Link
		if g := q.gatewayOn(s, h.Link, near); g.IsValid() {
			h.Gateway = g
		}
	case Gateway:
		h.Gateway, h.Link = q.want.Addr, q.linkOf(s, q.want.Addr)
	case Source:
		h.Link = q.owner(s)
		h.Gateway = q.gatewayOn(s, h.Link, near)
	default:
		for _, r := range []*route.Route{near, anyOf(s)} {
			if r == nil {
				continue
			}
			if hops := hopsOf(snap, r); len(hops) > 0 && hops[0].Link != 0 {
				h = route.NextHop{Link: hops[0].Link, Gateway: hops[0].Gateway}
				break
			}
		}
	}
	l := snap.Link(h.Link)
	if l == nil {
		return h, false
	}
	switch {
	case !l.Up(), switchedOff(snap, s.family(), l.Name):
		h.Flags = route.NextHopDead
	case !l.Carrier() && snap.IgnoresLinkdown(s.family(), l.Name):
		h.Flags = route.NextHopDead | route.NextHopLinkDown
	}
	return h, true
}

// switchedOff reports whether a device has no IPv6 because somebody switched it off. The
// kernel has no IPv6 routes by such a device.
func switchedOff(snap *route.Snapshot, f route.Family, dev string) bool {
	off, _ := snap.Sysctls.Conf(f, dev, "disable_ipv6")
	return f == route.IPv6 && off != 0
}

// anyOf is the route that the packet takes; nil: it takes no route that sends it on.
func anyOf(s *state) *route.Route {
	d := s.decide()
	if d.HasRoute && d.Route.Type == route.TypeUnicast {
		return &d.Route
	}
	return nil
}

// gatewayOn is a gateway on a device: the gateway of the near route, or of a default
// route by the device. The zero Addr means that there is none.
func (q *search) gatewayOn(s *state, link int, near *route.Route) netip.Addr {
	snap := s.fib.Snapshot()
	on := func(r *route.Route) netip.Addr {
		for _, h := range hopsOf(snap, r) {
			if h.Link == link && route.FamilyOf(h.Gateway) == s.family() {
				return h.Gateway
			}
		}
		return netip.Addr{}
	}
	if near != nil {
		if g := on(near); g.IsValid() {
			return g
		}
	}
	e := s.fib.Edit()
	for _, id := range e.Tables(s.family()) {
		for _, o := range e.At(id, s.family().Default()) {
			if g := on(o); g.IsValid() {
				return g
			}
		}
	}
	return netip.Addr{}
}

// linkOf is the device that a gateway is on; zero: it is not known.
func (q *search) linkOf(s *state, gateway netip.Addr) int {
	snap := s.fib.Snapshot()
	best, link := -1, 0
	for i := range snap.Addrs {
		a := &snap.Addrs[i]
		p := a.Prefix
		if a.Peer.IsValid() {
			p = a.Peer
		}
		if p.Contains(gateway) && p.Bits() > best && a.Prefix.Addr() != gateway {
			best, link = p.Bits(), a.Link
		}
	}
	if link != 0 {
		return link
	}
	for _, n := range snap.Neighbours {
		if n.Addr == gateway {
			return n.Link
		}
	}
	d := s.fib.Lookup(route.Flow{Dst: gateway, UID: route.NoUID})
	if d.Disposition == lookup.DispositionUnicast && len(d.NextHops) == 1 && !d.NextHops[0].Gateway.IsValid() {
		return d.NextHops[0].Link
	}
	return 0
}

// survey is what a pass over all entries found.
type survey struct {
	// nearest is the wanted entry of any table whose prefix has the most bits in common
	// with the destination. If several have equally many, it is the one with the shortest
	// prefix. Nil: there is none.
	nearest *route.Route
	// hops are next hops with which packets go where they are wanted to go.
	hops []route.NextHop
}

// look makes a survey of the host that was asked about. It does so only once.
func (q *search) look() *survey {
	if q.around == nil {
		q.around = q.survey(q.root)
	}
	return q.around
}

func (q *search) survey(s *state) *survey {
	out := &survey{}
	e := s.fib.Edit()
	common := -1
	gives := q.giver(s)
	known := map[*route.Route]bool{} // many prefixes share a route
	if !e.MayHave(s.family(), func(r *route.Route) bool { return q.leads(s, r) }) {
		return out
	}
	for _, id := range e.Tables(s.family()) {
		e.Routes(s.family(), id, func(p netip.Prefix, all []*route.Route) bool {
			for _, o := range all {
				if !known[o] && o.Type == route.TypeUnicast {
					out.hops = q.more(s, out.hops, o)
				}
				known[o] = true
				if !gives(p, o) {
					continue
				}
				if n := differs(p.Addr(), s.dst()); n > common || n == common && p.Bits() < out.nearest.Dst.Bits() {
					f := full(o, p)
					out.nearest, common = &f, n
				}
			}
			return true
		})
	}
	return out
}

// giver is a function that reports whether a route to a prefix is one that sends packets
// where they are wanted to go. It asks once for each route that many prefixes share, unless
// the prefix is what is wanted.
func (q *search) giver(s *state) func(netip.Prefix, *route.Route) bool {
	snap := s.fib.Snapshot()
	ask := func(p netip.Prefix, o *route.Route) bool {
		f := full(o, p)
		return f.Type == route.TypeUnicast && q.want.gives(snap, &f)
	}
	known := map[*route.Route]bool{}
	return func(p netip.Prefix, o *route.Route) bool {
		switch {
		case p.Addr().IsMulticast():
			return false
		case q.want.Kind == Prefix:
			return p == q.want.Prefix && ask(p, o)
		case q.want.Kind == Default:
			return p.Bits() == 0 && ask(p, o)
		}
		gives, ok := known[o]
		if !ok {
			gives = ask(p, o)
			known[o] = gives
		}
		return gives
	}
}

// maxHops is how many next hops are tried for a new route.
const maxHops = 12

// more adds those next hops of an entry that lead where the packet is wanted to go.
func (q *search) more(s *state, out []route.NextHop, r *route.Route) []route.NextHop {
	for _, h := range hopsOf(s.fib.Snapshot(), r) {
		one := route.NextHop{Link: h.Link, Gateway: h.Gateway, Flags: h.Flags & route.NextHopOnLink}
		if q.right(s, &h) && h.Encap == 0 && len(out) < maxHops && !slices.Contains(out, one) {
			out = append(out, one)
		}
	}
	return out
}

// right reports whether a next hop leads where the packet is wanted to go.
func (q *search) right(s *state, h *route.NextHop) bool {
	switch q.want.Kind {
	case Device:
		return h.Link == q.want.Link
	case Gateway:
		return h.Gateway == q.want.Addr
	case Source: // a packet that has it keeps it, whatever the next hop is
		return q.root.flow.Src == q.want.Addr || h.Link == q.owner(s)
	}
	return true
}

// leads reports whether an entry has a next hop that leads where the packet is wanted to
// go.
func (q *search) leads(s *state, r *route.Route) bool {
	return slices.ContainsFunc(hopsOf(s.fib.Snapshot(), r), func(h route.NextHop) bool { return q.right(s, &h) })
}

// owner is the device that has the wanted source; zero: no device has it.
func (q *search) owner(s *state) int {
	for _, a := range s.fib.Snapshot().Addrs {
		if a.Prefix.Addr() == q.want.Addr {
			return a.Link
		}
	}
	return 0
}

// differs is the first bit, from 1, in which two addresses of a family differ; zero:
// they are equal.
func differs(a, b netip.Addr) int {
	x, y := a.AsSlice(), b.AsSlice()
	for i := range x {
		for bit := range 8 {
			if (x[i]^y[i])>>(7-bit)&1 != 0 {
				return i*8 + bit + 1
			}
		}
	}
	return 0
}
