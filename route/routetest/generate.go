package routetest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"routewhy/route"
)

// Options restrict what [Generate] makes. The zero value allows both families, and
// nothing that a kernel may lack.
type Options struct {
	// Family restricts the set-up to one family; zero: IPv4, IPv6 or both, at
	// random.
	Family route.Family
	// Support is what the running kernel has: see [Probe].
	Support Support
	// OutputOnly leaves out settings that affect only received packets.
	OutputOnly bool
}

// Generate makes a random set-up. Its parts are meant to be realistic, and their
// combination difficult: nested prefixes that share a network address, equal
// metrics, dead links and neighbours, rules of every kind. Addresses are from a
// small pool, so that things meet. Half of all set-ups have no rule, so that IPv4's
// local and main tables stay one table. Equal seeds and options give equal set-ups.
// The kernel refuses some of the commands.
func Generate(rng *rand.Rand, opts Options) Setup {
	g := &generator{rng: rng, opts: opts, used: map[string]bool{}}
	g.v4, g.v6 = opts.Family != route.IPv6, opts.Family != route.IPv4
	if g.v4 && g.v6 && g.chance(67) {
		g.v4 = g.chance(50)
		g.v6 = !g.v4
	}
	g.plain = g.chance(50)
	g.prologue()
	g.makeLinks()
	g.early()
	g.addresses()
	g.neighbours()
	g.nextHops()
	g.routes()
	if !g.plain {
		g.rules()
	}
	g.events()
	g.broadcasts()
	return g.setup
}

// generator is a set-up that is being made.
type generator struct {
	rng    *rand.Rand
	opts   Options
	v4, v6 bool
	// plain: the rules must not be changed. vrf: there is a VRF.
	plain, vrf bool
	links      []*genLink
	// own are the addresses of this host. gates are the possible gateways.
	own4, own6     []string
	gates4, gates6 []gate
	objects        []object
	// used has the keys of routes, because the kernel takes each only once.
	used  map[string]bool
	setup Setup
}

// genLink is a device that routes can use.
type genLink struct {
	name string
	// peer is the other end; empty: not a veth.
	peer string
	n    int // its number, which is in its addresses
	up   bool
	// carrier says that the peer is up too.
	carrier bool
	vrf     bool
}

// gate is an address at the other side of a link.
type gate struct {
	addr string
	link *genLink
}

// object is a next-hop object.
type object struct {
	id     int
	family route.Family // of the gateway
	group  bool
	hole   bool
}

func (g *generator) add(format string, args ...any) {
	g.setup = append(g.setup, strings.Join(strings.Fields(fmt.Sprintf(format, args...)), " "))
}

func (g *generator) chance(percent int) bool { return g.rng.IntN(100) < percent }

// times calls f a random number of times, from min to max.
func (g *generator) times(min, max int, f func()) {
	for range min + g.rng.IntN(max-min+1) {
		f()
	}
}

// pick draws one element of a list. An element that is there twice is drawn twice as often.
func pick[T any](g *generator, list ...T) T { return list[g.rng.IntN(len(list))] }

// option is one of some words, or nothing. percent is how often it is a word.
func (g *generator) option(percent int, words ...string) string {
	if g.chance(percent) {
		return pick(g, words...)
	}
	return ""
}

// families are the families of the set-up.
func (g *generator) families() []route.Family {
	all := []route.Family{route.IPv4, route.IPv6}
	return slices.DeleteFunc(all, func(f route.Family) bool {
		return f == route.IPv4 && !g.v4 || f == route.IPv6 && !g.v6
	})
}

// prologue stops the kernel from doing things by itself, and usually sets lo up.
func (g *generator) prologue() {
	if g.v4 {
		g.add("sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0 net.ipv4.ip_forward=0")
	}
	// This is needed without IPv6 too, because otherwise there would be link-local addresses.
	g.add("sysctl -qw net.ipv6.conf.default.addr_gen_mode=1 net.ipv6.conf.default.accept_ra=0 net.ipv6.conf.all.forwarding=0")
	if !g.chance(3) {
		g.add("ip link set lo up")
	}
}

func (g *generator) makeLinks() {
	names := []string{"v0", "w0", "x0.1", "y0"}
	for n, name := range names[:2+g.rng.IntN(3)] {
		l := &genLink{name: name, peer: strings.ReplaceAll(name, ".", "") + "p", n: n, up: true}
		g.makeVeth(l)
		g.links = append(g.links, l)
	}
	if g.opts.Support.Dummy && g.chance(30) {
		g.add("ip link add d0 type dummy")
		g.links = append(g.links, &genLink{name: "d0", n: len(g.links), up: true})
	}
	if g.opts.Support.VLAN && g.chance(20) {
		g.add("ip link add link v0 name v0.7 type vlan id 7")
		g.links = append(g.links, &genLink{name: "v0.7", n: len(g.links), up: true})
	}
	if g.opts.Support.WireGuard && g.chance(20) {
		g.add("ip link add wg0 type wireguard")
		g.links = append(g.links, &genLink{name: "wg0", n: len(g.links), up: true})
	}
	if g.opts.Support.VRF && !g.plain && g.chance(60) {
		g.makeVRF()
	}
	for _, l := range g.links {
		g.raise(l)
	}
}

// makeVeth makes a device and its peer. Some devices get a chosen index. Others come
// from another namespace and keep the index that they had there. So the order in which
// devices came is not that of their indexes.
func (g *generator) makeVeth(l *genLink) {
	index := ""
	if g.chance(40) {
		index = fmt.Sprintf("index %d", 90-20*l.n+g.rng.IntN(40))
	}
	if g.chance(80) {
		g.add("ip link add %s %s type veth peer name %s", l.name, index, l.peer)
		return
	}
	g.add(`here=$$ && unshare -n sh -c "ip link add %s %s type veth peer name %s && ip link set %s netns $here && ip link set %s netns $here" && true`,
		l.name, index, l.peer, l.name, l.peer)
}

// makeVRF puts the last one or two devices into a VRF. Routes and rules can also name
// the VRF's device.
func (g *generator) makeVRF() {
	g.add("ip link add red type vrf table 110")
	for _, l := range g.links[len(g.links)-1-g.rng.IntN(2):] {
		g.add("ip link set %s master red", l.name)
		l.vrf = true
	}
	g.links = append(g.links, &genLink{name: "red", n: len(g.links), up: true, vrf: true})
	if g.chance(20) { // a second one, without devices
		g.add("ip link add blue type vrf table 111")
		g.add("ip link set blue up")
	}
	g.vrf = true
}

// raise sets a device and its peer up, or leaves one of them down.
func (g *generator) raise(l *genLink) {
	if s := g.option(12, "group 7", "group 8", "mtu 1400"); s != "" {
		g.add("ip link set %s %s", l.name, s)
	}
	if l.n > 0 && g.chance(8) {
		l.up = false
		return
	}
	g.add("ip link set %s up", l.name)
	l.carrier = l.peer == "" || !g.chance(10)
	if l.peer != "" && l.carrier {
		g.add("ip link set %s up", l.peer)
	}
}

// usable draws a device that is up.
func (g *generator) usable() *genLink {
	for {
		if l := pick(g, g.links...); l.up {
			return l // the first one is
		}
	}
}
