package report

import (
	"net/netip"
	"slices"

	"routewhy/lookup"
	"routewhy/lookup/listen"
	"routewhy/route"
)

// Listeners is what listens on a host, and who can reach it.
type Listeners struct {
	// Query says which sockets were asked about; absent: all sockets.
	Query *SocketQuery `json:"query,omitempty"`
	// Foreign says that the address in the query is not this host's.
	Foreign bool `json:"foreign,omitempty"`
	// Sockets are those that listen, in the kernel's order.
	Sockets []Listener `json:"sockets"`
	// Connected are the sockets with a connection, if details were asked for.
	Connected []Socket `json:"connected,omitempty"`
	// The addresses of this host, and who reaches a socket of no special mark, user or
	// port there.
	*Exposed
	Warnings []Finding `json:"warnings,omitempty"`

	large bool
}

// SocketQuery says which sockets are meant. The zero value: all.
type SocketQuery struct {
	// Family is "inet" or "inet6"; absent: both.
	Family string `json:"family,omitempty"`
	// Address is one that they take packets to.
	Address netip.Addr `json:"address,omitzero"`
	// Prefix is in place of Address: they take packets to one of its addresses.
	Prefix netip.Prefix `json:"prefix,omitzero"`
	Port   uint16       `json:"port,omitempty"`
	// Program is the name of a process that holds them.
	Program string `json:"program,omitempty"`
}

// Listener is a listening socket and how it can be reached.
type Listener struct {
	Socket
	// Scope is what it is bound to.
	Scope listen.Scope `json:"scope"`
	// Reach is how far it can be reached.
	Reach listen.Reach `json:"reach"`
	// SameAs is the place in Sockets, from 0, of a socket with the same Addresses and
	// Classes, which are then left out here. Only reports of many devices have it.
	SameAs *int `json:"same_as,omitempty"`
	// The addresses on which it takes packets, and who reaches it there. Sockets with the
	// same ones share them.
	*Exposed
}

// AlikeRoutes are routes by gateways that are alike except for their destinations.
type AlikeRoutes struct {
	// Dst is the destination of the one that stands for them.
	Dst   netip.Prefix `json:"dst"`
	Count int          `json:"count"`
}

// Findings about the sockets of a host.
const (
	RemarkFirewall       lookup.Code = "firewall"               // the firewall is not consulted
	RemarkSockets        lookup.Code = "sockets-unread"         // sockets could not be read; Have: why
	RemarkMarks          lookup.Code = "marks-hidden"           // the marks of sockets could not be read, and rules ask for marks; Have: why
	RemarkPrivate        lookup.Code = "private"                // Addresses are private, and other networks reach them
	RemarkLeftOut        lookup.Code = "routes-left-out"        // Alike stand for others: there are too many to tell each apart
	RemarkUplinksDead    lookup.Code = "uplinks-no-carrier"     // nothing comes in by Devs
	RemarkUplinksDown    lookup.Code = "uplinks-down"           // nothing comes in by Devs, which are down
	RemarkUplinksNoARP   lookup.Code = "uplinks-arp-off"        // ARP is switched off on Devs
	RemarkForeignLeftOut lookup.Code = "neighbours-left-out"    // there are too many devices to tell the neighbours by one as clients by the others
	RemarkPolicies       lookup.Code = "policies-not-consulted" // IPsec policies are there, and are not consulted
	RemarkLocalnet       lookup.Code = "route-localnet"         // 127.0.0.0/8 is reached from Devs, because of route_localnet
)

// Exposure is a question about the sockets of a host.
type Exposure struct {
	// FIB has the sockets, and what all questions about the whole host need.
	FIB   *lookup.FIB
	Query SocketQuery
	// Detail asks for the sockets with a connection as well.
	Detail bool
	// Alike are routes of large tables of which one alone is in the FIB.
	Alike []AlikeRoutes
	// Limit is how many bytes of memory it may take; zero: any number.
	Limit int64

	scope listen.Scope // of the address that was asked about; empty: none was
}

// Report answers the question. The error is a [route.LimitError].
func (x *Exposure) Report() (*Listeners, error) {
	host := listen.NewHost(x.FIB)
	switch q := &x.Query; {
	case q.Address.IsValid():
		x.scope = host.ScopeOf(q.Address)
	case q.Prefix.IsValid() && !host.HasIn(q.Prefix):
		x.scope = listen.ScopeGone
	}
	if x.Limit != 0 {
		if err := host.Fits(x.Limit, x.bindings(host) > maxBindings); err != nil {
			return nil, err
		}
	}
	n := namesOf(x.FIB)
	locals := host.Locals()
	exposures, size := x.exposures(host)
	out := &Listeners{Sockets: make([]Listener, 0, len(exposures)), Foreign: x.scope == listen.ScopeGone, Exposed: n.exposed(locals)}
	out.large = size+len(locals) > maxInFull/max(1, host.Uplinks())
	if x.Query != (SocketQuery{}) {
		out.Query = &x.Query
	}
	general := generalOf(locals)
	made := map[*listen.Local]*Exposed{}
	none := n.exposed(nil)
	for i := range exposures {
		e := &exposures[i]
		l := Listener{Socket: NewSocket(n.snap, e.Socket), Scope: e.Scope, Reach: e.Reach, Exposed: none}
		if len(e.Locals) > 0 {
			first := &e.Locals[0]
			switch {
			case made[first] != nil:
			case out.large && general.has(e.Locals):
				made[first] = &Exposed{Addresses: n.exposedAddresses(e.Locals), General: true}
			default:
				made[first] = n.exposed(e.Locals)
			}
			l.Exposed = made[first]
		}
		out.Sockets = append(out.Sockets, l)
	}
	for i := range n.snap.Sockets {
		if s := &n.snap.Sockets[i]; x.Detail && s.Remote.Port() != 0 && x.holds(s) {
			out.Connected = append(out.Connected, NewSocket(n.snap, s))
		}
	}
	out.Warnings = x.warnings(n, out, host)
	return out, nil
}

// maxInFull is how many addresses, by so many devices each, a report gives for every
// socket again: with more, it refers to those that it has given.
const maxInFull = 1 << 18

// exposures are how the sockets that are meant can be reached, and on how many addresses
// all of them together.
func (x *Exposure) exposures(host *listen.Host) (out []listen.Exposure, addresses int) {
	all := x.FIB.Snapshot().Sockets
	for i := range all {
		if s := &all[i]; s.Listens() && x.holds(s) {
			e := host.Exposure(s)
			out = append(out, e)
			addresses += len(e.Locals)
		}
	}
	return out, addresses
}

// maxBindings is how many sockets that are bound differently each have what is said of
// them without being counted.
const maxBindings = 64

// bindings are how many of the sockets that are meant are bound differently, and have
// classes of clients of their own.
func (x *Exposure) bindings(host *listen.Host) int {
	type binding struct {
		addr       netip.Addr
		link       int
		mark, port uint32

		transparent bool
	}
	seen := map[binding]bool{}
	asks := len(x.FIB.Snapshot().Rules) > 2*len(route.DefaultRules(route.IPv4))
	all := x.FIB.Snapshot().Sockets
	for i := range all {
		if s := &all[i]; x.holds(s) && s.Listens() && !host.General(s) {
			b := binding{addr: s.Local.Addr(), link: s.Link, mark: s.Mark, transparent: s.Transparent}
			if asks || host.Contended(s) { // a rule may ask for the port
				b.port = uint32(s.Local.Port())
			}
			seen[b] = true
		}
	}
	return len(seen)
}

// holds reports whether a socket is meant: one that is bound to every address takes nothing
// that comes to an address which is not this host's, nor TCP what comes to a group.
func (x *Exposure) holds(s *route.Socket) bool {
	never := x.scope == listen.ScopeGone || x.scope == listen.ScopeGroup && s.Proto == route.ProtoTCP
	return x.Query.Holds(s) && (!never || !s.Local.Addr().Unmap().IsUnspecified())
}

// Asked are the addresses of this host that were asked about; the zero Prefix: all.
func (q *SocketQuery) Asked() netip.Prefix {
	if q.Address.IsValid() && !q.Address.IsUnspecified() {
		return netip.PrefixFrom(q.Address, q.Address.BitLen())
	}
	return q.Prefix
}

// Holds reports whether a socket is meant: it takes what comes to the address, as one
// that is bound to every address does too.
func (q *SocketQuery) Holds(x *route.Socket) bool {
	if !q.inFamily(x) || q.Port != 0 && x.Local.Port() != q.Port {
		return false
	}
	if q.Program != "" && !slices.ContainsFunc(x.Owners, func(p route.Process) bool { return p.Name == q.Program }) {
		return false
	}
	bound, asked := x.Local.Addr().Unmap(), q.Asked()
	switch {
	case q.Address.IsValid() && q.Address.IsUnspecified():
		return bound == q.Address
	case !asked.IsValid() || asked.Contains(bound) && !bound.IsUnspecified():
		return true
	case !bound.IsUnspecified():
		return false
	}
	return bound.Is4() == asked.Addr().Is4() || asked.Addr().Is4() && x.DualStack()
}

// inFamily reports whether a socket takes packets of the family: an IPv6 socket may take
// IPv4.
func (q *SocketQuery) inFamily(x *route.Socket) bool {
	switch q.Family {
	case inet:
		return x.Family == route.IPv4 || x.Local.Addr().Is4In6() || x.DualStack()
	case inet6:
		return x.Family == route.IPv6 && !x.Local.Addr().Is4In6()
	}
	return true
}

// Shows reports whether an address of this host is among those that were asked about. A
// prefix of all addresses, which the route of a transparent proxy makes local, is not.
func (q *SocketQuery) Shows(a HostAddr) bool {
	if q == nil {
		return true
	}
	asked := q.Asked()
	if q.Address == netip.IPv4Unspecified() && a.Addr().Is6() {
		return false
	}
	return (q.Family == "" || q.Family == FamilyName(route.FamilyOf(a.Addr()))) &&
		(!asked.IsValid() || asked.Overlaps(a.Prefix) && (a.Bits() > 0 || asked.Bits() == 0))
}

const inet, inet6 = "inet", "inet6"

// FamilyName is that of a family as ip(8) writes it; empty: there is none.
func FamilyName(f route.Family) string {
	switch f {
	case route.IPv4:
		return inet
	case route.IPv6:
		return inet6
	}
	return ""
}

// warnings are the findings about the whole host.
func (x *Exposure) warnings(n names, l *Listeners, host *listen.Host) []Finding {
	out := []Finding{NewRemark(RemarkFirewall, "", "")}
	if host.LeavesOutForeign() {
		out = append(out, NewRemark(RemarkForeignLeftOut, "", ""))
	}
	if len(n.snap.Policies) > 0 {
		out = append(out, NewRemark(RemarkPolicies, "", ""))
	}
	if n.snap.Changed {
		out = append(out, NewRemark(lookup.NoteChanging, "", ""))
	}
	for _, gap := range []struct {
		fact route.Fact
		code lookup.Code
	}{{route.FactSockets, RemarkSockets}, {route.FactProcesses, RemarkProcesses}, {route.FactMarks, RemarkMarks}} {
		for _, g := range n.snap.Gaps {
			if g.Fact == gap.fact && (gap.fact != route.FactMarks || n.asksForMarks()) {
				out = append(out, NewRemark(gap.code, "", g.Why))
			}
		}
	}
	add := func(f Finding, given bool) {
		if given {
			out = append(out, f)
		}
	}
	private := l.private()
	add(Finding{Reason: Reason{Code: RemarkPrivate}, Addresses: private}, len(private) > 0)
	add(Finding{Reason: Reason{Code: RemarkLeftOut}, Alike: x.Alike}, len(x.Alike) > 0)
	dead, down := n.receiveNothing()
	add(Finding{Reason: Reason{Code: RemarkUplinksDead}, Devs: dead}, len(dead) > 0)
	add(Finding{Reason: Reason{Code: RemarkUplinksDown}, Devs: down}, len(down) > 0)
	silent := n.withoutARP()
	add(Finding{Reason: Reason{Code: RemarkUplinksNoARP}, Devs: silent}, len(silent) > 0)
	localnet := n.devs(host.Localnet())
	add(Finding{Reason: Reason{Code: RemarkLocalnet}, Devs: localnet}, len(localnet) > 0)
	return append(out, x.answerSources(host)...)
}

// asksForMarks reports whether a rule asks for a mark.
func (n names) asksForMarks() bool {
	return slices.ContainsFunc(n.snap.Rules, func(r route.Rule) bool { return r.Selector.MarkMask != 0 })
}

// private are the private addresses that other networks reach, where a socket listens
// that they can reach.
func (l *Listeners) private() []HostAddr {
	if !slices.ContainsFunc(l.Sockets, func(x Listener) bool { return x.Reach == listen.ReachFar }) {
		return nil
	}
	var out []HostAddr
	shared := netip.MustParsePrefix("100.64.0.0/10")
	for _, a := range l.Addresses {
		addr := a.Address.Addr()
		if (addr.IsPrivate() || shared.Contains(addr)) && a.Reach == listen.ReachFar && l.Query.Shows(a.Address) {
			out = append(out, a.Address)
		}
	}
	return out
}

// addressed are the devices that have an address, by index.
func (n names) addressed() map[int]bool {
	has := map[int]bool{}
	for i := range n.snap.Addrs {
		has[n.snap.Addrs[i].Link] = true
	}
	return has
}

// withoutARP are the devices that have an address and a carrier, and ARP switched off.
func (n names) withoutARP() []string {
	var out []string
	has := n.addressed()
	for i := range n.snap.Links {
		l := &n.snap.Links[i]
		if has[l.Index] && l.Carrier() && n.fib.WithoutARP(l.Index) {
			out = append(out, l.Name)
		}
	}
	return out
}

// receiveNothing are the devices that have an address and are down, or up without
// carrier. lo is not among them.
func (n names) receiveNothing() (dead, down []string) {
	has := n.addressed()
	for i := range n.snap.Links {
		switch l := &n.snap.Links[i]; {
		case !has[l.Index] || l.Carrier() || l.Flags&route.LinkLoopback != 0:
		case l.Up():
			dead = append(dead, l.Name)
		default:
			down = append(down, l.Name)
		}
	}
	return dead, down
}

// MarkChanging says that the tables were changing while they were read.
func (l *Listeners) MarkChanging() {
	if !l.Noted(lookup.NoteChanging) {
		l.Warnings = slices.Insert(l.Warnings, 1, NewRemark(lookup.NoteChanging, "", ""))
	}
}

// Noted reports whether there is a warning of a code.
func (l *Listeners) Noted(c lookup.Code) bool { return has(l.Warnings, c) }

// Unread reports whether there is no socket because they could not be read.
func (l *Listeners) Unread() bool { return len(l.Sockets) == 0 && l.Noted(RemarkSockets) }

// Status is that of the question.
func (l *Listeners) Status() Status {
	switch {
	case len(l.Sockets) > 0:
		return StatusAnswered
	case l.Unread():
		return StatusUnknown
	case l.Query != nil && *l.Query != (SocketQuery{Family: l.Query.Family}):
		return StatusNoRoute
	}
	return StatusAnswered
}
