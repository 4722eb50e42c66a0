package kernel

import (
	"slices"
	"strings"

	"routewhy/route"
)

// finish fills in the hooks of the markers.
func (n *nftRules) finish() []route.Marker {
	reached := map[nftChain][]route.MarkerHook{}
	for base, hook := range n.bases {
		for c, maybe := range n.reachedFrom(base) {
			h := hook
			h.Maybe = maybe
			if !slices.Contains(reached[c], h) {
				reached[c] = append(reached[c], h)
			}
		}
	}
	for i := range n.markers {
		m := &n.markers[i]
		m.Hooks = reached[nftChain{m.Table, m.Chain}]
		slices.SortFunc(m.Hooks, compareHooks)
	}
	return n.markers
}

func compareHooks(a, b route.MarkerHook) int {
	switch {
	case a.Hook != b.Hook:
		return strings.Compare(a.Hook, b.Hook)
	case a.Type != b.Type:
		return strings.Compare(a.Type, b.Type)
	case a.Maybe == b.Maybe:
		return 0
	case b.Maybe:
		return -1
	}
	return 1
}

// reachedFrom are the chains to which packets come from a base chain. True: they come there
// through a verdict map alone, if at all.
func (n *nftRules) reachedFrom(base nftChain) map[nftChain]bool {
	out := map[nftChain]bool{base: false}
	n.follow(base, out)
	for c := range out {
		if !n.maps[c] {
			continue
		}
		for i := range n.markers { // only the chains of markers are of interest
			to := nftChain{n.markers[i].Table, n.markers[i].Chain}
			if _, is := n.bases[to]; to.table == base.table && !is {
				if _, ok := out[to]; !ok {
					out[to] = true
				}
			}
		}
		break
	}
	return out
}

func (n *nftRules) follow(from nftChain, out map[nftChain]bool) {
	for todo := []nftChain{from}; len(todo) > 0; {
		c := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for _, name := range n.jumps[c] {
			to := nftChain{c.table, name}
			if _, ok := out[to]; !ok {
				out[to] = false
				todo = append(todo, to)
			}
		}
	}
}
