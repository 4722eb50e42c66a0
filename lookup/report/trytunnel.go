package report

import (
	"net/netip"
	"slices"

	"routewhy/lookup"
	"routewhy/lookup/connections"
	"routewhy/route"
)

// carries finds out whether the connection's packets leave by a TUN or TAP device that its own
// program has open: one of the processes that have its socket. They come back to the program,
// which sends them by the connection again.
func (s *TrySocket) carries(holds func(pid int, dev string) bool, owners []route.Process) {
	if holds == nil || !s.Moves {
		return
	}
	for i := range s.After.NextHops {
		dev := s.After.NextHops[i].Dev
		if slices.ContainsFunc(s.Before.NextHops, func(h NextHop) bool { return h.Dev == dev }) {
			continue
		}
		at := slices.IndexFunc(owners, func(p route.Process) bool { return holds(p.PID, dev) })
		if at < 0 {
			continue
		}
		s.PID, s.Comm = owners[at].PID, owners[at].Name
		s.Carries, s.Reason = dev, TryLoss{Code: connections.LostItself, Dev: dev}
		s.MayBeLost = len(s.After.NextHops) > 1
		s.Lost = !s.MayBeLost
		return
	}
}

// loops tells of the kernel's own tunnels whose packets would go into themselves.
func (t *Trial) loops() {
	before, after := t.Before.FIB(), t.Run.After.FIB()
	if before.Partial() {
		return
	}
	links := after.Snapshot().Links
	for i := range links {
		if n := after.OuterLoop(links[i].Index); n != nil && before.OuterLoop(links[i].Index) == nil {
			n.Ask = nil // no packet was asked about
			t.Report.Warnings = append(t.Report.Warnings, namesOf(after).finding(nil, n))
		}
	}
}

// Looping is a tunnel of the kernel's whose packets would go into itself; nil: there is none.
func (t *Try) Looping() *Finding {
	at := slices.IndexFunc(t.Warnings, func(f Finding) bool { return f.Code == lookup.NoteOuterLoop })
	if at < 0 {
		return nil
	}
	return &t.Warnings[at]
}

// unconnected tells of TUN and TAP devices whose program has an open UDP socket without a peer,
// and would send by the device afterwards what it sends to other networks, and not before. Where
// its peer is, is not known: a host with a route of its own elsewhere may be it, and then nothing
// is told.
func (t *Trial) unconnected(holds func(pid int, dev string) bool, all []route.Socket, owned map[uint32][]route.Process) {
	before, after := t.Before.FIB(), t.Run.After.FIB()
	if holds == nil || before.Partial() {
		return
	}
	for _, f := range []route.Family{route.IPv4, route.IPv6} {
		for i := range all {
			x := &all[i]
			if x.Proto != route.ProtoUDP || x.Remote.Port() != 0 || !sends(x, f) {
				continue
			}
			flow := farFlow(x, before.ExternalAddr(f))
			was, is := before.Lookup(flow), after.Lookup(flow)
			if !was.Disposition.Success() || len(is.NextHops) != 1 || leavesBy(&was, is.NextHops[0].Link) {
				continue
			}
			dev := namesOf(after).dev(is.NextHops[0].Link)
			at := slices.IndexFunc(owned[x.Inode], func(p route.Process) bool { return holds(p.PID, dev) })
			if at >= 0 && !hostElsewhere(after, f, is.NextHops[0].Link) {
				t.ownTunnel(dev, owned[x.Inode][at].Name, x)
			}
		}
	}
}

// ownTunnel adds a socket to the warning about a tunnel.
func (t *Trial) ownTunnel(dev, program string, x *route.Socket) {
	w := NewRemark(RemarkOwnTunnel, program, dev)
	at := slices.IndexFunc(t.Report.Warnings, func(o Finding) bool { return o.Reason == w.Reason })
	if at < 0 {
		at = len(t.Report.Warnings)
		t.Report.Warnings = append(t.Report.Warnings, w)
	}
	sockets := &t.Report.Warnings[at].Sockets
	if local := netip.AddrPortFrom(x.Local.Addr().Unmap(), x.Local.Port()).String(); !slices.Contains(*sockets, local) {
		*sockets = append(*sockets, local)
	}
}

// sends reports whether a socket can send packets of a family.
func sends(x *route.Socket, f route.Family) bool {
	if a := x.Local.Addr().Unmap(); !a.IsUnspecified() {
		return route.FamilyOf(a) == f
	}
	return x.Family == f || x.Family == route.IPv6 && !x.V6Only
}

// farFlow is a packet that an unconnected socket sends to another network.
func farFlow(x *route.Socket, dst netip.Addr) route.Flow {
	flow := route.Flow{Dst: dst, SrcPort: x.Local.Port(), Proto: x.Proto, UID: x.UID, Mark: x.Mark, Out: x.Link, Bound: x.Link != 0}
	if a := x.Local.Addr().Unmap(); !a.IsUnspecified() {
		flow.Src = a.WithZone("")
	}
	return flow
}

// leavesBy reports whether one of a decision's next hops is on a device.
func leavesBy(d *lookup.Decision, link int) bool {
	return slices.ContainsFunc(d.NextHops, func(h lookup.NextHop) bool { return h.Link == link })
}

// hostElsewhere reports whether a single host of another network has a route by a gateway that
// is not on a device.
func hostElsewhere(fib *lookup.FIB, f route.Family, link int) (found bool) {
	fib.EntriesIn(f.Default(), func(dst netip.Prefix, e lookup.Entry) {
		if found || !dst.IsSingleIP() {
			return
		}
		r := e.Route(dst)
		found = r.Type == route.TypeUnicast && len(r.NextHops) > 0 && r.NextHops[0].Gateway.IsValid() && r.NextHops[0].Link != link
	})
	return found
}
