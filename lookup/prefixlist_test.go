package lookup

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"routewhy/route"
)

func comparePrefixes(a, b netip.Prefix) int {
	if c := a.Addr().Compare(b.Addr()); c != 0 {
		return c
	}
	return a.Bits() - b.Bits()
}

// The list is the same in whatever order the prefixes come: in order, in that of the
// kernel (IPv6: longer ones first), and in none.
func TestPrefixList(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, f := range []route.Family{route.IPv4, route.IPv6} {
		var all []netip.Prefix
		for range 5000 {
			b := make([]byte, f.Bits()/8)
			b[0], b[1], b[2] = byte(32+rng.IntN(4)), byte(rng.IntN(256)), byte(rng.IntN(256))
			a, _ := netip.AddrFromSlice(b)
			p, _ := a.Prefix(rng.IntN(f.Bits() + 1))
			all = append(all, p)
		}
		want := slices.Compact(slices.SortedFunc(slices.Values(all), comparePrefixes))
		backwards := slices.Clone(want)
		slices.Reverse(backwards)
		for name, in := range map[string][]netip.Prefix{"random": all, "sorted": want, "backwards": backwards, "twice": slices.Concat(want, want)} {
			var l prefixList
			for _, p := range in {
				l.add(p, 0)
			}
			l.sort()
			var got []netip.Prefix
			for i := range l.Len() {
				got = append(got, l.at(i))
			}
			if !slices.Equal(got, want) {
				t.Errorf("%v, %s: %d prefixes, want %d", f, name, len(got), len(want))
			}
			for i, p := range want {
				if at, found := l.search(p); !found || at != i {
					t.Fatalf("%v, %s: %v is at %d, %v; want %d", f, name, p, at, found, i)
				}
				end, _ := slices.BinarySearchFunc(want, p, func(w, p netip.Prefix) int {
					if p.Contains(w.Addr()) {
						return -1
					}
					return comparePrefixes(w, p)
				})
				if got := l.after(p); got != end {
					t.Fatalf("%v, %s: after %v: %d, want %d", f, name, p, got, end)
				}
			}
		}
	}
}

// Prefixes of which the routes are left out count among a table's prefixes, until all of
// their routes were read and taken away.
func TestSubnetsLeftOut(t *testing.T) {
	var b Builder
	pfx := netip.MustParsePrefix
	r := func(p string) *route.Route {
		return &route.Route{Table: route.TableMain, Dst: pfx(p), Type: route.TypeUnicast}
	}
	b.Add(r("10.0.0.0/8"))
	b.Add(r("10.2.0.0/16"))
	for _, p := range []string{"10.3.0.0/16", "10.1.0.0/16", "10.2.0.0/16", "11.0.0.0/8", "10.3.0.0/16"} {
		b.leave(r(p), 0)
	}
	f := b.FIB(&route.Snapshot{})
	main := f.v4.tables[route.TableMain]
	check := func(what string, want ...string) {
		t.Helper()
		var got []string
		for p := range main.subnets(pfx("10.0.0.0/8")) {
			got = append(got, p.String())
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	check("left out", "10.0.0.0/8", "10.1.0.0/16", "10.2.0.0/16", "10.3.0.0/16")
	if main.size() != 7 {
		t.Errorf("the table has %d routes, want 7", main.size())
	}
	for _, tt := range []struct {
		addr string
		left bool
	}{{"10.1.0.1", true}, {"10.2.0.1", true}, {"10.9.0.1", false}, {"11.0.0.1", true}} {
		for _, questions := range []int{1, 1000} {
			if got := f.v4.omits(questions)(netip.MustParseAddr(tt.addr)); got != tt.left {
				t.Errorf("of %d questions: left out at %s: %v", questions, tt.addr, got)
			}
		}
	}
	b.empty(route.TableMain, pfx("10.2.0.0/16"))
	b.put(r("10.2.0.0/16"))
	b.empty(route.TableMain, pfx("10.1.0.0/16"))
	check("read again", "10.0.0.0/8", "10.2.0.0/16", "10.3.0.0/16")
	if f.v4.omits(1)(netip.MustParseAddr("10.2.0.1")) {
		t.Error("10.2.0.0/16 was read again")
	}
}
