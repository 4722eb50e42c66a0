package text

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"routewhy/route"
	"routewhy/route/iproute2"
)

// jsonColumn is a line of route(8) with a zero in it, and what it means.
type jsonColumn struct {
	Destination string `json:"destination"`
	Gateway     string `json:"gateway"`
	Genmask     string `json:"genmask"`
	Flags       string `json:"flags"`
	Metric      uint32 `json:"metric"`
	Iface       string `json:"iface"`
	Means       string `json:"means"`
}

// columns are this host's own lines of `route -n` (from /proc/net/route, see
// fib_route_seq_show in net/ipv4/fib_trie.c) that have a zero in them. There,
// table main alone is shown, of several next hops the first, and no broadcast.
func (z *Zero) columns() []jsonColumn {
	s := z.Whole.Snapshot()
	var routes []route.Route
	for _, in := range z.Whole.InTable(route.IPv4, route.TableMain) {
		if in.Type != route.TypeBroadcast && in.Type != route.TypeMulticast {
			routes = append(routes, in)
		}
	}
	slices.SortStableFunc(routes, func(a, b route.Route) int {
		if c := a.Dst.Addr().Compare(b.Dst.Addr()); c != 0 {
			return c
		}
		return b.Dst.Bits() - a.Dst.Bits()
	})
	var out []jsonColumn
	for i := range routes {
		c := column(s, &routes[i])
		if c.Gateway == "0.0.0.0" || c.Destination == "0.0.0.0" {
			out = append(out, c)
		}
	}
	return out
}

func column(s *route.Snapshot, r *route.Route) jsonColumn {
	c := jsonColumn{
		Destination: r.Dst.Addr().String(), Gateway: "0.0.0.0", Genmask: net.IP(net.CIDRMask(r.Dst.Bits(), 32)).String(),
		Flags: "U", Metric: r.Metric, Iface: "*",
	}
	var hop route.NextHop
	if len(r.NextHops) > 0 {
		hop = r.NextHops[0]
	}
	if hop.Link != 0 {
		c.Iface = s.LinkName(hop.Link)
	}
	if hop.Gateway.Is4() {
		c.Gateway = hop.Gateway.String()
		c.Flags += "G"
	}
	if r.Dst.IsSingleIP() {
		c.Flags += "H"
	}
	if r.Type == route.TypeUnreachable || r.Type == route.TypeProhibit {
		c.Flags = strings.Replace(c.Flags, "U", "!", 1)
	}
	c.Means = columnMeaning(r, &c)
	return c
}

// columnMeaning says what the zeros of a line mean.
func columnMeaning(r *route.Route, c *jsonColumn) string {
	var out []string
	switch {
	case r.Dst.Bits() == 0:
		out = append(out, "the default route, /0")
	case r.Dst == netip.PrefixFrom(netip.IPv4Unspecified(), 32):
		out = append(out, "a host route, no default")
	case r.Dst.Addr().IsUnspecified():
		out = append(out, fmt.Sprintf("/%d, no default", r.Dst.Bits()))
	}
	if c.Gateway == "0.0.0.0" {
		switch {
		case r.Type.Refuses():
			out = append(out, r.Type.String())
		case len(r.NextHops) == 1 && r.NextHops[0].Gateway.Is6():
			out = append(out, "its gateway is IPv6")
		default:
			out = append(out, "no gateway")
		}
	}
	return strings.Join(out, "; ")
}

// maxColumns is how many lines of route(8) the page shows.
const maxColumns = 5

// zeroColumns shows what the zeros in the output of route(8) mean.
func (p *page) zeroColumns(z *Zero) {
	if z.family() == route.IPv6 {
		p.section("in route -6 -n", fmt.Sprintf("%s is the default route, ::/128 the host route for ::, and a Next Hop of :: is none: on the link.", route.IPv6.Default()))
		return
	}
	p.section("in route -n", "and netstat -rn, /proc/net/route: a Gateway of 0.0.0.0 is none (on the link), and the Genmask tells 0.0.0.0/0 (0.0.0.0) from a host route (255.255.255.255):")
	all := z.columns()
	if len(all) == 0 {
		p.line("  no line of this host has a zero")
		return
	}
	var w [4]int
	shown := all
	if len(all) > maxColumns && !p.st.Verbose {
		shown = all[:maxColumns]
	}
	for _, c := range shown {
		for i, text := range []string{c.Destination, c.Gateway, c.Genmask, iproute2.Safe(c.Iface)} {
			w[i] = max(w[i], columns(text))
		}
	}
	for _, c := range shown {
		head := fmt.Sprintf("  %s  %s  %s  %s %s  ", pad(c.Destination, w[0]), pad(c.Gateway, w[1]), pad(c.Genmask, w[2]),
			pad(c.Flags, 3), pad(iproute2.Safe(c.Iface), w[3]))
		if columns(head)+columns(c.Means) <= p.st.width() {
			p.line(head + c.Means)
			continue
		}
		p.line(head)
		p.block("    ", c.Means, plain)
	}
	if len(shown) < len(all) {
		p.line(fmt.Sprintf("  and %d more (-v)", len(all)-len(shown)))
	}
}
