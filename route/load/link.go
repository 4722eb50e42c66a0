package load

import (
	"strings"

	"routewhy/route"
	"routewhy/route/iproute2"
)

// parseLink reads the first line of a device in ip-link(8) or ip-address(8),
// after the index: "eth0@if3: <UP,LOWER_UP> mtu 1500 …".
func (f *facts) parseLink(index int, line []string) (int, error) {
	name := strings.TrimSuffix(line[0], ":")
	name, _, _ = strings.Cut(name, "@")
	i, err := f.define(name, index)
	if err != nil {
		return 0, err
	}
	d := f.devs[i-1]
	d.told = true
	flags := strings.Trim(line[1], "<>")
	for flag := range strings.SplitSeq(flags, ",") {
		d.link.Flags |= linkFlag(flag)
	}
	f.found(route.FactLinks, 0)
	w := &words{rest: line[2:]}
	for w.more() {
		switch w.next() {
		case "mtu":
			d.link.MTU = uint32(w.number(32))
		case "master":
			d.master = f.device(w.next())
		case "group":
			if g := w.next(); g != "default" {
				n, err := number(g, 32)
				if err != nil {
					w.fail(err)
				}
				d.link.Group = uint32(n)
			}
		case "state":
			d.link.OperState = operState(w.next())
		case "vrf_table":
		}
	}
	return i, w.err
}

// linkDetail reads one of the further lines of a device: its kind.
func (f *facts) linkDetail(i int, line []string) {
	if i == 0 {
		return
	}
	d := f.devs[i-1]
	kind := line[0]
	switch kind {
	case "vrf":
		if len(line) >= 3 && line[1] == "table" {
			if t, err := f.table(line[2]); err == nil {
				d.link.Kind, d.link.VRFTable = kind, t
			}
		}
	case "veth", "bridge", "bond", "dummy", "vlan", "vxlan", "wireguard", "tun", "macvlan", "ipvlan", "gre", "sit", "ipip", "ifb":
		d.link.Kind = kind
	}
}

func linkFlag(s string) route.LinkFlags {
	switch s {
	case "UP":
		return route.LinkUp
	case "LOOPBACK":
		return route.LinkLoopback
	case "POINTOPOINT":
		return route.LinkPointopoint
	case "RUNNING":
		return route.LinkRunning
	case "NOARP":
		return route.LinkNoARP
	case "LOWER_UP":
		return route.LinkLowerUp | route.LinkRunning
	}
	return 0
}

// operState is the number of an RFC 2863 state (IF_OPER_*).
func operState(s string) uint8 {
	for n, name := range []string{"UNKNOWN", "NOTPRESENT", "DOWN", "LOWERLAYERDOWN", "TESTING", "DORMANT", "UP"} {
		if name == s {
			return uint8(n)
		}
	}
	return 0
}

// parseAddress reads "inet 192.0.2.2/24 brd … scope global eth0", and, from
// `ip -o`, the lifetimes on the same line.
func (f *facts) parseAddress(link int, line []string) error {
	f.oddAddr = true // until it is understood
	named, odd := iproute2.ParseAddress(line)
	if odd != nil {
		return odd
	}
	return f.addAddress(&named, link)
}

func (f *facts) addAddress(named *iproute2.Addr, link int) error {
	a, err := named.Resolve(link)
	if err == nil {
		f.snap.Addrs = append(f.snap.Addrs, a)
		f.oddAddr = false
	}
	return err
}

// lifetimes reads the line below an address.
func (f *facts) lifetimes(line []string) error {
	if len(f.snap.Addrs) == 0 || f.oddAddr {
		return nil
	}
	named, odd := iproute2.ParseAddress(line)
	if odd != nil {
		return odd
	}
	named.Lifetimes(&f.snap.Addrs[len(f.snap.Addrs)-1])
	return nil
}

// parseNeighbour reads a line of ip-neighbour(8).
func (f *facts) parseNeighbour(line []string) error {
	named, odd := iproute2.ParseNeighbour(line)
	if odd != nil {
		return odd
	}
	return f.addNeighbour(&named)
}

func (f *facts) addNeighbour(named *iproute2.Neighbour) error {
	n, err := named.Resolve(numbers{f})
	if err == nil {
		f.snap.Neighbours = append(f.snap.Neighbours, n)
		f.found(route.FactNeighbours, 0)
	}
	return err
}

// parseNextHop reads a line of ip-nexthop(8).
func (f *facts) parseNextHop(line []string) error {
	named, odd := iproute2.ParseNextHop(line)
	if odd != nil {
		return odd
	}
	return f.addObject(&named)
}

// addObject adds a next-hop object, whose gateway may not be readable, unless no kernel
// has such a one.
func (f *facts) addObject(named *iproute2.NextHopObject) error {
	o, err := named.Resolve(numbers{f})
	if unread := o.NextHop.Flags&route.NextHopUnread != 0; err == nil || unread {
		if check := o.Check(); check != nil {
			return check
		}
		f.snap.NextHops = append(f.snap.NextHops, o)
		f.objectsIn = f.listings[f.listing].file
		f.found(route.FactNextHops, 0)
	}
	return err
}

// brief reads a line of `ip -br addr` or `ip -br link`: the device, its state,
// and its addresses or flags.
func (f *facts) brief(w []string) error {
	name, _, _ := strings.Cut(w[0], "@")
	i, err := f.define(name, 0)
	if err != nil {
		return err
	}
	d := f.devs[i-1]
	d.told = true
	d.link.OperState = operState(w[1])
	f.found(route.FactLinks, 0)
	d.link.Flags = route.LinkUp
	if w[1] == "UP" || w[1] == "UNKNOWN" {
		d.link.Flags |= route.LinkLowerUp | route.LinkRunning
	}
	if name == "lo" {
		d.link.Flags |= route.LinkLoopback
	}
	for k := 2; k < len(w); k++ {
		switch s := w[k]; {
		case strings.HasPrefix(s, "<"):
			d.link.Flags = 0
			for flag := range strings.SplitSeq(strings.Trim(s, "<>"), ",") {
				d.link.Flags |= linkFlag(flag)
			}
			return nil
		case strings.Contains(s, "/") || k+2 < len(w) && w[k+1] == "peer":
			line := []string{"inet", s}
			if k+2 < len(w) && w[k+1] == "peer" {
				line = append(line, w[k+1], w[k+2])
				k += 2
			}
			f.found(route.FactAddrs, 0, route.IPv4, route.IPv6)
			if err := f.parseAddress(i, line); err != nil {
				f.partAddrs = true
				return err
			}
			f.usualScope()
		}
	}
	return nil
}

// usualScope gives the last address the scope that its kind has by itself.
func (f *facts) usualScope() {
	a := &f.snap.Addrs[len(f.snap.Addrs)-1]
	switch ip := a.Prefix.Addr(); {
	case ip.IsLoopback():
		a.Scope = route.ScopeHost
	case ip.IsLinkLocalUnicast():
		a.Scope = route.ScopeLink
	}
}
