package listen

import (
	"net/netip"
	"testing"

	"routewhy/route"
)

// TestDemands: for sockets of many ports, rules that do the same count as one, as long as
// there is no rule of another kind between them.
func TestDemands(t *testing.T) {
	rule := func(pref uint32, table route.Table, from, to uint16) route.Rule {
		return route.Rule{
			Family: route.IPv4, Priority: pref, Action: route.ActionTable, Table: table, SuppressPrefixLen: -1, SuppressGroup: -1,
			Selector: route.Selector{Proto: route.ProtoTCP, SrcPort: route.PortRange{Start: from, End: to}},
		}
	}
	s := &route.Snapshot{}
	for i := range 200 {
		s.Rules = append(s.Rules, rule(uint32(i), route.Table(100+i%8), uint16(1000+10*i), uint16(1005+10*i)))
	}
	count := func() int {
		d := demandsOf(s, route.IPv4)
		found := map[special]bool{}
		for port := range uint16(4000) {
			found[d.of(&route.Socket{Proto: route.ProtoTCP, Local: netip.AddrPortFrom(netip.IPv4Unspecified(), port)})] = true
		}
		return len(found)
	}
	if n := count(); n != 9 {
		t.Errorf("8 tables and none: %d kinds of sockets", n)
	}
	s.Rules = append(s.Rules, rule(900, 100, 1000, 3000)) // does what an earlier one did
	if n := count(); n != 9 {                             // or does it for the ports between
		t.Errorf("a rule that does it again: %d kinds of sockets", n)
	}
	s.Rules[100] = route.Rule{Family: route.IPv4, Priority: 100, Action: route.ActionProhibit, Selector: route.Selector{Src: netip.MustParsePrefix("10.0.0.0/8")}}
	if n := count(); n != 17 {
		t.Errorf("a rule between: %d kinds of sockets", n)
	}
}
