package text

import (
	"fmt"
	"strings"

	"routewhy/lookup/report"
)

// hashWords says which fields of a packet choose among several next hops.
func hashWords(n *report.Finding) string {
	by, so := hashedBy(&n.Reason), ""
	if by == "" {
		return fmt.Sprintf("one flow stays on one next hop; by which fields it is chosen is unknown (%s could not be read)", n.Want)
	}
	if n.Have.String() == "0" && !ofIPv6(&n.Reason) {
		so = ", so connections between the same two hosts share it"
	}
	return fmt.Sprintf("one flow stays on one next hop, chosen by %s (fib_multipath_hash_policy = %s)%s; the kernel's secret seed decides which", by, n.Have, so)
}

// ofIPv6 reports whether a reason's setting is one of IPv6.
func ofIPv6(r *report.Reason) bool { return strings.Contains(r.Want.String(), "/ipv6/") }

// hashedBy are the fields that a value of fib_multipath_hash_policy (Have) names; empty: they
// are not known.
func hashedBy(r *report.Reason) string {
	switch r.Have.String() {
	case "0":
		if ofIPv6(r) {
			return "addresses, protocol and flow label"
		}
		return "source and destination address"
	case "1":
		return "addresses, protocol and ports"
	case "2":
		return "the inner addresses of tunnelled packets, else the outer ones"
	case "3":
		return "the fields in fib_multipath_hash_fields"
	}
	return ""
}
