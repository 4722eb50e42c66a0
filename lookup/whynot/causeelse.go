package whynot

import (
	"slices"

	"routewhy/lookup"
	"routewhy/route"
)

// maxOthers is how many packets are tried in the search for others that get the error.
const maxOthers = 1 << 12

// Otherwise is for an error that the packet itself does not get. It looks for packets of
// this host to the same destination that do, and that differ only in fields of which settled
// is false. Their rules and routes are possible causes. all are the causes of the packet.
func Otherwise(f *lookup.FIB, t *lookup.Trace, e route.Errno, settled map[lookup.Field]bool, all []Cause) []Cause {
	if t.Flow.In != 0 || t.Decision.Errno == e || slices.ContainsFunc(all, func(c Cause) bool { return c.State == CauseIs }) {
		return all
	}
	root := &search{root: newState(f, t.Flow, false)}
	solver := f.Solver()
	solver.Most = maxOthers
	found := solver.Find(t.Flow, func(p *route.Flow, d *lookup.Decision) bool {
		// A device without a route is told as CauseDevice.
		return p.In == 0 && (p.Out == t.Flow.Out || d.Disposition != lookup.DispositionNoRoute) && d.Errno == e && root.likely(p) && !touches(p, &t.Flow, settled)
	})
	out := slices.Clone(all)
	for _, p := range found.Packets {
		d := f.Lookup(p)
		if i := slices.IndexFunc(out, func(c Cause) bool { return c.stops(&d) }); i >= 0 && out[i].State == CauseNot {
			out[i].State, out[i].Packet = CausePossible, &p
		}
	}
	return out
}

// stops reports whether a cause is the rule, the route or the lack of routes by which a look-up
// fails.
func (c *Cause) stops(d *lookup.Decision) bool {
	switch {
	case d.Shortcut != "":
		return false
	case c.Route != nil:
		return c.Code != CauseThrow && d.HasRoute && sameRoute(c.Route, &d.Route)
	case c.Rule != nil:
		return !d.HasRoute && d.Rule == c.Rule
	}
	return c.Code == CauseNoRoute && d.Disposition == lookup.DispositionNoRoute
}

// touches reports whether two packets differ in a field that is settled.
func touches(a, b *route.Flow, settled map[lookup.Field]bool) bool {
	return a.Src != b.Src && settled[lookup.FieldFrom] ||
		a.Out != b.Out && settled[lookup.FieldOif] ||
		a.Mark != b.Mark && settled[lookup.FieldMark] ||
		a.TOS != b.TOS && settled[lookup.FieldTOS] ||
		a.UID != b.UID && settled[lookup.FieldUID] ||
		a.Proto != b.Proto && settled[lookup.FieldProto] ||
		a.SrcPort != b.SrcPort && settled[lookup.FieldSport] ||
		a.DstPort != b.DstPort && settled[lookup.FieldDport] ||
		a.FlowLabel != b.FlowLabel && settled[lookup.FieldFlowLabel] ||
		a.TunnelID != b.TunnelID
}
