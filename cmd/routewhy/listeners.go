package main

import (
	"context"

	"routewhy/lookup/listen"
	"routewhy/lookup/report"
	"routewhy/route"
)

// listeners adds which socket takes the packet, where the decision ends at
// this host and a port was asked about.
func (q *questions) listeners(ctx context.Context, d destination, e *report.Look) error {
	if d.port == 0 && !q.packet.proto.given {
		return nil
	}
	p, ok := listen.PacketOf(q.fib.Snapshot(), &e.Trace.Flow, &e.Trace.Decision)
	if !ok {
		return nil
	}
	snap, err := q.host.Read(ctx, route.Query{
		Family: route.FamilyOf(p.Dst.Addr()), NoRoutes: true, NoNeighbours: true,
		Sockets: route.Listening, Port: p.Dst.Port(), Processes: true,
	})
	if err != nil {
		return err
	}
	e.Met = &report.Met{Snapshot: snap, Verdict: listen.Take(snap, snap.Sockets, p)}
	for _, g := range snap.Gaps {
		if g.Fact == route.FactProcesses {
			e.Remarks = append(e.Remarks, report.NewRemark(report.RemarkProcesses, "", g.Why))
		}
	}
	return nil
}

// connects is the destination that a packet to this one has: a program that
// connects to [::]:80 connects to [::1]:80.
func (d destination) connects(p *packet) destination {
	if to := listen.Connects(d.addr); d.port != 0 && !p.iif.given && to != d.addr {
		d.notes = append(d.notes[:len(d.notes):len(d.notes)],
			report.NewRemark(report.RemarkConnect, d.addr.String(), to.String()))
		d.addr = to
	}
	return d
}
