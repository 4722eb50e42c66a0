package lookup

import (
	"fmt"
	"slices"

	"routewhy/route"
)

// Disposition is what becomes of the packet: a closed set. The zero value is
// DispositionUnknown: the facts do not suffice.
type Disposition uint8

// The dispositions. Unicast to Anycast are a success; Blackhole to Invalid
// mean that the kernel refuses the packet with an errno.
const (
	DispositionUnknown     Disposition = iota // the facts do not suffice to tell
	DispositionUnicast                        // sent or forwarded to a next hop
	DispositionLocal                          // delivered to this host
	DispositionBroadcast                      // sent or delivered as broadcast
	DispositionMulticast                      // sent or delivered as multicast
	DispositionAnycast                        // delivered to this host's anycast address
	DispositionBlackhole                      // a route, rule or next-hop object of type blackhole
	DispositionUnreachable                    // a route or rule of type unreachable
	DispositionProhibit                       // a route or rule of type prohibit
	DispositionNoRoute                        // no rule and no route decided
	DispositionInvalid                        // the kernel rejects the packet itself: source, device, reverse path
)

func (d Disposition) String() string { return dispositionNames[d] }

var dispositionNames = [...]string{
	"unknown", "unicast", "local", "broadcast", "multicast", "anycast",
	"blackhole", "unreachable", "prohibit", "noroute", "invalid",
}

// MarshalText gives the stable name.
func (d Disposition) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads it.
func (d *Disposition) UnmarshalText(b []byte) error {
	i := slices.Index(dispositionNames[:], string(b))
	if i < 0 {
		return fmt.Errorf("unknown disposition %q", b)
	}
	*d = Disposition(i)
	return nil
}

// Success reports whether the packet gets somewhere.
func (d Disposition) Success() bool { return d >= DispositionUnicast && d <= DispositionAnycast }

// dispositionOf is the disposition that a route type gives.
func dispositionOf(t route.Type) Disposition {
	switch t {
	case route.TypeUnicast:
		return DispositionUnicast
	case route.TypeLocal:
		return DispositionLocal
	case route.TypeBroadcast:
		return DispositionBroadcast
	case route.TypeMulticast:
		return DispositionMulticast
	case route.TypeAnycast:
		return DispositionAnycast
	case route.TypeBlackhole:
		return DispositionBlackhole
	case route.TypeUnreachable:
		return DispositionUnreachable
	case route.TypeProhibit:
		return DispositionProhibit
	}
	return DispositionUnknown
}
