package text

import (
	"bytes"
	"encoding/json"
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
