package lookup_test

import (
	"net/netip"
	"slices"
	"testing"

	"routewhy/lookup"
	"routewhy/route"
)

// TestCompare pins in which field an answer of the kernel differs, and what is
// benign.
func TestCompare(t *testing.T) {
	a := netip.MustParseAddr
	plain := via("203.0.113.0/24", "192.0.2.1", 2)
	answer := route.Answer{Asked: true, Type: route.TypeUnicast, Table: route.TableMain, Link: 2, Gateway: a("192.0.2.1"), Src: a("192.0.2.2")}
	but := func(change func(*route.Answer)) route.Answer {
		x := answer
		change(&x)
		return x
	}
	onlink := func(r *route.Route) { r.NextHops[0].Flags = route.NextHopOnLink }
	six9, six8 := byObject("2001:db8:9::/48", 10), byObject("2001:db8:8::/48", 1)
	same6 := route.Answer{
		Asked: true, Type: route.TypeUnicast, Table: route.TableMain, Link: 2, Gateway: a("2001:db8::1"), HasEntry: true, Entry: six8,
	}
	for name, c := range map[string]struct {
		route  route.Route
		change func(*route.Snapshot)
		flow   route.Flow
		answer route.Answer
		fields []string
		benign []lookup.Code
	}{
		"the same":       {route: plain, answer: answer},
		"refused":        {route: plain, answer: route.Answer{Asked: true, Errno: route.EACCES}, fields: []string{"errno"}},
		"device":         {route: plain, answer: but(func(x *route.Answer) { x.Link = 3 }), fields: []string{"device"}},
		"gateway":        {route: plain, answer: but(func(x *route.Answer) { x.Gateway = a("192.0.2.9") }), fields: []string{"gateway"}},
		"source":         {route: plain, answer: but(func(x *route.Answer) { x.Src = a("192.0.2.9") }), fields: []string{"source"}},
		"type":           {route: plain, answer: but(func(x *route.Answer) { x.Type = route.TypeLocal }), fields: []string{"type"}},
		"table":          {route: plain, answer: but(func(x *route.Answer) { x.Table = 100 }), fields: []string{"table"}},
		"entry":          {route: plain, answer: but(func(x *route.Answer) { x.HasEntry, x.Entry = true, via("203.0.0.0/16", "", 2) }), fields: []string{"prefix"}},
		"entry's metric": {route: plain, answer: but(func(x *route.Answer) { x.HasEntry, x.Entry = true, via("203.0.113.0/24", "", 2, metric(7)) }), fields: []string{"metric"}},
		"no gateway":     {route: plain, answer: but(func(x *route.Answer) { x.Gateway = netip.Addr{} }), benign: []lookup.Code{lookup.CodeGatewayDirect}},
		"onlink":         {route: via("203.0.113.0/24", "192.0.2.1", 2, onlink), answer: but(func(x *route.Answer) { x.Gateway = netip.Addr{} }), fields: []string{"gateway"}},
		"a leg of one":   {route: plain, flow: route.Flow{Src: a("198.51.100.2")}, answer: but(func(x *route.Answer) { x.Src, x.Table = netip.Addr{}, 100 }), fields: []string{"table"}},
		"a local route has no legs": {
			route: plain, flow: route.Flow{Dst: a("192.0.2.2"), Src: a("198.51.100.2")},
			answer: route.Answer{Asked: true, Type: route.TypeLocal, Table: route.TableLocal, Link: 2}, fields: []string{"device"},
		},
		"a shared object":   {route: six9, change: objects("2001:db8::1", "2001:db8:1::1"), flow: route.Flow{Dst: a("2001:db8:9::9"), Src: a("2001:db8::2")}, answer: same6, benign: []lookup.Code{lookup.CodeOneOfSeveral, lookup.CodeSharedEntry}},
		"a learnt redirect": {route: plain, answer: but(func(x *route.Answer) { x.Redirected, x.Gateway = true, a("192.0.2.9") }), benign: []lookup.Code{lookup.CodeRedirected}},
		"a learnt MTU":      {route: plain, answer: but(func(x *route.Answer) { x.Expires, x.MTU = true, 1400 }), benign: []lookup.Code{lookup.CodeLearntMTU}},
		"one of two legs":   {route: legs("203.0.113.0/24"), answer: answer, benign: []lookup.Code{lookup.CodeOneOfSeveral}},
		"refused by one of two legs": {
			route: legs("203.0.113.0/24"), flow: route.Flow{Src: a("127.0.0.1")}, change: sysctl("net/ipv4/conf/eth0/route_localnet=1"),
			answer: route.Answer{Asked: true, Errno: route.EINVAL}, benign: []lookup.Code{lookup.CodeOneOfSeveral},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := hostOf(append(locals(), c.route), append(defaultRules(), six(to(32766, route.TableMain)))...)
			if c.change != nil {
				c.change(s)
			}
			flow := c.flow
			if !flow.Dst.IsValid() {
				flow.Dst = a("203.0.113.9")
			}
			f := lookup.New(s)
			d := f.Lookup(flow)
			got := f.Compare(&flow, &d, &c.answer)
			var fields []string
			for _, x := range got.Differences {
				fields = append(fields, x.Field)
			}
			var benign []lookup.Code
			for _, x := range got.Benign {
				benign = append(benign, x.Code)
			}
			if !slices.Equal(fields, c.fields) || !slices.Equal(benign, c.benign) || got.Agrees != (len(fields) == 0) {
				t.Errorf("differs in %v, benign %v; want %v, %v", fields, benign, c.fields, c.benign)
			}
		})
	}
}

// TestBoundaries: what can change a decision between two addresses is among the
// boundaries.
func TestBoundaries(t *testing.T) {
	s := hostOf(nil, inOrder(refusing(5, "203.0.113.0/24"))...)
	s.Addrs = append(s.Addrs,
		route.Addr{Link: 2, Prefix: netip.MustParsePrefix("10.0.0.1/32"), Peer: netip.MustParsePrefix("10.9.0.0/24")},
		route.Addr{Link: 2, Prefix: netip.MustParsePrefix("2001:db8::2/64")})
	f := lookup.New(s)
	for fam, want := range map[route.Family][]string{
		route.IPv4: {"203.0.113.0/24", "192.0.2.0/24", "10.0.0.1/32", "10.9.0.0/24", "127.0.0.0/8", "224.0.0.0/4", "224.0.0.0/24", "255.255.255.255/32"},
		route.IPv6: {"2001:db8::2/128", "2001:db8::/64", "::/1", "fe80::/10", "ff02::/16"},
	} {
		got := map[netip.Prefix]bool{}
		f.Boundaries(fam, func(p netip.Prefix) { got[p] = true })
		for _, p := range want {
			if !got[netip.MustParsePrefix(p)] {
				t.Errorf("%s is missing", p)
			}
		}
	}
}

// TestSuccess: the dispositions of packets that get somewhere.
func TestSuccess(t *testing.T) {
	for d := lookup.DispositionUnknown; d <= lookup.DispositionInvalid; d++ {
		want := slices.Contains([]string{"unicast", "local", "broadcast", "multicast", "anycast"}, d.String())
		if d.Success() != want {
			t.Errorf("%s: %v", d, d.Success())
		}
	}
}
