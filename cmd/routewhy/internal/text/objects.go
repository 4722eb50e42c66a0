package text

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"routewhy/lookup/coverage"
	"routewhy/route"
	"routewhy/route/iproute2"
)

// object is one thing that one of the snapshots has and the other has not, or
// has otherwise.
type object struct {
	Kind string `json:"kind"` // link, address, rule, nexthop, route, sysctl
	// Change is "removed", "added" or "changed".
	Change string `json:"change"`
	Text   string `json:"text"`
	Before string `json:"before,omitempty"` // of what has changed
}

// named is a thing and what it is called: of the same name, it is the same.
type named struct{ name, text string }

// count is how many objects differ.
func (d *Diff) count() int {
	n := len(d.objects)
	for _, one := range d.routes {
		n += one.Removed.Len() + one.Added.Len() + one.Old.Len()
	}
	return n
}

// compare notes the things that only one side has, and those that differ.
func (d *Diff) compare(kind string, a, b []named) {
	before, after := byName(a), byName(b)
	done := map[string]bool{}
	for _, n := range slices.Concat(a, b) {
		if done[n.name] {
			continue
		}
		done[n.name] = true
		x, y := only(before[n.name], after[n.name]), only(after[n.name], before[n.name])
		for len(x) > 0 && len(y) > 0 {
			d.objects = append(d.objects, object{kind, "changed", y[0], x[0]})
			x, y = x[1:], y[1:]
		}
		for _, text := range x {
			d.objects = append(d.objects, object{kind, "removed", text, ""})
		}
		for _, text := range y {
			d.objects = append(d.objects, object{kind, "added", text, ""})
		}
	}
}

func byName(all []named) map[string][]string {
	out := map[string][]string{}
	for _, n := range all {
		out[n.name] = append(out[n.name], n.text)
	}
	return out
}

// only are the texts that are not among others.
func only(all, others []string) []string {
	left := slices.Clone(others)
	return slices.DeleteFunc(slices.Clone(all), func(s string) bool {
		i := slices.Index(left, s)
		if i >= 0 {
			left = slices.Delete(left, i, i+1)
		}
		return i >= 0
	})
}

// each hands over all objects that differ, until f says no.
func (d *Diff) each(f func(object) bool) {
	for _, o := range d.objects {
		if !f(o) {
			return
		}
	}
	before, after := d.Before.Snapshot(), d.After.Snapshot()
	for _, one := range d.routes {
		for i := range one.Old.Len() {
			if !f(changedRoute(before, after, one, i)) {
				return
			}
		}
		for i := range one.Removed.Len() {
			if !f(object{"route", "removed", routeText(before, &one.Removed, i), ""}) {
				return
			}
		}
		for i := range one.Added.Len() {
			if !f(object{"route", "added", routeText(after, &one.Added, i), ""}) {
				return
			}
		}
	}
}

// changedRoute is a route of both. What routes usually go without is said where
// nothing else differs.
func changedRoute(before, after *route.Snapshot, d *coverage.Difference, i int) object {
	o := object{"route", "changed", routeText(after, &d.New, i), routeText(before, &d.Old, i)}
	if o.Text == o.Before {
		x, y := d.Old.Get(i), d.New.Get(i)
		o.Before += fmt.Sprintf(" proto %s scope %s", before.Names.Protocol(x.Protocol), x.Scope)
		o.Text += fmt.Sprintf(" proto %s scope %s", after.Names.Protocol(y.Protocol), y.Scope)
	}
	return o
}

func routeText(s *route.Snapshot, all *route.List, i int) string {
	r := all.Get(i)
	return iproute2.RouteLine(s, &r) + " (" + tableName(s, r.Table) + ")"
}

func linkLines(s *route.Snapshot) []named {
	var out []named
	for i := range s.Links {
		l := &s.Links[i]
		state := "down"
		if l.Carrier() {
			state = "up"
		} else if l.Up() {
			state = "up, no carrier"
		}
		line := iproute2.Safe(l.Name) + " " + state
		if l.Master != 0 {
			line += " master " + iproute2.Safe(s.LinkName(l.Master))
		}
		if l.VRFTable != 0 {
			line += " vrf " + tableName(s, l.VRFTable)
		}
		out = append(out, named{l.Name, line})
	}
	return out
}

func addressLines(s *route.Snapshot) []named {
	var out []named
	for _, a := range s.Addrs {
		line := fmt.Sprintf("%s dev %s", a.Prefix, iproute2.Safe(s.LinkName(a.Link)))
		if a.PreferredLft == 0 && a.ValidLft != 0 {
			line += " deprecated"
		}
		out = append(out, named{a.Prefix.String(), line})
	}
	return out
}

func ruleLines(s *route.Snapshot) []named {
	var out []named
	for i := range s.Rules {
		name := fmt.Sprintf("%s %d", s.Rules[i].Family, s.Rules[i].Priority)
		out = append(out, named{name, name + " " + oldRuleName(s, &s.Rules[i])})
	}
	return out
}

// objectLines are the next-hop objects.
func objectLines(s *route.Snapshot) []named {
	var out []named
	for i := range s.NextHops {
		o := &s.NextHops[i]
		line := fmt.Sprintf("id %d", o.ID)
		switch {
		case len(o.Group) > 0:
			line += " group"
			for _, m := range o.Group {
				line += fmt.Sprintf(" %d,%d", m.ID, m.Weight)
			}
		case o.Blackhole:
			line += " blackhole"
		default:
			line += " " + iproute2.Way(s, &o.NextHop)
		}
		out = append(out, named{fmt.Sprint(o.ID), line})
	}
	return out
}

func sysctlLines(s *route.Snapshot) []named {
	var out []named
	for _, key := range slices.Sorted(maps.Keys(s.Sysctls)) {
		out = append(out, named{key, iproute2.Safe(key + " = " + s.Sysctls[key])})
	}
	return out
}

// objects writes the objects that differ: of what has changed both.
func (p *page) objects(d *Diff) {
	n := 0
	d.each(func(o object) bool {
		if n == 0 {
			p.blank()
		}
		if n == maxShown && !p.st.Verbose {
			p.line(fmt.Sprintf("  and %d more (-v)", d.count()-n))
			return false
		}
		n++
		if o.Change != "added" {
			p.line(p.st.paint(red, fmt.Sprintf("- %-7s  %s", o.Kind, cmp.Or(o.Before, o.Text))))
		}
		if o.Change != "removed" {
			p.line(p.st.paint(green, fmt.Sprintf("+ %-7s  %s", o.Kind, o.Text)))
		}
		return p.err == nil
	})
}
