package lookup

import (
	"net/netip"
	"slices"

	"routewhy/route"
)

// order is the order in which the devices with addresses of one family came into the
// namespace. The kernel chooses by it among the addresses of several devices.
type order struct {
	// devices are those with addresses. lo is first. The others are in the kernel's order
	// if that is known, and by index if not.
	devices []*device
	// known: the order of all of them is known.
	known bool
	// places tell where a device stands in each list, where the order of all is not
	// known.
	places []map[int]int
}

// orderOf works the order out from what the snapshot has of it.
func orderOf(s *route.Snapshot, all []*device, has func(*device) bool) order {
	var o order
	for _, d := range all {
		if has(d) {
			o.devices = append(o.devices, d)
		}
	}
	others := o.devices
	if len(others) > 0 && others[0].Index == route.LoopbackIndex { // all is by index
		others = others[1:]
	}
	if o.known = len(others) < 2; o.known {
		return o
	}
	for _, list := range s.Order {
		place := make(map[int]int, len(list))
		for i, index := range list {
			place[index] = i
		}
		listed := func(d *device) bool { _, ok := place[d.Index]; return ok }
		if !slices.ContainsFunc(others, func(d *device) bool { return !listed(d) }) {
			slices.SortFunc(others, func(a, b *device) int { return place[a.Index] - place[b.Index] })
			o.known, o.places = true, nil
			return o
		}
		o.places = append(o.places, place)
	}
	return o
}

// lender is a device and the address that it would lend.
type lender struct {
	dev  *device
	addr *route.Addr
}

// first gives those of some devices that may be the first one: no other one is known to
// come before them. The devices must be in the order of this list.
func (o *order) first(all []lender) []lender {
	if len(all) < 2 || o.known || all[0].dev.Index == route.LoopbackIndex {
		return all[:min(len(all), 1)]
	}
	late := make([]bool, len(all))
	for _, place := range o.places {
		best := -1
		for i := range all {
			at, ok := place[all[i].dev.Index]
			if !ok {
				continue
			}
			if best >= 0 {
				if at > place[all[best].dev.Index] {
					late[i] = true
					continue
				}
				late[best] = true
			}
			best = i
		}
	}
	var out []lender
	for i := range all {
		if !late[i] {
			out = append(out, all[i])
		}
	}
	if len(out) == 0 { // lists that contradict each other tell nothing
		return all
	}
	return out
}

// chosen is the source that the kernel chooses. The zero value: there is none.
type chosen struct {
	addr netip.Addr
	// oneOf are all sources that it may choose, addr among them, where it is not known
	// which of their devices came first; nil: it is known.
	oneOf []netip.Addr
}

// lent is the source that the first of some devices lends.
func lent(all []lender) chosen {
	c := chosen{addr: all[0].addr.Prefix.Addr()}
	seen := map[netip.Addr]bool{}
	for i := range all {
		if a := all[i].addr.Prefix.Addr(); len(all) > 1 && !seen[a] {
			seen[a] = true
			c.oneOf = append(c.oneOf, a)
		}
	}
	if len(c.oneOf) < 2 {
		c.oneOf = nil
	}
	return c
}

// certain reports whether at most one source is possible.
func (c *chosen) certain() bool { return c.oneOf == nil }

// may reports whether the kernel may choose an address.
func (c *chosen) may(a netip.Addr) bool { return c.addr == a || slices.Contains(c.oneOf, a) }
