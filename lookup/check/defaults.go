package check

import (
	"net/netip"
	"slices"

	"routewhy/lookup"
	"routewhy/route"
)

// What is found about default routes.
const (
	CodeDefaultRefused   lookup.Code = "default-refused"   // routes that refuse, or that are of this host, take the packets of a default route; Route: the first, Have: how many do
	CodeDefaultThrown    lookup.Code = "default-thrown"    // routes of type throw end a table before its default route, and no later table carries the packets; Route: the first
	CodeDefaultUnreached lookup.Code = "default-unreached" // the only default route is in a table that no rule leads to; Route, Table, Have: how many others there are, of which none can be used, if any
	CodeDefaultCovered   lookup.Code = "default-covered"   // longer prefixes cover the default route, and the way to where they lead is none of their own; Route
	CodeDefaultExpired   lookup.Code = "default-expired"   // the only default route has run out; Route
)

// far is an address that represents other networks.
func (h *Host) far(fam route.Family) netip.Addr {
	a, ok := h.outside[fam]
	if !ok {
		a = h.fib.ExternalAddr(fam)
		h.outside[fam] = a
	}
	h.about(a)
	return a
}

// refuses reports whether a route has a type that ends the look-up with an error.
func refuses(t route.Type) bool {
	return t == route.TypeBlackhole || t == route.TypeUnreachable || t == route.TypeProhibit
}

// hasDefault reports whether packets leave by a default route of a family, or by prefixes
// that replace it.
func (h *Host) hasDefault(fam route.Family) bool {
	used := func(s lookup.EntryStatus) bool { return s.Used() && !refuses(s.Route.Type) }
	return slices.ContainsFunc(h.defaults(fam), used) || len(h.replaced(fam)) > 0
}

// replaced are the longer prefixes that together cover a family's default route.
func (h *Host) replaced(fam route.Family) []lookup.EntryStatus {
	for _, p := range h.wide(fam) {
		h.status(p)
	}
	return h.fib.Replacements(fam.Default())
}

func defaultUnreached(h *Host) []Finding {
	var out []Finding
	for _, fam := range h.families(factTables, route.FactRules) {
		if h.hasDefault(fam) || h.otherDefault(fam) || h.mainLeft(fam) {
			continue
		}
		for _, s := range h.defaults(fam) {
			if s.Status == lookup.StatusUnreached && s.Route.Type == route.TypeUnicast && s.Route.Table != route.TableMain {
				r := s.Route
				f := Finding{Note: lookup.Note{Reason: lookup.Reason{Code: CodeDefaultUnreached}, Route: &r, Table: r.Table}}
				if others := h.gatewayDefaults(fam) - 1; others > 0 {
					f.Have = others
				}
				out = append(out, f)
				break
			}
		}
	}
	return out
}

// gatewayDefaults is how many default routes a family has that do not refuse packets.
func (h *Host) gatewayDefaults(fam route.Family) int {
	n := 0
	for _, s := range h.defaults(fam) {
		if s.Route.Type == route.TypeUnicast {
			n++
		}
	}
	return n
}

// mainLeft reports whether table main has a default route and no rule leads there: RW018
// reports this, and with that rule packets would get out.
func (h *Host) mainLeft(fam route.Family) bool {
	return len(h.fib.RulesTo(fam, route.TableMain)) == 0 && slices.ContainsFunc(h.defaults(fam), func(s lookup.EntryStatus) bool {
		return s.Route.Table == route.TableMain && s.Route.Type == route.TypeUnicast
	})
}

// otherDefault reports whether a table that rules lead to has a default route that would
// carry packets, although none takes it: something else is wrong than a missing rule.
func (h *Host) otherDefault(fam route.Family) bool {
	return slices.ContainsFunc(h.defaults(fam), func(s lookup.EntryStatus) bool {
		return len(s.Rules) > 0 && s.Route.Type == route.TypeUnicast && s.DeadEnd().Code == "" && s.Route.Expires >= 0
	})
}

// defaultCovered finds a default route that two longer prefixes cover, if nothing else
// uses its gateway. A VPN that adds such prefixes gives its server a separate route.
func defaultCovered(h *Host) []Finding {
	var out []Finding
	for _, fam := range h.families(route.FactRoutes, route.FactRules) {
		for _, s := range h.defaults(fam) {
			if s.Status != lookup.StatusShadowed || s.Route.Type != route.TypeUnicast || len(h.hops(&s.Route)) == 0 {
				continue
			}
			by := h.replaced(fam)
			hop := h.hops(&s.Route)[0]
			if len(by) == 0 || by[0].Route.Table != s.Route.Table || h.usesToo(&hop) || h.goesBeside(fam) {
				continue
			}
			r := s.Route
			f := Finding{Note: lookup.Note{Reason: lookup.Reason{Code: CodeDefaultCovered}, Route: &r, Table: r.Table}}
			for i := range by {
				f.Routes = append(f.Routes, by[i].Route)
			}
			out = append(out, f)
		}
	}
	return out
}

// goesBeside reports whether the other family has a route of its own by the gateway of its
// default route: by it a tunnel's own packets go.
func (h *Host) goesBeside(fam route.Family) bool {
	other := route.IPv4
	if fam == route.IPv4 {
		other = route.IPv6
	}
	return slices.ContainsFunc(h.defaults(other), func(s lookup.EntryStatus) bool {
		hops := h.hops(&s.Route)
		return s.Status == lookup.StatusShadowed && len(hops) > 0 && h.usesToo(&hops[0])
	})
}

// usesToo reports whether a route that is not a default route has the same gateway by the
// same device as a default route.
func (h *Host) usesToo(hop *route.NextHop) bool {
	for _, k := range h.order {
		for i := range k.First {
			r := &k.First[i]
			if hops := h.hops(r); r.Dst.Bits() > 1 && len(hops) > 0 && hops[0].Gateway == hop.Gateway && hops[0].Link == hop.Link {
				return true
			}
		}
	}
	return false
}

func defaultExpires(h *Host) []Finding {
	out := h.wayFindings(lookup.NoteExpiresSoon)
	for _, fam := range h.families(route.FactRoutes) {
		if h.hasDefault(fam) {
			continue
		}
		for _, s := range h.defaults(fam) {
			if s.Route.Expires < 0 {
				r := s.Route
				out = append(out, Finding{Severity: Error, Note: lookup.Note{Reason: lookup.Reason{Code: CodeDefaultExpired}, Route: &r}})
				break
			}
		}
	}
	return out
}

// noDefault finds why a family has no default route, if something shows that it should
// have one. A missing default route alone is not a finding. A default route to the neighbours
// of a device that gave itself an address counts as missing. A host of the other family may
// have no DHCP server on purpose.
func noDefault(h *Host) []Finding {
	out := defaultsOnly(h.wayFindings(lookup.NoteZeroconf))
	for _, fam := range h.families(route.FactRoutes, route.FactRules, route.FactAddrs) {
		if h.hasDefault(fam) || len(h.defaults(fam)) > 0 {
			continue
		}
		for _, n := range h.fib.NoDefault(fam) {
			switch n.Code {
			case lookup.NoteDisabled:
				l := h.snap.LinkByName(text(n.Have))
				if l == nil || h.only == 0 && len(h.addrsOf()[l.Index]) == 0 || !h.hasGlobal6() {
					continue // the name means all devices, or the device is not in use
				}
			case lookup.NoteRouterIgnored, lookup.NoteClassless, lookup.NoteWentDown, lookup.NoteZeroconf:
			default:
				continue
			}
			f := Finding{Note: n}
			if n.Code == lookup.NoteZeroconf && h.only == 0 && h.hasDefault(route.IPv6) {
				f.Severity = Notice
			}
			if name, ok := n.Have.(string); ok {
				if l := h.snap.LinkByName(name); l != nil {
					f.Links = append(f.Links, l.Index)
				}
			}
			out = append(out, f)
		}
	}
	return out
}

// hasGlobal6 reports whether a device has an IPv6 address that can be reached from
// other links.
func (h *Host) hasGlobal6() bool {
	return slices.ContainsFunc(h.snap.Addrs, func(a route.Addr) bool {
		ip := a.Prefix.Addr()
		return ip.Is6() && !ip.IsLinkLocalUnicast() && !ip.IsLoopback() && a.Link != route.LoopbackIndex
	})
}

// wayNote is a note about a next hop of routes that lead to the same place.
type wayNote struct {
	lookup.Note
	kind *Kind
}

// count is how many routes the note is true of. Default routes are told one by one.
func (n *wayNote) count() int {
	if n.Route.IsDefault() || n.kind.several {
		return 1
	}
	return n.kind.Count
}

// wayNotes are about the next hops of all routes that packets take.
func (h *Host) wayNotes() []wayNote {
	var out []wayNote
	type key struct {
		lookup.Reason
		def bool
	}
	for _, k := range h.order {
		seen := map[key]bool{}
		for i := range k.First {
			r := k.First[i].Clone()
			if r.Type != route.TypeUnicast {
				break
			}
			full := r
			full.NextHops = h.hops(&r)
			alone := h.fib.StatusAlone(&full)
			notes := h.fib.UsedNotes(&alone)
			if len(notes) == 0 || !h.used(&r) { // whether a route is used costs more to find out
				continue
			}
			for _, n := range notes {
				if at := (key{n.Reason, r.IsDefault()}); k.several || !seen[at] {
					seen[at] = true
					out = append(out, wayNote{n, k})
				}
			}
		}
	}
	return out
}

// wayFindings are the notes with some codes, each as a finding. Notes that differ
// only in their route become one finding.
func (h *Host) wayFindings(codes ...lookup.Code) []Finding {
	type key struct {
		lookup.Reason
		def bool
		fam route.Family
	}
	place := map[key]int{}
	var out []Finding
	for _, n := range h.ways() {
		if !slices.Contains(codes, n.Code) || n.Route == nil {
			continue
		}
		k := key{n.Reason, n.Route.IsDefault(), n.Route.Family()}
		if g, ok := n.Have.(lookup.Gateway); ok {
			k.Have = [2]any{g.Addr, g.Link}
		}
		if i, ok := place[k]; ok {
			out[i].Count += n.count()
			out[i].Routes = append(out[i].Routes, *n.Route)
			continue
		}
		place[k] = len(out)
		out = append(out, Finding{Note: n.Note, Count: n.count()})
	}
	return out
}

// ways returns the result of [Host.wayNotes], which it stores.
func (h *Host) ways() []wayNote {
	if h.wayList == nil {
		h.wayList = h.wayNotes()
		if h.wayList == nil {
			h.wayList = []wayNote{}
		}
	}
	return h.wayList
}

func defaultsOnly(all []Finding) []Finding {
	return slices.DeleteFunc(all, func(f Finding) bool { return !f.Note.Route.IsDefault() })
}

func defaultsTied(h *Host) []Finding {
	var out []Finding
	for _, fam := range h.families(route.FactRoutes) {
		all := h.defaults(fam)
		for _, n := range h.fib.EntryNotes(all) {
			if n.Code != lookup.NoteTied {
				continue
			}
			f := Finding{Note: n}
			for i := range all {
				if all[i].Tied > 0 && all[i].Route.Table == n.Table {
					f.Routes = append(f.Routes, all[i].Route)
				}
			}
			for i := range all { // a route with a TOS stands beside those without one
				if r := &all[i].Route; all[i].Tied == 0 && len(f.Routes) > 0 && f.Routes[0].TOS != 0 && r.Table == n.Table && r.TOS == 0 &&
					r.Metric == f.Routes[0].Metric && r.Type == route.TypeUnicast {
					f.Routes = append(f.Routes, *r)
				}
			}
			if slices.ContainsFunc(all, func(s lookup.EntryStatus) bool { return s.Tied > 0 && s.Route.Table == n.Table && s.Used() }) {
				out = append(out, f)
			}
		}
	}
	return out
}

func gatewayFailed(h *Host) []Finding {
	out := h.wayFindings(lookup.NoteGatewayFailed)
	for i := range out {
		if !out[i].Note.Route.IsDefault() {
			out[i].Severity = Warning
		}
		if h.passedOver(&out[i].Note) {
			out[i].Severity, out[i].Code = Warning, CodeLegPassedOver
		}
	}
	return out
}

// CodeLegPassedOver: the kernel passes over one of several next hops, whose gateway does not
// answer; Have: the gateway, Route
const CodeLegPassedOver lookup.Code = "next-hop-passed-over"

// passedOver reports whether packets that take a route do not take the next hop whose gateway
// a note is about, but another one: the kernel looks whether the members of a group answer.
func (h *Host) passedOver(n *lookup.Note) bool {
	g, ok := n.Have.(lookup.Gateway)
	if !ok || len(h.hops(n.Route)) < 2 {
		return false
	}
	for _, s := range h.status(n.Route.Dst) {
		if s.Route.Table != n.Route.Table || s.Route.Metric != n.Route.Metric || !s.Example.IsValid() {
			continue
		}
		d := h.lookup(route.Flow{Dst: s.Example})
		return d.Disposition == lookup.DispositionUnicast && d.Route.Dst == n.Route.Dst && d.Route.Table == n.Route.Table && len(d.NextHops) > 0 &&
			!slices.ContainsFunc(d.NextHops, func(x lookup.NextHop) bool { return x.Gateway == g.Addr && x.Link == g.Link })
	}
	return false
}

func gatewayOwn(h *Host) []Finding {
	out := defaultsOnly(h.wayFindings(lookup.NoteGatewayOwn, lookup.NoteGatewayShared))
	for i := range out {
		if l := h.snap.LinkByName(text(out[i].Want)); l != nil {
			out[i].Links = append(out[i].Links, l.Index)
		}
	}
	return out
}

func text(v any) string { s, _ := v.(string); return s }

func defaultNoGateway(h *Host) []Finding { return h.wayFindings(lookup.NoteNoGateway) }

// CodeGatewayOutside: a gateway is in no network of its device, and nothing shows that it
// is there; Have: the gateway, Want: the device, Route
const CodeGatewayOutside lookup.Code = "gateway-outside"

// gatewayOutside finds default gateways that no route makes neighbours of this host, and
// that never answered. Clouds have such gateways too, with a route to them or with onlink,
// but those answer.
func gatewayOutside(h *Host) []Finding {
	var out []Finding
	for _, fam := range h.families(factTables, route.FactRules, route.FactAddrs, route.FactNeighbours) {
		flow := route.Flow{Dst: h.far(fam)}
		d := h.lookup(flow)
		if d.Disposition != lookup.DispositionUnicast || !d.Default() {
			continue
		}
		for _, g := range h.fib.Gateways(&flow, &d) {
			linkLocal := g.Addr.Is6() && g.Addr.IsLinkLocalUnicast()
			if !g.Addr.IsValid() || g.Direct || g.HasOnLink || g.OnLinkUnknown || linkLocal || !h.fib.HasNeighbours(g.Link) ||
				g.HasState && (g.State.Valid() || g.State == route.NeighbourFailed) { // RW005 reports a failed one
				continue
			}
			r := d.Route
			out = append(out, Finding{
				Note:  lookup.Note{Reason: lookup.Reason{Code: CodeGatewayOutside, Want: h.snap.LinkName(g.Link), Have: g.Addr}, Route: &r, Table: r.Table},
				Links: []int{g.Link},
			})
		}
	}
	return out
}
