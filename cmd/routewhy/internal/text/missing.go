package text

import (
	"fmt"
	"strings"

	"routewhy/lookup/report"
)

// factWords says what was assumed for a fact that was not read; empty: the finding is
// about something else.
func factWords(a *report.Finding) string {
	switch a.Code {
	case "odd-lines":
		return "what was not understood of the files changes nothing here: " + name(a.Have)
	case "no-table-default":
		return "table default is empty, as on nearly every host: there is no listing of it"
	case "other-listings":
		return "what stands first in the files: " + name(a.Have)
	case "no-legs":
		return "each route has only one next hop and no TOS: the listing would not show more"
	case report.AssumedType:
		if strings.Contains(a.Route.Dst, ":") {
			return fmt.Sprintf("%s is of type unreachable: the listing does not show whether it is that, prohibit, blackhole or throw", a.Route.Dst)
		}
		return fmt.Sprintf("%s is of type unreachable: the listing does not show whether it is that or prohibit", a.Route.Dst)
	case "no-neighbours":
		return "that no gateway is known to fail: the kernel chooses by their neighbour states, which are not known"
	case "no-ipsec-policies":
		return "that no IPsec policy takes this packet: they could not be read" + because(a.Have.String())
	case "no-rules":
		if a.Route != nil {
			return fmt.Sprintf("the default three rules: there is no listing of rules, and one may lead to %s, which has %s", tableWords(a.Table), routeLine(a.Route))
		}
		return "the default three rules: there is no listing of rules"
	case "no-table-local":
		if !a.Want.IsZero() {
			return fmt.Sprintf("%s is not an address of that host: there is no listing of table local or of the addresses", a.Want)
		}
		return "table local as the addresses make it: there is no listing of it"
	case "no-addresses":
		if !a.Want.IsZero() {
			return fmt.Sprintf("%s is an address of that host: there is no listing of the addresses", a.Want)
		}
		return "the addresses that routes tell of: there is no listing of the addresses"
	}
	return ""
}

// ifStandard ends a first line that is right only if the rules are the default ones: they are
// not listed, and another table would decide otherwise.
func ifStandard(all []report.Finding) string {
	for i := range all {
		if all[i].Code == "no-rules" && all[i].Route != nil {
			return ", if the rules are the default ones"
		}
	}
	return ""
}
