package command

import (
	"math/bits"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"routewhy/route"
	"routewhy/route/iproute2"
)

// number is a number that strtoul(3) reads from the whole text: decimal, 0x hex or 0
// octal.
func number(s string, bits int) (uint64, bool) {
	s = strings.TrimLeft(s, " \t\n\v\f\r")
	s = strings.TrimPrefix(s, "+")
	base := 10
	switch {
	case len(s) > 2 && (s[:2] == "0x" || s[:2] == "0X"):
		s, base = s[2:], 16
	case len(s) > 1 && s[0] == '0':
		s, base = s[1:], 8
	}
	n, err := strconv.ParseUint(s, base, bits)
	return n, err == nil
}

// uint32Of is a number of 32 bits, or ip's refusal with a reason.
func (a *args) uint32Of(s, why string) uint32 {
	n, ok := number(s, 32)
	if !ok {
		a.invalid(s, why)
	}
	return uint32(n)
}

// uint8Of is a number of eight bits.
func (a *args) uint8Of(s, why string) uint8 {
	n, ok := number(s, 8)
	if !ok {
		a.invalid(s, why)
	}
	return uint8(n)
}

// inet is the result of get_addr and get_prefix for a text.
type inet struct {
	family route.Family // zero: `default` and `any` without a family
	prefix netip.Prefix // includes the bits after the length; zero if there is no family
	// hasLength says that a length was given.
	hasLength bool
	// any says that the text is `default`, `any` or `all`.
	any bool
}

// parseAddr is get_addr_1 of iproute2 (lib/utils.c). Abbreviated IPv4 addresses get
// zeros at the end.
func parseAddr(s string, family route.Family) (netip.Addr, bool) {
	if strings.Contains(s, ":") {
		x, err := netip.ParseAddr(s)
		if err != nil || family == route.IPv4 || x.Zone() != "" || !x.Is6() {
			return netip.Addr{}, false
		}
		return x, true
	}
	if family == route.IPv6 {
		return netip.Addr{}, false
	}
	return parseIPv4(s)
}

// parseIPv4 reads up to four octets, each as strtoul(3) does.
func parseIPv4(s string) (netip.Addr, bool) {
	var octets [4]byte
	parts := strings.Split(s, ".")
	if len(parts) > 4 {
		return netip.Addr{}, false
	}
	for i, p := range parts {
		n, ok := number(p, 8)
		if !ok || p == "" || strings.TrimLeft(p, " \t\n\v\f\r+") != p {
			return netip.Addr{}, false
		}
		octets[i] = byte(n)
	}
	return netip.AddrFrom4(octets), true
}

// parsePrefix is get_prefix_1.
func parsePrefix(s string, family route.Family) (inet, bool) {
	if s == "default" || s == "any" || s == "all" {
		out := inet{family: family, hasLength: true, any: true}
		if family != 0 {
			out.prefix = family.Default()
		}
		return out, true
	}
	text, length, has := strings.Cut(s, "/")
	x, ok := parseAddr(text, family)
	if !ok {
		return inet{}, false
	}
	n := x.BitLen()
	if has {
		if n, ok = netmask(length); !ok || n > x.BitLen() {
			return inet{}, false
		}
	}
	return inet{family: route.FamilyOf(x), prefix: netip.PrefixFrom(x, n), hasLength: has}, true
}

// netmask is the length that a text gives as a number, or as a mask in IPv4's form.
func netmask(s string) (int, bool) {
	if n, ok := number(s, 31); ok && s != "" {
		return int(n), true
	}
	x, ok := parseIPv4(s)
	if !ok {
		return 0, false
	}
	return maskBits(x)
}

// maskBits is the length of a mask.
func maskBits(x netip.Addr) (int, bool) {
	b := x.As4()
	m := uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
	n := bits.LeadingZeros32(^m)
	return n, m<<n == 0 && n <= 32
}

// familyName is the name that ip uses for the family that it expects.
func familyName(f route.Family) string {
	switch f {
	case route.IPv4:
		return "inet"
	case route.IPv6:
		return "inet6"
	}
	return "any valid"
}

// addr is get_addr: an address, or ip's refusal.
func (a *args) addr(s string, family route.Family) netip.Addr {
	if s == "default" || s == "any" || s == "all" {
		if family == route.IPv6 {
			return netip.IPv6Unspecified()
		}
		return netip.IPv4Unspecified()
	}
	x, ok := parseAddr(s, family)
	if !ok {
		a.refuse("%s address is expected rather than %q.", familyName(family), raw(s))
	}
	return x
}

// prefix is get_prefix: a prefix, or ip's refusal.
func (a *args) prefix(s string, family route.Family) inet {
	p, ok := parsePrefix(s, family)
	if !ok {
		a.refuse("%s prefix is expected rather than %q.", familyName(family), raw(s))
	}
	return p
}

// in is the prefix in the given family, if it has no family of its own.
func (p inet) in(f route.Family) netip.Prefix {
	if p.family == 0 {
		return f.Default()
	}
	return p.prefix
}

// table is rtnl_rttable_a2n.
func (a *args) table(s string) (route.Table, bool) {
	for t, name := range a.snap.Names.Tables {
		if name == s {
			return t, true
		}
	}
	for _, t := range []route.Table{route.TableDefault, route.TableMain, route.TableLocal} {
		if a.snap.Names.Tables[t] == "" && (route.Names{}).Table(t) == s {
			return t, true
		}
	}
	n, ok := number(s, 32)
	return route.Table(n), ok
}

// protocol is rtnl_rtprot_a2n.
func (a *args) protocol(s string) (route.Protocol, bool) {
	for p, name := range a.snap.Names.Protocols {
		if name == s {
			return p, true
		}
	}
	for p := range 256 {
		if name := (route.Names{}).Protocol(route.Protocol(p)); name == s && a.snap.Names.Protocols[route.Protocol(p)] == "" {
			return route.Protocol(p), true
		}
	}
	n, ok := number(s, 8)
	return route.Protocol(n), ok
}

// scope is rtnl_rtscope_a2n.
func scope(s string) (route.Scope, bool) {
	for _, known := range []route.Scope{route.ScopeGlobal, route.ScopeSite, route.ScopeLink, route.ScopeHost, route.ScopeNowhere} {
		if known.String() == s {
			return known, true
		}
	}
	n, ok := number(s, 8)
	return route.Scope(n), ok
}

// dsfield is rtnl_dsfield_a2n: numbers are hex.
func dsfield(s string) (uint8, bool) {
	for _, known := range iproute2.TOSNames() {
		if strings.EqualFold(known.Name, s) {
			return known.Number, true
		}
	}
	n, err := strconv.ParseUint(strings.TrimPrefix(strings.TrimPrefix(s, "0x"), "0X"), 16, 8)
	return uint8(n), err == nil
}

// device finds a device by its name, by another name of it, or by "if" and its index;
// nil: there is none (ll_name_to_index in lib/ll_map.c). What is after a colon does not
// count, because the kernel takes eth0:1 for an alias of eth0 (dev_ioctl).
func (a *args) device(name string) *route.Link {
	name, _, _ = strings.Cut(name, ":")
	if l := a.snap.LinkByName(name); l != nil {
		return l
	}
	for i := range a.snap.Links {
		if slices.Contains(a.snap.Links[i].AltNames, name) {
			return &a.snap.Links[i]
		}
	}
	if index, ok := strings.CutPrefix(name, "if"); ok {
		if n, err := strconv.ParseUint(index, 10, 31); err == nil {
			return a.snap.Link(int(n))
		}
	}
	return nil
}

// link finds a device by its name, or gives ip's refusal.
func (a *args) link(name string) *route.Link {
	l := a.device(name)
	if l == nil {
		a.noDevice(name)
	}
	return l
}
