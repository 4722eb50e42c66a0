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
	"routewhy/lookup/report"
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
	x := report.Exposure{Query: o.wanted, Detail: o.verbose, Limit: o.limit()}
	x.Query.Family = report.FamilyName(o.family)
	during, err := steady(host, route.Query{Family: o.family}, func() (bool, error) {
		var err error
		x.FIB, x.Alike, err = readWhole(ctx, host, w)
		return false, err
	})
	defer during.close()
	if err != nil {
		return err
	}
	out, err := x.Report()
	if err != nil {
		return o.tooMany(x.FIB.Snapshot())
	}
	if during.changing() {
		out.MarkChanging()
	}
	s.tell(out)
	if o.json {
		err = text.ListenersJSON(s.Stdout, out)
	} else {
		err = text.Listeners(s.Stdout, out, o.style(s))
	}
	if status := out.Status(); err == nil && status != report.StatusAnswered {
		return statusError(status)
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

// parseWanted understands PORT, :PORT, ADDRESS, ADDRESS:PORT or the name of a program.
func parseWanted(args []string) (report.SocketQuery, error) {
	arg := args[0]
	if len(args) > 1 {
		return report.SocketQuery{}, usagef("--sockets takes one PORT, ADDRESS or PROGRAM, but there is %s too", quote(args[1]))
	}
	host, port, err := net.SplitHostPort(arg)
	if err != nil {
		host, port = strings.Trim(arg, "[]"), ""
		if _, err := strconv.ParseUint(arg, 10, 64); err == nil {
			host, port = "", arg
		}
	}
	var w report.SocketQuery
	if port != "" {
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || n == 0 {
			return w, usagef("--sockets %s: %s is no port", quote(arg), quote(port)).hint("a port is a number from 1 to 65535")
		}
		w.Port = uint16(n)
	}
	switch a, err := netip.ParseAddr(host); {
	case err == nil:
		w.Address = a.Unmap().WithZone("")
	case host != "" && host != "*":
		w.Program = host
	}
	return w, nil
}

// readWhole reads what questions about the whole host need. Of tables too large to be held,
// what covers the addresses that stand for other networks is read as well, and of the
// routes to other networks one of each kind.
func readWhole(ctx context.Context, host route.Source, q route.Query) (*lookup.FIB, []report.AlikeRoutes, error) {
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
	report.AlikeRoutes
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
	if !k.held && (!k.Dst.IsValid() || r.Dst.Bits() > k.Dst.Bits()) {
		k.Dst = r.Dst
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
		k.held, k.Dst = true, r.Dst
	}
	return k.held && k.Dst == r.Dst
}

// missed are addresses in the longest prefix of each kind of which no route is held.
func (f *farRoutes) missed() []netip.Addr {
	var out []netip.Addr
	for _, k := range f.kinds {
		if !k.held && len(out) < maxFarShapes {
			out = append(out, k.Dst.Addr())
		}
	}
	return out
}

func (f *farRoutes) all() []report.AlikeRoutes {
	var out []report.AlikeRoutes
	for _, k := range f.kinds {
		out = append(out, k.AlikeRoutes)
	}
	slices.SortStableFunc(out, func(a, b report.AlikeRoutes) int { return b.Count - a.Count })
	return out
}

// leadsFar reports whether a route leads to other networks by a gateway, and covers no
// half of all addresses. Of a large table, the others say more: what is on a link, and
// what refuses.
func leadsFar(r *route.Route) bool {
	return r.Type == route.TypeUnicast && r.Dst.Bits() > 1 && (r.NextHopID != 0 || len(r.NextHops) > 0 && r.NextHops[0].Gateway.IsValid())
}
