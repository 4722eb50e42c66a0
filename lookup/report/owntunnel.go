package report

import (
	"context"
	"net/netip"
	"slices"

	"routewhy/lookup"
	"routewhy/lookup/connections"
	"routewhy/route"
)

// ownTunnel tells that a packet goes into a TUN or TAP device whose own program sends its
// packets into the device as well, by all connections that may carry it. Nothing is told where it
// is not known what carries it: the program has a socket without a peer, or a connection to a proxy
// on this host, or a rule looks at what cannot be read of a socket. More routes must be read if
// again is true.
func (a *asker) ownTunnel(ctx context.Context, l *look) (again bool, err error) {
	d := &l.Trace.Decision
	if a.Holds == nil || d.Disposition != lookup.DispositionUnicast || len(d.NextHops) != 1 {
		return false, nil
	}
	dev := a.fib.Snapshot().Link(d.NextHops[0].Link)
	if dev == nil || dev.Kind != "tun" || slices.ContainsFunc(a.fib.Snapshot().Rules, byTOS) {
		return false, nil
	}
	snap, err := a.src.Read(ctx, route.Query{NoRoutes: true, NoNeighbours: true, Sockets: route.AllSockets, Processes: true})
	if err != nil {
		return false, err
	}
	program, carriers := a.carriers(snap, dev)
	var ends []netip.Addr
	for _, x := range carriers {
		ends = append(ends, connections.FlowOf(x).Dst)
	}
	if len(ends) == 0 || a.unread(ends...) {
		return len(ends) > 0, nil
	}
	f := NewRemark(RemarkCarriesItself, program, dev.Name)
	for _, x := range carriers {
		is := a.fib.Lookup(connections.FlowOf(x))
		if is.Disposition != lookup.DispositionUnicast || len(is.NextHops) != 1 || is.NextHops[0].Link != dev.Index || !is.HasRoute {
			return false, nil
		}
		f.Route, f.Table = namesOf(a.fib).route(&is.Route), namesOf(a.fib).table(is.Route.Table)
		if end := x.Remote.String(); !slices.Contains(f.Sockets, end) {
			f.Sockets = append(f.Sockets, end)
		}
	}
	l.Remarks = append(l.Remarks, f)
	return false, nil
}

// byTOS reports whether a rule looks at what programs set on their sockets, and nothing shows.
func byTOS(r route.Rule) bool {
	return r.Selector.TOS != 0 || r.Selector.HasDSCP || r.Selector.FlowLabelMask != 0
}

// carriers are the connections of the program that has a TUN or TAP device open, to other hosts
// and not by an address of the device, and the program's name. There are none if it also has a
// UDP socket without a peer, or a connection to this host: that may be what carries the device.
func (a *asker) carriers(snap *route.Snapshot, dev *route.Link) (program string, out []*route.Socket) {
	held := map[int]bool{}
	holds := func(p route.Process) bool {
		h, known := held[p.PID]
		if !known {
			h = a.Holds(p.PID, dev.Name)
			held[p.PID] = h
		}
		return h
	}
	for i := range snap.Sockets {
		x := &snap.Sockets[i]
		at := slices.IndexFunc(x.Owners, holds)
		switch {
		case at < 0:
		case x.Proto == route.ProtoUDP && x.Remote.Port() == 0 && !x.Local.Addr().IsLoopback():
			return "", nil
		case connections.Connected(x) && x.Remote.Addr().Unmap().IsLoopback():
			return "", nil
		case connections.Connected(x) && !a.hasAddr(dev, x.Local.Addr().Unmap()):
			program = x.Owners[at].Name
			out = append(out, x)
		}
	}
	return program, out
}

// hasAddr reports whether a device has an address.
func (a *asker) hasAddr(dev *route.Link, addr netip.Addr) bool {
	return slices.ContainsFunc(a.fib.Snapshot().Addrs, func(x route.Addr) bool { return x.Link == dev.Index && x.Prefix.Addr() == addr.WithZone("") })
}
