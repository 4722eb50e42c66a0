package report

import (
	"net/netip"
	"slices"

	"routewhy/lookup"
	"routewhy/lookup/change"
	"routewhy/lookup/change/command"
	"routewhy/route"
)

// Why a command is refused. They are in [TryCommand.Reason].
const (
	RefusedThere        lookup.Code = "same-route"         // there is a route that is just the same; Route: it
	RefusedKey          lookup.Code = "same-key"           // there is a route with the same prefix, TOS and metric; Route: it
	RefusedOffLink      lookup.Code = "gateway-not-onlink" // no network has the gateway; Want: it, Route: what would carry packets to it, if any does
	RefusedElsewhere    lookup.Code = "gateway-elsewhere"  // the gateway is on the link of another device; Want: it, Have: that device
	RefusedBroadcast    lookup.Code = "gateway-broadcast"  // the gateway is a broadcast address; Want: it
	RefusedOwnGateway   lookup.Code = "gateway-is-own"     // the gateway is an address of this host; Want: it
	RefusedDown         lookup.Code = "link-down"          // the device is down; Have: it
	RefusedSource       lookup.Code = "source-not-own"     // the source is no address of this host; Want: it
	RefusedBits         lookup.Code = "bits-after-length"  // the prefix has bits after its length; Want: it
	RefusedAbsent       lookup.Code = "no-such-route"      // the table has no route to the prefix; Want: it
	RefusedOther        lookup.Code = "other-route"        // there is another route than what was named; Route: it
	RefusedSecondHop    lookup.Code = "not-first-hop"      // a route has the next hop, but not as its first; Route: it
	RefusedRuleThere    lookup.Code = "same-rule"          // there is such a rule; Rule: it
	RefusedRuleAbsent   lookup.Code = "no-such-rule"       // there is no such rule
	RefusedAddrThere    lookup.Code = "same-address"       // the device has the address already; Want: it, Have: the device
	RefusedAddrAbsent   lookup.Code = "no-such-address"    // the device does not have the address with this length; Want: it, Have: the device
	RefusedObjectThere  lookup.Code = "same-object"        // there is a next-hop object with the ID; Have: it
	RefusedObjectAbsent lookup.Code = "no-such-object"     // there is no next-hop object with the ID; Have: it
	RefusedFlush        lookup.Code = "flush-with-objects" // routes by next-hop objects stay; Have: how many
	RefusedUnopened     lookup.Code = "tun-not-open"       // no program has the TUN device open; Have: it
	RefusedNoWay        lookup.Code = "no-way-given"       // it has neither a gateway nor a device
	RefusedSetting      lookup.Code = "no-such-setting"    // the kernel does not have the setting; Have: it
)

// What a command does that may be meant. They are in [Instead.Code].
const (
	InsteadReplace lookup.Code = "changes-it"    // it changes the route that is there
	InsteadBeside  lookup.Code = "stands-by"     // it adds one that stands by
	InsteadOnlink  lookup.Code = "takes-onlink"  // it takes the gateway for one on the link
	InsteadDevice  lookup.Code = "its-device"    // it names the gateway's device
	InsteadAdd     lookup.Code = "adds-it"       // it adds what is not there
	InsteadThere   lookup.Code = "what-is-there" // it is about what is there
	InsteadMasked  lookup.Code = "masked"        // it has no bits after the length
	InsteadWord    lookup.Code = "missing-word"  // it has the word that is missing
)

// why finds out why the kernel refuses the last change of a command.
type why struct {
	names
	step  *command.Step
	state *change.State // before that change
	out   *TryCommand
}

// explain adds to a refused command why it is, and what may be meant.
func (t *Trial) explain(s *command.Step, out *TryCommand) {
	w := &why{step: s, out: out}
	if s.Refusal != nil {
		w.state = s.Before
		w.names = namesOf(w.state.FIB())
		w.missingWord()
		return
	}
	if s.Stay > 0 {
		w.because(RefusedFlush, nil, s.Stay)
		return
	}
	if s.Missing != "" && s.KernelSays == s.Late {
		w.because(RefusedSetting, nil, s.Missing)
		return
	}
	if s.KernelSays == nil || len(s.Outcomes) == 0 {
		return
	}
	w.state = s.Before
	if n := len(s.Outcomes); n > 1 {
		w.state = s.Outcomes[n-2].State
	}
	w.names = namesOf(w.state.FIB())
	switch c := s.Changes[len(s.Outcomes)-1].(type) {
	case *change.Route:
		w.route(c)
	case *change.Rule:
		w.rule(c)
	case *change.Addr:
		w.addr(c)
	case *change.NextHop:
		w.object(c)
	case *change.Link:
		if c.Carrier == route.Yes && s.KernelSays.Errno == route.EPERM {
			w.because(RefusedUnopened, nil, w.dev(c.Index))
		}
	}
}

func (w *why) because(c lookup.Code, want, have any) {
	w.out.Reason = Reason{Code: c, Want: operand(want), Have: operand(have)}
}

// instead adds a command that may be meant, if the kernel takes it.
func (w *why) instead(code lookup.Code, changes ...change.Change) {
	s := w.state
	text := ""
	for i, c := range changes {
		if i > 0 {
			text += "; "
		}
		text += command.Print(c, s)
		out := s.Apply(c)
		if out.Refusal != nil {
			return
		}
		s = out.State
	}
	if !slices.ContainsFunc(w.out.Instead, func(i Instead) bool { return i.Command == text }) {
		w.out.Instead = append(w.out.Instead, Instead{text, code})
	}
}

// table is the table of a request.
func table(c *change.Route) route.Table {
	if c.Route.Table == 0 {
		return route.TableMain
	}
	return c.Route.Table
}

// present are the routes to the request's prefix.
func (w *why) present(c *change.Route) []*route.Route {
	return w.fib.Edit().At(table(c), c.Route.Dst.Masked())
}

// full is a route with its table and prefix.
func full(c *change.Route, r *route.Route) *route.Route {
	out := r.Clone()
	out.Table, out.Dst = table(c), c.Route.Dst.Masked()
	return &out
}

// route explains why a change of a route is refused.
func (w *why) route(c *change.Route) {
	no := w.step.KernelSays
	switch {
	case c.Route.Dst.Masked() != c.Route.Dst && c.Family() == route.IPv4 && no.Errno == route.EINVAL:
		w.because(RefusedBits, c.Route.Dst, nil)
		masked := *c
		masked.Route.Dst = c.Route.Dst.Masked()
		w.instead(InsteadMasked, &masked)
	case no.Errno == route.EEXIST:
		w.exists(c)
	case no.Errno == route.ESRCH, no.Errno == route.ENOENT:
		w.absent(c)
	case c.Route.PrefSrc.IsValid() && (no.Message == "Invalid prefsrc address" || no.Message == "Invalid source address"):
		w.because(RefusedSource, c.Route.PrefSrc, nil)
	case no.Errno == route.ENODEV && len(c.Route.NextHops) == 0 && c.Route.NextHopID == 0:
		w.because(RefusedNoWay, nil, nil)
	default:
		w.gateway(c)
	}
}

// exists explains that a route is there.
func (w *why) exists(c *change.Route) {
	metric := c.Route.Metric
	if metric == 0 && c.Family() == route.IPv6 {
		metric = 1024
	}
	for _, r := range w.present(c) {
		if r.Metric != metric || r.TOS != c.Route.TOS || r.Src != c.Route.Src {
			continue
		}
		w.out.Route = w.names.route(full(c, r))
		if w.sameWay(c, r) {
			w.because(RefusedThere, nil, nil)
			return
		}
		w.because(RefusedKey, nil, nil)
		if c.Verb != change.Add {
			return
		}
		changed := *c
		changed.Verb = change.Replace
		w.instead(InsteadReplace, &changed)
		beside := *c
		beside.Route.Metric = w.freeMetric(c, metric)
		w.instead(InsteadBeside, &beside)
		return
	}
}

// sameWay reports whether a route is as a request to add it says.
func (w *why) sameWay(c *change.Route, r *route.Route) bool {
	return r.Type == c.Route.Type && slices.EqualFunc(r.NextHops, c.Route.NextHops, func(x, y route.NextHop) bool {
		return x.Gateway == y.Gateway && (y.Link == 0 || x.Link == y.Link)
	}) && r.PrefSrc == c.Route.PrefSrc && r.NextHopID == c.Route.NextHopID
}

// freeMetric is a metric behind all routes to a prefix.
func (w *why) freeMetric(c *change.Route, metric uint32) uint32 {
	for _, r := range w.present(c) {
		metric = max(metric, r.Metric)
	}
	if metric > 1<<31 {
		return metric
	}
	if metric < 50 {
		return 50
	}
	return metric + 50
}

// absent explains that no such route is there.
func (w *why) absent(c *change.Route) {
	all := w.present(c)
	if len(all) == 0 {
		w.because(RefusedAbsent, c.Route.Dst.Masked(), w.names.table(table(c)))
		if c.Verb == change.Modify {
			add := *c
			add.Verb = change.Add
			w.instead(InsteadAdd, &add)
		} else {
			w.otherTable(c)
		}
		return
	}
	near := all[0]
	w.out.Route = w.names.route(full(c, near))
	w.because(RefusedOther, nil, nil)
	if c.Verb == change.Modify {
		w.instead(InsteadReplace, modifies(c, near))
		return
	}
	if len(c.Route.NextHops) == 1 && len(near.NextHops) > 1 {
		h := c.Route.NextHops[0]
		if slices.ContainsFunc(near.NextHops[1:], func(x route.NextHop) bool { return x.Gateway == h.Gateway && (h.Link == 0 || x.Link == h.Link) }) {
			w.because(RefusedSecondHop, nil, nil)
			return
		}
	}
	w.instead(InsteadThere, deletes(full(c, near)))
}

// modifies is a request to change a route, with that route's metric, and with its gateway
// where the request names the device alone: a route without a gateway is rarely meant.
func modifies(c *change.Route, near *route.Route) *change.Route {
	out := *c
	out.Route = c.Route.Clone()
	out.Route.Metric = near.Metric
	if len(near.NextHops) != 1 || near.NextHopID != 0 || len(c.Route.NextHops) != 1 || c.Route.NextHopID != 0 {
		return &out
	}
	h, there := &out.Route.NextHops[0], near.NextHops[0]
	if !h.Gateway.IsValid() && h.Encap == 0 && h.Link == there.Link {
		h.Gateway = there.Gateway
		h.Flags |= there.Flags & route.NextHopOnLink
		out.Route.Scope = near.Scope
	}
	return &out
}

// otherTable looks for the route in other tables.
func (w *why) otherTable(c *change.Route) {
	for _, id := range w.fib.Edit().Tables(c.Family()) {
		for _, r := range w.fib.Edit().At(id, c.Route.Dst.Masked()) {
			there := r.Clone()
			there.Table, there.Dst = id, c.Route.Dst.Masked()
			if id != route.TableLocal && len(w.out.Instead) == 0 {
				w.instead(InsteadThere, deletes(&there))
			}
		}
	}
}

// deletes is the shortest request that deletes a route.
func deletes(r *route.Route) *change.Route {
	c := &change.Route{Verb: change.Delete, Route: route.Route{
		Table: r.Table, Dst: r.Dst, Src: r.Src, TOS: r.TOS, Metric: r.Metric, NextHopID: r.NextHopID, Scope: route.ScopeNowhere,
	}}
	if c.Family() == route.IPv6 {
		c.Route.Scope = route.ScopeGlobal
	}
	if r.Type != route.TypeUnicast {
		c.Route.Type, c.Route.Scope = r.Type, r.Scope
	}
	if len(r.NextHops) == 1 && r.NextHopID == 0 && r.Type == route.TypeUnicast {
		h := r.NextHops[0]
		c.Route.NextHops = []route.NextHop{{Gateway: h.Gateway, Link: h.Link}}
	}
	return c
}

// gateway explains what is wrong with a next hop.
func (w *why) gateway(c *change.Route) {
	for _, h := range c.Route.NextHops {
		if l := w.snap.Link(h.Link); l != nil && !l.Up() {
			w.because(RefusedDown, nil, l.Name)
			return
		}
		if !h.Gateway.IsValid() || h.Flags&route.NextHopOnLink != 0 {
			continue
		}
		if w.hop(c, h) {
			return
		}
	}
}

// hop explains what is wrong with a gateway, and reports whether it does.
func (w *why) hop(c *change.Route, h route.NextHop) bool {
	d := w.fib.Lookup(route.Flow{Dst: h.Gateway, Proto: route.ProtoUDP})
	direct := d.HasRoute && len(d.NextHops) > 0 && !d.NextHops[0].Via.Gateway.IsValid()
	switch {
	case d.Disposition == lookup.DispositionLocal && c.Family() == route.IPv6:
		w.because(RefusedOwnGateway, h.Gateway, nil)
	case d.Disposition == lookup.DispositionBroadcast:
		w.because(RefusedBroadcast, h.Gateway, nil)
	case d.Disposition == lookup.DispositionUnicast && direct && h.Link != 0 && d.NextHops[0].Link != h.Link:
		w.because(RefusedElsewhere, h.Gateway, w.dev(d.NextHops[0].Link))
		right := *c
		right.Route = c.Route.Clone()
		for i := range right.Route.NextHops {
			if x := &right.Route.NextHops[i]; x.Gateway == h.Gateway {
				x.Link = d.NextHops[0].Link
			}
		}
		w.instead(InsteadDevice, &right)
	case d.Disposition == lookup.DispositionUnicast && direct:
		return false
	default:
		w.because(RefusedOffLink, h.Gateway, w.dev(h.Link))
		if d.HasRoute {
			w.out.Route = w.names.route(&d.Route)
		}
		w.onlink(c, h.Gateway, h.Link)
	}
	return true
}

// onlink offers to take a gateway for one on the link of a device: that which was named,
// or the only one that is up.
func (w *why) onlink(c *change.Route, gateway netip.Addr, link int) {
	if link == 0 {
		var up []int
		for i := range w.snap.Links {
			if l := &w.snap.Links[i]; l.Up() && l.Flags&route.LinkLoopback == 0 && w.hasAddr(l.Index, c.Family()) {
				up = append(up, l.Index)
			}
		}
		if len(up) != 1 {
			return
		}
		link = up[0]
	}
	forced := *c
	forced.Route = c.Route.Clone()
	for i := range forced.Route.NextHops {
		if x := &forced.Route.NextHops[i]; x.Gateway == gateway {
			x.Link, x.Flags = link, x.Flags|route.NextHopOnLink
		}
	}
	w.instead(InsteadOnlink, &forced)
}

func (w *why) hasAddr(link int, f route.Family) bool {
	return slices.ContainsFunc(w.snap.Addrs, func(a route.Addr) bool {
		return a.Link == link && route.FamilyOf(a.Prefix.Addr()) == f && !a.Prefix.Addr().IsLinkLocalUnicast()
	})
}

// rule explains why a change of a rule is refused.
func (w *why) rule(c *change.Rule) {
	switch w.step.KernelSays.Errno {
	case route.EEXIST:
		w.because(RefusedRuleThere, nil, nil)
		for i := range w.snap.Rules {
			r := &w.snap.Rules[i]
			if r.Family == c.Rule.Family && r.Priority == c.Rule.Priority && c.HasPriority && r.Table == c.Rule.Table && r.Action == c.Rule.Action {
				w.out.Rule = w.names.rule(r)
				return
			}
		}
	case route.ENOENT:
		w.because(RefusedRuleAbsent, nil, nil)
		w.nearRule(c)
	}
}

// nearRule offers to delete the rule that is most like the one that was named.
func (w *why) nearRule(c *change.Rule) {
	best, most := -1, 0
	for i := range w.snap.Rules {
		r := &w.snap.Rules[i]
		if r.Family != c.Rule.Family || r.Priority == 0 || r.Protocol == route.ProtocolKernel {
			continue
		}
		n := likeness(&c.Rule, r)
		if c.HasPriority && r.Priority == c.Rule.Priority {
			n += 2
		}
		if n > most {
			best, most = i, n
		}
	}
	if best < 0 {
		return
	}
	r := w.snap.Rules[best]
	w.out.Rule = w.names.rule(&r)
	w.instead(InsteadThere, &change.Rule{
		Verb: change.Delete, HasPriority: true, Rule: route.Rule{Family: r.Family, Priority: r.Priority, SuppressPrefixLen: -1, SuppressGroup: -1},
	})
}

// likeness is in how many things a rule is as one that was named.
func likeness(want, r *route.Rule) int {
	n := 0
	for _, same := range []bool{
		want.Selector.Src.IsValid() && want.Selector.Src.Masked() == r.Selector.Src.Masked(), want.Selector.Dst.IsValid() && want.Selector.Dst.Masked() == r.Selector.Dst.Masked(),
		want.Selector.Mark != 0 && want.Selector.Mark == r.Selector.Mark, want.Selector.In != "" && want.Selector.In == r.Selector.In,
		want.Selector.Out != "" && want.Selector.Out == r.Selector.Out, want.Table != 0 && want.Table == r.Table,
	} {
		if same {
			n++
		}
	}
	return n
}

// addr explains why a change of an address is refused.
func (w *why) addr(c *change.Addr) {
	a := &c.Addr
	switch w.step.KernelSays.Errno {
	case route.EEXIST:
		w.because(RefusedAddrThere, a.Prefix, w.dev(a.Link))
	case route.EADDRNOTAVAIL:
		if c.Verb != change.Delete {
			return
		}
		w.because(RefusedAddrAbsent, a.Prefix, w.dev(a.Link))
		for i := range w.snap.Addrs {
			x := w.snap.Addrs[i]
			if x.Prefix.Addr() != a.Prefix.Addr() {
				continue
			}
			w.out.Address = x.Prefix
			w.instead(InsteadThere, &change.Addr{Verb: change.Delete, Addr: route.Addr{Link: x.Link, Prefix: x.Prefix, Peer: x.Peer}})
			return
		}
	}
}

// object explains why a change of a next-hop object is refused.
func (w *why) object(c *change.NextHop) {
	switch w.step.KernelSays.Errno {
	case route.EEXIST:
		w.because(RefusedObjectThere, nil, c.Object.ID)
		replace := *c
		replace.Verb = change.Replace
		w.instead(InsteadReplace, &replace)
	case route.ENOENT:
		w.because(RefusedObjectAbsent, nil, c.Object.ID)
	}
}
