package kernel

import (
	"encoding/binary"
	"fmt"

	"routewhy/route"
)

// sizeofNhMsg is the size of struct nhmsg (linux/nexthop.h).
const sizeofNhMsg = 8

// Attributes of a next-hop object.
const (
	nhaID            = 1
	nhaGroup         = 2
	nhaGroupType     = 3
	nhaBlackhole     = 4
	nhaOif           = 5
	nhaGateway       = 6
	nhaEncapType     = 7
	nhaEncap         = 8
	nhaMaster        = 10
	nhaFDB           = 11
	nhaResGroup      = 12
	nhaOpFlags       = 14
	nhaGroupStats    = 15
	nhaHWStatsEnable = 16
	nhaHWStatsUsed   = 17

	nhaResGroupBuckets = 1
)

// The kinds of groups that are known (NEXTHOP_GRP_TYPE_*).
const (
	groupMultipath = 0
	groupResilient = 1
)

// decodeNextHop decodes the body of an RTM_NEWNEXTHOP message, as nh_fill_node
// (net/ipv4/nexthop.c) makes it.
func decodeNextHop(msg []byte) (route.NextHopObject, error) {
	if len(msg) < sizeofNhMsg {
		return route.NextHopObject{}, fmt.Errorf("a next-hop message of %d bytes", len(msg))
	}
	o := route.NextHopObject{
		Family:   familyOf(msg[0]),
		Protocol: route.Protocol(msg[2]),
		NextHop: route.NextHop{
			Flags: route.NextHopFlags(binary.NativeEndian.Uint32(msg[4:]) & nextHopFlagBits),
		},
	}
	a := attrs{rest: msg[sizeofNhMsg:]}
	for a.next() {
		if !decodeNextHopAttr(&o, &a) && !decodeGroupAttr(&o, &a) {
			o.Unknown = append(o.Unknown, a.unknown())
		}
	}
	if a.err == nil && o.ID == 0 {
		a.err = fmt.Errorf("a next-hop object without its ID")
	}
	return o, a.err
}

// decodeNextHopAttr decodes an attribute that any object may have. False: it is
// not such an attribute.
func decodeNextHopAttr(o *route.NextHopObject, a *attrs) bool {
	switch a.typ {
	case nhaID:
		o.ID = a.u32()
	case nhaBlackhole:
		o.Blackhole = true
	case nhaFDB:
		o.FDB = true
	case nhaOif:
		o.NextHop.Link = int(int32(a.u32()))
	case nhaGateway:
		if len(a.data) == route.IPv4.Bits()/8 {
			o.NextHop.Gateway = a.addr(route.IPv4)
		} else {
			o.NextHop.Gateway = a.addr(route.IPv6)
		}
	case nhaEncapType:
		o.NextHop.Encap = route.Encap(a.u16())
	case nhaEncap, nhaMaster: // no decision depends on them
	default:
		return false
	}
	return true
}

// decodeGroupAttr decodes an attribute that only groups have. False: it is not such
// an attribute.
func decodeGroupAttr(o *route.NextHopObject, a *attrs) bool {
	switch a.typ {
	case nhaGroup:
		o.Group = decodeMembers(a)
	case nhaGroupType:
		switch a.u16() {
		case groupMultipath:
		case groupResilient:
			o.Resilient = true
		default:
			return false
		}
	case nhaResGroup:
		o.Buckets = decodeBuckets(a)
	case nhaOpFlags, nhaGroupStats, nhaHWStatsEnable, nhaHWStatsUsed: // counters
	default:
		return false
	}
	return true
}

// sizeofNexthopGrp is the size of struct nexthop_grp.
const sizeofNexthopGrp = 8

// decodeMembers decodes an array of struct nexthop_grp. Weights have 16 bits. The
// upper eight are in a field of their own (weight_high, since Linux 6.12).
func decodeMembers(a *attrs) []route.GroupMember {
	if len(a.data) == 0 || len(a.data)%sizeofNexthopGrp != 0 {
		a.has(sizeofNexthopGrp)
		return nil
	}
	members := make([]route.GroupMember, 0, len(a.data)/sizeofNexthopGrp)
	for b := a.data; len(b) > 0; b = b[sizeofNexthopGrp:] {
		members = append(members, route.GroupMember{
			ID:     binary.NativeEndian.Uint32(b),
			Weight: int(b[5])<<8 + int(b[4]) + 1,
		})
	}
	return members
}

// decodeBuckets is the number of buckets in NHA_RES_GROUP.
func decodeBuckets(outer *attrs) int {
	n := 0
	a := attrs{rest: outer.data}
	for a.next() {
		if a.typ == nhaResGroupBuckets {
			n = int(a.u16())
		}
	}
	outer.nested(&a)
	return n
}
