package command

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"routewhy/lookup/change"
	"routewhy/route"
)

// netRouteUsage is the beginning of the usage that route(8) shows.
const netRouteUsage = "Usage: inet_route [-vF] del {-host|-net} Target[/prefix] [gw Gw] [metric M] [[dev] If]"

// netRoute reads a command of route(8).
func (a *args) netRoute(c *Command) {
	family, verb := route.IPv4, ""
	var rest []word
	for a.more() {
		word := a.take()
		switch {
		case word == "-A" || word == "--family" || word == "-f":
			family = a.netFamily(a.value())
		case word == "--inet6" || word == "-6":
			family = route.IPv6
		case word == "--inet" || word == "-4" || word == "-v" || word == "-n" || word == "-e" || word == "-ee" || word == "-F" || word == "-C" ||
			word == "--numeric" || word == "--verbose" || word == "--extend":
		case verb == "" && (word == "add" || word == "del" || word == "delete" || word == "flush"):
			verb = word
		case verb == "" && (word == "-V" || word == "--version" || word == "-h" || word == "--help"):
			c.Reads = true
			return
		case verb == "":
			a.refuse("Usage: route [-nNvee] [-FC] [<AF>]           List kernel routing tables")
		default:
			rest = append(rest, a.words[a.at-1])
		}
	}
	if verb == "" {
		c.Reads = true
		return
	}
	if verb == "flush" {
		a.refuse("Flushing `inet' routing table not supported")
	}
	if len(rest) == 0 {
		a.refuse(netRouteUsage)
	}
	q := &netRequest{args: &args{text: a.text, words: rest, program: a.program, state: a.state, snap: a.snap}, adds: verb == "add"}
	if family == route.IPv6 {
		q.six(c)
	} else {
		q.four(c)
	}
}

func (a *args) netFamily(v string) route.Family {
	switch v {
	case "inet6":
		return route.IPv6
	case "inet":
		return route.IPv4
	}
	a.unknown("%q is another family than inet and inet6", v)
	return 0
}

// netRequest is what route(8) asks for with SIOCADDRT or SIOCDELRT.
type netRequest struct {
	*args
	adds   bool
	dst    netip.Prefix
	mask   int // -1: none was given
	gw     netip.Addr
	hasGW  bool
	metric uint32 // the priority plus one; zero: not given
	dev    string
	reject bool
	out    []route.Metric
}

func (q *netRequest) usage() { q.refuse(netRouteUsage) }

// word takes the value of a keyword.
func (q *netRequest) word() string {
	if !q.more() {
		q.usage()
	}
	return q.take()
}

// hostAddr is an address in a form that inet_aton(3) reads. Names are not looked up.
func (q *netRequest) hostAddr(s string) netip.Addr {
	x, ok := inetAton(s)
	if !ok {
		if s == "" || strings.Trim(s, "0123456789.") == "" {
			q.refuse("%s: Unknown host", s)
		}
		q.unknown("%q is the name of a host or a network, which is not looked up", s)
	}
	return x
}

// inetAton is inet_aton(3): the last number fills all remaining octets.
func inetAton(s string) (netip.Addr, bool) {
	parts := strings.Split(s, ".")
	if len(parts) > 4 {
		return netip.Addr{}, false
	}
	var v uint32
	for i, p := range parts {
		n, ok := number(p, 32)
		left := 8 * (4 - i)
		if !ok || p == "" || i < len(parts)-1 && n > 255 || i == len(parts)-1 && left < 32 && n >= 1<<left {
			return netip.Addr{}, false
		}
		if i < len(parts)-1 {
			v |= uint32(n) << (left - 8)
		} else {
			v |= uint32(n)
		}
	}
	return netip.AddrFrom4([4]byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)}), true
}

// target reads the destination, which is a network or a host.
func (q *netRequest) target() (isNet bool) {
	host, net := q.skip("-host"), false
	if !host {
		net = q.skip("-net")
	}
	word := q.word()
	q.mask = -1
	text, length, has := strings.Cut(word, "/")
	if has {
		n, err := strconv.Atoi(length)
		if err != nil || n < 0 {
			q.usage()
		}
		q.mask = min(n, 32)
	}
	if text == "default" {
		q.dst = netip.PrefixFrom(netip.IPv4Unspecified(), 32)
		return !host
	}
	q.dst = netip.PrefixFrom(q.hostAddr(text), 32)
	return net || !host && q.dst.Addr().IsUnspecified()
}

// four is INET_setroute of net-tools (lib/inet_sr.c), and ip_rt_ioctl of the kernel.
func (q *netRequest) four(c *Command) {
	isNet := q.target()
	for q.more() {
		q.keyword(q.take())
	}
	if q.reject && q.dev == "" {
		q.dev = "lo"
	}
	bits := 32
	if isNet {
		bits = max(q.mask, 0)
	}
	switch {
	case !isNet && q.mask >= 0:
		q.refuse("netmask %s doesn't make sense with host route", hexMask(q.mask))
	case isNet && q.mask >= 0 && netip.PrefixFrom(q.dst.Addr(), q.mask).Masked().Addr() != q.dst.Addr():
		q.refuse("netmask doesn't match route address")
	}
	c.Changes = append(c.Changes, q.request(c, bits)...)
}

// hexMask is the complement of a mask as route(8) shows it.
func hexMask(bits int) string {
	return fmt.Sprintf("%08x", uint64(1)<<(32-bits)-1)
}

// keyword reads a keyword of IPv4 and its value.
func (q *netRequest) keyword(word string) {
	switch word {
	case "metric":
		v := q.word()
		n, err := strconv.ParseUint(v, 10, 31)
		if err != nil {
			q.usage()
		}
		q.metric = uint32(n) + 1
	case "netmask":
		v := q.word()
		x, ok := inetAton(v)
		if q.mask >= 0 {
			q.usage()
		}
		if !ok {
			q.refuse("%s: Unknown host", v)
		}
		if q.mask, ok = maskBits(x); !ok {
			q.refuse("bogus netmask %s", v)
		}
	case "gw", "gateway":
		if q.hasGW {
			q.usage()
		}
		q.gw, q.hasGW = q.hostAddr(q.word()), true
	case "mss", "mtu":
		q.out = append(q.out, route.Metric{ID: metricAdvMSS, Value: uint32(q.count(64, 65536, "mss")) - 40})
	case "window":
		q.out = append(q.out, route.Metric{ID: metricWindow, Value: uint32(q.count(128, 1<<31-1, "window"))})
	case "irtt":
		q.out = append(q.out, route.Metric{ID: metricRTT, Value: uint32(q.count(0, 1<<28, "initial rtt")) * 8})
	case "reject":
		q.reject = true
	case "mod", "dyn", "reinstate":
	case "dev", "device":
		if q.dev != "" {
			q.usage()
		}
		q.dev = q.word()
	default:
		if q.dev != "" || q.more() {
			q.usage()
		}
		q.dev = word
	}
}

func (q *netRequest) count(least, most int, name string) int {
	n, err := strconv.Atoi(q.word())
	if err != nil {
		q.usage()
	}
	if n < least || n > most {
		q.refuse("Invalid %s.", name)
	}
	return n
}

// request is rtentry_to_fib_config (net/ipv4/fib_frontend.c).
func (q *netRequest) request(c *Command, bits int) []change.Change {
	r := route.Route{
		Table: route.TableMain, Dst: netip.PrefixFrom(q.dst.Addr(), bits), Scope: route.ScopeNowhere, Type: route.TypeUnicast,
		Protocol: route.ProtocolBoot, Metrics: q.out,
	}
	if r.Dst.Masked() != r.Dst {
		c.Kernel = &change.Refusal{Errno: route.EINVAL}
		return nil
	}
	if q.metric > 0 {
		r.Metric = q.metric - 1
	}
	verb := change.Prepend
	if !q.adds {
		verb, r.Protocol, r.Metrics = change.Delete, route.ProtocolUnspec, nil
	}
	if q.reject {
		r.Type, r.Scope = route.TypeUnreachable, route.ScopeHost
		return []change.Change{&change.Route{Verb: verb, Route: r}}
	}
	var hop route.NextHop
	if q.dev != "" {
		name, _, alias := strings.Cut(q.dev, ":")
		l := q.device(name)
		if l == nil {
			c.Kernel = &change.Refusal{Errno: route.ENODEV}
			return nil
		}
		hop.Link = l.Index
		if alias {
			at := slices.IndexFunc(q.snap.Addrs, func(x route.Addr) bool { return x.Link == l.Index && x.Label == q.dev })
			if at < 0 {
				c.Kernel = &change.Refusal{Errno: route.ENODEV}
				return nil
			}
			r.PrefSrc = q.snap.Addrs[at].Prefix.Addr()
		}
		if m := q.snap.Link(l.Master); m != nil && m.Kind == "vrf" {
			r.Table = m.VRFTable
		}
	}
	if q.hasGW && !q.gw.IsUnspecified() {
		hop.Gateway = q.gw
		if !q.own(q.gw) {
			r.Scope = route.ScopeGlobal
		}
	}
	if hop != (route.NextHop{}) {
		r.NextHops = []route.NextHop{hop}
	}
	if q.adds {
		if q.hasGW && q.gw.IsUnspecified() {
			c.Kernel = &change.Refusal{Errno: route.EINVAL}
			return nil
		}
		if r.Scope == route.ScopeNowhere {
			r.Scope = route.ScopeLink
		}
	}
	return []change.Change{&change.Route{Verb: verb, Route: r}}
}

// own reports whether an address is one of this host's addresses, or a broadcast
// address.
func (q *netRequest) own(x netip.Addr) bool {
	return slices.ContainsFunc(q.snap.Addrs, func(a route.Addr) bool { return a.Prefix.Addr() == x || a.Broadcast == x })
}

// six is INET6_setroute of net-tools (lib/inet6_sr.c).
func (q *netRequest) six(c *Command) {
	r := route.Route{Table: route.TableMain, Type: route.TypeUnicast, Protocol: route.ProtocolBoot, Metric: 1}
	verb := change.Prepend
	if !q.adds {
		verb, r.Protocol = change.Delete, route.ProtocolUnspec
	}
	q.skip("-net")
	q.skip("-host")
	target := q.word()
	if target == "default" {
		r.Dst = route.IPv6.Default()
	} else {
		r.Dst = q.prefix6(target)
	}
	var hop route.NextHop
	for q.more() {
		switch word := q.take(); word {
		case "metric":
			n, err := strconv.ParseUint(q.word(), 10, 31)
			if err != nil {
				q.refuse("Usage: inet6_route [-vF] del Target")
			}
			r.Metric = uint32(n)
		case "gw", "gateway":
			v := q.word()
			x, ok := parseAddr(v, route.IPv6)
			if !ok {
				q.refuse("%s: Unknown host", v)
			}
			hop.Gateway = x
		case "mod", "dyn":
		case "dev", "device":
			q.dev = q.word()
		default:
			if q.dev != "" || q.more() {
				q.refuse("Usage: inet6_route [-vF] del Target")
			}
			q.dev = word
		}
	}
	if q.dev != "" {
		l := q.device(q.dev)
		if l == nil {
			q.refuse("%s: No such device", q.dev)
		}
		hop.Link = l.Index
	}
	if q.adds && r.Dst.Bits() == 128 {
		hop.Flags |= route.NextHopOnLink // RTF_HOST, which the kernel reads as RTNH_F_ONLINK
	}
	if hop != (route.NextHop{}) {
		r.NextHops = []route.NextHop{hop}
	}
	c.Changes = append(c.Changes, &change.Route{Verb: verb, Route: r})
}

// prefix6 is an IPv6 prefix. The bits after its length are not removed here.
func (q *netRequest) prefix6(s string) netip.Prefix {
	text, length, has := strings.Cut(s, "/")
	x, ok := parseAddr(text, route.IPv6)
	bits := 128
	if has {
		n, err := strconv.Atoi(length)
		if err != nil || n < 0 || n > 128 {
			q.refuse("%s: Unknown host", s)
		}
		bits = n
	}
	if !ok {
		q.refuse("%s: Unknown host", s)
	}
	return netip.PrefixFrom(x, bits)
}
