package listen_test

import (
	"errors"
	"fmt"
	"net/netip"
	"testing"

	"routewhy/lookup"
	"routewhy/lookup/listen"
	"routewhy/route"
)

// manyDevices is a host with n devices, each with its own address.
func manyDevices(n int) *route.Snapshot {
	up := route.LinkUp | route.LinkRunning | route.LinkLowerUp
	s := &route.Snapshot{
		Links: []route.Link{{Index: 1, Name: "lo", Flags: up | route.LinkLoopback, PeerNetNS: -1}},
		Rules: route.DefaultRules(route.IPv4),
	}
	for i := range n {
		a := netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 1})
		s.Links = append(s.Links, route.Link{Index: i + 2, Name: fmt.Sprint("d", i), Flags: up, PeerNetNS: -1})
		s.Addrs = append(s.Addrs, route.Addr{Link: i + 2, Prefix: netip.PrefixFrom(a, 24)})
		s.Routes = append(s.Routes, route.Route{
			Table: route.TableLocal, Dst: netip.PrefixFrom(a, 32), Type: route.TypeLocal, NextHops: []route.NextHop{{Link: i + 2}},
		})
	}
	return s
}

// onOneDevice is a host with n addresses on one device.
func onOneDevice(n int, first string) *route.Snapshot {
	s := manyDevices(1)
	a := netip.MustParseAddr(first)
	for range n {
		a = a.Next()
		s.Addrs = append(s.Addrs, route.Addr{Link: 2, Prefix: netip.PrefixFrom(a, 8)})
	}
	return s
}

// sourceSpecific is a host with n default routes, each for another source.
func sourceSpecific(n int) *route.Snapshot {
	s := manyDevices(1)
	for i := range n {
		s.Routes = append(s.Routes, route.Route{
			Table: route.TableMain, Dst: netip.MustParsePrefix("::/0"), Src: netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20, 0x01, byte(i >> 8), byte(i)}), 32),
			Type: route.TypeUnicast, NextHops: []route.NextHop{{Link: 2}},
		})
	}
	return s
}

// TestFits: hosts with too many kinds of addresses, times devices, are refused.
func TestFits(t *testing.T) {
	ruled := manyDevices(2000)
	for i := range uint32(2000) {
		ruled.Rules = append(ruled.Rules, route.Rule{
			Family: route.IPv4, Priority: 40000 + i, Action: route.ActionTable, Table: 1000 + route.Table(i),
			Selector: route.Selector{Src: netip.PrefixFrom(ruled.Addrs[i].Prefix.Addr(), 32)}, SuppressPrefixLen: -1, SuppressGroup: -1,
		})
	}
	for name, tt := range map[string]struct {
		host   *route.Snapshot
		each   bool
		tooBig bool
	}{
		"few":                     {manyDevices(30), true, false},
		"many alike":              {manyDevices(2000), false, false},
		"many alike, each":        {manyDevices(2000), true, true},
		"rules for every address": {ruled, false, true},
		"sources in IPv6":         {onOneDevice(20_000, "2001:db8::"), false, true},
		"source-specific routes":  {sourceSpecific(20_000), false, true},
		"a few of them":           {sourceSpecific(500), false, false},
		"addresses in IPv4":       {onOneDevice(20_000, "10.0.0.0"), false, false},
		"very many addresses":     {onOneDevice(200_000, "10.0.0.0"), false, true},
	} {
		err := listen.NewHost(lookup.New(tt.host)).Fits(256<<20, tt.each)
		if tt.tooBig != errors.As(err, new(*route.LimitError)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestLocalnetOfMany asks by which devices 127.0.0.0/8 is reached. Only devices that have
// it switched on are looked at, because otherwise this would take hours.
func TestLocalnetOfMany(t *testing.T) {
	s := manyDevices(5000)
	s.Addrs = append(s.Addrs, route.Addr{Link: 1, Prefix: netip.MustParsePrefix("127.0.0.1/8"), Scope: route.ScopeHost})
	s.Routes = append(s.Routes, route.Route{
		Table: route.TableLocal, Dst: netip.MustParsePrefix("127.0.0.0/8"), Type: route.TypeLocal, Scope: route.ScopeHost,
		NextHops: []route.NextHop{{Link: 1}},
	})
	if got := listen.NewHost(lookup.New(s)).Localnet(); len(got) != 0 {
		t.Errorf("by %v", got)
	}
}
