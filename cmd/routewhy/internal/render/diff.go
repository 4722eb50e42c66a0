package render

import (
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"

	"routewhy/lookup"
	"routewhy/lookup/coverage"
	"routewhy/route"
	"routewhy/route/iproute2"
)

// Diff is what differs between two snapshots.
type Diff struct {
	Before, After *lookup.FIB
	Families      []route.Family
	// Changes are the ranges that are decided differently, in the order in
	// which they are shown.
	Changes []coverage.Change
	objects []object
}

// object is one thing that one of the snapshots has and the other has not.
type object struct {
	Kind string `json:"kind"` // link, address, rule, route, sysctl
	// Change is "removed" or "added".
	Change string `json:"change"`
	Text   string `json:"text"`
}

// NewDiff compares. Default routes come first, and then the largest ranges.
func NewDiff(before, after *lookup.FIB, families []route.Family, flow coverage.Flow) *Diff {
	d := &Diff{Before: before, After: after, Families: families}
	for _, f := range families {
		d.Changes = append(d.Changes, coverage.Diff(before, after, f, flow)...)
	}
	slices.SortStableFunc(d.Changes, func(a, b coverage.Change) int {
		if x, y := a.Before.Default() || a.After.Default(), b.Before.Default() || b.After.Default(); x != y {
			return map[bool]int{true: -1, false: 1}[x]
		}
		return b.Size().Cmp(a.Size())
	})
	a, b := before.Snapshot(), after.Snapshot()
	d.compare("link", linkLines(a), linkLines(b))
	d.compare("address", addressLines(a), addressLines(b))
	d.compare("rule", ruleLines(a), ruleLines(b))
	for _, f := range families {
		removed, added := coverage.Routes(a, b, f)
		d.compare("route", routeLines(a, removed), routeLines(b, added))
	}
	d.compare("sysctl", sysctlLines(a), sysctlLines(b))
	return d
}

// Same says that nothing differs.
func (d *Diff) Same() bool { return len(d.Changes) == 0 && len(d.objects) == 0 }

// compare notes the lines that only one side has.
func (d *Diff) compare(kind string, a, b []string) {
	count := map[string]int{}
	for _, s := range b {
		count[s]++
	}
	for _, s := range a {
		if count[s]--; count[s] < 0 {
			d.objects = append(d.objects, object{kind, "removed", s})
		}
	}
	for _, s := range b {
		if count[s] > 0 {
			d.objects = append(d.objects, object{kind, "added", s})
			count[s]--
		}
	}
}

func linkLines(s *route.Snapshot) []string {
	var out []string
	for i := range s.Links {
		l := &s.Links[i]
		state := "down"
		if l.Carrier() {
			state = "up"
		} else if l.Up() {
			state = "up, no carrier"
		}
		line := iproute2.Safe(l.Name) + " " + state
		if l.Master != 0 {
			line += " master " + iproute2.Safe(s.LinkName(l.Master))
		}
		out = append(out, line)
	}
	return out
}

func addressLines(s *route.Snapshot) []string {
	var out []string
	for _, a := range s.Addrs {
		out = append(out, fmt.Sprintf("%s dev %s", a.Prefix, iproute2.Safe(s.LinkName(a.Link))))
	}
	return out
}

func ruleLines(s *route.Snapshot) []string {
	var out []string
	for i := range s.Rules {
		out = append(out, fmt.Sprintf("%s %d %s", s.Rules[i].Family, s.Rules[i].Priority, ruleName(s, &s.Rules[i])))
	}
	return out
}

func routeLines(s *route.Snapshot, all []*route.Route) []string {
	var out []string
	for _, r := range all {
		out = append(out, iproute2.RouteLine(s, r)+" ("+tableName(s, r.Table)+")")
	}
	return out
}

func sysctlLines(s *route.Snapshot) []string {
	var out []string
	for key, value := range s.Sysctls {
		out = append(out, iproute2.Safe(key+" = "+value))
	}
	slices.Sort(out)
	return out
}

// maxShown is how many lines of a kind are shown without -v.
const maxShown = 40

// WriteDiff writes what differs as text: the destinations, then the objects.
func WriteDiff(w io.Writer, d *Diff, st Style) error {
	p := &page{w: w, st: st}
	p.line(st.paint(bold, d.headline()))
	if st.Quiet {
		return p.err
	}
	for i := range d.Changes {
		if i == maxShown && !st.Verbose {
			p.line(fmt.Sprintf("  and %d ranges more (-v)", len(d.Changes)-i))
			break
		}
		p.change(d, &d.Changes[i])
	}
	if len(d.objects) > 0 {
		p.blank()
	}
	for i, o := range d.objects {
		if i == maxShown && !st.Verbose {
			p.line(fmt.Sprintf("  and %d more (-v)", len(d.objects)-i))
			break
		}
		sign, tint := "-", red
		if o.Change == "added" {
			sign, tint = "+", green
		}
		p.line(st.paint(tint, fmt.Sprintf("%s %-7s  %s", sign, o.Kind, o.Text)))
	}
	return p.err
}

func (d *Diff) headline() string {
	switch {
	case d.Same():
		return "nothing differs"
	case len(d.Changes) == 0:
		return "no destination is decided differently, but the set-up differs"
	case len(d.Changes) == 1:
		return "one range of destinations is decided differently"
	}
	return fmt.Sprintf("%d ranges of destinations are decided differently", len(d.Changes))
}

func (p *page) change(d *Diff, c *coverage.Change) {
	p.blank()
	p.line(fmt.Sprintf("%s  %s addresses", rangeText(c.First, c.Last), c.Size()))
	p.block("  before  ", verdictOf(d.Before, c.First, &c.Before), plain)
	p.block("  after   ", verdictOf(d.After, c.First, &c.After), plain)
}

// rangeText is a range as a prefix where it is one.
func rangeText(first, last netip.Addr) string {
	for bits := range first.BitLen() + 1 {
		p := netip.PrefixFrom(first, bits)
		if p == p.Masked() && p.Contains(last) && (last == last.Next() || !p.Contains(last.Next())) {
			return p.String()
		}
	}
	return first.String() + " - " + last.String()
}

func verdictOf(f *lookup.FIB, dst netip.Addr, decision *lookup.Decision) string {
	e := &Explanation{FIB: f, Trace: &lookup.Trace{Flow: route.Flow{Dst: dst}, Decision: *decision}}
	return e.verdict()
}

// jsonDiff is the form that WriteDiffJSON writes.
type jsonDiff struct {
	Destinations []jsonChange `json:"destinations"`
	Objects      []object     `json:"objects"`
}

type jsonChange struct {
	First  netip.Addr `json:"first"`
	Last   netip.Addr `json:"last"`
	Size   string     `json:"size"` // may have more than 64 bits
	Before jsonSide   `json:"before"`
	After  jsonSide   `json:"after"`
}

type jsonSide struct {
	Disposition lookup.Disposition `json:"disposition"`
	Errno       route.Errno        `json:"errno,omitzero"`
	Default     bool               `json:"default"`
	Route       *iproute2.Route    `json:"route,omitempty"`
	NextHops    []jsonWay          `json:"nexthops,omitempty"`
	Src         string             `json:"src,omitempty"`
}

func sideJSON(f *lookup.FIB, d *lookup.Decision) jsonSide {
	j := jsonSide{Disposition: d.Disposition, Errno: d.Errno, Default: d.Default(), Src: addr(d.Src)}
	if d.HasRoute {
		r := iproute2.RouteJSON(f.Snapshot(), &d.Route)
		j.Route = &r
	}
	e := &Explanation{FIB: f, Trace: &lookup.Trace{Decision: *d}}
	j.NextHops = e.ways()
	return j
}

// WriteDiffJSON writes what differs as JSON.
func WriteDiffJSON(w io.Writer, d *Diff) error {
	out := jsonDiff{Destinations: []jsonChange{}, Objects: append([]object{}, d.objects...)}
	for i := range d.Changes {
		c := &d.Changes[i]
		out.Destinations = append(out.Destinations, jsonChange{
			c.First, c.Last, strings.TrimSpace(c.Size().String()), sideJSON(d.Before, &c.Before), sideJSON(d.After, &c.After),
		})
	}
	return WriteJSON(w, []any{out})
}
