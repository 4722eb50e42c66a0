package check

import (
	"net/netip"
	"slices"

	"routewhy/lookup"
	"routewhy/route"
)

// maxWide is the longest prefix that may stand for the whole Internet: 2000::/3 in IPv6.
const maxWide = 3

// takesDefault reports whether a route takes packets from the default route without
// sending them anywhere: it refuses them, or it delivers them to this host.
func takesDefault(r *route.Route) bool {
	return r.Dst.Bits() <= maxWide && (refuses(r.Type) || r.Type == route.TypeLocal)
}

// defaultRefused finds routes that refuse or keep what a default route would carry, or that
// end its table before it.
func defaultRefused(h *Host) []Finding {
	out := h.dummyDefaults()
	for _, fam := range h.families(factTables, route.FactRules) {
		takers := h.takers(fam)
		if throws := h.thrown(fam); len(throws) > 0 && len(takers) == 0 {
			f := Finding{Note: lookup.Note{Reason: lookup.Reason{Code: CodeDefaultThrown}, Route: &throws[0], Table: throws[0].Table}, Routes: throws[1:]}
			for _, s := range h.defaults(fam) {
				if s.Route.Type == route.TypeUnicast && s.Route.Table == f.Table {
					f.Routes = append(f.Routes, s.Route)
				}
			}
			out = append(out, f)
		}
		if len(takers) == 0 {
			continue
		}
		r := &takers[0]
		f := Finding{
			Note:   lookup.Note{Reason: lookup.Reason{Code: CodeDefaultRefused, Have: len(takers)}, Route: r, Table: r.Table},
			Routes: takers[1:],
		}
		for _, s := range h.defaults(fam) {
			if s.Route.Type == route.TypeUnicast && (s.Route.Table == r.Table || s.Route.Table == route.TableMain) {
				f.Routes = append(f.Routes, s.Route)
			}
		}
		if len(f.Routes) >= len(takers) {
			out = append(out, f)
		}
	}
	return out
}

// dummyDefaults finds default routes into a dummy device, which drops the packets, where another
// one stands by. Alone, such a route is there so that programs find a route at all.
func (h *Host) dummyDefaults() []Finding {
	return slices.DeleteFunc(defaultsOnly(h.wayFindings(lookup.NoteDummy)), func(f Finding) bool {
		r := f.Note.Route
		return !slices.ContainsFunc(h.defaults(r.Family()), func(s lookup.EntryStatus) bool {
			hops := h.hops(&s.Route)
			return s.Status == lookup.StatusStandby && s.Route.Table == r.Table && s.Route.Type == route.TypeUnicast && len(hops) > 0 && hops[0].Link != r.NextHops[0].Link
		})
	})
}

// thrown are the routes of type throw that end a table before its default route, where
// packets then find no route in any other table.
func (h *Host) thrown(fam route.Family) []route.Route {
	own := map[route.Table]bool{}
	for _, s := range h.defaults(fam) {
		own[s.Route.Table] = own[s.Route.Table] || s.Route.Type == route.TypeUnicast
	}
	var out []route.Route
	for _, p := range h.wide(fam) {
		for _, s := range h.status(p) {
			if s.Status != lookup.StatusThrows || !own[s.Route.Table] || len(out) > 0 && out[0].Table != s.Route.Table {
				continue
			}
			if d := h.lookup(route.Flow{Dst: s.Example}); !d.Disposition.Success() && d.Disposition != lookup.DispositionUnknown {
				out = append(out, s.Route)
			}
		}
	}
	return out
}

// wide are the prefixes that may stand for the whole Internet: the default route, its
// halves, and 2000::/3.
func (h *Host) wide(fam route.Family) []netip.Prefix {
	pair := lookup.SlashOnePair(fam)
	out := append([]netip.Prefix{fam.Default()}, pair[:]...)
	if fam == route.IPv6 {
		out = append(out, lookup.Global6())
	}
	return out
}

// takers are the routes of one table that take packets from a family's default route.
func (h *Host) takers(fam route.Family) []route.Route {
	var out []route.Route
	if d := h.lookup(route.Flow{Dst: h.far(fam)}); d.HasRoute && takesDefault(&d.Route) {
		out = append(out, d.Route)
	}
	for _, p := range h.wide(fam)[1:] {
		for _, s := range h.status(p) {
			one := len(out) == 0 || s.Route.Table == out[0].Table && s.Route.Type == out[0].Type && !same(&s.Route, &out[0])
			if (s.Status == lookup.StatusRefuses || s.Status == lookup.StatusInUse) && takesDefault(&s.Route) && one {
				out = append(out, s.Route)
			}
		}
	}
	return out
}
