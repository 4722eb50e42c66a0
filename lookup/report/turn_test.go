package report

import (
	"net/netip"
	"testing"
	"time"

	"routewhy/lookup"
	"routewhy/route"
	"routewhy/route/iproute2"
)

// TestWay checks which answers read alike: why the kernel itself refuses a packet counts, and not the
// route that it would take, nor the kind of a group.
func TestWay(t *testing.T) {
	refused := func(why lookup.Shortcut, table iproute2.Text) *Explanation {
		return &Explanation{Decision: Decision{Disposition: lookup.DispositionInvalid, Errno: route.ENETUNREACH, Shortcut: why, Route: &iproute2.Route{Table: table}}}
	}
	prohibited := func(table iproute2.Text) *Explanation {
		return &Explanation{Decision: Decision{Disposition: lookup.DispositionProhibit, Route: &iproute2.Route{Table: table}}}
	}
	several := func(why lookup.Code) *Explanation {
		return &Explanation{Decision: Decision{Disposition: lookup.DispositionUnicast, Ambiguous: Reason{Code: why}, NextHops: []NextHop{{Dev: "eth0"}, {Dev: "eth1"}}}}
	}
	for _, c := range []struct {
		name string
		a, b *Explanation
		same bool
	}{
		{"not forwarded, by another table", refused(lookup.ShortcutNoForwarding, "main"), refused(lookup.ShortcutNoForwarding, "9"), true},
		{"refused for another reason", refused(lookup.ShortcutDown, "main"), refused(lookup.ShortcutNotLocal, "main"), false},
		{"prohibited by another table", prohibited("main"), prohibited("9"), false},
		{"by a resilient group", several(lookup.CodeMultipath), several(lookup.CodeResilient), true},
		{"by two defaults", several(lookup.CodeMultipath), several(lookup.CodeDefaultsTie), false},
	} {
		if same := c.a.Way(true) == c.b.Way(true); same != c.same {
			t.Errorf("%s: %v that it is the same answer", c.name, same)
		}
	}
}

// TestBecameDeprecated checks that an address is said to become deprecated when the kernel marks it so, and
// not before, when a router advertisement sets its preferred lifetime to zero (addrconf_verify_rtnl).
func TestBecameDeprecated(t *testing.T) {
	host := func(a route.Addr) *lookup.FIB {
		return lookup.New(&route.Snapshot{Links: []route.Link{{Index: 2, Name: "eth0"}}, Addrs: []route.Addr{a}})
	}
	was := route.Addr{Link: 2, Prefix: netip.MustParsePrefix("2001:db8::2/64"), ValidLft: time.Hour}
	is := was
	is.Flags = route.AddrDeprecated
	x := NewTrigger(host(was), host(is), &route.Event{Addr: &is}).Object
	if x.Before.Address.Deprecated || !x.After.Address.Deprecated {
		t.Errorf("the address was changed from %+v to %+v", x.Before.Address, x.After.Address)
	}
}
