package lookup

import (
	"net/netip"
	"slices"

	"routewhy/route"
)

// Inside are the longer prefixes inside a prefix, in one table.
type Inside struct {
	Table route.Table
	Count int
	// First are some of their routes, the widest first.
	First []route.Route
	// Routes is how many routes they have.
	Routes int
}

// maxInside is how many longer prefixes [FIB.Inside] names.
const maxInside = 4

// Inside finds the longer prefixes that take addresses out of a prefix, for each table in
// the order of the rules. A table that is asked only after the table of the prefix itself
// takes none.
func (f *FIB) Inside(p netip.Prefix) []Inside {
	fam := route.FamilyOf(p.Addr())
	var out []Inside
	for _, id := range f.TableOrder(fam) {
		t := f.family(fam).tables[id]
		if t == nil {
			continue
		}
		in := Inside{Table: id}
		for sub, l := range t.trie.Subnets(p) {
			if sub != p && sub != netip.PrefixFrom(netip.IPv4Unspecified(), 32) { // 0.0.0.0 is never looked up
				in.Count++
				in.Routes += len(l.entries)
				for _, e := range l.entries[:min(len(l.entries), maxInside)] {
					in.First = keepWidest(in.First, e.full(sub))
				}
			}
		}
		if slices.ContainsFunc(in.First, func(r route.Route) bool { return f.takes(&r, p) }) {
			out = append(out, in)
		}
	}
	return out
}

// takes reports whether packets to a prefix inside p are decided by the prefix's own
// table, and not by the table of p. It tries a few addresses, because some may be this
// host's.
func (f *FIB) takes(r *route.Route, p netip.Prefix) bool {
	first := r.Dst.Addr()
	for _, dst := range []netip.Addr{first, ordinaryAfter(first), first.Next(), route.LastAddr(r.Dst).Prev()} {
		if !dst.IsValid() || !r.Dst.Contains(dst) {
			continue
		}
		d := f.Lookup(route.Flow{Dst: dst})
		if d.HasRoute && d.Route.Table == r.Table && d.Route.Dst.Bits() > p.Bits() {
			return true
		}
	}
	return false
}

// keepWidest inserts a route into a short list of the widest.
func keepWidest(list []route.Route, r route.Route) []route.Route {
	i := len(list)
	for i > 0 && r.Dst.Bits() < list[i-1].Dst.Bits() {
		i--
	}
	if i >= maxInside {
		return list
	}
	list = append(list[:i], append([]route.Route{r}, list[i:]...)...)
	return list[:min(len(list), maxInside)]
}

// Covering is the decision about an address of a prefix if the prefix itself and all
// longer ones had no entry: it says what carries a prefix that is in no table.
func (f *FIB) Covering(p netip.Prefix) Decision { return f.Lookup(f.Typical(p)) }

// Refuses reports whether ordinary packets to a prefix are known to get nowhere, as
// [FIB.Covering] decides them, even from a connected socket.
func (f *FIB) Refuses(p netip.Prefix) bool {
	flow := f.Typical(p)
	d := f.Lookup(flow)
	if d.Disposition == DispositionUnknown || d.Disposition.Success() {
		return false
	}
	s := f.connected(flow, &d)
	return s == nil || s.Decision.Disposition != DispositionUnknown && s.Decision.Errno != 0
}

// Thrown is the first route of type throw, wider than a prefix, that an address of
// the prefix meets; nil: there is none.
func (f *FIB) Thrown(p netip.Prefix) *route.Route {
	t := f.Explain(f.Typical(p))
	for i := range t.Rules {
		for j := range t.Rules[i].Candidates {
			if c := &t.Rules[i].Candidates[j]; c.Verdict == VerdictThrows && c.Route.Dst.Bits() < p.Bits() {
				return &c.Route
			}
		}
	}
	return nil
}

// Typical is a packet to an address of a prefix: if there is one, to an address that is
// in none of the longer prefixes.
func (f *FIB) Typical(p netip.Prefix) route.Flow {
	flow := route.Flow{Dst: p.Addr()}
	if flow.Dst.IsUnspecified() && !p.IsSingleIP() { // never looked up
		flow.Dst = flow.Dst.Next()
	}
	if !ordinary(flow.Dst) && p.Contains(ordinaryAfter(flow.Dst)) {
		flow.Dst = ordinaryAfter(flow.Dst)
	}
	for _, id := range f.TableOrder(route.FamilyOf(p.Addr())) {
		if f.family(route.FamilyOf(p.Addr())).tables[id] == nil {
			continue
		}
		if gap, _, ok := f.gap(id, p); ok && ordinary(gap) {
			flow.Dst = gap
		}
	}
	if flow.Dst.Is4() {
		flow.Proto = 17
	}
	return flow
}
