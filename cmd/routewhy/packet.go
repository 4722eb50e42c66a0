package main

import (
	"strings"

	"routewhy/lookup/report"
	"routewhy/route"
)

// known is the packet as values for the question; see [report.Packet].
func (p *packet) known() report.Packet {
	return report.Packet{
		From: p.from.value, Iif: p.iif.value, Oif: p.oif.value, VRF: p.vrf.value,
		Mark: p.mark.pointer(), TOS: p.tos.pointer(), UID: p.uid.pointer(), Proto: p.proto.pointer(),
		Sport: p.sport.value, Dport: p.dport.value, FlowLabel: p.flowLabel.pointer(),
	}
}

// pointer points to the value; it is nil if the value was not given.
func (o optional[T]) pointer() *T {
	if !o.given {
		return nil
	}
	return &o.value
}

// refusedFor refuses the flags that describe a packet where the question is
// about a route entry.
func (p *packet) refusedFor(d destination) error {
	for _, f := range []struct {
		name  string
		given bool
	}{
		{"from", p.from.given}, {"iif", p.iif.given}, {"oif", p.oif.given}, {"vrf", p.vrf.given}, {"mark", p.mark.given},
		{"tos", p.tos.given}, {"uid", p.uid.given}, {"ipproto", p.proto.given}, {"sport", p.sport.given},
		{"dport", p.dport.given}, {"flowlabel", p.flowLabel.given},
	} {
		if f.given {
			return usagef("--%s describes a packet; %s is a route entry", f.name, d)
		}
	}
	return nil
}

// utf8 reports whether the locale means a terminal that shows more than ASCII.
func (s stdio) utf8() bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v := strings.ToLower(s.env(name)); v != "" {
			return strings.Contains(v, "utf-8") || strings.Contains(v, "utf8")
		}
	}
	return false
}

// textNames gives the names of devices the form that they have in JSON.
func (p *packet) textNames() {
	for _, dev := range []*string{&p.iif.value, &p.oif.value, &p.vrf.value} {
		*dev = route.TextName(*dev)
	}
}
