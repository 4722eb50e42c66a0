package text

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"testing"

	"routewhy/lookup"
	"routewhy/lookup/report"
	"routewhy/route"
)

// TestSocketsStream: the JSON of many sockets, which is written one at a time, is the
// same as that of all at once.
func TestSocketsStream(t *testing.T) {
	s := &route.Snapshot{
		Links: []route.Link{
			{Index: 1, Name: "lo", Flags: route.LinkUp | route.LinkLowerUp | route.LinkLoopback},
			{Index: 2, Name: "e<0>", Flags: route.LinkUp | route.LinkLowerUp},
		},
		Addrs: []route.Addr{{Link: 2, Prefix: netip.MustParsePrefix("192.0.2.2/24")}},
		Rules: append(route.DefaultRules(route.IPv4), route.DefaultRules(route.IPv6)...),
		Routes: []route.Route{
			{Type: route.TypeLocal, Table: route.TableLocal, Dst: netip.MustParsePrefix("192.0.2.2/32"), NextHops: []route.NextHop{{Link: 2}}},
			{Type: route.TypeUnicast, Table: route.TableMain, Dst: netip.MustParsePrefix("192.0.2.0/24"), NextHops: []route.NextHop{{Link: 2}}},
		},
	}
	for port := range uint16(manySockets + 50) {
		x := route.Socket{Proto: route.ProtoTCP, Family: route.IPv4, State: route.SocketListen, Local: netip.AddrPortFrom(netip.IPv4Unspecified(), 1000+port)}
		x.Owners = []route.Process{{PID: 7, Name: "<web> & co"}}
		if port%3 == 0 {
			x.Local = netip.AddrPortFrom(netip.MustParseAddr("192.0.2.9"), 1000+port)
		}
		s.Sockets = append(s.Sockets, x)
	}
	x := report.Exposure{FIB: lookup.New(s), Detail: true, Alike: []report.AlikeRoutes{{Dst: netip.MustParsePrefix("198.51.100.0/24"), Count: 3}}}
	page, err := x.Report()
	if err != nil {
		t.Fatal(err)
	}
	page.Connected = []report.Socket{page.Sockets[0].Socket, page.Sockets[1].Socket}
	var stream, once bytes.Buffer
	if err := ListenersJSON(&stream, page); err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(stream.Bytes(), []byte("\n")); n != len(s.Sockets) {
		t.Errorf("%d sockets in %d lines", len(s.Sockets), n)
	}
	whole, err := marshal(page)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Compact(&once, stream.Bytes()); err != nil || !bytes.Equal(once.Bytes(), whole) {
		t.Errorf("%v; the stream differs:\n%.2000s\n%.2000s", err, once.Bytes(), whole)
	}
}

// TestSocketsMany checks that only some of many similar addresses and sockets in a row are
// shown, and that the JSON of a large host prints the same.
func TestSocketsMany(t *testing.T) {
	const devices = 300
	up := route.LinkUp | route.LinkLowerUp
	s := &route.Snapshot{Links: []route.Link{{Index: 1, Name: "lo", Flags: up | route.LinkLoopback}}, Rules: route.DefaultRules(route.IPv4)}
	for i := range devices {
		link, a := i+2, netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 1})
		s.Links = append(s.Links, route.Link{Index: link, Name: fmt.Sprint("v", i), Flags: up})
		s.Addrs = append(s.Addrs, route.Addr{Link: link, Prefix: netip.PrefixFrom(a, 24)})
		hops := []route.NextHop{{Link: link}}
		s.Routes = append(s.Routes,
			route.Route{Type: route.TypeLocal, Table: route.TableLocal, Dst: netip.PrefixFrom(a, 32), NextHops: hops},
			route.Route{Type: route.TypeUnicast, Table: route.TableMain, Dst: netip.PrefixFrom(a, 24).Masked(), NextHops: hops})
		for range 2 {
			s.Sockets = append(s.Sockets, route.Socket{Proto: route.ProtoTCP, Family: route.IPv4, State: route.SocketListen, Local: netip.AddrPortFrom(a, 53)})
		}
	}
	for port := range uint16(3) {
		s.Sockets = append(s.Sockets, route.Socket{
			Proto: route.ProtoTCP, Family: route.IPv4, State: route.SocketListen, Local: netip.AddrPortFrom(netip.IPv4Unspecified(), 80+5*port),
		})
	}
	x := report.Exposure{FIB: lookup.New(s)}
	page, err := x.Report()
	if err != nil {
		t.Fatal(err)
	}
	var b, again bytes.Buffer
	var back report.Listeners
	if err := ListenersJSON(&b, page); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b.Bytes(), &back); err != nil {
		t.Fatal(err)
	}
	for _, verbose := range []bool{true, false} {
		b.Reset()
		again.Reset()
		if err := errors.Join(Listeners(&b, page, Style{Verbose: verbose}), Listeners(&again, &back, Style{Verbose: verbose})); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(b.Bytes(), again.Bytes()) {
			t.Errorf("what comes out of JSON prints differently:\n%.3000s\n%.3000s", b.Bytes(), again.Bytes())
		}
		lines := bytes.Count(b.Bytes(), []byte("\n"))
		if verbose && lines < 2*devices || !verbose && lines > 60 {
			t.Errorf("%d lines", lines)
		}
	}
	for _, want := range []string{
		"  tcp  and 296 more addresses alike, from 10.0.4.1 to 10.1.43.1 (-v lists them)\n",
		"  and 296 more addresses alike, from 10.0.4.1 to 10.1.43.1 (-v lists them)\n",
	} {
		if !bytes.Contains(b.Bytes(), []byte(want)) {
			t.Errorf("no %q in\n%.3000s", want, b.Bytes())
		}
	}
}
