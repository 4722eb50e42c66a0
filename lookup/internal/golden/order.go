package golden

import (
	"slices"

	"routewhy/route"
)

// before reports whether device a is known to have come into the namespace before
// device b: lo came first, and a list of the snapshot that has both tells of others.
// Where two lists contradict each other, neither tells.
func (d *decision) before(a, b int) bool {
	if a == b || b == route.LoopbackIndex {
		return false
	}
	if a == route.LoopbackIndex {
		return true
	}
	before, after := false, false
	for _, list := range d.s.Order {
		i, j := slices.Index(list, a), slices.Index(list, b)
		if i < 0 || j < 0 {
			continue
		}
		before = before || i < j
		after = after || j < i
	}
	return before && !after
}

// earliest are, of the devices of which something holds, those that may be the first
// in the kernel's list (for_each_netdev): every one that none of them is known to
// come before.
func (d *decision) earliest(holds func(link int) bool) []int {
	var links []int
	for _, l := range d.s.Links {
		if holds(l.Index) {
			links = append(links, l.Index)
		}
	}
	return slices.DeleteFunc(slices.Clone(links), func(l int) bool {
		return slices.ContainsFunc(links, func(other int) bool { return d.before(other, l) })
	})
}
