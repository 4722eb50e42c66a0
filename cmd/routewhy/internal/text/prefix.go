package text

import (
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"

	"routewhy/lookup"
	"routewhy/lookup/report"
	"routewhy/route"
	"routewhy/route/iproute2"
)

// Prefix explains a route entry: where it stands in every table.
type Prefix struct {
	FIB           *lookup.FIB
	Dst           netip.Prefix
	EntryStatuses []lookup.EntryStatus
	Inside        []lookup.Inside
	// ReplacedBy are longer prefixes that carry every address of a default route that
	// no packet takes; empty: there are none such.
	ReplacedBy []lookup.EntryStatus
	// Covering is what carries the prefix's addresses where it is in no table.
	Covering lookup.Decision
	Remarks  []Remark
}

// NewPrefix works an entry out.
func NewPrefix(f *lookup.FIB, p netip.Prefix) *Prefix {
	e := &Prefix{
		FIB: f, Dst: p, EntryStatuses: f.EntryStatuses(p), Inside: f.Inside(p), Covering: f.Covering(p),
	}
	if p.Bits() == 0 && !e.Used() {
		e.ReplacedBy = f.Replacements(p)
	}
	if f.Snapshot().Changed {
		e.MarkChanging()
	}
	return e
}

// Used says whether some packet takes the entry.
func (e *Prefix) Used() bool {
	for i := range e.EntryStatuses {
		if e.EntryStatuses[i].Used() {
			return true
		}
	}
	return false
}

// OnlySome reports whether some packets take the entry, and the ordinary ones get
// nowhere.
func (e *Prefix) OnlySome() bool {
	always := func(s lookup.EntryStatus) bool {
		return s.Status == lookup.StatusInUse || s.Status == lookup.StatusPossible
	}
	return e.Used() && !slices.ContainsFunc(e.EntryStatuses, always) && len(e.ReplacedBy) == 0 && e.FIB.Refuses(e.Dst)
}

// Unknown says whether some packet takes the entry cannot be told.
func (e *Prefix) Unknown() bool {
	if e.Used() {
		return false
	}
	open := func(s lookup.EntryStatus) bool { return s.Status == lookup.StatusUnknown }
	return len(e.EntryStatuses) == 0 && e.Covering.Disposition == lookup.DispositionUnknown || slices.ContainsFunc(e.EntryStatuses, open)
}

// ExplainPrefix writes it as text.
func ExplainPrefix(w io.Writer, e *Prefix, st Style) error {
	p := &page{w: w, st: st}
	tint := bold
	if !e.Used() && len(e.ReplacedBy) == 0 || e.OnlySome() || e.DeadEnd().Code != "" {
		tint = red
	}
	text := e.headline()
	if st.Quiet && e.changing() {
		text += changingAside
	}
	p.line(p.st.paint(tint, text))
	if st.Quiet {
		return p.err
	}
	s := e.FIB.Snapshot()
	if len(e.EntryStatuses) > 0 {
		p.blank()
		p.standings("  entry    ", e.FIB, e.EntryStatuses)
	}
	p.blank()
	if own := e.own(); len(own) > 0 {
		p.detail("own", listed(own)+" in it "+map[bool]string{true: "is this host's address", false: "are this host's addresses"}[len(own) == 1], plain)
	}
	for _, in := range e.Inside {
		if in.Table == route.TableLocal && !st.Verbose {
			continue // this host's own addresses
		}
		if e.Dst.Bits() == 0 && len(e.EntryStatuses) == 0 && onlyLinkLocal(&in) && !st.Verbose {
			continue // no default route of IPv6, nor any other but those of every device
		}
		var first []string
		for i := range in.First {
			first = append(first, iproute2.RouteLine(s, &in.First[i]))
		}
		more := ""
		if in.Routes > len(first) {
			more = ", …"
			if !st.Unicode {
				more = ", ..."
			}
		}
		p.detail("inside", e.insideWords(in)+": "+strings.Join(first, ", ")+more, plain)
	}
	for _, r := range e.missing() {
		p.detail("assumed", r.Text, yellow)
	}
	for _, n := range e.advice() {
		p.detail("note", n.Text, yellow)
	}
	return p.err
}

// onlyLinkLocal reports whether all longer prefixes are of link-local addresses.
func onlyLinkLocal(in *lookup.Inside) bool {
	local := func(r route.Route) bool { return r.Dst.Addr().Is6() && r.Dst.Addr().IsLinkLocalUnicast() }
	return in.Routes == len(in.First) && !slices.ContainsFunc(in.First, func(r route.Route) bool { return !local(r) })
}

// insideWords says how many longer prefixes a table has, and what that means where
// the prefix has an entry itself.
func (e *Prefix) insideWords(in lookup.Inside) string {
	who, takes, is := "1 longer prefix", "takes", "is"
	if in.Count > 1 {
		who, takes, is = fmt.Sprint(in.Count)+" longer prefixes", "take", "are"
	}
	who += " of " + tableName(e.FIB.Snapshot(), in.Table) + " "
	if len(e.EntryStatuses) == 0 {
		return who + is + " inside it"
	}
	return who + takes + " addresses out of it"
}

// headline answers whether the entry is used.
func (e *Prefix) headline() string {
	name := e.Dst.String()
	if e.Dst.Bits() == 0 {
		name = "the default route " + name
	}
	s := e.FIB.Snapshot()
	for i := range e.EntryStatuses {
		st := &e.EntryStatuses[i]
		if st.Status == lookup.StatusInUse || st.Status == lookup.StatusPossible {
			return fmt.Sprintf("%s is in use: %s", name, e.inUse(st)) + misfit(entryFindings(e.FIB, e.FIB.EntryNotes([]lookup.EntryStatus{*st})))
		}
	}
	if len(e.ReplacedBy) > 0 && len(e.EntryStatuses) > 0 {
		return name + " is replaced by " + e.replaced()
	}
	if len(e.ReplacedBy) > 0 {
		return fmt.Sprintf("there is no default route for %s: it is replaced by %s", route.FamilyOf(e.Dst.Addr()), e.replaced())
	}
	switch some := e.conditional(); {
	case e.OnlySome() && len(some) > 0:
		return fmt.Sprintf("%s is for some packets alone, others get %s: %s", name, e.Covering.Errno, strings.Join(some, "; "))
	case len(some) > 1:
		return fmt.Sprintf("%s is for some packets: %s", name, strings.Join(some, "; "))
	}
	if len(e.EntryStatuses) > 0 {
		st := e.mostUsed()
		if st.Status == lookup.StatusUnknown {
			return fmt.Sprintf("whether %s is used is unknown: %s", name, words{s}.uncertain(st.Reason))
		}
		return fmt.Sprintf("%s is in %s, %s", name, tableName(s, st.Route.Table), words{s}.standing(st)+words{s}.but(st))
	}
	if e.Covering.Disposition == lookup.DispositionUnknown {
		return name + " is unknown: " + e.unread()
	}
	if r := e.Covering.Rule; r != nil && !e.Covering.HasRoute {
		return fmt.Sprintf("%s: rule %d decides about its addresses (%s)", e.absent(name), r.Priority, r.Action)
	}
	if d := &e.Covering; d.HasRoute && d.Route.Dst.Bits() < e.Dst.Bits() && d.Disposition.Success() {
		return fmt.Sprintf("%s: %s carries its addresses", e.absent(name), iproute2.RouteLine(s, &d.Route))
	}
	if d := &e.Covering; d.HasRoute && d.Route.Dst.Bits() < e.Dst.Bits() && !d.Disposition.Success() {
		return fmt.Sprintf("%s: %s in %s refuses its addresses, programs get %s", e.absent(name), iproute2.Destination(&d.Route),
			tableName(s, d.Route.Table), d.Errno)
	}
	if r := e.thrown(); r != nil {
		return fmt.Sprintf("%s: %s in %s ends that table for its addresses, and no table after it has a route: programs get %s",
			e.absent(name), iproute2.Destination(r), tableName(s, r.Table), e.Covering.Errno)
	}
	if e.Dst.Bits() == 0 && e.Covering.Errno == 0 {
		return fmt.Sprintf("there is no default route for %s, but longer prefixes have routes: %s", route.FamilyOf(e.Dst.Addr()),
			iproute2.RouteLine(s, &e.Covering.Route))
	}
	if e.Dst.Bits() == 0 {
		return fmt.Sprintf("there is no default route for %s: what no other route covers gets %s", route.FamilyOf(e.Dst.Addr()), e.Covering.Errno)
	}
	if e.Dst == netip.PrefixFrom(netip.IPv4Unspecified(), 32) {
		return fmt.Sprintf("%s, and the kernel never looks 0.0.0.0 up", e.absent(name))
	}
	return fmt.Sprintf("%s, and no other route covers all of it", e.absent(name))
}

// maxOwn is how many of this host's addresses in a prefix are named.
const maxOwn = 4

// own names this host's addresses in a prefix that is no default route.
func (e *Prefix) own() []string {
	s := e.FIB.Snapshot()
	var out []string
	for i := range s.Addrs {
		a := &s.Addrs[i]
		if e.Dst.Bits() == 0 || !e.Dst.Contains(a.Prefix.Addr()) || e.Dst.IsSingleIP() {
			continue
		}
		out = append(out, a.Prefix.Addr().String()+" on "+words{s}.dev(a.Link))
	}
	if n := len(out); n > maxOwn {
		out = append(out[:maxOwn], fmt.Sprintf("%d more", n-maxOwn))
	}
	return out
}

// thrown is a route of type throw that covers the prefix where nothing else carries
// it; nil: there is none.
func (e *Prefix) thrown() *route.Route {
	if e.Covering.Disposition != lookup.DispositionNoRoute {
		return nil
	}
	return e.FIB.Thrown(e.Dst)
}

// maxConditional is how many entries the first line names that some packets take.
const maxConditional = 4

// conditional are the entries that some packets take: by what way, and which packets.
func (e *Prefix) conditional() []string {
	s := e.FIB.Snapshot()
	var out []string
	more := 0
	for i := range e.EntryStatuses {
		st := &e.EntryStatuses[i]
		if st.Status != lookup.StatusConditional {
			continue
		}
		if len(out) == maxConditional {
			more++
			continue
		}
		out = append(out, strings.TrimSpace(e.way(&st.Route)+" in "+tableName(s, st.Route.Table))+", "+words{s}.standing(st)+words{s}.but(st))
	}
	if more > 0 {
		out = append(out, count(more, "more"))
	}
	return out
}

// replaced says which longer prefixes carry every address of a default route, and by
// what ways.
func (e *Prefix) replaced() string {
	s := e.FIB.Snapshot()
	var prefixes, ways []string
	var all []*lookup.EntryStatus
	for i := range e.ReplacedBy {
		st := &e.ReplacedBy[i]
		all = append(all, st)
		if p := st.Route.Dst.String(); !slices.Contains(prefixes, p) {
			prefixes = append(prefixes, p)
		}
		if way := e.way(&st.Route) + " in " + tableName(s, st.Route.Table); !slices.Contains(ways, way) {
			ways = append(ways, way)
		}
	}
	return fmt.Sprintf("%s: %s", and(prefixes), and(ways)) + words{s}.but(all...)
}

// and joins words to a list.
func and(list []string) string {
	last := len(list) - 1
	return strings.Join(nonEmpty(strings.Join(list[:last], ", "), list[last]), " and ")
}

// way is by what an entry leaves, or what it does instead.
func (e *Prefix) way(r *route.Route) string {
	how := iproute2.RouteWay(e.FIB.Snapshot(), r)
	if r.Type != route.TypeUnicast {
		how = strings.TrimSpace(r.Type.String() + " " + how)
	}
	return how
}

// absent says that no table has the entry, as far as that is known.
func (e *Prefix) absent(name string) string {
	fam := route.FamilyOf(e.Dst.Addr())
	partial := func(g route.Gap) bool { return g.Fact == route.FactRoutes && (g.Family == 0 || g.Family == fam) }
	if slices.ContainsFunc(e.FIB.Snapshot().Gaps, partial) {
		return name + " is in no table that is known"
	}
	return name + " is in no table"
}

// unread says which facts are missing where nothing is known of the entry.
func (e *Prefix) unread() string {
	s, fam := e.FIB.Snapshot(), route.FamilyOf(e.Dst.Addr())
	for _, g := range s.Gaps {
		if g.Fact == route.FactRoutes && (g.Family == 0 || g.Family == fam) && len(g.Tables) == 0 {
			return fmt.Sprintf("the routes of %s are missing (%s)", fam, iproute2.Safe(g.Why))
		}
	}
	return words{s}.uncertain(e.Covering.Ambiguous)
}

// inUse says by what way an entry is used, and which others are as well because
// they are equal.
func (e *Prefix) inUse(st *lookup.EntryStatus) string {
	s := e.FIB.Snapshot()
	how := e.way(&st.Route)
	where := " in " + tableName(s, st.Route.Table)
	if turns := e.turns(st); len(turns) > 1 {
		var ways []string
		for _, t := range turns {
			ways = append(ways, iproute2.RouteWay(s, &t.Route))
		}
		return strings.Join(ways, " or ") + where + ", which have the same metric" + words{s}.but(turns...)
	}
	return how + where + words{s}.but(st)
}

// turns are the equal default routes of which the kernel takes now one and now
// another, of a tie that an entry is in.
func (e *Prefix) turns(st *lookup.EntryStatus) []*lookup.EntryStatus {
	var out []*lookup.EntryStatus
	for i := range e.EntryStatuses {
		if o := &e.EntryStatuses[i]; st.SameTie(o) && o.TakesTurns() {
			out = append(out, o)
		}
	}
	return out
}

// mostUsed is the entry that says most: one that some packets take, if there is
// one.
func (e *Prefix) mostUsed() *lookup.EntryStatus {
	for i := range e.EntryStatuses {
		switch e.EntryStatuses[i].Status {
		case lookup.StatusConditional, lookup.StatusRefuses:
			return &e.EntryStatuses[i]
		}
	}
	return &e.EntryStatuses[0]
}

// advice are the remarks on the question and on what was found.
func (e *Prefix) advice() []Remark {
	out := e.Remarks
	for _, n := range entryFindings(e.FIB, e.FIB.EntryNotes(e.EntryStatuses)) {
		r := Remark{string(n.Code), entryFinding(&n)}
		if !slices.Contains(out, r) { // two entries may have the same next hop
			out = append(out, r)
		}
	}
	for i := range e.EntryStatuses {
		if e.EntryStatuses[i].Status == lookup.StatusNever {
			out = append(out, Remark{string(lookup.NoteZeroHostRoute),
				fmt.Sprintf("%s covers one address, which the kernel never looks up; the default route is 0.0.0.0/0", e.Dst)})
			break
		}
	}
	if e.Dst.Addr().IsLoopback() {
		out = append(out, Remark{string(lookup.NoteSpecialDst), loopbackWords(e.Dst.String())})
	}
	if e.Dst.Bits() == 0 && len(e.EntryStatuses) == 0 {
		for _, n := range entryFindings(e.FIB, e.FIB.NoDefault(route.FamilyOf(e.Dst.Addr()))) {
			out = append(out, Remark{string(n.Code), noDefaultWords(&n)})
		}
	}
	return out
}

type jsonPrefix struct {
	Query       report.Query       `json:"query"`
	Disposition lookup.Disposition `json:"disposition"`
	Errno       route.Errno        `json:"errno,omitzero"`
	Default     bool               `json:"default"`
	Used        bool               `json:"used"`
	Route       *iproute2.Route    `json:"route,omitempty"`
	WayOut      string             `json:"way_out,omitempty"`
	Why         *lookup.Reason     `json:"reason,omitempty"`
	Entries     []jsonStanding     `json:"entries,omitempty"`
	ReplacedBy  []jsonStanding     `json:"replaced_by,omitempty"`
	Inside      []jsonInside       `json:"inside,omitempty"`
	Assumptions []Remark           `json:"assumptions,omitempty"`
	Warnings    []Remark           `json:"warnings,omitempty"`
}

type jsonInside struct {
	Table string           `json:"table"`
	Count int              `json:"count"`
	First []iproute2.Route `json:"first"`
}

// JSON is the form of the explanation that [WriteJSON] writes. Its disposition
// and route are those of an address of the prefix that no longer prefix covers.
func (e *Prefix) JSON() any {
	s := e.FIB.Snapshot()
	j := jsonPrefix{
		Query: report.Query{Dst: e.Dst}, Disposition: e.Covering.Disposition, Errno: e.Covering.Errno,
		Default: e.Dst.Bits() == 0, Used: e.Used(), Entries: standingsJSON(e.FIB, e.EntryStatuses), Assumptions: e.missing(),
		ReplacedBy: standingsJSON(e.FIB, e.ReplacedBy), Warnings: e.advice(),
	}
	j.WayOut, j.Why = wayOutJSON(e.DeadEnd())
	if e.Covering.HasRoute {
		r := iproute2.RouteJSON(s, &e.Covering.Route)
		j.Route = &r
	}
	for _, in := range e.Inside {
		x := jsonInside{Table: s.Names.Table(in.Table), Count: in.Count}
		for i := range in.First {
			x.First = append(x.First, iproute2.RouteJSON(s, &in.First[i]))
		}
		j.Inside = append(j.Inside, x)
	}
	return j
}

// DeadEnd says why nothing gets out by an entry although packets take it: all next
// hops of those that packets take first have a fault. The zero Reason: something may.
func (e *Prefix) DeadEnd() lookup.Reason {
	var first lookup.Reason
	for _, s := range e.leading() {
		if why := s.DeadEnd(); why.Code == "" {
			return why
		} else if first.Code == "" {
			first = why
		}
	}
	return first
}

// leading are the entries that ordinary packets take, or, where there is none, those
// that some packets take.
func (e *Prefix) leading() []*lookup.EntryStatus {
	var plain, some []*lookup.EntryStatus
	for i := range e.EntryStatuses {
		switch s := &e.EntryStatuses[i]; {
		case s.Status == lookup.StatusInUse, s.Status == lookup.StatusPossible, s.TakesTurns():
			plain = append(plain, s)
		case s.Used():
			some = append(some, s)
		}
	}
	for i := range e.ReplacedBy {
		plain = append(plain, &e.ReplacedBy[i])
	}
	if len(plain) > 0 {
		return plain
	}
	return some
}

// missing says what the answer about an entry rests on although it was not read.
func (e *Prefix) missing() []Remark {
	s, fam := e.FIB.Snapshot(), route.FamilyOf(e.Dst.Addr())
	if s.Lacks(route.FactRoutes, fam) {
		return nil
	}
	var out []Remark
	for _, g := range s.Gaps {
		rests := g.Fact == route.FactRules && g.Assumed || g.Fact == route.FactOddLines && !e.Unknown() ||
			g.Fact == route.FactDefault || g.Fact == route.FactChoice
		if rests && (g.Family == 0 || g.Family == fam) {
			out = append(out, e.assumed(&g))
		}
	}
	return out
}

func (e *Prefix) assumed(g *route.Gap) Remark {
	f := report.Finding{Reason: report.Reason{Code: report.GapCode(g.Fact)}}
	if g.Fact == route.FactOddLines || g.Fact == route.FactChoice {
		f.Have = report.Text(g.Why)
	}
	return Remark{string(f.Code), factWords(&f)}
}

// wayOutJSON gives the JSON fields of a way out: "dead" and why, or nothing.
func wayOutJSON(why lookup.Reason) (string, *lookup.Reason) {
	if why.Code == "" {
		return "", nil
	}
	return "dead", &why
}
