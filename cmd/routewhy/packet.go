package main

import (
	"fmt"
	"strings"

	"routewhy/lookup"
	"routewhy/route"
	"routewhy/route/iproute2"
)

// words are what was given about the packet beside its destination, for the
// answer to repeat.
func (p *packet) words(s *route.Snapshot, f *route.Flow) []string {
	var out []string
	add := func(given bool, format string, args ...any) {
		if given {
			out = append(out, fmt.Sprintf(format, args...))
		}
	}
	add(p.from.given, "from %s", f.Src)
	add(p.iif.given, "on %s", printable(s.LinkName(f.In)))
	add(p.oif.given, "bound to %s", printable(s.LinkName(f.Out)))
	add(p.vrf.given, "vrf %s", printable(p.vrf.value))
	add(p.mark.given, "mark %#x", p.mark.value)
	add(p.tos.given, "tos %#x", p.tos.value)
	add(p.uid.given, "uid %d", p.uid.value)
	add(p.proto.given, "%s", iproute2.ProtoName(p.proto.value))
	add(p.sport.given, "sport %d", p.sport.value)
	add(p.dport.given, "dport %d", p.dport.value)
	add(p.flowLabel.given, "flowlabel %#x", p.flowLabel.value)
	return out
}

// fields are the properties that were given.
func (p *packet) fields() map[lookup.Field]bool {
	return map[lookup.Field]bool{
		lookup.FieldFrom: p.from.given || p.iif.given, lookup.FieldOif: p.oif.given || p.vrf.given || p.iif.given,
		lookup.FieldMark: p.mark.given, lookup.FieldTOS: p.tos.given, lookup.FieldUID: p.uid.given,
		lookup.FieldProto: p.proto.given, lookup.FieldSport: p.sport.given,
		lookup.FieldDport: p.dport.given, lookup.FieldFlowLabel: p.flowLabel.given,
		lookup.FieldVRF: p.vrf.given,
	}
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

// utf8 says whether the locale is one whose terminal shows more than ASCII.
func (s stdio) utf8() bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v := strings.ToLower(s.env(name)); v != "" {
			return strings.Contains(v, "utf-8") || strings.Contains(v, "utf8")
		}
	}
	return false
}
