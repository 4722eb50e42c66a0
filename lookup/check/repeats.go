package check

import (
	"net/netip"
	"slices"

	"routewhy/route"
)

// withoutRepeats leaves out findings that say again what another finding says: both come from
// the same rule. A check that is made alone tells all that it finds.
func withoutRepeats(all []Finding) []Finding {
	return slices.DeleteFunc(all, func(f Finding) bool {
		return slices.ContainsFunc(all, func(o Finding) bool { return o.ID != f.ID && f.repeats(&o) })
	})
}

// repeats reports whether a finding adds nothing to another one.
func (f *Finding) repeats(o *Finding) bool {
	switch f.Code {
	case CodeOtherWay: // a rule leads all packets from the address away, also those to neighbours
		return o.Code == CodeNeighboursLed && o.Have == f.Have && len(o.Routes) > 0 && o.Severity != Notice &&
			slices.ContainsFunc(o.Routes[0].NextHops, func(hop route.NextHop) bool { return slices.Contains(f.Links, hop.Link) })
	case CodeDefaultCovered: // the VPN's own packets do go into the VPN
		return o.Code == CodeTunnelLoop && slices.ContainsFunc(f.Routes, func(r route.Route) bool { return o.Note.Route != nil && same(&r, o.Note.Route) })
	case CodeGatewayLed: // the rule refuses all neighbours in a network, and the gateway is one of them
		gateway, ok := f.Have.(netip.Addr)
		net, isNet := o.Have.(netip.Prefix)
		return ok && isNet && o.Code == CodeOwnRefused && o.Rule == f.Rule && net.Contains(gateway)
	}
	return false
}
