package report

import (
	"slices"

	"routewhy/lookup"
	"routewhy/lookup/whynot"
)

// master is the bridge or the bond of a wanted device that is a port, if the packet does not
// leave by the device itself, which a route may lead to all the same; zero: the question is
// about the device.
func (l *look) master(w *whynot.Want) int {
	if w.Kind != whynot.Device {
		return 0
	}
	m := l.FIB.Receiver(w.Link)
	flow := l.asked()
	if met, _ := w.On(l.FIB, &flow, &l.Trace.Decision); m == w.Link || met != whynot.No || l.FIB.Snapshot().Link(m).Kind == "openvswitch" {
		return 0
	}
	return m
}

// noRouter says what keeps a router's default route away from the wanted device, if the
// packet has no route.
func noRouter(e *Explanation, dev string) []Finding {
	keeps := []lookup.Code{lookup.NoteRouterIgnored, lookup.NoteRouterOff, lookup.NoteRouterNoDefault, lookup.NoteRouterShort, lookup.NoteRouterGone}
	return slices.DeleteFunc(slices.Clone(e.Warnings), func(f Finding) bool {
		return e.Disposition != lookup.DispositionNoRoute || !slices.Contains(keeps, f.Code) || f.Have.String() != dev && f.Want.Number() < 2
	})
}

// port says that a device is a port of a bridge or a bond, by which no route leads.
func (n names) port(link int) []Finding {
	l := n.snap.Link(link)
	m := n.snap.MasterOf(l)
	if m == nil {
		return nil
	}
	return []Finding{n.finding(nil, &lookup.Note{Reason: lookup.Reason{Code: lookup.NoteIsPort, Have: l.Name, Want: m.Name}})}
}
