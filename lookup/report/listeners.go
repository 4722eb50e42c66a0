package report

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	"routewhy/lookup"
	"routewhy/lookup/listen"
	"routewhy/route"
)

// Listeners is what listens on a host, and who can reach it.
type Listeners struct {
	// Query says which sockets were asked about; absent: all.
	Query *SocketQuery `json:"query,omitempty"`
	// Sockets are those that listen, in the kernel's order.
	Sockets []Listener `json:"sockets"`
	// Connected are the sockets with a connection, where details were asked for.
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
	Port    uint16     `json:"port,omitempty"`
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
	// SameAs is the place in Sockets, from 0, of one that has the same Addresses and
	// Classes, which are then absent here. Only reports of many devices have it.
	SameAs *int `json:"same_as,omitempty"`
	// The addresses on which it takes packets, and who reaches it there. Sockets that are
	// alike share them.
	*Exposed
}

// Exposed are addresses of this host and who reaches them.
type Exposed struct {
	Addresses []ExposedAddress `json:"addresses"`
	// Classes are the clients that may reach an address, by the device that they come in
	// by. Of the classes of an address and a device, the longest prefix that covers a
	// client says which one it is in.
	Classes []ClientClass `json:"classes,omitzero"`
	// General says that the classes of these addresses are among those of the whole host,
	// and are absent here. Only sockets in reports of many devices have it.
	General bool `json:"general,omitempty"`
}

// ExposedAddress is an address of this host, or a prefix of such.
type ExposedAddress struct {
	Address HostAddr `json:"address"`
	// Dev is the device that has it, VRF the one that this belongs to.
	Dev string `json:"dev"`
	VRF string `json:"vrf,omitempty"`
	// Reach is how far it can be reached.
	Reach listen.Reach `json:"reach"`
}

// ClientClass are clients that are treated alike.
type ClientClass struct {
	// Addresses are those of this host that are reached alike. Classes of the same ones
	// share the list.
	Addresses []HostAddr `json:"addresses,omitzero"`
	// AddressesOf is the place, from 0, of the class beside it that has the same
	// Addresses, which are then absent here. Only reports of many devices have it.
	AddressesOf *int `json:"addresses_of,omitempty"`
	// Uplink is the device that the clients' packets come in by.
	Uplink string `json:"uplink"`
	// Clients are prefixes of the clients' addresses. One of length 0 stands for all that
	// are in no other class.
	Clients []netip.Prefix `json:"clients"`
	// Delivered reports whether the packets get to the sockets of this host, Answered whether
	// the answers leave it; absent: that is not known.
	Delivered *bool `json:"delivered,omitempty"`
	Answered  *bool `json:"answered,omitempty"`
	// By are the devices that the answers may leave by.
	By []string `json:"by,omitempty"`
	// Reason is why not, or why that is not known; where packets are delivered and
	// answered, why some of the answers are lost all the same.
	Reason Reason `json:"reason,omitzero"`
}

// HostAddr is an address of this host, or a prefix of such: "192.0.2.2", "127.0.0.0/8".
type HostAddr struct{ netip.Prefix }

// String is the address, or the prefix with its length.
func (a HostAddr) String() string {
	if a.IsSingleIP() {
		return a.Addr().String()
	}
	return a.Prefix.String()
}

// MarshalText gives the same.
func (a HostAddr) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText reads the same.
func (a *HostAddr) UnmarshalText(b []byte) (err error) {
	if one, err := netip.ParseAddr(string(b)); err == nil {
		a.Prefix = netip.PrefixFrom(one, one.BitLen())
		return nil
	}
	a.Prefix, err = netip.ParsePrefix(string(b))
	return err
}

// AlikeRoutes are routes by gateways that are alike but for their destinations.
type AlikeRoutes struct {
	// Dst is the destination of the one that stands for them.
	Dst   netip.Prefix `json:"dst"`
	Count int          `json:"count"`
}

// Findings about the sockets of a host.
const (
	RemarkFirewall    lookup.Code = "firewall"           // the firewall is not consulted
	RemarkSockets     lookup.Code = "sockets-unread"     // sockets could not be read; Have: why
	RemarkPrivate     lookup.Code = "private"            // Addresses are private, and other networks reach them
	RemarkLeftOut     lookup.Code = "routes-left-out"    // Alike stand for others: there are too many to tell each apart
	RemarkUplinksDead lookup.Code = "uplinks-no-carrier" // nothing comes in by Devs
	RemarkUplinksDown lookup.Code = "uplinks-down"       // nothing comes in by Devs, which are down
	RemarkLocalnet    lookup.Code = "route-localnet"     // 127.0.0.0/8 is reached from Devs, because of route_localnet
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
}

// Report answers the question. The error is a [route.LimitError].
func (x *Exposure) Report() (*Listeners, error) {
	host := listen.NewHost(x.FIB)
	if x.Limit != 0 {
		if err := host.Fits(x.Limit, x.bindings(host) > maxBindings); err != nil {
			return nil, err
		}
	}
	n := namesOf(x.FIB)
	locals := host.Locals()
	exposures, size := x.exposures(host)
	out := &Listeners{Sockets: make([]Listener, 0, len(exposures)), Exposed: n.exposed(locals)}
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
		if s := &n.snap.Sockets[i]; x.Detail && s.Remote.Port() != 0 && x.Query.Holds(s) {
			out.Connected = append(out.Connected, NewSocket(n.snap, s))
		}
	}
	out.Warnings = x.warnings(n, out, host)
	return out, nil
}

// maxInFull is how many addresses, by so many devices each, a report gives for every socket
// anew: with more, it refers to those that it has given.
const maxInFull = 1 << 18

// exposures are how the sockets that are meant can be reached, and on how many addresses
// all of them together.
func (x *Exposure) exposures(host *listen.Host) (out []listen.Exposure, addresses int) {
	all := x.FIB.Snapshot().Sockets
	for i := range all {
		if s := &all[i]; s.Listens() && x.Query.Holds(s) {
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
	}
	seen := map[binding]bool{}
	asks := len(x.FIB.Snapshot().Rules) > 2*len(route.DefaultRules(route.IPv4))
	all := x.FIB.Snapshot().Sockets
	for i := range all {
		if s := &all[i]; x.Query.Holds(s) && s.Listens() && !host.General(s) {
			b := binding{addr: s.Local.Addr(), link: s.Link, mark: s.Mark}
			if asks { // a rule may ask for the port
				b.port = uint32(s.Local.Port())
			}
			seen[b] = true
		}
	}
	return len(seen)
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
	bound := x.Local.Addr().Unmap()
	switch {
	case !q.Address.IsValid() || bound == q.Address:
		return true
	case !bound.IsUnspecified() || q.Address.IsUnspecified():
		return false
	}
	return bound.Is4() == q.Address.Is4() || q.Address.Is4() && x.DualStack()
}

// inFamily reports whether a socket takes packets of the family: one of IPv6 may take
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

// Shows reports whether an address of this host is among those that were asked about.
func (q *SocketQuery) Shows(a HostAddr) bool {
	return q == nil || (q.Family == "" || q.Family == FamilyName(route.FamilyOf(a.Addr()))) &&
		(!q.Address.IsValid() || q.Address.IsUnspecified() || a.Contains(q.Address))
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

func (n names) exposed(locals []listen.Local) *Exposed {
	return &Exposed{Addresses: n.exposedAddresses(locals), Classes: n.classes(locals)}
}

func (n names) exposedAddresses(locals []listen.Local) []ExposedAddress {
	out := []ExposedAddress{}
	for i := range locals {
		l := &locals[i]
		out = append(out, ExposedAddress{HostAddr{l.Prefix}, n.dev(l.Link), n.dev(l.VRF), l.Reach()})
	}
	return out
}

// classes are the classes of clients of some addresses, those that are the same together,
// in the order of the devices that they come in by. Addresses that share their views are
// asked about once, and classes of the same addresses share the list of them.
func (n names) classes(locals []listen.Local) []ClientClass {
	type group struct {
		uplink int
		all    []ClientClass
		sets   []int // of the addresses
	}
	var groups []*group
	at := map[string]*group{}          // by what the classes of an uplink are
	seen := map[*listen.Class]*group{} // the same of those that addresses share
	sets := alikeLocals(locals)
	for k, set := range sets {
		views := locals[set[0]].Views
		for j := range views {
			v := &views[j]
			if len(v.Classes) == 0 {
				continue
			}
			g := seen[&v.Classes[0]]
			if g == nil {
				key := fmt.Sprint(v.Uplink, v.Classes)
				if g = at[key]; g == nil {
					g = &group{uplink: v.Uplink}
					for k := range v.Classes {
						g.all = append(g.all, n.class(&v.Classes[k], v.Uplink))
					}
					groups = append(groups, g)
				}
				at[key], seen[&v.Classes[0]] = g, g
			}
			g.sets = append(g.sets, k)
		}
	}
	place := map[int]int{}
	for i := range n.snap.Links {
		place[n.snap.Links[i].Index] = i
	}
	slices.SortStableFunc(groups, func(a, b *group) int { return cmp.Compare(place[a.uplink], place[b.uplink]) })
	out := []ClientClass{}
	lists := map[string][]HostAddr{}
	for _, g := range groups {
		key := fmt.Sprint(g.sets)
		if lists[key] == nil {
			lists[key] = addressesOf(locals, sets, g.sets)
		}
		for k := range g.all {
			g.all[k].Addresses = lists[key]
		}
		out = append(out, g.all...)
	}
	return out
}

// alikeLocals are the places of the addresses that somebody may reach, those that share
// their views together.
func alikeLocals(locals []listen.Local) [][]int {
	var out [][]int
	at := map[*listen.View]int{}
	for i := range locals {
		if len(locals[i].Views) == 0 {
			continue
		}
		first := &locals[i].Views[0]
		k, ok := at[first]
		if !ok {
			k = len(out)
			out, at[first] = append(out, nil), k
		}
		out[k] = append(out[k], i)
	}
	return out
}

// addressesOf are the addresses of some of the sets of places, in the order of the places.
func addressesOf(locals []listen.Local, sets [][]int, some []int) []HostAddr {
	var places []int
	for _, k := range some {
		places = append(places, sets[k]...)
	}
	slices.Sort(places)
	out := make([]HostAddr, len(places))
	for i, place := range places {
		out[i] = HostAddr{locals[place].Prefix}
	}
	return out
}

func (n names) class(c *listen.Class, uplink int) ClientClass {
	out := ClientClass{
		Uplink: n.dev(uplink), Clients: c.Clients, Delivered: known(c.Delivered), Answered: known(c.Answered), By: n.devs(c.By), Reason: NewReason(c.Reason),
	}
	device := func(v any) Operand {
		index, _ := v.(int)
		return Text(n.dev(index))
	}
	switch c.Reason.Code {
	case listen.CodeNoCarrier, listen.CodeUnheard, listen.CodeOtherLink:
		out.Reason.Want = device(c.Reason.Want)
	case listen.CodeSilent:
		out.Reason.Have = device(c.Reason.Have)
	}
	return out
}

func (n names) devs(links []int) []string {
	var out []string
	for _, link := range links {
		out = append(out, n.dev(link))
	}
	return out
}

// known is a tristate in JSON.
func known(t route.Tristate) *bool {
	if t == route.Unknown {
		return nil
	}
	yes := t == route.Yes
	return &yes
}

// warnings are what has to be said once.
func (x *Exposure) warnings(n names, l *Listeners, host *listen.Host) []Finding {
	out := []Finding{NewRemark(RemarkFirewall, "", "")}
	if n.snap.Changed {
		out = append(out, NewRemark(lookup.NoteChanging, "", ""))
	}
	for _, gap := range []struct {
		fact route.Fact
		code lookup.Code
	}{{route.FactSockets, RemarkSockets}, {route.FactProcesses, RemarkProcesses}} {
		for _, g := range n.snap.Gaps {
			if g.Fact == gap.fact {
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
	localnet := n.devs(host.Localnet())
	add(Finding{Reason: Reason{Code: RemarkLocalnet}, Devs: localnet}, len(localnet) > 0)
	return out
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

// receiveNothing are the devices that have an address, but no carrier although they are
// up, or are down. Loopback apart.
func (n names) receiveNothing() (dead, down []string) {
	has := map[int]bool{}
	for i := range n.snap.Addrs {
		has[n.snap.Addrs[i].Link] = true
	}
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

// Unread reports whether no socket is there because they could not be read.
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
