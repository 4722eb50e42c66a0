package main

import (
	"strings"

	"routewhy/lookup"
)

// given are the fields of the packet that the flags gave beside its destination, for the
// answer to repeat.
func (p *packet) given() []lookup.Field {
	var out []lookup.Field
	for _, f := range []struct {
		name  lookup.Field
		given bool
	}{
		{lookup.FieldFrom, p.from.given}, {lookup.FieldIif, p.iif.given}, {lookup.FieldOif, p.oif.given}, {lookup.FieldVRF, p.vrf.given},
		{lookup.FieldMark, p.mark.given}, {lookup.FieldTOS, p.tos.given}, {lookup.FieldUID, p.uid.given}, {lookup.FieldProto, p.proto.given},
		{lookup.FieldSport, p.sport.given}, {lookup.FieldDport, p.dport.given}, {lookup.FieldFlowLabel, p.flowLabel.given},
	} {
		if f.given {
			out = append(out, f.name)
		}
	}
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
