package main

import (
	"context"
	"net/netip"
	"slices"

	"routewhy/cmd/routewhy/internal/render"
	"routewhy/lookup"
	"routewhy/lookup/listen"
	"routewhy/route"
	"routewhy/route/kernel"
)

// sockets shows what listens, and who can reach it.
func sockets(ctx context.Context, o *options, s stdio) error {
	host, err := openSource(ctx, o, s)
	if err != nil {
		return err
	}
	defer host.Close()
	w := kernel.Want{Family: o.family, Sockets: kernel.Listening, Processes: true}
	if o.verbose {
		w.Sockets = kernel.AllSockets
	}
	var fib *lookup.FIB
	during, err := steady(host, kernel.Want{Family: o.family}, func() (bool, error) {
		var err error
		fib, err = readWhole(ctx, host, w)
		return false, err
	})
	defer during.close()
	if err != nil {
		return err
	}
	out := &render.Sockets{
		Host: listen.NewHost(fib), FIB: fib, Family: o.family, Changing: during.changing() || fib.Snapshot().Changed,
	}
	shown := ofFamily(fib.Snapshot().Sockets, o.family)
	out.Exposures = out.Host.Exposures(shown)
	for i := range shown {
		if shown[i].Remote.Port() != 0 && o.verbose {
			out.Connected = append(out.Connected, shown[i])
		}
	}
	if o.json {
		err = render.WriteSocketsJSON(s.Stdout, out)
	} else {
		err = render.WriteSockets(s.Stdout, out, o.style(s))
	}
	if err == nil && len(out.Exposures) == 0 && fib.Snapshot().Lacks(route.FactSockets, 0) {
		return statusError(exitNoAnswer)
	}
	return err
}

// ofFamily are the sockets that take packets of a family: one of IPv6 may take
// IPv4.
func ofFamily(all []route.Socket, f route.Family) []route.Socket {
	return slices.DeleteFunc(slices.Clone(all), func(x route.Socket) bool {
		is4 := x.Family == route.IPv4 || x.Local.Addr().Is4In6() || x.DualStack()
		is6 := x.Family == route.IPv6 && !x.Local.Addr().Is4In6()
		return f == route.IPv4 && !is4 || f == route.IPv6 && !is6
	})
}

// holdWhole is how many routes are held: all of an ordinary host, and of a
// router's those that matter for the default.
const holdWhole = 4096

// readWhole reads what questions about the whole host need. Of tables too
// large to be held, the prefixes are remembered, and what covers the addresses
// that stand for other networks is read a second time.
func readWhole(ctx context.Context, host source, w kernel.Want) (*lookup.FIB, error) {
	w.AllDevices = true
	r := wholeReader{Want: w}
	r.Each, r.Again = r.take, func() { r.builder, r.count, r.held = lookup.Builder{}, 0, nil }
	snap, err := host.Read(ctx, r.Want)
	if err != nil {
		return nil, err
	}
	fib := r.builder.FIB(snap)
	if r.count <= holdWhole {
		return fib, nil
	}
	clients := []netip.Addr{fib.Outside(route.IPv4), fib.Outside(route.IPv6)}
	_, err = host.Read(ctx, kernel.Want{
		Family: w.Family, NoNeighbours: true,
		Keep: func(t route.Table, dst netip.Prefix) bool {
			return !r.holds(t, dst) && slices.ContainsFunc(clients, dst.Contains)
		},
		Each: func(x *route.Route) error {
			r.builder.Add(x)
			return nil
		},
	})
	if err != nil {
		return nil, err
	}
	return r.builder.FIB(snap), nil
}

// wholeReader gathers the routes while they stream by.
type wholeReader struct {
	kernel.Want
	builder lookup.Builder
	count   int
	held    map[heldKey]bool
}

type heldKey struct {
	table route.Table
	dst   netip.Prefix
}

func (r *wholeReader) holds(t route.Table, dst netip.Prefix) bool { return r.held[heldKey{t, dst}] }

func (r *wholeReader) take(x *route.Route) error {
	r.count++
	if r.held == nil {
		r.held = map[heldKey]bool{}
	}
	r.builder.Mark(x.Table, x.Dst)
	if r.count <= holdWhole || x.Table == route.TableLocal || x.Dst.Bits() <= 1 {
		r.held[heldKey{x.Table, x.Dst}] = true
		r.builder.Add(x)
		return nil
	}
	r.builder.Skip(x.Family(), x.Table)
	return nil
}
