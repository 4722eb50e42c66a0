package text

import (
	"cmp"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"

	"routewhy/lookup"
	"routewhy/lookup/report"
	"routewhy/route/iproute2"
)

// entries is a prefix that is put into words.
type entries struct{ *report.Prefix }

// dst is the prefix.
func (e entries) dst() netip.Prefix { return e.Query.Dst }

// ExplainPrefix writes a prefix as text.
func ExplainPrefix(w io.Writer, r *report.Prefix, st Style) error {
	e, p := entries{r}, &page{w: w, st: st}
	tint := bold
	if !e.Used && len(e.ReplacedBy) == 0 || e.OnlySome || e.WayOut != "" || e.Blocked() {
		tint = red
	}
	text := e.headline()
	if st.Quiet && e.Changing() {
		text += changingAside
	}
	p.line(p.st.paint(tint, text))
	if st.Quiet {
		return p.err
	}
	if len(e.Entries) > 0 {
		p.blank()
		p.standings("  entry    ", e.Entries)
	}
	p.blank()
	if own := e.own(); len(own) > 0 {
		p.detail("own", listed(own)+" in it "+map[bool]string{true: "is this host's address", false: "are this host's addresses"}[len(own) == 1], plain)
	}
	for i := range e.Longer {
		p.longer(e, &e.Longer[i])
	}
	for i := range e.Assumptions {
		p.detail("assumed", factWords(&e.Assumptions[i]), yellow)
	}
	for i := range e.Warnings {
		p.detail("note", e.finding(&e.Warnings[i]), yellow)
	}
	return p.err
}

// longer writes the longer prefixes of a table.
func (p *page) longer(e entries, in *report.Longer) {
	if in.Table == tableLocal && !p.st.Verbose {
		return // these are this host's own addresses
	}
	if e.Default && len(e.Entries) == 0 && onlyLinkLocal(in) && !p.st.Verbose {
		return // there is no default route of IPv6, and only the routes that every device has
	}
	var first []string
	for i := range in.First {
		first = append(first, routeLine(&in.First[i]))
	}
	more := ""
	if in.Routes > len(first) {
		more = ", …"
		if !p.st.Unicode {
			more = ", ..."
		}
	}
	p.detail("inside", e.longerWords(in)+": "+strings.Join(first, ", ")+more, plain)
}

// onlyLinkLocal reports whether all longer prefixes are of link-local addresses.
func onlyLinkLocal(in *report.Longer) bool {
	other := func(r iproute2.Route) bool {
		a := prefixOf(&r).Addr()
		return !a.Is6() || !a.IsLinkLocalUnicast()
	}
	return in.Routes == len(in.First) && !slices.ContainsFunc(in.First, other)
}

// prefixOf is the destination of a route. The zero Prefix means that it is not
// understood.
func prefixOf(r *iproute2.Route) netip.Prefix {
	p, err := netip.ParsePrefix(r.Dst)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}

// longerWords says how many longer prefixes a table has, and what that means if the
// prefix itself has an entry.
func (e entries) longerWords(in *report.Longer) string {
	who, takes, is := "1 longer prefix", "takes", "is"
	if in.Count > 1 {
		who, takes, is = fmt.Sprint(in.Count)+" longer prefixes", "take", "are"
	}
	who += " of " + tableWords(in.Table) + " "
	if len(e.Entries) == 0 {
		return who + is + " inside it"
	}
	return who + takes + " addresses out of it"
}

// headline answers whether the prefix has an entry that is used.
func (e entries) headline() string {
	name := e.dst().String()
	if e.Default {
		name = "the default route " + name
	}
	for i := range e.Entries {
		if x := &e.Entries[i]; x.Always() && x.Reason.Code != lookup.CodeRestOf {
			fault := ""
			if but(x) == "" { // one fault is enough for a first line
				fault = cmp.Or(misfit(x.Warnings), misfit(e.Warnings))
			}
			return fmt.Sprintf("%s is in use: %s", name, e.inUse(x)) + e.ifStandard() + exceptions(x) + fault
		}
	}
	if len(e.ReplacedBy) > 0 && len(e.Entries) > 0 {
		return name + " is replaced by " + e.replaced()
	}
	if len(e.ReplacedBy) > 0 {
		return fmt.Sprintf("there is no default route for %s: it is replaced by %s", e.Query.Family(), e.replaced())
	}
	switch some := e.conditional(); {
	case e.OnlySome && len(some) > 0:
		return fmt.Sprintf("%s is for some packets only, others get %s: %s", name, programErrno(&e.Decision), strings.Join(some, "; "))
	case len(some) > 1:
		return fmt.Sprintf("%s is for some packets: %s", name, strings.Join(some, "; "))
	}
	if len(e.Entries) > 0 {
		x := e.mostUsed()
		if x.Status == lookup.StatusUnknown {
			return fmt.Sprintf("whether %s is used is unknown: %s", name, uncertainWords(x.Reason))
		}
		if where := tableWords(x.Route.Table); x.Status == lookup.StatusRefuses && x.TypeUnread {
			return fmt.Sprintf("%s in %s refuses packets: %s", name, where, refusal(x))
		} else if x.Status == lookup.StatusRefuses {
			return fmt.Sprintf("%s refuses packets: %s in %s, %s", name, x.Route.Type, where, refusal(x))
		}
		return fmt.Sprintf("%s is in %s, %s", name, tableWords(x.Route.Table), standing(x)+but(x))
	}
	return e.absence(name)
}

// absence says what happens to the addresses of a prefix that is in no table.
func (e entries) absence(name string) string {
	r := e.Route
	if r != nil && prefixOf(r).Bits() >= e.dst().Bits() {
		r = nil
	}
	switch {
	case e.Disposition == lookup.DispositionUnknown:
		return name + " is unknown: " + e.unread()
	case e.Rule != nil && e.Route == nil:
		return fmt.Sprintf("%s: rule %d decides about its addresses (%s)", e.absent(name), e.Rule.Priority, e.Rule.Does())
	case r != nil && e.Disposition.Success():
		return fmt.Sprintf("%s: %s carries its addresses", e.absent(name), routeLine(r))
	case r != nil:
		return fmt.Sprintf("%s: %s in %s refuses its addresses, programs get %s", e.absent(name), r.Destination(), tableWords(r.Table), programErrno(&e.Decision))
	case e.Thrown != nil:
		return fmt.Sprintf("%s: %s in %s ends that table for its addresses, and no table after it has a route: programs get %s",
			e.absent(name), e.Thrown.Destination(), tableWords(e.Thrown.Table), programErrno(&e.Decision))
	case e.Default && e.Errno == 0 && e.Route != nil:
		return fmt.Sprintf("there is no default route for %s, but longer prefixes have routes: %s", e.Query.Family(), routeLine(e.Route))
	case e.Default:
		return fmt.Sprintf("there is no default route for %s: what no other route covers gets %s", e.Query.Family(), programErrno(&e.Decision))
	case e.dst() == netip.PrefixFrom(netip.IPv4Unspecified(), 32):
		return e.absent(name) + ", and the kernel never looks up 0.0.0.0"
	}
	return e.absent(name) + ", and no other route covers all of it"
}

// maxOwn is how many of this host's addresses in a prefix are named.
const maxOwn = 4

// own names this host's addresses in a prefix.
func (e entries) own() []string {
	var out []string
	for _, a := range e.OwnAddresses {
		out = append(out, a.Address.String()+" on "+iproute2.Safe(a.Dev))
	}
	if n := len(out); n > maxOwn {
		out = append(out[:maxOwn], fmt.Sprintf("%d more", n-maxOwn))
	}
	return out
}

// maxConditional is how many entries that only some packets take are named in the
// first line.
const maxConditional = 4

// conditional are the entries that only some packets take: their ways, and which
// packets take them.
func (e entries) conditional() []string {
	var out []string
	more := 0
	for i := range e.Entries {
		x := &e.Entries[i]
		if x.Status != lookup.StatusConditional {
			continue
		}
		if len(out) == maxConditional {
			more++
			continue
		}
		out = append(out, strings.TrimSpace(entryWay(&x.Route)+" in "+tableWords(x.Route.Table))+", "+standing(x)+but(x))
	}
	if more > 0 {
		out = append(out, count(more, "more"))
	}
	return out
}

// replaced says which longer prefixes together carry every address of a default
// route, and by which ways.
func (e entries) replaced() string {
	var prefixes, ways []string
	var all []*report.Entry
	for i := range e.ReplacedBy {
		x := &e.ReplacedBy[i]
		all = append(all, x)
		if p := x.Route.Dst; !slices.Contains(prefixes, p) {
			prefixes = append(prefixes, p)
		}
		if way := entryWay(&x.Route) + " in " + tableWords(x.Route.Table); !slices.Contains(ways, way) {
			ways = append(ways, way)
		}
	}
	return fmt.Sprintf("%s: %s", and(prefixes), and(ways)) + cmp.Or(but(all...), misfit(e.Warnings))
}

// and joins words into a list.
func and(list []string) string {
	last := len(list) - 1
	return strings.Join(nonEmpty(strings.Join(list[:last], ", "), list[last]), " and ")
}

// entryWay says by which way an entry sends packets, or what it does instead.
func entryWay(r *iproute2.Route) string {
	if r.Type != typeUnicast {
		return strings.TrimSpace(string(r.Type) + " " + r.Way())
	}
	if n := len(r.NextHops); n >= maxNamed {
		return "over " + numeral(n) + " next hops"
	}
	return r.Way()
}

// absent says that no table has the entry, as far as this is known.
func (e entries) absent(name string) string {
	if e.Partial {
		return name + " is in no table that is known"
	}
	return name + " is in no table"
}

// unread says which facts are missing if nothing is known about the entry.
func (e entries) unread() string {
	if e.Unread != "" {
		return fmt.Sprintf("the routes of %s are missing (%s)", e.Query.Family(), iproute2.Safe(e.Unread))
	}
	return uncertainWords(e.Ambiguous)
}

// inUse says by which way an entry is used, and which other entries are also used
// because they are equal.
func (e entries) inUse(x *report.Entry) string {
	where := " in " + tableWords(x.Route.Table)
	if turns := e.turns(x); len(turns) > 1 {
		var ways []string
		for _, t := range turns {
			ways = append(ways, t.Route.Way())
		}
		return strings.Join(ways, " or ") + where + ", which have the same metric" + but(turns...)
	}
	return entryWay(&x.Route) + where + but(x)
}

// ifStandard ends a first line that is right only if the rules are the default ones: they are
// not listed, and another table has the prefix too.
func (e entries) ifStandard() string {
	for i := range e.Entries {
		if e.Entries[i].Reason.Code == lookup.CodeRulesUnlisted {
			return ", if the rules are the default ones"
		}
	}
	return ""
}

// turns are the equal default routes that the kernel uses in turn, if the entry is
// one of them.
func (e entries) turns(x *report.Entry) []*report.Entry {
	var out []*report.Entry
	for i := range e.Entries {
		if o := &e.Entries[i]; x.SameTie(o) && o.TakesTurns() {
			out = append(out, o)
		}
	}
	return out
}

// mostUsed is the entry that says most. If there is an entry that some packets take,
// it is that one.
func (e entries) mostUsed() *report.Entry {
	for i := range e.Entries {
		switch e.Entries[i].Status {
		case lookup.StatusConditional, lookup.StatusRefuses:
			return &e.Entries[i]
		}
	}
	return &e.Entries[0]
}

// finding puts a finding about a prefix into words.
func (e entries) finding(n *report.Finding) string {
	switch {
	case n.Code == lookup.NoteChanging:
		return changingWords
	case n.Code == lookup.NotePolicy && n.Policy != nil:
		return fmt.Sprintf(`an IPsec policy blocks what goes there (ip xfrm policy: src %s dst %s dir out): programs get EPERM, "Operation not permitted"`, n.Policy.Src, n.Policy.Dst)
	case n.Code == lookup.NoteSpecialDst:
		return loopbackWords(n.Have.String())
	case n.Code == lookup.NoteZeroHostRoute && n.Route == nil:
		return fmt.Sprintf("%s covers one address, which the kernel never looks up; the default route is 0.0.0.0/0", n.Have)
	}
	if text := noDefaultWords(n); text != "" {
		return text
	}
	return entryFinding(n)
}

// annotatePrefix adds to each finding of a prefix its text as a sentence.
func annotatePrefix(r *report.Prefix) {
	for i := range r.Assumptions {
		r.Assumptions[i].Text = factWords(&r.Assumptions[i])
	}
	for i := range r.Warnings {
		r.Warnings[i].Text = entries{r}.finding(&r.Warnings[i])
	}
	annotateEntries(r.Entries)
	annotateEntries(r.ReplacedBy)
}

func annotateEntries(all []report.Entry) {
	for i := range all {
		for j := range all[i].Warnings {
			all[i].Warnings[j].Text = entryFinding(&all[i].Warnings[j])
		}
	}
}
