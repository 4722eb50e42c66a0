package change

import (
	"net/netip"
	"slices"

	"routewhy/route"
)

// sibling names one next hop of a route.
type sibling struct {
	table    route.Table
	dst, src netip.Prefix
	tos      uint8
	metric   uint32
	gateway  netip.Addr
	link     int
}

func siblingOf(dst netip.Prefix, r *route.Route, h *route.NextHop) sibling {
	return sibling{r.Table, dst, r.Src, r.TOS, r.Metric, h.Gateway, h.Link}
}

// rememberSibling stores that the last next hop of a route was added as a separate
// route. That route may differ in what a dump shows only for the first next hop.
func (t *tx) rememberSibling(joined, r *route.Route) {
	key := siblingOf(r.Dst, r, &r.NextHops[0])
	alike := joined.Type == r.Type && joined.Protocol == r.Protocol && joined.PrefSrc == r.PrefSrc && joined.Pref == r.Pref &&
		joined.Expires == r.Expires && slices.Equal(joined.Metrics, r.Metrics)
	if _, known := t.siblings[key]; alike && !known {
		return
	}
	t.siblings = with(t.siblings, key, r)
}

// changeSource stores what a next hop of a route is on its own after an address that was the
// preferred source has gone, if that is not what the first next hop is. Where something else
// is stored about the next hop, only the source goes.
func (t *tx) changeSource(key sibling, source netip.Addr, own, first *route.Route) {
	known := t.siblings[key]
	switch {
	case known == nil && own.PrefSrc == first.PrefSrc:
		return
	case known == nil:
		t.siblings = with(t.siblings, key, own)
	case known.PrefSrc == source && !own.PrefSrc.IsValid():
		next := known.Clone()
		next.PrefSrc = netip.Addr{}
		t.siblings = with(t.siblings, key, &next)
	}
}

// recallSibling is for a route whose first next hop is now another one. It gives the
// route the attributes with which that next hop was added.
func (t *tx) recallSibling(dst netip.Prefix, r *route.Route) {
	own := t.siblings[siblingOf(dst, r, &r.NextHops[0])]
	if own == nil {
		return
	}
	r.Type, r.Protocol, r.PrefSrc, r.Pref, r.Expires, r.Metrics = own.Type, own.Protocol, own.PrefSrc, own.Pref, own.Expires, own.Metrics
	if r.PrefSrc.IsValid() && !t.mayPrescribe6(r.PrefSrc, r.NextHops[0].Link) { // the source was removed in the meantime
		r.PrefSrc = netip.Addr{}
	}
}
