package connections

import (
	"slices"
	"strings"

	"routewhy/lookup"
	"routewhy/route"
)

// mark is a mark that packets of a family may get after their socket has sent them: a chain of
// type route on hook output sets it, and the kernel looks the packet up again
// (ip_route_me_harder in net/ipv4/netfilter.c).
type mark struct {
	family      route.Family
	value, mask uint32
	// by is the rule of nftables that sets it; nil: iptables-legacy may, or it is not known.
	by *route.Marker
}

// marksOf are the marks that rules of either state ask for, and that packets may get. There are
// none if nobody asked what sets marks.
func marksOf(before, after *route.Snapshot) []mark {
	known := lookup.KnowsMarks(before)
	if !known && !before.Lacks(route.FactMarkers, 0) {
		return nil
	}
	var out []mark
	for _, s := range []*route.Snapshot{before, after} {
		for i := range s.Rules {
			r := &s.Rules[i]
			m := mark{family: r.Family, value: r.Selector.Mark & r.Selector.MarkMask, mask: r.Selector.MarkMask}
			same := func(x mark) bool { return x.family == m.family && x.value == m.value && x.mask == m.mask }
			if m.value == 0 || slices.ContainsFunc(out, same) {
				continue
			}
			given := !known
			for _, by := range lookup.Setters(before, r) {
				switch {
				case by.Kind == route.MarkerLegacy && strings.HasSuffix(by.Table, " mangle"):
					given = true
				case by.Kind == route.MarkerRule && m.by == nil && (len(by.When) == 0 || by.In(lookup.SetBeforeSending)):
					given, m.by = true, by.Marker
				}
			}
			if given {
				out = append(out, m)
			}
		}
	}
	return out
}

// marked finds out whether the connection is lost, or not lost, if its packets get a mark. Its
// MayBeLost is set then, because it is not known which packets get it.
func (c *Change) marked(marks []mark, before, after *lookup.FIB) {
	if !c.Before.Disposition.Success() || c.Lost != "" && c.MayBeLost {
		return
	}
	for i := range marks {
		m := &marks[i]
		if m.family != route.FamilyOf(c.Flow.Dst) || (c.Flow.Mark^m.value)&m.mask == 0 {
			continue
		}
		x := Change{Socket: c.Socket, Flow: c.Flow, Mark: m.value, Marker: m.by}
		x.Flow.Mark = c.Flow.Mark&^m.mask | m.value
		x.Before, x.After = before.Lookup(x.Flow), after.Lookup(x.Flow)
		x.judge(before, after)
		switch {
		case c.Lost == "" && x.Lost != "":
			*c = x
			c.MayBeLost = true
			return
		case c.Lost != "" && c.After.Disposition.Success() && m.by != nil && x.goesOn():
			c.Mark, c.Marker, c.MayBeLost, c.Spared = m.value, m.by, true, true
			return
		}
	}
}

// goesOn reports whether it had a way before, has one afterwards, and is not lost.
func (c *Change) goesOn() bool {
	return c.Lost == "" && c.Before.Disposition.Success() && c.After.Disposition.Success()
}
