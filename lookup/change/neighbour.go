package change

import (
	"slices"

	"routewhy/route"
)

// apply is neigh_add and neigh_delete in net/core/neighbour.c.
func (c *Neighbour) apply(t *tx) *Refusal {
	n := c.Neighbour
	if t.link(n.Link) == nil {
		return refuse(route.ENODEV, "")
	}
	at := slices.IndexFunc(t.snap.Neighbours, func(x route.Neighbour) bool { return x.Link == n.Link && x.Addr == n.Addr })
	switch {
	case c.Verb == Delete && at < 0:
		return refuse(route.ENOENT, "")
	case c.Verb == Delete:
		s := t.own()
		s.Neighbours = slices.Delete(slices.Clone(s.Neighbours), at, at+1)
		return nil
	case at < 0 && !c.Verb.creates():
		return refuse(route.ENOENT, "")
	case at >= 0 && !c.Verb.replaces():
		return refuse(route.EEXIST, "")
	}
	s := t.own()
	s.Neighbours = slices.Clone(s.Neighbours)
	if at < 0 {
		s.Neighbours = append(s.Neighbours, n)
	} else {
		s.Neighbours[at].State = n.State
	}
	return nil
}
