package text

import (
	"fmt"

	"routewhy/lookup"
	"routewhy/lookup/report"
	"routewhy/route"
)

// routerWords says why devices have no default route from a router; empty: the finding is
// about something else.
func routerWords(n *report.Finding) string {
	dev := name(n.Have)
	where, more := dev, n.Want.Number()-1
	has, is := "has", "is"
	if more > 0 {
		where += fmt.Sprintf(" and %d more", more)
		has, is = "have", "are"
	}
	accept := setting(route.IPv6, dev, "accept_ra")
	switch n.Code {
	case lookup.NoteRouterIgnored:
		return fmt.Sprintf("router advertisements give no default route on %s: this host forwards there, and then accept_ra = 1 ignores them; `sysctl -w %s=2` takes them",
			where, accept)
	case lookup.NoteRouterOff:
		return fmt.Sprintf("router advertisements give no default route on %s: the kernel takes none there (accept_ra = 0), and no network manager has made one of them; `sysctl -w %s=2` takes them",
			where, accept)
	case lookup.NoteRouterNoDefault:
		return fmt.Sprintf("router advertisements give addresses on %s, but no default route (accept_ra_defrtr = 0); `sysctl -w %s=1` takes it",
			where, setting(route.IPv6, dev, "accept_ra_defrtr"))
	case lookup.NoteRouterOffUnheard:
		return fmt.Sprintf("%s would take no default route from a router (accept_ra = 0), and nothing shows whether one is there; `sysctl -w %s=2` would take it", where, accept)
	case lookup.NoteRouterIgnoredUnheard:
		return fmt.Sprintf("%s would take no default route from a router: this host forwards there, and then accept_ra = 1 ignores it; nothing shows whether a router is there; `sysctl -w %s=2` would take it", where, accept)
	case lookup.NoteRouterNoDefaultUnheard:
		return fmt.Sprintf("%s would take no default route from a router (accept_ra_defrtr = 0), and nothing shows whether one is there; `sysctl -w %s=1` would take it",
			where, setting(route.IPv6, dev, "accept_ra_defrtr"))
	case lookup.NoteRouterShort:
		return fmt.Sprintf("a router gives no default route on %s if its lifetime is shorter than accept_ra_min_lft says; `sysctl -w %s=0` takes every router's",
			where, setting(route.IPv6, dev, "accept_ra_min_lft"))
	case lookup.NoteRouterGone:
		return fmt.Sprintf("a router was heard on %s, and gives no default route now: its router lifetime is 0 or is over, or the route was deleted", where)
	case lookup.NoteRouterSilent:
		return fmt.Sprintf("%s would take a default route from a router, and nothing shows that one was ever heard there", where)
	case lookup.NoteSmallMTU:
		return fmt.Sprintf("%s %s no IPv6: the MTU is below 1280, which is too little; a larger one does not bring back lost addresses and routes", where, has)
	case lookup.NoteNoLinkLocal:
		return fmt.Sprintf("%s %s no link-local address, and without one no router is heard (addr_gen_mode = 1 makes none)", where, has)
	case lookup.NoteDownNoDefault:
		return fmt.Sprintf("%s %s down: routes by a device that goes down are lost, and static ones do not come back by themselves", where, is)
	case lookup.NoteNoCarrierNoDefault:
		return fmt.Sprintf("%s %s no carrier: neither DHCP nor a router can give a default route there", where, has)
	}
	return ""
}
