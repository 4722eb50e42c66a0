package main

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"testing"

	"routewhy/lookup"
	"routewhy/lookup/listen"
	"routewhy/route"
)

// TestReach makes random hosts and lets every client connect to every socket and address.
// It compares what happens with what [listen.Exposure], a received packet's decision and
// the way back say. ROUTEWHY_CONNECTIONS is how many connections are tried, ROUTEWHY_SEED
// the first seed. If the kernel has VRFs, some hosts have one.
func TestReach(t *testing.T) {
	if os.Getuid() != 0 && canUnshare(t) {
		inUserNamespace(t)
		return
	}
	vrf := supported("ip link add red type vrf table 10")
	kinds := []string{"veth", "veth", "veth"}
	for _, kind := range []string{"macvlan", "bridge", "bond", "tun"} {
		command := "ip link add v0 type veth && ip link add e0 type " + kind
		switch kind {
		case "macvlan":
			command = "ip link add v0 type veth && ip link add e0 link v0 type macvlan"
		case "tun":
			command = "ip tuntap add e0 mode tun"
		}
		if supported(command) {
			kinds = append(kinds, kind)
		}
	}
	want := 300
	if n, err := strconv.Atoi(os.Getenv("ROUTEWHY_CONNECTIONS")); err == nil {
		want = n
	}
	first, _ := strconv.ParseUint(os.Getenv("ROUTEWHY_SEED"), 10, 64)
	tried, up, other, toGroups := 0, 0, 0, 0
	for seed := first; tried < want && !t.Failed(); seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			conns := reachHost(t, rand.New(rand.NewPCG(seed, 12)), vrf, kinds)
			tried += len(conns)
			for _, c := range conns {
				switch {
				case c.connected:
					up++
				case len(c.answers) > 0:
					other++
				case c.spec.isGroup() && c.received:
					toGroups++
				}
			}
		})
		if tried == 0 {
			return // no permission
		}
	}
	t.Logf("%d connections tried, %d made, %d answered by another device, %d delivered to groups", tried, up, other, toGroups)
}

// inUserNamespace runs the same test again as root of a new user namespace.
func inUserNamespace(t *testing.T) {
	cmd := exec.Command("unshare", "-Urn", os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

func reachHost(t *testing.T, rng *rand.Rand, vrf bool, kinds []string) []*conn {
	clients, commands, addrs := randomHost(rng, vrf)
	uplinks := make([]string, len(clients))
	for i := range uplinks {
		uplinks[i] = pick(rng, kinds...)
	}
	l := newLab(t, clients, uplinks, commands)
	specs := randomSockets(rng, len(l.lans), addrs)
	var servers []int
	l.Do(func() {
		kept := specs[:0]
		for _, s := range specs {
			if s.zone != 0 {
				i, _ := l.Index(fmt.Sprintf("e%d", s.zone-1))
				s.zone = uint32(i)
			}
			if fd := l.open(s); fd >= 0 {
				servers, kept = append(servers, fd), append(kept, s)
			}
		}
		specs = kept
	})
	snap, page := l.read(), l.readPage() // packets change what is known of gateways
	var conns []*conn
	for i, s := range specs {
		to := addrs
		if s.isGroup() {
			to = []netip.Addr{s.addr}
		}
		for _, a := range to {
			if !s.addr.Unmap().IsUnspecified() && s.addr.Unmap() != a || s.addr.Is4() != a.Is4() && (a.Is6() || s.v6only) {
				continue
			}
			self := &conn{lan: -1, dst: a, server: i, spec: s}
			if !(a.Is6() && a.IsLinkLocalUnicast()) && !s.isGroup() {
				conns = append(conns, self)
			}
			for lan, one := range l.lans {
				for _, c := range one.clients {
					if c.Is4() == a.Is4() && !(a.Is6() && a.IsLinkLocalUnicast() && remote(c)) {
						conns = append(conns, &conn{lan: lan, src: c, dst: a, server: i, spec: s})
					}
				}
			}
		}
	}
	l.try(conns, servers)
	h := listen.NewHost(l.fib)
	failed := 0
	for _, c := range conns {
		err := l.agree(h, snap, c)
		if err == nil {
			err = page.agree(l, c)
		}
		if err != nil {
			t.Errorf("%s: %v", c, err)
			if failed++; failed > 5 {
				break
			}
		}
	}
	if err := page.count(conns); err != nil {
		t.Error(err)
	}
	if t.Failed() {
		t.Log(page.text)
		t.Logf("uplinks: %v", uplinks)
		for _, c := range commands {
			t.Log(c)
		}
	}
	return conns
}

// agree compares what happened with what is said about it, in three ways.
func (l *lab) agree(h *listen.Host, snap *route.Snapshot, c *conn) error {
	i := slices.IndexFunc(snap.Sockets, func(s route.Socket) bool {
		return int(s.Local.Port()) == c.spec.port && s.Proto == c.spec.proto && s.Listens()
	})
	if i < 0 {
		return fmt.Errorf("the socket is not listed")
	}
	socket := &snap.Sockets[i]
	e := h.Exposure(socket)
	at := slices.IndexFunc(e.Locals, func(x listen.Local) bool {
		return x.Prefix.Contains(c.dst) && (!c.dst.Is6() || !c.dst.IsLinkLocalUnicast() || c.lan < 0 || x.Link == l.lans[c.lan].uplink)
	})
	if c.lan < 0 {
		if self := at >= 0 && e.Locals[at].Self; self != c.connected {
			return fmt.Errorf("this host itself connects: %v; said: %v", c.connected, self)
		}
		return nil
	}
	uplink := l.lans[c.lan].uplink
	said := listen.Outcome{Delivered: route.No, Answered: route.No}
	if at >= 0 {
		said = outcomeOf(e.Locals[at].Views, uplink, c.src)
	}
	if err := c.equals("--sockets --json", &said, uplink); err != nil {
		return err
	}
	if c.spec.isGroup() {
		return nil // what is sent to a group is no connection
	}
	if err := l.sources(h, snap, socket, c, uplink); err != nil {
		return err
	}
	one := l.single(snap, socket, c, uplink)
	return c.equals("ADDRESS:PORT --iif --from --reply", &one, uplink)
}

// sources checks an answer that a server sent without giving a source. It compares the
// answer's source with what is said about it, about the socket and about the packet.
func (l *lab) sources(h *listen.Host, snap *route.Snapshot, s *route.Socket, c *conn, uplink int) error {
	if !listen.LeavesSource(s) || !c.received {
		return nil
	}
	strange := func(all []netip.Addr) bool {
		return slices.ContainsFunc(c.plain, func(src netip.Addr) bool { return !slices.Contains(all, src) })
	}
	onLink := c.dst.Is6() && (c.src.IsLinkLocalUnicast() || c.dst.IsLinkLocalUnicast() || isAnycast(c.dst)) // left out there
	if class := sourceClassOf(h.Sources(s, route.FamilyOf(c.dst), netip.Prefix{}), c.src); len(c.answers) > 0 && !onLink {
		if class == nil {
			class = &listen.SourceClass{Sources: []netip.Addr{c.dst}}
		}
		if strange(class.Sources) || (class.Errno != 0) != (c.refused != nil) {
			return fmt.Errorf("--sockets: answered without a source: from %v, %v; said: %+v", c.plain, c.refused, *class)
		}
	}
	p := listen.Packet{Proto: c.spec.proto, Src: netip.AddrPortFrom(c.src, c.port), Dst: netip.AddrPortFrom(c.dst, uint16(c.spec.port)), Dev: uplink}
	if m := snap.Link(snap.Link(uplink).Master); m != nil && m.Kind == "vrf" {
		p.Dev, p.Slave = m.Index, uplink
	}
	flow, _ := p.Sendto(s)
	d := listen.LookupSendto(l.fib, flow)
	if strange(d.Sources()) || (d.Errno != 0) != (c.refused != nil) {
		return fmt.Errorf("ADDRESS:PORT: answered without a source: from %v, %v; said: %v, %v", c.plain, c.refused, d.Sources(), d.Errno)
	}
	return nil
}

// sourceClassOf finds the class of a client; nil: it has none.
func sourceClassOf(all []listen.SourceClass, client netip.Addr) *listen.SourceClass {
	var out *listen.SourceClass
	best := -1
	for i := range all {
		for _, p := range all[i].Clients {
			if p.Contains(client) && p.Bits() > best {
				out, best = &all[i], p.Bits()
			}
		}
	}
	return out
}

// outcomeOf finds the class of a client.
func outcomeOf(views []listen.View, uplink int, client netip.Addr) listen.Outcome {
	out, best := listen.Outcome{Delivered: route.No, Answered: route.No}, -1
	for i := range views {
		if views[i].Uplink != uplink {
			continue
		}
		for _, c := range views[i].Classes {
			for _, p := range c.Clients {
				if p.Contains(client) && p.Bits() > best {
					out, best = c.Outcome, p.Bits()
				}
			}
		}
	}
	return out
}

// single is what a received packet's decision, the sockets and the way back say.
func (l *lab) single(snap *route.Snapshot, s *route.Socket, c *conn, uplink int) listen.Outcome {
	out := listen.Outcome{Delivered: route.No, Answered: route.No}
	flow := route.Flow{
		Dst: c.dst, Src: c.src, In: uplink, UID: route.NoUID, Proto: c.spec.proto, SrcPort: c.port, DstPort: uint16(c.spec.port),
	}
	tr := l.fib.Explain(flow)
	if slices.ContainsFunc(l.fib.Notes(tr), func(n lookup.Note) bool { return n.Code == lookup.NoteReceivesNothing }) {
		return out
	}
	p, ok := listen.PacketOf(snap, &flow, &tr.Decision)
	if !ok {
		return out
	}
	v := listen.Take(snap, snap.Sockets, p)
	if len(v.Receivers) != 1 || v.Receivers[0].Socket != s {
		return out
	}
	out.Delivered = route.Yes
	back := l.fib.ReplyOf(tr, &lookup.Answerer{Link: s.Link, Mark: s.Mark, UID: s.UID}).Returns[0].Trace
	d := &back.Decision
	if d.Disposition != lookup.DispositionUnicast || d.Shortcut == lookup.ShortcutOnLink && remote(c.src) && l.fib.HasNeighbours(d.NextHops[0].Link) {
		return out
	}
	if d.SomeRefused != 0 {
		out.Reason.Code = "lost"
	}
	for i, hop := range d.NextHops {
		g := &back.Gateways[i]
		switch {
		case hop.Stale:
		case l.fib.Unheard(&back.Flow, &hop):
			out.Reason.Code = "lost"
		case !snap.Link(hop.Link).Carrier(), g.Direct && g.Link != uplink, l.fib.NextHopHealth(&back.Flow, d, &hop).Code == lookup.FaultSmallMTU:
			out.Reason.Code = "lost"
		case g.State == route.NeighbourFailed, l.fib.SilentGateway(&hop).IsValid() && c.dst.Is4(): // it is asked once more
			out.Reason.Code, out.By = listen.CodeSilent, append(out.By, hop.Link)
			if out.Answered == route.No {
				out.Answered = route.Unknown
			}
		default:
			out.Answered, out.By = route.Yes, append(out.By, hop.Link)
		}
	}
	return out
}

// equals compares what happened with an outcome. If answers may leave in several
// ways, or some are lost, it must be one of these ways.
func (c *conn) equals(who string, o *listen.Outcome, uplink int) error {
	strange := func(link int) bool { return !slices.Contains(o.By, link) }
	switch {
	case o.Delivered == route.Unknown || o.Answered == route.Unknown && o.Reason.Code != listen.CodeSilent && o.Reason.Code != listen.CodeAnswerElsewhere:
		return fmt.Errorf("%s: unknown: %+v", who, o.Reason)
	case c.spec.proto == route.ProtoUDP && c.received != (o.Delivered == route.Yes):
		return fmt.Errorf("%s: delivered: %v; said: %+v", who, c.received, *o)
	case len(c.answers) == 0 && o.Answered == route.Yes && o.Reason.Code == "",
		len(c.answers) > 0 && o.Answered == route.No, slices.ContainsFunc(c.answers, strange):
		return fmt.Errorf("%s: answered by devices %v; said: %+v", who, c.answers, *o)
	case c.connected != slices.Contains(c.answers, uplink):
		return fmt.Errorf("%s: connected: %v, answered by devices %v; said: %+v", who, c.connected, c.answers, *o)
	case o.Good(uplink) && !c.connected:
		return fmt.Errorf("%s: connected: %v; said: %+v", who, c.connected, *o)
	}
	return nil
}

// isAnycast reports whether an address is the anycast address of an uplink's network. The
// host has it if it forwards IPv6 on the uplink.
func isAnycast(a netip.Addr) bool {
	return a.Is6() && netip.MustParsePrefix("2001:db8::/46").Contains(a) && netip.PrefixFrom(a, 64).Masked().Addr() == a
}

func pick[T any](rng *rand.Rand, all ...T) T { return all[rng.IntN(len(all))] }

// randomHost draws clients for each uplink, the host's commands, and its addresses.
func randomHost(rng *rand.Rand, vrf bool) (clients [][]string, commands []string, addrs []netip.Addr) {
	add := func(format string, args ...any) { commands = append(commands, fmt.Sprintf(format, args...)) }
	have := func(a string) { addrs = append(addrs, netip.MustParseAddr(a)) }
	n, inVRF := 2+rng.IntN(2), -1
	if vrf && rng.IntN(2) == 0 {
		inVRF = rng.IntN(n)
	}
	for i := range n {
		far := []string{fmt.Sprintf("10.%d.0.1", i), fmt.Sprintf("2001:db8:%d::1", i), fmt.Sprintf("fd00:%d::1", i), "fe80::1"}
		far = append(far, fmt.Sprintf("10.77.%d.9", i), fmt.Sprintf("2001:db8:77%02d::9", i))
		far = append(far, pick(rng, fmt.Sprintf("198.18.%d.9", i), fmt.Sprintf("8.8.%d.8", i), fmt.Sprintf("172.20.%d.9", i), fmt.Sprintf("240.0.%d.9", i)))
		far = append(far, pick(rng, fmt.Sprintf("2600:%d::9", i), fmt.Sprintf("fd77:%d::9", i)))
		have(fmt.Sprintf("10.%d.0.2", i))
		have(fmt.Sprintf("2001:db8:%d::2", i))
		if i == inVRF {
			add("ip link add red type vrf table 300")
			add("ip link set red up")
			add("ip link set e%d master red", i)
		}
		add("ip addr add 10.%d.0.2/24 dev e%d", i, i)
		add("ip addr add 2001:db8:%d::2/64 dev e%d nodad", i, i)
		add("ip addr add fe80::2/64 dev e%d nodad", i)
		if i == 0 {
			have("fe80::2")
		}
		if rng.IntN(5) == 0 {
			add("sysctl -qw net.ipv6.conf.e%d.forwarding=1", i)
			have(fmt.Sprintf("2001:db8:%d::", i))
		}
		switch rng.IntN(6) {
		case 0:
			add("ip addr add 10.%d.0.3/24 dev e%d", i, i)
			have(fmt.Sprintf("10.%d.0.3", i))
		case 1:
			add("ip addr add 10.200.%d.1 peer 10.200.%d.2 dev e%d", i, i, i)
			have(fmt.Sprintf("10.200.%d.1", i))
			far = append(far, fmt.Sprintf("10.200.%d.2", i))
		case 2:
			add("ip addr add 169.254.%d.2/16 dev e%d", i, i)
			have(fmt.Sprintf("169.254.%d.2", i))
			far = append(far, fmt.Sprintf("169.254.%d.1", i))
		case 3:
			add("ip addr add fd00:%d::2/64 dev e%d nodad", i, i)
			have(fmt.Sprintf("fd00:%d::2", i))
		}
		clients = append(clients, far)
	}
	have("127.0.0.1")
	if rng.IntN(2) == 0 {
		add("ip addr add 203.0.113.1/32 dev lo")
		have("203.0.113.1")
	}
	if rng.IntN(3) == 0 {
		add("ip addr add 2001:db8:ffff::1/128 dev lo nodad")
		have("2001:db8:ffff::1")
	}
	if rng.IntN(4) == 0 {
		add("ip addr add 169.254.20.10/32 dev lo")
		have("169.254.20.10")
	}
	for _, set := range randomSettings(rng, n) {
		add("sysctl -qw %s", set)
	}
	commands = append(commands, randomRoutes(rng, n, addrs)...)
	if inVRF >= 0 {
		add("ip route add %s via 10.%d.0.1 dev e%d vrf red onlink", pick(rng, "default", "10.77.0.0/16", "198.18.0.0/15"), inVRF, inVRF)
		add("ip -6 route add %s via 2001:db8:%d::1 dev e%d vrf red onlink", pick(rng, "default", "2001:db8:7700::/40"), inVRF, inVRF)
		add("sysctl -qw net.ipv4.%s_l3mdev_accept=1", pick(rng, "tcp", "udp", "raw"))
	}
	if rng.IntN(8) == 0 {
		add("ip link set e%d mtu 1000", rng.IntN(n)) // too small for IPv6
	}
	if rng.IntN(5) == 0 {
		add("ip link set e%d down", rng.IntN(n))
	}
	return clients, commands, addrs
}

func randomSettings(rng *rand.Rand, n int) []string {
	var out []string
	for _, dev := range []string{"all", fmt.Sprintf("e%d", rng.IntN(n))} {
		if rng.IntN(2) == 0 {
			out = append(out, fmt.Sprintf("net.ipv4.conf.%s.rp_filter=%d", dev, rng.IntN(3)))
		}
		for _, key := range []string{"accept_local", "route_localnet", "src_valid_mark", "forwarding"} {
			if rng.IntN(6) == 0 {
				out = append(out, fmt.Sprintf("net.ipv4.conf.%s.%s=1", dev, key))
			}
		}
	}
	if dev := pick(rng, fmt.Sprintf("e%d", rng.IntN(n)), "lo"); rng.IntN(5) == 0 {
		out = append(out, fmt.Sprintf("net.ipv6.conf.%s.disable_ipv6=1", dev))
	}
	return out
}

func randomRoutes(rng *rand.Rand, n int, addrs []netip.Addr) []string {
	var out []string
	add := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	tables := []string{"", "", " table 100", " table 101"}
	for range 2 + rng.IntN(5) {
		i, table := rng.IntN(n), pick(rng, tables...)
		to := pick(rng, "default", "default", "10.0.0.0/8", "10.77.0.0/16", "198.18.0.0/15", "8.8.0.0/16", "10.1.0.0/24", "9.0.0.0/8", "240.0.0.0/4")
		if rng.IntN(5) == 0 {
			add("ip route add %s %s metric %d%s", pick(rng, "blackhole", "unreachable", "prohibit", "throw"), to, rng.IntN(300), table)
		} else {
			add("ip route add %s via 10.%d.0.1 dev e%d metric %d onlink%s", to, i, i, rng.IntN(300), table)
		}
		to = pick(rng, "default", "default", "2001:db8:7700::/40", "2600::/16", "fd00::/8")
		if rng.IntN(5) == 0 {
			add("ip -6 route add %s %s metric %d%s", pick(rng, "blackhole", "unreachable", "prohibit"), to, 1+rng.IntN(300), table)
		} else {
			add("ip -6 route add %s via 2001:db8:%d::1 dev e%d metric %d onlink%s", to, i, i, 1+rng.IntN(300), table)
		}
	}
	out = append(out, specialRoutes(rng, n)...)
	for range rng.IntN(4) {
		a := pick(rng, addrs...)
		family, to := "", pick(rng, "10.77.0.0/16", "10.0.0.0/24", "0.0.0.0/0")
		if a.Is6() {
			family, to = " -6", pick(rng, "2001:db8:7700::/40", "2001:db8::/64", "::/0")
		}
		pref := pick(rng, 50, 150, 32000)
		what := pick(rng, "prohibit", "blackhole", "unreachable", "table 100", "table 101", "table 101")
		if pref < 100 {
			what = pick(rng, "prohibit", "blackhole", "table 100")
		}
		who := pick(rng, "from "+a.String(), "from "+a.String()+" to "+to, "to "+to, fmt.Sprintf("iif e%d", rng.IntN(n)),
			"uidrange 0-0", "uidrange 1000-2000", "ipproto tcp", "dport 7000-7003", "sport 7000-7003", "dport 30000-61000", "sport 1024-65534", "iif lo", "not from "+a.String())
		add("ip%s rule add pref %d %s %s", family, pref, who, what)
	}
	if rng.IntN(3) == 0 {
		out = append(out, "ip rule add pref 100 table local", "ip rule del pref 0", "ip -6 rule add pref 100 table local", "ip -6 rule del pref 0")
	}
	return out
}

// specialRoutes are routes by several next hops and by next-hop objects, by gateways that do
// not answer, or did not the last time, and of IPv6 for certain sources.
func specialRoutes(rng *rand.Rand, n int) []string {
	var out []string
	add := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	table := pick(rng, "", "", " table 100")
	to, to6 := pick(rng, "default", "10.77.0.0/16", "198.18.0.0/15"), pick(rng, "default", "2001:db8:7700::/40", "2600::/16")
	switch rng.IntN(4) {
	case 0:
		add("ip route add %s metric 5%s nexthop via 10.0.0.1 dev e0 onlink nexthop via 10.1.0.1 dev e1 onlink weight 2", to, table)
		add("ip -6 route add %s metric 5%s nexthop via 2001:db8:0::1 dev e0 onlink nexthop via 2001:db8:1::1 dev e1 onlink", to6, table)
	case 1:
		add("ip nexthop add id 1 via 10.0.0.1 dev e0 onlink")
		add("ip nexthop add id 2 via 10.1.0.1 dev e1 onlink")
		add("ip nexthop add id 3 group %s", pick(rng, "1/2", "1", "2/1", "1,3/2"))
		add("ip route add %s metric 5%s nhid %d", to, table, 1+rng.IntN(3))
		add("ip nexthop add id 6 via 2001:db8:1::1 dev e1 onlink")
		add("ip -6 route add %s metric 5%s nhid 6", to6, table)
	}
	if i := rng.IntN(n); rng.IntN(6) == 0 {
		add("ip route add %s via 10.%d.0.78 dev e%d metric 2 onlink", pick(rng, "10.77.0.0/16", "10.77.1.0/24", "8.8.0.0/16"), i, i)
		add("ip neigh add 10.%d.0.78 dev e%d nud failed", i, i)
	}
	if i := rng.IntN(n); rng.IntN(3) == 0 {
		add("ip route add %s via 10.%d.0.77 dev e%d metric 3 onlink", pick(rng, "10.77.0.0/16", "10.77.1.0/24", "8.8.0.0/16"), i, i)
		add("ip neigh add 10.%d.0.77 dev e%d nud failed", i, i)
	}
	if i := rng.IntN(n); rng.IntN(3) == 0 {
		add("ip -6 route add %s via 2001:db8:%d::77 dev e%d metric 3 onlink", pick(rng, "2001:db8:7700::/40", "2600::/16"), i, i)
		add("ip -6 neigh add 2001:db8:%d::77 dev e%d nud failed", i, i)
		// A host would skip the gateway until the first packet to it, but not after that.
		add("sysctl -qw net.ipv6.conf.all.forwarding=1")
	}
	if i := rng.IntN(n); rng.IntN(3) == 0 {
		add("ip -6 route add %s from 2001:db8:%d::/64 via 2001:db8:%d::1 dev e%d metric 4 onlink", to6, rng.IntN(n), i, i)
	}
	return out
}

// randomSockets draws sockets, each of its own port. A zone is an uplink's number and 1.
func randomSockets(rng *rand.Rand, n int, addrs []netip.Addr) []bindSpec {
	var out []bindSpec
	for i := range 5 {
		s := bindSpec{proto: pick(rng, route.ProtoTCP, route.ProtoUDP), port: 7000 + i}
		switch rng.IntN(5) {
		case 0:
			s.addr = netip.IPv4Unspecified()
		case 1:
			s.addr, s.v6only = netip.IPv6Unspecified(), rng.IntN(2) == 0
		default:
			s.addr = pick(rng, addrs...)
		}
		if s.addr.Is6() && s.addr.IsLinkLocalUnicast() {
			s.zone = uint32(1 + rng.IntN(n))
		} else if rng.IntN(3) == 0 {
			s.dev = pick(rng, "e0", "e1", "lo", "red")
		}
		out = append(out, s)
	}
	if i := rng.IntN(n); rng.IntN(2) == 0 {
		s := bindSpec{proto: route.ProtoUDP, port: 7010, addr: netip.AddrFrom4([4]byte{10, byte(i), 0, 255})}
		if rng.IntN(2) == 0 {
			s.addr, s.join = netip.MustParseAddr(pick(rng, "239.1.2.3", "224.0.0.77")), pick(rng, "", "lo", fmt.Sprintf("e%d", i))
		}
		out = append(out, s)
	}
	return out
}
