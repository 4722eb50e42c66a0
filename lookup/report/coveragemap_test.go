package report

import (
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"routewhy/lookup/coverage"
	"routewhy/route"
)

// ranged gives random prefixes random ways, and cuts all addresses of a family into ranges: an
// address goes the way of the longest prefix. No two neighbours go the same way.
func ranged(rng *rand.Rand, fam route.Family, prefixes int) []wayRange {
	ways := map[netip.Prefix]int{fam.Default(): 0}
	starts := map[netip.Addr]bool{fam.Default().Addr(): true}
	for range prefixes {
		b := fam.Default().Addr().AsSlice()
		for i := range b {
			b[i] = byte(rng.Uint32())
		}
		a, _ := netip.AddrFromSlice(b)
		p, _ := a.Prefix(1 + rng.IntN(fam.Bits()))
		ways[p] = rng.IntN(4)
		starts[p.Addr()] = true
		if next := route.LastAddr(p).Next(); next.IsValid() {
			starts[next] = true
		}
	}
	var out []wayRange
	order := slices.SortedFunc(maps.Keys(starts), netip.Addr.Compare)
	for i, first := range order {
		end := route.LastAddr(fam.Default())
		if i+1 < len(order) {
			end = order[i+1].Prev()
		}
		way, bits := 0, -1
		for p, w := range ways {
			if p.Contains(first) && p.Bits() > bits {
				way, bits = w, p.Bits()
			}
		}
		if n := len(out); n > 0 && out[n-1].way == way {
			out[n-1].Last = end
			continue
		}
		out = append(out, wayRange{coverage.Range{First: first, Last: end}, way})
	}
	return out
}

// TestNested checks that every range goes the way of the longest of the prefixes around it, and
// that no prefix goes the way of the one around it.
func TestNested(t *testing.T) {
	for seed := range uint64(200) {
		all := ranged(rand.New(rand.NewPCG(seed, 6)), route.IPv6, 1+int(seed%12))
		out, more := nested(all)
		if more {
			t.Fatalf("seed %d: too many prefixes", seed)
		}
		around := func(a netip.Addr, depth int) (at MapPrefix) {
			at.Way = -1
			for _, n := range out {
				if n.Dst.Contains(a) && n.Depth < depth {
					at = n
				}
			}
			return at
		}
		for _, r := range all {
			for _, a := range []netip.Addr{r.First, r.Last} {
				if got := around(a, 1000); got.Way != r.way {
					t.Fatalf("seed %d: %s is in %v, but goes way %d\n%v", seed, a, got, r.way, out)
				}
			}
		}
		for _, n := range out {
			if outer := around(n.Dst.Addr(), n.Depth); outer.Way == n.Way || n.Depth > 0 && outer.Depth != n.Depth-1 {
				t.Fatalf("seed %d: %v is in %v", seed, n, outer)
			}
		}
	}
}

// TestCells checks that each block has all its addresses, and that the ways have as many as
// their ranges.
func TestCells(t *testing.T) {
	for seed := range uint64(50) {
		all := ranged(rand.New(rand.NewPCG(seed, 4)), route.IPv4, 1+int(seed%40))
		m := &mapper{fam: route.IPv4}
		want, got := [4]uint64{}, [4]uint64{}
		for _, r := range all {
			m.add(r.Range, r.way)
			want[r.way] += number4(r.Last) - number4(r.First) + 1
		}
		next := uint64(0)
		for _, c := range m.drawn([]int{0, 1, 2, 3}).Cells {
			sum, last := uint64(0), uint64(1<<32)
			for _, p := range c.Ways {
				sum += p.Size
				got[p.Way] += p.Size
				if p.Size > last {
					t.Fatalf("seed %d: %v", seed, c)
				}
				last = p.Size
			}
			if sum != 1<<(32-c.Dst.Bits()) || number4(c.Dst.Addr()) != next {
				t.Fatalf("seed %d: %v", seed, c)
			}
			next += sum
		}
		if got != want || next != 1<<32 {
			t.Fatalf("seed %d: %v, want %v", seed, got, want)
		}
	}
}
