package report

import (
	"net/netip"
	"testing"

	"routewhy/route"
)

func TestPacketTo(t *testing.T) {
	mark := uint32(7)
	local := Destination{Addr: netip.MustParseAddr("fe80::1"), Zone: "eth0", Port: 80}
	other := Destination{Addr: netip.MustParseAddr("fe80::2")}
	given := Packet{Mark: &mark}
	p := given.to(&local)
	if p.Oif != "eth0" || p.Dport != 80 || p.Proto == nil || *p.Proto != route.ProtoTCP || *p.Mark != 7 {
		t.Errorf("%+v", p)
	}
	if p := given.to(&other); p.Oif != "" || p.Dport != 0 || p.Proto != nil {
		t.Errorf("%+v", p)
	}
	given.Proto = new(route.ProtoUDP)
	if p := given.to(&local); *p.Proto != route.ProtoUDP {
		t.Errorf("%+v", p)
	}
}
