package routetest

import "testing"

// Support is what not every kernel has.
type Support struct {
	// VRF and Dummy are kinds of devices.
	VRF, Dummy bool
	// Rules618 are rules with a DSCP, masked ports or a flow label.
	Rules618 bool
}

// Probe finds out what the running kernel has. It skips the test where there
// is no namespace to be had.
func Probe(t testing.TB) Support {
	t.Helper()
	ns := New(t)
	has := func(cmd string) bool { return len(ns.Batch([]string{cmd}).Refused) == 0 }
	return Support{
		VRF:      has("ip link add red type vrf table 110"),
		Dummy:    has("ip link add d0 type dummy"),
		Rules618: has(rule618Word + " -4 add priority 1 sport 80/0xfff0 dscp 0x2e/0x3e nop"),
	}
}
