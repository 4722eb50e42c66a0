package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"routewhy/cmd/routewhy/internal/text"
	"routewhy/lookup"
	"routewhy/lookup/report"
	"routewhy/route"
	"routewhy/route/iproute2"
)

// sockets shows what listens, and who can reach it.
func sockets(ctx context.Context, o *options, s stdio) error {
	host, err := openSource(ctx, o, s)
	if err != nil {
		return err
	}
	defer host.Close()
	w := route.Query{Family: o.family, Sockets: route.Listening, Processes: true, Policies: true}
	if o.verbose {
		w.Sockets = route.AllSockets
	}
	x := report.Exposure{Query: o.wanted, Detail: o.verbose, Limit: o.limit()}
	x.Query.Family = report.FamilyName(o.family)
	during, err := report.Steady(host, route.Query{Family: o.family}, func() (bool, error) {
		var err error
		x.FIB, x.Alike, err = report.ReadWhole(ctx, host, w)
		return false, err
	})
	if err != nil {
		return overLimit(err)
	}
	defer during.Close()
	out, err := x.Report()
	if err != nil {
		return o.tooMany(x.FIB)
	}
	if during.Changing() {
		out.MarkChanging()
	}
	s.tell(out)
	if o.json {
		err = text.ListenersJSON(s.Stdout, out)
	} else {
		err = text.Listeners(s.Stdout, out, o.style(s))
	}
	switch status := out.Status(); {
	case err != nil:
		return err
	case out.Unread():
		return o.noSockets(x.FIB.Snapshot())
	case status != report.StatusAnswered:
		return statusError(status)
	}
	return nil
}

// noSockets says why the exit status means "no answer" although there is an answer about
// the addresses.
func (o *options) noSockets(s *route.Snapshot) error {
	err := errors.New("--sockets: the sockets could not be read")
	if len(o.load) > 0 {
		return withHint(err, "listings have no sockets: routewhy --save FILE keeps them")
	}
	for _, g := range s.Gaps {
		if g.Fact == route.FactSockets && g.Why != "" {
			return fmt.Errorf("%w: %s", err, g.Why)
		}
	}
	return err
}

// tooMany says that it would take too long to find out who reaches the sockets of a host:
// each address is checked for each device and each range of clients that routes tell apart,
// and again for sockets that rules treat differently.
func (o *options) tooMany(f *lookup.FIB) error {
	hint := fmt.Sprintf("--load-limit %d allows twice as much", o.limit()>>19)
	if len(o.load) == 0 {
		hint = fmt.Sprintf("--save FILE, and then --load FILE --load-limit %d", o.limit()>>19)
	}
	s := f.Snapshot()
	has := []string{
		counted(len(s.Addrs), "address", "addresses"), counted(len(s.Links), "device", "devices"), counted(len(s.Rules), "rule", "rules"),
		counted(len(s.Sockets), "socket", "sockets"), counted(f.PrefixCount(route.IPv4)+f.PrefixCount(route.IPv6), "prefix", "prefixes"),
	}
	if n := f.MostSources(); n > 0 {
		has = append(has, counted(n, "source-specific route", "source-specific routes")+" to one of them")
	}
	last := len(has) - 1
	return withHint(fmt.Errorf("--sockets: who reaches what listens here takes more than %d MiB of memory to work out: %s and %s", o.limit()>>20,
		strings.Join(has[:last], ", "), has[last]), hint)
}

func counted(n int, one, several string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, several)
}

// parseWanted understands PORT, :PORT, ADDRESS, ADDRESS:PORT, PREFIX, PREFIX:PORT or the name
// of a program.
func parseWanted(args []string) (report.SocketQuery, error) {
	arg := args[0]
	if len(args) > 1 {
		return report.SocketQuery{}, usagef("--sockets takes one PORT, ADDRESS, PREFIX or PROGRAM, but there is %s too", iproute2.Quote(args[1]))
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
			return w, usagef("--sockets %s: %s is no port", iproute2.Quote(arg), iproute2.Quote(port)).hint("a port is a number from 1 to 65535")
		}
		w.Port = uint16(n)
	}
	before, _, hasLength := strings.Cut(host, "/")
	switch a, err := netip.ParseAddr(before); {
	case err == nil && hasLength:
		d, fault := parsePrefix(host)
		if fault != nil {
			fault.hints = nil // the hints are about other questions
			return w, fault
		}
		if w.Prefix = d.prefix; d.prefix.IsSingleIP() {
			w.Address, w.Prefix = d.prefix.Addr().Unmap(), netip.Prefix{}
		}
	case err == nil:
		w.Address = a.Unmap().WithZone("")
	case host != "" && host != "*":
		w.Program = host
	}
	return w, nil
}
