package text

import (
	"fmt"
	"slices"
	"strings"

	"routewhy/lookup"
	"routewhy/lookup/report"
	"routewhy/route/iproute2"
)

// standing says in a few words which position a route entry has, and whether it is
// used.
func standing(e *report.Entry) string {
	switch e.Status {
	case lookup.StatusInUse:
		if e.Reason.Code == lookup.CodeRestOf {
			return "not for the Internet: " + restOf(e)
		}
		return "in use" + exceptions(e)
	case lookup.StatusConditional:
		return takers(e)
	case lookup.StatusPossible:
		return "in use, one of several equal" + exceptions(e)
	case lookup.StatusRefuses:
		return "refuses: " + refusal(e)
	case lookup.StatusThrows:
		return "ends its table: the next rule is asked"
	case lookup.StatusStandby:
		switch e.Reason.Code {
		case lookup.CodeMetric:
			return fmt.Sprintf("stands by: metric %v > %v", e.Reason.Have, e.Reason.Want)
		case lookup.CodeNeighbourTie:
			return "stands by: " + tieTurn
		}
		return "stands by: " + candidateWords(candidateOf(e))
	case lookup.StatusShadowed:
		return "never used: " + shadow(e)
	case lookup.StatusBeaten:
		return beaten(e)
	case lookup.StatusUnreached:
		return "never used: no rule leads to " + tableWords(e.Route.Table)
	case lookup.StatusUnusable:
		if e.Reason.Code == lookup.CodeForwardingOff {
			what := takers(e)
			if what != onlyForwarded {
				what += ": this host would have to forward those packets"
			}
			return fmt.Sprintf("not used: %s, and %s", what, unusableWords(candidateOf(e)))
		}
		return "not used: " + candidateWords(candidateOf(e))
	case lookup.StatusNever:
		return "never used: the kernel never looks up 0.0.0.0"
	}
	if e.Reason.Code == "" {
		return "cannot tell"
	}
	return "cannot tell: " + uncertainWords(e.Reason)
}

// refusal says which error programs get from an entry that refuses packets.
func refusal(e *report.Entry) string {
	if e.TypeUnread {
		return "programs get " + errnosOfRefusal(strings.Contains(e.Route.Dst, ":"))
	}
	return fmt.Sprintf("programs get %s", e.Errno)
}

// restOf says which prefixes take all that goes to the Internet from ::/0.
func restOf(e *report.Entry) string {
	var by []string
	for i := range e.By {
		if dst := e.By[i].Dst; !slices.Contains(by, dst) {
			by = append(by, dst)
		}
	}
	return and(by) + agreeWord(len(by), " takes", " take") + " that"
}

// candidateOf is an entry as a candidate that won or lost, with the entry's reason.
func candidateOf(e *report.Entry) *report.Candidate {
	return &report.Candidate{Route: e.Route, Reason: e.Reason}
}

func shadow(e *report.Entry) string {
	if len(e.By) == 2 {
		return fmt.Sprintf("%s and %s cover it all", e.By[0].Dst, e.By[1].Dst)
	}
	return "longer prefixes cover it all"
}

func beaten(e *report.Entry) string {
	switch {
	case e.Reason.Code == lookup.CodeSuppressPrefix || e.Reason.Code == lookup.CodeSuppressGroup:
		return "not used: its rule drops it"
	case e.Reason.Code == lookup.CodeSuppressMTU:
		return "not used: " + name(e.Reason.Have) + " has no IPv6, because its MTU is under 1280 bytes"
	case len(e.By) == 0:
		return "not used: an earlier rule decides"
	}
	b := &e.By[0]
	return fmt.Sprintf("not used: %s in %s goes first", b.Dst, tableWords(b.Table))
}

// exceptions says which ordinary packets an earlier rule refuses; empty: none is known.
func exceptions(e *report.Entry) string {
	if len(e.Except) == 0 {
		return ""
	}
	var all []string
	for i := range e.Except[:min(len(e.Except), maxConditions)] {
		x := &e.Except[i]
		all = append(all, fmt.Sprintf("%s (rule %d refuses)", those(packets(&x.Rule)), x.Priority))
	}
	if more := len(e.Except) - len(all); more > 0 {
		all = append(all, count(more, "more"))
	}
	return ", except " + and(all)
}

// onlyForwarded are packets of which a rule picks all that this host does not send itself.
const onlyForwarded = "only forwarded packets"

// takers says which packets take the entry, where not all do.
func takers(e *report.Entry) string {
	if len(e.Condition) == 1 && e.ConditionsLeftOut == 0 && bool(e.Condition[0].Not) {
		except := e.Condition[0].Rule
		except.Not = false
		text := packets(&except)
		if text == sentHere {
			return onlyForwarded
		}
		return "all but " + those(text)
	}
	return "only " + condition(e)
}

// those makes a noun of a selector that begins with a preposition.
func those(text string) string {
	if strings.HasPrefix(text, "from ") || strings.HasPrefix(text, "to ") {
		return "those " + text
	}
	return text
}

// maxConditions is how many conditions of an entry are named.
const maxConditions = 3

// condition says which packets take the entry.
func condition(e *report.Entry) string {
	var out []string
	for i := range e.Condition[:min(len(e.Condition), maxConditions)] {
		out = append(out, packets(&e.Condition[i].Rule))
	}
	if more := len(e.Condition) + e.ConditionsLeftOut - len(out); more > 0 {
		out = append(out, fmt.Sprintf("%d rules more", more))
	}
	return strings.Join(out, ", or ")
}

// sentHere are the packets that a rule for iif lo selects.
const sentHere = "packets that this host sends"

// packets describes what the selector of a rule selects.
func packets(r *iproute2.Rule) string {
	text := r.Selector()
	only := func(bare iproute2.Rule) bool { return bare.Selector() == "" }
	without := *r
	switch {
	case text == "":
		return "after other rules"
	case r.FwMark != "":
		if without.FwMark = ""; only(without) {
			return "packets with mark " + strings.TrimPrefix(text, "fwmark ")
		}
	case bool(r.L3Mdev):
		if without.L3Mdev = false; only(without) {
			return "packets of the VRF"
		}
	case r.Iif != "" && !bool(r.IifDetached):
		switch without.Iif = ""; {
		case only(without) && r.Iif == "lo":
			return sentHere
		case only(without):
			return "packets that arrive on " + iproute2.Safe(r.Iif)
		}
	case r.Oif != "" && !bool(r.OifDetached):
		if without.Oif = ""; only(without) {
			return "sockets bound to " + iproute2.Safe(r.Oif)
		}
	}
	return text
}

func standingInk(e *report.Entry) ink {
	if e.Used && len(e.Faults) > 0 {
		return yellow
	}
	switch e.Status {
	case lookup.StatusInUse, lookup.StatusPossible:
		if e.Reason.Code == lookup.CodeRestOf {
			return plain
		}
		return green
	case lookup.StatusConditional, lookup.StatusStandby:
		return plain
	}
	return yellow
}

// standings writes entries and their positions, after a label: those in use, and then the others,
// each in the order in which packets reach them.
func (p *page) standings(label string, all []report.Entry) {
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b report.Entry) int {
		switch {
		case a.Always() == b.Always():
			return 0
		case a.Always():
			return -1
		}
		return 1
	})
	rows := make([]string, len(all))
	width := 0
	for i := range all {
		rows[i] = entryRow(&all[i])
		width = max(width, textWidth(rows[i]))
	}
	for i := range all {
		if i > 0 {
			label = strings.Repeat(" ", textWidth(label))
		}
		p.standing(label, rows[i], width, stands(&all[i]), standingInk(&all[i]))
		p.entryLegs(strings.Repeat(" ", textWidth(label)+2), &all[i])
	}
}

// standing writes one entry in a column of the given width, and then its position.
func (p *page) standing(label, row string, width int, text string, tint ink) {
	for _, r := range []string{pad(row, width), row} {
		if textWidth(label)+textWidth(r)+2+textWidth(text) <= p.st.width() {
			p.line(label + r + "  " + p.st.paint(tint, text))
			return
		}
	}
	p.line(label + row)
	p.block(strings.Repeat(" ", textWidth(label)+2), text, tint)
}

// entryRow is a route entry with its table.
func entryRow(e *report.Entry) string {
	r := &e.Route
	row := routeLine(r)
	if legged(e) {
		row = strings.Join(nonEmpty(r.Destination(), numeral(len(r.NextHops))+" next hops", r.Attributes()), " ")
	}
	row = fmt.Sprintf("%s (%s)", row, tableWords(r.Table))
	if r.Expires != nil && *r.Expires > 0 {
		row += fmt.Sprintf(", expires in %d s", *r.Expires)
	}
	return row
}

// stands says which position an entry has, and what is wrong with its next hop. If
// there are several next hops, their own lines say what is wrong.
func stands(e *report.Entry) string {
	if legged(e) {
		return standing(e)
	}
	return standing(e) + but(e)
}

// legged reports whether an entry has several next hops. Each of them gets its own
// line.
func legged(e *report.Entry) bool { return len(e.Route.NextHops) > 1 }

// weighted reports whether the weights of a route's next hops differ.
func weighted(r *iproute2.Route) bool {
	for i := range r.NextHops {
		if max(1, r.NextHops[i].Weight) != max(1, r.NextHops[0].Weight) {
			return true
		}
	}
	return false
}

// entryLegs writes an entry's next hops below it: their weights, and what is
// wrong with them.
func (p *page) entryLegs(indent string, e *report.Entry) {
	if !legged(e) {
		return
	}
	faults := make([]report.Reason, len(e.Route.NextHops))
	for _, x := range e.Faults {
		if x.NextHop >= 0 && x.NextHop < len(faults) {
			faults[x.NextHop] = x.Reason
		}
	}
	ways := make([]string, len(e.Route.NextHops))
	width, uneven := 0, weighted(&e.Route)
	for i := range ways {
		h := &e.Route.NextHops[i]
		ways[i] = h.Way()
		if uneven {
			ways[i] += fmt.Sprintf("  weight %d", max(1, h.Weight))
		}
		width = max(width, textWidth(ways[i]))
	}
	for i, way := range ways {
		p.line(indent + pad(way, width) + "  " + p.st.paint(yellow, fault(faults[i])))
	}
}

// fault says in a few words what is wrong with a next hop; empty: nothing is wrong.
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
	case lookup.FaultNoIPv6:
		return "IPv6 is switched off on " + name(r.Have)
	case lookup.FaultSmallMTU:
		return name(r.Have) + " has no IPv6, because its MTU is under 1280 bytes"
	case lookup.FaultOwn:
		return "its gateway is this host's own address"
	case lookup.FaultLoopback:
		return "nothing leaves by " + name(r.Have)
	case lookup.NoteNoPort:
		return name(r.Have) + " has no port"
	}
	return ""
}

// deviceFault is like fault, for a page that tells about gateways in another place.
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

// but says what is wrong with entries that packets take, or may take after another
// entry is gone. It is added to what is said about these entries; empty: nothing is
// wrong.
func but(all ...*report.Entry) string {
	var faults []report.Reason
	for _, e := range all {
		if (e.Used || e.Status == lookup.StatusStandby) && e.Reason.Code != lookup.CodeNeighbour {
			for _, x := range e.Faults {
				faults = append(faults, x.Reason)
			}
		}
	}
	if len(faults) == 0 {
		return ""
	}
	return ", but " + faultList(faults, len(all) == 1 && len(all[0].Route.Hops()) == 1)
}

// wrong says what is wrong with a next hop. It is either the only next hop that the
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
	case lookup.FaultOwn:
		if only {
			return fmt.Sprintf("its gateway %s is this host's own address: nothing leaves", x.Have)
		}
		return fmt.Sprintf("the gateway %s is this host's own address", x.Have)
	case lookup.NotePrefsrcForeign:
		return "its source is not this host's"
	}
	return fault(x)
}
