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

// marksOf are the marks that decide about rules of either state, and that packets may get. There
// are none if nobody asked what sets marks.
func marksOf(before, after *route.Snapshot) []mark {
	known := lookup.KnowsMarks(before)
	if !known && !before.Lacks(route.FactMarkers, 0) {
		return nil
	}
	var out []mark
	for _, s := range []*route.Snapshot{before, after} {
		for i := range s.Rules {
			for _, value := range deciding(before, &s.Rules[i]) {
				m := mark{family: s.Rules[i].Family, value: value, mask: s.Rules[i].Selector.MarkMask}
				same := func(x mark) bool { return x.family == m.family && x.value == m.value && x.mask == m.mask }
				if !slices.ContainsFunc(out, same) && (m.given(before, &s.Rules[i]) || !known) {
					out = append(out, m)
				}
			}
		}
	}
	return out
}

// deciding are marks, under the mask of a rule, that decide whether it matches: the one that it
// asks for, and those that are set. A packet that gets one of these leaves a rule for packets
// without a mark.
func deciding(s *route.Snapshot, r *route.Rule) []uint32 {
	mask := r.Selector.MarkMask
	var out []uint32
	add := func(v uint32) {
		if v != 0 && !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	add(r.Selector.Mark & mask)
	for i := range s.Markers {
		m := &s.Markers[i]
		open := m.Open & mask
		add(m.Mark & m.Set & mask)
		add(m.Mark&m.Set&mask&^open | open&-open) // one of those that an open value can be
	}
	if len(out) == 0 && !lookup.KnowsMarks(s) {
		add(mask & -mask)
	}
	return out
}

// given reports whether something that was read sets the mark for a rule before packets are
// sent, and notes what.
func (m *mark) given(s *route.Snapshot, r *route.Rule) bool {
	asked := *r
	asked.Selector.Mark = m.value
	given := false
	for _, by := range lookup.Setters(s, &asked) {
		switch {
		case by.Kind == route.MarkerLegacy && strings.HasSuffix(by.Table, " mangle"):
			given = true
		case by.Kind == route.MarkerRule && m.by == nil && (len(by.When) == 0 || by.In(lookup.SetBeforeSending)):
			given, m.by = true, by.Marker
		}
	}
	return given
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
