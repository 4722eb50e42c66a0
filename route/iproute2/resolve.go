package iproute2

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"routewhy/route"
)

// Names finds the numbers of things that have names. A name that is not known is an error.
type Names interface {
	Device(name string) (int, error)
	Table(name string) (route.Table, error)
	Protocol(name string) (route.Protocol, error)
}

// Resolve finds the numbers of a route. Family is used if the destination does not show its
// family. Fields that were not given have the same values as with `ip route add`, except the
// scope and, in IPv6, the metric. A table that was not given is zero.
//
// Even with an error, it returns as much as was understood. A next hop whose gateway cannot
// be read has [route.NextHopUnread]. A route whose source cannot be read has
// [route.FlagNoSource]. If something else cannot be read, the route has [route.FlagOdd].
func (r *Route) Resolve(n Names, family route.Family) (route.Route, error) {
	out := route.Route{Type: route.TypeUnicast, Protocol: route.ProtocolBoot, NextHopID: r.NHID, Metrics: r.metrics()}
	var first error
	failed := func(err error) bool {
		if first == nil {
			first = err
		}
		return err != nil
	}
	field := func(text string, read func() error) {
		if text != "" && failed(read()) {
			out.Flags |= route.FlagOdd
		}
	}
	field(r.Dst, func() (err error) { out.Dst, err = ParseDst(r.Dst, family); return err })
	if out.Dst.IsValid() {
		family = out.Family()
	}
	field(string(r.Type), func() error { return out.Type.UnmarshalText([]byte(r.Type)) })
	field(string(r.Table), func() (err error) { out.Table, err = n.Table(string(r.Table)); return err })
	field(string(r.Protocol), func() (err error) { out.Protocol, err = n.Protocol(string(r.Protocol)); return err })
	field(string(r.Scope), func() (err error) { out.Scope, err = parseScope(string(r.Scope)); return err })
	if r.SrcUnread {
		out.Flags |= route.FlagNoSource
	}
	if r.PrefSrc != "" {
		var err error
		if out.PrefSrc, err = ParseAddr(r.PrefSrc); failed(err) {
			out.Flags |= route.FlagNoSource
		}
	}
	field(r.From, func() (err error) { out.Src, err = ParseDst(r.From, family); return err })
	field(string(r.TOS), func() (err error) { out.TOS, err = ParseTOS(string(r.TOS)); return err })
	field(r.Pref, func() error { return out.Pref.UnmarshalText([]byte(r.Pref)) })
	if r.Metric != nil {
		out.Metric = uint32(*r.Metric)
	}
	if r.Expires != nil {
		out.Expires = time.Duration(*r.Expires) * time.Second
	}
	for i := range r.NextHops {
		leg := &r.NextHops[i]
		h, err := leg.hop().resolve(n)
		failed(err)
		h.Weight = max(1, leg.Weight)
		out.NextHops = append(out.NextHops, h)
	}
	refuses := family == route.IPv4 && out.Type.Refuses()
	if alone := r.Dev != "" || r.Gateway != "" || r.Via != nil || r.Unread; alone && len(r.NextHops) == 0 && !refuses {
		h, err := r.hop().resolve(n)
		failed(err)
		out.NextHops = []route.NextHop{h}
	}
	return out, first
}

// resolve finds the numbers of a next hop.
func (h hopFields) resolve(n Names) (out route.NextHop, first error) {
	failed := func(err error) {
		if first == nil {
			first = err
		}
	}
	var err error
	if *h.dev != "" {
		out.Link, err = n.Device(*h.dev)
		failed(err)
	}
	gateway := (*h.via).host(*h.gateway)
	if h.unread {
		out.Flags |= route.NextHopUnread
	}
	if gateway != "" {
		if out.Gateway, err = ParseAddr(gateway); err != nil {
			out.Flags |= route.NextHopUnread
			failed(err)
		}
	}
	for _, name := range *h.flags {
		flag, known := flagByName(name)
		if !known {
			failed(fmt.Errorf("flag %q", name))
		}
		out.Flags |= flag
	}
	if *h.encap != "" {
		if out.Encap = encapByName(*h.encap); out.Encap == 0 {
			failed(fmt.Errorf("encap %q", *h.encap))
		}
	}
	out.Realm = (*h.flow).number()
	return out, first
}

// nextHopFlags are the flags that have a meaning here.
func nextHopFlags() []struct {
	Bit  route.NextHopFlags
	Name string
} {
	return []struct {
		Bit  route.NextHopFlags
		Name string
	}{
		{route.NextHopDead, "dead"}, {route.NextHopOnLink, "onlink"}, {route.NextHopPervasive, "pervasive"},
		{route.NextHopOffload, "offload"}, {route.NextHopTrap, "trap"},
		{route.NextHopLinkDown, "linkdown"}, {route.NextHopUnresolved, "unresolved"},
	}
}

// flagByName is the flag that a word names; zero: a flag that has no meaning here.
func flagByName(name string) (route.NextHopFlags, bool) {
	for _, f := range nextHopFlags() {
		if f.Name == name {
			return f.Bit, true
		}
	}
	return 0, slices.Contains(strings.Fields(hopFlags), name)
}

func encapByName(name string) route.Encap {
	for e := route.Encap(1); ; e++ {
		if s := e.String(); s == name {
			return e
		} else if s == strconv.Itoa(int(e)) {
			return 0
		}
	}
}

// number is both realms in one number, as in RTA_FLOW and FRA_FLOW.
func (r *Realms) number() uint32 {
	if r == nil {
		return 0
	}
	return realm(r.From)<<16 | realm(r.To)&0xffff
}

// realm is the number of a realm. For a name it is 1, because the numbers of names are not
// known here, and every number except zero has the same effect on a decision. Empty: none.
func realm(s string) uint32 {
	if n, err := strconv.ParseUint(s, 0, 32); err == nil || s == "" || s == "null" {
		return uint32(n)
	}
	return 1
}

// ParseAddr reads an address without a zone.
func ParseAddr(s string) (netip.Addr, error) {
	a, err := netip.ParseAddr(s)
	if err != nil || a.Zone() != "" {
		return netip.Addr{}, fmt.Errorf("%q is no address", s)
	}
	return a, nil
}

// ParsePrefix reads a prefix or an address. Bits after the prefix's length need not be zero.
func ParsePrefix(s string) (netip.Prefix, error) {
	if !strings.Contains(s, "/") {
		a, err := ParseAddr(s)
		if err != nil {
			return netip.Prefix{}, err
		}
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("%q is no prefix", s)
	}
	return p, nil
}

// ParseDst reads a destination: a prefix, an address, or a word for all addresses of
// the family.
func ParseDst(s string, family route.Family) (netip.Prefix, error) {
	if s == "default" || s == "all" || s == "any" || s == "0/0" {
		if family == route.IPv6 {
			return netip.PrefixFrom(netip.IPv6Unspecified(), 0), nil
		}
		return netip.PrefixFrom(netip.IPv4Unspecified(), 0), nil
	}
	p, err := ParsePrefix(s)
	if err == nil && p.Masked() != p {
		return netip.Prefix{}, fmt.Errorf("%s has host bits", p)
	}
	return p, err
}

func parseScope(s string) (route.Scope, error) {
	var v route.Scope
	if s == "universe" {
		return v, nil
	}
	if err := v.UnmarshalText([]byte(s)); err != nil {
		return v, fmt.Errorf("scope %q", s)
	}
	return v, nil
}

// ParseTOS reads a TOS octet by number or by its name in rt_dsfield.
func ParseTOS(s string) (uint8, error) {
	for _, known := range TOSNames() {
		if strings.EqualFold(known.Name, s) {
			return known.Number, nil
		}
	}
	n, err := strconv.ParseUint(strings.TrimPrefix(s, "0x"), 16, 8)
	if err != nil {
		return 0, fmt.Errorf("TOS %q", s)
	}
	return uint8(n), nil
}
