package kernel

import (
	"net"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"

	"routewhy/route"
)

// These tests compare with vishvananda/netlink, which decodes the same dumps
// independently. They compare only what that library knows too.

// opinion is what both libraries know about a route.
type opinion struct {
	Table, Metric, Protocol, Type, Scope, TOS, MTU int
	Dst                                            string
	Src, Gateway                                   string
	Link                                           int
	Hops                                           []string
}

func TestSecondOpinionRoutes(t *testing.T) {
	isolate(t)
	ip(t, everything)
	h := open(t)
	settle(h)
	s := settled6(t, h) // duplicate address detection is silent for up to two seconds
	for family, f := range map[int]route.Family{netlink.FAMILY_V4: route.IPv4, netlink.FAMILY_V6: route.IPv6} {
		theirs, err := netlink.RouteListFiltered(family, &netlink.Route{Table: 0}, netlink.RT_FILTER_TABLE)
		if err != nil {
			t.Fatal(err)
		}
		var want, got []opinion
		for _, r := range theirs {
			want = append(want, theirOpinion(f, r))
		}
		for _, r := range s.Routes {
			if r.Family() == f {
				got = append(got, ourOpinion(r))
			}
		}
		if d := cmp.Diff(want, got); d != "" || len(got) < 10 {
			t.Errorf("%d %s routes: -theirs +ours\n%s", len(got), f, d)
		}
	}
}

func theirOpinion(f route.Family, r netlink.Route) opinion {
	o := opinion{
		Table: r.Table, Metric: r.Priority, Protocol: int(r.Protocol), Type: r.Type, Scope: int(r.Scope), TOS: r.Tos,
		MTU: r.MTU, Dst: netip.PrefixFrom(zeroAddr(f), 0).String(), Src: ipString(r.Src),
		Gateway: ipString(r.Gw), Link: r.LinkIndex,
	}
	if r.Dst != nil {
		o.Dst = r.Dst.String()
	}
	if via, ok := r.Via.(*netlink.Via); ok && via != nil {
		o.Gateway = ipString(via.Addr)
	}
	for _, h := range r.MultiPath {
		gw := ipString(h.Gw)
		if via, ok := h.Via.(*netlink.Via); ok && via != nil {
			gw = ipString(via.Addr)
		}
		o.Hops = append(o.Hops, hopOpinion(gw, h.LinkIndex, h.Hops+1))
	}
	return o
}

func ourOpinion(r route.Route) opinion {
	o := opinion{
		Table: int(r.Table), Metric: int(r.Metric), Protocol: int(r.Protocol), Type: int(r.Type), Scope: int(r.Scope),
		TOS: int(r.TOS), Dst: r.Dst.String(), Src: addrString(r.PrefSrc),
	}
	for _, m := range r.Metrics {
		if m.ID == route.MetricMTU {
			o.MTU = int(m.Value)
		}
	}
	for _, h := range r.NextHops {
		if h.Weight == 0 {
			o.Gateway, o.Link = addrString(h.Gateway), h.Link
		} else {
			o.Hops = append(o.Hops, hopOpinion(addrString(h.Gateway), h.Link, h.Weight))
		}
	}
	return o
}

func hopOpinion(gw string, link, weight int) string {
	return gw + " dev " + string(rune('0'+link)) + " weight " + string(rune('0'+weight))
}

func addrString(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

func ipString(ip net.IP) string {
	a, ok := netip.AddrFromSlice(ip)
	if !ok {
		return ""
	}
	return a.Unmap().String()
}

func TestSecondOpinionRules(t *testing.T) {
	isolate(t)
	ip(t, everything)
	s := read(t, open(t), route.Query{Family: route.IPv4})
	theirs, err := netlink.RuleList(netlink.FAMILY_V4)
	if err != nil {
		t.Fatal(err)
	}
	if len(theirs) != len(s.Rules) {
		t.Fatalf("%d rules of theirs, %d of ours", len(theirs), len(s.Rules))
	}
	for i, r := range theirs {
		o := s.Rules[i]
		type facts struct {
			priority, table, goTo, suppress int
			invert                          bool
			in, out                         string
			mark                            uint32
		}
		want := facts{r.Priority, r.Table, max(r.Goto, 0), r.SuppressPrefixlen, r.Invert, r.IifName, r.OifName, r.Mark}
		got := facts{
			int(o.Priority), int(o.Table), int(o.Goto), o.SuppressPrefixLen, o.Selector.Not, o.Selector.In, o.Selector.Out,
			o.Selector.Mark,
		}
		if want != got {
			t.Errorf("rule %d: theirs %+v, ours %+v", r.Priority, want, got)
		}
	}
}

func TestSecondOpinionLinksAndAddrs(t *testing.T) {
	isolate(t)
	ip(t, everything)
	h := open(t)
	settle(h)
	s := settled6(t, h) // duplicate address detection is silent for up to two seconds
	links, err := netlink.LinkList()
	if err != nil {
		t.Fatal(err)
	}
	for i, l := range links {
		a, o := l.Attrs(), s.Links[i]
		if a.Index != o.Index || a.Name != o.Name || uint32(a.MTU) != o.MTU || a.RawFlags != uint32(o.Flags) ||
			a.MasterIndex != o.Master || a.Group != o.Group || a.ParentIndex != o.Peer || uint8(a.OperState) != o.OperState {
			t.Errorf("theirs %+v, ours %+v", a, o)
		}
	}
	addrs, err := netlink.AddrList(nil, netlink.FAMILY_ALL)
	if err != nil {
		t.Fatal(err)
	}
	var want, got []string
	for _, a := range addrs {
		want = append(want, ipString(a.IP))
	}
	for _, a := range s.Addrs { // for an address with a peer, the library has another length
		got = append(got, a.Prefix.Addr().String())
	}
	if !slices.Equal(want, got) {
		t.Errorf("theirs %v, ours %v", want, got)
	}
}
