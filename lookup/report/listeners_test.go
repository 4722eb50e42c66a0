package report_test

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

// TestListenersAlike: what is said of many addresses that are alike is kept once, also of
// sockets that are bound to one of them each, and is written once; what refers to it is read
// back. Sockets that a mark of their own tells apart take too much memory.
func TestListenersAlike(t *testing.T) {
	const devices, limit = 300, 16 << 20
	many := manyVLANs(devices)
	for i := range many.Addrs {
		x := many.Sockets[0]
		x.Proto, x.State, x.Local = route.ProtoUDP, route.SocketClose, netip.AddrPortFrom(many.Addrs[i].Prefix.Addr(), 53)
		many.Sockets = append(many.Sockets, x)
	}
	x := report.Exposure{FIB: lookup.New(many), Limit: limit}
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
	if len(l.Addresses) != devices || len(l.Classes) < devices || len(exposed) != 1+devices || len(lists) != 1 || addresses != devices {
		t.Errorf("%d addresses and %d classes; the sockets have %d sets of them, the classes %d lists with %d addresses",
			len(l.Addresses), len(l.Classes), len(exposed), len(lists), addresses)
	}
	for i := range l.Sockets {
		if s := &l.Sockets[i]; s.Port == 53 && (!s.General || s.Classes != nil || len(s.Addresses) != 1) {
			t.Fatalf("a socket on one address: general %v, %d classes, %v", s.General, len(s.Classes), s.Addresses)
		}
	}
	b, err := json.Marshal(l.Written())
	if err != nil {
		t.Fatal(err)
	}
	if len(b) > 1000*(devices+len(l.Sockets)) {
		t.Errorf("%d bytes of JSON", len(b))
	}
	var back report.Listeners
	if err := json.Unmarshal(b, &back); err != nil {
		t.Fatal(err)
	}
	again, err := json.Marshal(back.Written())
	if err != nil || !bytes.Equal(b, again) {
		t.Errorf("read back, it is another one: %v", err)
	}
	many.Rules = append([]route.Rule{{
		Family: route.IPv4, Priority: 5, Action: route.ActionTable, Table: 7, SuppressPrefixLen: -1, SuppressGroup: -1,
		Selector: route.Selector{Mark: 1 << 31, MarkMask: 1 << 31},
	}}, many.Rules...)
	for i := range many.Sockets {
		many.Sockets[i].Mark = uint32(i) | 1<<31
	}
	x.FIB = lookup.New(many)
	if _, err := x.Report(); !errors.As(err, new(*route.LimitError)) {
		t.Errorf("a socket with a mark on each: %v", err)
	}
}

// TestListenersFew: where there are few devices, every socket has all that belongs to it.
func TestListenersFew(t *testing.T) {
	few := manyVLANs(5)
	x := report.Exposure{FIB: lookup.New(few)}
	l, err := x.Report()
	if err != nil {
		t.Fatal(err)
	}
	if b, err := json.Marshal(l.Written()); err != nil || bytes.Contains(b, []byte(`"same_as"`)) || bytes.Contains(b, []byte(`"addresses_of"`)) {
		t.Errorf("%s: %v", b, err)
	}
}

// TestListenersRefer: what refers to nothing is an error.
func TestListenersRefer(t *testing.T) {
	for _, text := range []string{
		`{"sockets":[{"same_as":0}]}`, `{"sockets":[{"same_as":-1}]}`, `{"sockets":[],"classes":[{"addresses_of":0}]}`,
		`{"sockets":[{"addresses":[],"classes":[{"addresses":["10.0.0.1"]},{"addresses_of":1}]}]}`,
	} {
		if err := json.Unmarshal([]byte(text), new(report.Listeners)); err == nil {
			t.Errorf("%s is read", text)
		}
	}
}
