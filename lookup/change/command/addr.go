package command

import (
	"net/netip"

	"routewhy/route"
)

// usualAddrScope is the scope of an address for which none is said (default_scope in
// ip/ipaddress.c).
func usualAddrScope(a netip.Addr) route.Scope {
	if a.Is4() && a.IsLoopback() {
		return route.ScopeHost
	}
	return route.ScopeGlobal
}

// addrFlag is a flag of an address by its keyword.
type addrFlag struct {
	name string
	flag route.AddrFlags
}

func addrFlags() []addrFlag {
	return []addrFlag{
		{"home", route.AddrHomeAddress}, {"nodad", route.AddrNoDAD}, {"mngtmpaddr", route.AddrManageTemp},
		{"noprefixroute", route.AddrNoPrefixRoute}, {"autojoin", route.AddrMCAutoJoin}, {"optimistic", route.AddrOptimistic},
	}
}
