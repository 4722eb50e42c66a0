// Package expect decides whether a host does what is expected of it. The decision is
// exact, for all addresses of a destination.
package expect

import (
	"net/netip"
	"slices"

	"routewhy/lookup"
	"routewhy/lookup/change/command"
	"routewhy/lookup/coverage"
	"routewhy/route"
)

// State says whether an expectation is met. The zero value is no state.
type State string

// The states.
const (
	OK      State = "ok"
	No      State = "no"
	Unknown State = "unknown" // what was read does not tell
)

// Word is the word of an expectation that is not met.
type Word string

// The words.
const (
	WordDev     Word = "dev"
	WordVia     Word = "via"
	WordTable   Word = "table"
	WordSrc     Word = "src"
	WordRefused Word = "refused"
	WordNone    Word = "none"
	WordLocal   Word = "local"
	// WordDefault: no packet takes a default route.
	WordDefault Word = "default"
)

// Question is an expectation in which devices and tables are the host's own numbers.
type Question struct {
	// If the Flow has no source and no input device, the packets of all sockets are meant:
	// see [Sockets].
	//
	// Dst is the destination. All of its addresses are meant. If its length is 0, it
	// means the addresses whose packets take a default route. If no packet takes one, it
	// means those that take the longer prefixes that replace it (see
	// [lookup.FIB.Replacements]). Multicast groups are not included. Of IPv6, it means
	// those of [Unicast6], and only 2000::/3 if that is what is replaced.
	Dst netip.Prefix
	// Flow is the packet except for its destination.
	Flow   route.Flow
	Wanted Wanted
}

// Wanted is what is expected of each packet. A field that is zero is not asked about.
type Wanted struct {
	// Link is the index of the device; -1: the host has no such device.
	Link int
	Via  netip.Addr
	// Table is asked about if HasTable is set. [route.TableUnspec] means that the host
	// has no table of that name.
	Table    route.Table
	HasTable bool
	Src      netip.Prefix
	Fate     command.Fate
}

// Result says whether an expectation is met, and where it is not.
type Result struct {
	State State
	// Word is the word that is not met. It is empty if the state is OK, or if nothing
	// can be said.
	Word Word
	// First and Last are the part of the destination where it is not met. If there are
	// several Parts, they are the largest of them. With [WordDefault], and if it is met,
	// they are zero.
	First, Last netip.Addr
	Parts       int
	// Whole says that it is not met for any address.
	Whole bool
	// Addr is the first address of the largest range in that part for which the
	// decision is the same. Decision is the decision about a packet to it; nil: there
	// is none.
	Addr     netip.Addr
	Decision *lookup.Decision
	// Src is the source with which the packet was looked up again, and Decision the second
	// decision; the zero Addr: it is the first one, which chooses the source.
	Src netip.Addr
	// Sockets are those that the result is about.
	Sockets Sockets
	// Some says that only some flows do not meet it. Share is their part of all flows;
	// zero: it cannot be known.
	Some  bool
	Share float64
}

// Hold decides about an expectation.
func Hold(f *lookup.FIB, r *coverage.Ranges, q *Question) Result {
	if q.Dst.Bits() > 0 {
		return over(r, []*Question{q}, func(*lookup.Decision) bool { return true })
	}
	others := f.Replacements(q.Dst)
	parts := q.parts()
	if len(others) > 0 && lookup.Global6().Contains(others[0].Route.Dst.Addr()) {
		parts = parts[:1]
	}
	// For a packet that goes to many hosts, a default route only gives the device.
	out := over(r, parts, func(d *lookup.Decision) bool { return d.Default() && !d.IsGroup() })
	if out.State != "" {
		return out
	}
	if len(others) > 0 {
		out = over(r, parts, func(d *lookup.Decision) bool {
			return d.HasRoute && !d.IsGroup() && slices.ContainsFunc(others, func(s lookup.EntryStatus) bool { return s.Route.Dst == d.Route.Dst })
		})
	}
	switch {
	case out.State != "":
		return out
	case q.Wanted.Fate == command.FateNone:
		return Result{State: OK}
	}
	return Result{State: No, Word: WordDefault}
}

// Unicast6 are the addresses that an IPv6 packet may take a default route to, the Internet's
// first: 2000::/3 (see [lookup.Global6]), those that stand for IPv4 addresses (64:ff9b::/96,
// RFC 6052, and 64:ff9b:1::/48, RFC 8215), and fc00::/7 (RFC 4193). The zero address,
// loopback, link-local and multicast addresses are not among them, nor are those that
// nobody has been given.
func Unicast6() []netip.Prefix {
	return []netip.Prefix{
		lookup.Global6(),
		netip.PrefixFrom(netip.AddrFrom16([16]byte{0x00, 0x64, 0xff, 0x9b}), 96),
		netip.PrefixFrom(netip.AddrFrom16([16]byte{0x00, 0x64, 0xff, 0x9b, 0x00, 0x01}), 48),
		unique6(),
	}
}

// unique6 has the unique local addresses of a site.
func unique6() netip.Prefix { return netip.PrefixFrom(netip.AddrFrom16([16]byte{0xfc}), 7) }

// parts are what a question about the default route means. A host that has a unique local
// address and a global one sends packets to other unique local addresses from the former
// (RFC 6724, rule 6), so that a source is expected only of packets to the Internet.
func (q *Question) parts() []*Question {
	if q.Dst.Addr().Is4() {
		return []*Question{q}
	}
	var out []*Question
	for _, p := range Unicast6() {
		part := *q
		part.Dst = p
		if p == unique6() && q.Wanted.Src.IsValid() {
			if part.Wanted.Src = (netip.Prefix{}); part.Wanted == (Wanted{}) {
				continue
			}
		}
		out = append(out, &part)
	}
	return out
}

// over decides about those ranges of the destination that concern the expectation.
// Ranges that cannot be decided may concern it. The zero Result means that there are no
// such ranges.
func over(r *coverage.Ranges, parts []*Question, about func(*lookup.Decision) bool) Result {
	var ok, no, unknown gathered
	for _, q := range parts {
		r.Each(q.Flow, q.Dst, q.Wanted.Src, func(first, last netip.Addr, d *lookup.Decision) bool {
			v, d := q.both(r, first, d, about)
			switch v.state {
			case "": // it is not about these packets
			case OK:
				ok.add(first, last, d, v)
			case No:
				no.add(first, last, d, v)
			default:
				unknown.add(first, last, d, v)
			}
			return true
		})
	}
	switch {
	case no.parts > 0:
		out := no.result()
		out.Whole = ok.parts == 0 && unknown.parts == 0
		return out
	case unknown.parts > 0:
		out := unknown.result()
		out.Whole = ok.parts == 0
		return out
	case ok.parts > 0:
		out := ok.result()
		out.First, out.Last, out.Parts = netip.Addr{}, netip.Addr{}, 0
		return out
	}
	return Result{}
}

// gathered are ranges of the same state.
type gathered struct {
	parts      int
	this, most part
}

// part is a row of ranges that follow each other and that have the same fate, and the
// largest of them.
type part struct {
	first, last netip.Addr
	size        coverage.Count
	addr        netip.Addr
	largest     coverage.Count
	decision    lookup.Decision
	verdict     verdict
}

// add adds a range that comes after all others.
func (g *gathered) add(first, last netip.Addr, d *lookup.Decision, v verdict) {
	p := &g.this
	if g.parts == 0 || p.last.Next() != first || !p.verdict.same(v) || !alike(&p.decision, d) {
		g.parts++
		*p = part{first: first}
	}
	p.last = last
	if n := coverage.CountOf(first, last); p.size == (coverage.Count{}) || p.largest.Less(n) {
		p.addr, p.largest, p.verdict = first, n, v
		p.decision = d.Clone()
	}
	p.size = coverage.CountOf(p.first, last)
	if g.most.size.Less(p.size) {
		g.most = *p
	}
}

// alike reports whether two decisions can be told in the same words: packets leave by the
// same next hops, or the same entry refuses them.
func alike(a, b *lookup.Decision) bool {
	if a.Disposition != b.Disposition || a.Errno != b.Errno || a.SomeRefused != b.SomeRefused || a.HasRoute != b.HasRoute || a.Route.Table != b.Route.Table {
		return false
	}
	if !a.Disposition.Success() {
		return a.Rule == b.Rule && a.Route.Dst == b.Route.Dst
	}
	return slices.EqualFunc(a.NextHops, b.NextHops, func(x, y lookup.NextHop) bool {
		return x.Link == y.Link && x.Gateway == y.Gateway && x.Src == y.Src
	})
}

func (g *gathered) result() Result {
	p := &g.most
	return Result{
		Src: p.verdict.src, Sockets: p.verdict.sockets, State: p.verdict.state, Word: p.verdict.word, First: p.first, Last: p.last, Parts: g.parts,
		Addr: p.addr, Decision: &p.decision, Some: p.verdict.some, Share: p.verdict.share,
	}
}
