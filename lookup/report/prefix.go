package report

import (
	"net/netip"
	"slices"

	"routewhy/lookup"
	"routewhy/route"
	"routewhy/route/iproute2"
)

// Prefix is what there is to say of a prefix: its entries in every table.
type Prefix struct {
	Query Query `json:"query"`
	// Decision is about an address of the prefix that no longer prefix covers. Its Default
	// says that the prefix is 0.0.0.0/0 or ::/0. Its WayOut is "dead" if packets take an
	// entry of the prefix and nothing gets out by it.
	Decision
	// Used says that some packets take an entry. Condition says which: those that one of
	// these matches; absent: ordinary packets take one.
	Used      bool        `json:"used"`
	Condition []Condition `json:"condition,omitempty"`
	// OnlySome says that only packets of that condition take an entry, and that ordinary
	// packets get nowhere.
	OnlySome bool `json:"only_some,omitempty"`
	// Entries are those of exactly the prefix. Tables are in the order in which the rules
	// lead to them; those that no rule leads to are last.
	Entries []Entry `json:"entries,omitempty"`
	// ReplacedBy are longer prefixes that carry every address of a default route that no
	// packet takes. For ::/0 they may be those that carry all of 2000::/3, which has all
	// addresses of the Internet; some other packets take ::/0 then.
	ReplacedBy []Entry `json:"replaced_by,omitempty"`
	// Longer are the longer prefixes that take addresses out of it.
	Longer []Longer `json:"longer,omitempty"`
	// OwnAddresses are those of this host in the prefix, unless it is a single address or
	// the default route's.
	OwnAddresses []OwnAddress `json:"own_addresses,omitempty"`
	// Thrown is a shorter prefix of type throw that ends its table for the prefix's
	// addresses, if nothing else carries them.
	Thrown *iproute2.Route `json:"thrown,omitempty"`
	// Partial says that some routes of the family are not known. Unread says why none is
	// known.
	Partial bool   `json:"partial,omitempty"`
	Unread  string `json:"unread,omitempty"`
	// Assumptions are facts that the answer rests on although they were not read.
	Assumptions []Finding `json:"assumptions,omitempty"`
	// Warnings say what would surprise.
	Warnings []Finding `json:"warnings,omitempty"`
}

// Longer are the longer prefixes inside a prefix, of one table.
type Longer struct {
	Table string `json:"table"`
	// Count is how many prefixes there are, and Routes how many routes they have.
	Count  int `json:"count"`
	Routes int `json:"routes"`
	// First are some of the routes, those with the shortest prefixes first.
	First []iproute2.Route `json:"first"`
}

// OwnAddress is an address of this host.
type OwnAddress struct {
	Address netip.Addr `json:"address"`
	Dev     string     `json:"dev"`
}

// NewPrefix explains a prefix.
func NewPrefix(f *lookup.FIB, dst netip.Prefix) *Prefix {
	n, flow := namesOf(f), f.Typical(dst)
	d := f.Lookup(flow)
	p := &Prefix{
		Query: Query{Dst: dst}, Decision: NewDecision(f, &flow, &d, nil), Entries: NewEntries(f, f.EntryStatuses(dst)),
		Longer: n.longer(dst), OwnAddresses: n.ownAddresses(dst),
	}
	p.Used = slices.ContainsFunc(p.Entries, func(e Entry) bool { return e.Used })
	rest := slices.ContainsFunc(p.Entries, func(e Entry) bool { return e.Reason.Code == lookup.CodeRestOf })
	if dst.Bits() == 0 && (!p.Used || rest) {
		p.ReplacedBy = NewEntries(f, f.Replacements(dst))
	}
	if some := !slices.ContainsFunc(p.Entries, func(e Entry) bool { return e.Always() }); p.Used && some {
		p.Condition = conditions(p.Entries)
		p.OnlySome = len(p.ReplacedBy) == 0 && f.Refuses(dst)
	}
	p.Default, p.Why, p.WayOut = dst.Bits() == 0, p.deadEnd(), ""
	if p.Why.Code != "" {
		p.WayOut = wayOutDead
	}
	if d.Disposition == lookup.DispositionNoRoute {
		p.Thrown = n.route(f.Thrown(dst))
	}
	for _, g := range n.snap.Gaps {
		if g.Fact == route.FactRoutes && (g.Family == 0 || g.Family == flow.Family()) {
			p.Partial = true
			if len(g.Tables) == 0 && p.Unread == "" {
				p.Unread = g.Why
			}
		}
	}
	p.Assumptions = n.assumedOf(p)
	p.Warnings = append(n.warningsOf(p), n.findings(&flow, p.stopped(f, &flow, &d))...)
	if n.snap.Changed {
		p.MarkChanging()
	}
	return p
}

// conditions are those of the entries that packets take, each once.
func conditions(all []Entry) []Condition {
	var out []Condition
	seen := map[string]bool{}
	for i := range all {
		for _, c := range all[i].Condition {
			if text := c.Selector(); all[i].Used && !seen[text] {
				seen[text] = true
				out = append(out, c)
			}
		}
	}
	return out
}

func (n names) longer(p netip.Prefix) []Longer {
	var out []Longer
	for _, in := range n.fib.Inside(p) {
		l := Longer{Table: n.table(in.Table), Count: in.Count, Routes: in.Routes}
		for i := range in.First {
			l.First = append(l.First, *n.route(&in.First[i]))
		}
		out = append(out, l)
	}
	return out
}

func (n names) ownAddresses(p netip.Prefix) []OwnAddress {
	if p.Bits() == 0 || p.IsSingleIP() {
		return nil
	}
	var out []OwnAddress
	for i := range n.snap.Addrs {
		if a := &n.snap.Addrs[i]; p.Contains(a.Prefix.Addr()) {
			out = append(out, OwnAddress{a.Prefix.Addr(), n.dev(a.Link)})
		}
	}
	return out
}

// deadEnd says why nothing gets out by the entries that packets take: all next hops of
// those that are taken first have a fault. The zero Reason: packets may get out.
func (p *Prefix) deadEnd() Reason {
	var first Reason
	for _, e := range p.leading() {
		if why := e.deadEnd(); why.Code == "" {
			return why
		} else if first.Code == "" {
			first = why
		}
	}
	return first
}

// leading are the entries that replace a default route or, if there is none, those that
// ordinary packets take or, if there is none, those that some packets take.
func (p *Prefix) leading() []*Entry {
	var plain, some []*Entry
	for i := range p.ReplacedBy {
		plain = append(plain, &p.ReplacedBy[i])
	}
	if len(plain) > 0 {
		return plain
	}
	for i := range p.Entries {
		switch e := &p.Entries[i]; {
		case e.Always(), e.TakesTurns():
			plain = append(plain, e)
		case e.Used:
			some = append(some, e)
		}
	}
	if len(plain) > 0 {
		return plain
	}
	return some
}

// assumedOf are the facts that an answer about a prefix rests on although they were not
// read.
func (n names) assumedOf(p *Prefix) []Finding {
	fam := p.Query.Family()
	if n.snap.Lacks(route.FactRoutes, fam) {
		return nil
	}
	var out []Finding
	for _, g := range n.snap.Gaps {
		rests := g.Fact == route.FactRules && g.Assumed || g.Fact == route.FactOddLines && !p.Unknown() ||
			g.Fact == route.FactDefault || g.Fact == route.FactChoice || g.Fact == route.FactLegs && len(p.Entries) > 0
		if !rests || g.Family != 0 && g.Family != fam {
			continue
		}
		x := Finding{Reason: Reason{Code: GapCode(g.Fact)}}
		if g.Fact == route.FactOddLines || g.Fact == route.FactChoice {
			x.Have = Text(g.Why)
		}
		out = append(out, x)
	}
	return out
}

// warningsOf are the warnings of the entries, each once, and those about the prefix.
func (n names) warningsOf(p *Prefix) []Finding {
	var out []Finding
	dst := p.Query.Dst
	seen := map[sameFinding]bool{}
	for i := range p.Entries {
		for _, x := range p.Entries[i].Warnings { // two entries may have the same next hop
			if k := x.same(); !seen[k] {
				seen[k] = true
				out = append(out, x)
			}
		}
	}
	if slices.ContainsFunc(p.Entries, func(e Entry) bool { return e.Status == lookup.StatusNever }) {
		out = append(out, Finding{Reason: Reason{Code: lookup.NoteZeroHostRoute, Have: operand(dst)}})
	}
	if dst.Addr().IsLoopback() {
		out = append(out, Finding{Reason: Reason{Code: lookup.NoteSpecialDst, Have: operand(dst)}})
	}
	if dst.Bits() == 0 && len(p.Entries) == 0 {
		out = append(out, n.findings(&route.Flow{}, n.fib.NoDefault(p.Query.Family()))...)
	}
	return out
}

// stopped says what stops every packet that takes a default route, or what replaces it, after
// the decision d: an IPsec policy blocks them all, or the tunnel that they go into sends nothing.
func (p *Prefix) stopped(f *lookup.FIB, flow *route.Flow, d *lookup.Decision) []lookup.Note {
	if !p.Default || p.Unknown() || !p.Used && len(p.ReplacedBy) == 0 {
		return nil
	}
	of := namesOf(f)
	out := slices.DeleteFunc(f.OuterNotes(flow.Dst, d), func(n lookup.Note) bool {
		return n.Code == lookup.NoteOuter || n.Code == lookup.NoteNoPeer || of.kind(n.Have) == lookup.KindVXLAN
	})
	for _, n := range f.Notes(f.Explain(*flow)) {
		if x, ok := n.Have.(route.Policy); ok && x.Block && x.Dst.Bits() == 0 && x.Src.Bits() == 0 {
			out = append(out, n)
		}
	}
	return out
}

// Blocked reports whether an IPsec policy blocks every packet that takes a default route.
func (p *Prefix) Blocked() bool { return has(p.Warnings, lookup.NotePolicy) }

// sameFinding is equal for findings about entries of one prefix that say the same.
type sameFinding struct {
	reason  Reason
	gateway Reach
}

func (f *Finding) same() sameFinding {
	k := sameFinding{reason: f.Reason}
	if f.Gateway != nil {
		k.gateway = *f.Gateway
	}
	return k
}

// Unknown reports whether it is not known if some packet takes an entry.
func (p *Prefix) Unknown() bool {
	if p.Used {
		return false
	}
	open := func(e Entry) bool { return e.Status == lookup.StatusUnknown }
	return len(p.Entries) == 0 && p.Disposition == lookup.DispositionUnknown || slices.ContainsFunc(p.Entries, open)
}

// Status is [StatusNoRoute] if no packet takes an entry of the prefix.
func (p *Prefix) Status() Status {
	switch {
	case p.Unknown():
		return StatusUnknown
	case !p.Used && len(p.ReplacedBy) == 0, p.OnlySome, p.WayOut != "", p.Blocked():
		return StatusNoRoute
	}
	return StatusAnswered
}

// Changing reports whether the tables were changing while they were read.
func (p *Prefix) Changing() bool { return has(p.Warnings, lookup.NoteChanging) }

// MarkChanging says that the tables were changing while they were read.
func (p *Prefix) MarkChanging() {
	if !p.Changing() {
		p.Warnings = slices.Insert(p.Warnings, 0, Finding{Reason: Reason{Code: lookup.NoteChanging}})
	}
}
