package render

import (
	"fmt"
	"strings"

	"routewhy/lookup"
	"routewhy/route"
	"routewhy/route/iproute2"
)

// standing says where a route entry stands, in a few words, and whether it is
// used.
func (w words) standing(s *lookup.Standing) string {
	switch s.Status {
	case lookup.StatusInUse:
		return "in use"
	case lookup.StatusConditional:
		return "only " + w.condition(s)
	case lookup.StatusPossible:
		return "in use, one of several equal"
	case lookup.StatusRefuses:
		return fmt.Sprintf("refuses: programs get %s", errnoOfType(s.Route.Type))
	case lookup.StatusThrows:
		return "ends its table: the next rule is asked"
	case lookup.StatusStandby:
		switch s.Reason.Code {
		case lookup.CodeMetric:
			return fmt.Sprintf("stands by: metric %v > %v", s.Reason.Have, s.Reason.Want)
		case lookup.CodeNeighbourTie:
			return "stands by: " + tieTurn
		}
		return "stands by: " + w.route(&lookup.Candidate{Route: s.Route, Reason: s.Reason})
	case lookup.StatusShadowed:
		return "never used: " + w.shadow(s)
	case lookup.StatusBeaten:
		return w.beaten(s)
	case lookup.StatusUnreached:
		return "never used: no rule leads to " + tableName(w.snap, s.Route.Table)
	case lookup.StatusUnusable:
		return "not used: " + w.route(&lookup.Candidate{Route: s.Route, Reason: s.Reason})
	case lookup.StatusNever:
		return "never used: the kernel never looks 0.0.0.0 up"
	}
	return "cannot tell"
}

func (w words) shadow(s *lookup.Standing) string {
	if len(s.By) == 2 {
		return fmt.Sprintf("%s and %s cover it all", s.By[0].Dst, s.By[1].Dst)
	}
	return "longer prefixes cover it all"
}

func (w words) beaten(s *lookup.Standing) string {
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
func (w words) condition(s *lookup.Standing) string {
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
		return "behind other rules"
	case only == (route.Selector{Mark: only.Mark, MarkMask: only.MarkMask}):
		return "packets with mark " + strings.TrimPrefix(text, "fwmark ")
	case only == (route.Selector{In: only.In}):
		return "packets that arrive on " + iproute2.Safe(only.In)
	case only == (route.Selector{Out: only.Out}):
		return "sockets bound to " + iproute2.Safe(only.Out)
	}
	return text
}

func standingInk(s lookup.Status) ink {
	switch s {
	case lookup.StatusInUse, lookup.StatusPossible:
		return green
	case lookup.StatusConditional, lookup.StatusStandby:
		return plain
	}
	return yellow
}

// standings writes entries and where they stand, behind a label.
func (p *page) standings(label string, f *lookup.FIB, all []lookup.Standing) {
	s := f.Snapshot()
	w := words{s}
	rows := make([]string, len(all))
	width := 0
	for i := range all {
		rows[i] = fmt.Sprintf("%s (%s)", iproute2.RouteLine(s, &all[i].Route), tableName(s, all[i].Route.Table))
		if x := all[i].Route.Expires; x > 0 {
			rows[i] += fmt.Sprintf(", expires in %.0f s", x.Seconds())
		}
		width = max(width, columns(rows[i]))
	}
	for i := range all {
		if i > 0 {
			label = strings.Repeat(" ", columns(label))
		}
		text := w.standing(&all[i])
		tint := standingInk(all[i].Status)
		if columns(label)+width+2+columns(text) <= p.st.width() {
			p.line(label + pad(rows[i], width) + "  " + p.st.paint(tint, text))
			continue
		}
		if columns(label)+columns(rows[i])+2+columns(text) <= p.st.width() {
			p.line(label + rows[i] + "  " + p.st.paint(tint, text))
			continue
		}
		p.line(label + rows[i])
		p.block(strings.Repeat(" ", columns(label)+2), text, tint)
	}
}

// jsonStanding is an entry and where it stands.
type jsonStanding struct {
	Route  iproute2.Route   `json:"route"`
	Status lookup.Status    `json:"status"`
	Rules  []iproute2.Rule  `json:"rules,omitempty"`
	By     []iproute2.Route `json:"by,omitempty"`
	Reason *lookup.Reason   `json:"reason,omitempty"`
}

func standingsJSON(f *lookup.FIB, all []lookup.Standing) []jsonStanding {
	s := f.Snapshot()
	out := make([]jsonStanding, len(all))
	for i := range all {
		st := &all[i]
		out[i] = jsonStanding{Route: iproute2.RouteJSON(s, &st.Route), Status: st.Status}
		for _, r := range st.Rules {
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

// errnoOfType is what programs get from a route that refuses.
func errnoOfType(t route.Type) route.Errno {
	switch t {
	case route.TypeProhibit:
		return route.EACCES
	case route.TypeUnreachable:
		return route.EHOSTUNREACH
	}
	return route.EINVAL
}
