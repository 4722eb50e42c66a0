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
	"routewhy/route/iproute2"
)

// listening is a page about the sockets of a host.
type listening struct {
	*report.Listeners
	verbose bool
	locals  []own
	general map[localKey]*reached // which clients reach each of them
	remarks map[remarkKey]tinted
}

// Listeners writes which sockets listen on a host, and which clients can reach them.
func Listeners(w io.Writer, l *report.Listeners, st Style) error {
	s := &listening{Listeners: l, verbose: st.Verbose}
	p := &page{w: w, st: st}
	text := s.headline()
	if st.Quiet && s.Noted(lookup.NoteChanging) {
		text += changingAside
	}
	p.line(p.st.paint(bold, text))
	if st.Quiet {
		return p.err
	}
	s.prepare()
	rows := s.rows()
	width := rowWidths(rows)
	for _, scope := range scopeOrder() {
		p.socketGroup(scope, rows, width)
	}
	p.connected(s)
	p.reach(s)
	p.blank()
	for i := range s.Warnings {
		p.detail("note", socketsFinding(&s.Warnings[i], st.Verbose), yellow)
	}
	return p.err
}

// headline says how many sockets there are, and from how far they can be reached.
func (s *listening) headline() string {
	count := map[listen.Reach]int{}
	for i := range s.Sockets {
		count[s.reachThere(&s.Sockets[i])]++
	}
	var parts []string
	for _, r := range []struct {
		reach listen.Reach
		words string
	}{
		{listen.ReachFar, "from other networks"}, {listen.ReachNear, "from neighbours alone"}, {listen.ReachOneWay, "from other hosts by datagrams that get no answer"},
		{listen.ReachHost, "from this host alone"}, {listen.ReachNobody, "from nowhere"}, {listen.ReachUnknown, "perhaps from other networks"},
	} {
		if n := count[r.reach]; n > 0 {
			if len(parts) == 0 {
				r.words = "can be reached " + r.words
			}
			parts = append(parts, fmt.Sprintf("%d %s", n, r.words))
		}
	}
	switch n := len(s.Sockets); {
	case s.Unread():
		return "the sockets could not be read"
	case n == 0 && s.Foreign && s.Query.Prefix.IsValid():
		return fmt.Sprintf("no socket listens %s, and this host has no address in it", wanted(s.Query))
	case n == 0 && s.Foreign:
		return fmt.Sprintf("no socket listens %s, and this host does not have that address", wanted(s.Query))
	case n == 0:
		return strings.TrimSpace("no socket listens " + wanted(s.Query))
	case n == 1:
		return "1 socket listens" + s.there() + ": " + strings.TrimPrefix(strings.Join(parts, ", "), "1 ")
	default:
		return fmt.Sprintf("%d sockets listen%s: %s", n, s.there(), strings.Join(parts, ", "))
	}
}

// there names the address or the prefix that was asked about; empty: none was asked
// about.
func (s *listening) there() string {
	if s.Query == nil || !s.Query.Asked().IsValid() {
		return ""
	}
	return " on " + report.HostAddr{Prefix: s.Query.Asked()}.String()
}

// reachThere is from how far a socket can be reached. If an address was asked about, it is
// for that address.
func (s *listening) reachThere(x *report.Listener) listen.Reach {
	if s.there() == "" {
		return x.Reach
	}
	best, found := listen.ReachNobody, false
	for i := range x.Addresses {
		if a := &x.Addresses[i]; s.Query.Shows(a.Address) {
			best, found = max(best, a.Reach), true
		}
	}
	if !found {
		return x.Reach // it is for a group
	}
	return best
}

// wanted names the sockets that were asked about, for use in a sentence; empty: all.
func wanted(q *report.SocketQuery) string {
	if q == nil {
		return ""
	}
	var parts []string
	if q.Program != "" {
		parts = append(parts, "of a program called "+iproute2.Quote(q.Program))
	}
	switch {
	case q.Address.IsValid() && q.Port != 0:
		parts = append(parts, "on "+netip.AddrPortFrom(q.Address, q.Port).String())
	case q.Address.IsValid():
		parts = append(parts, "on "+q.Address.String())
	case q.Prefix.IsValid() && q.Port != 0:
		parts = append(parts, fmt.Sprintf("on port %d of %s", q.Port, q.Prefix))
	case q.Prefix.IsValid():
		parts = append(parts, "on an address of "+q.Prefix.String())
	case q.Port != 0:
		parts = append(parts, fmt.Sprintf("on port %d", q.Port))
	}
	return strings.Join(parts, " ")
}

func scopeOrder() []listen.Scope {
	return []listen.Scope{
		listen.ScopeAll, listen.ScopeAddress, listen.ScopeGroup, listen.ScopeLoopback, listen.ScopeGone, listen.ScopeUnknown,
	}
}

func scopeTitle(s listen.Scope) string {
	switch s {
	case listen.ScopeAll:
		return "on every address"
	case listen.ScopeAddress:
		return "on one address"
	case listen.ScopeGroup:
		return "on a multicast or broadcast address"
	case listen.ScopeLoopback:
		return "on a loopback address"
	case listen.ScopeGone:
		return "on an address that this host does not have"
	}
	return "on an address of which nothing is known"
}

func (s *listening) row(x *report.Listener) socketRow {
	r := socketRow{
		scope: x.Scope, proto: x.Protocol, addr: bound(&x.Socket), bound: x.Local.String(), who: holder(&x.Socket), first: x.Port, last: x.Port,
		port: x.Port, count: 1, process: process(&x.Socket),
	}
	r.remark, r.tint = s.remark(x)
	return r
}

// remark says what such a binding means on this host, one line for each point. For
// similar sockets this is worked out only once.
func (s *listening) remark(x *report.Listener) (string, ink) {
	key := remarkKey{x.Scope, x.Family, only6(x), x.Dev, x.Exposed}
	if t, ok := s.remarks[key]; ok {
		return t.text, t.ink
	}
	text, tint := s.newRemark(x)
	s.remarks[key] = tinted{text, tint}
	return text, tint
}

// remarkKey is what similar sockets have in common.
type remarkKey struct {
	scope   listen.Scope
	family  string
	only6   bool
	dev     string
	exposed *report.Exposed
}

// only6 reports whether a socket of IPv6 does not take IPv4.
func only6(x *report.Listener) bool { return x.V6Only == nil || *x.V6Only }

// dual reports whether a socket that is bound to every address takes both families.
func dual(x *report.Listener) bool {
	return x.Family == "inet6" && !only6(x) && x.Local.IsUnspecified()
}

func (s *listening) newRemark(x *report.Listener) (string, ink) {
	var out []string
	switch {
	case x.Scope == listen.ScopeGone:
		return "nothing can reach it", red
	case x.Scope == listen.ScopeGroup && x.Protocol == "tcp":
		return "nothing can reach it: TCP takes no packets for such an address", red
	case x.Scope == listen.ScopeGroup && x.Reach == listen.ReachNobody && x.Local.Unmap().IsMulticast():
		return "nothing can reach it: no device has joined the group", red
	case x.Scope != listen.ScopeAll:
	case dual(x):
		out = append(out, "IPv6 and IPv4")
	case x.Local.Is4In6():
		out = append(out, "IPv4 alone (IPv4-mapped)")
	case x.Family == "inet6":
		out = append(out, "IPv6 alone (v6only)")
	}
	if x.Dev != "" {
		out = append(out, "only what comes in on "+iproute2.Safe(x.Dev))
	}
	tint := plain
	if len(x.Addresses) == 0 && x.Scope != listen.ScopeUnknown {
		return strings.Join(append(out, "nothing can reach it"), "; "), red
	}
	var lines []string
	if x.Reach == listen.ReachOneWay && x.Scope == listen.ScopeAll {
		out = append(out, "datagrams to all hosts on a link arrive too")
	}
	for _, g := range s.grouped(x) {
		for i, t := range g.lines {
			if len(g.names) > 0 && i == 0 {
				t.text = strings.Join(g.names, ", ") + ": " + t.text
			}
			lines = append(lines, t.text)
			tint = worse(tint, t.ink)
		}
	}
	head := strings.Join(out, "; ")
	switch {
	case head == "":
	case len(lines) == 1:
		lines[0] = head + "; " + lines[0]
	default:
		lines = append([]string{head}, lines...)
	}
	return strings.Join(lines, "\n"), tint
}

// alikeLocals are addresses about which the same is said. They are named if there are
// other addresses.
type alikeLocals struct {
	names []string
	lines []tinted
}

// grouped is what is to be said about a socket's addresses. If the socket is bound to
// every address, it is only what the list of this host's addresses does not say.
func (s *listening) grouped(x *report.Listener) []alikeLocals {
	var out []alikeLocals
	all := s.owns(x.Exposed)
	place := map[string]int{} // the key is what is said
	usual := usualOf(all)
	for i := range all {
		l := &all[i]
		if l.Anycast && usual[l.deviceKey()] {
			continue // it is reached like another address of its device
		}
		if !s.verbose && x.Scope == listen.ScopeAll && x.Dev != "" && l.ExposedAddress.Reach == listen.ReachNobody && x.Reach != listen.ReachNobody {
			continue // this address is of another device
		}
		if x.Scope == listen.ScopeAll && s.there() != "" && !s.Query.Shows(l.Address) {
			continue // another address was asked about
		}
		if g := s.general[l.key()]; x.Scope == listen.ScopeAll && x.Dev == "" && g != nil && g.text == l.text {
			continue
		}
		at, ok := place[l.text]
		if !ok {
			at = len(out)
			out, place[l.text] = append(out, alikeLocals{lines: l.lines}), at
		}
		name := l.Address.String()
		if isLinkLocal6(l.Address.Addr()) {
			name += "%" + iproute2.Safe(l.Dev) // other devices may have the same address
		}
		if l.Anycast {
			name += " (anycast)"
		}
		out[at].names = append(out[at].names, name)
	}
	if len(out) == 1 && (x.Scope != listen.ScopeAll || len(out[0].names) == s.every(x)) {
		out[0].names = nil
	}
	return out
}

// owns are the addresses of a socket, and which clients reach them.
func (s *listening) owns(x *report.Exposed) []own {
	if !x.General {
		return ownOf(x, s.verbose)
	}
	out := make([]own, 0, len(x.Addresses))
	for i := range x.Addresses {
		a := &x.Addresses[i]
		if r := s.general[localKey{a.Address, a.Dev}]; r != nil {
			out = append(out, own{a, r})
		}
	}
	return out
}

// every is how many addresses of this host are covered by a socket that is bound to every
// address.
func (s *listening) every(x *report.Listener) int {
	n := 0
	for i := range s.locals {
		if is4 := s.locals[i].Address.Addr().Is4(); is4 == (x.Family == "inet" || x.Local.Is4In6()) || is4 && dual(x) {
			n++
		}
	}
	return n
}

// localKey is an address of one device.
type localKey struct {
	address report.HostAddr
	dev     string
}

func (o *own) key() localKey { return localKey{o.Address, o.Dev} }

// usualOf are the keys of the addresses that are no anycast addresses, if there are any that are.
func usualOf(all []own) map[string]bool {
	if !slices.ContainsFunc(all, func(o own) bool { return o.Anycast }) {
		return nil
	}
	out := map[string]bool{}
	for i := range all {
		if !all[i].Anycast {
			out[all[i].deviceKey()] = true
		}
	}
	return out
}

// deviceKey is the same for addresses of one device about which the same is said.
func (o *own) deviceKey() string {
	return fmt.Sprint(o.Dev, isLinkLocal6(o.Address.Addr()), o.ExposedAddress.Reach, o.text)
}

// prepare stores what is said about this host's addresses.
func (s *listening) prepare() {
	s.general, s.remarks, s.locals = map[localKey]*reached{}, map[remarkKey]tinted{}, ownOf(s.Exposed, s.verbose)
	for i := range s.locals {
		l := &s.locals[i]
		s.general[l.key()] = l.reached
	}
}

func worse(a, b ink) ink {
	if b == plain {
		return a
	}
	return b
}

func (p *page) connected(s *listening) {
	if len(s.Connected) == 0 {
		return
	}
	p.blank()
	p.line(p.st.paint(bold, "connected"))
	for i := range s.Connected {
		x := &s.Connected[i]
		p.line(fmt.Sprintf("  %s  %s:%d to %s  %s  %s", x.Protocol, bound(x), x.Port, netip.AddrPortFrom(x.Peer, x.PeerPort), x.State, holder(x)))
	}
}

// socketsFinding puts a finding about the sockets of a host into words.
func socketsFinding(n *report.Finding, verbose bool) string {
	switch n.Code {
	case report.RemarkFirewall:
		return "the firewall is not consulted: it may drop what is said to arrive here, and lead here what is not (NAT, marks)"
	case lookup.NoteChanging:
		return changingWords
	case report.RemarkSockets:
		return "sockets are missing: " + name(n.Have)
	case report.RemarkProcesses:
		return "process names are missing: " + name(n.Have)
	case report.RemarkMarks:
		return "the marks of sockets are missing, and rules ask for marks: " + name(n.Have)
	case report.RemarkPrivate:
		return private(n.Addresses) + ": other networks reach a private address where they have a route to it"
	case report.RemarkLeftOut:
		return "the routes by gateways are too many to tell each apart: " + standIns(n.Alike, verbose)
	case report.RemarkUplinksDead:
		return "nothing comes in by " + someDevices(devs(n.Devs)) + " now: no carrier"
	case report.RemarkUplinksDown:
		return "nothing comes in by " + someDevices(devs(n.Devs)) + " now: down"
	case report.RemarkForeignLeftOut:
		return "neighbours on one device are not listed as clients of the others: there are too many devices"
	case report.RemarkPolicies:
		return "IPsec policies are not consulted: they may drop what is said to arrive here, and the answers"
	case report.RemarkUplinksNoARP:
		return "ARP is off on " + someDevices(devs(n.Devs)) + ": neighbours there connect only if both ends have permanent entries (ip neigh), or a BPF program hands the packets over"
	case report.RemarkSource:
		return answerSources(n, verbose)
	case report.RemarkLocalnet:
		return "127.0.0.0/8 is reached from " + someDevices(devs(n.Devs)) + " because route_localnet is on there"
	}
	return ""
}

func private(all []report.HostAddr) string {
	var out []string
	for _, a := range all {
		out = append(out, a.String())
	}
	if n := len(out); n > maxClients+1 {
		out = append(out[:maxClients], fmt.Sprintf("%d more", n-maxClients))
	}
	return listed(out)
}

// standIns says which routes represent other routes.
func standIns(all []report.AlikeRoutes, verbose bool) string {
	var out []string
	for i, r := range all {
		if i == maxClients && len(all) > maxClients+1 && !verbose {
			out = append(out, fmt.Sprintf("%d more kinds (-v lists them)", len(all)-i))
			break
		}
		out = append(out, fmt.Sprintf("%s stands for %d of them", r.Dst, r.Count))
	}
	return listed(out)
}
