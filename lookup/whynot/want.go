package whynot

import (
	"net/netip"
	"slices"

	"routewhy/lookup"
	"routewhy/route"
)

// Want says where a packet is wanted to go.
type Want struct {
	Kind Kind
	// Link is the index of the device, for [Device].
	Link int
	// Addr is the gateway, for [Gateway], or the source, for [Source].
	Addr netip.Addr
	// Table is the table, for [Table].
	Table route.Table
	// Prefix is the destination of the entry, masked, for [Prefix].
	Prefix netip.Prefix
	// Priority is the priority of the rule, for [Rule].
	Priority uint32
}

// Kind says what is wanted. The zero value is no kind.
type Kind uint8

// What may be wanted.
const (
	Device  Kind = iota + 1 // it leaves by a device
	Gateway                 // it goes to a gateway
	Table                   // its route is of a table
	Prefix                  // its route is the entry of a prefix
	Rule                    // a rule of a priority decides
	Source                  // it gets a source address
	Default                 // a default route sends it on
)

var kindNames = [...]string{"none", "device", "gateway", "table", "prefix", "rule", "source", "default"}

func (k Kind) String() string { return kindNames[k] }

// MarshalText returns the stable name.
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText reads the stable name.
func (k *Kind) UnmarshalText(b []byte) error {
	*k = Kind(max(0, slices.Index(kindNames[:], string(b))))
	return nil
}

// Met says whether a packet goes where it is wanted to go. The zero value is No.
type Met uint8

// The values of Met.
const (
	No Met = iota
	Some
	All
)

// On is [Want.Met] of a host that may also drop a received IPv6 packet after its look-up (see
// [lookup.FIB.Unforwarded6]): such a packet goes to no device, to no gateway and by no route,
// but the rule that decides about it is what it is. A packet that IP does not receive on its
// device (see [lookup.FIB.SeenOnMaster]) goes nowhere.
func (w *Want) On(f *lookup.FIB, flow *route.Flow, d *lookup.Decision) (Met, float64) {
	if f.SeenOnMaster(flow).Code != "" {
		return No, 0
	}
	met, share := w.Met(flow, d)
	if met != No && w.Kind != Rule && w.Kind != Source && f.Unforwarded6(flow, d).Code != "" {
		return No, 0
	}
	return met, share
}

// Met reports whether the decision about a packet is what is wanted, and for which part
// of all flows it is. The part is from 0 to 1; it is zero if it cannot be known.
func (w *Want) Met(flow *route.Flow, d *lookup.Decision) (Met, float64) {
	switch w.Kind {
	case Source:
		if flow.Src.IsValid() && !flow.Src.IsUnspecified() {
			return whether(flow.Src == w.Addr && d.Disposition.Success())
		}
	case Table:
		return whether(taken(d) && d.Route.Table == w.Table)
	case Prefix:
		return whether(taken(d) && d.Route.Dst == w.Prefix)
	case Rule:
		return whether(d.Rule != nil && d.Rule.Priority == w.Priority)
	case Default:
		return whether(d.Default() && d.Disposition.Success() && d.Route.Type == route.TypeUnicast)
	}
	if !d.Disposition.Success() {
		return No, 0
	}
	return w.metBy(d)
}

// taken reports whether the packet takes the route that was found, or is refused by it: it is
// not dropped after the look-up, as one is that is not forwarded or that the reverse-path filter
// does not let in.
func taken(d *lookup.Decision) bool { return d.HasRoute && d.Disposition != lookup.DispositionInvalid }

func whether(yes bool) (Met, float64) {
	if yes {
		return All, 1
	}
	return No, 0
}

// metBy compares the next hops with what is wanted.
func (w *Want) metBy(d *lookup.Decision) (Met, float64) {
	met, all, share := 0, 0, 0.0
	for i := range d.NextHops {
		h := &d.NextHops[i]
		if h.Stale {
			continue // it should not be used
		}
		if w.metByHop(h) {
			met++
			share += h.Share
		}
		if w.Kind == Source && h.SrcOneOf != nil && len(h.SrcOneOf) > 1 {
			all++
		}
		all++
	}
	switch {
	case met == 0:
		return No, 0
	case met < all || d.SomeRefused != 0:
		return Some, share
	}
	return All, 1
}

func (w *Want) metByHop(h *lookup.NextHop) bool {
	switch w.Kind {
	case Device:
		return h.Link == w.Link
	case Gateway:
		return h.Gateway == w.Addr
	}
	return h.Src == w.Addr || slices.Contains(h.SrcOneOf, w.Addr)
}

// Gives reports whether an entry that covers a packet could make it go where it is wanted
// to go, on the given host.
func (w *Want) Gives(s *route.Snapshot, r *route.Route) bool { return w.gives(s, r) }

// gives reports whether an entry that covers the packet could make it go where it is
// wanted to go.
func (w *Want) gives(s *route.Snapshot, r *route.Route) bool {
	if r.Type == route.TypeThrow {
		return false // no packet takes it
	}
	switch w.Kind {
	case Table:
		return r.Table == w.Table
	case Prefix:
		return r.Dst == w.Prefix
	case Rule:
		return slices.ContainsFunc(s.Rules, func(x route.Rule) bool {
			return x.Priority == w.Priority && x.Family == r.Family() && (x.Table == r.Table || x.Selector.L3Mdev)
		})
	case Default:
		return r.IsDefault() && r.Type == route.TypeUnicast
	case Source:
		return !r.Type.Refuses()
	}
	if r.Type.Refuses() {
		return false
	}
	local := r.Type == route.TypeLocal || r.Type == route.TypeAnycast
	if w.Kind == Device && local {
		return w.Link == route.LoopbackIndex
	}
	return slices.ContainsFunc(hopsOf(s, r), func(h route.NextHop) bool {
		if w.Kind == Gateway {
			return h.Gateway == w.Addr
		}
		return h.Link == w.Link
	})
}

// hopsOf are the next hops of a route: its own ones, or those of its object.
func hopsOf(s *route.Snapshot, r *route.Route) []route.NextHop {
	if r.NextHopID == 0 || len(r.NextHops) > 0 {
		return r.NextHops
	}
	o := objectOf(s, r.NextHopID)
	switch {
	case o == nil || o.Blackhole:
		return nil
	case len(o.Group) == 0:
		return []route.NextHop{o.NextHop}
	}
	var out []route.NextHop
	for _, m := range o.Group {
		if o := objectOf(s, m.ID); o != nil && !o.Blackhole {
			out = append(out, o.NextHop)
		}
	}
	return out
}

func objectOf(s *route.Snapshot, id uint32) *route.NextHopObject {
	i := slices.IndexFunc(s.NextHops, func(o route.NextHopObject) bool { return o.ID == id })
	if i < 0 {
		return nil
	}
	return &s.NextHops[i]
}
