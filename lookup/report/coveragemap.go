package report

import (
	"cmp"
	"net/netip"
	"slices"

	"routewhy/lookup/coverage"
	"routewhy/route"
)

// CoverageMap is a coverage as a map of the addresses. Ways are given by their places in
// [Coverage.Ways], the first of which is 0.
type CoverageMap struct {
	// Cells are the blocks of IPv4 in the order of their addresses: a /8 all of which goes one
	// way, and otherwise its parts, [MapBits] long.
	Cells []MapCell `json:"cells,omitempty"`
	// Nested are the prefixes of IPv6 that go another way than the prefix around them: what
	// is in none of them goes the way of ::/0, which is the first one. They are in the order
	// of their addresses, a prefix before those inside it. There are at most [MaxNested],
	// the largest ones.
	Nested []MapPrefix `json:"nested,omitempty"`
	// More says that there are more prefixes than those in Nested.
	More bool `json:"more,omitempty"`
}

// MapCell is a block of IPv4 addresses.
type MapCell struct {
	Dst netip.Prefix `json:"dst"`
	// Ways are those of its addresses, the one with the most addresses first.
	Ways []MapPart `json:"ways"`
}

// MapPart is how many addresses of a block go a way.
type MapPart struct {
	Way  int    `json:"way"`
	Size uint64 `json:"size"`
}

// MapPrefix is a prefix whose addresses go a way, unless they are in a prefix inside it.
type MapPrefix struct {
	Dst netip.Prefix `json:"dst"`
	Way int          `json:"way"`
	// Depth is how many of the prefixes are around it.
	Depth int `json:"depth"`
	// Mixed says that not all of its addresses go that way.
	Mixed bool `json:"mixed,omitempty"`
}

// MapBits is the length of the blocks of IPv4, and MaxNested how many prefixes of IPv6 a map
// has.
const (
	MapBits   = 12
	MaxNested = 256
)

// mapper collects what a map is drawn from while the addresses are surveyed. Ways are those of
// the survey, which has another order.
type mapper struct {
	fam    route.Family
	cells  [1 << MapBits][]MapPart // IPv4
	ranges []wayRange              // IPv6
}

// wayRange is a range of addresses, all of which go one way.
type wayRange struct {
	coverage.Range
	way int
}

// add adds a range. Ranges come in ascending order.
func (m *mapper) add(r coverage.Range, way int) {
	if m.fam == route.IPv6 {
		m.ranges = append(m.ranges, wayRange{r, way})
		return
	}
	const cell = 1 << (32 - MapBits)
	first, last := number4(r.First), number4(r.Last)
	for first <= last {
		end := min(first|(cell-1), last)
		m.cells[first/cell] = plusPart(m.cells[first/cell], way, end-first+1)
		first = end + 1
	}
}

// number4 is an IPv4 address as a number.
func number4(a netip.Addr) uint64 {
	b := a.As4()
	return uint64(b[0])<<24 | uint64(b[1])<<16 | uint64(b[2])<<8 | uint64(b[3])
}

// plusPart adds addresses to those of a way.
func plusPart(all []MapPart, way int, size uint64) []MapPart {
	for i := range all {
		if all[i].Way == way {
			all[i].Size += size
			return all
		}
	}
	return append(all, MapPart{way, size})
}

// drawn is the map. The places of the ways in the report are given by those in the survey.
func (m *mapper) drawn(place []int) *CoverageMap {
	out := &CoverageMap{}
	if m.fam == route.IPv6 {
		for i := range m.ranges {
			m.ranges[i].way = place[m.ranges[i].way]
		}
		out.Nested, out.More = nested(m.ranges)
		return out
	}
	for first := 0; first < len(m.cells); first += perOctet {
		octet := m.cells[first : first+perOctet]
		if len(octet[0]) == 1 && !slices.ContainsFunc(octet, func(x []MapPart) bool { return !slices.Equal(x, octet[0]) }) {
			out.Cells = append(out.Cells, MapCell{block(first, 8), []MapPart{{place[octet[0][0].Way], 1 << 24}}})
			continue
		}
		for i, parts := range octet {
			for k := range parts {
				parts[k].Way = place[parts[k].Way]
			}
			slices.SortFunc(parts, func(x, y MapPart) int { return cmp.Or(cmp.Compare(y.Size, x.Size), x.Way-y.Way) })
			out.Cells = append(out.Cells, MapCell{block(first+i, MapBits), parts})
		}
	}
	return out
}

// perOctet is how many blocks a /8 has.
const perOctet = 1 << (MapBits - 8)

// block is the prefix of a certain length at the place of a block.
func block(i, bits int) netip.Prefix {
	n := uint32(i) << (32 - MapBits)
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(n >> 24), byte(n >> 16)}), bits)
}

// nested finds the prefixes that go another way than the prefix around them, the largest
// prefixes first. The ranges are all addresses of IPv6.
func nested(all []wayRange) (out []MapPrefix, more bool) {
	type piece struct {
		dst           netip.Prefix
		ranges        []wayRange // those that have an address in it
		around, depth int        // the way of the prefix around it, and how many are around it
	}
	level := []piece{{route.IPv6.Default(), all, -1, 0}}
	for len(level) > 0 { // pieces of one length, in ascending order
		var next []piece
		for _, p := range level {
			way := mainWay(p.dst, p.ranges, p.around)
			mixed := len(p.ranges) > 1
			if mixed && way != p.around && halfStays(p.dst, p.ranges, p.around) {
				way = p.around // a longer prefix fits better
			}
			if way != p.around {
				if len(out) == MaxNested {
					more = true
					break
				}
				out = append(out, MapPrefix{p.dst, way, p.depth, mixed})
				p.depth++
			}
			if !mixed {
				continue
			}
			low, high := route.Halves(p.dst)
			for _, half := range []netip.Prefix{low, high} {
				next = append(next, piece{half, rangesIn(half, p.ranges), way, p.depth})
			}
		}
		if more {
			break
		}
		level = next
	}
	slices.SortFunc(out, func(x, y MapPrefix) int {
		if o := x.Dst.Addr().Compare(y.Dst.Addr()); o != 0 {
			return o
		}
		return x.Dst.Bits() - y.Dst.Bits()
	})
	return out, more
}

// mainWay is the way that most addresses of a prefix go. If it is one of several, it is the one
// of the prefix around it, or else the one that comes first.
func mainWay(p netip.Prefix, all []wayRange, around int) int {
	if len(all) == 1 {
		return all[0].way
	}
	sizes := map[int]coverage.Count{}
	last := route.LastAddr(p)
	for _, r := range all {
		sizes[r.way] = sizes[r.way].Plus(coverage.CountOf(later(r.First, p.Addr()), earlier(r.Last, last)))
	}
	best := all[0].way
	if _, ok := sizes[around]; ok {
		best = around
	}
	for _, r := range all {
		if sizes[best].Less(sizes[r.way]) {
			best = r.way
		}
	}
	return best
}

// halfStays reports whether one half of a prefix goes the way of the prefix around it.
func halfStays(p netip.Prefix, all []wayRange, around int) bool {
	low, high := route.Halves(p)
	return mainWay(low, rangesIn(low, all), around) == around || mainWay(high, rangesIn(high, all), around) == around
}

func later(a, b netip.Addr) netip.Addr {
	if a.Less(b) {
		return b
	}
	return a
}

func earlier(a, b netip.Addr) netip.Addr {
	if a.Less(b) {
		return a
	}
	return b
}

// rangesIn are the ranges that have an address in a prefix.
func rangesIn(p netip.Prefix, all []wayRange) []wayRange {
	last := route.LastAddr(p)
	from, _ := slices.BinarySearchFunc(all, p.Addr(), func(r wayRange, a netip.Addr) int {
		if r.Last.Less(a) {
			return -1
		}
		return 1
	})
	to, _ := slices.BinarySearchFunc(all, last, func(r wayRange, a netip.Addr) int {
		if a.Less(r.First) {
			return 1
		}
		return -1
	})
	return all[from:to]
}
