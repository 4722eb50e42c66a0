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

// Zero is the page about what the zero address means on a host: as a
// destination, in routes, as what sockets listen on, as a source, and in the
// columns of route(8).
type Zero struct {
	// Explanation is the decision about it as a destination.
	*report.Explanation
	// Whole has all routes, and the sockets; the explanation's has less.
	Whole *lookup.FIB
}

// family is the address's.
func (z *Zero) family() route.Family { return z.Query.Family() }

// zero is the address.
func (z *Zero) zero() netip.Addr {
	if z.family() == route.IPv4 {
		return netip.IPv4Unspecified()
	}
	return netip.IPv6Unspecified()
}

// ExplainZero writes the page as text.
func ExplainZero(w io.Writer, z *Zero, st Style) error {
	if z.Disagreement() != nil {
		return Explain(w, z.Explanation, st)
	}
	p := &page{w: w, st: st}
	head := z.headline()
	if st.Quiet && z.Noted(lookup.NoteChanging) {
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
	p.zeroColumns(z)
	p.section("in netstat", fmt.Sprintf("-tln and in ss: a Local Address of %s is a socket on every address, a Foreign Address of %s is nobody yet: the socket listens.",
		netip.AddrPortFrom(z.zero(), 80), strings.TrimSuffix(netip.AddrPortFrom(z.zero(), 0).String(), "0")+"*"))
	for i := range z.Warnings {
		if n := &z.Warnings[i]; n.Code == lookup.NoteChanging || n.Code == "mapped" {
			p.detail("note", told{z.Explanation}.finding(n), yellow)
		}
	}
	for _, g := range z.Whole.Snapshot().Gaps {
		if g.Fact == route.FactSockets && len(z.groups()) > 0 || g.Fact == route.FactProcesses {
			p.detail("note", string(g.Fact)+" are missing: "+iproute2.Safe(g.Why), yellow)
		}
	}
	return p.err
}

func (z *Zero) headline() string {
	if z.family() == route.IPv6 {
		return ":: as a destination is this host: a program that connects to it reaches ::1; elsewhere it means other things"
	}
	return "0.0.0.0 as a destination is this host: the kernel goes to 127.0.0.1" + told{z.Explanation}.wayOut() + "; elsewhere it means other things"
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
		if d.Name != "RFC 2131" { // about the source
			out = append(out, d.String())
		}
	}
	return strings.Join(out, "; ")
}

func (p *page) zeroDestination(z *Zero) {
	agrees := ""
	if k := z.Kernel; k != nil && k.Agrees != nil && *k.Agrees {
		agrees = " (the kernel agrees)"
	}
	if z.family() == route.IPv4 {
		p.section("destination", fmt.Sprintf("replaced by %s on lo before any rule or route is asked%s. In the standards it is none: "+
			"\"this host on this network\", a source only (RFC 1122, section 3.2.1.3 (a)), or an old form of broadcast (RFC 1812, section 4.2.3.1). "+
			"macOS and older FreeBSD take it as Linux does; Windows and FreeBSD 15 refuse it.", z.Src, agrees))
		return
	}
	what := "finds no route"
	if z.Disposition == lookup.DispositionUnknown {
		what = "cannot be decided here"
	}
	if z.Route != nil {
		what = "finds " + z.Route.Line()
	}
	p.section("destination", fmt.Sprintf("connect(2) and sendto(2) replace it by ::1 before they look anything up. A look-up of :: itself, as "+
		"ip -6 route get makes it, %s%s; no packet asks for that. In the standards it is never a destination (%s).", what, agrees, cite(z.zero())))
}

// zeroRoutes tells of the prefixes that begin with the zero address.
func (p *page) zeroRoutes(z *Zero) {
	f := z.family()
	whole, pair := f.Default(), lookup.SlashOnePair(f)
	p.section("route", fmt.Sprintf("%s covers every address, for no bit is compared:", whole))
	if z.Whole.Snapshot().Lacks(route.FactRoutes, f) {
		p.line("  " + p.st.paint(yellow, fmt.Sprintf("unknown: the routes of %s are missing", f)))
		return
	}
	if all := z.Whole.EntryStatuses(whole); len(all) > 0 {
		p.standings("  ", report.NewEntries(z.Whole, all))
	} else {
		p.line("  " + p.st.paint(yellow, z.noDefault()))
	}
	p.zeroPair(z, pair)
	if f == route.IPv4 {
		this := netip.PrefixFrom(z.zero(), 8)
		text := "none here"
		if s := z.Whole.EntryStatuses(this); len(s) > 0 {
			text = z.standingsText(s)
		}
		p.zeroRow(this.String(), fmt.Sprintf("\"this network\" (%s), ordinary unicast for Linux since 5.3, but for 0.0.0.0: %s",
			cite(this.Addr().Next()), text), plain)
	}
	p.zeroHost(z)
}

// noDefault says that no table has a default route, as far as that is known.
func (z *Zero) noDefault() string {
	if z.Whole.Covering(z.family().Default()).Disposition == lookup.DispositionUnknown {
		return "none in the tables that are known"
	}
	return "none here: what no other route covers has no route"
}

// zeroWidth is the width of the first column of the page's tables.
const zeroWidth = 14

func (p *page) zeroRow(name, text string, i ink) { p.block("  "+pad(name, zeroWidth), text, i) }

func (z *Zero) standingsText(all []lookup.EntryStatus) string {
	var out []string
	for _, x := range report.NewEntries(z.Whole, all) {
		out = append(out, fmt.Sprintf("%s (%s), %s", x.Route.Way(), tableWords(x.Route.Table), standing(&x)))
	}
	return strings.Join(out, "; ")
}

// zeroPair tells of the two halves that VPNs put over the default route.
func (p *page) zeroPair(z *Zero, pair [2]netip.Prefix) {
	low, high := z.Whole.EntryStatuses(pair[0]), z.Whole.EntryStatuses(pair[1])
	text, tint := "together they cover every address too, and are longer than /0 (a trick of VPNs): ", plain
	switch {
	case len(low) == 0 && len(high) == 0:
		text += "none here"
	case len(low) == 0 || len(high) == 0:
		one := slices.Concat(low, high)
		text, tint = fmt.Sprintf("one half alone: %s %s", one[0].Route.Dst, z.standingsText(one)), yellow
	default:
		text, tint = text+z.standingsText(low), yellow
	}
	p.zeroRow(pair[0].String()+" +", pair[1].String()+": "+text, tint)
}

// zeroHost tells of host routes for the zero address, which are mistakes.
func (p *page) zeroHost(z *Zero) {
	host := netip.PrefixFrom(z.zero(), z.zero().BitLen())
	all := z.Whole.EntryStatuses(host)
	if len(all) == 0 {
		p.zeroRow(host.String(), "covers this one address, which is never looked up: none here", plain)
		return
	}
	s := z.Whole.Snapshot()
	for i := range all {
		r := &all[i].Route
		p.zeroRow(host.String(), fmt.Sprintf("never carries a packet: %s in %s, %s. Meant was probably the default route: %s",
			iproute2.RouteWay(s, r), tableName(s, r.Table), z.maker(r), z.meant(r)), red)
	}
}

// maker says who made a route.
func (z *Zero) maker(r *route.Route) string {
	name := iproute2.Safe(z.Whole.Snapshot().Names.Protocol(r.Protocol))
	switch r.Protocol {
	case route.ProtocolBoot:
		return "made by hand or by a script (proto " + name + ")"
	case route.ProtocolDHCP:
		return "made by a DHCP client (proto " + name + "), perhaps from option 121 with length 32"
	}
	return "proto " + name
}

// meant is the command that makes a default route of a host route.
func (z *Zero) meant(r *route.Route) string {
	s := z.Whole.Snapshot()
	cmd := "ip route add 0.0.0.0/0"
	if r.Family() == route.IPv6 {
		cmd = "ip -6 route add ::/0"
	}
	cmd += " " + iproute2.RouteWay(s, r)
	if r.Metric != 0 && (r.Metric != 1024 || r.Family() == route.IPv4) {
		cmd += fmt.Sprintf(" metric %d", r.Metric)
	}
	if r.Table != route.TableMain {
		cmd += " table " + iproute2.Safe(s.Names.Table(r.Table))
	}
	return cmd
}

// boundGroup is what listens on one address.
type boundGroup struct {
	name    string
	remark  string
	order   int
	sockets []*route.Socket
}

// groups are the listening sockets by the address that they are bound to, the
// zero address first.
func (z *Zero) groups() []boundGroup {
	s := z.Whole.Snapshot()
	var out []boundGroup
	for i := range s.Sockets {
		x := &s.Sockets[i]
		if !x.Listens() || !z.concerns(x) {
			continue
		}
		g := boundGroup{name: x.Local.Addr().Unmap().String(), order: 3}
		switch a := x.Local.Addr().Unmap(); {
		case a == z.zero() && x.Family == route.IPv6 && x.V6Only:
			g.remark, g.order = "IPv6 alone (v6only)", 1
		case a.IsUnspecified() && x.Family == route.IPv6:
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

// zeroAgainstLoopback says what differs between listening on the zero address and on
// the loopback address, and what a firewall has to do with it.
func (p *page) zeroAgainstLoopback(z *Zero) {
	lo := listen.Loopback(z.zero())
	p.zeroRow(z.zero().String(), "other hosts reach it, unless a firewall drops what they send", plain)
	p.zeroRow(lo.String(), z.loopback(lo)+z.guarded(lo), plain)
}

// guarded says who keeps other hosts from a loopback address.
func (z *Zero) guarded(lo netip.Addr) string {
	if lo.Is4() && len(listen.NewHost(z.Whole).Localnet()) > 0 {
		return ": only a firewall keeps them out"
	}
	return ": the kernel itself drops what comes from outside"
}

// any says to which addresses of this host a socket that is bound to the zero address
// listens.
func (z *Zero) any() string {
	if z.family() == route.IPv4 {
		return "IPv4 address of this host"
	}
	return "address of this host, IPv4's too unless it is v6only (IPV6_V6ONLY)"
}

// loopback says who reaches a socket on a loopback address.
func (z *Zero) loopback(a netip.Addr) string {
	s := z.Whole.Snapshot()
	if !a.Is4() {
		return "this host alone"
	}
	devs := words{s}.devs(listen.NewHost(z.Whole).Localnet())
	switch {
	case len(devs) > 0:
		return "this host, and neighbours on " + listed(devs) + ", where route_localnet is on"
	case s.Lacks(route.FactSysctls, route.IPv4):
		return "this host alone, unless route_localnet is on, which is not known"
	}
	return "this host alone"
}

// concerns says whether a socket belongs on the page: it can take packets of
// the family.
func (z *Zero) concerns(x *route.Socket) bool {
	is4 := x.Family == route.IPv4 || x.Local.Addr().Is4In6()
	if z.family() == route.IPv4 {
		return is4 || x.DualStack()
	}
	return !is4
}

// maxBound is how many addresses the page lists.
const maxBound = 6

func (p *page) zeroListeners(z *Zero) {
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
		text := z.ports(g.sockets)
		if g.remark != "" {
			text += ": " + g.remark
		}
		p.zeroRow(g.name, text, plain)
	}
}

// noListeners says why no socket is listed.
func (z *Zero) noListeners() string {
	for _, g := range z.Whole.Snapshot().Gaps {
		if g.Fact == route.FactSockets {
			return "unknown: the sockets are missing (" + iproute2.Safe(g.Why) + ")"
		}
	}
	return "nothing listens"
}

// maxPorts is how many ports of one address and protocol the page lists.
const maxPorts = 8

// ports lists ports and who holds them.
func (z *Zero) ports(all []*route.Socket) string {
	var out []string
	for _, proto := range []uint8{route.ProtoTCP, route.ProtoUDP} {
		var list []string
		for _, x := range all {
			text := fmt.Sprint(x.Local.Port())
			if len(x.Owners) > 0 {
				text += " " + iproute2.Safe(x.Owners[0].Name)
			}
			if x.Link != 0 {
				text += " on " + iproute2.Safe(z.Whole.Snapshot().LinkName(x.Link))
			}
			if x.Proto == proto && !slices.Contains(list, text) {
				list = append(list, text)
			}
		}
		if n := len(list); n > maxPorts {
			list = append(list[:maxPorts], fmt.Sprintf("%d more", n-maxPorts))
		}
		if len(list) > 0 {
			out = append(out, (&route.Socket{Proto: proto}).ProtoName()+" "+strings.Join(list, ", "))
		}
	}
	return strings.Join(out, "; ")
}

// knowsBare says whether it is known which devices have no address.
func (z *Zero) knowsBare() bool {
	s := z.Whole.Snapshot()
	return words{s}.knowsAddrs(z.family()) && !s.Lacks(route.FactLinks, 0)
}

// bare are the devices that are up and have no address of the family, or in
// IPv6 none that may be used yet.
func (z *Zero) bare() []string {
	s := z.Whole.Snapshot()
	var out []string
	for i := range s.Links {
		l := &s.Links[i]
		if !l.Up() || l.Flags&route.LinkLoopback != 0 || l.Master != 0 {
			continue
		}
		has := slices.ContainsFunc(s.Addrs, func(a route.Addr) bool {
			return a.Link == l.Index && route.FamilyOf(a.Prefix.Addr()) == z.family() &&
				(a.Prefix.Addr().Is4() || a.Flags&route.AddrTentative == 0)
		})
		if !has {
			out = append(out, l.Name)
		}
	}
	return out
}

func (p *page) zeroSource(z *Zero) {
	text := "\"no address yet\": a DHCP client asks from it (RFC 2131, section 4.1). The kernel refuses it as a device's address: " +
		"`ip addr add 0.0.0.0/24` adds none, `ifconfig DEV 0.0.0.0` removes the one that is there. "
	if z.family() == route.IPv6 {
		text = "\"no address yet\": a host checks a new address for duplicates from it (RFC 4862, section 5.4.2). "
	}
	bare := z.bare()
	if !z.knowsBare() {
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

// jsonZero is what the page has beside the decision.
type jsonZero struct {
	Defaults  []report.Entry `json:"defaults"`
	Halves    []report.Entry `json:"halves"`
	Host      []report.Entry `json:"host"`
	Network   []report.Entry `json:"network,omitempty"`
	Meant     []string       `json:"meant,omitempty"`
	Listening []jsonSocket   `json:"listening"`  // null: not known
	NoAddress []string       `json:"no_address"` // null: not known
	Columns   []jsonColumn   `json:"columns,omitempty"`
	Standards []jsonDocument `json:"standards"`
}

type jsonDocument struct {
	Document string `json:"document"`
	Section  string `json:"section,omitempty"`
}

// JSON is the explanation of the address as a destination, and `zero`.
func (z *Zero) JSON() any {
	Annotate(z.Explanation)
	whole, pair := z.family().Default(), lookup.SlashOnePair(z.family())
	host := z.Whole.EntryStatuses(netip.PrefixFrom(z.zero(), z.zero().BitLen()))
	j := jsonZero{
		Defaults:  report.NewEntries(z.Whole, z.Whole.EntryStatuses(whole)),
		Halves:    report.NewEntries(z.Whole, append(z.Whole.EntryStatuses(pair[0]), z.Whole.EntryStatuses(pair[1])...)),
		Host:      report.NewEntries(z.Whole, host),
		Listening: []jsonSocket{}, NoAddress: append([]string{}, z.bare()...),
	}
	if z.family() == route.IPv4 {
		j.Network = report.NewEntries(z.Whole, z.Whole.EntryStatuses(netip.PrefixFrom(z.zero(), 8)))
		j.Columns = z.columns()
	}
	if s := z.Whole.Snapshot(); s.Lacks(route.FactSockets, 0) && len(z.groups()) == 0 {
		j.Listening = nil
	}
	if !z.knowsBare() {
		j.NoAddress = nil
	}
	for i := range host {
		j.Meant = append(j.Meant, z.meant(&host[i].Route))
	}
	for _, g := range z.groups() {
		for _, x := range g.sockets {
			j.Listening = append(j.Listening, socketJSON(z.Whole.Snapshot(), x))
		}
	}
	entry, _ := special.Of(z.zero())
	for _, d := range entry.Documents {
		j.Standards = append(j.Standards, jsonDocument{d.Name, d.Section})
	}
	return struct {
		*report.Explanation
		Zero jsonZero `json:"zero"`
	}{z.Explanation, j}
}
