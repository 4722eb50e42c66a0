package report

import (
	"strings"

	"routewhy/lookup"
	"routewhy/lookup/change"
	"routewhy/lookup/change/command"
	"routewhy/route"
)

// What a command changes about router advertisements, which come later.
const (
	RemarkNotRenewed    lookup.Code = "route-not-renewed"     // Route ends in Want seconds, because Have takes no router advertisements any more
	RemarkAdvertisement lookup.Code = "advertisement-decides" // what the next router advertisement on the device Have does is not known
)

// advertisements tells of the default routes that router advertisements renew, and what
// becomes of them after a setting is written.
func advertisements(s *command.Step, n names) (out []Finding) {
	before, after := s.Before.FIB().Snapshot(), s.After.FIB().Snapshot()
	for _, c := range s.Changes {
		w, ok := c.(*change.Sysctl)
		if !ok {
			continue
		}
		rest, ok := strings.CutPrefix(w.Path, "net/ipv6/conf/")
		dev, key, _ := strings.Cut(rest, "/")
		if !ok || before.LinkByName(dev) == nil || !s.Accepted() {
			continue
		}
		was, is := takesRouters(before, dev), takesRouters(after, dev)
		var renewed []Finding
		for _, r := range s.After.FIB().Edit().At(route.TableMain, route.IPv6.Default()) {
			full := *r
			full.Dst = route.IPv6.Default()
			full.Table = route.TableMain
			if change.Advertised(before, full.Dst, &full) && before.LinkName(full.NextHops[0].Link) == dev {
				f := NewRemark(RemarkNotRenewed, "", dev)
				f.Want, f.Route = operand(int(full.Expires.Seconds())), n.route(&full)
				renewed = append(renewed, f)
			}
		}
		switch {
		case was && !is:
			out = append(out, renewed...)
		case !was && is, key == "ra_defrtr_metric" && len(renewed) > 0:
			out = append(out, NewRemark(RemarkAdvertisement, "", dev))
		}
	}
	return out
}

// takesRouters reports whether the kernel makes default routes of router advertisements on a
// device (ipv6_accept_ra in include/net/ipv6.h, and accept_ra_defrtr).
func takesRouters(s *route.Snapshot, dev string) bool {
	accept, known := s.Sysctls.Conf(route.IPv6, dev, "accept_ra")
	forwards, _ := s.Sysctls.Conf(route.IPv6, dev, "forwarding")
	routers, read := s.Sysctls.Conf(route.IPv6, dev, "accept_ra_defrtr")
	return known && (accept == 2 || accept == 1 && forwards == 0) && (!read || routers != 0)
}
