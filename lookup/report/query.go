package report

import (
	"net/netip"
	"slices"

	"routewhy/lookup"
	"routewhy/route"
	"routewhy/route/iproute2"
)

// Query is a packet as it was asked about. A field that was not given has the value that
// `ip route get` uses.
type Query struct {
	// Dst is the destination, a prefix of one address.
	Dst  netip.Prefix `json:"dst,omitzero"`
	From netip.Addr   `json:"from,omitzero"`
	// Iif is the device that the packet comes in by; absent: this host sends it.
	Iif string `json:"iif,omitempty"`
	// Oif is the device that the sender is bound to. With VRF, it is the VRF's device.
	Oif       string  `json:"oif,omitempty"`
	Mark      *uint32 `json:"mark,omitempty"`
	TOS       *uint8  `json:"tos,omitempty"`
	UID       *uint32 `json:"uid,omitempty"`
	IPProto   string  `json:"ipproto,omitempty"`
	Sport     uint16  `json:"sport,omitempty"`
	Dport     uint16  `json:"dport,omitempty"`
	FlowLabel uint32  `json:"flowlabel,omitempty"`
	VRF       string  `json:"vrf,omitempty"`
	// Label is how the destination was named, and what that means:
	// "www.example.org (192.0.2.80)".
	Label string `json:"label,omitempty"`
	// Given are the fields that were given beside the destination, by their JSON names.
	Given []lookup.Field `json:"given,omitempty"`
	// Part says which look-up of a connection this is; absent: the question's own.
	Part Part `json:"part,omitempty"`
}

// Part is a look-up that is a part of an answer.
type Part string

// The parts.
const (
	PartSource   Part = "source-lookup" // the one that chooses a connection's source
	PartBySource Part = "by-source"     // the second one, with one of the sources
	PartAnswer   Part = "answer"        // that of an answer that this host sends
	PartReturn   Part = "return"        // that of an answer that comes in
)

// Addr is the destination's address.
func (q *Query) Addr() netip.Addr { return q.Dst.Addr() }

// Family is the destination's.
func (q *Query) Family() route.Family { return route.FamilyOf(q.Dst.Addr()) }

// Marked is the packet's mark.
func (q *Query) Marked() uint32 {
	if q.Mark == nil {
		return 0
	}
	return *q.Mark
}

// Has reports whether a field was given.
func (q *Query) Has(f lookup.Field) bool { return slices.Contains(q.Given, f) }

// query is a packet by names. Fields are those that the question settles.
func (n names) query(f *route.Flow, fields map[lookup.Field]bool) Query {
	q := Query{
		Dst:  netip.PrefixFrom(f.Dst.WithZone(""), f.Dst.BitLen()),
		From: f.Src, Iif: n.dev(f.In), Sport: f.SrcPort, Dport: f.DstPort, FlowLabel: f.FlowLabel, UID: &f.UID,
	}
	if fields[lookup.FieldVRF] {
		q.VRF = n.dev(f.Out)
	} else {
		q.Oif = n.dev(f.Out)
	}
	if f.Proto != 0 || fields[lookup.FieldProto] {
		q.IPProto = iproute2.ProtoName(f.Proto)
	}
	if f.Mark != 0 || fields[lookup.FieldMark] {
		q.Mark = &f.Mark
	}
	if f.TOS != 0 || fields[lookup.FieldTOS] {
		q.TOS = &f.TOS
	}
	return q
}
