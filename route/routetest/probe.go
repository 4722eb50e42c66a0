package routetest

import "testing"

// Support is what some kernels have and others do not.
type Support struct {
	// VRF, Dummy, VLAN and WireGuard are kinds of devices.
	VRF, Dummy, VLAN, WireGuard bool
	// MPLS is an encapsulation of routes.
	MPLS bool
	// Rules618 are rules with a DSCP, masked ports or a flow label.
	Rules618 bool
}

// Probe finds out what the running kernel has. It skips the test if it cannot
// make a namespace.
func Probe(t testing.TB) Support {
	t.Helper()
	ns := New(t)
	has := func(cmd string) bool { return len(ns.Batch([]string{cmd}).Refused) == 0 }
	return Support{
		VRF:       has("ip link add red type vrf table 110"),
		Dummy:     has("ip link add d0 type dummy"),
		VLAN:      has("ip link add v0 type veth peer name v0p") && has("ip link add link v0 name v0.7 type vlan id 7"),
		WireGuard: has("ip link add wg0 type wireguard"),
		MPLS:      has("ip link set lo up") && has("ip route add 10.9.0.0/16 encap mpls 100 dev lo"),
		Rules618:  has(rule618Word + " -4 add priority 1 sport 80/0xfff0 dscp 0x2e/0x3e nop"),
	}
}
