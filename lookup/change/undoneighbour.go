package change

import (
	"slices"

	"routewhy/route"
)

// neighbours deletes the entries of the neighbour table that the changes made, and those that
// they changed and that the kernel finds again by itself. A reading has no link-layer
// addresses, so that other entries do not come back.
func (u *undoer) neighbours() {
	for _, n := range slices.Clone(u.present().Neighbours) {
		w := neighbourOf(u.wanted(), &n)
		if w == nil || !stays(w) && (n.State != w.State || u.now.readdressed[deviceAddr{n.Link, n.Addr}]) {
			u.do(&Neighbour{Verb: Delete, Neighbour: n})
		}
	}
}

// stays reports whether an entry stays until a request changes it.
func stays(n *route.Neighbour) bool {
	return n.State == route.NeighbourPermanent || n.State == route.NeighbourNoARP && !n.Addr.IsMulticast()
}

func neighbourOf(s *route.Snapshot, n *route.Neighbour) *route.Neighbour {
	at := slices.IndexFunc(s.Neighbours, func(x route.Neighbour) bool { return x.Link == n.Link && x.Addr == n.Addr })
	if at < 0 {
		return nil
	}
	return &s.Neighbours[at]
}
