package check

import (
	"net/netip"
	"slices"

	"routewhy/lookup"
	"routewhy/route"
)

// localPassed finds that packets to this host's own addresses are not delivered here. The
// reason is that no rule leads to table local, or that another rule comes first.
func localPassed(h *Host) []Finding {
	var out []Finding
	for _, fam := range h.families(route.FactRules, route.FactAddrs, route.FactRoutes) {
		if len(h.fib.RulesTo(fam, route.TableLocal)) == 0 {
			if h.tables[tableKey{fam, route.TableLocal}] != nil {
				out = append(out, Finding{
					Note: lookup.Note{Reason: lookup.Reason{Code: CodeLocalUnasked, Have: fam.String()}, Table: route.TableLocal},
					Fix:  h.fix(h.usualRule(fam, route.TableLocal)),
				})
			}
			continue
		}
		out = append(out, h.passed(fam)...)
	}
	return out
}

// maxOwn is how many addresses of this host are tried.
const maxOwn = 256

// passed finds addresses of this host that packets to them do not end at.
func (h *Host) passed(fam route.Family) []Finding {
	var out []Finding
	inLocal := h.localRoutes(fam)
	for _, a := range h.ownFirst(fam) {
		ip := a.Prefix.Addr()
		for _, flow := range []route.Flow{{Dst: ip}, {Dst: ip, Src: ip}} {
			d := h.lookup(flow)
			if d.Disposition == lookup.DispositionLocal || d.Disposition == lookup.DispositionUnknown {
				continue
			}
			missing := inLocal != nil && !inLocal(ip)
			if !missing && (d.Disposition != lookup.DispositionUnicast || d.Rule == nil) {
				continue
			}
			i := slices.IndexFunc(out, func(f Finding) bool {
				if missing {
					return f.Code == CodeLocalMissing
				}
				return f.Code == CodeLocalPassed && f.Rule == d.Rule
			})
			switch {
			case i >= 0 && out[i].Count == 0 && !missing:
				out[i].Want, out[i].Count = ip, 2
			case i >= 0:
				out[i].Count = max(out[i].Count, 1) + 1
			case missing:
				out = append(out, h.localMissing(a, &d))
			default:
				out = append(out, Finding{
					Note:  lookup.Note{Reason: lookup.Reason{Code: CodeLocalPassed, Have: ip}, Rule: d.Rule, Route: &d.Route},
					Links: []int{a.Link},
				})
			}
			break
		}
	}
	return out
}

// localMissing is the finding that table local has no route to an address.
func (h *Host) localMissing(a *route.Addr, d *lookup.Decision) Finding {
	f := Finding{
		Note:  lookup.Note{Reason: lookup.Reason{Code: CodeLocalMissing, Want: h.snap.LinkName(a.Link), Have: a.Prefix.Addr()}, Table: route.TableLocal},
		Links: []int{a.Link},
	}
	if d.HasRoute {
		r := d.Route
		f.Note.Route = &r
	}
	return f
}

// ownFirst are addresses of this host at which packets should end, those of lo last.
func (h *Host) ownFirst(fam route.Family) []*route.Addr {
	var out, loopback []*route.Addr
	for i := range h.snap.Addrs[:min(len(h.snap.Addrs), maxOwn)] {
		a := &h.snap.Addrs[i]
		ip, l := a.Prefix.Addr(), h.snap.Link(a.Link)
		if route.FamilyOf(ip) != fam || ip.IsLinkLocalUnicast() || l == nil || !l.Up() || h.inVRF(l) || a.Flags&(route.AddrTentative|route.AddrDADFailed) != 0 ||
			fam == route.IPv6 && !l.Carrier() && l.Flags&route.LinkLoopback == 0 {
			continue
		}
		if l.Flags&route.LinkLoopback != 0 {
			loopback = append(loopback, a)
		} else {
			out = append(out, a)
		}
	}
	return append(out, loopback...)
}

// localRoutes is a function that reports whether a route makes an address one of this
// host's; nil: it is not known.
func (h *Host) localRoutes(fam route.Family) func(netip.Addr) bool {
	if h.lost > 0 || h.snap.Assumes(route.FactLocal, fam) || h.snap.LacksTable(route.TableLocal, fam) || h.snap.LacksPart(route.TableLocal, fam) {
		return nil
	}
	single := map[netip.Addr]bool{}
	var wide []netip.Prefix
	for i := range h.near {
		r := &h.near[i]
		if r.Type != route.TypeLocal && r.Type != route.TypeAnycast || r.Family() != fam {
			continue
		}
		if r.Dst.IsSingleIP() {
			single[r.Dst.Addr()] = true
		} else {
			wide = append(wide, r.Dst)
		}
	}
	return func(a netip.Addr) bool {
		return single[a] || slices.ContainsFunc(wide, func(p netip.Prefix) bool { return p.Contains(a) })
	}
}
