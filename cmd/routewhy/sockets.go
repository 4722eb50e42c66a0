package main

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"routewhy/cmd/routewhy/internal/text"
	"routewhy/lookup"
	"routewhy/lookup/listen"
	"routewhy/route"
)

// sockets shows what listens, and who can reach it.
func sockets(ctx context.Context, o *options, s stdio) error {
	host, err := openSource(ctx, o, s)
	if err != nil {
		return err
	}
	defer host.Close()
	w := route.Query{Family: o.family, Sockets: route.Listening, Processes: true}
	if o.verbose {
		w.Sockets = route.AllSockets
	}
	var fib *lookup.FIB
	var left []text.FarRoutes
	during, err := steady(host, route.Query{Family: o.family}, func() (bool, error) {
		var err error
		fib, left, err = readWhole(ctx, host, w)
		return false, err
	})
	defer during.close()
	if err != nil {
		return err
	}
	out := &text.Sockets{
		Host: listen.NewHost(fib), FIB: fib, Family: o.family, Wanted: o.wanted.String(), Address: o.wanted.addr,
		LeftOut: left, Changing: during.changing() || fib.Snapshot().Changed,
	}
	if err := out.Host.Fits(o.limit()); err != nil {
		return o.tooMany(fib.Snapshot())
	}
	shown := slices.DeleteFunc(ofFamily(fib.Snapshot().Sockets, o.family), func(x route.Socket) bool { return !o.wanted.is(&x) })
	out.Exposures = out.Host.Exposures(shown)
	for i := range shown {
		if shown[i].Remote.Port() != 0 && o.verbose {
			out.Connected = append(out.Connected, shown[i])
		}
	}
	if o.json {
		err = text.WriteSocketsJSON(s.Stdout, out)
	} else {
		err = text.WriteSockets(s.Stdout, out, o.style(s))
	}
	if err == nil && len(out.Exposures) == 0 && fib.Snapshot().Lacks(route.FactSockets, 0) {
		return statusError(exitNoAnswer)
	}
	if err == nil && len(out.Exposures) == 0 && o.wanted != (wanted{}) {
		return statusError(exitNoRoute)
	}
	return err
}

// tooMany says that a host has too many addresses and devices, for each address is
// asked about by each device.
func (o *options) tooMany(s *route.Snapshot) error {
	hint := fmt.Sprintf("--load-limit %d allows twice as much", o.limit()>>19)
	if len(o.load) == 0 {
		hint = fmt.Sprintf("--save FILE, and then --load FILE --load-limit %d", o.limit()>>19)
	}
	return withHint(fmt.Errorf("--sockets: %d addresses by %d devices take more than %d MiB of memory", len(s.Addrs), len(s.Links), o.limit()>>20), hint)
}

// wanted is which sockets are meant. The zero value: all.
type wanted struct {
	addr    netip.Addr
	port    uint16
	program string
}

// parseWanted understands PORT, :PORT, ADDRESS, ADDRESS:PORT or the name of a program.
func parseWanted(args []string) (wanted, error) {
	arg := args[0]
	if len(args) > 1 {
		return wanted{}, usagef("--sockets takes one PORT, ADDRESS or PROGRAM, but there is %s too", quote(args[1]))
	}
	host, port, err := net.SplitHostPort(arg)
	if err != nil {
		host, port = strings.Trim(arg, "[]"), ""
		if _, err := strconv.ParseUint(arg, 10, 64); err == nil {
			host, port = "", arg
		}
	}
	var w wanted
	if port != "" {
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || n == 0 {
			return w, usagef("--sockets %s: %s is no port", quote(arg), quote(port)).hint("a port is a number from 1 to 65535")
		}
		w.port = uint16(n)
	}
	switch a, err := netip.ParseAddr(host); {
	case err == nil:
		w.addr = a.Unmap().WithZone("")
	case host != "" && host != "*":
		w.program = host
	}
	return w, nil
}

// String is how they are named in a sentence; empty: all.
func (w wanted) String() string {
	var parts []string
	if w.program != "" {
		parts = append(parts, "of a program called "+quote(w.program))
	}
	switch {
	case w.addr.IsValid() && w.port != 0:
		parts = append(parts, "on "+netip.AddrPortFrom(w.addr, w.port).String())
	case w.addr.IsValid():
		parts = append(parts, "on "+w.addr.String())
	case w.port != 0:
		parts = append(parts, fmt.Sprintf("on port %d", w.port))
	}
	return strings.Join(parts, " ")
}

// is reports whether a socket is meant: it takes what comes to the address, as one
// that is bound to every address does too.
func (w *wanted) is(x *route.Socket) bool {
	if w.port != 0 && x.Local.Port() != w.port {
		return false
	}
	if w.program != "" && !slices.ContainsFunc(x.Owners, func(p route.Process) bool { return p.Name == w.program }) {
		return false
	}
	bound := x.Local.Addr().Unmap()
	switch {
	case !w.addr.IsValid() || bound == w.addr:
		return true
	case !bound.IsUnspecified() || w.addr.IsUnspecified():
		return false
	}
	return bound.Is4() == w.addr.Is4() || w.addr.Is4() && x.DualStack()
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

// readWhole reads what questions about the whole host need. Of tables too large to be held,
// what covers the addresses that stand for other networks is read as well, and of the
// routes to other networks one of each kind.
func readWhole(ctx context.Context, host route.Source, q route.Query) (*lookup.FIB, []text.FarRoutes, error) {
	q.AllDevices = true
	var far farRoutes
	fib, err := lookup.Read(ctx, host, &lookup.Need{
		Query: q,
		Hold:  func(r *route.Route) bool { return !leadsFar(r) || far.holds(r) },
		Ask: func(f *lookup.FIB) []netip.Addr {
			return append(far.missed(), f.ExternalAddr(route.IPv4), f.ExternalAddr(route.IPv6))
		},
		Each: func(r *route.Route) error {
			if leadsFar(r) {
				far.count(r)
			}
			return nil
		},
		Again: func() { far = farRoutes{} },
	})
	if err != nil || !fib.Partial() {
		return fib, nil, err
	}
	return fib, far.all(), nil
}

// farRoutes are the routes of large tables to other networks, by what they are but for
// their destination.
type farRoutes struct {
	byShape map[route.Shape]*farKind
	byLinks map[string]*farKind // of the rest
	kinds   []*farKind
}

type farKind struct {
	text.FarRoutes
	held bool
}

// maxFarShapes is how many shapes are told apart. Of the rest, those by the same devices
// are one kind.
const maxFarShapes = 64

func (f *farRoutes) kind(r *route.Route) *farKind {
	shape, ok := r.Shape()
	if k := f.byShape[shape]; ok && k != nil {
		return k
	}
	k := new(farKind)
	if ok && len(f.byShape) < maxFarShapes {
		if f.byShape == nil {
			f.byShape = map[route.Shape]*farKind{}
		}
		f.byShape[shape] = k
	} else {
		links := fmt.Append(nil, r.Table, " ", r.NextHopID)
		for i := range r.NextHops {
			links = fmt.Append(links, " ", r.NextHops[i].Link)
		}
		if old := f.byLinks[string(links)]; old != nil {
			return old
		}
		if f.byLinks == nil {
			f.byLinks = map[string]*farKind{}
		}
		f.byLinks[string(links)] = k
	}
	f.kinds = append(f.kinds, k)
	return k
}

// count counts a route. The longest prefix of its kind stands for it.
func (f *farRoutes) count(r *route.Route) {
	k := f.kind(r)
	k.Count++
	if !k.held && (!k.Prefix.IsValid() || r.Dst.Bits() > k.Prefix.Bits()) {
		k.Prefix = r.Dst
	}
}

// holds reports whether a route is the one of its kind that is held: the first that is
// so long that hardly another one is inside it.
func (f *farRoutes) holds(r *route.Route) bool {
	long := 24
	if r.Dst.Addr().Is6() {
		long = 48
	}
	k := f.kind(r)
	if !k.held && r.Dst.Bits() >= long {
		k.held, k.Prefix = true, r.Dst
	}
	return k.held && k.Prefix == r.Dst
}

// missed are addresses in the longest prefix of each kind of which no route is held.
func (f *farRoutes) missed() []netip.Addr {
	var out []netip.Addr
	for _, k := range f.kinds {
		if !k.held && len(out) < maxFarShapes {
			out = append(out, k.Prefix.Addr())
		}
	}
	return out
}

func (f *farRoutes) all() []text.FarRoutes {
	var out []text.FarRoutes
	for _, k := range f.kinds {
		out = append(out, k.FarRoutes)
	}
	slices.SortStableFunc(out, func(a, b text.FarRoutes) int { return b.Count - a.Count })
	return out
}

// leadsFar reports whether a route leads to other networks by a gateway, and covers no
// half of all addresses. Of a large table, the others say more: what is on a link, and
// what refuses.
func leadsFar(r *route.Route) bool {
	return r.Type == route.TypeUnicast && r.Dst.Bits() > 1 && (r.NextHopID != 0 || len(r.NextHops) > 0 && r.NextHops[0].Gateway.IsValid())
}
