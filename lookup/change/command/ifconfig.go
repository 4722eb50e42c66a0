package command

import (
	"net/netip"
	"slices"
	"strings"

	"routewhy/lookup/change"
	"routewhy/route"
)

// ifRequest is what ifconfig(8) asks for.
type ifRequest struct {
	netRequest
	label string // includes the alias
	link  *route.Link
	// addr is an address to set; the zero Addr: none.
	addr      netip.Addr
	length    int // -1: the length of the class
	broadcast netip.Addr
	peer      netip.Addr
	up        route.Tristate
	set       change.Link
	more6     []change.Change
}

// ifconfig reads a command of ifconfig(8).
func (a *args) ifconfig(c *Command) {
	if !a.more() || a.peek() == "-a" || a.peek() == "-s" || len(a.words)-a.at == 1 {
		c.Reads = true
		return
	}
	q := &ifRequest{netRequest: netRequest{args: a}, label: a.take(), length: -1}
	name, _, alias := strings.Cut(q.label, ":")
	if q.link = a.device(name); q.link == nil {
		a.refuse("%s: ERROR while getting interface flags: No such device", name)
	}
	q.set = change.Link{Verb: change.Modify, Index: q.link.Index}
	for a.more() {
		q.keyword(c, a.take())
	}
	q.changes(c, alias)
}

// keyword reads a keyword, or an address.
func (q *ifRequest) keyword(c *Command, word string) {
	value := func() string {
		if !q.more() {
			q.refuse("`--help' gives usage information.")
		}
		return q.take()
	}
	switch word {
	case "up":
		q.up = route.Yes
	case "down":
		q.up = route.No
	case "arp":
		q.set.ARP = route.Yes
	case "-arp":
		q.set.ARP = route.No
	case "mtu":
		n, ok := number(value(), 31)
		if !ok {
			n = 0 // as atoi(3) reads it
		}
		mtu := uint32(n)
		q.set.MTU = &mtu
	case "netmask":
		x, ok := inetAton(value())
		if !ok {
			q.refuse("%s: Unknown host", q.words[q.at-1].text)
		}
		if q.length, ok = maskBits(x); !ok {
			c.Kernel = &change.Refusal{Errno: route.EINVAL}
		}
	case "broadcast":
		if q.more() {
			q.broadcast = q.hostAddr(q.take())
		}
	case "pointopoint", "dstaddr":
		if q.more() {
			q.peer = q.hostAddr(q.take())
		}
	case "hw":
		if kind := value(); kind != "ether" {
			q.unknown("hardware of class %q is not understood", kind)
		}
		q.set.Address = q.lladdr(value())
	case "txqueuelen", "metric", "mem_start", "io_addr", "irq":
		q.uint32Of(value(), "invalid value")
	case "promisc", "-promisc", "allmulti", "-allmulti", "multicast", "-multicast", "dynamic", "-dynamic", "trailers", "-trailers",
		"-broadcast", "-pointopoint", "inet", "inet6":
	case "add", "del":
		q.second(word, value())
	default:
		q.address4(word)
	}
}

// address4 reads an address, with its length.
func (q *ifRequest) address4(word string) {
	text, length, has := strings.Cut(word, "/")
	if strings.Contains(text, ":") {
		q.unknown("%q: an IPv6 address is set with add", word)
	}
	q.addr = q.hostAddr(text)
	if has {
		n, ok := netmask(length)
		if !ok || n > 32 {
			q.unknown("%q is no length of a prefix", length)
		}
		q.length = n
	}
}

// second adds or deletes an address that exists beside the first one.
func (q *ifRequest) second(word, v string) {
	p, ok := parsePrefix(v, 0)
	if !ok || p.family != route.IPv6 {
		q.unknown("%s %q is not understood, but for IPv6", word, v)
	}
	verb := change.Add
	if word == "del" {
		verb = change.Delete
	}
	bits := p.prefix.Bits()
	if !p.hasLength {
		bits = 0
	}
	q.more6 = append(q.more6, &change.Addr{Verb: verb, Addr: route.Addr{Link: q.link.Index, Prefix: netip.PrefixFrom(p.prefix.Addr(), bits)}})
}

// changes are the changes that the ioctls lead to (devinet_ioctl in
// net/ipv4/devinet.c).
func (q *ifRequest) changes(c *Command, alias bool) {
	old := q.old()
	switch {
	case alias && old == nil && !q.addr.IsValid():
		c.Kernel = &change.Refusal{Errno: route.EADDRNOTAVAIL}
		return
	case alias && q.up == route.No && !q.addr.IsValid():
		c.Changes = append(c.Changes, drop(old))
		return
	}
	if q.set.MTU != nil || q.set.Address != nil || q.set.ARP != route.Unknown {
		set := q.set
		c.Changes = append(c.Changes, &set)
	}
	q.address(c, old)
	c.Changes = append(c.Changes, q.more6...)
	if q.up != route.Unknown && !alias || q.addr.IsValid() && !q.addr.IsUnspecified() && q.up == route.Unknown || alias && q.up == route.Yes {
		up := q.up
		if up == route.Unknown {
			up = route.Yes
		}
		c.Changes = append(c.Changes, &change.Link{Verb: change.Modify, Index: q.link.Index, Up: up})
	}
}

// old is the address that has the label; nil: there is none.
func (q *ifRequest) old() *route.Addr {
	at := slices.IndexFunc(q.snap.Addrs, func(x route.Addr) bool {
		return x.Link == q.link.Index && x.Label == q.label && x.Prefix.Addr().Is4()
	})
	if at < 0 {
		return nil
	}
	return &q.snap.Addrs[at]
}

// drop deletes an address.
func drop(x *route.Addr) change.Change {
	gone := *x
	gone.Flags, gone.ValidLft, gone.PreferredLft, gone.Metric = 0, 0, 0, 0
	return &change.Addr{Verb: change.Delete, Addr: gone}
}

// address sets the first address of a label, or its mask, broadcast or other end.
func (q *ifRequest) address(c *Command, old *route.Addr) {
	next, wide := route.Addr{Link: q.link.Index, Label: q.label}, q.link.Flags&route.LinkBroadcast != 0
	same := old != nil && q.addr == old.Prefix.Addr() // which is set already
	switch {
	case q.addr.IsValid() && q.addr.IsUnspecified():
		if old != nil {
			c.Changes = append(c.Changes, drop(old))
		}
		return
	case q.addr.IsValid() && !same:
		bits := classLength(q.addr)
		if q.link.Flags&route.LinkPointopoint != 0 {
			bits = 32
		}
		next.Prefix = netip.PrefixFrom(q.addr, bits)
		if wide && bits < 31 {
			next.Broadcast = route.LastAddr(next.Prefix.Masked())
		}
	case old != nil && (q.length >= 0 || q.broadcast.IsValid() || q.peer.IsValid()):
		next = *old
		next.Flags, next.ValidLft, next.PreferredLft, next.Metric = 0, 0, 0, 0
	default:
		return
	}
	if q.length >= 0 {
		usual := next.Broadcast == route.LastAddr(next.Prefix.Masked()) // only that follows the mask
		next.Prefix = netip.PrefixFrom(next.Prefix.Addr(), q.length)
		if wide && usual && q.length < 31 {
			next.Broadcast = route.LastAddr(next.Prefix.Masked())
		}
	}
	if q.broadcast.IsValid() {
		next.Broadcast = q.broadcast
	}
	if q.peer.IsValid() {
		next.Peer = netip.PrefixFrom(q.peer, next.Prefix.Bits())
	}
	next.Scope = usualAddrScope(next.Prefix.Addr())
	if old != nil {
		c.Changes = append(c.Changes, drop(old))
	}
	c.Changes = append(c.Changes, &change.Addr{Verb: change.Add, Addr: next})
}

// classLength is inet_abc_len.
func classLength(x netip.Addr) int {
	switch b := x.As4()[0]; {
	case b < 128:
		return 8
	case b < 192:
		return 16
	case b < 224:
		return 24
	}
	return 32
}
