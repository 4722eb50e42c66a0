package report_test

import (
	"errors"
	"fmt"
	"net/netip"
	"testing"

	"routewhy/lookup"
	"routewhy/lookup/report"
	"routewhy/route"
)

// manyVLANs is a router with so many devices, an address each, and sockets on all of them.
func manyVLANs(n int) *route.Snapshot {
	up := route.LinkUp | route.LinkRunning | route.LinkLowerUp
	s := &route.Snapshot{
		Links: []route.Link{{Index: 1, Name: "lo", Flags: up | route.LinkLoopback, PeerNetNS: -1}},
		Rules: route.DefaultRules(route.IPv4),
	}
	for i := range n {
		link := i + 2
		a := netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 1})
		s.Links = append(s.Links, route.Link{Index: link, Name: fmt.Sprint("v", i), Flags: up, PeerNetNS: -1})
		s.Addrs = append(s.Addrs, route.Addr{Link: link, Prefix: netip.PrefixFrom(a, 24)})
		s.Routes = append(s.Routes,
			route.Route{Table: route.TableLocal, Dst: netip.PrefixFrom(a, 32), Type: route.TypeLocal, NextHops: []route.NextHop{{Link: link}}},
			route.Route{Table: route.TableMain, Dst: netip.PrefixFrom(a, 24).Masked(), Type: route.TypeUnicast, NextHops: []route.NextHop{{Link: link}}})
	}
	for port := range uint16(20) {
		s.Sockets = append(s.Sockets, route.Socket{
			Proto: route.ProtoTCP, Family: route.IPv4, State: route.SocketListen, Local: netip.AddrPortFrom(netip.IPv4Unspecified(), 1000+port),
		})
	}
	return s
}

// TestListenersAlike: what is said of many addresses that are alike is kept once, and takes
// too much memory only where it is to be written out for each.
func TestListenersAlike(t *testing.T) {
	const devices, limit = 300, 16 << 20
	x := report.Exposure{FIB: lookup.New(manyVLANs(devices)), Limit: limit, Each: true}
	if _, err := x.Report(); !errors.As(err, new(*route.LimitError)) {
		t.Errorf("for each: %v", err)
	}
	x.Each = false
	l, err := x.Report()
	if err != nil {
		t.Fatal(err)
	}
	exposed, lists, addresses := map[*report.Exposed]bool{}, map[*report.HostAddr]bool{}, 0
	for i := range l.Sockets {
		exposed[l.Sockets[i].Exposed] = true
	}
	for i := range l.Classes {
		if first := &l.Classes[i].Addresses[0]; !lists[first] {
			lists[first] = true
			addresses += len(l.Classes[i].Addresses)
		}
	}
	if len(l.Addresses) != devices || len(l.Classes) < devices || len(exposed) != 1 || len(lists) != 1 || addresses != devices {
		t.Errorf("%d addresses and %d classes; the sockets have %d sets of them, the classes %d lists with %d addresses",
			len(l.Addresses), len(l.Classes), len(exposed), len(lists), addresses)
	}
	many := manyVLANs(devices)
	for i := range many.Addrs {
		x := many.Sockets[0]
		x.Local = netip.AddrPortFrom(many.Addrs[i].Prefix.Addr(), 53)
		many.Sockets = append(many.Sockets, x)
	}
	x.FIB = lookup.New(many)
	if _, err := x.Report(); !errors.As(err, new(*route.LimitError)) {
		t.Errorf("a socket on each: %v", err)
	}
}
