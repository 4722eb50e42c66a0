package check

import (
	"net/netip"
	"slices"

	"routewhy/lookup"
	"routewhy/route"
)

// ownRefused finds rules that refuse what this host sends: from one of its addresses, to
// the neighbours in one of its networks, or from all of its programs.
func ownRefused(h *Host) []Finding {
	return h.ruleFindings([]route.Fact{route.FactAddrs, route.FactRoutes}, func(r *route.Rule) (lookup.Reason, bool) {
		if !refusesRule(r.Action) {
			return lookup.Reason{}, false
		}
		s := r.Selector
		if s.Proto == route.ProtoTCP || s.Proto == route.ProtoUDP {
			s.Proto = 0 // what most programs send
		}
		switch {
		case s == route.Selector{Not: true, Src: s.Src} && s.Src.IsValid():
			why, ok := h.allRefused(r)
			why.Code = CodeUnboundRefused
			return why, ok
		case s == route.Selector{Src: s.Src} && s.Src.IsValid() && s.Src.Bits() > 0:
			return h.ownSource(r)
		case s == route.Selector{Dst: s.Dst} && s.Dst.IsValid() && s.Dst.Bits() > 0:
			return h.ownNetwork(r)
		case s == route.Selector{Src: s.Src, Dst: s.Dst, UIDs: s.UIDs, HasUIDs: s.HasUIDs} && (!s.HasUIDs || everybody(s.UIDs)):
			return h.allRefused(r)
		}
		return lookup.Reason{}, false
	})
}

// everybody reports whether a range of users has root and ordinary users.
func everybody(u route.UIDRange) bool { return u.Start == 0 && u.End >= firstUser }

// firstUser is the first ordinary user on most systems (login.defs(5), UID_MIN).
const firstUser = 1000

func (h *Host) allRefused(r *route.Rule) (lookup.Reason, bool) {
	standby := func(s lookup.EntryStatus) bool {
		return s.Route.Type == route.TypeUnicast && s.Route.Table == route.TableMain
	}
	d := h.lookup(route.Flow{Dst: h.far(r.Family), Proto: r.Selector.Proto})
	why := lookup.Reason{Code: CodeOwnRefused, Have: ""}
	if p := h.networkRefused(r); p.IsValid() {
		why.Want = p
	}
	return why, d.Rule == r && slices.ContainsFunc(h.defaults(r.Family), standby)
}

func (h *Host) ownSource(r *route.Rule) (lookup.Reason, bool) {
	for i := range h.snap.Addrs {
		ip := h.snap.Addrs[i].Prefix.Addr()
		if !r.Selector.Src.Contains(ip) || ip.IsLoopback() || ip.IsLinkLocalUnicast() {
			continue
		}
		if d := h.lookup(route.Flow{Dst: h.far(r.Family), Src: ip, Proto: r.Selector.Proto}); d.Rule == r {
			return lookup.Reason{Code: CodeOwnRefused, Have: ip}, true
		}
	}
	return lookup.Reason{}, false
}

// ownNetwork finds a network of this host in a rule's destinations.
func (h *Host) ownNetwork(r *route.Rule) (lookup.Reason, bool) {
	p := h.networkRefused(r)
	return lookup.Reason{Code: CodeOwnRefused, Have: p}, p.IsValid()
}

// networkRefused is a network of this host to whose neighbours a rule refuses packets; the zero
// Prefix: there is none.
func (h *Host) networkRefused(r *route.Rule) netip.Prefix {
	to := r.Selector.Dst
	for i := range h.snap.Addrs[:min(len(h.snap.Addrs), maxOwn)] {
		a := &h.snap.Addrs[i]
		p := a.Prefix.Masked()
		if route.FamilyOf(p.Addr()) != r.Family || p.IsSingleIP() || p.Addr().IsLoopback() || p.Addr().IsLinkLocalUnicast() ||
			!h.fib.HasNeighbours(a.Link) || to.IsValid() && (p.Bits() < to.Bits() || !to.Contains(p.Addr())) {
			continue
		}
		if d := h.lookup(route.Flow{Dst: h.neighbourIn(p), Proto: r.Selector.Proto}); d.Rule == r {
			return p
		}
	}
	return netip.Prefix{}
}
