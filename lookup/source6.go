package lookup

import (
	"math/bits"
	"net/netip"
	"slices"

	"routewhy/route"
)

// source6 is the source address that a packet without one gets when it leaves by a
// device (ip6_route_get_saddr in include/net/ip6_route.h). With record, the trace gets
// it too.
func (w *walk) source6(r *route.Route, link int, record bool) chosen {
	var t *SourceTrial
	if record && w.trace != nil {
		t = &w.trace.Source
		*t = SourceTrial{}
	}
	var src chosen
	switch {
	case r.Flags&route.FlagNoSource != 0:
		if t != nil {
			t.Reason = Reason{Code: CodeSrcUnread}
		}
	case r.PrefSrc.IsValid():
		src.addr = r.PrefSrc
		if t != nil {
			t.Reason, t.Link = Reason{Code: CodeSrcPrefsrc}, w.fib.owner6(src.addr)
		}
	default:
		src = w.selectSource6(w.flow.Dst, link, t)
	}
	if t != nil {
		if src.certain() {
			t.Addr = src.addr
		}
		if w.flow.Src.IsValid() {
			*t = SourceTrial{Addr: w.flow.Src, Reason: Reason{Code: CodeSrcGiven}, Link: w.fib.owner6(w.flow.Src)}
		}
	}
	return src
}

func (f *FIB) owner6(a netip.Addr) int {
	return f.own6[a]
}

// selectSource6 chooses a source for a destination that is reached through a
// device (ipv6_dev_get_saddr in net/ipv6/addrconf.c, RFC 6724 section 5).
func (w *walk) selectSource6(dst netip.Addr, link int, t *SourceTrial) chosen {
	s := selection6{walk: w, fib: w.fib, dst: dst, link: link, scope: scope6(dst), label: w.fib.label6(dst, 0)}
	var best *route.Addr
	var others []*route.Addr // only where they are recorded
	s.candidates(func(a *route.Addr) {
		if !usable6(a) {
			t.reject(a, Reason{Code: CodeSrcTentative})
			return
		}
		if !candidate6(a) {
			return
		}
		if best == nil {
			best = a
			return
		}
		if _, better := s.compare(best, a); better {
			best, a = a, best
		}
		if t != nil {
			others = append(others, a)
		}
	})
	if best == nil {
		if t != nil {
			t.Reason = Reason{Code: CodeSrcNone}
		}
		return chosen{}
	}
	equals := s.unordered(best)
	if len(equals) > 0 && equals[0].addr != best {
		if i := slices.Index(others, equals[0].addr); i >= 0 {
			others[i] = best
		}
		best = equals[0].addr
	}
	t.take6(&s, best, others)
	if len(equals) > 1 {
		return t.equals6(equals)
	}
	return chosen{addr: best.Prefix.Addr()}
}

// unordered are the best address and those that are as good and may come before it,
// because it is not known which of their devices is first.
func (s *selection6) unordered(best *route.Addr) []lender {
	f := s.fib
	if f.order6.known || s.only() {
		return nil
	}
	vrf := f.vrf(s.link)
	if vrf != 0 && (best.Link == s.link || best.Link == vrf) { // these come first
		return nil
	}
	var equals []lender
	for _, d := range f.order6.devices {
		if d.vrf != vrf {
			continue
		}
		i := slices.IndexFunc(d.addrs6, func(a *route.Addr) bool { return candidate6(a) && s.equal(best, a) })
		if i >= 0 {
			equals = append(equals, lender{d, d.addrs6[i]})
		}
	}
	return f.order6.first(equals)
}

// equal reports whether no rule tells two addresses apart.
func (s *selection6) equal(a, b *route.Addr) bool {
	rule, _ := s.compare(a, b)
	return rule == len(rules6)
}

// only reports whether the addresses of the output device alone are candidates.
func (s *selection6) only() bool {
	if s.link == 0 { // no route, and so no device
		return false
	}
	d := s.fib.byIndex[s.link]
	return s.dst.IsMulticast() || s.scope <= 2 || d != nil && s.walk.conf(route.IPv6, d, settingUseOifAddrsOnly) != 0
}

// candidate6 reports whether an address may be a source at all.
func candidate6(a *route.Addr) bool {
	ip := a.Prefix.Addr()
	return usable6(a) && !ip.IsMulticast() && !ip.IsUnspecified()
}

// usable6 reports whether duplicate address detection has left an address for use.
func usable6(a *route.Addr) bool {
	return (a.Flags&route.AddrTentative == 0 || a.Flags&route.AddrOptimistic != 0) && a.Flags&route.AddrDADFailed == 0
}

// candidates calls try with the addresses among which the kernel chooses, in its order.
// They are those of all devices of the same VRF or, without a VRF, of all devices outside
// VRFs. For multicast and link-local destinations, and with use_oif_addrs_only, they are
// only those of the output device.
func (s *selection6) candidates(try func(*route.Addr)) {
	f, link := s.fib, s.link
	tryAll := func(d *device) {
		for _, a := range d.addrs6 {
			try(a)
		}
	}
	d := f.byIndex[link]
	if s.only() {
		if d != nil {
			tryAll(d)
		}
		return
	}
	vrf := f.vrf(link)
	if vrf != 0 { // the device and its VRF come first
		tryAll(d)
		if vrf != link {
			tryAll(f.byIndex[vrf])
		}
	}
	for _, o := range f.order6.devices {
		if o.vrf == vrf && (vrf == 0 || o.Index != link && o.Index != vrf) {
			tryAll(o)
		}
	}
}

// selection6 is one choice of a source address.
type selection6 struct {
	walk  *walk // whose question it is
	fib   *FIB
	dst   netip.Addr
	link  int
	scope int
	label uint32
}

// compare reports whether b is a better source than a, the earlier one, and gives the
// rule by which the two differ. If no rule does, the earlier one stays.
func (s *selection6) compare(a, b *route.Addr) (rule int, better bool) {
	for i := range rules6 {
		if x, y := s.score(i, a), s.score(i, b); x != y {
			return i, y > x
		}
	}
	return len(rules6), false
}

// rules6 are the rules by which two sources are compared, in order
// (ipv6_get_saddr_eval).
var rules6 = [...]Code{
	CodeSrcSame, CodeSrcScope6, CodeSrcDeprecated, CodeSrcDevice, CodeSrcLabel,
	CodeSrcTemporary, CodeSrcOrchid, CodeSrcPrefix, CodeSrcOptimistic,
}

// score is how well an address does by a rule.
func (s *selection6) score(rule int, a *route.Addr) int {
	switch rules6[rule] {
	case CodeSrcSame:
		return s.same(a)
	case CodeSrcScope6:
		return s.scopeScore(a)
	case CodeSrcDeprecated:
		return s.preferred(a)
	case CodeSrcDevice:
		return s.onDevice(a)
	case CodeSrcLabel:
		return s.sameLabel(a)
	case CodeSrcTemporary:
		return s.public(a)
	case CodeSrcOrchid:
		return s.orchid(a)
	case CodeSrcPrefix:
		return s.commonBits(a)
	}
	return notOptimistic(a)
}

func (s *selection6) same(a *route.Addr) int { return truth(a.Prefix.Addr() == s.dst) }

// scopeScore is rule 2, the kernel's score for the scope. A scope as large as the
// destination's is best, a larger one is worse, and a smaller one is the worst.
func (s *selection6) scopeScore(a *route.Addr) int {
	scope := scope6(a.Prefix.Addr())
	if scope >= s.scope {
		return -scope
	}
	return scope - 128
}

// preferred is rule 3: avoid deprecated addresses, and optimistic ones unless they count
// as good as others.
func (s *selection6) preferred(a *route.Addr) int {
	bad := a.Flags & route.AddrDeprecated
	if s.walk.conf(route.IPv6, s.fib.byIndex[a.Link], settingUseOptimistic) == 0 &&
		s.walk.conf(route.IPv6, nil, settingUseOptimistic) == 0 {
		bad |= a.Flags & route.AddrOptimistic
	}
	return truth(bad == 0)
}

// onDevice is rule 5.
func (s *selection6) onDevice(a *route.Addr) int { return truth(s.link == 0 || a.Link == s.link) }

// sameLabel is rule 6.
func (s *selection6) sameLabel(a *route.Addr) int {
	return truth(s.fib.label6(a.Prefix.Addr(), a.Link) == s.label)
}

// public is rule 7: public addresses, or temporary ones if use_tempaddr says so.
func (s *selection6) public(a *route.Addr) int {
	temporary := s.walk.conf(route.IPv6, s.fib.byIndex[a.Link], settingUseTempaddr) >= 2
	return truth((a.Flags&route.AddrTemporary != 0) == temporary)
}

// orchid is rule 7a of the kernel: to an ORCHID (RFC 4843), an ORCHID is better.
func (s *selection6) orchid(a *route.Addr) int {
	return truth(isOrchid(a.Prefix.Addr()) == isOrchid(s.dst))
}

// commonBits is rule 8, capped by the length of the address's own prefix.
func (s *selection6) commonBits(a *route.Addr) int {
	return min(commonPrefix(a.Prefix.Addr(), s.dst), a.Prefix.Bits())
}

func notOptimistic(a *route.Addr) int { return truth(a.Flags&route.AddrOptimistic == 0) }

func truth(b bool) int {
	if b {
		return 1
	}
	return 0
}

func isOrchid(a netip.Addr) bool {
	b := a.As16()
	return b[0] == 0x20 && b[1] == 0x01 && b[2] == 0x00 && b[3]&0xf0 == 0x10
}

func commonPrefix(a, b netip.Addr) int {
	x, y := a.As16(), b.As16()
	for i := range x {
		if d := x[i] ^ y[i]; d != 0 {
			return i*8 + bits.LeadingZeros8(d)
		}
	}
	return 128
}

// scope6 is an address's scope on the scale of multicast scopes (RFC 4007,
// __ipv6_addr_src_scope): 0 none (::), 1 interface, 2 link, 5 site, 14 global.
func scope6(a netip.Addr) int {
	b := a.As16()
	switch {
	case a.IsMulticast():
		return int(b[1] & 0xf)
	case a.IsUnspecified():
		return 0
	case a.IsLoopback(), a.IsLinkLocalUnicast():
		return 2
	case b[0] == 0xfe && b[1]&0xc0 == 0xc0:
		return 5
	}
	return 14
}

// label6 is an address's label in the policy table: the longest prefix that
// covers it, those for its device included (ipv6_addr_label).
func (f *FIB) label6(a netip.Addr, link int) uint32 {
	labels := f.labels
	best := -1
	for i := range labels {
		l := &labels[i]
		if (l.Link == 0 || l.Link == link) && l.Prefix.Contains(a) &&
			(best < 0 || l.Prefix.Bits() > labels[best].Prefix.Bits()) {
			best = i
		}
	}
	if best < 0 {
		return ^uint32(0)
	}
	return labels[best].Label
}

// take6 records the address that is taken and, for each other one, the rule by which it
// lost. The rule of the last loser is the winner's reason.
func (t *SourceTrial) take6(s *selection6, best *route.Addr, others []*route.Addr) {
	if t == nil {
		return
	}
	last := -1
	for _, a := range others {
		rule, _ := s.compare(best, a)
		last = max(last, rule)
		t.reject(a, Reason{Code: ruleCode(rule)})
	}
	t.Link, t.Reason = best.Link, Reason{Code: CodeSrcOnly}
	if last >= 0 {
		t.Reason.Code = ruleCode(last)
	}
	t.Candidates = slices.Insert(t.Candidates, 0, SourceCandidate{*best, VerdictChosen, t.Reason})
}

// equals6 records, after take6, that others are as good as the one that was taken.
func (t *SourceTrial) equals6(equals []lender) chosen {
	c := lent(equals)
	if t == nil || c.certain() {
		return c
	}
	t.Link, t.Reason = 0, Reason{Code: CodeSrcUnordered}
	for i := range t.Candidates {
		o := &t.Candidates[i]
		if slices.ContainsFunc(equals, func(l lender) bool { return *l.addr == o.Addr }) {
			o.Verdict, o.Reason = VerdictPossible, t.Reason
		}
	}
	return c
}

func ruleCode(rule int) Code {
	if rule == len(rules6) {
		return CodeSrcOrder
	}
	return rules6[rule]
}
