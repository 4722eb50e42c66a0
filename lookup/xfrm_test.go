package lookup_test

import (
	"net/netip"
	"testing"

	"routewhy/lookup"
	"routewhy/route"
)

// TestPolicy finds the IPsec policy that takes a packet, by its direction, its
// selector and its priority.
func TestPolicy(t *testing.T) {
	every := netip.MustParsePrefix("0.0.0.0/0")
	policy := func(dir route.PolicyDir, priority uint32, transforms int, change ...func(*route.Policy)) route.Policy {
		p := route.Policy{Dir: dir, Src: every, Dst: every, Priority: priority, Transforms: transforms}
		for _, f := range change {
			f(&p)
		}
		return p
	}
	https := func(p *route.Policy) { p.Proto, p.DstPort, p.DstPortMask = 6, 443, 0xffff }
	bySource := func(p *route.Policy) { p.Src = netip.MustParsePrefix("198.51.100.0/24") }
	out := route.Flow{Dst: netip.MustParseAddr("8.8.8.8")}
	in := route.Flow{Dst: netip.MustParseAddr("192.0.2.2"), Src: netip.MustParseAddr("203.0.113.9"), In: 2}
	for name, c := range map[string]struct {
		policies []route.Policy
		flow     route.Flow
		want     uint32 // its priority; 0: none
	}{
		"out":                     {[]route.Policy{policy(route.PolicyOut, 5, 1)}, out, 5},
		"the lowest priority":     {[]route.Policy{policy(route.PolicyOut, 7, 1), policy(route.PolicyOut, 5, 1)}, out, 5},
		"the first of equal ones": {[]route.Policy{policy(route.PolicyOut, 5, 0), policy(route.PolicyOut, 5, 1)}, out, 0},
		"another direction":       {[]route.Policy{policy(route.PolicyIn, 5, 1), policy(route.PolicyForward, 5, 1)}, out, 0},
		"lets pass":               {[]route.Policy{policy(route.PolicyOut, 5, 0)}, out, 0},
		"blocks":                  {[]route.Policy{policy(route.PolicyOut, 5, 0, func(p *route.Policy) { p.Block = true })}, out, 5},
		"another port":            {[]route.Policy{policy(route.PolicyOut, 5, 1, https)}, out, 0},
		"another source":          {[]route.Policy{policy(route.PolicyOut, 5, 1, bySource)}, out, 0},
		"another device":          {[]route.Policy{policy(route.PolicyOut, 5, 1, func(p *route.Policy) { p.Link = 3 })}, out, 0},
		"another mark":            {[]route.Policy{policy(route.PolicyOut, 5, 1, func(p *route.Policy) { p.Mark, p.MarkMask = 1, 1 })}, out, 0},
		"in":                      {[]route.Policy{policy(route.PolicyIn, 5, 1)}, in, 5},
		"to itself":               {[]route.Policy{policy(route.PolicyOut, 5, 1)}, route.Flow{Dst: netip.MustParseAddr("192.0.2.2")}, 0},
	} {
		s := hostOf([]route.Route{via("0.0.0.0/0", "192.0.2.1", 2), via("192.0.2.2/32", "", 2, local)})
		s.Policies = c.policies
		f := lookup.New(s)
		var got uint32
		for _, n := range f.Notes(f.Explain(c.flow)) {
			if n.Code == lookup.NotePolicy {
				got = n.Have.(route.Policy).Priority
			}
		}
		if got != c.want {
			t.Errorf("%s: policy of priority %d; want %d", name, got, c.want)
		}
	}
}
