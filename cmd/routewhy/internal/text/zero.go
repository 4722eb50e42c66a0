package text

import (
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"

	"routewhy/lookup"
	"routewhy/lookup/listen"
	"routewhy/lookup/report"
	"routewhy/lookup/special"
	"routewhy/route"
	"routewhy/route/iproute2"
)

// zeroPage is the page about what the zero address means on a host. It is the report put
// into words: as a destination, in routes, as an address that sockets listen on, as a
// source, and in the columns of route(8).
type zeroPage struct{ *report.Zero }

// family is the family of the address.
func (z zeroPage) family() route.Family { return z.Query.Family() }

// zero is the address.
func (z zeroPage) zero() netip.Addr { return report.ZeroAddr(z.family()) }

// told is the explanation of the address as a destination.
func (z zeroPage) told() told { return told{&z.Explanation} }

// ExplainZero writes the page as text.
func ExplainZero(w io.Writer, r *report.Zero, st Style) error {
	if r.Disagreement() != nil {
		return Explain(w, &r.Explanation, st)
	}
	z, p := zeroPage{r}, &page{w: w, st: st}
	head := z.headline()
	if st.Quiet && z.told().changing() {
		head += changingAside
	}
	p.line(p.st.paint(bold, head))
	if st.Quiet {
		return p.err
	}
	p.zeroDestination(z)
	p.zeroRoutes(z)
	p.zeroListeners(z)
	p.zeroSource(z)
	p.routeLines(z)
	p.section("in netstat", fmt.Sprintf("-tln and in ss: a Local Address of %s is a socket on every address, a Foreign Address of %s is nobody yet: the socket listens.",
		netip.AddrPortFrom(z.zero(), 80), strings.TrimSuffix(netip.AddrPortFrom(z.zero(), 0).String(), "0")+"*"))
	for i := range z.Warnings {
		switch n := &z.Warnings[i]; n.Code {
		case lookup.NoteChanging, report.RemarkMapped, report.RemarkProcesses:
			p.detail("note", z.told().finding(n), yellow)
		}
	}
	if why := z.Facts.ListeningUnread; why != "" && len(z.Facts.Listening) > 0 {
		p.detail("note", "sockets are missing: "+iproute2.Safe(why), yellow)
	}
	return p.explained(&z.Explanation)
}

func (z zeroPage) headline() string {
	if errno := z.Facts.ConnectErrno; errno != 0 {
		return fmt.Sprintf("%s as a destination is this host, but nothing connects to it: this host does not reach its %s, and %s; elsewhere it means other things",
			z.zero(), listen.Loopback(z.zero()), errnoWords(errno))
	}
	if z.family() == route.IPv6 {
		return ":: as a destination is this host: a program that connects to it reaches ::1; elsewhere it means other things"
	}
	return "0.0.0.0 as a destination is this host: the kernel goes to 127.0.0.1" + z.told().wayOut() + "; elsewhere it means other things"
}

// section begins a section of the page: its title, and a sentence beside it.
func (p *page) section(title, text string) {
	p.line("")
	const width = 16
	for i, l := range wrap(text, p.st.width()-width) {
		head := strings.Repeat(" ", width)
		if i == 0 {
			head = p.st.paint(bold, pad(title, width))
		}
		p.line(head + l)
	}
}

// cite names the documents about a special address.
func cite(a netip.Addr) string {
	e, _ := special.Of(a)
	var out []string
	for _, d := range e.Documents {
		if d.Name != "RFC 2131" { // that one is about the source
			out = append(out, d.String())
		}
	}
	return strings.Join(out, "; ")
}

func (p *page) zeroDestination(z zeroPage) {
	agrees := ""
	if k := z.Kernel; k != nil && k.Agrees != nil && *k.Agrees {
		agrees = " (the kernel agrees)"
	}
	if z.family() == route.IPv4 {
		p.section("destination", fmt.Sprintf("replaced by %s on lo before any rule or route is asked%s. In the standards it is no destination: "+
			"\"this host on this network\", a source only (RFC 1122, section 3.2.1.3 (a)), or an old form of broadcast (RFC 1812, section 4.2.3.1). "+
			"macOS and older FreeBSD take it as Linux does; Windows and FreeBSD 15 refuse it.", z.Src, agrees))
		return
	}
	what := "finds no route"
	if z.Disposition == lookup.DispositionUnknown {
		what = "cannot be decided here"
	}
	if z.Route != nil {
		what = "finds " + routeLine(z.Route)
	}
	p.section("destination", fmt.Sprintf("connect(2) and sendto(2) replace it by ::1 before they look anything up. A look-up of :: itself, as "+
		"ip -6 route get makes it, %s%s; no packet is looked up like that. In the standards it is never a destination (%s).", what, agrees, cite(z.zero())))
}

// zeroRoutes tells about the prefixes that begin with the zero address.
func (p *page) zeroRoutes(z zeroPage) {
	f := z.family()
	p.section("route", fmt.Sprintf("%s covers every address, because no bit is compared:", f.Default()))
	if z.Facts.RoutesUnread {
		p.line("  " + p.st.paint(yellow, fmt.Sprintf("unknown: the routes of %s are missing", f)))
		return
	}
	if all := z.Facts.Defaults; len(all) > 0 {
		p.standings("  ", all)
	} else {
		p.line("  " + p.st.paint(yellow, z.noDefault()))
	}
	p.zeroPair(z, lookup.SlashOnePair(f))
	if f == route.IPv4 {
		this := netip.PrefixFrom(z.zero(), 8)
		text := "none here"
		if all := z.Facts.Network; len(all) > 0 {
			text = standingsText(all)
		}
		p.zeroRow(this.String(), fmt.Sprintf("\"this network\" (%s), ordinary unicast for Linux since 5.3, except for 0.0.0.0: %s",
			cite(this.Addr().Next()), text), plain)
	}
	p.zeroHost(z)
}

// noDefault says that no table has a default route, as far as this is known.
func (z zeroPage) noDefault() string {
	if z.Facts.DefaultUnknown {
		return "none in the tables that are known"
	}
	return "none here: what no other route covers has no route"
}

// zeroWidth is the width of the first column of the page's tables.
const zeroWidth = 14

func (p *page) zeroRow(name, text string, i ink) {
	p.block("  "+pad(name, max(zeroWidth, textWidth(name)+2)), text, i)
}

func standingsText(all []report.Entry) string {
	var out []string
	for i := range all {
		r := &all[i].Route
		out = append(out, fmt.Sprintf("%s (%s), %s", r.Way(), tableWords(r.Table), standing(&all[i])))
	}
	return strings.Join(out, "; ")
}

// zeroPair tells about the two halves of the default route that VPNs add beside it.
func (p *page) zeroPair(z zeroPage, pair [2]netip.Prefix) {
	halves := z.Facts.Halves
	text, tint := "together they cover every address too, and are longer than /0 (a trick of VPNs): ", plain
	n := 0 // of the lower half
	for n < len(halves) && halves[n].Route.Dst == pair[0].String() {
		n++
	}
	switch low, high := halves[:n], halves[n:]; {
	case len(halves) == 0:
		text += "none here"
	case len(low) == 0 || len(high) == 0:
		text, tint = fmt.Sprintf("one half alone: %s %s", halves[0].Route.Dst, standingsText(halves)), yellow
	default:
		text, tint = text+standingsText(low), yellow
	}
	p.zeroRow(pair[0].String()+" +", pair[1].String()+": "+text, tint)
}

// zeroHost tells about host routes for the zero address, which are mistakes.
func (p *page) zeroHost(z zeroPage) {
	host := netip.PrefixFrom(z.zero(), z.zero().BitLen())
	if len(z.Facts.Host) == 0 {
		p.zeroRow(host.String(), "covers this one address, which is never looked up: none here", plain)
		return
	}
	for i := range z.Facts.Host {
		r := &z.Facts.Host[i].Route
		p.zeroRow(host.String(), fmt.Sprintf("never carries a packet: %s in %s, %s. Probably the default route was meant: %s",
			r.Way(), tableWords(r.Table), maker(r), iproute2.Safe(z.Facts.Meant[i])), red)
	}
}

// maker says who made a route.
func maker(r *iproute2.Route) string {
	name := iproute2.Safe(string(r.Protocol))
	switch r.Protocol {
	case "boot":
		return "made by hand or by a script (proto " + name + ")"
	case "dhcp":
		return "made by a DHCP client (proto " + name + "), perhaps from option 121 with length 32"
	}
	return "proto " + name
}

// boundGroup is the set of sockets that listen on one address.
type boundGroup struct {
	name    string
	remark  string
	order   int
	sockets []*report.Socket
}

// groups are the listening sockets, grouped by the address that they are bound to.
// The zero address comes first.
func (z zeroPage) groups() []boundGroup {
	var out []boundGroup
	for i := range z.Facts.Listening {
		x := &z.Facts.Listening[i]
		a := x.Local.Unmap()
		g := boundGroup{name: a.String(), order: 3}
		switch is6 := x.Family == "inet6"; {
		case a == z.zero() && is6 && x.V6Only != nil && *x.V6Only:
			g.remark, g.order = "IPv6 alone (v6only)", 1
		case x.Local.Is4In6() && a.IsUnspecified():
			g.name, g.order = x.Local.String(), 1
		case a.IsUnspecified() && is6:
			g.remark, g.order = "IPv6 and IPv4", 1
		case a.IsUnspecified():
			g.order = 0
		case a.IsLoopback():
			g.remark, g.order = z.loopback(a), 2
		}
		j := slices.IndexFunc(out, func(o boundGroup) bool { return o.name == g.name && o.remark == g.remark })
		if j < 0 {
			out = append(out, g)
			j = len(out) - 1
		}
		out[j].sockets = append(out[j].sockets, x)
	}
	slices.SortStableFunc(out, func(a, b boundGroup) int { return a.order - b.order })
	return out
}

// zeroAgainstLoopback says how listening on the zero address differs from listening
// on the loopback address, and what a firewall changes.
func (p *page) zeroAgainstLoopback(z zeroPage) {
	lo := listen.Loopback(z.zero())
	p.zeroRow(z.zero().String(), z.reachedBy(), plain)
	p.zeroRow(lo.String(), z.loopback(lo)+z.guarded(lo), plain)
}

// reachedBy says who reaches a socket that is bound to the zero address.
func (z zeroPage) reachedBy() string {
	switch z.Facts.Unreached {
	case report.UnreachedNoAddress:
		return "this host alone, which has no other " + z.family().String() + " address than " + listen.Loopback(z.zero()).String() +
			"; UDP also takes what others send to all hosts on a link"
	case report.UnreachedNoDevice:
		return "this host alone now: no device but lo is up and has a carrier"
	}
	return "other hosts reach it, unless a firewall drops what they send"
}

// guarded says what keeps other hosts away from a loopback address.
func (z zeroPage) guarded(lo netip.Addr) string {
	if lo.Is4() && len(z.Facts.Localnet) > 0 {
		return ": only a firewall keeps them out"
	}
	return ": the kernel itself drops what comes from outside"
}

// any says on which addresses of this host a socket listens that is bound to the zero
// address.
func (z zeroPage) any() string {
	if z.family() == route.IPv4 {
		return "IPv4 address of this host"
	}
	return "address of this host, IPv4's too unless it is v6only (IPV6_V6ONLY)"
}

// loopback says who reaches a socket on a loopback address.
func (z zeroPage) loopback(a netip.Addr) string {
	if !a.Is4() {
		return "this host alone"
	}
	switch {
	case len(z.Facts.Localnet) > 0:
		return "this host, and neighbours on " + listed(devs(z.Facts.Localnet)) + ", where route_localnet is on"
	case z.Facts.LocalnetUnread:
		return "this host alone, unless route_localnet is on, which is not known"
	}
	return "this host alone"
}

// maxBound is how many addresses the page lists.
const maxBound = 6

func (p *page) zeroListeners(z zeroPage) {
	p.section("listening", fmt.Sprintf("a socket bound to %s takes what comes to any %s; routewhy --sockets tells who reaches it.", z.zero(), z.any()))
	p.zeroAgainstLoopback(z)
	p.line("  here:")
	groups := z.groups()
	if len(groups) == 0 {
		p.line("  " + z.noListeners())
		return
	}
	for i, g := range groups {
		if i == maxBound && !p.st.Verbose {
			p.zeroRow("", fmt.Sprintf("and on %d addresses more", len(groups)-i), plain)
			break
		}
		text := ports(g.sockets)
		if g.remark != "" {
			text += ": " + g.remark
		}
		p.zeroRow(g.name, text, plain)
	}
}

// noListeners says why no socket is listed.
func (z zeroPage) noListeners() string {
	if why := z.Facts.ListeningUnread; why != "" {
		return "unknown: the sockets are missing (" + iproute2.Safe(why) + ")"
	}
	return "nothing listens"
}

// maxPorts is how many ports of one address and protocol the page lists.
const maxPorts = 8

// ports lists ports and the processes that hold them.
func ports(all []*report.Socket) string {
	var out []string
	for _, proto := range []string{"tcp", "udp"} {
		var list []string
		for _, x := range all {
			text := fmt.Sprint(x.Port)
			if len(x.Processes) > 0 {
				text += " " + iproute2.Safe(x.Processes[0].Name)
			}
			if x.Dev != "" {
				text += " on " + iproute2.Safe(x.Dev)
			}
			if x.Protocol == proto && !slices.Contains(list, text) {
				list = append(list, text)
			}
		}
		if n := len(list); n > maxPorts {
			list = append(list[:maxPorts], fmt.Sprintf("%d more", n-maxPorts))
		}
		if len(list) > 0 {
			out = append(out, proto+" "+strings.Join(list, ", "))
		}
	}
	return strings.Join(out, "; ")
}

func (p *page) zeroSource(z zeroPage) {
	text := "\"no address yet\": a DHCP client asks from it (RFC 2131, section 4.1). The kernel refuses it as a device's address: " +
		"`ip addr add 0.0.0.0/24` adds none, `ifconfig DEV 0.0.0.0` removes the one that is there. "
	if z.family() == route.IPv6 {
		text = "\"no address yet\": a host checks a new address for duplicates from it (RFC 4862, section 5.4.2). "
	}
	bare := slices.Clone(z.Facts.NoAddress)
	if bare == nil {
		p.section("source", text+"Which devices have one is not known here: there is no listing of the addresses.")
		return
	}
	if len(bare) == 0 {
		p.section("source", text+"Every device that is up has an address.")
		return
	}
	n := len(bare)
	if n > 4 {
		bare = append(bare[:4], fmt.Sprintf("%d more", n-4))
	}
	verb := "is"
	if n > 1 {
		verb = "are"
	}
	p.section("source", text+iproute2.Safe(strings.Join(bare, ", "))+" "+verb+" up without one now.")
}

// annotateZero adds to the findings of the page their text as sentences, and to its
// columns their meaning.
func annotateZero(z *report.Zero) {
	Annotate(&z.Explanation)
	f := &z.Facts
	for _, all := range [][]report.Entry{f.Defaults, f.Halves, f.Host, f.Network} {
		annotateEntries(all)
	}
	for i := range f.RouteLines {
		f.RouteLines[i].Means = routeLineMeaning(&f.RouteLines[i])
	}
}
