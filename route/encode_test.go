package route_test

import (
	"bytes"
	"io"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"routewhy/lookup"
	"routewhy/route"
)

// comparing is how snapshots are compared: an empty list and no list are the same.
func comparing() cmp.Option {
	return cmp.Options{cmpopts.EquateEmpty(), cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{}, netip.AddrPort{})}
}

// TestEncodeRoundTrip writes snapshots that are full of random values and
// reads them again.
func TestEncodeRoundTrip(t *testing.T) {
	for seed := range uint64(300) {
		want := randomSnapshot(rand.New(rand.NewPCG(seed, 0)))
		want.Policies = nil // a file has none, because what IPsec protects is private
		var b bytes.Buffer
		if err := want.Encode(&b); err != nil {
			t.Fatal(err)
		}
		first := b.String()
		got, err := route.Decode(&b)
		if err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, first)
		}
		if diff := cmp.Diff(want, got, comparing()); diff != "" {
			t.Fatalf("seed %d (-written +read):\n%s", seed, diff)
		}
		if err := got.Encode(&b); err != nil || b.String() != first {
			t.Fatalf("seed %d: written again, it is not the same", seed)
		}
	}
}

// TestDecodeSortsLinks reads a file with devices in any order, and finds each of them.
func TestDecodeSortsLinks(t *testing.T) {
	s, err := route.Decode(strings.NewReader(`{"routewhy": 1, "links": [{"index":7,"name":"c"},{"index":2,"name":"a"},{"index":5,"name":"b"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	for index, name := range map[int]string{2: "a", 5: "b", 7: "c", 3: "if3"} {
		if got := s.LinkName(index); got != name {
			t.Errorf("device %d is %s; want %s", index, got, name)
		}
	}
}

// TestEncodeGathers writes a large table and reads it again. All routes come back, and
// routes to one prefix are in their order. If it is written again, it is the same.
func TestEncodeGathers(t *testing.T) {
	var s route.Snapshot
	rng := rand.New(rand.NewPCG(1, 1))
	for i := range 3000 {
		dst := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(rng.IntN(8)), byte(i), 0}), 24)
		r := route.Route{Table: route.TableMain, Dst: dst, Type: route.TypeUnicast, Metric: uint32(rng.IntN(3))}
		for range 1 + rng.IntN(2) {
			r.NextHops = append(r.NextHops, route.NextHop{Link: 1 + rng.IntN(2)})
		}
		s.Routes = append(s.Routes, r)
	}
	var b bytes.Buffer
	if err := s.Encode(&b); err != nil {
		t.Fatal(err)
	}
	first := b.String()
	got, err := route.Decode(&b)
	if err != nil {
		t.Fatal(err)
	}
	byPrefix := func(all []route.Route) []route.Route {
		return slices.SortedStableFunc(slices.Values(all), func(a, b route.Route) int { return a.Dst.Addr().Compare(b.Dst.Addr()) })
	}
	if diff := cmp.Diff(byPrefix(s.Routes), byPrefix(got.Routes), comparing()); diff != "" {
		t.Fatalf("(-written +read):\n%s", diff)
	}
	if err := got.Encode(&b); err != nil || b.String() != first {
		t.Fatal("written again, it is not the same")
	}
	if lines := strings.Count(first, "\n\"10."); lines == 0 || lines == len(s.Routes) {
		t.Fatalf("%d of %d routes are gathered: the test shows nothing", lines, len(s.Routes))
	}
}

func randomSnapshot(rng *rand.Rand) *route.Snapshot {
	s := new(route.Snapshot)
	fill(rng, reflect.ValueOf(s).Elem())
	for i := range s.Routes {
		r := &s.Routes[i]
		p := randomPrefix(rng)
		r.Dst, r.Src, r.PrefSrc = p.Masked(), p.Masked(), p.Addr()
		r.Table, r.Type = max(r.Table, 1), max(r.Type, 1)
		for k := range r.NextHops {
			plausible(&r.NextHops[k])
			if r.Family() == route.IPv6 {
				r.NextHops[k].Gateway = netip.Addr{}
			}
		}
	}
	for i := range s.Rules {
		r := &s.Rules[i]
		p := randomPrefix(rng)
		r.Family, r.Selector.Src, r.Selector.Dst = route.FamilyOf(p.Addr()), p, netip.Prefix{}
		r.Priority, r.Goto, r.Table = uint32(i), uint32(i)+r.Goto>>1+1, max(r.Table, 1)
		r.SuppressPrefixLen, r.SuppressGroup = rng.IntN(130)-1, r.SuppressGroup>>20
		for _, p := range []*route.PortRange{&r.Selector.SrcPort, &r.Selector.DstPort} {
			p.End = max(p.Start, p.End)
		}
		r.Selector.UIDs.End = max(r.Selector.UIDs.Start, r.Selector.UIDs.End)
	}
	for i := range s.Links {
		l := &s.Links[i]
		l.Index, l.Master, l.Peer = i+1, l.Master>>20, l.Peer>>20
		l.Name += string(rune('a' + i))
	}
	for i := range s.Addrs {
		a := &s.Addrs[i]
		a.Link, a.Peer, a.Broadcast = i+1, a.Prefix, netip.Addr{}
	}
	for i := range s.NextHops {
		o := &s.NextHops[i]
		o.ID = uint32(i + 1)
		plausible(&o.NextHop)
		for k := range o.Group {
			o.Group[k] = route.GroupMember{ID: uint32(k + 10), Weight: k + 1}
		}
	}
	for i := range s.Neighbours {
		s.Neighbours[i].Link = i + 1
	}
	for i := range s.Labels {
		s.Labels[i].Prefix = netip.PrefixFrom(netip.AddrFrom16([16]byte{byte(i)}), 8)
	}
	for i := range s.Sockets {
		x := &s.Sockets[i]
		x.Proto, x.Family = max(x.Proto, 1), route.FamilyOf(x.Local.Addr())
	}
	for i := range s.Gaps {
		s.Gaps[i].Fact, s.Gaps[i].Family = route.FactRules, []route.Family{0, route.IPv4, route.IPv6}[rng.IntN(3)]
	}
	s.Order = [][]int{{1, 7, 3}, {3, 4}}
	for i := range s.Memberships {
		group := netip.AddrFrom4([4]byte{224, 0, 0, byte(i)})
		s.Memberships[i] = route.Membership{Link: i + 1, Groups: []netip.Addr{group}, Filtered: []netip.Addr{group}}
	}
	s.Merged %= 3
	s.Modules %= 3
	for i := range s.Links {
		s.Links[i].IdleCarrier %= 3
	}
	s.Neighbours = s.Neighbours[:min(1, len(s.Neighbours))] // several would be sorted
	return s
}

// plausible turns a random next hop into one that can exist.
func plausible(h *route.NextHop) {
	h.Weight &= 0xff
	h.Link >>= 20
}

// fill sets every field of a value, or leaves some zero.
func fill(rng *rand.Rand, v reflect.Value) {
	switch p := v.Addr().Interface().(type) {
	case *netip.Addr:
		*p = randomPrefix(rng).Addr()
		return
	case *netip.Prefix:
		*p = randomPrefix(rng)
		return
	case *netip.AddrPort:
		*p = netip.AddrPortFrom(randomPrefix(rng).Addr(), uint16(rng.Uint32()))
		return
	case *time.Time:
		*p = time.Unix(rng.Int64N(1<<32), rng.Int64N(1e9)).UTC()
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(rng, v.Field(i))
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), rng.IntN(4), 4))
		for i := range v.Len() {
			fill(rng, v.Index(i))
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for range rng.IntN(4) {
			key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			fill(rng, key)
			fill(rng, value)
			v.SetMapIndex(key, value)
		}
	case reflect.String:
		v.SetString([]string{"", "eth0", "\x1b[31m<&>", "ü \"x\"\n"}[rng.IntN(4)])
	case reflect.Bool:
		v.SetBool(rng.IntN(2) == 0)
	case reflect.Int, reflect.Int64:
		v.SetInt(rng.Int64N(1<<(v.Type().Bits()*5/8)) * int64(rng.IntN(2)))
	default:
		v.SetUint(rng.Uint64() & (1<<v.Type().Bits() - 1) * uint64(rng.IntN(2)))
	}
}

func randomPrefix(rng *rand.Rand) netip.Prefix {
	var b [16]byte
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	if rng.IntN(2) == 0 {
		return netip.PrefixFrom(netip.AddrFrom4([4]byte(b[:4])), rng.IntN(33))
	}
	return netip.PrefixFrom(netip.AddrFrom16(b), rng.IntN(129))
}

// TestDecodeRefuses reads files that are not snapshots.
func TestDecodeRefuses(t *testing.T) {
	for _, tt := range []struct{ file, want string }{
		{"", "ends in the middle"},
		{"{", "ends in the middle"},
		{"[]", "instead of"},
		{`{"routewhy":1`, "ends in the middle"},
		{`{"release":"6.1"}`, "instead of routewhy"},
		{`{"routewhy":2}`, "version 2"},
		{`{"routewhy":"x"}`, "cannot unmarshal"},
		{`{"routewhy":1,"weather":"fine"}`, `"weather"`},
		{`{"routewhy":1,"release":"a","release":"b"}`, `"release"`},
		{`{"routewhy":1,"host":"` + strings.Repeat("h", 65) + `"}`, "host: "},
		{`{"routewhy":1,"routes":[{"colour":1}]}`, "routes: element 1: "},
		{`{"routewhy":1,"routes":[{"type":"unicast"}]}`, "routes: element 1"},
		{`{"routewhy":1,"routes":[{"dst":"10.0.0.1/8"}]}`, "routes: element 1"},
		{`{"routewhy":1,"routes":["10.0.0.0/8"]}`, "no route before it"},
		{`{"routewhy":1,"routes":[{"table":254,"dst":"10.0.0.0/8","type":"unicast"},"2001:db8::/32"]}`, "element 2: 2001:db8::/32 is of another family"},
		{`{"routewhy":1,"routes":[{"table":254,"dst":"10.0.0.0/8","type":"unicast"},"10.0.0.1/8"]}`, "element 2: \"10.0.0.1/8\" is no network"},
		{`{"routewhy":1,"routes":[{"table":254,"dst":"10.0.0.0/8","type":"unicast"},null]}`, "element 2: "},
		{`{"routewhy":1,"rules":[{"priority":1}]}`, "rules: element 1: family"},
		{`{"routewhy":1,"links":[{"index":1,"name":"a"},{"index":1,"name":"b"}]}`, "links: element 2"},
		{`{"routewhy":1} {}`, "follows"},
		{"\x1f\x8b\x00\xff", "snapshot: "},
	} {
		_, err := route.Decode(strings.NewReader(tt.file))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v; want an error with %q", tt.file, err, tt.want)
		}
	}
}

// FuzzDecode reads bytes. What can be read must also be possible to write, to read
// again and to reason about.
func FuzzDecode(f *testing.F) {
	for seed := range uint64(5) {
		var b bytes.Buffer
		if err := randomSnapshot(rand.New(rand.NewPCG(seed, 1))).Encode(&b); err != nil {
			f.Fatal(err)
		}
		f.Add(b.Bytes())
	}
	f.Add([]byte(`{"routewhy":1,"rules":[{"family":4,"priority":0,"action":"lookup","table":254}],"routes":[{"table":254,"dst":"0.0.0.0/0","type":"unicast","nexthops":[{"gateway":"192.0.2.1","link":2}]}]}`))
	f.Fuzz(func(t *testing.T, file []byte) {
		s, err := route.Decode(bytes.NewReader(file))
		if err != nil {
			return
		}
		var b bytes.Buffer
		if err := s.Encode(&b); err != nil {
			t.Fatal(err)
		}
		again, err := route.Decode(&b)
		if err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
		if diff := cmp.Diff(s.Routes, again.Routes, comparing()); diff != "" {
			t.Error(diff)
		}
		fib := lookup.New(s)
		for _, dst := range []string{"8.8.8.8", "0.0.0.0", "2001:db8::1", "ff02::1"} {
			fib.Explain(route.Flow{Dst: netip.MustParseAddr(dst)})
		}
	})
}

// TestLargeElements saves and reads long lists that are one element of a file, as a host
// with very many devices and tables has them. An element that is too large for a reader
// is not written.
func TestLargeElements(t *testing.T) {
	var order []int
	var tables []route.Table
	for i := range 300_000 {
		order = append(order, 1_000_000+i)
		tables = append(tables, 4_000_000_000+route.Table(i))
	}
	s := &route.Snapshot{Order: [][]int{order}, Gaps: []route.Gap{{Fact: route.FactRoutes, Tables: tables, Why: route.NotInFiles}}}
	var b bytes.Buffer
	if err := s.Encode(&b); err != nil {
		t.Fatal(err)
	}
	again, err := route.Decode(&b)
	if err != nil || !slices.Equal(again.Order[0], order) || !slices.Equal(again.Gaps[0].Tables, tables) {
		t.Fatalf("%v", err)
	}
	s.Order = [][]int{slices.Repeat(order, 4)}
	if err := s.Encode(io.Discard); err == nil || !strings.Contains(err.Error(), "one element has more than") {
		t.Errorf("%v", err)
	}
}
