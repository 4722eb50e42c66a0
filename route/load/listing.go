package load

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"routewhy/route"
)

// listing is the output of one command, or the content of one file.
type listing struct {
	file    string
	line    int
	partial string // which part of it there is; empty: all of it
	rank    rank
	// weak: it began only because a line was not understood. It may be the rest of
	// the listing before.
	weak bool
}

// rank orders the formats by how much they tell about a route.
type rank uint8

const (
	rankNetstat rank = iota + 1 // without metrics
	rankRoute                   // route(8), /proc
	rankIP
)

// maxListings is how many listings there may be.
const maxListings = 1 << 14

// begin begins a listing.
func (f *facts) begin(file string, line int, partial string) {
	if len(f.listings) < maxListings {
		f.listings = append(f.listings, listing{file: file, line: line, partial: partial, rank: rankIP})
	}
	f.listing = len(f.listings) - 1
	f.resumed = 0
}

// beginAgain begins a listing that may be the rest of the one before.
func (f *facts) beginAgain(line int) {
	l := f.listings[f.listing]
	f.begin(l.file, line, l.partial)
	f.listings[f.listing].rank, f.listings[f.listing].weak = l.rank, true
}

// tableSeen notes that the current listing lists a table, with or without routes.
func (f *facts) tableSeen(k familyTable) {
	in := f.tableIn[k]
	if n := len(in); n == 0 || in[n-1] != int32(f.listing) {
		f.tableIn[k] = append(in, int32(f.listing))
		f.found(route.FactRoutes, k.family)
	}
}

// addRoute adds a route of the current listing; its devices are provisional.
func (f *facts) addRoute(r route.Route) {
	if r.Type == route.TypeUnspec { // the kernel has no such route
		r.Type, r.Flags = route.TypeUnicast, r.Flags|route.FlagOdd
	}
	f.tableSeen(familyTable{r.Family(), r.Table})
	f.routes.Add(&r)
	f.from = append(f.from, int32(f.listing))
}

// addRule adds a rule of the current listing.
func (f *facts) addRule(r route.Rule) {
	l := int32(f.listing)
	if f.resumed > 0 {
		l = f.resumed - 1
	}
	f.listed = append(f.listed, listedRule{r, l})
	if in := f.ruleIn[r.Family]; !slices.Contains(in, l) {
		f.ruleIn[r.Family] = append(in, l)
	}
}

type listedRule struct {
	route.Rule
	listing int32
}

// chooseRules takes the rules of each family from one listing: the first one that
// is whole.
func (f *facts) chooseRules() {
	for _, fam := range []route.Family{route.IPv4, route.IPv6} {
		in := f.ruleIn[fam]
		if len(in) == 0 {
			continue
		}
		best := in[0]
		if i := slices.IndexFunc(in, func(l int32) bool { return f.listings[l].partial == "" }); i >= 0 {
			best = in[i]
			f.found(route.FactRules, fam)
		}
		text := func(l int32) []string {
			var out []string
			for i := range f.listed {
				if r := f.listed[i]; r.listing == l && r.Family == fam {
					r.Protocol = 0
					out = append(out, fmt.Sprintf("%+v", r.Rule))
				}
			}
			slices.Sort(out)
			return out
		}
		for _, r := range f.listed {
			if r.listing == best && r.Family == fam {
				f.snap.Rules = append(f.snap.Rules, r.Rule)
			}
		}
		for _, o := range in {
			if o != best && !subset(text(o), text(best), f.listings[o].partial != "") {
				f.differs(o, best, fmt.Sprintf("another listing of the %s rules, which differs", fam), route.Gap{Family: fam})
				break
			}
		}
	}
}

// subset reports whether two sorted lists are the same. If the first is partial, it
// reports whether the other has all of it.
func subset(part, whole []string, partial bool) bool {
	if !partial {
		return slices.Equal(part, whole)
	}
	return !slices.ContainsFunc(part, func(s string) bool {
		_, ok := slices.BinarySearch(whole, s)
		return !ok
	})
}

// differs notes that a listing was not used because another one was chosen.
func (f *facts) differs(l, chosen int32, what string, g route.Gap) {
	o, c := f.listings[l], f.listings[chosen]
	switch {
	case c.file != o.file:
		what += ": " + c.file + " counts"
	case c.line == 0:
		what += ": the first one counts"
	default:
		what += fmt.Sprintf(": line %d counts", c.line)
	}
	f.choices = append(f.choices, Fault{o.file, o.line, errors.New(what)})
	g.Fact, g.Assumed, g.Why = route.FactChoice, true, what
	f.snap.Gaps = append(f.snap.Gaps, g)
}

// placed is the index of a route, and the flags that it gets in its new place.
type placed struct {
	at    int32
	flags route.RouteFlags
	twice bool // it is listed above
}

// kernelOrder gives the routes that stay. Those of one prefix are in the kernel's order:
// IPv4's by TOS and metric (fib_find_alias in net/ipv4/fib_trie.c), IPv6's by
// metric (fib6_add_rt2node). Apart from that, they are in the order of the file. It is
// nil if all routes stay where they are.
func (f *facts) kernelOrder(keep []bool) []placed {
	kinds := f.routes.Kinds()
	group := func(i int32) (netip.Prefix, *route.Route) {
		dst, kind := f.routes.At(int(i))
		return dst, &kinds[kind]
	}
	var stay []placed
	for i := range f.routes.Len() {
		if keep == nil || keep[i] {
			stay = append(stay, placed{at: int32(i)})
		}
	}
	sorted := make([]int32, len(stay)) // places in stay
	for i := range sorted {
		sorted[i] = int32(i)
	}
	compare := func(a, b int32) int {
		p, r := group(stay[a].at)
		q, s := group(stay[b].at)
		return cmp.Or(cmp.Compare(r.Table, s.Table), p.Addr().Compare(q.Addr()), cmp.Compare(p.Bits(), q.Bits()),
			r.Src.Addr().Compare(s.Src.Addr()), cmp.Compare(r.Src.Bits(), s.Src.Bits()))
	}
	slices.SortFunc(sorted, func(a, b int32) int { return cmp.Or(compare(a, b), cmp.Compare(a, b)) })
	changed := keep != nil
	for from := 0; from < len(sorted); {
		to := from + 1
		for to < len(sorted) && compare(sorted[from], sorted[to]) == 0 {
			to++
		}
		if places := sorted[from:to]; len(places) > 1 {
			changed = f.dropTwice(places, stay) || changed
			changed = f.orderOne(places, stay, group) || changed
		}
		from = to
	}
	if !changed {
		return nil
	}
	return slices.DeleteFunc(stay, func(p placed) bool { return p.twice })
}

// dropTwice drops routes that are listed twice in one listing, and reports whether it did: no
// table has the same route twice (fib_table_insert in net/ipv4/fib_trie.c), but somebody
// who pastes a listing twice.
func (f *facts) dropTwice(places []int32, stay []placed) bool {
	type same struct{ kind, listing int32 }
	kinds, seen, dropped := f.routes.Kinds(), map[same]bool{}, false
	for _, at := range places {
		_, kind := f.routes.At(int(stay[at].at))
		k := same{int32(kind), f.from[stay[at].at]}
		if seen[k] && kinds[kind].Flags&route.FlagOdd == 0 {
			stay[at].twice, dropped = true, true
		}
		seen[k] = true
	}
	return dropped
}

// orderOne sorts the routes of one prefix. They keep the same places as a group.
func (f *facts) orderOne(places []int32, stay []placed, group func(int32) (netip.Prefix, *route.Route)) bool {
	members := make([]placed, len(places))
	changed := false
	for i, at := range places {
		members[i] = stay[at]
		if f.listings[f.from[stay[at].at]].rank == rankNetstat {
			members[i].flags, changed = route.FlagNoMetric, true
		}
	}
	order := func(a, b placed) int {
		dst, r := group(a.at)
		_, s := group(b.at)
		tos := 0
		if dst.Addr().Is4() {
			tos = cmp.Compare(s.TOS, r.TOS)
		}
		return cmp.Or(tos, cmp.Compare(r.Metric, s.Metric), cmp.Compare(s.Flags&route.FlagOdd, r.Flags&route.FlagOdd))
	}
	changed = changed || !slices.IsSortedFunc(members, order)
	if !changed {
		return false
	}
	slices.SortStableFunc(members, order)
	for i, at := range places {
		stay[at] = members[i]
	}
	return true
}

// part notes that some routes of a table may be missing.
func (f *facts) part(k familyTable) {
	if len(f.parts) < maxNames {
		f.parts[k] = true
	} else {
		f.parts[familyTable{k.family, 0}] = true
	}
}

// odd keeps what is known of a route that was not understood: its prefix, or only
// its table. Table zero: not even the table is known.
func (f *facts) odd(r route.Route, fam route.Family) {
	switch {
	case r.Dst.IsValid() && r.Dst == r.Dst.Masked() && r.Table != 0:
		r.Flags |= route.FlagOdd
		f.addRoute(r)
	case fam == 0:
		f.part(familyTable{route.IPv4, r.Table})
		f.part(familyTable{route.IPv6, r.Table})
	default:
		f.part(familyTable{fam, r.Table})
		if r.Table != 0 {
			f.tableSeen(familyTable{fam, r.Table})
		}
	}
}

// partGaps are the gaps of tables that are not whole.
func (f *facts) partGaps() {
	for _, k := range slices.SortedFunc(mapKeys(f.parts), compareTables) {
		g := route.Gap{Fact: route.FactPart, Family: k.family, Why: "only a part of it is in the files"}
		if k.table != 0 {
			g.Tables = []route.Table{k.table}
		}
		f.snap.Gaps = append(f.snap.Gaps, g)
	}
}

// alias finds the numbers of tables of which only the names were known. A list of names
// or a VRF's device told the numbers later.
func (f *facts) alias() map[route.Table]route.Table {
	out := map[route.Table]route.Table{}
	for name, t := range f.vrfs {
		if i, ok := f.byName[name]; ok && f.devs[i-1].link.VRFTable != 0 {
			out[t] = f.devs[i-1].link.VRFTable
		}
	}
	for n, name := range f.snap.Names.Tables {
		if t := f.tables[name]; t >= firstInvented && n < firstInvented {
			out[t] = n
		}
	}
	for t := range out {
		delete(f.snap.Names.Tables, t)
	}
	return out
}

// rename applies the aliases of tables.
func (f *facts) rename() {
	as := f.alias()
	if len(as) == 0 {
		return
	}
	to := func(t route.Table) route.Table {
		if n, ok := as[t]; ok {
			return n
		}
		return t
	}
	f.routes.Rewrite(func(r *route.Route) { r.Table = to(r.Table) })
	for i := range f.listed {
		f.listed[i].Table = to(f.listed[i].Table)
	}
	for k, in := range f.tableIn {
		if n := to(k.table); n != k.table {
			delete(f.tableIn, k)
			all := append(slices.Clone(f.tableIn[familyTable{k.family, n}]), in...)
			slices.Sort(all)
			f.tableIn[familyTable{k.family, n}] = slices.Compact(all)
		}
	}
	for k := range f.parts {
		if n := to(k.table); n != k.table {
			delete(f.parts, k)
			f.parts[familyTable{k.family, n}] = true
		}
	}
}

// unreadable says in one line which words of a line could not be read.
func unreadable(words []string) error {
	if len(words) == 1 {
		return fmt.Errorf("%q is no address", words[0])
	}
	return fmt.Errorf("not readable: %s", strings.Join(words, ", "))
}
