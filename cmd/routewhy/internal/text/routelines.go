package text

import (
	"fmt"
	"net"
	"net/netip"
	"strings"

	"routewhy/lookup/report"
	"routewhy/route"
	"routewhy/route/iproute2"
)

// routeLineMeaning says what the zeros of a line of route(8) mean.
func routeLineMeaning(c *report.RouteLine) string {
	var out []string
	if c.Destination == noGateway {
		switch bits := maskLength(c.Genmask); bits {
		case 0:
			out = append(out, "the default route, /0")
		case 32:
			out = append(out, "a host route, no default")
		default:
			out = append(out, fmt.Sprintf("/%d, no default", bits))
		}
	}
	if c.Gateway == noGateway {
		switch {
		case c.Type != "":
			out = append(out, c.Type)
		case c.GatewayIPv6:
			out = append(out, "its gateway is IPv6")
		default:
			out = append(out, "no gateway")
		}
	}
	return strings.Join(out, "; ")
}

// noGateway is the zero address in a column.
const noGateway = "0.0.0.0"

// maskLength is the length of a prefix with the given mask.
func maskLength(mask string) int {
	a, err := netip.ParseAddr(mask)
	if err != nil {
		return 0
	}
	ones, _ := net.IPMask(a.AsSlice()).Size()
	return ones
}

// maxRouteLines is how many lines of route(8) the page shows.
const maxRouteLines = 5

// routeLines shows what the zeros in the output of route(8) mean.
func (p *page) routeLines(z zeroPage) {
	if z.family() == route.IPv6 {
		p.section("in route -6 -n", fmt.Sprintf("%s is the default route, ::/128 the host route for ::, and a Next Hop of :: is none: on the link.", route.IPv6.Default()))
		return
	}
	p.section("in route -n", "and netstat -rn, /proc/net/route: a Gateway of 0.0.0.0 is none (on the link), and the Genmask tells 0.0.0.0/0 (0.0.0.0) from a host route (255.255.255.255):")
	all := z.Facts.RouteLines
	if len(all) == 0 {
		p.line("  no line of this host has a zero")
		return
	}
	var w [4]int
	shown := all
	if len(all) > maxRouteLines && !p.st.Verbose {
		shown = all[:maxRouteLines]
	}
	for _, c := range shown {
		for i, text := range []string{c.Destination, c.Gateway, c.Genmask, iproute2.Safe(c.Iface)} {
			w[i] = max(w[i], textWidth(text))
		}
	}
	for i := range shown {
		c, means := &shown[i], routeLineMeaning(&shown[i])
		head := fmt.Sprintf("  %s  %s  %s  %s %s  ", pad(c.Destination, w[0]), pad(c.Gateway, w[1]), pad(c.Genmask, w[2]),
			pad(c.Flags, 3), pad(iproute2.Safe(c.Iface), w[3]))
		if textWidth(head)+textWidth(means) <= p.st.width() {
			p.line(head + means)
			continue
		}
		p.line(head)
		p.block("    ", means, plain)
	}
	if len(shown) < len(all) {
		p.line(fmt.Sprintf("  and %d more (-v)", len(all)-len(shown)))
	}
}
