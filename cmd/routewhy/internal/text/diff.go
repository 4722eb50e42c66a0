package text

import (
	"fmt"
	"io"
	"math/big"
	"net/netip"
	"strings"

	"routewhy/lookup"
	"routewhy/lookup/coverage"
	"routewhy/lookup/report"
	"routewhy/route"
	"routewhy/route/iproute2"
)

// Diff is what differs between two snapshots.
type Diff struct {
	Before, After *lookup.FIB
	Families      []route.Family
	// Changes are the ranges that are decided differently, in ascending order, IPv4 first.
	Changes []coverage.Change
	objects []object
	routes  []*coverage.Difference
}

// NewDiff compares.
func NewDiff(before, after *coverage.Host, families []route.Family, flow coverage.Flow) *Diff {
	d := &Diff{Before: before.FIB, After: after.FIB, Families: families}
	for _, f := range families {
		one := coverage.Diff(before, after, f, flow)
		d.Changes = append(d.Changes, one.Changes...)
		d.routes = append(d.routes, one)
	}
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

// WriteDiff writes what differs as text: the objects, which are the causes, and then
// the destinations in ascending order.
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
	p.objects(d)
	moves := d.moves()
	for i, m := range moves {
		if i == maxShown && !st.Verbose {
			p.blank()
			p.line(fmt.Sprintf("and %d more (-v)", len(moves)-i))
			break
		}
		p.move(d, m)
	}
	p.blank()
	if d.changing() {
		p.detail("note", changingWords, yellow)
	}
	p.selected(d.notes())
	return p.err
}

// moves are the changes by what they have in common: the same before, and the same
// after. They are in the order of their first addresses.
func (d *Diff) moves() [][]*coverage.Change {
	var out [][]*coverage.Change
	place := map[[2]fate]int{}
	for i := range d.Changes {
		c := &d.Changes[i]
		k := [2]fate{fateOf(c.First, &c.Before), fateOf(c.First, &c.After)}
		n, ok := place[k]
		if !ok {
			n = len(out)
			place[k] = n
			out = append(out, nil)
		}
		out[n] = append(out[n], c)
	}
	return out
}

// fate is what a decision says, but for the destination.
type fate struct {
	ipv4        bool
	disposition lookup.Disposition
	errno       route.Errno
	shortcut    lookup.Shortcut
	entry       lookup.Entry
	dst         netip.Prefix
	rule        *route.Rule
	src         netip.Addr
	why         lookup.Code
	refused     route.Errno
	ways        int
}

func fateOf(dst netip.Addr, d *lookup.Decision) fate {
	out := fate{
		dst.Is4(), d.Disposition, d.Errno, d.Shortcut, d.Entry(), d.Route.Dst, d.Rule, d.Src, d.Ambiguous.Code, d.SomeRefused, len(d.NextHops),
	}
	if d.Src == dst {
		out.src = netip.Addr{} // the destination itself
	}
	return out
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

// maxRanges is how many ranges of the same fate are named without -v.
const maxRanges = 8

// move writes the ranges that have the same before and after.
func (p *page) move(d *Diff, all []*coverage.Change) {
	p.blank()
	var ranges []string
	size := new(big.Int)
	for i, c := range all {
		size.Add(size, c.Size())
		switch {
		case i < maxRanges || p.st.Verbose:
			ranges = append(ranges, rangeText(c.First, c.Last))
		case i == len(all)-1:
			ranges = append(ranges, agree(len(all)-maxRanges, "range more (-v)", "ranges more (-v)"))
		}
	}
	p.block("", fmt.Sprintf("%s: %s", strings.Join(ranges, ", "), addresses(size)), plain)
	c := all[0]
	p.block("  before  ", verdictOf(d.Before, c.First, &c.Before), plain)
	p.block("  after   ", verdictOf(d.After, c.First, &c.After), plain)
}

func addresses(n *big.Int) string {
	if n.IsInt64() && n.Int64() == 1 {
		return "1 address"
	}
	return n.String() + " addresses"
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
	flow := route.Flow{Dst: dst}
	e := &report.Explanation{Query: report.Query{Dst: netip.PrefixFrom(dst, dst.BitLen())}, Decision: report.NewDecision(f, &flow, decision, nil)}
	return told{e}.verdict()
}

// jsonDiff is the form that WriteDiffJSON writes.
type jsonDiff struct {
	Objects      []object     `json:"objects"`
	Destinations []jsonChange `json:"destinations"`
	Warnings     []Remark     `json:"warnings,omitempty"`
}

type jsonChange struct {
	First netip.Addr `json:"first"`
	Last  netip.Addr `json:"last"`
	Size  string     `json:"size"` // may have more than 64 bits
	// Group is the same for all ranges with the same before and after, from 1.
	Group  int      `json:"group"`
	Before jsonSide `json:"before"`
	After  jsonSide `json:"after"`
}

type jsonSide struct {
	Disposition lookup.Disposition `json:"disposition"`
	Errno       route.Errno        `json:"errno,omitzero"`
	Default     bool               `json:"default"`
	Route       *iproute2.Route    `json:"route,omitempty"`
	NextHops    []report.NextHop   `json:"nexthops,omitempty"`
	Src         netip.Addr         `json:"src,omitzero"`
}

func sideJSON(f *lookup.FIB, d *lookup.Decision) jsonSide {
	j := jsonSide{Disposition: d.Disposition, Errno: d.Errno, Default: d.Default(), Src: d.Src}
	if d.HasRoute {
		r := iproute2.RouteJSON(f.Snapshot(), &d.Route)
		j.Route = &r
	}
	j.NextHops = report.NewDecision(f, &route.Flow{}, d, nil).NextHops
	return j
}

// WriteDiffJSON writes what differs as JSON.
func WriteDiffJSON(w io.Writer, d *Diff) error {
	out := jsonDiff{Destinations: []jsonChange{}, Objects: []object{}, Warnings: d.warnings()}
	d.each(func(o object) bool {
		out.Objects = append(out.Objects, o)
		return true
	})
	group := map[*coverage.Change]int{}
	for i, m := range d.moves() {
		for _, c := range m {
			group[c] = i + 1
		}
	}
	for i := range d.Changes {
		c := &d.Changes[i]
		out.Destinations = append(out.Destinations, jsonChange{
			c.First, c.Last, c.Size().String(), group[c], sideJSON(d.Before, &c.Before), sideJSON(d.After, &c.After),
		})
	}
	return WriteJSON(w, []any{out})
}
