package change

import (
	"net/netip"
	"slices"

	"routewhy/route"
)

// group are the routes to a prefix that the kernel keeps in the order in which they were
// made: those of one TOS and metric, and in IPv6 also of the same sources.
type group struct {
	src    netip.Prefix
	tos    uint8
	metric uint32
}

func groupOf(r *route.Route) group { return group{r.Src, r.TOS, r.Metric} }

func (g group) of(list []*route.Route) []*route.Route {
	return slices.DeleteFunc(slices.Clone(list), func(r *route.Route) bool { return groupOf(r) != g })
}

// arrange brings the groups of a prefix into order, each by few changes, or by making all
// routes again.
func (u *undoer) arrange(p spot, anew bool) {
	want, have := u.wantAt(p), u.haveAt(p)
	done := map[group]bool{}
	for _, r := range append(slices.Clone(have), want...) {
		g := groupOf(r)
		if done[g] {
			continue
		}
		done[g] = true
		w, h := g.of(want), g.of(have)
		switch {
		case slices.EqualFunc(w, h, alikeNow) && !anew:
		case linkRoutes(p.dst, w) && linkRoutes(p.dst, h):
			u.arrangeLinkRoutes(p, w, h)
		case !anew && u.replaceOne(p, g, w, h):
		case !anew && u.oneHop(p, g, w, h):
		case anew:
			u.arrangeGroup(p, w, h, 0, 0)
		case p.dst.Addr().Is6(): // a new one always comes last there
			u.arrangeGroup(p, w, h, 0, firstKept(w, h))
		default:
			from, kept := longestKept(w, h)
			u.arrangeGroup(p, w, h, from, kept)
		}
	}
}

// replaceOne replaces one route if nothing else differs. In this way there is always a
// route.
func (u *undoer) replaceOne(p spot, g group, want, have []*route.Route) bool {
	at := common(want, have)
	if len(want) != len(have) || at == len(want) || !slices.EqualFunc(want[at+1:], have[at+1:], alikeNow) {
		return false
	}
	m := u.mark()
	if u.do(requestRoute(Replace, p, want[at])) && slices.EqualFunc(want, g.of(u.haveAt(p)), alikeNow) {
		return true
	}
	u.back(m)
	return false
}

// oneHop adds or deletes one next hop of an IPv6 route if nothing else differs.
func (u *undoer) oneHop(p spot, g group, want, have []*route.Route) bool {
	at := common(want, have)
	if !p.dst.Addr().Is6() || at == len(want) || at == len(have) {
		return false
	}
	w, h := want[at].NextHops, have[at].NextHops
	verb, one := Append, want[at]
	switch {
	case len(w) == len(h)+1:
		w = w[len(h):]
	case len(h) == len(w)+1:
		verb = Delete
		i := slices.IndexFunc(h, func(x route.NextHop) bool {
			return !slices.ContainsFunc(w, func(y route.NextHop) bool { return sameHop6(x, y) })
		})
		if i < 0 {
			return false
		}
		w = h[i : i+1]
	default:
		return false
	}
	c := requestRoute(verb, p, one)
	hop := w[0]
	hop.Flags &= route.NextHopOnLink
	if c.Route.NextHops = []route.NextHop{hop}; verb == Delete {
		c.Route.NextHops[0].Weight = 0
	}
	m := u.mark()
	if u.do(c) && slices.EqualFunc(want, g.of(u.haveAt(p)), alikeNow) {
		return true
	}
	u.back(m)
	return false
}

// common is how many routes at the beginning of two lists are the same.
func common(a, b []*route.Route) int {
	n := 0
	for n < len(a) && n < len(b) && alikeNow(a[n], b[n]) {
		n++
	}
	return n
}

// firstKept is how many of the first wanted routes exist in this order. Other routes may be
// between them.
func firstKept(want, have []*route.Route) int {
	n := 0
	for _, h := range have {
		if n < len(want) && alikeNow(want[n], h) {
			n++
		}
	}
	return n
}

// longestKept finds the longest run of wanted routes that exist in this order. It
// returns where the run begins in the wanted ones, and its length.
func longestKept(want, have []*route.Route) (from, kept int) {
	for i := range want {
		n := 0
		for _, h := range have {
			if i+n < len(want) && alikeNow(want[i+n], h) {
				n++
			}
		}
		if n > kept {
			from, kept = i, n
		}
	}
	return from, kept
}

// arrangeGroup keeps a run of the routes that exist, and makes the other routes again
// before and after it.
func (u *undoer) arrangeGroup(p spot, want, have []*route.Route, from, kept int) {
	n := 0
	var gone []*route.Route
	for _, h := range have {
		if n < kept && alikeNow(want[from+n], h) {
			n++
			continue
		}
		gone = append(gone, h)
	}
	for range gone { // a request may delete another one, which is then one of those that are left
		for _, h := range gone {
			if slices.Contains(u.haveAt(p), h) {
				u.remove(p, h)
			}
		}
	}
	if kept == 0 {
		from = 0
	}
	for i := from - 1; i >= 0; i-- {
		u.do(requestRoute(Prepend, p, want[i]))
	}
	for i := from + kept; i < len(want); i++ {
		verb := Append
		if i == 0 {
			verb = Add
		}
		u.do(requestRoute(verb, p, want[i]))
	}
}
