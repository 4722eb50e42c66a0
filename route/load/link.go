package load

import (
	"cmp"
	"strings"

	"routewhy/route"
	"routewhy/route/iproute2"
)

// parseLink reads the first line of a device in ip-link(8) or ip-address(8).
func (f *facts) parseLink(line []string) (int, error) {
	named, odd := iproute2.ParseLink(line)
	i, err := f.addLink(&named)
	if odd != nil {
		return i, odd
	}
	return i, err
}

// addLink adds what a listing says about a device; zero: the device has no name.
func (f *facts) addLink(named *iproute2.Link) (int, error) {
	i, err := f.define(named.Name, named.Index)
	if err != nil {
		return 0, err
	}
	f.devs[i-1].told = true
	f.found(route.FactLinks, 0)
	return i, f.tell(i, named)
}

// tell adds to a device what a listing says about it.
func (f *facts) tell(i int, named *iproute2.Link) error {
	d := f.devs[i-1]
	l, err := named.Resolve(numbers{f})
	d.link.Flags |= l.Flags
	if named.OddFlag() != "" {
		d.oddFlags, f.partLinks = true, true
	}
	d.link.MTU = cmp.Or(l.MTU, d.link.MTU)
	d.link.Kind = cmp.Or(l.Kind, d.link.Kind)
	d.link.VRFTable = cmp.Or(l.VRFTable, d.link.VRFTable)
	d.link.Local, d.link.Remote = cmp.Or(l.Local, d.link.Local), cmp.Or(l.Remote, d.link.Remote)
	d.link.Mark = cmp.Or(l.Mark, d.link.Mark)
	d.master, d.lower = cmp.Or(l.Master, d.master), cmp.Or(named.Below(), d.lower)
	d.elsewhere = d.elsewhere || named.Elsewhere()
	if named.OperState != "" {
		d.link.OperState = l.OperState
	}
	if named.Group != "" {
		d.link.Group = l.Group
	}
	return err
}

// linkDetail reads one of the further lines of a device: its kind.
func (f *facts) linkDetail(i int, line []string) error {
	if i == 0 {
		return nil
	}
	named := iproute2.Link{Name: f.devs[i-1].name}
	named.Detail(line)
	return f.tell(i, &named)
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

// addObject adds a next-hop object, unless it is one that no kernel can have. Its
// gateway may be unreadable.
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
	named := iproute2.Link{Name: name, OperState: w[1], Flags: briefFlags(name, w[1])}
	if last := w[len(w)-1]; strings.HasPrefix(last, "<") {
		named.Flags = strings.Split(strings.Trim(last, "<>"), ",")
	}
	i, err := f.addLink(&named)
	if err != nil {
		return err
	}
	for k := 2; k < len(w); k++ {
		line := []string{"inet", w[k]}
		if k+2 < len(w) && w[k+1] == "peer" {
			line = append(line, w[k+1], w[k+2])
			k += 2
		}
		if len(line) == 2 && !strings.Contains(w[k], "/") {
			continue
		}
		f.found(route.FactAddrs, 0, route.IPv4, route.IPv6)
		if err := f.parseAddress(i, line); err != nil {
			f.partAddrs = true
			return err
		}
		f.usualScope()
	}
	return nil
}

// briefFlags are the flags of a device of which only the state is listed (RFC 2863).
func briefFlags(name, state string) []string {
	flags := []string{"UP"}
	if state == "UP" || state == "UNKNOWN" {
		flags = append(flags, "LOWER_UP")
	}
	if name == "lo" {
		flags = append(flags, "LOOPBACK")
	}
	return flags
}

// usualScope gives the last address the usual scope of its kind.
func (f *facts) usualScope() {
	a := &f.snap.Addrs[len(f.snap.Addrs)-1]
	switch ip := a.Prefix.Addr(); {
	case ip.IsLoopback():
		a.Scope = route.ScopeHost
	case ip.IsLinkLocalUnicast():
		a.Scope = route.ScopeLink
	}
}
