package text

import (
	"fmt"
	"strings"

	"routewhy/lookup"
	"routewhy/lookup/report"
	"routewhy/route"
	"routewhy/route/iproute2"
)

// standing says where a route entry stands, in a few words, and whether it is
// used.
func (w words) standing(s *lookup.EntryStatus) string {
	switch s.Status {
	case lookup.StatusInUse:
		return "in use"
	case lookup.StatusConditional:
		return "only " + w.condition(s)
	case lookup.StatusPossible:
		return "in use, one of several equal"
	case lookup.StatusRefuses:
		return fmt.Sprintf("refuses: programs get %s", s.Errno)
	case lookup.StatusThrows:
		return "ends its table: the next rule is asked"
	case lookup.StatusStandby:
		switch s.Reason.Code {
		case lookup.CodeMetric:
			return fmt.Sprintf("stands by: metric %v > %v", s.Reason.Have, s.Reason.Want)
		case lookup.CodeNeighbourTie:
			return "stands by: " + tieTurn
		}
		return "stands by: " + candidateWords(w.candidate(&s.Route, s.Reason))
	case lookup.StatusShadowed:
		return "never used: " + w.shadow(s)
	case lookup.StatusBeaten:
		return w.beaten(s)
	case lookup.StatusUnreached:
		return "never used: no rule leads to " + tableName(w.snap, s.Route.Table)
	case lookup.StatusUnusable:
		if s.Reason.Code == lookup.CodeForwardingOff {
			return fmt.Sprintf("not used: only %s, and %s", w.condition(s), unusableWords(w.candidate(&s.Route, s.Reason)))
		}
		return "not used: " + candidateWords(w.candidate(&s.Route, s.Reason))
	case lookup.StatusNever:
		return "never used: the kernel never looks 0.0.0.0 up"
	}
	if s.Reason.Code == "" {
		return "cannot tell"
	}
	return "cannot tell: " + w.uncertain(s.Reason)
}

func (w words) shadow(s *lookup.EntryStatus) string {
	if len(s.By) == 2 {
		return fmt.Sprintf("%s and %s cover it all", s.By[0].Dst, s.By[1].Dst)
	}
	return "longer prefixes cover it all"
}

func (w words) beaten(s *lookup.EntryStatus) string {
	switch {
	case s.Reason.Code == lookup.CodeSuppressPrefix || s.Reason.Code == lookup.CodeSuppressGroup:
		return "not used: its rule drops it"
	case len(s.By) == 0:
		return "not used: an earlier rule decides"
	}
	b := &s.By[0]
	return fmt.Sprintf("not used: %s in %s goes first", b.Dst, tableName(w.snap, b.Table))
}

// condition is what a packet must be to take the entry.
func (w words) condition(s *lookup.EntryStatus) string {
	var out []string
	for i, sel := range s.If {
		if i == 3 {
			out = append(out, fmt.Sprintf("%d rules more", len(s.If)-i))
			break
		}
		out = append(out, packets(&sel))
	}
	return strings.Join(out, ", or ")
}

// packets describes what a selector selects.
func packets(sel *route.Selector) string {
	only := *sel
	text := iproute2.Selector(&route.Rule{Selector: only})
	switch {
	case text == "":
		return "after other rules"
	case only == (route.Selector{Mark: only.Mark, MarkMask: only.MarkMask}):
		return "packets with mark " + strings.TrimPrefix(text, "fwmark ")
	case only == (route.Selector{L3Mdev: true}):
		return "packets of the VRF"
	case only == (route.Selector{In: only.In}):
		return "packets that arrive on " + iproute2.Safe(only.In)
	case only == (route.Selector{Out: only.Out}):
		return "sockets bound to " + iproute2.Safe(only.Out)
	}
	return text
}

func standingInk(s *lookup.EntryStatus) ink {
	if s.Used() && len(s.Faults) > 0 {
		return yellow
	}
	switch s.Status {
	case lookup.StatusInUse, lookup.StatusPossible:
		return green
	case lookup.StatusConditional, lookup.StatusStandby:
		return plain
	}
	return yellow
}

// standings writes entries and where they stand, after a label.
func (p *page) standings(label string, f *lookup.FIB, all []lookup.EntryStatus) {
	w := words{f.Snapshot()}
	rows := make([]string, len(all))
	width := 0
	for i := range all {
		rows[i] = w.entry(&all[i])
		width = max(width, columns(rows[i]))
	}
	for i := range all {
		if i > 0 {
			label = strings.Repeat(" ", columns(label))
		}
		p.standing(label, rows[i], width, w.stands(&all[i]), standingInk(&all[i]))
		p.entryLegs(strings.Repeat(" ", columns(label)+2), f, &all[i])
	}
}

// standing writes one entry, in a column of a width, and where it stands.
func (p *page) standing(label, row string, width int, text string, tint ink) {
	for _, r := range []string{pad(row, width), row} {
		if columns(label)+columns(r)+2+columns(text) <= p.st.width() {
			p.line(label + r + "  " + p.st.paint(tint, text))
			return
		}
	}
	p.line(label + row)
	p.block(strings.Repeat(" ", columns(label)+2), text, tint)
}

// entry is a route entry with its table.
func (w words) entry(s *lookup.EntryStatus) string {
	row := iproute2.RouteLine(w.snap, &s.Route)
	if legged(s) {
		row = strings.Join(nonEmpty(iproute2.Destination(&s.Route), numeral(len(s.Route.NextHops))+" next hops", iproute2.Attributes(&s.Route)), " ")
	}
	row = fmt.Sprintf("%s (%s)", row, tableName(w.snap, s.Route.Table))
	if x := s.Route.Expires; x > 0 {
		row += fmt.Sprintf(", expires in %.0f s", x.Seconds())
	}
	return row
}

// stands says where an entry stands, and what is wrong with its next hop; of
// several next hops their own lines say it.
func (w words) stands(s *lookup.EntryStatus) string {
	if legged(s) {
		return w.standing(s)
	}
	return w.standing(s) + w.but(s)
}

// legged says whether an entry has several next hops, which get lines of their own.
func legged(s *lookup.EntryStatus) bool { return len(s.Route.NextHops) > 1 }

// weighted says whether the weights of a route's next hops differ.
func weighted(r *route.Route) bool {
	for i := range r.NextHops {
		if max(1, r.NextHops[i].Weight) != max(1, r.NextHops[0].Weight) {
			return true
		}
	}
	return false
}

// entryLegs writes an entry's next hops below it: their weights, and what is
// wrong with them.
func (p *page) entryLegs(indent string, f *lookup.FIB, s *lookup.EntryStatus) {
	if !legged(s) {
		return
	}
	w := words{f.Snapshot()}
	ways := make([]string, len(s.Route.NextHops))
	width, uneven := 0, weighted(&s.Route)
	for i := range ways {
		h := &s.Route.NextHops[i]
		ways[i] = iproute2.Way(w.snap, h)
		if uneven {
			ways[i] += fmt.Sprintf("  weight %d", max(1, h.Weight))
		}
		width = max(width, columns(ways[i]))
	}
	for i, way := range ways {
		p.line(indent + pad(way, width) + "  " + p.st.paint(yellow, fault(report.NewReason(f.HopHealth(&s.Route.NextHops[i])))))
	}
}

// fault says in a few words what is wrong with a next hop; empty: nothing.
func fault(r report.Reason) string {
	switch r.Code {
	case lookup.FaultDown:
		return name(r.Have) + " is down"
	case lookup.FaultCarrier:
		return "no carrier"
	case lookup.FaultIgnored:
		return "no carrier, passed over"
	case lookup.FaultDead:
		return "dead"
	case lookup.FaultNeighbour:
		return "its gateway does not answer"
	}
	return ""
}

// deviceFault is the same for a page that tells of gateways elsewhere.
func deviceFault(r report.Reason) string {
	switch r.Code {
	case lookup.FaultNeighbour:
		return ""
	case lookup.FaultIgnored:
		return "no carrier"
	default:
		return fault(r)
	}
}

// but is what is wrong with entries that packets take, or may take once another
// one is gone, to be added to what is said of them; empty: nothing is.
func (w words) but(all ...*lookup.EntryStatus) string {
	var faults []report.Reason
	for _, s := range all {
		if (s.Used() || s.Status == lookup.StatusStandby) && s.Reason.Code != lookup.CodeNeighbour {
			for _, x := range s.Faults {
				faults = append(faults, report.NewReason(x.Reason))
			}
		}
	}
	if len(faults) == 0 {
		return ""
	}
	return ", but " + faultList(faults, len(all) == 1 && len(all[0].Route.NextHops) == 1)
}

// wrong says what is wrong with a next hop, which is the only one that the
// sentence is about, or one of several.
func wrong(x report.Reason, only bool) string {
	switch x.Code {
	case lookup.FaultCarrier, lookup.FaultIgnored:
		return name(x.Have) + " has no carrier"
	case lookup.FaultDead:
		return "a next hop is dead"
	case lookup.FaultTarget:
		return "it does not answer"
	case lookup.FaultNeighbour:
		if only {
			return fmt.Sprintf("its gateway %s does not answer", x.Have)
		}
		return fmt.Sprintf("the gateway %s does not answer", x.Have)
	}
	return fault(x)
}

// jsonStanding is an entry and where it stands.
type jsonStanding struct {
	Route  iproute2.Route  `json:"route"`
	Status lookup.Status   `json:"status"`
	Rules  []iproute2.Rule `json:"rules,omitempty"`
	// RulesLeftOut is how many rules lead to its table that are not there, for they are
	// with another entry of the table already.
	RulesLeftOut int              `json:"rules_left_out,omitempty"`
	By           []iproute2.Route `json:"by,omitempty"`
	Reason       *lookup.Reason   `json:"reason,omitempty"`
}

// maxRepeated is how many rules are written once more: every entry of a table has all
// rules that lead to it.
const maxRepeated = 1 << 16

func standingsJSON(f *lookup.FIB, all []lookup.EntryStatus) []jsonStanding {
	s := f.Snapshot()
	out := make([]jsonStanding, len(all))
	written := map[iproute2.Text]bool{} // the tables whose rules are there
	left := maxRepeated
	for i := range all {
		st := &all[i]
		out[i] = jsonStanding{Route: iproute2.RouteJSON(s, &st.Route), Status: st.Status}
		switch table := out[i].Route.Table; {
		case !written[table]:
			written[table] = true
		case left < len(st.Rules):
			out[i].RulesLeftOut = len(st.Rules)
		default:
			left -= len(st.Rules)
		}
		for _, r := range st.Rules[out[i].RulesLeftOut:] {
			out[i].Rules = append(out[i].Rules, iproute2.RuleJSON(s, r))
		}
		for j := range st.By {
			out[i].By = append(out[i].By, iproute2.RouteJSON(s, &st.By[j]))
		}
		if st.Reason.Code != "" {
			out[i].Reason = &st.Reason
		}
	}
	return out
}
