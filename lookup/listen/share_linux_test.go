package listen

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"reflect"
	"sort"
	"strconv"
	"testing"

	"routewhy/lookup"
	"routewhy/route"
	"routewhy/route/routetest"
	"routewhy/route/routetest/live"
)

// TestShared compares shared decisions with separate ones, over random set-ups. Addresses
// and uplinks of one kind share decisions, and so do clients in one cell and sockets that
// the rules treat alike. ROUTEWHY_SETUPS is the number of set-ups.
func TestShared(t *testing.T) {
	support := routetest.Probe(t)
	setups := 16
	if n, err := strconv.Atoi(os.Getenv("ROUTEWHY_SETUPS")); err == nil {
		setups = n
	}
	compared := map[string]int{}
	for seed := range uint64(setups) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 21))
			ns := routetest.New(t)
			ns.Batch(routetest.Generate(rng, routetest.Options{Support: support}))
			s := readState(t, ns)
			ns.Batch(moreState(rng, s))
			s = readState(t, ns)
			for _, fam := range []route.Family{route.IPv4, route.IPv6} {
				newSharing(t, rng, s, fam, compared).run()
			}
		})
	}
	for _, what := range []string{"addresses in", "addresses out", "uplinks", "clients", "sockets"} {
		if t.Logf("%s: %d compared", what, compared[what]); compared[what] == 0 && !t.Skipped() && support != (routetest.Support{}) {
			t.Errorf("%s: none was compared", what)
		}
	}
}

func readState(t *testing.T, ns *routetest.Namespace) *route.Snapshot {
	ns.Settle()
	return live.Read(t, ns, route.Query{AllDevices: true})
}

// moreState adds addresses to each device, and rules that depend on the socket.
func moreState(rng *rand.Rand, s *route.Snapshot) routetest.Setup {
	var out routetest.Setup
	add := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	for i := range s.Links {
		l := &s.Links[i]
		for j := range 3 {
			add("ip addr add 10.%d.%d.1/24 dev %s", 200+l.Index%50, j, l.Name)
			add("ip addr add 2001:db8:f%02x:%d::1/64 dev %s nodad", l.Index%256, j, l.Name)
		}
	}
	if rng.IntN(2) == 0 {
		return out
	}
	for i := range 12 {
		family := []string{"", " -6"}[rng.IntN(2)]
		what := []string{
			"ipproto tcp", "ipproto udp", fmt.Sprintf("sport %d-%d", 1000*rng.IntN(4), 4000+rng.IntN(9)), fmt.Sprintf("dport %d", 2000+rng.IntN(3)),
			"fwmark 1", "uidrange 0-5", "sport 40000-60000", "not dport 2001", "not fwmark 2",
		}[rng.IntN(9)]
		who := []string{"", " iif lo", " from 10.200.0.0/13", " to 10.0.0.0/8"}[rng.IntN(2+2*(1-len(family)/3))]
		action := []string{"table main", "table 100", "table 101", "prohibit", "table main suppress_prefixlength 0"}[rng.IntN(5)]
		add("ip%s rule add pref %d %s%s %s", family, 10+50*i*rng.IntN(9), what, who, action)
	}
	return out
}

// sharing compares decisions of one family in one state of a host.
type sharing struct {
	t        *testing.T
	rng      *rand.Rand
	h        *Host
	k        *asker
	fam      route.Family
	own      []netip.Addr
	compared map[string]int
}

func newSharing(t *testing.T, rng *rand.Rand, s *route.Snapshot, fam route.Family, compared map[string]int) *sharing {
	h := NewHost(lookup.New(s))
	c := &sharing{t: t, rng: rng, h: h, k: newAsker(h.fib, fam), fam: fam, compared: compared}
	for i := range s.Addrs {
		if a := s.Addrs[i].Prefix.Addr(); route.FamilyOf(a) == fam && !isLink(a) {
			c.own = append(c.own, a)
		}
	}
	return c
}

func (c *sharing) run() {
	if len(c.own) == 0 || len(c.k.links) == 0 {
		return
	}
	in, out, ups := map[string][]netip.Addr{}, map[string][]netip.Addr{}, map[string][]int{}
	for _, a := range c.own {
		in[c.h.fib.KindIn(a)] = append(in[c.h.fib.KindIn(a)], a)
		out[c.h.fib.KindOut(a)] = append(out[c.h.fib.KindOut(a)], a)
	}
	for _, link := range c.k.links {
		ups[c.h.fib.KindOfUplink(link, c.fam)] = append(ups[c.h.fib.KindOfUplink(link, c.fam)], link)
	}
	for range 2000 {
		x, y := c.socket(), c.socket()
		a, link, client := draw(c.rng, c.own), draw(c.rng, c.k.links), c.client()
		cell := sort.Search(len(c.k.cells), func(i int) bool { return client.Less(c.k.cells[i].first) }) - 1
		first := c.k.cells[cell].first
		if !c.k.cells[cell].client {
			continue
		}
		c.same("clients", c.arrives(a, first, link, x), c.arrives(a, client, link, x), a, first, client, link, x)
		c.same("clients", c.answered(a, first, link, x), c.answered(a, client, link, x), a, first, client, x)
		if b, d := draw(c.rng, in[c.h.fib.KindIn(a)]), draw(c.rng, out[c.h.fib.KindOut(a)]); b != a || d != a {
			c.same("addresses in", c.arrives(a, first, link, x), c.arrives(b, first, link, x), a, b, first, link, x)
			c.same("addresses out", c.answered(a, first, link, x), c.answered(d, first, link, x), a, d, first, x)
		}
		if other := draw(c.rng, ups[c.h.fib.KindOfUplink(link, c.fam)]); other != link && !a.IsLoopback() {
			c.same("uplinks", c.arrives(a, first, link, x), c.arrives(a, first, other, x), a, first, link, other, x)
		}
		asked := c.h.asked[c.fam]
		p, q := asked.of(x), asked.of(y)
		if asked.at(p.in, a, true) == asked.at(q.in, a, true) && asked.at(p.check, a, false) == asked.at(q.check, a, false) {
			c.same("sockets", c.arrives(a, first, link, x), c.arrives(a, first, link, y), a, first, link, x, y)
		}
		if asked.at(p.out, a, false) == asked.at(q.out, a, false) {
			c.same("sockets", c.answered(a, first, link, x), c.answered(a, first, link, y), a, first, x, y)
		}
	}
}

func draw[T any](rng *rand.Rand, all []T) T { return all[rng.IntN(len(all))] }

// client is a random address: one near the edge of a cell, or any one.
func (c *sharing) client() netip.Addr {
	a := draw(c.rng, c.k.cells).first
	raw := a.AsSlice()
	for range c.rng.IntN(3) {
		raw[c.rng.IntN(len(raw))] = byte(c.rng.Uint32())
	}
	a, _ = netip.AddrFromSlice(raw)
	if near := []netip.Addr{a, a.Next(), a.Prev()}[c.rng.IntN(3)]; near.IsValid() {
		return near
	}
	return a
}

func (c *sharing) socket() *route.Socket {
	return &route.Socket{
		Proto: []uint8{route.ProtoTCP, route.ProtoUDP}[c.rng.IntN(2)], Mark: uint32(c.rng.IntN(4)), UID: uint32(c.rng.IntN(8)),
		Local: netip.AddrPortFrom(netip.Addr{}, []uint16{22, 999, 1000, 2000, 2001, 2002, 4003, 4009, 5000, 45000}[c.rng.IntN(10)]),
	}
}

func (c *sharing) arrives(a, client netip.Addr, link int, s *route.Socket) Outcome {
	d := c.h.fib.Lookup(route.Flow{Dst: a, Src: client, In: link, UID: route.NoUID, Proto: s.Proto, SrcPort: clientPort, DstPort: s.Local.Port()})
	return arrival(&d)
}

func (c *sharing) answered(a, client netip.Addr, link int, s *route.Socket) Outcome {
	d := c.h.fib.Lookup(route.Flow{
		Dst: client, Src: a, Out: answersBy(s, vrfOf(c.h.snap, link)), Mark: s.Mark, UID: s.UID, Proto: s.Proto, SrcPort: s.Local.Port(), DstPort: clientPort,
	})
	return c.k.answer(&d, client, a, false)
}

func (c *sharing) same(what string, x, y Outcome, of ...any) {
	c.t.Helper()
	if c.compared[what]++; !reflect.DeepEqual(x, y) {
		c.t.Fatalf("%s: %v: %+v, %+v", what, of, x, y)
	}
}
