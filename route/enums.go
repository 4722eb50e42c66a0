package route

import (
	"fmt"
	"strconv"
)

// Family is an address family: 4 or 6. The zero value is no family. Where a family
// restricts something, the zero value means both families.
type Family uint8

// The two families that have a routing decision.
const (
	IPv4 Family = 4
	IPv6 Family = 6
)

// Bits is the length in bits of an address of the family: 32 or 128.
func (f Family) Bits() int {
	if f == IPv4 {
		return 32
	}
	return 128
}

func (f Family) String() string {
	switch f {
	case IPv4:
		return "IPv4"
	case IPv6:
		return "IPv6"
	}
	return "both families"
}

// Table is the number of a routing table (enum rt_class_t). The zero value is
// "unspecified", which is no table. Each host chooses its own names: see [Names].
type Table uint32

// The tables that every Linux has.
const (
	TableUnspec  Table = 0
	TableDefault Table = 253
	TableMain    Table = 254
	TableLocal   Table = 255
)

// Type is a route type (RTN_*, ip-route(8) TYPE).
type Type uint8

// The route types, numbered as in linux/rtnetlink.h.
const (
	TypeUnspec Type = iota
	TypeUnicast
	TypeLocal
	TypeBroadcast
	TypeAnycast
	TypeMulticast
	TypeBlackhole
	TypeUnreachable
	TypeProhibit
	TypeThrow
	TypeNAT
	TypeXResolve
)

var typeNames = [...]string{
	"unspec", "unicast", "local", "broadcast", "anycast", "multicast",
	"blackhole", "unreachable", "prohibit", "throw", "nat", "xresolve",
}

func (t Type) String() string { return enumName(typeNames[:], int(t)) }

// MarshalText gives the name that ip-route(8) uses.
func (t Type) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// Errno is the error with which routes of this type refuse a packet (fib_props in
// net/ipv4/fib_semantics.c, ip6_rt_type_to_error in net/ipv6/route.c). A throw route
// ends the search of its table with EAGAIN, but programs do not see that error. Zero:
// the type does not refuse.
func (t Type) Errno() Errno {
	switch t {
	case TypeBlackhole:
		return EINVAL
	case TypeUnreachable:
		return EHOSTUNREACH
	case TypeProhibit:
		return EACCES
	case TypeThrow:
		return EAGAIN
	}
	return 0
}

// UnmarshalText reads a name or a number.
func (t *Type) UnmarshalText(b []byte) error {
	n, err := enumValue(typeNames[:], string(b), 255)
	*t = Type(n)
	return err
}

// Refuses reports whether a route of this type ends the look-up with an error
// (blackhole, unreachable, prohibit). Throw does not: it ends only the search of its
// table.
func (t Type) Refuses() bool {
	return t == TypeBlackhole || t == TypeUnreachable || t == TypeProhibit
}

// Scope is how far away a destination may be, or how far an address is valid
// (RT_SCOPE_*): the larger the number, the nearer. The zero value is global.
type Scope uint8

// The scopes that have names.
const (
	ScopeGlobal  Scope = 0 // RT_SCOPE_UNIVERSE
	ScopeSite    Scope = 200
	ScopeLink    Scope = 253
	ScopeHost    Scope = 254
	ScopeNowhere Scope = 255
)

func (s Scope) String() string {
	switch s {
	case ScopeGlobal:
		return "global"
	case ScopeSite:
		return "site"
	case ScopeLink:
		return "link"
	case ScopeHost:
		return "host"
	case ScopeNowhere:
		return "nowhere"
	}
	return strconv.Itoa(int(s))
}

// MarshalText gives the name that ip-address(8) uses, or the number.
func (s Scope) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads a name or a number.
func (s *Scope) UnmarshalText(b []byte) error {
	for _, known := range []Scope{ScopeGlobal, ScopeSite, ScopeLink, ScopeHost, ScopeNowhere} {
		if known.String() == string(b) {
			*s = known
			return nil
		}
	}
	n, err := enumValue(nil, string(b), 255)
	*s = Scope(n)
	return err
}

// Protocol is who made a route or a rule (RTPROT_*).
type Protocol uint8

// The protocols that reasoning needs by name; [Names] has the rest.
const (
	ProtocolUnspec   Protocol = 0
	ProtocolRedirect Protocol = 1
	ProtocolKernel   Protocol = 2
	ProtocolBoot     Protocol = 3
	ProtocolStatic   Protocol = 4
	ProtocolRA       Protocol = 9
	ProtocolDHCP     Protocol = 16
)

// Preference is an IPv6 route's router preference (RFC 4191 section 2.1), in
// the encoding of RTA_PREF. The zero value is medium.
type Preference uint8

// The router preferences.
const (
	PreferenceMedium  Preference = 0
	PreferenceHigh    Preference = 1
	PreferenceInvalid Preference = 2
	PreferenceLow     Preference = 3
)

var preferenceNames = [...]string{"medium", "high", "invalid", "low"}

func (p Preference) String() string { return enumName(preferenceNames[:], int(p)) }

// MarshalText gives the name that ip-route(8) uses.
func (p Preference) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads a name or a number.
func (p *Preference) UnmarshalText(b []byte) error {
	n, err := enumValue(preferenceNames[:], string(b), 255)
	*p = Preference(n)
	return err
}

// NeighbourState is a neighbour's reachability (NUD_*, ip-neighbour(8)). The
// kernel defines the states as bits. An entry has exactly one of them, or none.
type NeighbourState uint16

// The neighbour states.
const (
	NeighbourNone       NeighbourState = 0x00
	NeighbourIncomplete NeighbourState = 0x01
	NeighbourReachable  NeighbourState = 0x02
	NeighbourStale      NeighbourState = 0x04
	NeighbourDelay      NeighbourState = 0x08
	NeighbourProbe      NeighbourState = 0x10
	NeighbourFailed     NeighbourState = 0x20
	NeighbourNoARP      NeighbourState = 0x40
	NeighbourPermanent  NeighbourState = 0x80
	// NeighbourForgotten is no state of the kernel's, which has no entry: the last one had failed,
	// and the neighbour has not answered since. Only a watch knows that.
	NeighbourForgotten NeighbourState = 0x100
)

// Valid reports whether the link-layer address can be used (NUD_VALID).
func (s NeighbourState) Valid() bool {
	return s&(NeighbourPermanent|NeighbourNoARP|NeighbourReachable|NeighbourProbe|NeighbourStale|NeighbourDelay) != 0
}

func (s NeighbourState) String() string {
	switch s {
	case NeighbourNone:
		return "NONE"
	case NeighbourIncomplete:
		return "INCOMPLETE"
	case NeighbourReachable:
		return "REACHABLE"
	case NeighbourStale:
		return "STALE"
	case NeighbourDelay:
		return "DELAY"
	case NeighbourProbe:
		return "PROBE"
	case NeighbourFailed:
		return "FAILED"
	case NeighbourNoARP:
		return "NOARP"
	case NeighbourPermanent:
		return "PERMANENT"
	case NeighbourForgotten:
		return "FORGOTTEN"
	}
	return fmt.Sprintf("%#x", uint16(s))
}

// MarshalText gives the name that ip-neighbour(8) uses, or the number.
func (s NeighbourState) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads a name or a number.
func (s *NeighbourState) UnmarshalText(b []byte) error {
	for _, known := range []NeighbourState{
		NeighbourNone, NeighbourIncomplete, NeighbourReachable, NeighbourStale, NeighbourDelay,
		NeighbourProbe, NeighbourFailed, NeighbourNoARP, NeighbourPermanent,
	} {
		if known.String() == string(b) {
			*s = known
			return nil
		}
	}
	n, err := enumValue(nil, string(b), 1<<16-1)
	*s = NeighbourState(n)
	return err
}

func enumName(names []string, n int) string {
	if n < len(names) {
		return names[n]
	}
	return strconv.Itoa(n)
}

func enumValue(names []string, s string, limit uint64) (uint64, error) {
	for i, name := range names {
		if name == s {
			return uint64(i), nil
		}
	}
	n, err := strconv.ParseUint(s, 0, 64)
	if err != nil || n > limit {
		return 0, fmt.Errorf("unknown name %q", s)
	}
	return n, nil
}
