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
)

// CoverageMap writes what becomes of a packet to each address of a family as a map: first in
// one line, and then IPv4 along a Hilbert curve, in which addresses that are near each other
// stay near each other, and IPv6 as prefixes in prefixes. The report must have a map.
func CoverageMap(w io.Writer, c *report.Coverage, st Style) error {
	p := &page{w: w, st: st}
	v := covered{c}
	head := v.headline()
	if st.Quiet && c.Changing() {
		head += changingAside
	}
	p.line(st.paint(bold, head))
	if st.Quiet {
		return p.err
	}
	p.blank()
	if len(c.Map.Cells) > 0 {
		p.hilbert(v)
	} else {
		p.prefixesIn(v)
	}
	p.coverageNotes(v)
	return p.err
}

// wayMark is the letter of a way on a map.
func (v covered) wayMark(way int) string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	switch {
	case v.Ways.At(way).Disposition == lookup.DispositionNoRoute:
		return "."
	case way >= len(letters):
		return "*"
	}
	return letters[way : way+1]
}

// mapped is how many ways the table of a map names.
func (v covered) mapped(all bool) int {
	if n := v.Ways.Len(); n <= maxCovered+1 || all {
		return n
	}
	return maxCovered
}

// key is the table of a map, wrapped for a number of columns.
func (v covered) key(st Style, columns int) []string {
	st.Width = columns
	var out []string
	n := v.mapped(st.Verbose)
	for i := range n {
		w := v.Ways.At(i)
		label := fmt.Sprintf("%s %8s  ", v.wayMark(i), portion(w.Share, w.Size == v.Size, 2))
		out = append(out, st.beside(label, v.becomes(w), plain)...)
	}
	if more := v.Ways.Len() - n; more > 0 {
		out = append(out, st.beside("*           ", agree(more, "other way", "other ways")+" (-v)", plain)...)
	}
	return out
}

// markOf is the mark of a way on the map: that of the table.
func (v covered) markOf(way int, all bool) string {
	if way >= v.mapped(all) {
		return "*"
	}
	return v.wayMark(way)
}

// octets are the ways of the /8 blocks of IPv4: of each block, the one with the most addresses
// first.
func (v covered) octets() [256][]report.MapPart {
	var out [256][]report.MapPart
	for _, c := range v.Map.Cells {
		at := &out[c.Dst.Addr().As4()[0]]
		for _, p := range c.Ways {
			i := slices.IndexFunc(*at, func(x report.MapPart) bool { return x.Way == p.Way })
			if i < 0 {
				*at = append(*at, p)
				continue
			}
			(*at)[i].Size += p.Size
		}
	}
	for i := range out {
		slices.SortStableFunc(out[i], func(a, b report.MapPart) int { return cmp.Compare(b.Size, a.Size) })
	}
	return out
}

// hilbertAt is the place on a map of a number of rows and columns, a power of two. The first
// quarter of the numbers is at the top on the left, the second below that, and the last one at
// the top on the right.
func hilbertAt(side, n int) (x, y int) {
	for s := 1; s < side; s *= 2 {
		right := 1 & (n / 2)
		down := 1 & (n ^ right)
		if down == 0 {
			if right == 1 {
				x, y = s-1-x, s-1-y
			}
			x, y = y, x
		}
		x, y = x+s*right, y+s*down
		n /= 4
	}
	return x, y
}

const (
	mapSide  = 16                 // of the map of IPv4, in blocks of /8
	mapBlock = 4                  // of a /4, which has a label
	mapWidth = 2*mapSide + 4      // columns, with one after each /4
	minKey   = 30                 // columns of the table, if it is beside the map
	mapTop   = mapSide / mapBlock // lines with labels
)

// hilbert draws IPv4, with the table beside it or, if there is too little room, below it.
func (p *page) hilbert(v covered) {
	left := p.hilbertLines(v)
	room := p.st.width() - 2 - mapWidth - 2
	if room < minKey {
		for _, l := range left {
			p.line("  " + l)
		}
		p.blank()
		for _, l := range v.key(p.st, p.st.width()-2) {
			p.line("  " + l)
		}
	} else {
		right := v.key(p.st, room)
		for i := range max(len(left), len(right)) {
			line := strings.Repeat(" ", mapWidth)
			if i < len(left) {
				line = pad(left[i], mapWidth)
			}
			if i < len(right) {
				line += "  " + right[i]
			}
			p.line("  " + line)
		}
	}
	p.blank()
	p.block("  ", "Two letters are a /8, and the numbers above are its first octets, along a Hilbert curve. AA: way A has all of it; AB: A has most of it, B comes next.", dim)
}

func (p *page) hilbertLines(v covered) []string {
	var cells [mapSide][mapSide]string
	var labels [mapTop][mapTop]string
	for n, parts := range v.octets() {
		x, y := hilbertAt(mapSide, n)
		mark := p.mapMark(v, parts, 0)
		if len(parts) > 1 {
			mark += p.mapMark(v, parts, 1)
		} else {
			mark += mark
		}
		cells[y][x] = mark
		if n%(mapBlock*mapBlock) == 0 {
			labels[y/mapBlock][x/mapBlock] = fmt.Sprintf("%d-%d", n, n+mapBlock*mapBlock-1)
		}
	}
	var out []string
	for y := range mapSide {
		if y%mapBlock == 0 {
			line := ""
			for _, l := range labels[y/mapBlock] {
				line += pad(l, 2*mapBlock+1)
			}
			out = append(out, line)
		}
		line := ""
		for x := range mapSide {
			line += cells[y][x]
			if x%mapBlock == mapBlock-1 {
				line += " "
			}
		}
		out = append(out, line)
	}
	return out
}

func (p *page) mapMark(v covered, parts []report.MapPart, i int) string {
	if i >= len(parts) {
		return "?"
	}
	return v.markOf(parts[i].Way, p.st.Verbose)
}

// maxNestedShown is how many prefixes of IPv6 are shown without -v.
const maxNestedShown = 24

// nestedShown are the prefixes of IPv6 on the map, the largest ones if there are too many.
func (v covered) nestedShown(most int) []report.MapPrefix {
	all := v.Map.Nested
	if len(all) <= most {
		return all
	}
	order := slices.Clone(all)
	slices.SortStableFunc(order, func(a, b report.MapPrefix) int { return a.Dst.Bits() - b.Dst.Bits() })
	kept := map[netip.Prefix]bool{}
	for _, n := range order[:most] {
		kept[n.Dst] = true
	}
	return slices.DeleteFunc(slices.Clone(all), func(n report.MapPrefix) bool { return !kept[n.Dst] })
}

// prefixesIn writes IPv6 as prefixes in prefixes, and the table below them.
func (p *page) prefixesIn(v covered) {
	most := maxNestedShown
	if p.st.Verbose {
		most = report.MaxNested
	}
	shown := v.nestedShown(most)
	for _, n := range shown {
		text := ""
		if n.Mixed && n.Depth == 0 {
			text = "  except for what is in it"
		}
		p.line(fmt.Sprintf("  %s  %s%s%s", v.markOf(n.Way, p.st.Verbose), strings.Repeat("  ", n.Depth), n.Dst, text))
	}
	switch {
	case len(shown) < len(v.Map.Nested):
		p.line("     and smaller prefixes (-v)")
	case v.Map.More:
		p.line("     and smaller prefixes")
	}
	p.blank()
	for _, l := range v.key(p.st, p.st.width()-2) {
		p.line("  " + l)
	}
}
