package whynot

import (
	"routewhy/lookup"
	"routewhy/route"
)

// The bits of fib_multipath_hash_fields, for the outer header
// (FIB_MULTIPATH_HASH_FIELD_... in include/net/ip_fib.h).
const (
	hashSource = 1 << iota
	hashDestination
	hashProtocol
	hashFlowLabel
	hashSourcePort
	hashDestinationPort
)

// hashPolicies are the fields that fib_multipath_hash_policy names. Policy 2 looks at the
// packet in a tunnel, and at the outer addresses of other packets (fib_multipath_hash in
// net/ipv4/route.c, rt6_multipath_hash in net/ipv6/route.c).
func hashPolicies(fam route.Family) [3]int {
	addresses := int(hashSource | hashDestination)
	if fam == route.IPv6 {
		addresses |= hashProtocol | hashFlowLabel
	}
	ports := int(hashSource | hashDestination | hashProtocol | hashSourcePort | hashDestinationPort)
	return [3]int{addresses, ports, addresses}
}

// byHash says that two packets that take one multipath route may take different next hops of
// it, because a hash of some fields chooses; the zero Parting: they take the same one.
func byHash(f *lookup.FIB, a, b *lookup.Trace) Parting {
	if a.Decision.Ambiguous.Code != lookup.CodeMultipath || b.Decision.Ambiguous.Code != lookup.CodeMultipath {
		return Parting{}
	}
	fam := a.Flow.Family()
	folder := "net/ipv4/"
	if fam == route.IPv6 {
		folder = "net/ipv6/"
	}
	settings := f.Snapshot().Sysctls
	key := folder + "fib_multipath_hash_policy"
	p := Parting{Code: PartHash, Reason: lookup.Reason{Code: PartHash, Want: key}}
	policy, known := settings.Int(key)
	if !known {
		return p
	}
	p.Reason.Have = policy
	var fields int
	switch all := hashPolicies(fam); {
	case policy == 3:
		if fields, known = settings.Int(folder + "fib_multipath_hash_fields"); !known {
			return p
		}
	case policy < 0 || policy > 3:
		return p
	default:
		fields = all[policy]
	}
	x, y := firstFlow(a), firstFlow(b)
	if fields&hashSourcePort != 0 && (x.SrcPort == 0 || y.SrcPort == 0) && hasPorts(&x) {
		return p // each connection has another one
	}
	for bit, differ := range map[int]bool{
		hashSource: x.Src != y.Src, hashDestination: x.Dst != y.Dst, hashProtocol: x.Proto != y.Proto, hashFlowLabel: x.FlowLabel != y.FlowLabel,
		hashSourcePort: x.SrcPort != y.SrcPort, hashDestinationPort: x.DstPort != y.DstPort,
	} {
		if fields&bit != 0 && differ {
			return p
		}
	}
	return Parting{}
}

// firstFlow is the packet of the first look-up.
func firstFlow(t *lookup.Trace) route.Flow {
	if t.First != nil {
		return t.First.Flow
	}
	return t.Flow
}

// hasPorts reports whether a packet has ports.
func hasPorts(f *route.Flow) bool {
	return f.Proto == route.ProtoTCP || f.Proto == route.ProtoUDP
}
