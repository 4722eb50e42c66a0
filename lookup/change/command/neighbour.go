package command

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"routewhy/lookup/change"
	"routewhy/route"
)

const neighUsage = "Usage: ip neigh { add | del | change | replace }"

// neighbour reads `ip neighbour`.
func (a *args) neighbour(c *Command) {
	verb := "list"
	if a.more() {
		word := a.take()
		verb = chooseExact(word, "add* change* chg replace* delete* get* show* lst* list* flush* help*")
		if verb == "" {
			a.refuse("Command %q is unknown, try %q.", raw(word), raw("ip neigh help"))
		}
	}
	switch verb {
	case "add":
		a.changeNeighbour(c, change.Add)
	case "change", "chg":
		a.changeNeighbour(c, change.Modify)
	case "replace":
		a.changeNeighbour(c, change.Replace)
	case "delete":
		a.changeNeighbour(c, change.Delete)
	case "flush":
		a.flushNeighbours(c)
	case "show", "lst", "list":
		a.show(c)
	case "get":
		a.getNeighbour(c)
	case "help":
		a.refuse(neighUsage)
	default:
		a.unknown("ip neighbour %s is not understood", verb)
	}
}

// neighWords are the keywords of a neighbour, in the order in which ip compares them.
const neighWords = "lladdr* nud proxy* router use managed extern_learn* dev protocol*"

// changeNeighbour is ipneigh_modify (ip/ipneigh.c).
func (a *args) changeNeighbour(c *Command, verb change.Verb) {
	q := &change.Neighbour{Verb: verb, Neighbour: route.Neighbour{State: route.NeighbourPermanent}}
	dev, hasDst, proxy := "", false, false
	for a.more() {
		word := a.take()
		switch chooseExact(word, neighWords) {
		case "lladdr":
			v := a.value()
			if v != "null" && len(a.lladdr(v)) != 6 {
				a.lacks = &change.Refusal{Errno: route.EINVAL, Message: "Invalid link address"}
			}
			q.LinkAddr = true
		case "nud":
			q.Neighbour.State = a.nud(a.value())
		case "proxy":
			proxy = true
			word = a.value()
			if matches(word, "help") {
				a.refuse(neighUsage)
			}
			if hasDst {
				a.twice("address", word)
			}
			q.Neighbour.Addr, hasDst = a.addr(word, a.family), true
		case "managed": // the kernel asks for its link-layer address
			q.Neighbour.State = q.Neighbour.State&^route.NeighbourPermanent | route.NeighbourIncomplete
		case "router", "use", "extern_learn": // they go with the entry, which --undo names
		case "dev":
			dev = a.value()
		case "protocol":
			v := a.value()
			if _, ok := a.protocol(v); !ok {
				a.invalid(v, `"protocol" value is invalid`)
			}
		default:
			if word == "to" {
				word = a.value()
			}
			if matches(word, "help") {
				a.refuse(neighUsage)
			}
			if hasDst {
				a.garbage("to", word)
			}
			q.Neighbour.Addr, hasDst = a.addr(word, a.family), true
		}
	}
	if dev == "" || !hasDst {
		a.refuse("Device and destination are required arguments.")
	}
	q.Neighbour.Link = a.link(dev).Index
	if proxy {
		c.Changes = nil // a proxied address is not a neighbour of this host
		c.unread(q.Neighbour.Link, "proxied address "+q.Neighbour.Addr.String())
		return
	}
	if !q.LinkAddr && verb != change.Delete && verb != change.Modify && q.Neighbour.State.Valid() && q.Neighbour.State&route.NeighbourNoARP == 0 && a.lacks == nil && !a.knowsNeighbour(&q.Neighbour) {
		a.lacks = &change.Refusal{Errno: route.EINVAL, Message: "No link layer address given"}
	}
	c.Changes = append(c.Changes, q)
}

// getNeighbour is ipneigh_get (ip/ipneigh.c): the kernel refuses it if there is no such entry.
func (a *args) getNeighbour(c *Command) {
	dev, proxy := "", false
	var dst netip.Addr
	for a.more() {
		switch word := a.take(); word {
		case "dev":
			dev = a.value()
		case "proxy":
			proxy = true
			dst = a.addr(a.value(), a.family)
		default:
			if word == "to" {
				word = a.value()
			}
			if matches(word, "help") {
				a.refuse(neighUsage)
			}
			if dst.IsValid() {
				a.garbage("to", word)
			}
			dst = a.addr(word, a.family)
		}
	}
	if dev == "" || !dst.IsValid() {
		a.refuse("Device and address are required arguments.")
	}
	l, f := a.link(dev), route.FamilyOf(dst)
	c.Reads = true
	quiet := dst.IsMulticast() || slices.ContainsFunc(a.snap.Addrs, func(x route.Addr) bool { return x.Prefix.Addr() == dst || x.Broadcast == dst })
	if proxy || quiet || a.snap.Lacks(route.FactNeighbours, f) { // listings have no entries of state NOARP
		return
	}
	if !slices.ContainsFunc(a.snap.Neighbours, func(n route.Neighbour) bool { return n.Link == l.Index && n.Addr == dst }) {
		c.Kernel = &change.Refusal{Errno: route.ENOENT, Message: "Neighbour entry not found"}
	}
}

// knowsNeighbour reports whether there is an entry that has a link-layer address.
func (a *args) knowsNeighbour(want *route.Neighbour) bool {
	return slices.ContainsFunc(a.snap.Neighbours, func(n route.Neighbour) bool {
		return n.Link == want.Link && n.Addr == want.Addr && n.State.Valid()
	})
}

// lladdr is a link-layer address: octets in hex, or an IPv4 address (ll_addr_a2n in
// lib/ll_addr.c).
func (a *args) lladdr(v string) []byte {
	if strings.Contains(v, ".") {
		if x, ok := parseIPv4(v); ok {
			return x.AsSlice()
		}
	}
	var out []byte
	for part := range strings.SplitSeq(v, ":") {
		n, err := strconv.ParseUint(part, 16, 8)
		if err != nil || len(out) == maxLinkAddr {
			a.refuse("%q is invalid lladdr.", raw(v))
		}
		out = append(out, byte(n))
	}
	return out
}

// maxLinkAddr is how long a link-layer address may be (MAX_ADDR_LEN).
const maxLinkAddr = 32

// nud is nud_state_a2n.
func (a *args) nud(v string) route.NeighbourState {
	switch choose(v, "permanent reachable noarp none stale incomplete delay probe failed") {
	case "permanent":
		return route.NeighbourPermanent
	case "reachable":
		return route.NeighbourReachable
	case "noarp":
		return route.NeighbourNoARP
	case "none":
		return route.NeighbourNone
	case "stale":
		return route.NeighbourStale
	case "incomplete":
		return route.NeighbourIncomplete
	case "delay":
		return route.NeighbourDelay
	case "probe":
		return route.NeighbourProbe
	case "failed":
		return route.NeighbourFailed
	}
	n, ok := number(v, 8)
	if !ok {
		a.invalid(v, "nud state is bad")
	}
	return route.NeighbourState(n)
}

// flushNeighbours deletes neighbours, except for permanent ones and those without ARP
// (do_show_or_flush).
func (a *args) flushNeighbours(c *Command) {
	if !a.more() {
		a.refuse("Flush requires arguments.")
	}
	var filters []func(*route.Neighbour) bool
	add := func(f func(*route.Neighbour) bool) { filters = append(filters, f) }
	states := ^(route.NeighbourPermanent | route.NeighbourNoARP)
	given, dev := false, ""
	for a.more() {
		word := a.take()
		switch chooseExact(word, "dev to nud all proxy protocol* unused vrf master nomaster") {
		case "dev":
			name := a.value()
			if dev != "" {
				a.twice("dev", name)
			}
			dev = name
			l := a.link(name)
			add(func(n *route.Neighbour) bool { return n.Link == l.Index })
		case "nud":
			v := a.value()
			if !given {
				states, given = 0, true
			}
			if v == "all" {
				states = ^route.NeighbourState(0)
			} else {
				states |= a.nud(v)
			}
		case "all":
		case "vrf", "master":
			name := a.value()
			m := a.device(name)
			if m == nil || word == "vrf" && m.Kind != "vrf" {
				a.invalid(name, map[bool]string{true: "Not a valid VRF name", false: "Device does not exist"}[word == "vrf"])
			}
			add(func(n *route.Neighbour) bool { l := a.snap.Link(n.Link); return l != nil && l.Master == m.Index })
		case "nomaster":
			add(func(n *route.Neighbour) bool { l := a.snap.Link(n.Link); return l != nil && l.Master == 0 })
		case "unused":
			a.unknown("%q of ip neighbour flush is not understood", word)
		case "proxy":
			add(func(*route.Neighbour) bool { return false })
		case "protocol":
			v := a.value()
			if _, ok := a.protocol(v); !ok {
				a.invalid(v, `invalid "protocol"`)
			}
			add(func(*route.Neighbour) bool { return false })
		default:
			if word == "to" {
				word = a.value()
			}
			p := a.prefix(word, a.family)
			if p.prefix.IsValid() {
				add(func(n *route.Neighbour) bool { return p.prefix.Contains(n.Addr) })
			}
		}
	}
	for _, n := range slices.Clone(a.snap.Neighbours) {
		f := route.FamilyOf(n.Addr)
		if a.family != 0 && f != a.family || n.State&states == 0 && n.State != 0 || slices.ContainsFunc(filters, func(f func(*route.Neighbour) bool) bool { return !f(&n) }) {
			continue
		}
		c.Changes = append(c.Changes, &change.Neighbour{Verb: change.Delete, Neighbour: n})
	}
}
