package text

import (
	"cmp"
	"fmt"
	"strings"

	"routewhy/lookup/report"
	"routewhy/route/iproute2"
)

// objects writes the objects that differ. An object that has changed is written in
// both forms.
func (p *page) objects(d *report.Diff) {
	for i, o := range d.Objects.All() {
		if i == 0 {
			p.blank()
		}
		if i == maxShown && !p.st.Verbose {
			p.line(fmt.Sprintf("  and %d more (-v)", d.Objects.Len()-i))
			return
		}
		text, was := objectText(o)
		if o.Change != report.Added {
			p.line(p.st.paint(red, fmt.Sprintf("- %-7s  %s", o.Kind, cmp.Or(was, text))))
		}
		if o.Change != report.Removed {
			p.line(p.st.paint(green, fmt.Sprintf("+ %-7s  %s", o.Kind, text)))
		}
		if p.err != nil {
			return
		}
	}
}

// objectText is an object as it is now, and as it was before if it has changed. For a
// route, parts that are usually left out, such as a flag, are written if nothing else
// differs.
func objectText(o *report.Object) (text, was string) {
	switch o.Change {
	case report.Removed:
		return thingText(o.Before), ""
	case report.Added:
		return thingText(o.After), ""
	}
	text, was = thingText(o.After), thingText(o.Before)
	if a, b := o.After.Route, o.Before.Route; a != nil && b != nil && text == was {
		now, before := iproute2.Unlike(a, b)
		text, was = routeWith(a, now), routeWith(b, before)
	}
	return text, was
}

// routeWith is a route with additional words of its listing. If the route has several next
// hops, these words include them.
func routeWith(r *iproute2.Route, words string) string {
	line := r.Line()
	if len(r.NextHops) > 1 && strings.Contains(words, "nexthop ") {
		line = strings.TrimSpace(r.Destination() + " " + r.Attributes())
	}
	return strings.TrimSpace(fmt.Sprintf("%s (%s) %s", line, tableWords(string(r.Table)), iproute2.Safe(words)))
}

func thingText(t *report.Thing) string {
	switch {
	case t.Link != nil:
		return linkText(t.Link)
	case t.Address != nil:
		line := fmt.Sprintf("%s dev %s", t.Address.Address, iproute2.Safe(t.Address.Dev))
		if t.Address.Deprecated {
			line += " deprecated"
		}
		return line
	case t.Rule != nil:
		family := "IPv4"
		if t.Family == "inet6" {
			family = "IPv6"
		}
		return fmt.Sprintf("%s %d %s", family, t.Rule.Priority, ruleName(t.Rule))
	case t.NextHop != nil:
		return nextHopText(t.NextHop)
	case t.Route != nil:
		return t.Route.Line() + " (" + tableWords(string(t.Route.Table)) + ")"
	case t.Neighbour != nil:
		return fmt.Sprintf("%s dev %s %s", t.Neighbour.Address, iproute2.Safe(t.Neighbour.Dev), t.Neighbour.State)
	}
	return iproute2.Safe(t.Setting.Name + " = " + t.Setting.Value)
}

func linkText(l *report.LinkState) string {
	line := iproute2.Safe(l.Name) + " " + l.State
	if l.State == "no-carrier" {
		line = iproute2.Safe(l.Name) + " up, no carrier"
	}
	if l.Master != "" {
		line += " master " + iproute2.Safe(l.Master)
	}
	if l.VRFTable != "" {
		line += " vrf " + tableWords(l.VRFTable)
	}
	return line
}

func nextHopText(o *report.ObjectState) string {
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
		h := iproute2.NextHop{Encap: o.Encap, Dev: o.Dev, Unread: o.Unread}
		if o.Gateway.IsValid() {
			h.Gateway = o.Gateway.String()
		}
		line += " " + h.Way()
	}
	return line
}
