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
	routes  []*coverage.Difference
}

// NewDiff compares. Default routes come first, and then the largest ranges.
func NewDiff(before, after *coverage.Host, families []route.Family, flow coverage.Flow) *Diff {
	d := &Diff{Before: before.FIB, After: after.FIB, Families: families}
	for _, f := range families {
		one := coverage.Diff(before, after, f, flow)
		d.Changes = append(d.Changes, one.Changes...)
		d.routes = append(d.routes, one)
	}
	slices.SortStableFunc(d.Changes, func(a, b coverage.Change) int {
		if x, y := a.Before.Default() || a.After.Default(), b.Before.Default() || b.After.Default(); x != y {
			return map[bool]int{true: -1, false: 1}[x]
		}
		return b.Size().Cmp(a.Size())
	})
	a, b := d.Before.Snapshot(), d.After.Snapshot()
	d.compare("link", linkLines(a), linkLines(b))
	d.compare("address", addressLines(a), addressLines(b))
	d.compare("rule", ruleLines(a), ruleLines(b))
	d.compare("nexthop", objectLines(a), objectLines(b))
	d.compare("sysctl", sysctlLines(a), sysctlLines(b))
	return d
}

// Same says that nothing differs.
func (d *Diff) Same() bool { return len(d.Changes) == 0 && d.count() == 0 }

// maxShown is how many lines of a kind are shown without -v.
const maxShown = 40

// WriteDiff writes what differs as text: the destinations, then the objects.
func WriteDiff(w io.Writer, d *Diff, st Style) error {
	p := &page{w: w, st: st}
	text := d.headline()
	if st.Quiet && d.changing() {
		text += changingAside
	}
	p.line(st.paint(bold, text))
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
	p.objects(d)
	p.blank()
	if d.changing() {
		p.detail("note", changingWords, yellow)
	}
	p.selected(d.notes())
	return p.err
}

// maxSelected is how many notes about packets are shown without -v.
const maxSelected = 8

// selected writes which packets that were not compared may be decided differently.
func (p *page) selected(notes []Remark) {
	for i, n := range notes {
		if i == maxSelected && !p.st.Verbose {
			p.detail("note", fmt.Sprintf("and so may those of %d more rules (-v)", len(notes)-i), yellow)
			return
		}
		p.detail("note", n.Text, yellow)
	}
}

func (d *Diff) headline() string {
	switch {
	case d.Same():
		return "nothing differs"
	case len(d.Changes) == 0 && d.mayMove():
		return "nothing changes for packets without a mark or source of their own, but the set-up differs"
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
	Warnings     []Remark     `json:"warnings,omitempty"`
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
	out := jsonDiff{Destinations: []jsonChange{}, Objects: []object{}, Warnings: d.warnings()}
	d.each(func(o object) bool {
		out.Objects = append(out.Objects, o)
		return true
	})
	for i := range d.Changes {
		c := &d.Changes[i]
		out.Destinations = append(out.Destinations, jsonChange{
			c.First, c.Last, strings.TrimSpace(c.Size().String()), sideJSON(d.Before, &c.Before), sideJSON(d.After, &c.After),
		})
	}
	return WriteJSON(w, []any{out})
}
